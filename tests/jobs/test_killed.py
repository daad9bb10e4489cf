"""Worker processes killed at random under load, and a server that restarts: no job is lost, no effect repeated."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from mnemon.app import App
from mnemon.context import Context
from mnemon.jobs import service
from mnemon.jobs.registry import Registry
from mnemon.jobs.run import Run
from mnemon.jobs.schemas import Enqueue
from mnemon.jobs.worker import Worker, WorkerOptions
from tests.conftest import WORKER, Server
from tests.db.own_server import PASSWORD, OwnServer
from tests.factories import new_slug, upgrade, worker_at
from tests.patience import PATIENCE

from .conftest import DATABASE, effect, effects, until

ROOT = Path(__file__).resolve().parents[2]
JOBS = 240
PROCESSES = 3
KILLS = 5
#: Seconds; as long as the renewals of a process may be held up on a machine that is busy with others.
LEASE = 6


def spawn(url: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mnemon", "worker", "--handlers", "tests.jobs.workload:registry"]
    options = ["--no-schedules", "--lease", str(LEASE), "--poll", "0.1", "--concurrency", "4"]
    environment = {**os.environ, "DATABASE_WORKER_URL": url, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([*command, *options], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


async def _all_listen(owner: Any) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    return bool(await owner.fetchval(query) >= PROCESSES)


async def _at_work(owner: Any, running: list[subprocess.Popen[bytes]]) -> list[subprocess.Popen[bytes]]:
    """Those that hold a lease: one that is still starting has nothing to lose."""
    rows = await owner.fetch("SELECT DISTINCT worker FROM background_jobs WHERE status = 'running'")
    return [process for process in running if any(f":{process.pid}:" in row["worker"] for row in rows)]


@asynccontextmanager
async def workers(url: str) -> AsyncIterator[list[subprocess.Popen[bytes]]]:
    running = [spawn(url) for _ in range(PROCESSES)]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


async def test_killed_at_random_under_load(server: Server, queue_app: App, owner: Any) -> None:
    chance = random.Random(20)
    contexts = [await queue_app.organization(new_slug()) for _ in range(5)]
    made: list[tuple[Context, UUID]] = []

    async def add(count: int) -> None:
        for number in range(count):
            ctx = contexts[number % 5]
            job = await service.enqueue(ctx, Enqueue(kind="count", payload={"seconds": chance.uniform(0, 0.2)}))
            made.append((ctx, job.id))

    async def left() -> int:
        query = "SELECT count(*) FROM background_jobs WHERE status IN ('queued', 'running')"
        return int(await owner.fetchval(query))

    async def begun() -> bool:
        return await left() < JOBS

    async def over() -> bool:
        return not await left()

    await add(JOBS)
    url = server.endpoint.url(WORKER, DATABASE, driver="postgresql")
    async with workers(url) as running:
        await until(begun)
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.05, 0.3))
            # However slowly this process goes and however fast the workers, there is something to interrupt.
            await add(JOBS // 2 - min(await left(), JOBS // 2))
            busy = await until(lambda: _at_work(owner, running))
            place = running.index(chance.choice(busy))
            running[place].kill()  # SIGKILL: nothing is tidied up
            running[place].wait()
            running[place] = spawn(url)
        await until(over)
        # One that is still starting has no handler for the signal yet.
        await until(lambda: _all_listen(owner))
        await sigterm_ends_them_when_their_jobs_have(await queue_app.organization(new_slug()), running)
    for ctx in contexts:
        assert await effects(owner, ctx) == {str(job): 1 for of, job in made if of is ctx}
    assert await owner.fetchval("SELECT count(*) FROM background_jobs WHERE status = 'succeeded'") == len(made) + 3
    interrupted = await owner.fetchval(
        'SELECT count(*) FROM background_jobs WHERE states @> \'[{"code": "jobs.lease_expired"}]\''
    )
    assert interrupted >= 3, "kills that met no running job show nothing"


async def sigterm_ends_them_when_their_jobs_have(ctx: Context, running: list[subprocess.Popen[bytes]]) -> None:
    jobs = [(await service.enqueue(ctx, Enqueue(kind="count", payload={"seconds": 0.5}))).id for _ in range(3)]

    async def begun() -> bool:
        return all([(await service.get_job(ctx, job)).status != "queued" for job in jobs])

    await until(begun)
    for process in running:
        process.terminate()
    for process in running:
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    for job in jobs:
        found = await service.get_job(ctx, job)
        assert (found.status, found.attempt) == ("succeeded", 1)


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    own = OwnServer()
    yield own
    own.close()


async def test_a_worker_goes_on_when_the_server_was_killed(own_server: OwnServer) -> None:
    await upgrade(own_server.url().replace("postgresql://", "postgresql+asyncpg://"))
    admin = await asyncpg.connect(own_server.url())
    await admin.execute(f"CREATE ROLE worker LOGIN PASSWORD '{PASSWORD}' IN ROLE mnemon_worker")
    await admin.close()
    registry = Registry()
    entered = asyncio.Event()

    @registry.handler("count", base_delay=0.05)
    async def count(run: Run) -> None:
        async with run.effects() as connection:
            await effect(connection, run.ctx, run.key)
            entered.set()
            await asyncio.sleep(0.02)

    async with worker_at(own_server.url(role="worker")) as app:
        ctx = app.context
        made = {str((await service.enqueue(ctx, Enqueue(kind="count"))).id) for _ in range(100)}
        worker = Worker(ctx, registry, WorkerOptions(lease=3.0, poll=0.1))
        task = asyncio.create_task(worker.run())
        await entered.wait()
        own_server.kill()
        await asyncio.sleep(0.3)
        assert not task.done()
        await asyncio.to_thread(own_server.start)
        admin = await asyncpg.connect(own_server.url())
        query = "SELECT count(*) FROM background_jobs WHERE status = 'succeeded'"

        async def over() -> bool:
            return bool(await admin.fetchval(query) == len(made))

        await until(over)
        late = str((await service.enqueue(ctx, Enqueue(kind="count"))).id)
        made.add(late)
        await until(over)
        assert await effects(admin, ctx) == dict.fromkeys(made, 1)
        await admin.close()
        worker.stop()
        await task
