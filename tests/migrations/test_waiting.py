"""Who waits for another's migration: as long as it takes, whatever the server's limits, and no longer than asked."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from mnemon import Unavailable
from mnemon.migrations import runner
from tests.conftest import ADMIN, Server
from tests.patience import PATIENCE

_UPGRADES = """
import asyncio, sys
from mnemon.migrations import runner
print(asyncio.run(runner.upgrade(sys.argv[1], lock_timeout=600)))
"""
_MIGRATES = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name = 'mnemon migration' ORDER BY pid"
_BLOCKED = f"{_MIGRATES.split('ORDER')[0]} AND wait_event_type = 'Lock'"


async def upgrading(url: str) -> asyncio.subprocess.Process:
    """A process that brings a database to head, and waits for locks as long as it takes."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _UPGRADES, url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ,
    )


async def until(connection: Any, query: str, database: str, count: int) -> list[int]:
    """The processes of the server that a query finds, once there are so many."""
    deadline = time.monotonic() + PATIENCE
    while True:
        rows = await connection.fetch(query, database)
        if len(rows) == count:
            return [row["pid"] for row in rows]
        assert time.monotonic() < deadline, f"{len(rows)} of {count}"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def held_up(
    server: Server, name: str, *limits: str
) -> AsyncIterator[tuple[Any, Any, asyncio.subprocess.Process]]:
    """A migration of another process that cannot go on while this one's transaction lasts; the server has limits."""
    admin = await server.connect(database="postgres")
    blocker = await server.connect(database=name)
    await blocker.execute("UPDATE schema_objects SET digest = 'old' WHERE name = 'memory/10_log.sql'")
    for limit in limits:
        await admin.execute(f'ALTER DATABASE "{name}" SET {limit}')
    lock = blocker.transaction()
    await lock.start()
    await blocker.execute("LOCK TABLE memories IN ACCESS EXCLUSIVE MODE")
    first = await upgrading(server.url(database=name))
    try:
        await until(admin, _BLOCKED, name, 1)
        yield admin, lock, first
    finally:
        if first.returncode is None:
            first.kill()
            await first.wait()
        await blocker.close()
        await admin.close()


async def test_limits_of_the_server_end_neither_who_migrates_nor_who_waits(server: Server, make_database: Any) -> None:
    name = await make_database()
    limits = ("statement_timeout = '700ms'", "lock_timeout = '500ms'", "idle_session_timeout = '700ms'")
    async with held_up(server, name, *limits) as (admin, lock, first):
        second = await upgrading(server.url(database=name))
        await until(admin, _MIGRATES, name, 2)
        await asyncio.sleep(2.5)  # longer than any of the limits, also where a machine is slow
        assert (first.returncode, second.returncode) == (None, None)
        await lock.rollback()
        for process in (first, second):
            output, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
            assert (process.returncode, output.decode().strip()) == (0, runner.head()), errors.decode()[-2000:]
    assert (await runner.check(server.url(database=name))).ok


async def test_whose_patience_ends_learns_who_migrates(server: Server, make_database: Any) -> None:
    name = await make_database()
    async with held_up(server, name) as (admin, lock, first):
        [pid] = await until(admin, _MIGRATES, name, 1)
        with pytest.raises(Unavailable) as caught:
            await runner.upgrade(server.url(database=name), patience=0.3)
        told = caught.value
        assert told.code == "unavailable.migrating"
        assert (told.data["pid"], told.data["application"], told.data["role"]) == (pid, "mnemon migration", ADMIN)
        since = await admin.fetchval("SELECT backend_start FROM pg_stat_activity WHERE pid = $1", pid)
        assert told.data["since"] == since.isoformat()
        for part in (
            f"process {pid}",
            "mnemon migration",
            f"{since:%Y-%m-%d %H:%M:%S}",
            f"pg_terminate_backend({pid})",
        ):
            assert part in str(told)
        await lock.rollback()
        assert await asyncio.wait_for(first.wait(), PATIENCE) == 0
    assert await runner.upgrade(server.url(database=name), patience=0) == runner.head(), "nobody is in the way any more"


async def test_the_turn_of_a_process_that_is_killed_is_the_next_ones(server: Server, make_database: Any) -> None:
    name = await make_database()
    async with held_up(server, name) as (admin, lock, first):
        second = await upgrading(server.url(database=name))
        await until(admin, _MIGRATES, name, 2)
        [pid] = await until(admin, _BLOCKED, name, 1)
        first.kill()
        await first.wait()
        # The server does not notice that its client has gone while it waits for a lock: an administrator ends it.
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        await lock.rollback()
        output, errors = await asyncio.wait_for(second.communicate(), PATIENCE)
        assert (second.returncode, output.decode().strip()) == (0, runner.head()), errors.decode()[-2000:]


async def test_a_limit_that_the_address_sets_itself_stays(server: Server, make_database: Any) -> None:
    name = await make_database()
    await asyncpg_execute(server, f"ALTER DATABASE \"{name}\" SET statement_timeout = '700ms'")
    for options, wanted in (("", "0"), ("&options=-c%20statement_timeout%3D31s", "31s")):
        async with runner._session(server.url(database=name) + options, lock_timeout=9, setting="X") as connection:
            assert (await connection.exec_driver_sql("SHOW statement_timeout")).scalar() == wanted
            assert (await connection.exec_driver_sql("SHOW lock_timeout")).scalar() == "9s"


async def asyncpg_execute(server: Server, statement: str) -> None:
    connection: asyncpg.Connection = await server.connect(database="postgres")
    await connection.execute(statement)
    await connection.close()
