"""What belongs to an event loop opens again on the next one, and says what to do where two are alive."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from mnemon import AsyncMemory, Invalid
from mnemon.ai.http import JsonEndpoint
from mnemon.context import Context
from mnemon.db.session import Database
from mnemon.jobs.registry import Registry
from mnemon.jobs.worker import Worker
from mnemon.operations.schemas import SystemMetric
from mnemon.operations.service import MetricWriter
from tests.ai.loopback import Endpoint
from tests.conftest import APP, WORKER, Server
from tests.factories import installation_of, new_slug, settings_of, worker_at
from tests.patience import PATIENCE
from tests.processes.script import at, told


async def elsewhere(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """What each answers on an event loop of its own, one after the other, in another thread."""
    return await asyncio.to_thread(lambda: [asyncio.run(one) for one in work])


async def test_two_loops_one_after_the_other(server: Server, template: str) -> None:
    script = """
m = AsyncMemory()
async def count():
    async with (await m.open()).database.untenanted() as connection:
        return await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user")
async def twice(n):
    await asyncio.gather(*(m.remember(f"{n} {i} is green", user="u") for i in range(3)))
    return len((await m.search("green", user="u")).hits)
found = [asyncio.run(twice(n)) for n in range(4)]
before = asyncio.run(count())
for _ in range(10): asyncio.run(m.search("green", user="u"))
time.sleep(0.5)
after = asyncio.run(count())
asyncio.run(m.close())
tell([found, after - before])
"""
    found, more = await told(script, **at(server.url(APP), new_slug()))
    assert found == [3, 6, 9, 10]
    assert more <= 0, "connections of loops that have ended are left open"


async def test_two_loops_at_once_are_told_what_to_do(memory: AsyncMemory) -> None:
    await memory.remember("Rosa likes green tea", user="u")
    for verb in (memory.search("tea"), memory.remember("x", user="u"), memory.close()):
        with pytest.raises(Invalid) as caught:
            await elsewhere(verb)
        assert caught.value.code == "invalid.event_loop"
        assert caught.value.hint is not None
        assert "one AsyncMemory for each event loop" in caught.value.hint
    assert len((await memory.search("tea", user="u")).hits) == 1


async def test_a_memory_that_was_closed_opens_on_another_loop(server: Server, template: str) -> None:
    memory = AsyncMemory(database_url=server.url(APP), organization=new_slug())
    await memory.remember("Rosa likes green tea", user="u")
    await memory.close()

    async def work() -> int:
        async with memory:
            return len((await memory.search("tea", user="u")).hits)

    assert await elsewhere(work(), work()) == [1, 1]
    assert len((await memory.search("tea", user="u")).hits) == 1
    await memory.close()


async def test_a_database_and_its_replicas(server: Server, ctx: Context) -> None:
    """Replicas are looked at from the new loop too; here one that is none, and is left out each time."""
    url = server.url(APP)
    database = Database(url, settings_of(url))

    async def first() -> None:
        await database.use_replicas([("none", url)])
        await asked()

    async def asked() -> str:
        async with database.read_transaction(ctx.principal) as connection:
            assert await connection.fetchval("SELECT 1") == 1
        async with asyncio.timeout(PATIENCE):
            while (reason := database.replicas[0].reason) == "not looked at yet":  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        return str(reason)

    _, second, third = await elsewhere(first(), asked(), asked())
    assert second == third
    assert "no replica" in second
    await database.close()


async def test_a_writer_of_metrics_takes_along_what_waits(server: Server, ctx: Context) -> None:
    url = server.url(APP)
    database = Database(url, settings_of(url))
    writer = MetricWriter(Context(ctx.principal, database, ctx.embedder, ctx.settings), interval=600)

    async def add() -> None:
        await writer.add(SystemMetric(component="loops", metric_type="n", value=1))

    async def end() -> int:
        await add()
        await writer.flush()
        await writer.close()
        await database.close()
        return writer.written

    assert await elsewhere(add(), end()) == [None, 2]


async def test_a_worker_runs_on_another_loop(server: Server, template: str) -> None:
    async with worker_at(server.url(WORKER), organization="house") as made:
        database = Database(server.url(WORKER), settings_of(server.url(WORKER)))
        context = installation_of(made)
        worker = Worker(Context(context.principal, database, context.embedder, context.settings), Registry())
        tallies = await elsewhere(worker.run(once=True), worker.run(once=True))
        assert tallies == [worker.tally, worker.tally]
        await database.close()


async def test_an_http_endpoint(endpoint: Endpoint) -> None:
    asked = JsonEndpoint(endpoint.url, api_key=None, timeout=10)
    answers = await elsewhere(*(asked.post("/embeddings", {"input": [text]}) for text in "aba"))
    assert answers[0] == answers[2] != answers[1]
    await asked.aclose()
