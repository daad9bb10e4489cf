"""Runs of workflows: pending, running, and one end; steps in the order they wait for each other."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.text import parse
from mnemon.workflow import service
from mnemon.workflow.models import ExecutionStatus
from mnemon.workflow.schemas import (
    AdvanceExecution,
    Execution,
    ExecutionQuery,
    FinishExecution,
    MoveWorkflow,
    StartExecution,
)
from tests.knowledge.factories import acting, make_agents, raw, refusal
from tests.workflow.factories import active, define, run_in, start

STATUSES = [status.value for status in ExecutionStatus]
LEGAL = {
    ("pending", "running"),
    ("pending", "cancelled"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "cancelled"),
}


async def test_a_run_from_beginning_to_end(ctx: Context) -> None:
    agent = await acting(ctx, "printer")
    workflow = await active(ctx, "write", "check", dependencies={"check": ["write"]})
    run = await service.start_execution(agent, StartExecution(workflow_id=workflow.id, input={"pages": 3}))
    assert (run.workflow, run.agent, run.agent_id) == ("publish", "printer", agent.principal.agent_id)
    assert (run.status, run.completed_at, run.duration_ms, run.version) == ("pending", None, None, 1)
    assert run.execution_data == {"input": {"pages": 3}}
    run = await service.advance_execution(ctx, AdvanceExecution(id=run.id))
    assert (run.status, run.execution_data) == ("running", {"input": {"pages": 3}})
    error = await refusal(service.advance_execution(ctx, AdvanceExecution(id=run.id, step="check")), Conflict)
    assert (error.code, error.data["waits_for"]) == ("conflict.step_waits", ["write"])
    await service.advance_execution(ctx, AdvanceExecution(id=run.id, step="write", output={"words": 7}))
    run = await service.advance_execution(ctx, AdvanceExecution(id=run.id, step="check"))
    assert run.execution_data == {"input": {"pages": 3}, "steps": {"write": {"words": 7}, "check": {}}}
    error = await refusal(service.advance_execution(ctx, AdvanceExecution(id=run.id, step="burn")), Invalid)
    assert (error.code, error.data["field"]) == ("invalid.unknown_step", "step")
    run = await service.finish_execution(ctx, FinishExecution(id=run.id, status=ExecutionStatus.COMPLETED))
    assert (run.status, run.error_message) == ("completed", None)
    assert run.completed_at is not None
    assert run.completed_at >= run.started_at
    assert run.duration_ms is not None
    assert run.duration_ms >= 0
    assert run == await service.get_execution(ctx, run.id)


async def test_a_run_fails_for_a_reason(ctx: Context) -> None:
    run = await run_in(ctx, "running")
    request = FinishExecution(id=run.id, status=ExecutionStatus.FAILED, error_message="no paper")
    done = await service.finish_execution(ctx, request)
    assert (done.status, done.error_message) == ("failed", "no paper")


@pytest.mark.parametrize("now", STATUSES)
@pytest.mark.parametrize("then", STATUSES)
async def test_only_legal_transitions_happen(ctx: Context, now: str, then: str) -> None:
    """By the verbs and by the database itself, past every schema."""
    run = await run_in(ctx, now)
    attempt: Any
    if then == "running":
        attempt = service.advance_execution(ctx, AdvanceExecution(id=run.id))
        legal = now in {"pending", "running"}  # to advance a run that is running is progress
    elif then == "pending":
        attempt = service.finish_execution(ctx, FinishExecution(id=run.id, status=ExecutionStatus.PENDING))
        assert (await refusal(attempt, Invalid)).code == "invalid.status"
        attempt, legal = None, False
    else:
        attempt = service.finish_execution(ctx, FinishExecution(id=run.id, status=ExecutionStatus(then)))
        legal = (now, then) in LEGAL
    if attempt is not None and legal:
        assert (await attempt).status == then
    elif attempt is not None:
        error = await refusal(attempt, Conflict)
        assert (error.code, error.data["status"], error.data["wanted"]) == ("conflict.execution_status", now, then)
    another = await run_in(ctx, now)
    query = "UPDATE workflow_executions SET status = $3 WHERE organization_id = $1 AND id = $2"
    change = raw(ctx, query, ctx.principal.organization_id, another.id, then)
    if now == then or (now, then) in LEGAL:
        await change
        found = await service.get_execution(ctx, another.id)
        assert (found.status, found.completed_at is not None) == (then, then not in {"pending", "running"})
    else:
        error = await refusal(change, Conflict)
        assert (error.code, error.data["field"]) == ("conflict.integrity", "status")


async def test_a_run_ends_once(ctx: Context) -> None:
    run = await run_in(ctx, "running")
    ends = ["completed", "failed", "cancelled"] * 3
    attempts = [
        service.finish_execution(ctx, FinishExecution(id=run.id, status=ExecutionStatus(status))) for status in ends
    ]
    done = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(one, Execution) for one in done) == 1
    errors = [one for one in done if isinstance(one, Conflict)]
    assert len(errors) == 8
    assert {error.code for error in errors} == {"conflict.execution_status"}


async def test_steps_that_end_at_once_are_all_kept(ctx: Context) -> None:
    steps = [f"s{n}" for n in range(8)]
    run = await start(ctx, await active(ctx, *steps))
    await asyncio.gather(
        *(service.advance_execution(ctx, AdvanceExecution(id=run.id, step=step, output={"by": step})) for step in steps)
    )
    found = await service.get_execution(ctx, run.id)
    assert found.execution_data["steps"] == {step: {"by": step} for step in steps}
    assert found.version == 9


async def test_a_lost_update_is_a_conflict_with_both_versions(ctx: Context) -> None:
    run = await start(ctx)
    await service.advance_execution(ctx, AdvanceExecution(id=run.id, expected_version=1))
    for attempt in (
        service.advance_execution(ctx, AdvanceExecution(id=run.id, expected_version=1)),
        service.finish_execution(ctx, FinishExecution(id=run.id, status=ExecutionStatus.COMPLETED, expected_version=1)),
    ):
        error = await refusal(attempt, Conflict)
        assert error.code == "conflict.version"
        assert (error.data["expected_version"], error.data["current_version"]) == (1, 2)


async def test_only_what_is_active_is_run(ctx: Context) -> None:
    draft = await define(ctx)
    error = await refusal(start(ctx, draft), Conflict)
    assert (error.code, error.data["status"]) == ("conflict.workflow_status", "draft")
    workflow = await active(ctx)
    run = await start(ctx, workflow)
    await service.archive_workflow(ctx, MoveWorkflow(id=workflow.id))
    assert (await refusal(start(ctx, workflow), Conflict)).data["status"] == "archived"
    # What is under way goes on.
    assert (await service.advance_execution(ctx, AdvanceExecution(id=run.id, step="write"))).status == "running"


async def test_who_or_what_is_not_there(ctx: Context) -> None:
    workflow = await active(ctx)
    error = await refusal(service.start_execution(ctx, StartExecution(workflow_id=workflow.id)), Invalid)
    assert (error.code, error.data["field"]) == ("invalid.required", "agent_id")
    error = await refusal(start(ctx, workflow, agent_id=uuid4()), NotFound)
    assert (error.code, error.data["field"]) == ("not_found.reference", "agent_id")
    error = await refusal(start(ctx, workflow, workflow_id=uuid4()), NotFound)
    assert error.code == "not_found.workflow"
    for attempt in (
        service.get_execution(ctx, uuid4()),
        service.advance_execution(ctx, AdvanceExecution(id=uuid4())),
        service.finish_execution(ctx, FinishExecution(id=uuid4(), status=ExecutionStatus.FAILED)),
    ):
        assert (await refusal(attempt, NotFound)).code == "not_found.execution"


async def test_runs_are_listed_newest_first(ctx: Context) -> None:
    guide, scout = await make_agents(ctx, "guide", "scout")
    one, two = await active(ctx, name="one"), await active(ctx, name="two")
    made = [
        (await start(ctx, one, agent_id=guide)).id,
        (await start(ctx, two, agent_id=scout)).id,
        (await start(ctx, one, agent_id=scout)).id,
    ]
    await service.advance_execution(ctx, AdvanceExecution(id=made[2]))

    async def places(**conditions: Any) -> list[int]:
        found = []
        while True:
            page = await service.executions_of(ctx, parse(ExecutionQuery, {"limit": 1, **conditions}))
            found += [made.index(run.id) for run in page.items]
            if page.next_cursor is None:
                return found
            conditions["cursor"] = page.next_cursor

    assert await places() == [2, 1, 0]
    assert await places(workflow_id=one.id) == [2, 0]
    assert await places(agent_id=scout) == [2, 1]
    assert await places(status="pending") == [1, 0]
    assert await places(workflow_id=one.id, agent_id=scout, status="running") == [2]
    error = await refusal(service.executions_of(ctx, ExecutionQuery(cursor="nonsense")), Invalid)
    assert (error.code, error.data["field"]) == ("invalid.cursor", "cursor")


async def test_an_error_belongs_to_what_failed(ctx: Context) -> None:
    run = await run_in(ctx, "running")
    request = FinishExecution(id=run.id, status=ExecutionStatus.COMPLETED, error_message="but")
    error = await refusal(service.finish_execution(ctx, request), Invalid)
    assert (error.code, error.data["field"]) == ("invalid.error_message", "error_message")


@pytest.mark.parametrize("at", [None, "1999-01-04"])  # a partition of its own, and the default one
@pytest.mark.parametrize(
    ("column", "value", "code", "field"),
    [
        ("status", "'lost'", "invalid.status", "status"),
        ("execution_data", "'[]'", "invalid.execution_data", "execution_data"),
        ("completed_at", "now()", "invalid.completed_at", "completed_at"),
        ("agent_id", "NULL", "invalid.required", "agent_id"),
    ],
)
async def test_the_database_itself_refuses(
    ctx: Context, at: str | None, column: str, value: str, code: str, field: str
) -> None:
    workflow = await active(ctx)
    (agent,) = await make_agents(ctx, "guide")
    columns = {
        "organization_id": f"'{ctx.principal.organization_id}'",
        "workflow_id": f"'{workflow.id}'",
        "agent_id": f"'{agent}'",
        "started_at": f"'{at}'" if at else "now()",
        column: value,
    }
    query = f"INSERT INTO workflow_executions ({', '.join(columns)}) VALUES ({', '.join(columns.values())})"
    error = await refusal(raw(ctx, query), Invalid)
    assert (error.code, error.data["field"]) == (code, field)
