"""The verbs of jobs: enqueue, look, cancel, retry; schedules; retention."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.pages import Page, PageRequest
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row
from mnemon.db.session import driver_of
from mnemon.jobs import repository
from mnemon.jobs.errors import JobNotFound, JobState
from mnemon.jobs.repository import JobRepository, ScheduleRepository
from mnemon.jobs.schemas import (
    Cancelled,
    Enqueue,
    Enqueued,
    Job,
    JobStatus,
    ListJobs,
    Schedule,
    SetSchedule,
)
from mnemon.verbs import verb

#: Organisations read at a time, jobs removed at a time.
BATCH = 1000
_JOBS = Listing.newest("jobs.list_jobs")
_SCHEDULES = Listing("jobs.list_schedules", {"name": str})


@verb("jobs:write")
async def enqueue(ctx: Context, request: Enqueue, *, within: Connection | AsyncSession | None = None) -> Enqueued:
    """Put a job into the queue, to be run on behalf of whoever asks, with the permissions they have now.

    Args:
        ctx: whose job it is.
        request: what is to be done, and when.
        within: the transaction it is part of, from ``database.transaction`` or ``database.session``: rolled back, the
            job was never there; committed, workers are told. Left out, it is a transaction of its own.

    Raises:
        Forbidden: the principal has not jobs:write.
    """
    if within is not None:
        connection = await driver_of(within) if isinstance(within, AsyncSession) else within
        job_id, new = await repository.enqueue(connection, ctx.principal, request)
    else:
        async with ctx.database.transaction(ctx.principal) as connection:
            job_id, new = await repository.enqueue(connection, ctx.principal, request)
    return Enqueued(id=job_id, created=new)


@verb("jobs:read")
async def get_job(ctx: Context, job_id: UUID) -> Job:
    """Read where a job stands.

    Raises:
        JobNotFound: there is none in this organisation, or it is somebody else's.
    """
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        row = await JobRepository(session, ctx.principal.organization_id).get(ctx.principal, job_id)
        if row is None:
            raise _no_job(job_id)
        return from_row(Job, row)


@verb("jobs:read")
async def list_jobs(ctx: Context, request: ListJobs) -> Page[Job]:
    """List the principal's own jobs and the organisation's, newest first; ``status=dead`` are the dead letters."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        jobs = JobRepository(session, ctx.principal.organization_id)
        return await jobs.page(
            _JOBS, ctx.principal, request, partial(from_row, Job), query=jobs.those(ctx.principal, request)
        )


@verb("jobs:write")
async def cancel_job(ctx: Context, job_id: UUID) -> Cancelled:
    """Cancel a job: at once while it is queued; where it runs, its worker is told and stops it soon.

    What it has already committed stays, and a job that ends before it hears of it has succeeded.

    Raises:
        JobNotFound: there is none in this organisation.
        JobState: it is over.
    """
    await _require_seen(ctx, job_id)
    async with ctx.database.transaction(ctx.principal) as connection:
        status = await repository.cancel(connection, ctx.principal.organization_id, job_id)
    if status is None:
        raise _over(await get_job(ctx, job_id), "It is over already.")
    return Cancelled(id=job_id, status=JobStatus(status))


@verb("jobs:write")
async def retry_job(ctx: Context, job_id: UUID) -> Job:
    """Queue a dead or cancelled job again, now, with all its attempts.

    Raises:
        JobNotFound: there is none in this organisation.
        JobState: it is neither dead nor cancelled.
        Conflict: another job has its idempotency key by now.
    """
    await _require_seen(ctx, job_id)
    async with ctx.database.transaction(ctx.principal) as connection:
        retried = await repository.retry(connection, ctx.principal.organization_id, job_id)
    job = await get_job(ctx, job_id)
    if not retried:
        raise _over(job, "Only a dead or cancelled job can be queued again.")
    return job


@verb("jobs:write")
async def set_schedule(ctx: Context, request: SetSchedule, *, replace: bool = True) -> bool:
    """Make a schedule, or change the one of that name.

    Its jobs run on behalf of whoever set it, with the permissions they have now.

    Args:
        ctx: whose schedule it is.
        request: what, and how often.
        replace: False leaves one that is there as it is.

    Returns:
        True if it was made or changed.

    Raises:
        Conflict: somebody else has a schedule of that name.
    """
    async with ctx.database.session(ctx.principal) as session:
        if await ScheduleRepository(session, ctx.principal.organization_id).is_anothers(ctx.principal, request.name):
            raise Conflict(
                f"The name {request.name!r} is taken.",
                code="conflict.exists",
                hint="Choose another name.",
                field="name",
            )
        connection = await driver_of(session)
        return await repository.set_schedule(connection, ctx.principal, request, replace=replace) is not None


@verb("jobs:read")
async def list_schedules(ctx: Context, request: PageRequest) -> Page[Schedule]:
    """List the principal's own schedules and the organisation's, by name."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        schedules = ScheduleRepository(session, ctx.principal.organization_id)
        query = schedules.those(ctx.principal)
        return await schedules.page(_SCHEDULES, ctx.principal, request, partial(from_row, Schedule), query=query)


@verb("jobs:delete")
async def remove_schedule(ctx: Context, name: str) -> None:
    """Remove a schedule; jobs that it enqueued stay.

    Raises:
        NotFound: there is none of that name.
    """
    async with ctx.database.session(ctx.principal) as session:
        anothers = await ScheduleRepository(session, ctx.principal.organization_id).is_anothers(ctx.principal, name)
        connection = await driver_of(session)
        if anothers or not await repository.remove_schedule(connection, ctx.principal.organization_id, name):
            raise NotFound(f"There is no schedule {name!r}.", code="not_found.schedule", name=name)


@verb("operations:maintain", installation=True)
async def prune_jobs(ctx: Context, *, days: int = 7, dead_days: int = 90) -> int:
    """Remove jobs of every organisation that were over so many days ago, and say how many.

    Raises:
        Forbidden: the principal is an organisation's.
        Invalid: a number of days is not from 1 to 3,650.
    """
    for name, value in (("days", days), ("dead_days", dead_days)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 3650:
            raise Invalid(f"{name} is from 1 to 3,650.", code="invalid.days", field=name)
    total = 0
    while True:
        async with ctx.database.transaction(ctx.principal, lazy=True) as connection:
            removed = await repository.prune(connection, days, dead_days, BATCH)
        total += removed
        if removed < BATCH:
            return total


async def every_organization(ctx: Context) -> AsyncIterator[UUID]:
    """Yield the ids of all organisations, for work of the installation that looks at each of them.

    Raises:
        Forbidden: the principal is an organisation's.
    """
    ctx.principal.require("operations:maintain")
    ctx.principal.require_installation()
    after = UUID(int=0)
    while True:
        async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
            organizations = await repository.organizations_after(connection, after, BATCH)
        for organization in organizations:
            yield organization
        if len(organizations) < BATCH:
            return
        after = organizations[-1]


async def _require_seen(ctx: Context, job_id: UUID) -> None:
    """Whoever may not see a job does not end it either: who it is for does not change."""
    if ctx.principal.is_organization:
        return
    async with ctx.database.session(ctx.principal) as session:
        if await JobRepository(session, ctx.principal.organization_id).get(ctx.principal, job_id) is None:
            raise _no_job(job_id)


def _no_job(job_id: UUID) -> JobNotFound:
    return JobNotFound("There is no such job.", id=str(job_id))


def _over(job: Job, message: str) -> JobState:
    return JobState(message, id=str(job.id), status=job.status.value)
