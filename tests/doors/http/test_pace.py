"""How many calls may come: counted for all processes in Redis, and in each alone while that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from mnemon.core.shared import PAUSE
from mnemon.doors.http.errors import TooMany
from mnemon.doors.http.options import ServeOptions
from mnemon.doors.http.pace import UNKNOWN, Pace
from tests.redis_server import RedisServer, running

SIX = ServeOptions(per_minute=6, burst=100)


@pytest_asyncio.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with running(tmp_path) as server:
        yield server


def pace_of(server: RedisServer) -> Pace:
    """What one process counts with."""
    return Pace(SIX, SecretStr(f"redis://127.0.0.1:{server.port}/0"))


async def taken(pace: Pace, name: str = "key", tries: int = 10) -> int:
    """How many of some calls may come."""
    waits: list[int] = []
    for _ in range(tries):
        try:
            await pace.take(name)
        except TooMany as error:
            waits.append(error.seconds)
    assert all(1 <= seconds <= 60 for seconds in waits)
    return tries - len(waits)


async def test_processes_count_together(redis: RedisServer) -> None:
    one, other = pace_of(redis), pace_of(redis)
    assert await taken(one, tries=4) == 4
    assert await taken(other) == 2
    assert await taken(one) == 0
    assert await taken(one, "another") == 6
    await one.close()
    await other.close()


async def test_without_redis_each_counts_alone() -> None:
    assert await taken(Pace(SIX)) == 6
    assert await taken(Pace(SIX)) == 6


async def test_where_redis_is_gone_calls_come_and_are_counted_here(redis: RedisServer) -> None:
    pace = pace_of(redis)
    assert await taken(pace, tries=4) == 4
    redis.kill()
    assert await taken(pace) == 6  # this process begins anew: more than may come, and not without an end
    await redis.start()
    await asyncio.sleep(PAUSE)
    assert await taken(pace) == 6  # the Redis that was started has counted nothing yet
    assert await taken(pace_of(redis)) == 0
    await pace.close()


async def test_many_at_once_are_counted_once_each(redis: RedisServer) -> None:
    paces = [pace_of(redis) for _ in range(3)]
    counts = await asyncio.gather(*(taken(pace, tries=5) for pace in paces))
    assert sum(counts) == 6
    for pace in paces:
        await pace.close()


async def test_addresses_of_nobody_are_counted_together(redis: RedisServer) -> None:
    one, other = pace_of(redis), pace_of(redis)
    for n in range(UNKNOWN):
        await (one if n % 2 else other).take_unknown("192.0.2.7")
    for pace in (one, other):
        with pytest.raises(TooMany):
            await pace.take_unknown("192.0.2.7")
        await pace.take_unknown("192.0.2.8")
        await pace.close()


async def test_nothing_is_counted_where_there_is_no_limit(redis: RedisServer) -> None:
    pace = Pace(ServeOptions(per_minute=0), SecretStr(f"redis://127.0.0.1:{redis.port}/0"))
    assert await taken(pace, tries=50) == 50
    await pace.close()
