"""The buffered writer: bounded, prompt, and nothing is lost on a clean close."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon.core.context import Context
from mnemon.core.errors import Invalid, MnemonError, Unavailable
from mnemon.operations import service
from mnemon.operations.schemas import AgentMetric, Ingested, IngestMetrics, SystemMetric
from mnemon.operations.service import MetricWriter, buffer


def metric(value: float = 1) -> SystemMetric:
    return SystemMetric(component="api", metric_type="n", value=value)


async def values(ctx: Context) -> list[float]:
    async with ctx.database.hot(ctx.principal) as connection:
        return [row["value"] for row in await connection.fetch("SELECT value FROM system_metrics ORDER BY value")]


class Away:
    """Stands between the writer and the verb, and can keep them apart."""

    def __init__(self) -> None:
        self.away = False
        self.batches: list[int] = []
        self.running = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def __call__(self, ctx: Context, request: IngestMetrics) -> Ingested:
        await self.hold.wait()
        if self.away:
            raise Unavailable("The database cannot be reached.", code="unavailable.database")
        done = await service.ingest_metrics(ctx, request)
        self.batches.append(done.rows)
        return done


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    made = Away()
    monkeypatch.setattr(buffer, "ingest_metrics", made)
    return made


async def test_a_clean_close_writes_everything(ctx: Context) -> None:
    async with MetricWriter(ctx, batch=50, interval=60) as writer:
        for number in range(333):
            await writer.add(metric(number))
    assert await values(ctx) == [float(number) for number in range(333)]
    assert (writer.written, writer.refused, writer.held) == (333, 0, 0)
    with pytest.raises(Unavailable) as caught:
        await writer.add(metric())
    assert caught.value.code == "unavailable.closed"
    await writer.close()


async def test_a_full_batch_is_written_at_once(ctx: Context, away: Away) -> None:
    writer = MetricWriter(ctx, batch=10, interval=60, writers=1)
    await writer.add_all(metric(n) for n in range(25))
    for _ in range(200):
        if writer.written >= 20:
            break
        await asyncio.sleep(0.02)
    assert writer.written == 20
    assert writer.held == 5
    await writer.close()
    assert away.batches == [10, 10, 5]


async def test_a_few_are_written_after_a_while(ctx: Context) -> None:
    writer = MetricWriter(ctx, batch=1000, interval=0.05)
    await writer.add(metric())
    for _ in range(200):
        if writer.written:
            break
        await asyncio.sleep(0.02)
    assert await values(ctx) == [1.0]
    await writer.close()


async def test_flush_waits_until_it_is_written(ctx: Context) -> None:
    writer = MetricWriter(ctx, batch=1000, interval=60)
    await writer.add(metric(7))
    await writer.flush()
    assert await values(ctx) == [7.0]
    await writer.flush()
    await writer.close()


async def test_memory_is_bounded_and_the_caller_waits(ctx: Context, away: Away) -> None:
    away.hold.clear()
    writer = MetricWriter(ctx, batch=5, limit=20, interval=0.01, writers=2)
    adding = asyncio.create_task(writer.add_all(metric(n) for n in range(50)))
    await asyncio.sleep(0.2)
    assert not adding.done()
    assert writer.held == 20
    away.hold.set()
    await asyncio.wait_for(adding, 20)
    await writer.close()
    assert await values(ctx) == [float(n) for n in range(50)]


async def test_while_the_database_is_away_nothing_is_lost(ctx: Context, away: Away) -> None:
    away.away = True
    writer = MetricWriter(ctx, batch=5, interval=0.01)
    await writer.add_all(metric(n) for n in range(12))
    await asyncio.sleep(0.1)
    assert (writer.written, writer.held) == (0, 12)
    away.away = False
    await writer.close()
    assert await values(ctx) == [float(n) for n in range(12)]


async def test_a_close_that_cannot_write_says_so_and_can_be_repeated(ctx: Context, away: Away) -> None:
    away.away = True
    writer = MetricWriter(ctx, batch=5, interval=0.01)
    await writer.add_all(metric(n) for n in range(12))
    with pytest.raises(Unavailable) as caught:
        await writer.close(timeout=0.2)
    assert (caught.value.code, caught.value.data["left"]) == ("unavailable.metrics", 12)
    away.away = False
    await writer.close()
    assert await values(ctx) == [float(n) for n in range(12)]


async def test_one_bad_measurement_holds_up_nobody(ctx: Context, make_agent: Callable[..., Awaitable[UUID]]) -> None:
    agent = await make_agent(ctx)
    strangers = [AgentMetric(agent_id=uuid4(), metric_type="n", value=-1) for _ in range(2)]
    good = [AgentMetric(agent_id=agent, metric_type="n", value=n) for n in range(30)]
    told: list[tuple[Any, str]] = []

    def note(refused: Any, error: MnemonError) -> None:
        told.append((refused, error.code))

    writer = MetricWriter(ctx, batch=32, interval=60, on_refused=note)
    await writer.add_all([*good[:10], strangers[0], *good[10:], strangers[1]])
    await writer.close()
    assert (writer.written, writer.refused) == (30, 2)
    assert sorted(told, key=str) == sorted([(one, "not_found.reference") for one in strangers], key=str)
    async with ctx.database.hot(ctx.principal) as connection:
        assert await connection.fetchval("SELECT count(*) FROM agent_metrics") == 30


async def test_many_producers(ctx: Context) -> None:
    async with MetricWriter(ctx, batch=20, limit=40, interval=0.05) as writer:

        async def produce(number: int) -> None:
            for turn in range(60):
                await writer.add(metric(number * 100 + turn))

        await asyncio.gather(*(produce(number) for number in range(8)))
    assert await values(ctx) == [float(n * 100 + turn) for n in range(8) for turn in range(60)]


def test_bounds(ctx: Context) -> None:
    for wrong in (
        {"batch": 0},
        {"batch": 10, "limit": 5},
        {"interval": 0},
        {"writers": 0},
        {"batch": 10**6, "limit": 10**7},
    ):
        with pytest.raises(Invalid) as caught:
            MetricWriter(ctx, **wrong)  # type: ignore[arg-type]
        assert caught.value.code == "invalid.metric_writer"
