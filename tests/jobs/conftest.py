"""A database of the queue's own: workers serve every organisation, so they must not meet other tests' jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from mnemon import AsyncMemory
from mnemon.app import App
from mnemon.context import Context
from mnemon.jobs.registry import Registry
from mnemon.jobs.worker import Worker, WorkerOptions
from tests.conftest import APP, WORKER, Server
from tests.factories import copy_database, new_slug, worker_at
from tests.patience import PATIENCE

DATABASE = "test_jobs"


@pytest_asyncio.fixture(scope="session")
async def queue_app(server: Server, template: str) -> AsyncIterator[App]:
    """The application over the queue's database."""
    connection = await server.connect(database="postgres")
    await copy_database(connection, DATABASE, template)
    await connection.close()
    async with AsyncMemory(
        database_url=server.url(APP, DATABASE), organization="queue", auto_maintenance=False, database_pool_size=20
    ) as memory:
        assert memory._app is not None
        yield memory._app


@pytest_asyncio.fixture(scope="session")
async def worker_app(server: Server, queue_app: App) -> AsyncIterator[App]:
    """What a worker process holds over the same database."""
    async with worker_at(server.url(WORKER, DATABASE), organization="queue", database_pool_size=20) as made:
        yield made


@pytest_asyncio.fixture
async def owner(server: Server, queue_app: App) -> AsyncIterator[Any]:
    """A superuser's connection to the queue's database, which is empty of jobs when the test begins."""
    connection = await server.connect(database=DATABASE)
    await connection.execute("DELETE FROM background_jobs")
    await connection.execute("DELETE FROM job_schedules")
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def ctx(queue_app: App, owner: Any) -> Context:
    """A fresh organisation of an empty queue."""
    return await queue_app.organization(new_slug())


@pytest_asyncio.fixture
async def other(queue_app: App, owner: Any) -> Context:
    """Another one."""
    return await queue_app.organization(new_slug())


@pytest.fixture
def registry() -> Registry:
    """No handlers yet."""
    return Registry()


Working = Callable[..., Any]


@pytest.fixture
def working(worker_app: App, registry: Registry) -> Working:
    """A worker that runs while the block does, with leases and looks that suit a test."""

    @asynccontextmanager
    async def work(**options: Any) -> AsyncIterator[Worker]:
        given = {"lease": 30.0, "poll": 0.1, "grace": 5.0, **options}
        worker = Worker(worker_app.context, registry, WorkerOptions(**given))
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            if not worker._stopping.is_set():
                worker.stop()
            await task

    return work


@pytest.fixture
def drained(worker_app: App, registry: Registry) -> Callable[..., Awaitable[Worker]]:
    """Runs a worker until nothing is due."""

    async def drain(**options: Any) -> Worker:
        worker = Worker(worker_app.context, registry, WorkerOptions(**{"poll": 0.05, **options}))
        await worker.run(once=True)
        return worker

    return drain


async def until(condition: Callable[[], Awaitable[Any]], *, seconds: float = PATIENCE) -> Any:
    """Wait for something to become true; what it became."""
    async with asyncio.timeout(seconds):
        while True:
            found = await condition()
            if found:
                return found
            await asyncio.sleep(0.02)


async def effect(connection: Any, ctx: Context, name: str) -> None:
    """Something that can be counted: one row of the organisation's error log."""
    await connection.execute(
        "INSERT INTO error_logs (organization_id, kind, code, message) VALUES ($1, 'internal', 'effect', $2)",
        ctx.principal.organization_id,
        name,
    )


async def effects(owner: Any, ctx: Context) -> dict[str, int]:
    """How often each effect happened."""
    rows = await owner.fetch(
        "SELECT message, count(*) AS n FROM error_logs WHERE organization_id = $1 AND code = 'effect' GROUP BY 1",
        ctx.principal.organization_id,
    )
    return {row["message"]: row["n"] for row in rows}
