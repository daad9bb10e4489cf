"""Schedules fire once, however many workers there are; delays stay within their bounds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.app import App
from mnemon.context import Context
from mnemon.core.pages import PageRequest
from mnemon.core.principal import INSTALLATION, Principal
from mnemon.doors.worker import tasks
from mnemon.jobs import service
from mnemon.jobs.registry import Registry
from mnemon.jobs.run import Run
from mnemon.jobs.schemas import Enqueue, ListJobs, SetSchedule
from mnemon.jobs.worker import Worker, WorkerOptions
from tests.factories import new_slug

from .conftest import until

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


async def test_once_whatever_the_number_of_workers(ctx: Context, registry: Registry, worker_app: App) -> None:
    ran: list[str] = []

    @registry.handler("report")
    async def report(run: Run) -> None:
        ran.append(run.job.payload["of"])

    for number in range(5):
        schedule = SetSchedule(name=f"s{number}", kind="report", every_seconds=3600, payload={"of": f"s{number}"})
        await service.set_schedule(ctx, schedule)
    workers = [Worker(worker_app.context, registry, WorkerOptions(poll=0.01)) for _ in range(6)]
    await asyncio.gather(*(worker.run(once=True) for worker in workers))
    await Worker(worker_app.context, registry).run(once=True)
    assert sorted(ran) == [f"s{number}" for number in range(5)]
    (job, *_) = (await service.list_jobs(ctx, ListJobs())).items
    assert job.schedule in ran


async def test_again_and_again(ctx: Context, owner: Any, registry: Registry, working: Any) -> None:
    @registry.handler("report")
    async def report(run: Run) -> None:
        pass

    await service.set_schedule(ctx, SetSchedule(name="s", kind="report", every_seconds=1))

    async def twice() -> bool:
        return len((await service.list_jobs(ctx, ListJobs(status="succeeded"))).items) >= 2

    async with working(), working():
        await until(twice)
    moments = [row["started_at"] for row in await owner.fetch("SELECT started_at FROM background_jobs ORDER BY 1")]
    assert all(later - earlier > timedelta(seconds=0.5) for earlier, later in pairwise(moments))


async def test_missed_occurrences_fire_once_together_and_keep_their_rhythm(ctx: Context, owner: Any) -> None:
    first = datetime.now(UTC) - timedelta(hours=10, minutes=1)
    await service.set_schedule(ctx, SetSchedule(name="s", kind="report", every_seconds=3600, first_run_at=first))
    assert await owner.fetchval("SELECT fire_schedules()") == 1
    assert await owner.fetchval("SELECT fire_schedules()") == 0
    assert len((await service.list_jobs(ctx, ListJobs())).items) == 1
    (schedule,) = (await service.list_schedules(ctx, PageRequest())).items
    assert schedule.next_run_at == first + timedelta(hours=11)


async def test_what_is_not_over_yet_is_not_enqueued_again(ctx: Context, owner: Any) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    for _ in range(2):
        await service.set_schedule(ctx, SetSchedule(name="s", kind="report", every_seconds=60, first_run_at=past))
        assert await owner.fetchval("SELECT fire_schedules()") == 1
    assert len((await service.list_jobs(ctx, ListJobs())).items) == 1


async def test_switched_off_it_does_not_fire(ctx: Context, owner: Any) -> None:
    await service.set_schedule(ctx, SetSchedule(name="s", kind="report", every_seconds=60, enabled=False))
    assert await owner.fetchval("SELECT fire_schedules()") == 0


@settings(max_examples=60)
@given(
    every=st.integers(1, 366 * 86_400),
    since=st.integers(-(10**6), 10**9),
)
async def test_the_next_time_is_the_first_one_after_now(owner: Any, every: int, since: int) -> None:
    now = BEGIN + timedelta(seconds=since)
    found = await owner.fetchval("SELECT next_occurrence($1, NULL, $2, $3)", every, BEGIN, now)
    assert found > now or found == BEGIN > now
    steps = (found - BEGIN) / timedelta(seconds=every)
    assert steps == int(steps) >= 0
    assert found == BEGIN or found - now <= timedelta(seconds=every)


@settings(max_examples=60)
@given(at=st.times().map(lambda one: one.replace(tzinfo=None)), since=st.integers(0, 10**8))
async def test_the_next_time_of_day_is_within_a_day(owner: Any, at: time, since: int) -> None:
    now = BEGIN + timedelta(seconds=since)
    found = await owner.fetchval("SELECT next_occurrence(NULL, $1, $2, $3)", at, BEGIN, now)
    assert timedelta(0) < found - now <= timedelta(days=1)
    assert found.time() == at


async def test_a_failed_attempt_waits_by_the_databases_clock(ctx: Context, registry: Registry, drained: Any) -> None:
    @registry.handler("task", base_delay=100.0, longest_delay=150.0)
    async def work(run: Run) -> None:
        raise RuntimeError

    made = [(await service.enqueue(ctx, Enqueue(kind="task"))).id for _ in range(12)]
    await drained()
    waits = set()
    for one in made:
        job = await service.get_job(ctx, one)
        waits.add((job.run_at - job.states[-1].at).total_seconds())
    assert len(waits) == len(made)
    assert all(49.9 <= wait <= 100.1 for wait in waits)


async def test_the_products_own_work_runs_by_itself(worker_app: App, ctx: Context, owner: Any) -> None:
    """Sealing, partitions, refreshes, indexing, retention: made once, run by whichever worker there is."""
    made = await asyncio.gather(*(tasks.install_schedules(worker_app.context) for _ in range(3)))
    assert sum(made) == len(tasks.SCHEDULES)
    await owner.execute("UPDATE job_schedules SET next_run_at = now()")
    await owner.execute("UPDATE job_schedules SET every_seconds = 7 WHERE name = 'seal-audit'")
    own = ctx.principal.organization_id
    assert not await owner.fetchval("SELECT count(*) FROM audit_blocks WHERE organization_id = $1", own)
    await Worker(worker_app.context, tasks.registry).run(once=True)
    installation = worker_app.context.as_principal(Principal(INSTALLATION))
    jobs = (await service.list_jobs(installation, ListJobs())).items
    assert {job.schedule for job in jobs} == {schedule.name for schedule in tasks.SCHEDULES}
    assert {job.status for job in jobs} == {"succeeded"}, [(job.kind, job.last_error) for job in jobs]
    assert {job.kind for job in jobs} <= set(tasks.registry)
    sealed = await owner.fetchval("SELECT count(*) FROM audit_blocks WHERE organization_id = $1", own)
    assert sealed, "what the tests' organisations did is sealed"
    assert await tasks.install_schedules(worker_app.context) == 0
    kept = {one.name: one.every_seconds for one in (await service.list_schedules(installation, PageRequest())).items}
    assert kept["seal-audit"] == 7, "what somebody changed stays"


async def test_large_organisations_are_indexed_in_the_background(
    queue_app: App, worker_app: App, owner: Any, registry: Registry
) -> None:
    from mnemon.memory import service as memory
    from mnemon.memory.schemas import NewMemory, Remember
    from tests.factories import with_settings

    app_ctx = with_settings(worker_app.context, exact_search_limit=100)
    large, small = [await queue_app.organization(new_slug()) for _ in range(2)]
    for ctx, count in ((large, 130), (small, 5)):
        items = tuple(NewMemory(content=f"number {number}") for number in range(count))
        await memory.remember(ctx, Remember(items=items))
    installation = app_ctx.as_principal(Principal(INSTALLATION))
    await service.enqueue(installation, Enqueue(kind="memory.find_unindexed"))
    await Worker(app_ctx, tasks.registry).run(once=True)
    (done,) = (await service.list_jobs(large, ListJobs())).items
    assert (done.kind, done.status, done.result) == ("memory.maintain", "succeeded", {"indexed": 130, "remaining": 0})
    assert not (await service.list_jobs(small, ListJobs())).items


async def test_no_organisation_does_the_installations_work(worker_app: App, ctx: Context, other: Context) -> None:
    """Whoever may do everything in one organisation may still not reach into another."""
    reaching = {schedule.kind for schedule in tasks.SCHEDULES}
    made = [(await service.enqueue(ctx, Enqueue(kind=kind))).id for kind in reaching]
    await Worker(worker_app.context, tasks.registry).run(once=True)
    for one in made:
        job = await service.get_job(ctx, one)
        assert (job.status, job.error_code) == ("dead", "forbidden.installation"), job.kind
    assert not (await service.list_jobs(other, ListJobs())).items
