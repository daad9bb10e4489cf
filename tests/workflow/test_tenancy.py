"""Every verb as another organisation and without its permission: it finds nothing, changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from mnemon.context import Context
from mnemon.core.errors import Forbidden, NotFound
from mnemon.core.pages import Page
from mnemon.core.text import parse
from mnemon.workflow import schemas, service
from tests.knowledge.factories import limited, make_agent, refusal
from tests.workflow.factories import active, define, start

Filled = dict[str, UUID]


@pytest_asyncio.fixture
async def filled(ctx: Context) -> Filled:
    """A draft, an active workflow and a run of the first organisation."""
    workflow = await active(ctx)
    return {
        "draft": (await define(ctx)).id,
        "workflow": workflow.id,
        "run": (await start(ctx, workflow)).id,
        "agent": await make_agent(ctx),
    }


Verb = Callable[[Context, Filled], Awaitable[Any]]


def on(verb: Any, schema: Any, field: str, row: str, **fields: Any) -> Verb:
    """A verb on a row of the first organisation; ``schema`` is None where the verb takes the id alone."""

    def run(ctx: Context, rows: Filled) -> Any:
        if schema is None:
            return verb(ctx, rows[row])
        given = {name: rows[value[1:]] if str(value).startswith("$") else value for name, value in fields.items()}
        return verb(ctx, parse(schema, {field: rows[row], **given}))

    return run


#: name: (verb, permission), for verbs that name a row: they find none.
NAMING: dict[str, tuple[Verb, str]] = {
    "get_workflow": (on(service.get_workflow, None, "id", "draft"), "workflows:read"),
    "update_workflow": (
        on(service.update_workflow, schemas.UpdateWorkflow, "id", "draft", name="mine"),
        "workflows:write",
    ),
    "activate_workflow": (on(service.activate_workflow, schemas.MoveWorkflow, "id", "draft"), "workflows:write"),
    "archive_workflow": (on(service.archive_workflow, schemas.MoveWorkflow, "id", "draft"), "workflows:write"),
    "delete_workflow": (on(service.delete_workflow, schemas.MoveWorkflow, "id", "draft"), "workflows:delete"),
    "start_execution": (
        on(service.start_execution, schemas.StartExecution, "workflow_id", "workflow", agent_id="$agent"),
        "workflows:execute",
    ),
    "advance_execution": (
        on(service.advance_execution, schemas.AdvanceExecution, "id", "run", step="write"),
        "workflows:execute",
    ),
    "finish_execution": (
        on(service.finish_execution, schemas.FinishExecution, "id", "run", status="cancelled"),
        "workflows:execute",
    ),
    "get_execution": (on(service.get_execution, None, "id", "run"), "workflows:read"),
}
REST: dict[str, tuple[Verb, str]] = {
    "define_workflow": (
        lambda ctx, _: service.define_workflow(
            ctx, parse(schemas.DefineWorkflow, {"name": "w", "steps": [{"name": "a"}]})
        ),
        "workflows:write",
    ),
    "list_workflows": (lambda ctx, _: service.list_workflows(ctx, schemas.WorkflowQuery()), "workflows:read"),
    "executions_of": (on(service.executions_of, schemas.ExecutionQuery, "workflow_id", "workflow"), "workflows:read"),
}
ALL = {**NAMING, **REST}


def test_no_verb_is_forgotten() -> None:
    assert set(ALL) == set(service.__all__)


async def test_another_organisation_finds_nothing_and_changes_nothing(
    ctx: Context, other: Context, filled: Filled, admin: Any
) -> None:
    async def everything(whose: Context) -> list[str]:
        return [
            row["row"]
            for table in ("workflows", "workflow_executions")
            for row in await admin.fetch(
                f"SELECT to_jsonb(t)::text AS row FROM {table} t WHERE organization_id = $1 ORDER BY 1",
                whose.principal.organization_id,
            )
        ]

    before = await everything(ctx)
    assert len(before) == 3
    for name, (verb, _) in NAMING.items():
        error = await refusal(verb(other, filled), NotFound)
        assert "publish" not in str(error.as_dict()), name
    assert await service.list_workflows(other, schemas.WorkflowQuery()) == Page(items=())
    for query in (schemas.ExecutionQuery(), schemas.ExecutionQuery(workflow_id=filled["workflow"])):
        assert (await service.executions_of(other, query)).items == ()
    assert await everything(ctx) == before
    assert await everything(other) == []
    # Nor does their agent run one's own workflow.
    error = await refusal(start(other, await active(other), agent_id=filled["agent"]), NotFound)
    assert (error.code, error.data["field"]) == ("not_found.reference", "agent_id")


@pytest.mark.parametrize("name", ALL)
async def test_a_verb_needs_its_permission(ctx: Context, filled: Filled, name: str) -> None:
    verb, permission = ALL[name]
    error = await refusal(verb(limited(ctx, "memories:read", "memories:write"), filled), Forbidden)
    assert error.data["permission"] == permission
    await verb(limited(ctx, permission), filled)
