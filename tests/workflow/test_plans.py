"""The hot statements use their indexes under row-level security, and keep to the times they were promised in."""

from __future__ import annotations

import re
import time
from typing import Any
from uuid import UUID

import pytest_asyncio

from mnemon.app import App
from mnemon.core.context import Context
from mnemon.db.sql import statement
from mnemon.workflow import service
from mnemon.workflow.schemas import ExecutionQuery, WorkflowQuery
from tests.conftest import Server
from tests.factories import new_slug
from tests.knowledge.factories import make_agent

ROWS = 2000

FILL = (
    """INSERT INTO workflows (organization_id, name, steps, status, created_at)
    SELECT $1, 'w' || i, '[{"name": "a"}]', CASE WHEN i % 100 = 0 THEN 'active' ELSE 'draft' END,
      now() - i * interval '1 minute'
    FROM generate_series(1, $3) i WHERE $2::uuid IS NOT NULL""",
    """INSERT INTO workflow_executions (organization_id, workflow_id, agent_id, started_at)
    SELECT $1, w.id, $2, w.created_at - n * interval '1 day'
    FROM workflows w, generate_series(1, 2) n WHERE w.organization_id = $1 LIMIT $3 * 2""",
)


@pytest_asyncio.fixture(scope="module")
async def crowd(app: App, server: Server) -> Context:
    """An organisation with some thousands of rows, beside another with as many."""
    admin = await server.connect()
    contexts = [await app.organization(new_slug()) for _ in range(2)]
    for ctx in contexts:
        agent = await make_agent(ctx)
        for query in FILL:
            await admin.execute(query, ctx.principal.organization_id, agent, ROWS)
    for table in ("workflows", "workflow_executions"):
        await admin.execute(f"VACUUM ANALYZE {table}")
    await admin.close()
    return contexts[0]


async def plan(ctx: Context, name: str, *values: Any) -> set[str]:
    """The indexes that a named statement would use, as the application role."""
    async with ctx.database.hot(ctx.principal) as connection:
        lines = await connection.fetch(
            "EXPLAIN (COSTS OFF) " + statement("mnemon.workflow", name), ctx.principal.organization_id, *values
        )
    text = "\n".join(line[0] for line in lines)
    scanned = re.findall(r"Seq Scan on (\w+) ", text)
    # An empty partition has nothing that an index could spare.
    assert not [table for table in scanned if table == "workflows"], text
    return set(re.findall(r"(?:using|Bitmap Index Scan on) (\w+)", text))


async def one(ctx: Context, table: str) -> UUID:
    async with ctx.database.hot(ctx.principal) as connection:
        found: UUID = await connection.fetchval(
            f"SELECT id FROM {table} WHERE organization_id = $1 LIMIT 1", ctx.principal.organization_id
        )
        return found


async def test_definitions_are_found_by_index(crowd: Context) -> None:
    workflow, agent = await one(crowd, "workflows"), await one(crowd, "agents")
    assert await plan(crowd, "get_workflow", workflow) == {"pk_workflows"}
    assert await plan(crowd, "list_workflows", None, None, None, 20) == {"ix_workflows_created"}
    assert await plan(crowd, "list_workflows", "active", None, None, 200) == {"ix_workflows_status"}
    assert "pk_workflows" in await plan(crowd, "start_execution", workflow, agent, "{}")


async def test_runs_are_found_by_index_in_every_partition(crowd: Context) -> None:
    workflow, run = await one(crowd, "workflows"), await one(crowd, "workflow_executions")
    found = await plan(crowd, "list_executions", workflow, None, None, None, None, 20)
    assert any("workflow_id" in name for name in found), found
    for name in ("get_execution", "lock_execution"):
        assert any(index.endswith("_pkey") for index in await plan(crowd, name, run)), name


async def test_verbs_keep_to_their_times(crowd: Context) -> None:
    """Workflow queries under 50 ms (REQ-T118); runs of a workflow as quickly (REQ-T119)."""
    workflow = await one(crowd, "workflows")
    for attempt in (
        lambda: service.get_workflow(crowd, workflow),
        lambda: service.list_workflows(crowd, WorkflowQuery()),
        lambda: service.executions_of(crowd, ExecutionQuery(workflow_id=workflow)),
    ):
        times = []
        for _ in range(7):
            start = time.perf_counter()
            await attempt()
            times.append((time.perf_counter() - start) * 1000)
        assert min(times) < 50, "the quickest of seven: the machine may be busy"
