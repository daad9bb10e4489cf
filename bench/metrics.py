"""metrics: a stream of measurements through the product's writer, beside a COPY of the same rows."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from bench.machine import children_cpu
from bench.measure import number
from bench.report import Report
from bench.server import Server, server
from mnemon.context import Context
from mnemon.operations import service as operations
from mnemon.operations.schemas import AgentMetric

AGENTS = 200
TYPES = ("latency_ms", "tokens", "cost", "errors", "queue_length")
#: Days that the measurements are of: that many partitions are written to.
DAYS = 3
BATCH, WRITERS = 10_000, 2
REQUIRED, TARGET = 10_000, 50_000
_OPTIONS = {"max_wal_size": "8GB"}


async def run(report: Report, *, rows: int = 1_000_000, rounds: int = 3, work: Path | None = None) -> None:
    """Write the same number of measurements by the writer and by COPY, by turns.

    Args:
        report: takes the results.
        rows: measurements of a round.
        rounds: times each is measured; three at least.
        work: where the server's directory is made.
    """
    written: dict[str, list[float]] = {"writer": [], "copy": []}
    used: dict[str, list[tuple[float, float]]] = {"writer": [], "copy": []}
    async with server(report, work=work, options=_OPTIONS) as place, place.memory(auto_maintenance=False) as memory:
        app = memory._app  # noqa: SLF001 - what a door holds
        assert app is not None
        ctx = app.context
        admin = await place.admin()
        agents = await _agents(admin, ctx)
        for turn in range(max(3, rounds)):
            for who in ("writer", "copy") if turn % 2 else ("copy", "writer"):
                await admin.execute("TRUNCATE agent_metrics, metric_partials, metric_rollups")
                await admin.execute("CHECKPOINT")
                began = _processors(place)
                seconds = await (_writer(ctx, agents, rows) if who == "writer" else _copy(admin, ctx, agents, rows))
                own, servers = (now - then for now, then in zip(_processors(place), began, strict=True))
                used[who].append((own / rows * 1e6, servers / rows * 1e6))
                await _check(admin, rows)
                written[who].append(rows / seconds)
                print(f"  {who}: {rows / seconds:,.0f} rows/s", flush=True)
        report.numbers["roll_up_seconds"] = await _roll_up(ctx)
        report.numbers["partitions"] = await admin.fetchval("SELECT count(DISTINCT tableoid) FROM agent_metrics")
        await admin.close()
    _table(report, rows, written, used)


def _processors(place: Server) -> tuple[float, float]:
    """Seconds of processor time of this process and of the server."""
    postmaster = int((place.data_dir / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    return time.process_time(), children_cpu(postmaster)


async def _agents(admin: Any, ctx: Context) -> list[UUID]:
    agents = [uuid4() for _ in range(AGENTS)]
    await admin.executemany(
        "INSERT INTO agents (id, organization_id, name, slug) VALUES ($1, $2, $3, $3)",
        [(agent, ctx.principal.organization_id, f"agent-{n}") for n, agent in enumerate(agents)],
    )
    await admin.execute(
        f"SELECT make_partition('agent_metrics', 'day', now() - d * interval '1 day') FROM generate_series(0, {DAYS}) d"
    )
    return agents


def _moments(rows: int) -> tuple[datetime, timedelta]:
    """When the first was measured, and how long after each the next was."""
    return datetime.now(UTC) - timedelta(days=DAYS), timedelta(days=DAYS) / rows


async def _writer(ctx: Context, agents: list[UUID], rows: int) -> float:
    """As a process that measures would: each measurement is made, checked and handed over as it comes."""
    start, step = _moments(rows)
    began = time.perf_counter()
    async with operations.MetricWriter(ctx, batch=BATCH, writers=WRITERS) as writer:
        for first in range(0, rows, 1000):
            await writer.add_all(
                AgentMetric(
                    agent_id=agents[n % AGENTS],
                    metric_type=TYPES[n // AGENTS % len(TYPES)],
                    value=float(n % 1000),
                    timestamp=start + step * n,
                )
                for n in range(first, min(first + 1000, rows))
            )
    return time.perf_counter() - began


async def _copy(admin: Any, ctx: Context, agents: list[UUID], rows: int) -> float:
    """The same rows in batches of the same size by one superuser, triggers and constraints included."""
    start, step = _moments(rows)
    organization = ctx.principal.organization_id
    columns = ("organization_id", "id", "agent_id", "metric_type", "value", "timestamp")
    seconds = 0.0
    for first in range(0, rows, BATCH):
        records = [
            (
                organization,
                uuid4(),
                agents[n % AGENTS],
                TYPES[n // AGENTS % len(TYPES)],
                float(n % 1000),
                start + step * n,
            )
            for n in range(first, min(first + BATCH, rows))
        ]
        began = time.perf_counter()
        await admin.copy_records_to_table("agent_metrics", columns=columns, records=records)
        seconds += time.perf_counter() - began
    return seconds


async def _check(admin: Any, rows: int) -> None:
    """Nothing is missing, nothing is there twice, and the rollups will have everything."""
    there = await admin.fetchval("SELECT count(*) FROM agent_metrics")
    waiting = await admin.fetchval("SELECT sum(sample_count) FROM metric_partials")
    if (there, waiting) != (rows, rows):
        raise SystemExit(f"{rows:,} measurements were written; {there:,} are there, {waiting:,} wait for the rollups")


async def _roll_up(ctx: Context) -> float:
    began = time.perf_counter()
    await operations.roll_up_metrics(ctx)
    return time.perf_counter() - began


def _table(
    report: Report, rows: int, written: dict[str, list[float]], used: dict[str, list[tuple[float, float]]]
) -> None:
    rates = {who: float(np.median(found)) for who, found in written.items()}
    cpu = {who: np.median(found, axis=0).tolist() for who, found in used.items()}
    report.numbers |= {"rows": rows, "rows_per_second": rates, "rounds": written, "cpu_us_a_row": cpu}
    made, rolled = report.numbers["partitions"], report.numbers["roll_up_seconds"]
    report.table(
        f"{rows:,} measurements of {AGENTS} agents over {DAYS} days, median of {len(written['writer'])} rounds by "
        f"turns, into {made} daily partitions with their indexes, checks and the trigger that looks their agents up "
        f"and adds them up. MetricWriter makes and checks each measurement and writes {BATCH:,} a transaction, "
        f"{WRITERS} at a time, as the application role under row-level security; COPY gets finished rows, as "
        "superuser, the time to make "
        f"them not counted. Rolling up what was written took {rolled:.1f} s:",
        (
            "",
            "rows/s",
            f"of the requirement's {REQUIRED:,} (target: at least {TARGET // REQUIRED})",
            "of COPY",
            "processor time a row: server, client",
        ),
        [
            (
                name,
                f"{rates[who]:,.0f}",
                number(rates[who] / REQUIRED, 1),
                number(rates[who] / rates["copy"]),
                f"{cpu[who][1]:.1f} µs, " + (f"{cpu[who][0]:.1f} µs" if who == "writer" else "-"),
            )
            for who, name in (("writer", "MetricWriter"), ("copy", "bare COPY"))
        ],
    )
