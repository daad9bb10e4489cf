"""REQ-T131 and REQ-T134: measurements go in quickly, are added up for ever, and are shown quickly."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.app import App
from mnemon.context import Context
from mnemon.core.errors import Forbidden, Invalid, MnemonError, NotFound, Unavailable
from mnemon.core.text import parse
from mnemon.knowledge.models import KnowledgeEvent
from mnemon.knowledge.schemas import KnowledgeUse, PatternRun, PatternUse
from mnemon.operations import service
from mnemon.operations.repository import AgentMetricRepository, SystemMetricRepository
from mnemon.operations.schemas import (
    AgentMetric,
    Dashboard,
    DashboardQuery,
    IngestMetrics,
    RollupQuery,
    SystemMetric,
)
from tests.conftest import Server
from tests.factories import new_slug, rows_of
from tests.knowledge.factories import make_item, make_pattern

MakeAgent = Callable[..., Awaitable[UUID]]


def hour(back: float = 0) -> datetime:
    """The beginning of the running hour, or of one that many hours ago."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=back)


async def ingest(ctx: Context, *metrics: AgentMetric | SystemMetric) -> int:
    return (await service.ingest_metrics(ctx, IngestMetrics(metrics=metrics))).rows


async def test_measurements_of_both_kinds_in_one_call(ctx: Context, make_agent: MakeAgent) -> None:
    agent = await make_agent(ctx)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    rows = await ingest(
        ctx,
        AgentMetric(agent_id=agent, metric_type="latency_ms", value=12.5, timestamp=at, metadata={"model": "m"}),
        SystemMetric(component="api", host="one", metric_type="cpu_percent", value=3),
    )
    assert rows == 2
    async with ctx.database.session(ctx.principal) as session:
        measured = (await rows_of(AgentMetricRepository(session, ctx.principal.organization_id), "timestamp"))[0]
        assert (measured.agent_id, measured.value, measured.timestamp) == (agent, 12.5, at)
        assert measured.metadata_ == {"model": "m"}
        repository = SystemMetricRepository(session, ctx.principal.organization_id)
        system = (await rows_of(repository, "timestamp"))[0]
        assert (system.component, system.host, system.value) == ("api", "one", 3.0)
        assert abs(system.timestamp - datetime.now(UTC)) < timedelta(minutes=5)
        assert await repository.get_by_id(system.id) is system
        made = await repository.create(component="db", metric_type="size", value=1.0)
        assert made.id
        for refused in (repository.update(made.id, value=2.0), repository.delete(made.id)):
            with pytest.raises(Forbidden):
                await refused


async def test_nothing_is_nothing(ctx: Context) -> None:
    assert await ingest(ctx) == 0


async def test_an_unknown_agent_is_not_found_and_nothing_is_kept(
    ctx: Context, other: Context, make_agent: MakeAgent
) -> None:
    good, theirs = await make_agent(ctx), await make_agent(other)
    for stranger in (uuid4(), theirs):
        with pytest.raises(NotFound) as caught:
            await ingest(
                ctx,
                AgentMetric(agent_id=good, metric_type="x", value=1),
                AgentMetric(agent_id=stranger, metric_type="x", value=1),
            )
        assert (caught.value.code, caught.value.data["field"]) == ("not_found.reference", "agent_id")
    async with ctx.database.transaction(ctx.principal) as connection:
        assert await connection.fetchval("SELECT count(*) FROM agent_metrics") == 0
        assert await connection.fetchval("SELECT count(*) FROM metric_partials") == 0


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"value": math.nan}, "value"),
        ({"value": math.inf}, "value"),
        ({"value": 1e101}, "value"),
        ({"metric_type": ""}, "metric_type"),
        ({"metric_type": "x" * 51}, "metric_type"),
        ({"agent_id": "nobody"}, "agent_id"),
        ({"metadata": {"a": {1, 2}}}, "metadata"),
        ({"timestamp": "never"}, "timestamp"),
        ({"nothing": 1}, "nothing"),
    ],
)
def test_measurements_that_are_refused(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(AgentMetric, {"agent_id": uuid4(), "metric_type": "x", "value": 1, **values})
    assert caught.value.data["field"] == field


@pytest.mark.parametrize(
    ("table", "values", "code", "field"),
    [
        ("system_metrics", "'api', 'x', 'NaN'", "invalid.value", "value"),
        ("system_metrics", "'api', 'x', '-Infinity'", "invalid.value", "value"),
        ("system_metrics", "'api', '', 1", "invalid.metric_type", "metric_type"),
        ("system_metrics", "'', 'x', 1", "invalid.component", "component"),
        ("system_metrics", "NULL, 'x', 1", "invalid.required", "component"),
        ("agent_metrics", "gen_random_uuid(), 'x', 'NaN'", "invalid.value", "value"),
        ("agent_metrics", "gen_random_uuid(), 'x', 1", "not_found.reference", "agent_id"),
    ],
)
@pytest.mark.parametrize("at", ["now()", "'2001-01-01'"])  # in a day's partition, and in the default one
async def test_what_the_database_refuses_of_a_measurement(
    ctx: Context, table: str, values: str, code: str, field: str, at: str
) -> None:
    whose = "component" if table == "system_metrics" else "agent_id"
    with pytest.raises(MnemonError) as caught:
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.execute(
                f'INSERT INTO {table} (organization_id, "timestamp", {whose}, metric_type, value) '
                f"VALUES ('{ctx.principal.organization_id}', {at}, {values})"
            )
    assert (caught.value.code, caught.value.data["field"]) == (code, field)


async def test_sums_by_the_hour_and_by_the_day(ctx: Context, make_agent: MakeAgent) -> None:
    agent = await make_agent(ctx)
    day = datetime(2026, 3, 29, tzinfo=UTC)  # a day of 23 hours in much of Europe
    for minutes, value in ((0, 1.0), (59, 3.0), (61, 10.0), (23 * 60 + 59, 6.0)):
        moment = day + timedelta(minutes=minutes)
        await ingest(ctx, AgentMetric(agent_id=agent, metric_type="latency_ms", value=value, timestamp=moment))
    assert (await service.roll_up_metrics(ctx)).partials == 4
    hours = await service.list_rollups(ctx, RollupQuery(source="agent", subject=str(agent)))
    assert [(one.start.hour, one.count, one.average, one.minimum, one.maximum) for one in hours.items] == [
        (0, 2, 2.0, 1.0, 3.0),
        (1, 1, 10.0, 10.0, 10.0),
        (23, 1, 6.0, 6.0, 6.0),
    ]
    assert hours.items[0].deviation == 1.0
    days = await service.list_rollups(ctx, RollupQuery(source="agent", interval="day", metric_type="latency_ms"))
    assert [(one.start, one.count, one.average) for one in days.items] == [(day, 4, 5.0)]
    later = await service.list_rollups(ctx, RollupQuery(source="agent", since=day + timedelta(hours=1), limit=1))
    assert [one.start.hour for one in later.items] == [1]


async def test_each_measurement_is_added_once_however_many_roll_up(ctx: Context) -> None:
    async def writing(number: int) -> None:
        for turn in range(10):
            await ingest(ctx, SystemMetric(component="api", metric_type="n", value=number * 10 + turn))

    async def rolling() -> None:
        for _ in range(8):
            await service.roll_up_metrics(ctx)

    await asyncio.gather(*(writing(n) for n in range(4)), *(rolling() for _ in range(3)))
    await service.roll_up_metrics(ctx)
    assert (await service.roll_up_metrics(ctx)).partials == 0
    days = await service.list_rollups(ctx, RollupQuery(source="system", interval="day"))
    assert sum(one.count for one in days.items) == 40
    assert sum(one.average * one.count for one in days.items) == sum(range(40))


async def test_a_rollup_that_is_killed_in_the_middle_adds_nothing_and_the_next_adds_all(
    own: tuple[App, Any], server: Server
) -> None:
    app, admin = own
    for _ in range(3):
        await ingest(app.context, SystemMetric(component="api", metric_type="n", value=2))
    await service.roll_up_metrics(app.context)
    for _ in range(4):
        await ingest(app.context, SystemMetric(component="api", metric_type="n", value=3))
    holder = await server.connect(database=await admin.fetchval("SELECT current_database()"))
    async with holder.transaction():  # it has taken the sums away when it comes to the row that is held
        await holder.execute("SELECT FROM metric_rollups FOR UPDATE")
        rolling = asyncio.create_task(service.roll_up_metrics(app.context))
        victim = None
        for _ in range(3000):
            victim = await admin.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if victim:
                break
            await asyncio.sleep(0.01)
        assert await admin.fetchval("SELECT pg_terminate_backend($1)", victim)
        with pytest.raises(Unavailable):
            await rolling
    await holder.close()
    assert (await service.roll_up_metrics(app.context)).partials == 4
    found = await service.list_rollups(app.context, RollupQuery(source="system"))
    assert sum(one.count for one in found.items) == 7
    assert sum(one.count * one.average for one in found.items) == 18


async def test_what_comes_late_is_added_to_hours_that_are_long_added_up(own: tuple[App, Any]) -> None:
    """After the rollup, and after retention: its raw rows go with the next maintenance, the sums have them."""
    app, admin = own
    old = hour(24 * 100)
    for value in (1.0, 5.0):
        await ingest(app.context, SystemMetric(component="api", metric_type="n", value=value, timestamp=old))
        await service.roll_up_metrics(app.context)
        await admin.execute("SELECT maintain_partitions_at('system_metrics', now())")
        assert await admin.fetchval("SELECT count(*) FROM system_metrics") == 0
    (found,) = (await service.list_rollups(app.context, RollupQuery(source="system"))).items
    assert (found.start, found.count, found.average, found.minimum, found.maximum) == (old, 2, 3.0, 1.0, 5.0)


@settings(max_examples=10)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["api", "worker"]),
                st.sampled_from(["cpu", "memory"]),
                st.integers(-1000, 1000),
                st.integers(0, 60 * 60 * 72),
            ),
            min_size=1,
            max_size=8,
        ),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.booleans(), min_size=4, max_size=4),
)
async def test_rollups_are_the_sums_of_what_came_in_whatever_order(
    app: App, batches: list[list[tuple[str, str, int, int]]], between: list[bool]
) -> None:
    ctx = await app.organization(new_slug())
    start = datetime(2026, 5, 5, tzinfo=UTC)
    expected: dict[tuple[str, str, datetime], list[float]] = defaultdict(list)
    for batch, roll in zip(batches, between, strict=False):
        metrics = []
        for component, kind, value, second in batch:
            at = start + timedelta(seconds=second)
            expected[component, kind, at.replace(minute=0, second=0)].append(value)
            metrics.append(SystemMetric(component=component, metric_type=kind, value=value, timestamp=at))
        await ingest(ctx, *metrics)
        if roll:
            await service.roll_up_metrics(ctx)
    await service.roll_up_metrics(ctx)
    found = await service.list_rollups(ctx, RollupQuery(source="system"))
    assert {
        (one.subject, one.metric_type, one.start): (one.count, round(one.average * one.count), one.minimum, one.maximum)
        for one in found.items
    } == {key: (len(v), sum(v), min(v), max(v)) for key, v in expected.items()}


async def test_the_dashboard_shows_the_last_hour_day_and_week(
    ctx: Context, other: Context, installation: Context, make_agent: MakeAgent
) -> None:
    agent = await make_agent(ctx)
    for back, value in ((0, 1.0), (1, 3.0), (5, 11.0), (100, 25.0), (24 * 9, 1000.0)):
        await ingest(ctx, AgentMetric(agent_id=agent, metric_type="latency_ms", value=value, timestamp=hour(back)))
    await ingest(ctx, SystemMetric(component="api", metric_type="cpu_percent", value=50))
    shown = await service.dashboard(ctx, DashboardQuery(refresh=True))
    await service.refresh_dashboard(installation)
    assert (await service.dashboard(ctx)).rows == shown.rows
    assert shown.refreshed_at is not None
    assert [(r.subject, r.span, r.count, r.average, r.maximum) for r in shown.rows if r.source == "agent"] == [
        (str(agent), "hour", 2, 2.0, 3.0),
        (str(agent), "day", 3, 5.0, 11.0),
        (str(agent), "week", 4, 10.0, 25.0),
    ]
    system = await service.dashboard(ctx, DashboardQuery(source="system", subject="api", metric_type="cpu_percent"))
    assert [(r.span, r.count, r.average) for r in system.rows] == [
        ("hour", 1, 50.0),
        ("day", 1, 50.0),
        ("week", 1, 50.0),
    ]
    # It is as of the last refresh for everybody, and every organisation sees its own; asked for what is there now, an
    # organisation's own is added up, and nobody else's changes.
    await ingest(ctx, SystemMetric(component="api", metric_type="cpu_percent", value=70))
    assert (await service.dashboard(ctx)).rows == shown.rows
    assert (await service.dashboard(other)).rows == ()
    assert await service.dashboard(other, DashboardQuery(refresh=True)) == Dashboard(refreshed_at=None, rows=())
    asked = DashboardQuery(source="system")
    assert (await service.dashboard(ctx, asked)).rows[0].count == 1
    now = await service.dashboard(ctx, asked.model_copy(update={"refresh": True}))
    assert now.rows[0].count == 2
    assert (await service.dashboard(ctx, asked)).rows[0].count == 1
    await service.refresh_dashboard(installation)
    assert (await service.dashboard(ctx, asked)).rows == now.rows


async def test_the_application_cannot_read_everybodys_dashboard(ctx: Context) -> None:
    with pytest.raises(Forbidden):
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.fetch("SELECT * FROM metric_summary")
    async with ctx.database.untenanted() as connection:
        assert await connection.fetchval("SELECT count(*) FROM metric_dashboard") == 0


async def test_two_refreshes_at_once(ctx: Context, installation: Context) -> None:
    await ingest(ctx, SystemMetric(component="api", metric_type="n", value=1))
    await asyncio.gather(*(service.refresh_dashboard(installation) for _ in range(3)))
    assert (await service.dashboard(ctx)).rows[0].count == 1
    shown = await asyncio.gather(*(service.dashboard(ctx, DashboardQuery(refresh=True)) for _ in range(3)))
    assert {one.rows[0].count for one in shown} == {1}


async def test_an_agents_measurements_are_found_by_their_index(ctx: Context, make_agent: MakeAgent, admin: Any) -> None:
    agents = [await make_agent(ctx, f"agent-{n}") for n in range(5)]
    await ingest(ctx, *[AgentMetric(agent_id=agents[n % 5], metric_type="n", value=n) for n in range(5000)])
    await admin.execute("ANALYZE agent_metrics")
    async with ctx.database.transaction(ctx.principal) as connection:
        plan = await connection.fetch(
            "EXPLAIN SELECT * FROM agent_metrics WHERE organization_id = $1 AND agent_id = $2 "
            'ORDER BY "timestamp" DESC LIMIT 10',
            *(ctx.principal.organization_id, agents[0]),
        )
    text = "\n".join(row[0] for row in plan)
    assert f"using agent_metrics_{datetime.now(UTC):%Y%m%d}_organization_id_agent_id" in text


async def test_what_is_measured_of_knowledge_and_patterns_is_added_up_too(ctx: Context, make_agent: MakeAgent) -> None:
    agent, item, pattern = await make_agent(ctx), await make_item(ctx), await make_pattern(ctx)
    at = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    async with service.MetricWriter(ctx, interval=60) as writer:
        for value in (0.25, 0.75):
            await writer.add(
                KnowledgeUse(knowledge_id=item.id, event=KnowledgeEvent.RATED, agent_id=agent, value=value, at=at)
            )
        for took, well in ((10, True), (30, False)):
            await writer.add(
                PatternRun(pattern_id=pattern.id, agent_id=agent, execution_time_ms=took, success=well, at=at)
            )
        for helped in (True, True, False, None):
            await writer.add(PatternUse(pattern_id=pattern.id, agent_id=agent, success=helped, at=at))
    await service.roll_up_metrics(ctx)
    found = {}
    for source in ("knowledge", "pattern_run", "pattern_use"):
        query = parse(RollupQuery, {"source": source, "interval": "day"})
        for one in (await service.list_rollups(ctx, query)).items:
            assert one.subject == str(item.id if source == "knowledge" else pattern.id)
            found[source, one.metric_type] = (one.count, one.minimum, one.maximum, round(one.average, 3))
    assert found == {
        ("knowledge", "rated"): (2, 0.25, 0.75, 0.5),
        ("pattern_run", "execution_time_ms"): (2, 10, 30, 20),
        ("pattern_run", "success"): (2, 0, 1, 0.5),
        ("pattern_use", "used"): (4, 1, 1, 1),
        ("pattern_use", "success"): (3, 0, 1, 0.667),
    }
