"""The primary is killed, more clients come than it takes, and clients die or freeze in the middle of a write."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import Any

import asyncpg

from mnemon import AsyncMemory, Unavailable
from tests.db.own_server import PASSWORD
from tests.factories import new_slug
from tests.faults.conftest import Site
from tests.faults.ledger import doctor, everything, ledger_on, until

CLIENT = """
import asyncio, sys
from mnemon import AsyncMemory, Settings

async def main():
    settings = Settings(database_url=sys.argv[1], organization=sys.argv[2], auto_maintenance=False)
    async with AsyncMemory(settings) as memory:
        for turn in range(1000):
            done = await memory.remember([f"{sys.argv[2]} turn {turn} part {n}" for n in range(300)])
            print(turn, len(done.ids), flush=True)

asyncio.run(main())
"""
WRITING = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'faults_app' AND backend_xid IS NOT NULL"


def client(site: Site, slug: str) -> subprocess.Popen[str]:
    """A process that remembers 300 things at a time, and says so each time."""
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, site.app_url, slug],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "MNEMON_DATABASE_IDLE_TIMEOUT": "2"},
    )


async def in_the_middle(site: Site, process: subprocess.Popen[str], *, turns: int) -> Any:
    """Wait until it said so often that it has written, and is at it again; a connection to the server."""
    for _ in range(turns):
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline)
    owner = await asyncpg.connect(site.owner_url)
    await until(lambda: owner.fetchval(WRITING))
    return owner


async def test_the_primary_is_killed(site: Site) -> None:
    async with ledger_on(site.settings()) as ledger:
        await ledger.more(60)
        site.server.kill()
        await ledger.fails()
        told = await doctor(**site.environment)
        site.server.start()
        await ledger.more(60)
    assert ledger.refused
    assert set(ledger.refused) <= {"unavailable.database", "unavailable.connections"}
    assert told["connection"]["level"] == "wrong"
    assert PASSWORD not in str(told)
    await ledger.check(site.app_url)
    assert (await doctor(**site.environment))["connection"]["level"] == "ok"
    ledger.tell("kill -9 of the primary, started again", outage_seconds=round(ledger.outage(), 2))


async def test_a_client_is_killed_in_the_middle_of_a_write(site: Site) -> None:
    slug = new_slug()
    process = client(site, slug)
    owner = await in_the_middle(site, process, turns=2)
    process.kill()
    assert process.stdout is not None
    said = 2 + len(process.stdout.read().splitlines())
    process.wait()

    async def gone() -> bool:
        return not await owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = 'faults_app'")

    await until(gone)
    await owner.close()
    async with AsyncMemory(site.settings(organization=slug)) as memory:
        found = sorted((await everything(memory)).values())
        # What was acknowledged is there; the write it died in is there whole or not at all.
        assert len(found) in {said * 300, (said + 1) * 300}
        assert found == sorted(f"{slug} turn {turn} part {n}" for turn in range(len(found) // 300) for n in range(300))
        await memory.remember(f"{slug} goes on")


async def frozen(owner: Any, process: subprocess.Popen[str]) -> int:
    """Stop a client within a transaction that waits for it, not between two; the server's process that waits."""
    waits = WRITING.replace("count(*)", "pid") + " AND state = 'idle in transaction' LIMIT 1"
    for _ in range(200):
        os.kill(process.pid, signal.SIGSTOP)
        await asyncio.sleep(0.1)  # a statement that was under way is over, and the server waits for the next
        if (holder := await owner.fetchval(waits)) is not None:
            return int(holder)
        os.kill(process.pid, signal.SIGCONT)
        await asyncio.sleep(0.013)
    raise AssertionError("it was never in the middle of a write")


async def test_a_client_freezes_in_the_middle_of_a_write(site: Site) -> None:
    """Its transaction holds locks; the server ends it after a while."""
    slug = new_slug()
    process = client(site, slug)
    owner = await in_the_middle(site, process, turns=1)
    try:
        holder = await frozen(owner, process)

        async def ended() -> bool:
            return not await owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", holder)

        await until(ended)
    finally:
        process.kill()
        process.wait()
        await owner.close()
    async with AsyncMemory(site.settings(organization=slug)) as memory:
        assert len(await everything(memory)) % 300 == 0


async def test_a_transaction_that_hangs_is_named(site: Site) -> None:
    owner = await asyncpg.connect(site.owner_url)
    hanging = await asyncpg.connect(site.app_url)
    try:
        await hanging.execute("BEGIN; SELECT pg_current_xact_id()")
        await owner.execute("SELECT pg_sleep(1)")
        told = await doctor(**site.environment, MNEMON_DATABASE_IDLE_TIMEOUT="5")
        assert told["transactions"]["level"] == "wrong"
        assert "pg_terminate_backend" in told["transactions"]["do"]
    finally:
        await hanging.close()
        await owner.close()
    assert (await doctor(**site.environment))["transactions"]["level"] == "ok"


async def test_a_storm_of_connections(site: Site) -> None:
    """Twice as many as the server takes: some are told so, in one kind of error, and nobody loses anything."""
    async with ledger_on(site.settings()) as ledger:
        await ledger.more(20)

        async def come(number: int) -> str:
            try:
                async with AsyncMemory(site.settings(organization=ledger.slugs[0], database_pool_overflow=0)) as memory:
                    await asyncio.sleep(0.3)  # stay a while, so that they are there together
                    return str(len((await memory.list(limit=1)).items))
            except Unavailable as error:
                return error.code

        answers = await asyncio.gather(*(come(number) for number in range(120)))
        # All but the few that are kept for superusers are taken; who runs the server gets in, and is told.
        held = []
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                held.append(await asyncpg.connect(site.app_url))
        told = await doctor(**site.environment)
        for connection in held:
            await connection.close()
        await ledger.more(20)
    assert set(answers) == {"1", "unavailable.connections"}
    assert set(ledger.refused) <= {"unavailable.connections"}
    assert told["connection"]["level"] == "wrong"
    assert "no free connection" in told["connection"]["found"]
    await ledger.check(site.app_url)
    ledger.tell("120 clients on 60 connections", turned_away=answers.count("unavailable.connections"))
