"""Measurements are nobody else's, want their permission, and go with their agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from mnemon.context import Context
from mnemon.core.errors import Forbidden
from mnemon.operations import service
from mnemon.operations.schemas import (
    AgentMetric,
    IngestMetrics,
    RollupQuery,
    SystemMetric,
)

MakeAgent = Callable[..., Awaitable[UUID]]


async def ingest(ctx: Context, *metrics: AgentMetric | SystemMetric) -> int:
    return (await service.ingest_metrics(ctx, IngestMetrics(metrics=metrics))).rows


async def test_copy_is_refused_to_whom_policies_hold(ctx: Context) -> None:
    """Which is why the writer sends arrays; if PostgreSQL learns it, the writer may."""
    row = (ctx.principal.organization_id, "api", "n", 1.0)
    async with ctx.database.transaction(ctx.principal) as connection:
        with pytest.raises(asyncpg.FeatureNotSupportedError, match="row-level security"):
            await connection.copy_records_to_table(  # type: ignore[attr-defined]
                "system_metrics", columns=("organization_id", "component", "metric_type", "value"), records=[row]
            )


async def test_others_see_no_measurements(ctx: Context, other: Context) -> None:
    await ingest(ctx, SystemMetric(component="api", metric_type="n", value=1))
    assert (await service.roll_up_metrics(other)).partials == 0
    await service.roll_up_metrics(ctx)
    assert (await service.list_rollups(other, RollupQuery(source="system"))).items == ()
    async with other.database.transaction(other.principal) as connection:
        for table in ("system_metrics", "metric_rollups", "metric_partials"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_permissions(limited: Context) -> None:
    for attempt in (
        service.ingest_metrics(limited, IngestMetrics(metrics=())),
        service.roll_up_metrics(limited),
        service.list_rollups(limited, RollupQuery(source="agent")),
        service.dashboard(limited),
        service.refresh_dashboard(limited),
    ):
        with pytest.raises(Forbidden):
            await attempt
    with pytest.raises(Forbidden):
        service.MetricWriter(limited)


async def test_a_deleted_agent_takes_its_measurements_and_leaves_its_sums(
    ctx: Context, make_agent: MakeAgent, admin: Any
) -> None:
    agent = await make_agent(ctx)
    await ingest(ctx, AgentMetric(agent_id=agent, metric_type="n", value=1))
    await admin.execute("DELETE FROM agents WHERE id = $1", agent)
    async with ctx.database.transaction(ctx.principal) as connection:
        assert await connection.fetchval("SELECT count(*) FROM agent_metrics") == 0
    await service.roll_up_metrics(ctx)
    found = await service.list_rollups(ctx, RollupQuery(source="agent"))
    assert [one.subject for one in found.items] == [str(agent)]
