"""What a process that measures loses: nothing when it stops, at most what its writer held when it is killed."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.conftest import APP, Server

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 500
DEADLINE = 120


class Child:
    """The process, and what it said last."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.made = self.written = self.held = 0

    async def listen(self, until: Callable[[Child], bool]) -> None:
        """Read what it says until that is so, or until it says no more."""
        assert self.process.stdout is not None
        while line := await asyncio.wait_for(self.process.stdout.readline(), DEADLINE):
            self.made, self.written, self.held = map(int, line.split())
            if until(self):
                return


@asynccontextmanager
async def measuring(url: str) -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.operations.metric_child", url, "measured", str(LIMIT)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield Child(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def alone(admin: Any) -> None:
    """Wait until the server has noticed that the other side is gone."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(DEADLINE * 50):
        if not await admin.fetchval(f"{query} AND backend_type = 'client backend'"):
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("the server still has sessions of the process that was killed")


async def test_killed_it_loses_no_more_than_it_may_hold_and_stopped_it_loses_nothing(
    server: Server, make_database: Callable[..., Awaitable[str]]
) -> None:
    name = await make_database()
    url = server.url(APP, name)
    admin = await server.connect(database=name)
    try:
        async with measuring(url) as child:
            await child.listen(lambda seen: seen.written > 3 * LIMIT)
            # Nobody can write: the process goes on until it holds what it may, and then waits with measuring.
            async with admin.transaction():
                await admin.execute("LOCK TABLE system_metrics IN ACCESS EXCLUSIVE MODE")
                await child.listen(lambda seen: seen.held == LIMIT)
                made = child.made
                for _ in range(20):
                    await child.listen(lambda _: True)
                assert (child.made, child.held) == (made, LIMIT), "it waits"
                child.process.kill()
                await child.process.wait()
                await child.listen(lambda _: False)
            await alone(admin)
            rows = await admin.fetch("SELECT value FROM system_metrics ORDER BY value")
            assert len(rows) == child.written, "what was said to be written is there"
            assert 0 < child.made - len(rows) <= LIMIT
            assert await admin.fetchval("SELECT sum(sample_count) FROM metric_partials") == len(rows)
        async with measuring(url) as child:
            await child.listen(lambda seen: seen.written > LIMIT)
            assert child.process.stdin is not None
            child.process.stdin.write(b"stop\n")
            await child.listen(lambda _: False)
            assert await child.process.wait() == 0
        assert await admin.fetchval("SELECT count(*) FROM system_metrics") == len(rows) + child.made
        assert (child.written, child.held) == (child.made, 0)
    finally:
        await admin.close()
