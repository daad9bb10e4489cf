"""Runs of workflows: start, advance, finish, look back."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid
from mnemon.core.pages import Page
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.knowledge.service.common import acting_agent
from mnemon.verbs import verb
from mnemon.workflow import repository
from mnemon.workflow.models import ExecutionStatus
from mnemon.workflow.schemas import (
    AdvanceExecution,
    Execution,
    ExecutionQuery,
    FinishExecution,
    StartExecution,
)

_EXECUTIONS = Listing.newest("workflow.executions_of", "started_at")

#: Where a run may go from where it is; the database holds the same rule by trigger.
MOVES = {
    ExecutionStatus.PENDING: {ExecutionStatus.RUNNING, ExecutionStatus.CANCELLED},
    ExecutionStatus.RUNNING: {
        ExecutionStatus.RUNNING,
        ExecutionStatus.COMPLETED,
        ExecutionStatus.FAILED,
        ExecutionStatus.CANCELLED,
    },
    ExecutionStatus.COMPLETED: set(),
    ExecutionStatus.FAILED: set(),
    ExecutionStatus.CANCELLED: set(),
}
ENDS = frozenset({ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED})


@verb("workflows:execute")
async def start_execution(ctx: Context, request: StartExecution) -> Execution:
    """Begin a run of an active workflow; it is pending until it is advanced (REQ-T119).

    Raises:
        Invalid: no agent is named and none acts.
        NotFound: there is no such workflow or agent.
        Conflict: the workflow is not active.
    """
    agent = acting_agent(ctx, request.agent_id, "agent_id")
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        made = await repository.start_execution(
            connection, organization, request.workflow_id, agent, {"input": request.input}
        )
        if made is None:
            workflow = await repository.get_workflow(connection, organization, request.workflow_id)
            if workflow is None:
                raise missing("workflow", request.workflow_id)
            raise Conflict(
                f"The workflow is {workflow['status']}; only an active one is run.",
                code="conflict.workflow_status",
                status=workflow["status"],
            )
        return await _read(connection, organization, made)


@verb("workflows:execute")
async def advance_execution(ctx: Context, request: AdvanceExecution) -> Execution:
    """Set a pending run running, and note that a step of it is done; doing so again replaces what the step gave.

    Raises:
        Invalid: the workflow has no such step.
        NotFound: there is no such run.
        Conflict: it has ended, a step that this one waits for is not done, or another change came first.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        locked = await _lock(ctx, connection, request.id, request.expected_version)
        _check_move(locked, ExecutionStatus.RUNNING)
        if request.step is not None:
            _check_step(locked, request.step)
        await repository.change_execution(
            connection,
            organization,
            locked,
            status=ExecutionStatus.RUNNING.value,
            step=request.step,
            output=request.output,
        )
        return await _read(connection, organization, request.id)


@verb("workflows:execute")
async def finish_execution(ctx: Context, request: FinishExecution) -> Execution:
    """End a run; it ends once.

    Raises:
        Invalid: the status is no end, or a completed run has an error.
        NotFound: there is no such run.
        Conflict: from where the run is it cannot end so, or another change came first.
    """
    if request.status not in ENDS:
        raise Invalid("A run ends completed, failed or cancelled.", code="invalid.status", field="status")
    if request.status is ExecutionStatus.COMPLETED and request.error_message is not None:
        raise Invalid("A run that completed has no error.", code="invalid.error_message", field="error_message")
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        locked = await _lock(ctx, connection, request.id, request.expected_version)
        _check_move(locked, request.status)
        await repository.change_execution(
            connection, organization, locked, status=request.status.value, error_message=request.error_message
        )
        return await _read(connection, organization, request.id)


@verb("workflows:read")
async def get_execution(ctx: Context, execution_id: UUID) -> Execution:
    """Read a run by its id.

    Raises:
        NotFound: there is none.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        return await _read(connection, ctx.principal.organization_id, execution_id)


@verb("workflows:read")
async def executions_of(ctx: Context, request: ExecutionQuery) -> Page[Execution]:
    """List runs of a workflow, of an agent or all of them, newest first (REQ-T119).

    Raises:
        Invalid: the cursor is not one that a page gave.
    """
    after = _EXECUTIONS.after(ctx.principal, request)
    status = request.status.value if request.status else None
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.list_executions(
            connection,
            ctx.principal.organization_id,
            (request.workflow_id, request.agent_id, status),
            after,
            request.limit + 1,
        )
    return _EXECUTIONS.page(ctx.principal, request, rows, partial(from_row, Execution))


async def _read(connection: Connection, organization_id: UUID, execution_id: UUID) -> Execution:
    row = await repository.get_execution(connection, organization_id, execution_id)
    if row is None:
        raise missing("execution", execution_id)
    return from_row(Execution, row)


async def _lock(
    ctx: Context, connection: Connection, execution_id: UUID, expected_version: int | None
) -> dict[str, Any]:
    locked = await repository.lock_execution(connection, ctx.principal.organization_id, execution_id)
    if locked is None:
        raise missing("execution", execution_id)
    if expected_version is not None and locked["version"] != expected_version:
        raise Conflict(
            "Another change came first.",
            code="conflict.version",
            hint="Read it again and retry.",
            expected_version=expected_version,
            current_version=locked["version"],
        )
    return locked


def _check_move(locked: dict[str, Any], status: ExecutionStatus) -> None:
    present = ExecutionStatus(locked["status"])
    if status not in MOVES[present]:
        raise Conflict(
            f"A run that is {present} does not become {status}.",
            code="conflict.execution_status",
            status=present.value,
            wanted=status.value,
        )


def _check_step(locked: dict[str, Any], step: str) -> None:
    if step not in {one["name"] for one in locked["steps"]}:
        raise Invalid(f"The workflow has no step {step!r}.", code="invalid.unknown_step", field="step")
    done = locked["execution_data"].get("steps", {})
    waiting = [one for one in locked["dependencies"].get(step, ()) if one not in done]
    if waiting:
        raise Conflict(f"The step {step!r} waits for others.", code="conflict.step_waits", step=step, waits_for=waiting)
