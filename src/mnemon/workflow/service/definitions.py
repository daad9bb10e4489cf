"""Definitions: draft, change, activate, archive, delete, read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mnemon.context import Context
from mnemon.core.changes import some_changes
from mnemon.core.errors import Conflict, Invalid
from mnemon.core.pages import Page
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.verbs import verb
from mnemon.workflow import repository
from mnemon.workflow.graph import order
from mnemon.workflow.models import WorkflowORM, WorkflowStatus
from mnemon.workflow.repository import WorkflowRepository
from mnemon.workflow.schemas import (
    DefineWorkflow,
    MoveWorkflow,
    UpdateWorkflow,
    Workflow,
    WorkflowQuery,
)

_WORKFLOWS = Listing.newest("workflow.list_workflows")

#: A definition goes forward only; what ran stays readable as it ran.
MOVES = {
    WorkflowStatus.DRAFT: {WorkflowStatus.ACTIVE, WorkflowStatus.ARCHIVED},
    WorkflowStatus.ACTIVE: {WorkflowStatus.ARCHIVED},
    WorkflowStatus.ARCHIVED: set(),
}


@verb("workflows:write")
async def define_workflow(ctx: Context, request: DefineWorkflow) -> Workflow:
    """Keep a new definition, as a draft (REQ-T118)."""
    values = request.model_dump(mode="json")
    async with ctx.database.session(ctx.principal) as session:
        workflows = WorkflowRepository(session, ctx.principal.organization_id)
        row = await workflows.create(created_by=ctx.principal.user_id, **values)
        return _workflow(_columns(row))


@verb("workflows:read")
async def get_workflow(ctx: Context, workflow_id: UUID) -> Workflow:
    """Read a definition by its id.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True, by_key=True) as connection:
        row = await repository.get_workflow(connection, ctx.principal.organization_id, workflow_id)
    if row is None:
        raise missing("workflow", workflow_id)
    return _workflow(row)


@verb("workflows:read")
async def list_workflows(ctx: Context, request: WorkflowQuery) -> Page[Workflow]:
    """List definitions, newest first (REQ-T118).

    Raises:
        Invalid: the cursor is not one that a page gave.
    """
    after = _WORKFLOWS.after(ctx.principal, request)
    status = request.status.value if request.status else None
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.list_workflows(
            connection, ctx.principal.organization_id, status, after, request.limit + 1
        )
    return _WORKFLOWS.page(ctx.principal, request, rows, _workflow)


@verb("workflows:write")
async def update_workflow(ctx: Context, request: UpdateWorkflow) -> Workflow:
    """Change a definition; its steps, and what they wait for, in a draft only.

    Raises:
        Invalid: nothing is given to change, or dependencies come without the steps that they are of.
        NotFound: there is no such workflow.
        Conflict: another change came first, or it is a draft no longer.
    """
    given = request.model_dump(mode="json", include=set(some_changes(request)))
    if request.dependencies is not None and request.steps is None:
        raise Invalid(
            "Dependencies come with the steps that they are of.", code="invalid.steps_required", field="steps"
        )
    if request.steps is not None:
        given.setdefault("dependencies", {})
    async with ctx.database.session(ctx.principal) as session:
        workflows = WorkflowRepository(session, ctx.principal.organization_id)
        present = await workflows.get_by_id(request.id)
        if present is None:
            raise missing("workflow", request.id)
        if request.steps is not None and present.status != WorkflowStatus.DRAFT:
            raise Conflict(
                f"The steps of a workflow that is {present.status} are not changed.",
                code="conflict.workflow_status",
                hint="Define a new workflow and archive this one.",
                status=present.status,
            )
        row = await workflows.update(request.id, expected_version=request.expected_version, **given)
        return _workflow(_columns(row))


@verb("workflows:write")
async def activate_workflow(ctx: Context, request: MoveWorkflow) -> Workflow:
    """Let a draft be run; from then on its steps stay as they are.

    Raises:
        NotFound: there is no such workflow.
        Conflict: it is no draft, or another change came first.
    """
    return await _move(ctx, request, WorkflowStatus.ACTIVE)


@verb("workflows:write")
async def archive_workflow(ctx: Context, request: MoveWorkflow) -> Workflow:
    """Let a workflow be run no more; runs that are under way go on.

    Raises:
        NotFound: there is no such workflow.
        Conflict: it is archived already, or another change came first.
    """
    return await _move(ctx, request, WorkflowStatus.ARCHIVED)


async def _move(ctx: Context, request: MoveWorkflow, status: WorkflowStatus) -> Workflow:
    async with ctx.database.session(ctx.principal) as session:
        workflows = WorkflowRepository(session, ctx.principal.organization_id)
        present = await workflows.get_by_id(request.id)
        if present is None:
            raise missing("workflow", request.id)
        if status not in MOVES[WorkflowStatus(present.status)]:
            raise Conflict(
                f"A workflow that is {present.status} does not become {status}.",
                code="conflict.workflow_status",
                status=present.status,
                wanted=status.value,
            )
        # The version that was read: a move that another came before would break the rule just checked.
        version = request.expected_version or present.version
        row = await workflows.update(request.id, expected_version=version, status=status.value)
        return _workflow(_columns(row))


@verb("workflows:delete")
async def delete_workflow(ctx: Context, request: MoveWorkflow) -> None:
    """Delete a definition softly: its runs stay (REQ-T105).

    Raises:
        NotFound: there is no such workflow.
        Conflict: another change came first.
    """
    async with ctx.database.session(ctx.principal) as session:
        workflows = WorkflowRepository(session, ctx.principal.organization_id)
        await workflows.update(request.id, expected_version=request.expected_version, deleted_at=ctx.clock.now())


def _columns(row: WorkflowORM) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Workflow.model_fields if name != "order"}


def _workflow(row: dict[str, Any]) -> Workflow:
    names = [step["name"] for step in row["steps"]]
    return from_row(Workflow, row, order=tuple(order(names, row["dependencies"])))
