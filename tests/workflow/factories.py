"""What the tests of workflow are made of: workflows and runs in any of their states."""

from __future__ import annotations

from typing import Any

from mnemon.context import Context
from mnemon.core.text import parse
from mnemon.workflow import service
from mnemon.workflow.schemas import (
    AdvanceExecution,
    DefineWorkflow,
    Execution,
    FinishExecution,
    MoveWorkflow,
    StartExecution,
    Workflow,
)
from tests.knowledge.factories import make_agent


async def define(ctx: Context, *steps: str, **fields: Any) -> Workflow:
    """A draft of these steps."""
    given = {"name": "publish", "steps": [{"name": step} for step in steps or ("write", "check", "print")], **fields}
    return await service.define_workflow(ctx, parse(DefineWorkflow, given))


async def active(ctx: Context, *steps: str, **fields: Any) -> Workflow:
    """An active workflow of these steps."""
    made = await define(ctx, *steps, **fields)
    return await service.activate_workflow(ctx, MoveWorkflow(id=made.id))


async def start(ctx: Context, workflow: Workflow | None = None, **fields: Any) -> Execution:
    """A pending run."""
    workflow = workflow or await active(ctx)
    given = {"workflow_id": workflow.id, "agent_id": await make_agent(ctx), **fields}
    return await service.start_execution(ctx, parse(StartExecution, given))


async def run_in(ctx: Context, status: str) -> Execution:
    """A run in this status."""
    run = await start(ctx)
    if status != "pending":
        run = await service.advance_execution(ctx, AdvanceExecution(id=run.id))
    if status not in {"pending", "running"}:
        run = await service.finish_execution(ctx, parse(FinishExecution, {"id": run.id, "status": status}))
    return run
