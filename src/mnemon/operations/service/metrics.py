"""Metrics: written in bulk, rolled up for ever, shown on the dashboard (REQ-T131, REQ-T134)."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from mnemon.context import Context
from mnemon.core.pages import Page
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row
from mnemon.operations import repository
from mnemon.operations.schemas import (
    AgentMetric,
    Dashboard,
    DashboardQuery,
    DashboardRow,
    Ingested,
    IngestMetrics,
    RolledUp,
    Rollup,
    RollupQuery,
    SystemMetric,
)
from mnemon.operations.service.kinds import KINDS
from mnemon.verbs import verb

_ROLLUPS = Listing("operations.list_rollups", {"start": datetime, "subject": str, "metric_type": str})

#: Waiting sums that one transaction of the rollup takes.
BATCH = 10_000


@verb("metrics:write")
async def ingest_metrics(ctx: Context, request: IngestMetrics) -> Ingested:
    """Write measurements, all or none; a few thousand at a time are cheapest.

    Each statement also adds up what it wrote, by series and hour, for the rollups. For a stream of single
    measurements use :class:`mnemon.operations.service.MetricWriter`.

    Raises:
        NotFound: an agent does not exist in this organisation; nothing was written.
    """
    agents = [metric for metric in request.metrics if isinstance(metric, AgentMetric)]
    system = [metric for metric in request.metrics if isinstance(metric, SystemMetric)]
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal, bulk=True) as connection:
        if agents:
            await repository.add_agent_metrics(connection, organization, KINDS[AgentMetric].columns(agents))
        if system:
            await repository.add_system_metrics(connection, organization, KINDS[SystemMetric].columns(system))
    return Ingested(rows=len(agents) + len(system))


@verb("metrics:write")
async def roll_up_metrics(ctx: Context) -> RolledUp:
    """Add what was measured since the last time to the organisation's hourly and daily rollups.

    Each measurement is added exactly once, however often and by however many this is called, whenever it was made,
    and whether its raw row still exists or not.
    """
    total = 0
    while True:
        async with ctx.database.transaction(ctx.principal) as connection:
            done = await repository.roll_up_metrics(connection, ctx.principal.organization_id, BATCH)
        total += done
        if done < BATCH:  # all there were: who goes on until none is left never ends beside who writes without end
            return RolledUp(partials=total)


@verb("metrics:read")
async def list_rollups(ctx: Context, request: RollupQuery) -> Page[Rollup]:
    """List hourly or daily rollups of a stretch of time, oldest first."""
    after = _ROLLUPS.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.rollups(
            connection,
            ctx.principal.organization_id,
            request.source.value,
            request.interval.value,
            request.subject,
            request.metric_type,
            request.since,
            request.until,
            *after,
            request.limit + 1,
        )
    return _ROLLUPS.page(ctx.principal, request, rows, partial(from_row, Rollup))


@verb("operations:maintain", installation=True)
async def refresh_dashboard(ctx: Context) -> RolledUp:
    """Roll up what waits and renew the dashboard, of every organisation; workers do it on schedule.

    Raises:
        Forbidden: the principal is an organisation's.
    """
    async with ctx.database.transaction(ctx.principal) as connection:
        return RolledUp(partials=await repository.refresh_dashboard(connection))


@verb("metrics:read", changes=True)
async def dashboard(ctx: Context, request: DashboardQuery | None = None) -> Dashboard:
    """Read the organisation's series over the last hour, day and week.

    As of the last refresh for everybody, which a worker does on schedule; with ``refresh`` the organisation's own are
    added up now, and nobody else's.
    """
    request = request or DashboardQuery()
    if request.refresh:
        await roll_up_metrics(ctx)
    read = repository.dashboard_now if request.refresh else repository.dashboard
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        refreshed, rows = await read(
            connection,
            ctx.principal.organization_id,
            request.source.value if request.source else None,
            request.subject,
            request.metric_type,
            request.limit,
        )
    return Dashboard(
        refreshed_at=refreshed,
        rows=tuple(
            DashboardRow(
                source=row["source"],
                subject=row["subject"],
                metric_type=row["metric_type"],
                span=row["span"],
                count=row["sample_count"],
                average=row["average"],
                minimum=row["minimum"],
                maximum=row["maximum"],
                deviation=row["deviation"],
            )
            for row in rows
        ),
    )
