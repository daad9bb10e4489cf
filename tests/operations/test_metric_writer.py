"""The buffered writer: bounded, prompt, and nothing is lost on a clean close."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import RFC_4122, UUID, uuid4

import pytest

from mnemon.context import Context
from mnemon.core.clock import FixedClock
from mnemon.core.errors import Invalid, MnemonError, Unavailable
from mnemon.db.ids import new_ids
from mnemon.knowledge.schemas import KnowledgeUse, PatternRun, PatternUse
from mnemon.operations.schemas import AgentMetric, SystemMetric
from mnemon.operations.service import MetricWriter, buffer
from mnemon.operations.service.kinds import Columns, Metric, MetricKind
from tests.knowledge.factories import make_item, make_pattern
from tests.patience import PATIENCE


def metric(value: float = 1) -> SystemMetric:
    return SystemMetric(component="api", metric_type="n", value=value)


async def values(ctx: Context) -> list[float]:
    async with ctx.database.transaction(ctx.principal) as connection:
        return [row["value"] for row in await connection.fetch("SELECT value FROM system_metrics ORDER BY value")]


class Away:
    """Stands between the writer and the database, and can keep them apart."""

    def __init__(self) -> None:
        self.away = False
        self.batches: list[int] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def __call__(self, ctx: Context, kind: MetricKind, columns: Columns) -> None:
        await self.hold.wait()
        if self.away:
            raise Unavailable("The database cannot be reached.", code="unavailable.database")
        await kind.write(ctx, columns)
        self.batches.append(len(columns[0]))


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    made = Away()
    monkeypatch.setattr(buffer, "write", made)
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
    await asyncio.wait_for(adding, PATIENCE)
    await writer.close()
    assert await values(ctx) == [float(n) for n in range(50)]


async def test_large_documents_count_by_their_size(ctx: Context, away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "BATCH_CHARACTERS", 200_000)
    monkeypatch.setattr(buffer, "HELD_CHARACTERS", 1_000_000)
    large = {"text": "x" * 50_000}
    away.hold.clear()
    writer = MetricWriter(ctx, interval=60, writers=1)
    adding = asyncio.create_task(
        writer.add_all(SystemMetric(component="api", metric_type="n", value=n, metadata=large) for n in range(50))
    )
    await asyncio.sleep(0.2)
    assert not adding.done()
    assert writer.held == 20
    away.hold.set()
    await asyncio.wait_for(adding, PATIENCE)
    await writer.close()
    assert await values(ctx) == [float(n) for n in range(50)]
    assert set(away.batches[:-1]) == {4}


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
    at = datetime(2026, 4, 5, tzinfo=UTC)
    strangers = [AgentMetric(agent_id=uuid4(), metric_type="n", value=-1, timestamp=at) for _ in range(2)]
    good = [AgentMetric(agent_id=agent, metric_type="n", value=n) for n in range(30)]
    told: list[tuple[Any, str]] = []

    def note(refused: Any, error: MnemonError) -> None:
        told.append((refused, error.code))

    writer = MetricWriter(ctx, batch=32, interval=60, on_refused=note)
    await writer.add_all([*good[:10], strangers[0], *good[10:], strangers[1]])
    await writer.close()
    assert (writer.written, writer.refused) == (30, 2)
    assert sorted(told, key=str) == sorted([(one, "not_found.reference") for one in strangers], key=str)
    async with ctx.database.transaction(ctx.principal) as connection:
        assert await connection.fetchval("SELECT count(*) FROM agent_metrics") == 30


async def test_many_producers(ctx: Context) -> None:
    async with MetricWriter(ctx, batch=20, limit=40, interval=0.05) as writer:

        async def produce(number: int) -> None:
            for turn in range(60):
                await writer.add(metric(number * 100 + turn))

        await asyncio.gather(*(produce(number) for number in range(8)))
    assert await values(ctx) == [float(n * 100 + turn) for n in range(8) for turn in range(60)]


async def one_of_each(ctx: Context, agent: UUID, value: int = 1) -> list[Metric]:
    item, pattern = await make_item(ctx), await make_pattern(ctx)
    return [
        AgentMetric(agent_id=agent, metric_type="n", value=value, metadata={"model": "m"}),
        SystemMetric(component="api", host="one", metric_type="n", value=value),
        KnowledgeUse(knowledge_id=item.id, event="rated", agent_id=agent, value=0.5, metadata={"by": "hand"}),
        PatternRun(pattern_id=pattern.id, agent_id=agent, execution_time_ms=12, success=False, error_type="late"),
        PatternUse(pattern_id=pattern.id, agent_id=agent, success=True, context={"of": "it"}),
    ]


TABLES = ("agent_metrics", "system_metrics", "knowledge_metrics", "pattern_metrics", "pattern_usage")


async def test_five_tables_through_one_writer(
    ctx: Context, make_agent: Callable[..., Awaitable[UUID]], admin: Any
) -> None:
    agent = await make_agent(ctx)
    each = await one_of_each(ctx, agent)
    async with MetricWriter(ctx, batch=7, interval=60) as writer:
        for _ in range(20):
            await writer.add_all(each)
    assert (writer.written, writer.refused, writer.held) == (100, 0, 0)
    found = {}
    for table in TABLES:
        rows = await admin.fetch(f"SELECT * FROM {table} WHERE organization_id = $1", ctx.principal.organization_id)
        assert len(rows) == 20, table
        found[table] = rows[0]
    assert found["agent_metrics"]["metadata"] == '{"model": "m"}'
    assert (found["system_metrics"]["host"], found["system_metrics"]["metadata"]) == ("one", "{}")
    assert (found["knowledge_metrics"]["metric_type"], float(found["knowledge_metrics"]["value"])) == ("rated", 0.5)
    assert (found["pattern_metrics"]["execution_time_ms"], found["pattern_metrics"]["error_type"]) == (12, "late")
    assert (found["pattern_usage"]["success"], found["pattern_usage"]["context"]) == (True, '{"of": "it"}')


async def test_what_another_organisation_has_cannot_be_measured(
    ctx: Context, other: Context, make_agent: Callable[..., Awaitable[UUID]], admin: Any
) -> None:
    theirs = await one_of_each(other, await make_agent(other))
    told: list[str] = []
    async with MetricWriter(ctx, interval=60, on_refused=lambda _, error: told.append(error.code)) as writer:
        await writer.add_all([one for one in theirs if not isinstance(one, SystemMetric)])
    assert (writer.written, writer.refused, told) == (0, 4, ["not_found.reference"] * 4)
    for table in TABLES:
        assert not await admin.fetchval(
            f"SELECT count(*) FROM {table} WHERE organization_id IN ($1, $2)",
            *(ctx.principal.organization_id, other.principal.organization_id),
        ), table


async def test_without_its_permission_a_kind_is_refused_and_the_others_are_written(
    ctx: Context, make_agent: Callable[..., Awaitable[UUID]], away: Away
) -> None:
    each = await one_of_each(ctx, await make_agent(ctx))
    allowed = ctx.as_principal(replace(ctx.principal, permissions=frozenset({"metrics:write"})))
    told: list[tuple[str, str]] = []

    def note(refused: Metric, error: MnemonError) -> None:
        told.append((type(refused).__name__, error.code))

    async with MetricWriter(allowed, interval=60, on_refused=note) as writer:
        await writer.add_all(each * 10)
    assert (writer.written, writer.refused) == (20, 30)
    assert {name for name, _ in told} == {"KnowledgeUse", "PatternRun", "PatternUse"}
    assert all(code.startswith("forbidden") for _, code in told)


async def test_a_measurement_is_of_when_it_was_taken_not_of_when_it_is_written(ctx: Context) -> None:
    taken, said = datetime(2026, 2, 3, 4, 5, tzinfo=UTC), datetime(2025, 2, 3, tzinfo=UTC)
    async with MetricWriter(replace(ctx, clock=FixedClock(taken)), interval=60) as writer:
        await writer.add(metric())
        await writer.add(SystemMetric(component="api", metric_type="n", value=2, timestamp=said))
    async with ctx.database.transaction(ctx.principal) as connection:
        rows = await connection.fetch('SELECT "timestamp" FROM system_metrics ORDER BY value')
    assert [row["timestamp"] for row in rows] == [taken, said]


async def test_what_is_no_measurement_is_refused_at_once(ctx: Context) -> None:
    async with MetricWriter(ctx, interval=60) as writer:
        with pytest.raises(Invalid) as caught:
            await writer.add_all([metric(1), "two", metric(3)])  # type: ignore[list-item]
        assert caught.value.code == "invalid.metric"
        assert caught.value.hint is not None
        await writer.add(metric(4))
    assert await values(ctx) == [1.0, 4.0]


async def test_who_fails_over_a_refused_one_holds_up_nobody(
    ctx: Context, make_agent: Callable[..., Awaitable[UUID]]
) -> None:
    agent = await make_agent(ctx)

    def fail(_: Metric, __: MnemonError) -> None:
        raise ValueError("of the caller's own")

    async with MetricWriter(ctx, interval=60, on_refused=fail) as writer:
        await writer.add(AgentMetric(agent_id=uuid4(), metric_type="n", value=1))
        await writer.add(AgentMetric(agent_id=agent, metric_type="n", value=1))
        await writer.flush()
        assert (writer.written, writer.refused, writer.held) == (1, 1, 0)


def test_ids_are_random_uuids() -> None:
    made = [UUID(one) for one in new_ids(5000)]
    assert len(set(made)) == 5000
    assert {one.version for one in made} == {4}
    assert {one.variant for one in made} == {RFC_4122}
    assert new_ids(0) == []


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
