"""A replica that falls silent in the middle: nobody waits for it without end, whatever they were about to do there."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from mnemon import AsyncMemory
from tests.factories import context_of, new_slug
from tests.installation.replica_cluster import Cluster, add, app_of, caught_up, serving, states, until
from tests.patience import PATIENCE


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster() -> AsyncIterator[Cluster]:
    """A primary with one replica."""
    made = Cluster()
    try:
        async with made.memory():
            await add(made, "c")
        yield made
    finally:
        await asyncio.to_thread(made.close)


@pytest_asyncio.fixture
async def memory(cluster: Cluster) -> AsyncIterator[AsyncMemory]:
    """A process whose pools hold one connection each, and five beyond that."""
    async with cluster.memory(
        organization=new_slug(), database_pool_size=1, database_pool_overflow=5, database_replica_max_lag=5.0
    ) as opened:
        await caught_up(cluster, "c")
        await serving(opened, "c")
        yield opened


@contextmanager
def silent(cluster: Cluster) -> Iterator[None]:
    """Stop every process of the replica: its connections stay, and nothing is answered."""
    cluster.tell("c", signal.SIGSTOP)
    try:
        yield
    finally:
        cluster.tell("c", signal.SIGCONT)


@contextmanager
def silent_later(cluster: Cluster) -> Iterator[Callable[[], None]]:
    """Give what stops the replica when it is called; it goes on at the end of the block."""
    try:
        yield lambda: cluster.tell("c", signal.SIGSTOP)
    finally:
        cluster.tell("c", signal.SIGCONT)


async def test_a_read_that_has_its_answers_ends(cluster: Cluster, memory: AsyncMemory) -> None:
    database, principal = app_of(memory).database, context_of(memory).principal
    async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
        async with database.read_transaction(principal) as connection:
            assert await connection.fetchval("SELECT pg_is_in_recovery()")
            stack.enter_context(silent(cluster))
        assert await memory.list()  # the primary serves
    assert not states(memory)["c"].serving
    await serving(memory, "c")


async def test_an_orm_read_that_has_its_answers_ends_at_the_primary(cluster: Cluster, memory: AsyncMemory) -> None:
    database, principal = app_of(memory).database, context_of(memory).principal
    answered: list[bool] = []
    with silent_later(cluster) as stop:

        async def work(session: AsyncSession) -> bool:
            answered.append((await session.execute(text("SELECT pg_is_in_recovery()"))).scalar_one())
            if len(answered) == 1:
                stop()
            return answered[-1]

        async with asyncio.timeout(PATIENCE):
            assert not await database.read_session(principal, work)
    assert answered == [True, False]
    await serving(memory, "c")


async def test_connections_beyond_the_pool_are_given_back(cluster: Cluster, memory: AsyncMemory) -> None:
    database, principal = app_of(memory).database, context_of(memory).principal
    ready = asyncio.Barrier(5)
    stopped = asyncio.Event()

    async def read() -> None:
        async with database.read_transaction(principal) as connection:
            await connection.fetchval("SELECT 1")
            await ready.wait()
            await stopped.wait()

    readers = [asyncio.create_task(read()) for _ in range(4)]
    async with asyncio.timeout(PATIENCE):
        await ready.wait()
        with silent(cluster):
            stopped.set()
            await asyncio.gather(*readers)
    await serving(memory, "c")


async def test_closing_does_not_wait_for_it(cluster: Cluster) -> None:
    memory = cluster.memory(organization=new_slug(), database_pool_size=5)
    async with asyncio.timeout(PATIENCE):
        async with memory:
            await caught_up(cluster, "c")
            await serving(memory, "c")
            before = states(memory)["c"].reads
            await asyncio.gather(*(memory.list() for _ in range(5)))  # connections that lie in the pool
            assert states(memory)["c"].reads > before
            cluster.tell("c", signal.SIGSTOP)
        cluster.tell("c", signal.SIGCONT)


async def test_readers_at_every_stage_go_on_at_the_primary(cluster: Cluster, memory: AsyncMemory) -> None:
    kept = await memory.remember("The newt is in the pond", user="ada")
    await caught_up(cluster, "c")
    ended = asyncio.Event()

    async def read() -> int:
        count = 0
        while not ended.is_set():
            assert (await memory.get(kept.ids[0])).content == "The newt is in the pond"
            count += 1
        return count

    readers = [asyncio.create_task(read()) for _ in range(6)]
    async with asyncio.timeout(PATIENCE):
        for _ in range(3):
            await serving(memory, "c")
            with silent(cluster):
                await until(lambda: not states(memory)["c"].serving)
        ended.set()
        assert min(await asyncio.gather(*readers)) > 0
