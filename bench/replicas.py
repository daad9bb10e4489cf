"""replicas: how long a write takes to be readable at three replicas under load, and reads/s with 0 to 3 of them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import number
from bench.report import Report
from bench.server import Server, server
from mnemon import AsyncMemory
from mnemon.installation import replicas

NAMES = ("one", "two", "three")
#: The organisation that is read, and what it has.
READ, ROWS = "library", 2000
WRITERS, READERS, PROCESSES = 8, 8, 2
REQUIRED = 5.0  # seconds, REQ-T102


async def run(report: Report, *, seconds: float = 30.0, work: Path | None = None) -> None:
    """Measure on a server of its own with three replicas, all on this machine.

    Args:
        report: takes the results.
        seconds: of load for the lag; a quarter of it for each number of replicas that are read.
        work: where the servers' directories are made.
    """
    async with server(report, work=work) as place:
        try:
            await _fill(place)
            alone = await _write(place, seconds / 4)
            began = time.perf_counter()
            await replicas.add(place.settings(), place.data_dir, NAMES)
            report.numbers["add_seconds"] = round(time.perf_counter() - began, 2)
            await _lag(report, place, seconds, alone)
            await _reads(report, place, seconds / 4)
        finally:
            await asyncio.to_thread(replicas.stop_all, place.data_dir)


async def _fill(place: Server) -> None:
    async with place.memory(organization=READ) as memory:
        await memory.remember(
            [f"Volume {n} of the catalogue is about word{n % 700} and room{n % 90}" for n in range(ROWS)]
        )
        await memory.maintain()


async def _lag(report: Report, place: Server, seconds: float, alone: int) -> None:
    """Writers in a process of their own; here each replica is looked at as the routing of reads does it."""
    lags: dict[str, list[float]] = {name: [] for name in NAMES}
    async with place.memory(organization=READ) as memory:
        await _all_serve(memory, len(NAMES))
        database = memory._app.database  # type: ignore[union-attr]  # noqa: SLF001 - what a door holds
        routing: Any = database._routing  # noqa: SLF001
        ended = asyncio.Event()

        async def watch(replica: Any) -> None:
            while not ended.is_set():
                await routing.probe(replica)
                lags[replica.name].append(replica.lag)
                await asyncio.sleep(0.02)

        watching = [asyncio.create_task(watch(replica)) for replica in routing.replicas]
        written = await _write(place, seconds)
        ended.set()
        await asyncio.gather(*watching)
    rows = []
    for name, found in lags.items():
        median, high, worst = (float(one) * 1000 for one in (*np.percentile(found, [50, 95]), max(found)))
        rows.append((name, str(len(found)), number(median), number(high), number(worst)))
        report.numbers[f"lag_ms_{name}"] = {"median": median, "p95": high, "worst": worst, "looks": len(found)}
    rate, before = written / seconds, alone / (seconds / 4)
    report.numbers |= {"writes_per_second": rate, "writes_per_second_without_replicas": before}
    report.table("Lag in milliseconds, until a commit on the primary can be read", _LAG, rows)
    report.say(
        f"Under {rate:,.0f} remembered a second, one transaction each, by {WRITERS} writers ({before:,.0f} a second "
        f"before there were replicas). Required: below {REQUIRED:g} s."
    )


_LAG = ("replica", "looks", "median", "p95", "worst")


async def _reads(report: Report, place: Server, seconds: float) -> None:
    """The same readers with the replicas stopped one after the other."""
    rows = []
    for count in range(len(NAMES), -1, -1):
        done = await _children(place, "read", seconds, PROCESSES)
        reads, at_replicas = (sum(one[name] for one in done) for name in ("reads", "at_replicas"))
        share = at_replicas / reads if reads else 0.0
        rows.append((str(count), f"{reads / seconds:,.0f}", f"{share:.0%}"))
        report.numbers[f"reads_per_second_{count}"] = reads / seconds
        if count:
            await replicas.stop(place.settings(), place.data_dir, NAMES[count - 1])
    report.table("Searches a second", ("replicas", "searches/s", "served by replicas"), rows[::-1])
    report.say(
        f"{PROCESSES} processes of {READERS} readers search {ROWS} memories. All servers share one machine: more "
        "replicas bring more searches only where each has processors of its own."
    )


async def _write(place: Server, seconds: float) -> int:
    """How many were acknowledged."""
    return int((await _children(place, "write", seconds, 1))[0]["writes"])


async def _children(place: Server, what: str, seconds: float, count: int) -> list[dict[str, int]]:
    command = [sys.executable, "-m", "bench.replicas", what, str(place.data_dir), str(seconds)]
    started = [await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE) for _ in range(count)]
    return [json.loads((await one.communicate())[0]) for one in started]


async def _all_serve(memory: AsyncMemory, count: int) -> None:
    database = memory._app.database  # type: ignore[union-attr]  # noqa: SLF001
    for _ in range(600):
        if sum(one.serving for one in database.replicas) >= count:
            return
        await asyncio.sleep(0.05)
    raise SystemExit(f"the replicas do not serve: {database.replicas}")


async def _child(what: str, data_dir: str, seconds: float) -> dict[str, int]:
    """Write or read for some seconds, and tell how often."""
    from mnemon.core.settings import load_settings

    settings = load_settings(
        data_dir=data_dir,
        database_url=None,
        embedding_model="builtin",
        organization=READ,
        auto_maintenance=False,
        database_pool_size=READERS,
    )
    async with AsyncMemory(settings) as memory:
        database = memory._app.database  # type: ignore[union-attr]  # noqa: SLF001
        await _all_serve(memory, len(database.replicas))
        done = [0] * max(WRITERS, READERS)
        until = time.perf_counter() + seconds

        async def write(number: int) -> None:
            mine = await memory.organization(f"writer-{number}")
            while time.perf_counter() < until:
                await mine.remember(f"Note {done[number]} of writer {number}: the kettle is warm")
                done[number] += 1

        async def read(number: int) -> None:
            while time.perf_counter() < until:
                await memory.search(f"word{(97 * done[number] + number) % 700}", k=10)
                done[number] += 1

        await asyncio.gather(*((write if what == "write" else read)(number) for number in range(READERS)))
        return {
            "writes": sum(done),
            "reads": sum(done),
            "at_replicas": sum(one.reads for one in database.replicas),
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_child(sys.argv[1], sys.argv[2], float(sys.argv[3])))))
