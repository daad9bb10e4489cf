"""Summaries: computed ahead, right as of their refresh, refreshed under readers, and nobody sees another's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from mnemon.context import Context
from mnemon.core.text import parse
from mnemon.knowledge import service
from mnemon.knowledge.schemas import (
    FinishTransfer,
    PatternUse,
    RecordRuns,
    RecordUses,
    SummaryQuery,
    TransferKnowledge,
)
from tests.conftest import APP, Server
from tests.factories import enter
from tests.knowledge.factories import acting, make_agents, make_item, make_pattern
from tests.patience import PATIENCE

MATERIALIZED = ("pattern_effectiveness_totals", "knowledge_usage_totals")


async def refresh(installation: Context) -> None:
    """Refresh, even if another test is at it."""
    for _ in range(1000):
        if await service.refresh_knowledge_summaries(installation):
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_summaries_of_patterns(ctx: Context, other: Context, installation: Context) -> None:
    agent = await acting(ctx)
    good, idle = await make_pattern(ctx, name="good"), await make_pattern(ctx, name="idle")
    await make_pattern(other, name="theirs")
    run = {"pattern_id": good.id, "success": True}
    now = datetime.now(UTC)
    runs = [
        {**run, "execution_time_ms": 100, "at": now - timedelta(days=400)},
        {**run, "execution_time_ms": 200, "at": now},
        {**run, "execution_time_ms": 300, "at": now, "success": False},
    ]
    await service.record_pattern_metrics(agent, parse(RecordRuns, {"runs": runs}))
    for success in (True, True, False, None):
        await service.record_pattern_use(agent, PatternUse(pattern_id=good.id, success=success))
    assert await service.pattern_summaries(ctx, SummaryQuery()) == (), "as of the last refresh"
    await refresh(installation)
    first, second = await service.pattern_summaries(ctx, SummaryQuery())
    assert (first.pattern_id, first.name, first.type) == (good.id, "good", "lateral")
    assert (first.runs, first.successes, first.mean_ms, first.p95_ms) == (3, 2, 200.0, 290.0)
    assert first.success_rate == pytest.approx(2 / 3)
    assert (first.uses, first.helped, first.last_run_at) == (4, 2, now)
    assert (second.pattern_id, second.runs, second.success_rate, second.last_used_at) == (idle.id, 0, None, None)
    assert len(await service.pattern_summaries(ctx, SummaryQuery(limit=1))) == 1
    await service.delete_pattern(ctx, idle.id)
    await refresh(installation)
    assert [one.pattern_id for one in await service.pattern_summaries(ctx, SummaryQuery())] == [good.id]


async def test_summaries_of_knowledge(ctx: Context, other: Context, installation: Context) -> None:
    (guide, scout) = await make_agents(ctx, "guide", "scout")
    trains, idle = await make_item(ctx, "Trains"), await make_item(ctx, "Idle")
    await make_item(other, "Theirs")
    uses = [
        {"knowledge_id": trains.id, "agent_id": guide},
        {"knowledge_id": trains.id, "agent_id": scout},
        {"knowledge_id": trains.id, "agent_id": scout, "event": "retrieved"},
        {"knowledge_id": trains.id, "event": "rated", "value": 0.5},
        {"knowledge_id": trains.id, "event": "rated", "value": 1},
    ]
    await service.record_knowledge_use(ctx, parse(RecordUses, {"uses": uses}))
    for success in (True, False):
        begun = await service.transfer_knowledge(
            ctx, TransferKnowledge(knowledge_id=trains.id, target_agent_id=scout, transfer_method="copy")
        )
        await service.finish_transfer(ctx, FinishTransfer(id=begun.id, success=success))
    await refresh(installation)
    first, second = await service.knowledge_summaries(ctx, SummaryQuery())
    assert (first.knowledge_id, first.title, first.domain) == (trains.id, "Trains", "travel")
    assert (first.retrieved, first.used, first.rating, first.agents) == (1, 2, 0.75, 2)
    assert (first.transfers, first.arrived) == (2, 1)
    assert (second.knowledge_id, second.used, second.rating, second.last_used_at) == (idle.id, 0, None, None)


async def test_readers_go_on_while_summaries_are_refreshed(ctx: Context, installation: Context, server: Server) -> None:
    await make_pattern(ctx)
    await refresh(installation)
    connection = await server.connect()
    transaction = connection.transaction()
    await transaction.start()
    try:
        # As the refresh itself, held open: another refresh gives way, and readers read.
        assert await connection.fetchval("SELECT refresh_knowledge_summaries()")
        assert not await asyncio.wait_for(service.refresh_knowledge_summaries(installation), PATIENCE)
        assert len(await asyncio.wait_for(service.pattern_summaries(ctx, SummaryQuery()), PATIENCE)) == 1
    finally:
        await transaction.rollback()
        await connection.close()


async def test_the_application_reads_summaries_through_the_wall_only(
    ctx: Context, other: Context, installation: Context, admin: Any, server: Server
) -> None:
    await make_pattern(ctx)
    await make_item(ctx)
    await refresh(installation)
    for view in MATERIALIZED:
        assert await admin.fetchval(f"SELECT count(*) FROM {view}") > 0
        assert not await admin.fetchval("SELECT has_table_privilege($1, $2, 'SELECT')", APP, view)
    connection = await server.connect(APP)
    try:
        for organization, expected in ((ctx, 1), (other, 0), (None, 0)):
            async with connection.transaction():
                if organization is not None:
                    await enter(connection, organization.principal.organization_id)
                for view in ("pattern_effectiveness", "knowledge_usage"):
                    assert await connection.fetchval(f"SELECT count(*) FROM {view}") == expected, view
        for view in MATERIALIZED:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {view}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"REFRESH MATERIALIZED VIEW {view}")
    finally:
        await connection.close()


async def test_views_hold_what_they_promise(admin: Any) -> None:
    """Summaries are security barriers; views of the joins read as whoever asks."""
    options = {
        row["relname"]: set(row["reloptions"] or ())
        for row in await admin.fetch(
            "SELECT relname, reloptions FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
        )
    }
    for view in ("pattern_effectiveness", "knowledge_usage"):
        assert options[view] == {"security_barrier=true"}, view
    for view in ("knowledge_transfer_history", "workflow_execution_history"):
        assert options[view] == {"security_invoker=true"}, view
