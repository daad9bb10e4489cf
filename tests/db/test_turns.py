"""Who gets a connection: those that the pool keeps go round; one more is opened only where they stay away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from sqlalchemy import event

from mnemon.db.engine import hang_up
from mnemon.db.session import Database
from tests.conftest import APP, Server
from tests.factories import settings_of
from tests.patience import PATIENCE

Opened = Callable[[], int]


@pytest_asyncio.fixture
async def own(server: Server, template: str) -> AsyncIterator[Database]:
    """A pool of two, and four beyond that."""
    database = Database(server.url(APP), settings_of(server.url(APP), database_pool_size=2, database_pool_overflow=4))
    yield database
    await database.close()


@pytest.fixture
def opened(own: Database) -> Opened:
    """How many connections it has opened."""
    connections: list[object] = []
    event.listen(own.engine.sync_engine, "connect", lambda connection, _: connections.append(connection))
    return lambda: len(connections)


async def test_callers_take_turns_with_what_the_pool_keeps(own: Database, opened: Opened) -> None:
    async def call() -> None:
        async with own.untenanted() as connection:
            await connection.fetchval("SELECT 1")

    await asyncio.gather(call(), call())
    await asyncio.gather(*(call() for _ in range(24)))
    assert opened() == 2


async def test_one_more_is_opened_where_they_are_not_given_back(own: Database, opened: Opened) -> None:
    leave = asyncio.Event()
    inside = asyncio.Barrier(6)

    async def stay() -> None:
        async with own.untenanted() as connection:
            await connection.fetchval("SELECT 1")
            await inside.wait()
            await leave.wait()

    staying = [asyncio.create_task(stay()) for _ in range(5)]
    async with asyncio.timeout(PATIENCE):
        await inside.wait()  # all five have one, and none has given it back
        assert opened() == 5
        leave.set()
        await asyncio.gather(*staying)
        # Those beyond the pool's size are closed, and the turns are there again.
        async with own.untenanted() as one, own.untenanted() as two:
            assert await one.fetchval("SELECT 1") + await two.fetchval("SELECT 1") == 2
    assert opened() == 5


async def test_who_gives_up_waiting_takes_no_turn_along(own: Database, opened: Opened) -> None:
    async with own.untenanted(), own.untenanted():
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001), own.untenanted():
                    await asyncio.sleep(PATIENCE)
    async with asyncio.timeout(PATIENCE), own.untenanted() as one, own.untenanted() as two:
        assert await one.fetchval("SELECT 1") + await two.fetchval("SELECT 1") == 2
    assert opened() == 2


async def test_turns_of_a_loop_that_has_ended_are_there_again(own: Database) -> None:
    async with own.untenanted(), own.untenanted():
        hang_up(own.engine)  # as when another loop begins to use it
        async with asyncio.timeout(PATIENCE), own.untenanted() as one, own.untenanted() as two:
            assert await one.fetchval("SELECT 1") + await two.fetchval("SELECT 1") == 2
