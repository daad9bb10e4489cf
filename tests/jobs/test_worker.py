"""What a worker promises: one attempt at a time, effects once, nothing lost, everybody's turn."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from mnemon.app import App
from mnemon.context import Context
from mnemon.core.errors import Forbidden, Invalid
from mnemon.core.principal import ALL_PERMISSIONS, Principal
from mnemon.jobs import service
from mnemon.jobs.errors import GiveUp, LeaseLost, RetryLater
from mnemon.jobs.listener import Listener
from mnemon.jobs.registry import Registry
from mnemon.jobs.run import Run
from mnemon.jobs.schemas import Enqueue, Job, ListJobs
from mnemon.jobs.worker import Worker, WorkerOptions
from tests.factories import new_slug
from tests.patience import PATIENCE

from .conftest import Working, effect, effects, until


async def enqueue(ctx: Context, kind: str = "task", **fields: Any) -> UUID:
    return (await service.enqueue(ctx, Enqueue(kind=kind, **fields))).id


async def ended(ctx: Context, job_id: UUID, status: str) -> Job:
    async def look() -> Job | None:
        job = await service.get_job(ctx, job_id)
        return job if job.status == status else None

    found: Job = await until(look)
    return found


async def test_effects_and_the_end_are_one_transaction(
    ctx: Context, owner: Any, registry: Registry, drained: Any
) -> None:
    attempts = 0

    @registry.handler("task", base_delay=0.01)
    async def work(run: Run) -> None:
        nonlocal attempts
        attempts += 1
        async with run.effects() as connection:
            await effect(connection, run.ctx, run.key)
            run.result = {"attempt": run.job.attempt}
            if attempts == 1:
                raise RuntimeError("the first time")

    made = await enqueue(ctx)
    await until(lambda: _drained_to(drained, ctx, made))
    job = await service.get_job(ctx, made)
    assert (job.status, job.result, job.progress, job.attempt) == ("succeeded", {"attempt": 2}, 100, 2)
    assert await effects(owner, ctx) == {str(made): 1}
    assert [step.status for step in job.states] == ["running", "queued", "running", "succeeded"]
    assert job.states[1].code == "jobs.unexpected"
    assert "the first time" in (job.states[1].error or "")


async def _drained_to(drained: Any, ctx: Context, job_id: UUID) -> bool:
    await drained()
    return (await service.get_job(ctx, job_id)).finished_at is not None


async def test_what_a_handler_returns_is_the_result(ctx: Context, registry: Registry, drained: Any) -> None:
    @registry.handler("task")
    async def work(run: Run) -> Any:
        return run.job.payload["give"]

    @registry.handler("bad")
    async def bad(run: Run) -> Any:
        return {"a": object()}

    made = [await enqueue(ctx, payload={"give": value}) for value in (None, 1, {"a": [True]}, "x")]
    refused = await enqueue(ctx, "bad")
    worker = await drained()
    assert [(await service.get_job(ctx, one)).result for one in made] == [None, 1, {"a": [True]}, "x"]
    job = await service.get_job(ctx, refused)
    assert (job.status, job.error_code, job.attempt) == ("dead", "invalid.json", 1)
    assert (worker.tally.succeeded, worker.tally.dead) == (4, 1)


async def test_it_works_on_behalf_of_whoever_asked(
    ctx: Context, other: Context, registry: Registry, drained: Any
) -> None:
    seen: list[Principal] = []

    @registry.handler("task")
    async def work(run: Run) -> None:
        seen.append(run.ctx.principal)
        async with run.effects() as connection:
            assert await connection.fetchval("SELECT current_tenant()::text") == str(run.job.organization_id)
            assert await connection.fetchval("SELECT count(DISTINCT organization_id) FROM background_jobs") == 1

    @registry.handler("more")
    async def more(run: Run) -> None:
        run.ctx.principal.require("operations:maintain")

    user = UUID(int=7)
    limited = Principal(other.principal.organization_id, user, permissions=frozenset({"jobs:write", "memories:read"}))
    await enqueue(ctx)
    await enqueue(other.as_principal(limited))
    refused = await enqueue(other.as_principal(limited), "more")
    await drained(concurrency=1)
    assert {one.organization_id: (one.user_id, one.permissions) for one in seen} == {
        ctx.principal.organization_id: (None, ALL_PERMISSIONS),
        other.principal.organization_id: (user, limited.permissions),
    }
    assert (await service.get_job(other, refused)).error_code == "forbidden.permission"


async def test_two_workers_never_run_the_same_lease(
    worker_app: App, ctx: Context, owner: Any, registry: Registry
) -> None:
    running: set[UUID] = set()
    done: list[UUID] = []

    @registry.handler("task")
    async def work(run: Run) -> None:
        assert run.job.id not in running
        running.add(run.job.id)
        await asyncio.sleep(0)
        async with run.effects() as connection:
            await effect(connection, run.ctx, run.key)
        running.discard(run.job.id)
        done.append(run.job.id)

    made = {await enqueue(ctx) for _ in range(60)}
    workers = [Worker(worker_app.context, registry, WorkerOptions(concurrency=2, poll=0.05)) for _ in range(4)]
    await asyncio.gather(*(worker.run(once=True) for worker in workers))
    assert sorted(done) == sorted(made)
    assert set((await effects(owner, ctx)).values()) == {1}
    assert sum(worker.tally.succeeded for worker in workers) == 60


async def test_a_commit_wakes_a_worker(ctx: Context, registry: Registry, working: Working) -> None:
    """Long before it would look by itself."""

    @registry.handler("task")
    async def work(run: Run) -> None:
        pass

    async with working(poll=60.0) as worker:
        first = await enqueue(ctx)
        await ended(ctx, first, "succeeded")
        await until(lambda: _idle(worker))
        async with ctx.database.transaction(ctx.principal) as within:
            second = (await service.enqueue(ctx, Enqueue(kind="task"), within=within)).id
        await ended(ctx, second, "succeeded")


async def _idle(worker: Worker) -> bool:
    return not worker._active


async def test_it_looks_by_itself_where_notifications_do_not_come(
    ctx: Context, registry: Registry, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a transaction pooler: the echo of its own notification never comes."""
    monkeypatch.setattr("mnemon.jobs.listener.CHANNEL", "nobody_says_anything_here")

    @registry.handler("task")
    async def work(run: Run) -> None:
        pass

    async with working(poll=0.1):
        await asyncio.sleep(0.3)
        await ended(ctx, await enqueue(ctx), "succeeded")


async def test_a_lease_that_ended_gives_the_job_to_another(
    worker_app: App, ctx: Context, owner: Any, registry: Registry, drained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker is not heard of, and comes back when another one has done the job."""
    entered, go_on = asyncio.Event(), asyncio.Event()
    outcome: list[str] = []

    @registry.handler("task")
    async def work(run: Run) -> None:
        first = run.job.attempt == 1
        if first:
            entered.set()
            await go_on.wait()
        try:
            async with run.effects() as connection:
                await effect(connection, run.ctx, f"attempt {run.job.attempt}")
        except LeaseLost:
            outcome.append("lost")
            raise
        outcome.append("done")

    made = await enqueue(ctx)
    deaf = Worker(worker_app.context, registry, WorkerOptions(lease=0.3, poll=30))
    monkeypatch.setattr(Worker, "_heartbeats", lambda self: asyncio.sleep(0))
    task = asyncio.create_task(deaf.run(once=True))
    await entered.wait()
    await asyncio.sleep(0.35)
    await drained(lease=30)
    assert (await service.get_job(ctx, made)).status == "succeeded"
    go_on.set()
    await task
    assert outcome == ["done", "lost"]
    assert deaf.tally.lost == 1
    assert await effects(owner, ctx) == {"attempt 2": 1}
    job = await service.get_job(ctx, made)
    assert job.attempt == 2
    assert "jobs.lease_expired" in [step.code for step in job.states]


async def test_heartbeats_keep_a_long_job(ctx: Context, registry: Registry, working: Working) -> None:
    @registry.handler("task")
    async def work(run: Run) -> None:
        await asyncio.sleep(1.6)

    async with working(lease=0.5), working(lease=0.5):
        job = await ended(ctx, await enqueue(ctx), "succeeded")
    assert job.attempt == 1


async def test_dead_letters_are_kept_and_can_be_queued_again(ctx: Context, registry: Registry, drained: Any) -> None:
    heal = False

    @registry.handler("task", base_delay=0.0)
    async def work(run: Run) -> str:
        if not heal:
            raise OSError("still \x00 broken \ud800")
        return "healed"

    made = await enqueue(ctx, max_attempts=3)
    await until(lambda: _drained_to(drained, ctx, made))
    job = await service.get_job(ctx, made)
    assert (job.status, job.attempt, job.error_code) == ("dead", 3, "jobs.unexpected")
    assert "OSError: still" in (job.last_error or "")
    assert [one.id for one in (await service.list_jobs(ctx, ListJobs(status="dead"))).items] == [made]
    heal = True
    assert (await service.retry_job(ctx, made)).attempt == 0
    await drained()
    assert (await service.get_job(ctx, made)).result == "healed"


@pytest.mark.parametrize(
    ("error", "code"), [(Invalid("no"), "invalid"), (GiveUp("no"), "jobs.gave_up"), (Forbidden("no"), "forbidden")]
)
async def test_what_no_attempt_will_change_is_dead_at_once(
    ctx: Context, registry: Registry, drained: Any, error: Exception, code: str
) -> None:
    @registry.handler("task")
    async def work(run: Run) -> None:
        raise error

    made = await enqueue(ctx)
    await drained()
    job = await service.get_job(ctx, made)
    assert (job.status, job.attempt, job.error_code) == ("dead", 1, code)


async def test_a_handler_says_when_to_try_again(ctx: Context, registry: Registry, drained: Any) -> None:
    @registry.handler("task")
    async def work(run: Run) -> None:
        raise RetryLater("busy", seconds=1000)

    made = await enqueue(ctx)
    await drained()
    job = await service.get_job(ctx, made)
    assert (job.status, job.error_code) == ("queued", "jobs.retry_later")
    assert job.states[-1].at + timedelta(seconds=999) < job.run_at < job.states[-1].at + timedelta(seconds=1001)


async def test_an_attempt_that_takes_too_long_is_stopped(ctx: Context, registry: Registry, drained: Any) -> None:
    @registry.handler("task", timeout=0.1)
    async def work(run: Run) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)

    made = await enqueue(ctx, max_attempts=1)
    await drained()
    job = await service.get_job(ctx, made)
    assert (job.status, job.error_code) == ("dead", "jobs.timeout")


async def test_cancelled_while_it_runs(ctx: Context, owner: Any, registry: Registry, working: Working) -> None:
    """The handler is told long before the next heartbeat; what it had not committed is gone."""
    entered = asyncio.Event()

    @registry.handler("task")
    async def work(run: Run) -> None:
        async with run.effects() as connection:
            await effect(connection, run.ctx, "x")
            entered.set()
            await asyncio.sleep(30)

    async with working(lease=600.0):
        made = await enqueue(ctx)
        await entered.wait()
        assert (await service.cancel_job(ctx, made)).status == "running"
        job = await ended(ctx, made, "cancelled")
    assert job.cancel_requested_at is not None
    assert await effects(owner, ctx) == {}
    assert (await service.retry_job(ctx, made)).cancel_requested_at is None


async def test_what_was_said_while_it_did_not_hear_is_looked_for(
    ctx: Context, registry: Registry, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a lost connection: neither the job nor the wish to cancel another one waits for the next look."""
    entered, hear = asyncio.Event(), asyncio.Event()
    run = Listener.run

    async def late(self: Listener) -> None:
        await hear.wait()
        await run(self)

    monkeypatch.setattr(Listener, "run", late)
    monkeypatch.setattr("mnemon.jobs.worker.DEAF_POLL", 600.0)

    @registry.handler("long")
    async def long(run: Run) -> None:
        entered.set()
        await asyncio.sleep(60)

    @registry.handler("short")
    async def short(run: Run) -> None:
        pass

    cancelled = await enqueue(ctx, "long")
    async with working(lease=600.0, poll=600.0):
        await entered.wait()
        await service.cancel_job(ctx, cancelled)
        waiting = await enqueue(ctx, "short")
        hear.set()
        await ended(ctx, cancelled, "cancelled")
        await ended(ctx, waiting, "succeeded")


async def test_progress_is_seen(ctx: Context, registry: Registry, working: Working) -> None:
    told, go_on = asyncio.Event(), asyncio.Event()

    @registry.handler("task")
    async def work(run: Run) -> None:
        await run.progress(40, "half way, nearly")
        told.set()
        await go_on.wait()
        with pytest.raises(Invalid):
            await run.progress(101)

    async with working():
        made = await enqueue(ctx)
        await told.wait()
        job = await service.get_job(ctx, made)
        assert (job.status, job.progress, job.progress_message) == ("running", 40, "half way, nearly")
        go_on.set()
        await ended(ctx, made, "succeeded")


async def test_the_highest_priority_first_then_the_oldest(ctx: Context, registry: Registry, drained: Any) -> None:
    order: list[str] = []

    @registry.handler("task")
    async def work(run: Run) -> None:
        order.append(run.job.payload["name"])

    for name, priority, queue in (
        ("low", -5, "a"),
        ("first", 0, "b"),
        ("second", 0, "a"),
        ("urgent", 100, "z"),
        ("high", 5, "a"),
    ):
        await enqueue(ctx, priority=priority, queue=queue, payload={"name": name})
    later = await enqueue(ctx, priority=100, delay_seconds=3600, payload={"name": "not yet"})
    await drained(concurrency=1)
    assert order == ["urgent", "high", "first", "second", "low"]
    assert (await service.get_job(ctx, later)).status == "queued"


async def test_a_worker_of_some_queues_leaves_the_others(ctx: Context, registry: Registry, drained: Any) -> None:
    @registry.handler("task")
    async def work(run: Run) -> str:
        return run.job.queue

    made = {name: await enqueue(ctx, queue=name) for name in ("mail", "bulk", "default")}
    await drained(queues=["mail", "default"])
    states = {name: (await service.get_job(ctx, one)).status for name, one in made.items()}
    assert states == {"mail": "succeeded", "default": "succeeded", "bulk": "queued"}


async def test_everybody_has_a_turn(queue_app: App, ctx: Context, registry: Registry, drained: Any) -> None:
    """An organisation with a hundred jobs keeps nobody waiting who has a few, and came later."""
    order: list[UUID] = []

    @registry.handler("task")
    async def work(run: Run) -> None:
        order.append(run.job.organization_id)

    for _ in range(100):
        await enqueue(ctx, priority=100)
    small = [await queue_app.organization(new_slug()) for _ in range(3)]
    for one in small:
        for _ in range(4):
            await enqueue(one)
    await drained(concurrency=2)
    assert len(order) == 112
    last = {one: max(place for place, found in enumerate(order) if found == one) for one in set(order)}
    for one in small:  # four turns of four organisations, and what a worker has at a time
        assert last[one.principal.organization_id] < 4 * 4 + 2
    assert last[ctx.principal.organization_id] == 111


async def test_a_kind_without_a_handler_waits_for_a_worker_that_has_one(
    ctx: Context, registry: Registry, drained: Any
) -> None:
    made = await enqueue(ctx, "new_kind")

    @registry.handler("task")
    async def work(run: Run) -> None:
        pass

    known = await enqueue(ctx)
    await drained()
    assert (await service.get_job(ctx, known)).status == "succeeded"
    job = await service.get_job(ctx, made)
    assert (job.status, job.attempt) == ("queued", 0)

    registry.handler("new_kind")(work)
    await drained()
    assert (await service.get_job(ctx, made)).status == "succeeded"


async def test_a_worker_that_is_stopped_ends_what_it_can_and_gives_the_rest_back(
    ctx: Context, registry: Registry, working: Working
) -> None:
    entered = asyncio.Semaphore(0)

    @registry.handler("short")
    async def short(run: Run) -> None:
        entered.release()
        await asyncio.sleep(0.3)

    @registry.handler("long")
    async def long(run: Run) -> None:
        entered.release()
        await asyncio.sleep(60)

    made = [await enqueue(ctx, "short"), await enqueue(ctx, "long")]
    async with working(grace=1.0) as worker:
        await entered.acquire()
        await entered.acquire()
        worker.stop()
        late = await enqueue(ctx, "short")
    first, second, third = [await service.get_job(ctx, one) for one in (*made, late)]
    assert (first.status, second.status, third.status) == ("succeeded", "queued", "queued")
    assert second.attempt == 0, "an attempt that was given back does not count"
    assert (worker.tally.succeeded, worker.tally.queued) == (1, 1)


async def test_stopped_twice_it_does_not_wait(ctx: Context, registry: Registry, working: Working) -> None:
    entered = asyncio.Event()

    @registry.handler("task")
    async def work(run: Run) -> None:
        entered.set()
        await asyncio.sleep(60)

    made = await enqueue(ctx)
    async with asyncio.timeout(PATIENCE):
        async with working(grace=600.0) as worker:
            await entered.wait()
            worker.stop()
            worker.stop()
    assert (await service.get_job(ctx, made)).status == "queued"


async def test_jobs_of_an_organisation_that_is_gone_wait(
    ctx: Context, owner: Any, registry: Registry, drained: Any
) -> None:
    @registry.handler("task")
    async def work(run: Run) -> None:
        pass

    made = await enqueue(ctx)
    organization = ctx.principal.organization_id
    await owner.execute("UPDATE organizations SET deleted_at = now() WHERE id = $1", organization)
    await drained()
    assert (await service.get_job(ctx, made)).status == "queued"
    await owner.execute("UPDATE organizations SET deleted_at = NULL WHERE id = $1", organization)
    await drained()
    assert (await service.get_job(ctx, made)).status == "succeeded"


def test_a_kind_has_one_handler() -> None:
    registry = Registry()

    async def work(run: Run) -> None:
        pass

    registry.handler("a.b")(work)
    for kind in ("a.b", "A", "", "a..b"):
        with pytest.raises(Invalid):
            registry.handler(kind)(work)
    assert list(registry) == ["a.b"]


async def test_when_it_began_and_ended(ctx: Context, registry: Registry, drained: Any) -> None:
    @registry.handler("task")
    async def work(run: Run) -> None:
        pass

    made = await enqueue(ctx)
    worker = await drained()
    job = await service.get_job(ctx, made)
    moments = [job.created_at, job.started_at, job.finished_at]
    assert all(isinstance(one, datetime) for one in moments)
    assert moments == sorted(moments)  # type: ignore[type-var]
    assert job.worker == worker.name
    assert job.lease_expires_at is None
