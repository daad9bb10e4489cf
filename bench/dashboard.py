"""dashboard: what the views of metrics cost while the measurements under them grow, and what it will be at 100 million.

A thousand series are measured over one week, ever more densely: the sums of an hour stay one row, however many
measurements it had. Then the sums of the time before are added, as many as 100 million measurements would have left at
one a minute and series: the views are measured over that too, for what is left to calculate is then only what
PostgreSQL does with raw partitions that no view opens.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.measure import Timing, number
from bench.metrics import AGENTS, TYPES, _agents
from bench.report import Report
from bench.server import server
from mnemon.context import Context
from mnemon.core.text import parse
from mnemon.operations import service
from mnemon.operations.schemas import DashboardQuery, RollupQuery

SERIES = AGENTS * len(TYPES)
WEEK = 168
#: Measurements of a series in an hour where there are 100 million: one a minute.
DENSITY = 60
SIZES = (1_000_000, 3_000_000, 10_000_000)
GOAL, LIMIT_MS = 100_000_000, 1000
_OPTIONS = {"max_wal_size": "8GB"}
#: Hours of one INSERT: a few hundred thousand rows.
_STEP = 8
_FILL = """
INSERT INTO agent_metrics (organization_id, agent_id, metric_type, value, "timestamp")
SELECT $1, a.id, t.type, (n * 37 + h) % 1000, $4::timestamptz - h * interval '1 hour' + n * interval '1 hour' / $6
FROM generate_series($5::int, $5 + $7 - 1) h CROSS JOIN unnest($2::uuid[]) a(id) CROSS JOIN unnest($3::text[]) t(type)
CROSS JOIN generate_series(0, $6 - 1) n
"""
_HISTORY = """
INSERT INTO metric_rollups (organization_id, source, subject, metric_type, bucket_size, bucket_start, sample_count,
  total, total_of_squares, minimum, maximum)
SELECT $1, 'agent', a.id::text, t.type, $8::text, date_trunc($8, $4::timestamptz, 'UTC') - h * $9::interval, $5::bigint,
  $5::bigint, $5::bigint, 0, 999
FROM generate_series($6::int, $7) h CROSS JOIN unnest($2::uuid[]) a(id) CROSS JOIN unnest($3::text[]) t(type)
ON CONFLICT DO NOTHING
"""
#: The same dashboard without sums: what it is measured against.
_RAW = """
SELECT agent_id, metric_type, count(*), avg(value), min(value), max(value), stddev_pop(value) FROM agent_metrics
WHERE organization_id = $1 AND "timestamp" >= $2 GROUP BY 1, 2
"""

View = tuple[str, Callable[[], Awaitable[Any]]]


async def run(report: Report, *, sizes: Sequence[int] | None = None, rounds: int = 3, work: Path | None = None) -> None:
    """Measure the views at each number of measurements, and over the sums of 100 million.

    Args:
        report: takes the results.
        sizes: measurements in all at each step, growing.
        rounds: a view is asked ten times as often.
        work: where the server's directory is made.
    """
    steps = [max(1, round(size / SERIES / WEEK)) for size in sizes or SIZES]
    async with server(report, work=work, options=_OPTIONS) as place, place.memory(auto_maintenance=False) as memory:
        app = memory._app  # noqa: SLF001 - what a door holds
        assert app is not None
        ctx, admin = app.context, await place.admin()
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        agents = await _agents(admin, ctx)
        await admin.execute(
            "SELECT make_partition('agent_metrics', 'day', now() - d * interval '1 day') FROM generate_series(0, 8) d"
        )
        found, density = [], 0
        for step in steps:
            seconds = await _fill(admin, ctx, agents, now, step - density)
            density = step
            print(f"  {SERIES * WEEK * step:,} measurements: filled in {seconds:.0f} s", flush=True)
            found.append(await _measure(admin, ctx, agents[0], rounds))
        hours = GOAL // SERIES // DENSITY
        for size, first, last in (("hour", WEEK, hours), ("day", WEEK // 24, hours // 24)):
            of = (ctx.principal.organization_id, agents, list(TYPES), now, DENSITY, first, last)
            await admin.execute(_HISTORY, *of, size, timedelta(**{f"{size}s": 1}), timeout=600)
        await admin.execute("VACUUM ANALYZE metric_rollups")
        history = await _measure(admin, ctx, agents[0], rounds)
        raw = await _raw(admin, ctx, now)
        await admin.close()
    _tables(report, found, history, raw=raw, hours=hours)


async def _fill(admin: Any, ctx: Context, agents: list[UUID], now: datetime, each: int) -> float:
    """More measurements of each series in each hour of the week, through the table's triggers; then rolled up."""
    began = time.perf_counter()
    organization = ctx.principal.organization_id
    for hour in range(0, WEEK, _STEP):
        arguments = (organization, agents, list(TYPES), now, hour, each, _STEP)
        await admin.execute(_FILL, *arguments, timeout=600)
    await service.dashboard(ctx, DashboardQuery(refresh=True))
    await admin.execute("VACUUM ANALYZE agent_metrics, metric_rollups, metric_partials, metric_summary")
    return time.perf_counter() - began


def _views(ctx: Context, agent: UUID) -> list[View]:
    now, subject = ctx.clock.now(), str(agent)
    week, hours4 = now - timedelta(hours=WEEK), now - timedelta(hours=4)
    hourly = parse(RollupQuery, {"source": "agent", "subject": subject, "metric_type": TYPES[0], "since": week})
    daily = parse(RollupQuery, {"source": "agent", "subject": subject, "interval": "day"})
    everyone = parse(RollupQuery, {"source": "agent", "metric_type": TYPES[0], "since": hours4})
    return [
        ("dashboard, every series", lambda: service.dashboard(ctx, DashboardQuery(limit=10_000))),
        ("dashboard of one agent", lambda: service.dashboard(ctx, DashboardQuery(subject=subject))),
        ("one series by the hour, a week", lambda: service.list_rollups(ctx, hourly)),
        ("one agent by the day, all time", lambda: service.list_rollups(ctx, daily)),
        ("one type of every agent, 4 hours", lambda: service.list_rollups(ctx, everyone)),
        ("renewing the dashboard", lambda: service.dashboard(ctx, DashboardQuery(refresh=True, limit=1))),
    ]


async def _measure(admin: Any, ctx: Context, agent: UUID, rounds: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "raw": await admin.fetchval("SELECT count(*) FROM agent_metrics"),
        "hourly": await admin.fetchval("SELECT count(*) FROM metric_rollups WHERE bucket_size = 'hour'"),
        "summary": await admin.fetchval("SELECT count(*) FROM metric_summary"),
    }
    for name, view in _views(ctx, agent):
        rows = _rows(await view()) or WEEK * SERIES
        found[name] = rows, *await _timed(view, 3 * rounds if name.startswith("renewing") else 20 * rounds)
    whole = "SELECT * FROM metric_summary WHERE organization_id = $1 ORDER BY source, subject, metric_type, span"
    found["every series by bare SQL"] = (
        found["summary"],
        *await _timed(lambda: admin.fetch(whole, ctx.principal.organization_id), 20 * rounds),
    )
    return found


def _rows(answer: Any) -> int:
    """What the view read is what it shows; 0 for the renewal, which shows one row of what it has read."""
    shown = len(answer.rows) if hasattr(answer, "rows") else len(answer.rollups)
    return shown if shown > 1 else 0


async def _timed(view: Callable[[], Awaitable[Any]], times: int) -> tuple[float, Timing]:
    """The quickest, which other work on the machine disturbs least, and the spread."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        await view()
        seconds.append(time.perf_counter() - began)
    return min(seconds) * 1000, Timing.of(seconds)


async def _raw(admin: Any, ctx: Context, now: datetime) -> float:
    began = time.perf_counter()
    await admin.fetch(_RAW, ctx.principal.organization_id, now - timedelta(hours=WEEK), timeout=600)
    return time.perf_counter() - began


def _tables(report: Report, found: list[dict[str, Any]], history: dict[str, Any], *, raw: float, hours: int) -> None:
    names = [name for name, value in history.items() if isinstance(value, tuple)]
    lines = []
    for name in names:
        rows, quickest, spread = history[name]
        best = [one[name][1] for one in found]
        calculated = max(best) * rows / found[-1][name][0]
        lines.append((name, f"{found[-1][name][0]:,}", best, f"{rows:,}", calculated, quickest, spread))
    report.numbers |= {
        "series": SERIES,
        "measured": [{k: v if isinstance(v, int) else v[:2] for k, v in one.items()} for one in (*found, history)],
        "calculated_ms": {line[0]: line[4] for line in lines},
        "from_raw_seconds": raw,
    }
    report.table(
        f"{SERIES:,} series over a week of {WEEK} hours, milliseconds (the quickest call; each step adds measurements "
        f"to the same hours). The sums are {found[-1]['hourly']:,} hourly rows at every step, and "
        f"{found[-1]['summary']:,} of the dashboard; the last column has {history['hourly']:,}, as {GOAL:,} "
        f"measurements leave at {DENSITY} an hour and series over {hours:,} hours ({hours / 24:.0f} days):",
        (
            "",
            "rows it reads",
            *(f"{one['raw']:,} measurements" for one in found),
            f"rows at {GOAL:,}",
            f"calculated for {GOAL:,}",
            "measured over their sums: quickest (median / p95)",
        ),
        [
            (name, read, *(number(one) for one in best), rows, number(at), f"{number(quickest)} ({spread})")
            for name, read, best, rows, at, quickest, spread in lines
        ],
    )
    report.say(
        f"Calculated: the slowest of the steps x rows read at {GOAL:,} / rows read at the steps. Assumed: a view reads "
        f"series x spans, or series x hours or days asked for, and no raw partition, which "
        f"tests/operations/test_metric_dashboard.py holds; {SERIES:,} series, measured {DENSITY} times an hour. "
        f"Required: below {LIMIT_MS:,} ms for each view; renewing is the worker's. The same table out of "
        f"{found[-1]['raw']:,} raw measurements takes "
        f"{raw:.1f} s, and {raw * GOAL / found[-1]['raw']:.0f} s out of {GOAL:,}."
    )
