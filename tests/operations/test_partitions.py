"""Partitions are there before they are needed, no row at any date is lost, and what is past retention goes."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.app import App
from mnemon.catalog import metadata
from mnemon.context import Context
from mnemon.core.errors import Forbidden, Invalid
from mnemon.operations import service
from mnemon.operations.schemas import IngestMetrics, MaintainPartitions, RollupQuery, SystemMetric
from tests.conftest import APP
from tests.factories import new_slug

NOW = datetime.now(UTC)


async def partitions(admin: Any, table: str) -> dict[str, int]:
    """Rows of each partition."""
    names = await admin.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::text::regclass", table
    )
    return {row["name"]: await admin.fetchval(f"SELECT count(*) FROM {row['name']}") for row in names}


async def maintain(admin: Any, table: str, at: datetime = NOW) -> dict[str, Any]:
    """One run as it will be at another time."""
    found: dict[str, Any] = json.loads(await admin.fetchval("SELECT maintain_partitions_at($1, $2)::text", table, at))
    return found


async def measure(ctx: Context, *moments: datetime) -> None:
    metrics = tuple(
        SystemMetric(component="api", metric_type="latency_ms", value=n, timestamp=moment)
        for n, moment in enumerate(moments)
    )
    assert (await service.ingest_metrics(ctx, IngestMetrics(metrics=metrics))).rows == len(moments)


async def test_the_policies_are_those_of_the_models(admin: Any) -> None:
    wanted = {
        table.name: (i["column"], i["every"], i["retention_days"])
        for table in metadata.tables.values()
        if (i := table.info.get("partition"))
    }
    found = {
        row["table_name"]: (row["column_name"], row["every"], row["retention_days"])
        for row in await admin.fetch("SELECT * FROM partition_policies")
    }
    assert found == wanted, "list the table in operations/sql/objects/50_partitions.sql"
    ranges = await admin.fetch(
        "SELECT partrelid::regclass::text AS name FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid "
        "WHERE partstrat = 'r' AND c.relnamespace = 'public'::regnamespace"
    )
    assert {row["name"] for row in ranges} == set(wanted), "say info={'partition': ...} in the model"


async def test_three_intervals_are_ready(own: tuple[App, Any], upkeep: Context) -> None:
    _, admin = own
    report = await service.maintain_partitions(upkeep)
    assert not [one for one in report.tables if one.busy]
    assert {one.table for one in report.tables} >= {
        "agent_metrics",
        "audit_logs",
        "agent_states",
        "workflow_executions",
    }
    days = await partitions(admin, "agent_metrics")
    for ahead in range(4):
        assert f"agent_metrics_{NOW + timedelta(days=ahead):%Y%m%d}" in days
    again = await service.maintain_partitions(upkeep)
    assert not [one for one in again.tables if one.made or one.dropped or one.drained]


async def test_partitions_begin_at_midnight_in_utc(own: tuple[App, Any]) -> None:
    _, admin = own
    await admin.execute("SET timezone = 'America/New_York'")
    await maintain(admin, "agent_metrics", NOW + timedelta(days=7))
    await maintain(admin, "audit_logs", NOW + timedelta(days=99))
    await admin.execute("SET timezone = 'UTC'")
    for table in ("agent_metrics", "audit_logs", "error_logs"):
        rows = await admin.fetch(
            "SELECT name, lower_bound, upper_bound FROM partition_bounds($1) ORDER BY lower_bound", table
        )
        assert len(rows) >= 4
        for row in rows:
            assert row["lower_bound"].time().isoformat() == "00:00:00", row
            assert row["name"].endswith(f"{row['lower_bound']:%Y%m%d}")
        for before, after in pairwise(rows):
            assert before["upper_bound"] <= after["lower_bound"]


async def test_a_row_at_any_date_is_taken_and_kept(own: tuple[App, Any], upkeep: Context) -> None:
    app, admin = own
    moments = [
        datetime(2, 1, 1, tzinfo=UTC),
        NOW - timedelta(days=20),
        NOW,
        NOW + timedelta(days=3),
        datetime(9998, 12, 31, tzinfo=UTC),
    ]
    await measure(app.context, *moments)
    before = await partitions(admin, "system_metrics")
    assert before["system_metrics_default"] == 4
    found = await service.maintain_partitions(upkeep, MaintainPartitions(tables=("system_metrics",)))
    after = await partitions(admin, "system_metrics")
    assert after[f"system_metrics_{NOW - timedelta(days=20):%Y%m%d}"] == 1
    assert after[f"system_metrics_{NOW + timedelta(days=3):%Y%m%d}"] == 1
    assert after["system_metrics_default"] == 1, "the far future waits in the default partition"
    assert found.tables[0].drained == 3, "two moved, one is two thousand years past its retention"
    assert sum(after.values()) == 4
    # The sums know all of them.
    await service.roll_up_metrics(app.context)
    rollups = await service.list_rollups(app.context, RollupQuery(source="system", interval="day"))
    assert sum(one.count for one in rollups.items) == 5


async def test_the_future_is_drained_when_it_comes(own: tuple[App, Any]) -> None:
    app, admin = own
    day = NOW + timedelta(days=40)
    await measure(app.context, day, day)
    await maintain(admin, "system_metrics")
    assert (await partitions(admin, "system_metrics"))["system_metrics_default"] == 2
    found = await maintain(admin, "system_metrics", day)
    assert found["drained"] == 2
    after = await partitions(admin, "system_metrics")
    assert (after["system_metrics_default"], after[f"system_metrics_{day:%Y%m%d}"]) == (0, 2)


async def test_what_is_past_retention_goes_and_the_sums_stay(own: tuple[App, Any]) -> None:
    app, admin = own
    await measure(app.context, *[NOW - timedelta(hours=n) for n in range(5)])
    found = await maintain(admin, "system_metrics", NOW + timedelta(days=95))
    assert f"system_metrics_{NOW:%Y%m%d}" in found["dropped"]
    assert await admin.fetchval("SELECT count(*) FROM system_metrics") == 0
    await service.roll_up_metrics(app.context)
    rollups = await service.list_rollups(app.context, RollupQuery(source="system", interval="hour"))
    assert sum(one.count for one in rollups.items) == 5
    policy = await admin.fetchrow("SELECT * FROM partition_policies WHERE table_name = 'system_metrics'")
    assert policy["kept_since"] is not None
    assert policy["maintained_at"] == NOW + timedelta(days=95)


async def test_a_series_without_retention_keeps_everything(own: tuple[App, Any]) -> None:
    _, admin = own
    found = await maintain(admin, "agent_states", NOW + timedelta(days=36500))
    assert found["dropped"] == []
    assert found["made"]


async def test_the_rows_of_an_append_only_table_can_be_drained(own: tuple[App, Any]) -> None:
    _, admin = own
    past = NOW - timedelta(days=400)
    add = "INSERT INTO audit_logs (organization_id, action, created_at) VALUES (gen_random_uuid(), 'a:b', $1)"
    await admin.execute(add, past)
    found = await maintain(admin, "audit_logs")
    assert found["drained"] == 1
    assert (await partitions(admin, "audit_logs"))[f"audit_logs_{past:%Y%m}01"] == 1
    # It is append-only still, in the new default partition too.
    await admin.execute(add, datetime(9000, 1, 1, tzinfo=UTC))
    assert (await partitions(admin, "audit_logs"))["audit_logs_default"] == 1
    for table in ("audit_logs", "audit_logs_default"):
        for statement in (f"UPDATE {table} SET action = 'c:d'", f"DELETE FROM {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await admin.execute(statement)


async def test_many_days_at_once_are_drained_a_hundred_at_a_time(own: tuple[App, Any]) -> None:
    app, admin = own
    await admin.execute("UPDATE partition_policies SET retention_days = NULL WHERE table_name = 'system_metrics'")
    await measure(app.context, *[NOW - timedelta(days=10 + n) for n in range(110)])
    assert (await maintain(admin, "system_metrics"))["drained"] == 100
    assert (await maintain(admin, "system_metrics"))["drained"] == 10
    assert (await maintain(admin, "system_metrics"))["drained"] == 0
    assert await admin.fetchval("SELECT count(*) FROM system_metrics") == 110


async def test_twice_at_once_and_beside_writers(own: tuple[App, Any], upkeep: Context) -> None:
    app, admin = own
    await measure(app.context, *[NOW - timedelta(days=n) for n in range(1, 30)])
    done = asyncio.Event()
    written = 29

    async def writing() -> None:
        nonlocal written
        while not done.is_set():
            await measure(app.context, NOW, NOW - timedelta(days=33))
            written += 2

    writer = asyncio.create_task(writing())
    wanted = MaintainPartitions(tables=("system_metrics",))
    reports = await asyncio.gather(*(service.maintain_partitions(upkeep, wanted) for _ in range(4)))
    done.set()
    await writer
    assert not [one for report in reports for one in report.tables if one.busy]
    await service.maintain_partitions(upkeep, wanted)
    rows = await partitions(admin, "system_metrics")
    assert rows["system_metrics_default"] == 0
    assert sum(rows.values()) == written


async def test_a_table_in_use_is_busy_and_the_others_are_done(
    own: tuple[App, Any], upkeep: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, admin = own
    monkeypatch.setattr("mnemon.operations.service.partitions.ATTEMPTS", 1)
    async with admin.transaction():
        await admin.execute("LOCK TABLE agent_metrics IN ACCESS SHARE MODE")
        report = await service.maintain_partitions(
            upkeep, MaintainPartitions(tables=("agent_metrics", "system_metrics"))
        )
    assert [(one.table, one.busy, bool(one.made)) for one in report.tables] == [
        ("agent_metrics", True, False),
        ("system_metrics", False, True),
    ]


async def test_the_application_cannot_move_the_clock_or_the_policies(ctx: Context) -> None:
    for statement in (
        "SELECT maintain_partitions_at('agent_metrics', now() + interval '1000 years')",
        "UPDATE partition_policies SET retention_days = 1",
        "INSERT INTO partition_policies VALUES ('users', 'created_at', 'day', 1)",
        "DELETE FROM partition_policies",
        "DROP TABLE agent_metrics_default",
    ):
        with pytest.raises(Forbidden):
            async with ctx.database.transaction(ctx.principal) as connection:
                await connection.execute(statement)


async def test_only_time_series_that_are_known(ctx: Context, installation: Context, limited: Context) -> None:
    for table in ("users", "memories", "agent_metrics_default", "x; DROP TABLE users"):
        with pytest.raises(Invalid) as caught:
            await service.maintain_partitions(installation, MaintainPartitions(tables=(table,)))
        assert caught.value.code == "invalid.time_series"
    with pytest.raises(Forbidden):
        await service.maintain_partitions(limited)
    with pytest.raises(Forbidden) as refused:
        await service.maintain_partitions(ctx)
    assert refused.value.code == "forbidden.installation"
    async with installation.database.transaction(installation.principal) as connection:
        assert await connection.fetchval("SELECT maintain_partitions('users')") is None


@settings(max_examples=6)
@given(st.lists(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 30)), min_size=1, max_size=20))  # noqa: DTZ001
async def test_no_date_is_refused_and_none_is_lost(app: App, admin: Any, moments: list[datetime]) -> None:
    ctx = await app.organization(new_slug())
    transaction = admin.transaction()
    await transaction.start()
    try:
        await admin.execute("UPDATE partition_policies SET retention_days = NULL")
        count = "SELECT count(*) FROM system_metrics WHERE organization_id = $1"
        await admin.executemany(
            'INSERT INTO system_metrics (organization_id, component, metric_type, value, "timestamp") '
            "VALUES ($1, 'api', 'n', 1, $2)",
            [(ctx.principal.organization_id, moment.replace(tzinfo=UTC)) for moment in moments],
        )
        await maintain(admin, "system_metrics")
        assert await admin.fetchval(count, ctx.principal.organization_id) == len(moments)
    finally:
        await transaction.rollback()


async def test_a_partition_is_closed_to_the_application(own: tuple[App, Any], upkeep: Context) -> None:
    _, admin = own
    await service.maintain_partitions(upkeep)
    for table in ("agent_metrics", "audit_logs"):
        for name in await partitions(admin, table):
            assert not await admin.fetchval("SELECT has_table_privilege($1, $2, 'SELECT')", APP, name), name
