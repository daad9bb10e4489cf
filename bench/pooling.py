"""pooling: many clients on few connections to the server, by a pool of each process and by PgBouncer."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import numpy as np
from tests.db.own_server import PASSWORD
from tests.db.pooled import LOGIN, SERVERS, needs_pgbouncer, pooled_server

from bench.measure import number
from bench.report import Report
from mnemon import AsyncMemory, Settings
from mnemon.context import Context
from mnemon.core.principal import Principal
from mnemon.identity import service as identity
from mnemon.identity.schemas import UserCreate

CLIENTS, PROCESSES = 300, 2
#: The product's look-up by a key, as a sign-in does it.
CHILD = "bench.pooling"


@dataclass(frozen=True, slots=True)
class Way:
    """How the clients come to the server: connections that each process keeps, and whether a pooler is in between."""

    name: str
    pool: int
    pooled: bool


WAYS = (
    Way("a pool in each process", SERVERS // PROCESSES, pooled=False),
    Way("PgBouncer, a connection for each client", CLIENTS // PROCESSES, pooled=True),
    Way("PgBouncer, a pool in each process", SERVERS // PROCESSES, pooled=True),
)


async def run(report: Report, *, seconds: float = 10.0, rounds: int = 3) -> None:
    """Look people up, as many clients at once, for some seconds each way, by turns.

    Args:
        report: takes the results.
        seconds: of each measurement.
        rounds: times each way is measured.
    """
    if needs_pgbouncer.args[0]:
        raise SystemExit("pooling needs PgBouncer (Debian: apt-get install pgbouncer)")
    found: dict[str, list[tuple[float, float, float, float]]] = {way.name: [] for way in WAYS}
    async with pooled_server() as place:
        direct = place.server.url(LOGIN, PASSWORD, "pooled")
        through = direct.replace(f":{place.server.port}/", f":{place.port}/")
        async with AsyncMemory(Settings(database_url=direct, auto_maintenance=False)) as memory:
            app = memory._app  # noqa: SLF001 - what a door holds
            assert app is not None
            for n in range(1000):
                await identity.create_user(app.context, UserCreate(email=f"user{n}@example.org"))
        admin = await asyncpg.connect(place.server.url(database="pooled"))
        for _ in range(rounds):
            for way in WAYS:
                place.stop()  # with what it holds of the server
                place.start(place.server.home / "pooler")
                found[way.name].append(await _measure(admin, through if way.pooled else direct, way, seconds))
                print(f"  {way.name}: {found[way.name][-1][0]:,.0f} look-ups/s", flush=True)
        await admin.close()
    _table(report, found, seconds, rounds)


async def _measure(admin: asyncpg.Connection, url: str, way: Way, seconds: float) -> tuple[float, float, float, float]:
    """Look-ups per second; median and p95 of one, in milliseconds; connections to the server at the most."""
    children = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", CHILD, url, str(way.pool), str(int(way.pooled)), str(seconds)),
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]
    answers = asyncio.gather(*(child.communicate() for child in children))
    most = 0
    while not answers.done():
        most = max(most, await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = $1", LOGIN))
        await asyncio.sleep(0.25)
    times = [json.loads(out) for out, _ in await answers]
    every = np.concatenate([np.array(one["milliseconds"]) for one in times])
    rate = sum(len(one["milliseconds"]) / one["seconds"] for one in times)
    return rate, float(np.median(every)), float(np.percentile(every, 95)), float(most)


def _table(
    report: Report, found: dict[str, list[tuple[float, float, float, float]]], seconds: float, rounds: int
) -> None:
    medians = {name: np.median(rows, axis=0).tolist() for name, rows in found.items()}
    most = {name: max(int(row[3]) for row in rows) for name, rows in found.items()}
    report.numbers |= {"clients": CLIENTS, "rounds": found, "medians": medians, "connections": most}
    first = medians[WAYS[0].name][0]
    report.table(
        f"{CLIENTS} clients in {PROCESSES} processes look people up by their address, one after the other, each "
        f"in a transaction of its own with its tenant set; {rounds} rounds of {seconds:.0f} s by turns, medians. The "
        "clients, the pooler and the server share this machine's processors:",
        ("", "look-ups/s", "to a pool in each process", "median / p95 (ms)", "connections to the server"),
        [
            (
                way.name,
                f"{medians[way.name][0]:,.0f}",
                number(medians[way.name][0] / first),
                f"{medians[way.name][1]:.0f} / {medians[way.name][2]:.0f}",
                str(most[way.name]),
            )
            for way in WAYS
        ],
    )


async def _child(url: str, pool: int, pooled: bool, seconds: float) -> None:
    settings = Settings(
        database_url=url,
        database_pool_size=min(pool, 50),
        database_pool_overflow=max(0, pool - 50),
        database_pooler="transaction" if pooled else "none",
        auto_maintenance=False,
    )
    async with AsyncMemory(settings) as memory:
        app = memory._app  # noqa: SLF001 - what a door holds
        assert app is not None
        ctx: Context = app.context
        principal: Principal = ctx.principal
        ready = asyncio.Barrier(CLIENTS // PROCESSES)
        milliseconds: list[float] = []

        async def client(first: int) -> None:
            turn = first
            await looked_up(turn)  # its connection is open, and all are ready
            await ready.wait()
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                start = time.perf_counter()
                await looked_up(turn)
                milliseconds.append((time.perf_counter() - start) * 1000)
                turn += 7

        async def looked_up(turn: int) -> None:
            async with app.database.transaction(principal, readonly=True, by_key=True) as connection:
                found: UUID | None = await connection.fetchval(
                    "SELECT id FROM users WHERE organization_id = $1 AND email = $2 AND deleted_at IS NULL",
                    principal.organization_id,
                    f"user{turn % 1000}@example.org",
                )
            if found is None:
                raise SystemExit("a person is missing")

        await asyncio.gather(*(client(n) for n in range(CLIENTS // PROCESSES)))
        print(json.dumps({"seconds": seconds, "milliseconds": milliseconds}))


if __name__ == "__main__":
    asyncio.run(_child(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1", float(sys.argv[4])))
