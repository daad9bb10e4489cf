"""What the dashboard costs (REQ-T134: under a second) follows the series and the hours shown, not the measurements.

Nothing is timed here: the rows and blocks are counted that its statements read. ``bench.metrics`` measures the time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mnemon.app import App
from mnemon.context import Context
from mnemon.db.sql import statement
from mnemon.operations import service
from mnemon.operations.schemas import DashboardQuery, IngestMetrics, SystemMetric

SERIES, HOURS = 40, 30
RAW = ("agent_metrics", "system_metrics", "metric_partials")
WEEK_AGO = timedelta(days=8)


@dataclass(frozen=True)
class Read:
    """What a statement read."""

    relations: set[str]
    indexes: set[str]
    rows: int
    blocks: int


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def read(raw: Any) -> Read:
    plan = (json.loads(raw) if isinstance(raw, str) else raw)[0]["Plan"]
    scans = [node for node in nodes(plan) if "Relation Name" in node]
    return Read(
        {node["Relation Name"] for node in scans},
        {node["Index Name"] for node in nodes(plan) if "Index Name" in node},
        sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in scans),
        plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
    )


async def explained(ctx: Context, name: str, *args: Any) -> Read:
    """What a named statement reads, as the application."""
    query = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement('mnemon.operations', name)}"
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        return read(await connection.fetchval(query, ctx.principal.organization_id, *args))


async def measure(ctx: Context, admin: Any, each: int, now: datetime) -> None:
    """So many measurements of every series in each hour, and the dashboard of them."""
    hour_now = now.replace(minute=0, second=0, microsecond=0)
    metrics = tuple(
        SystemMetric(
            component=f"part-{series}",
            metric_type="n",
            value=turn,
            timestamp=hour_now - timedelta(hours=hour, minutes=-turn),
        )
        for series in range(SERIES)
        for hour in range(HOURS)
        for turn in range(each)
    )
    await service.ingest_metrics(ctx, IngestMetrics(metrics=metrics))
    await admin.execute("SELECT refresh_dashboard()")


@pytest.fixture
async def quiet(own: tuple[App, Any]) -> tuple[Context, Any]:
    """A database of the test's own, so that what is read is what the test wrote."""
    app, admin = own
    return app.context, admin


DASHBOARD = ("dashboard", None, None, None, 1000)


async def test_it_reads_no_measurement_and_ten_times_as_many_cost_the_same(quiet: tuple[Context, Any]) -> None:
    ctx, admin = quiet
    now = datetime.now(UTC)
    since = now - WEEK_AGO
    rollups = ("rollups", "system", "hour", "part-7", "n", since, None, None, None, None, 1000)
    found: dict[str, list[Read]] = {"dashboard": [], "rollups": []}
    for each in (1, 9):
        await measure(ctx, admin, each, now)
        await admin.execute("VACUUM ANALYZE metric_summary, metric_rollups")
        found["dashboard"].append(await explained(ctx, *DASHBOARD))
        found["rollups"].append(await explained(ctx, *rollups))
    raw = await admin.fetchval("SELECT count(*) FROM system_metrics")
    assert raw == SERIES * HOURS * 10
    assert [one.relations for one in found["dashboard"]] == [{"metric_summary"}] * 2
    assert [one.relations for one in found["rollups"]] == [{"metric_rollups"}] * 2
    # Each series over the last hour, day and week; and the hours of the one that was asked for.
    assert [one.rows for one in found["dashboard"]] == [SERIES * 3] * 2
    few, many = found["rollups"]
    assert HOURS <= few.rows == many.rows <= HOURS + 3
    for name, (before, after) in found.items():
        assert after.blocks <= before.blocks + 20, name
    assert many.blocks < 60


async def test_it_is_renewed_from_the_last_week_of_what_is_kept_for_ever(quiet: tuple[Context, Any]) -> None:
    ctx, admin = quiet
    await measure(ctx, admin, 1, datetime.now(UTC))
    query = await admin.fetchval("SELECT pg_get_viewdef('metric_summary'::regclass)")
    await _years(admin)
    await admin.execute("VACUUM ANALYZE metric_rollups")
    plan = read(await admin.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}"))
    kept = await admin.fetchval("SELECT count(*) FROM metric_rollups WHERE bucket_size = 'hour'")
    assert plan.relations == {"metric_rollups"}
    assert "ix_metric_rollups_recent" in plan.indexes
    assert plan.rows <= SERIES * HOURS * 4, "the hours of the last week, not those of all years"
    assert kept > 40 * SERIES * HOURS


async def _years(admin: Any) -> None:
    """Hourly sums of long ago, of many organisations."""
    await admin.execute(
        "WITH made AS (INSERT INTO organizations (name, slug) "
        "SELECT 'org', 'org-' || n FROM generate_series(1, $1) n RETURNING id) "
        "INSERT INTO metric_rollups (organization_id, source, subject, metric_type, bucket_size, bucket_start, "
        "sample_count, total, total_of_squares, minimum, maximum) "
        "SELECT id, 'system', 'part', 'n', 'hour', date_trunc('hour', now()) - (1000 + h) * interval '1 hour', "
        "60, 60, 60, 1, 1 FROM made CROSS JOIN generate_series(1, $2) h",
        *(300, 160),
    )


async def test_nothing_of_what_it_shows_goes_with_the_measurements(quiet: tuple[Context, Any]) -> None:
    ctx, admin = quiet
    await measure(ctx, admin, 2, datetime.now(UTC))
    before = (await service.dashboard(ctx)).rows
    await admin.execute("SELECT maintain_partitions_at('system_metrics', now() + interval '95 days')")
    assert await admin.fetchval("SELECT count(*) FROM system_metrics") == 0
    assert (await service.dashboard(ctx, DashboardQuery(refresh=True))).rows == before
    assert len(before) == SERIES * 3
