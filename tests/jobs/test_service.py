"""The queue's verbs: enqueued with the caller's transaction, seen, cancelled and queued again by nobody else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from mnemon.app import App
from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, Invalid, NotFound
from mnemon.core.pages import PageRequest
from mnemon.core.text import parse
from mnemon.jobs import service
from mnemon.jobs.errors import JobNotFound, JobState
from mnemon.jobs.schemas import Enqueue, ListJobs, SetSchedule
from tests.conftest import APP, Server
from tests.factories import enter, installation_of

from .conftest import DATABASE


async def test_enqueued_and_seen(ctx: Context) -> None:
    made = await service.enqueue(ctx, Enqueue(kind="mail.send", payload={"to": "ada", "n": [1, None, 2.5]}, priority=7))
    assert made.created
    job = await service.get_job(ctx, made.id)
    assert (job.kind, job.status, job.priority, job.attempt) == ("mail.send", "queued", 7, 0)
    assert job.payload == {"to": "ada", "n": [1, None, 2.5]}
    assert job.states == ()
    await service.enqueue(ctx, Enqueue(kind="mail.send"))
    assert [one.id for one in (await service.list_jobs(ctx, ListJobs())).items][1] == made.id
    assert not (await service.list_jobs(ctx, ListJobs(status="dead"))).items
    assert not (await service.list_jobs(ctx, ListJobs(kind="other"))).items
    assert not (await service.list_jobs(ctx, ListJobs(queue="other"))).items
    assert [one.id for one in (await service.list_jobs(ctx, ListJobs(before=datetime.now(UTC), limit=1))).items] != [
        made.id
    ]


@pytest.mark.parametrize("begin", ["transaction", "session"])
async def test_a_job_is_there_if_the_callers_transaction_is(ctx: Context, begin: str) -> None:
    transaction = getattr(ctx.database, begin)

    async def fails() -> None:
        async with transaction(ctx.principal) as within:
            await service.enqueue(ctx, Enqueue(kind="a"), within=within)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert not (await service.list_jobs(ctx, ListJobs())).items
    async with transaction(ctx.principal) as within:
        made = await service.enqueue(ctx, Enqueue(kind="a"), within=within)
        assert not (await service.list_jobs(ctx, ListJobs())).items, "nobody sees it before the commit"
    assert (await service.get_job(ctx, made.id)).status == "queued"


async def test_a_key_is_queued_once_while_it_is_not_over(ctx: Context, other: Context) -> None:
    request = Enqueue(kind="report", idempotency_key="monday")
    done = await asyncio.gather(*(service.enqueue(ctx, request) for _ in range(8)))
    assert len({one.id for one in done}) == 1
    assert sum(one.created for one in done) == 1
    assert (await service.enqueue(other, request)).created, "another organisation's keys are its own"
    assert (await service.enqueue(ctx, Enqueue(kind="mail", idempotency_key="monday"))).created
    await service.cancel_job(ctx, done[0].id)
    again = await service.enqueue(ctx, request)
    assert again.created
    with pytest.raises(Conflict):  # its key is taken by now
        await service.retry_job(ctx, done[0].id)


async def test_cancelled_while_queued_and_queued_again(ctx: Context) -> None:
    made = await service.enqueue(ctx, Enqueue(kind="a"))
    assert (await service.cancel_job(ctx, made.id)).status == "cancelled"
    job = await service.get_job(ctx, made.id)
    assert job.finished_at is not None
    with pytest.raises(JobState) as caught:
        await service.cancel_job(ctx, made.id)
    assert caught.value.data["status"] == "cancelled"
    assert (await service.retry_job(ctx, made.id)).status == "queued"
    with pytest.raises(JobState):
        await service.retry_job(ctx, made.id)
    assert [step.status for step in (await service.get_job(ctx, made.id)).states] == ["cancelled", "queued"]


async def test_others_neither_see_nor_touch_it(ctx: Context, other: Context) -> None:
    made = await service.enqueue(ctx, Enqueue(kind="a"))
    for verb in (service.get_job, service.cancel_job, service.retry_job):
        with pytest.raises(JobNotFound):
            await verb(other, made.id)
    assert not (await service.list_jobs(other, ListJobs())).items
    await service.set_schedule(ctx, SetSchedule(name="n", kind="a", every_seconds=60))
    assert (await service.list_schedules(other, PageRequest())).items == ()
    with pytest.raises(NotFound):
        await service.remove_schedule(other, "n")
    with pytest.raises(Forbidden):  # not in a transaction of another organisation either
        async with ctx.database.transaction(ctx.principal) as within:
            await service.enqueue(other, Enqueue(kind="a"), within=within)
    assert (await service.get_job(ctx, made.id)).status == "queued"


async def test_permissions(ctx: Context) -> None:
    made = await service.enqueue(ctx, Enqueue(kind="a"))
    reader = ctx.as_principal(replace(ctx.principal, permissions=frozenset({"jobs:read"})))
    assert (await service.get_job(reader, made.id)).id == made.id
    for call in (
        service.enqueue(reader, Enqueue(kind="a")),
        service.cancel_job(reader, made.id),
        service.retry_job(reader, made.id),
        service.set_schedule(reader, SetSchedule(name="n", kind="a", every_seconds=60)),
        service.remove_schedule(reader, "n"),
        service.prune_jobs(reader),
    ):
        with pytest.raises(Forbidden):
            await call
    nobody = ctx.as_principal(replace(ctx.principal, permissions=frozenset()))
    with pytest.raises(Forbidden):
        await service.list_jobs(nobody, ListJobs())


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "Not A Kind"),
        ("kind", ""),
        ("kind", "a" * 101),
        ("kind", "a.b\n"),
        ("queue", "Mail"),
        ("queue", "mail\n"),
        ("priority", 101),
        ("priority", -101),
        ("max_attempts", 0),
        ("max_attempts", 101),
        ("payload", _deep(33)),
        ("payload", {"a": "x" * 300_000}),
        ("payload", {"a": "\x00"}),
        ("payload", {"a": float("nan")}),
        ("payload", [1]),
        ("delay_seconds", -1),
        ("delay_seconds", float("inf")),
        ("idempotency_key", ""),
        ("unknown", 1),
    ],
)
def test_what_the_schema_refuses(field: str, value: Any) -> None:
    with pytest.raises(Invalid):
        parse(Enqueue, {"kind": "a", field: value})


def test_one_time_and_one_rhythm() -> None:
    with pytest.raises(Invalid):
        parse(Enqueue, {"kind": "a", "run_at": datetime.now(UTC), "delay_seconds": 1})
    for rhythm in ({}, {"every_seconds": 60, "daily_at": time(3)}, {"every_seconds": 0}, {"daily_at": "03:00+02:00"}):
        with pytest.raises(Invalid):
            parse(SetSchedule, {"name": "n", "kind": "a", **rhythm})


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("kind", "'Not A Kind'"),
        ("kind, queue", "'a', 'Mail'"),
        ("kind, priority", "'a', 101"),
        ("kind, max_attempts", "'a', 0"),
        ("kind, payload", "'a', '[]'"),
        ("kind, payload", "'a', jsonb_build_object('a', repeat('x', 1048577))"),
        ("kind, payload", "'a', ('{\"a\":' || repeat('[', 32) || repeat(']', 32) || '}')::jsonb"),
        ("kind, attempt", "'a', 11"),
        ("kind, progress", "'a', 101"),
        ("kind, idempotency_key", "'a', ''"),
        ("kind, status", "'a', 'running'"),
        ("kind, status, finished_at", "'a', 'succeeded', now()"),
        ("kind, lease_id", "'a', gen_random_uuid()"),
        ("kind, finished_at", "'a', now()"),
    ],
)
async def test_what_the_database_refuses(server: Server, ctx: Context, columns: str, values: str) -> None:
    connection = await server.connect(APP, DATABASE)
    try:
        async with connection.transaction():
            await enter(connection, ctx.principal.organization_id)
            with pytest.raises(asyncpg.CheckViolationError):
                await connection.execute(
                    f"INSERT INTO background_jobs (organization_id, {columns}) VALUES ($1, {values})",
                    ctx.principal.organization_id,
                )
    finally:
        await connection.close()


async def test_the_deepest_payload_that_is_taken(ctx: Context) -> None:
    made = await service.enqueue(ctx, parse(Enqueue, {"kind": "a", "payload": _deep(31)}))
    assert (await service.get_job(ctx, made.id)).payload == _deep(31)


async def test_states_go_one_way_and_are_noted_by_nobody_else(owner: Any, ctx: Context) -> None:
    made = await service.enqueue(ctx, Enqueue(kind="a"))
    key = (ctx.principal.organization_id, made.id)
    where = "WHERE organization_id = $1 AND id = $2"
    for change in ("status = 'succeeded', finished_at = now()", "status = 'dead', finished_at = now()"):
        with pytest.raises(asyncpg.CheckViolationError):
            await owner.execute(f"UPDATE background_jobs SET {change} {where}", *key)
    await owner.execute(f"UPDATE background_jobs SET states = '[1]' {where}", *key)
    assert (await service.get_job(ctx, made.id)).states == ()


async def test_an_organisation_that_ends_takes_its_jobs_along(owner: Any, ctx: Context) -> None:
    await service.enqueue(ctx, Enqueue(kind="a"))
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await owner.execute("INSERT INTO background_jobs (organization_id, kind) VALUES ($1, 'a')", uuid4())
    await owner.execute("DELETE FROM organizations WHERE id = $1", ctx.principal.organization_id)
    assert not await owner.fetchval("SELECT count(*) FROM background_jobs")


async def test_schedules_are_made_changed_and_removed(ctx: Context) -> None:
    hourly = SetSchedule(name="report", kind="a", every_seconds=3600, payload={"n": 1})
    assert await service.set_schedule(ctx, hourly)
    (first,) = (await service.list_schedules(ctx, PageRequest())).items
    assert first.next_run_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert not await service.set_schedule(ctx, hourly.model_copy(update={"payload": {}}), replace=False)
    assert await service.set_schedule(ctx, hourly.model_copy(update={"payload": {"n": 2}}))
    (second,) = (await service.list_schedules(ctx, PageRequest())).items
    assert (second.id, second.payload, second.next_run_at) == (first.id, {"n": 2}, first.next_run_at)
    daily = SetSchedule(name="report", kind="a", daily_at=time(3, 30), enabled=False)
    await service.set_schedule(ctx, daily)
    (third,) = (await service.list_schedules(ctx, PageRequest())).items
    assert third.next_run_at > datetime.now(UTC)
    assert third.next_run_at.timetz() == time(3, 30, tzinfo=UTC)
    assert not third.enabled
    await service.remove_schedule(ctx, "report")
    assert (await service.list_schedules(ctx, PageRequest())).items == ()


async def test_jobs_that_are_long_over_are_removed(owner: Any, worker_app: App, ctx: Context) -> None:
    for kind, status, age in (
        ("old", "succeeded", 8),
        ("young", "succeeded", 6),
        ("cancelled", "cancelled", 8),
        ("dead", "dead", 89),
        ("long_dead", "dead", 91),
        ("queued", None, 100),
    ):
        made = await service.enqueue(ctx, Enqueue(kind=kind))
        if status is not None:
            where = "WHERE organization_id = $1 AND id = $2"
            await owner.execute(
                "UPDATE background_jobs SET status = 'running', attempt = 1, lease_id = gen_random_uuid(), "
                f"lease_expires_at = now() {where}",
                ctx.principal.organization_id,
                made.id,
            )
            await owner.execute(
                f"UPDATE background_jobs SET status = $3, lease_id = NULL, lease_expires_at = NULL, "
                f"finished_at = now() - make_interval(days => $4) {where}",
                ctx.principal.organization_id,
                made.id,
                status,
                age,
            )
    installation = installation_of(worker_app)
    assert await service.prune_jobs(installation, days=7, dead_days=90) == 3
    assert {job.kind for job in (await service.list_jobs(ctx, ListJobs())).items} == {"young", "dead", "queued"}
    for days in (0, True, "7"):
        with pytest.raises(Invalid):
            await service.prune_jobs(installation, days=days)  # type: ignore[arg-type]
