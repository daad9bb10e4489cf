"""SQL of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select, true

from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement
from mnemon.db.types import dump_json
from mnemon.jobs.models import JobORM, ScheduleORM
from mnemon.jobs.schemas import Enqueue, ListJobs, SetSchedule

PACKAGE = "mnemon.jobs"


def _seen(model: type[JobORM] | type[ScheduleORM], principal: Principal) -> Any:
    """Return whose jobs and schedules a principal sees and changes: their own, and the organisation's.

    A payload and a result are as private as what they were made from. The organisation's own process sees all.
    """
    if principal.is_organization:
        return true()
    nobodys = and_(model.user_id.is_(None), model.agent_id.is_(None))
    if principal.user_id is not None:
        return or_(nobodys, model.user_id == principal.user_id)
    return or_(nobodys, and_(model.user_id.is_(None), model.agent_id == principal.agent_id))


class JobRepository(BaseRepository[JobORM]):
    """Jobs of one organisation."""

    model = JobORM

    async def get(self, principal: Principal, job_id: UUID) -> JobORM | None:
        """Return a job that the principal may see, or None. Index: pk_background_jobs."""
        query = self._alive().where(JobORM.id == job_id, _seen(JobORM, principal))
        found: JobORM | None = (await self.session.execute(query)).scalar_one_or_none()
        return found

    def those(self, principal: Principal, query: ListJobs) -> Any:
        """Return jobs that fit. Indexes: ix_background_jobs_created, ix_background_jobs_dead for the dead."""
        visible = select(JobORM).where(JobORM.organization_id == self.organization_id, _seen(JobORM, principal))
        if query.status is not None:
            visible = visible.where(JobORM.status == query.status)
        if query.kind is not None:
            visible = visible.where(JobORM.kind == query.kind)
        if query.queue is not None:
            visible = visible.where(JobORM.queue == query.queue)
        if query.before is not None:
            visible = visible.where(JobORM.created_at < query.before)
        return visible


class ScheduleRepository(BaseRepository[ScheduleORM]):
    """Schedules of one organisation."""

    model = ScheduleORM

    def those(self, principal: Principal) -> Any:
        """List those that the principal may see. Index: uq_job_schedules_organization_id_name."""
        return self._alive().where(_seen(ScheduleORM, principal))

    async def is_anothers(self, principal: Principal, name: str) -> bool:
        """Tell whether there is one of that name that the principal may not see."""
        query = self._alive().where(ScheduleORM.name == name, _seen(ScheduleORM, principal).is_not(true()))
        return (await self.session.execute(query)).first() is not None


async def enqueue(connection: Connection, principal: Principal, request: Enqueue) -> tuple[UUID, bool]:
    """Add a job in the transaction that is open; its id, and whether it is new."""
    values = (
        principal.organization_id,
        request.kind,
        dump_json(request.payload),
        request.queue,
        request.priority,
        request.run_at,
        request.delay_seconds or 0.0,
        request.idempotency_key,
        request.max_attempts,
        principal.user_id,
        principal.agent_id,
        sorted(principal.permissions),
    )
    while True:
        job_id: UUID | None = await connection.fetchval(statement(PACKAGE, "enqueue"), *values)
        if job_id is not None:
            return job_id, True
        existing: UUID | None = await connection.fetchval(
            statement(PACKAGE, "find_by_key"), principal.organization_id, request.kind, request.idempotency_key
        )
        if existing is not None:  # or it ended between the two statements
            return existing, False


async def cancel(connection: Connection, organization_id: UUID, job_id: UUID) -> str | None:
    """Cancel a job; the state it is in now, None if there is none to cancel."""
    found: str | None = await connection.fetchval(statement(PACKAGE, "cancel"), organization_id, job_id)
    return found


async def retry(connection: Connection, organization_id: UUID, job_id: UUID) -> bool:
    """Queue a dead or cancelled job again; False if there is none."""
    return await connection.fetchval(statement(PACKAGE, "retry"), organization_id, job_id) is not None


async def set_schedule(
    connection: Connection, principal: Principal, request: SetSchedule, *, replace: bool
) -> Any | None:
    """Make a schedule, or change the one of that name; None if there is one that is to be left alone."""
    return await connection.fetchrow(
        statement(PACKAGE, "set_schedule"),
        principal.organization_id,
        request.name,
        request.kind,
        dump_json(request.payload),
        request.queue,
        request.priority,
        request.max_attempts,
        request.every_seconds,
        request.daily_at,
        request.enabled,
        request.first_run_at,
        principal.user_id,
        principal.agent_id,
        sorted(principal.permissions),
        replace,
    )


async def remove_schedule(connection: Connection, organization_id: UUID, name: str) -> bool:
    """Remove a schedule; False if there is none of that name."""
    done = await connection.execute(
        "DELETE FROM job_schedules WHERE organization_id = $1 AND name = $2", organization_id, name
    )
    return done != "DELETE 0"


async def claim(
    connection: Connection,
    worker: str,
    kinds: Sequence[str],
    queues: Sequence[str] | None,
    after: UUID | None,
    limit: int,
    lease: float,
) -> list[Any]:
    """Lease due jobs of any organisation to a worker."""
    return await connection.fetch(
        "SELECT * FROM claim_jobs($1, $2, $3, $4, $5, $6)", worker, kinds, queues, after, limit, lease
    )


async def renew_leases(connection: Connection, leases: Sequence[UUID], seconds: float) -> dict[UUID, bool]:
    """Prolong leases; those that still hold, and whether their jobs are to be cancelled."""
    rows = await connection.fetch("SELECT * FROM renew_leases($1, $2)", leases, seconds)
    return {row["lease_id"]: row["cancel_requested"] for row in rows}


async def tick(connection: Connection) -> tuple[int, int]:
    """Take back jobs whose worker is gone, and fire schedules that are due; how many of each."""
    released = await connection.fetchval("SELECT release_expired_jobs()")
    return released, await connection.fetchval("SELECT fire_schedules()")


async def prune(connection: Connection, days: int, dead_days: int, limit: int) -> int:
    """Remove jobs that are long over."""
    return int(await connection.fetchval("SELECT prune_jobs($1, $2, $3)", days, dead_days, limit))


async def organizations_after(connection: Connection, after: UUID, limit: int) -> list[UUID]:
    """Return ids of organisations, in order."""
    rows = await connection.fetch("SELECT * FROM organizations_after($1, $2) AS id", after, limit)
    return [row["id"] for row in rows]


async def progress(
    connection: Connection, organization_id: UUID, job_id: UUID, lease_id: UUID, percent: int, message: str | None
) -> bool:
    """Note how far a job is; False if the lease is lost."""
    row = await connection.fetchval(statement(PACKAGE, "progress"), organization_id, job_id, lease_id, percent, message)
    return row is not None


async def succeed(
    connection: Connection, organization_id: UUID, job_id: UUID, lease_id: UUID, result: str | None
) -> bool:
    """End a job in the transaction that is open; False if the lease is lost, and it must not be committed."""
    row = await connection.fetchval(statement(PACKAGE, "succeed"), organization_id, job_id, lease_id, result)
    return row is not None


async def fail(
    connection: Connection,
    organization_id: UUID,
    job_id: UUID,
    lease_id: UUID,
    *,
    code: str,
    error: str,
    for_good: bool,
    delay: float,
) -> str | None:
    """End an attempt that failed; the job's state now, None if the lease is lost."""
    status: str | None = await connection.fetchval(
        statement(PACKAGE, "fail"),
        organization_id,
        job_id,
        lease_id,
        code[:100],
        error[:10_000],
        for_good,
        delay,
    )
    return status


async def give_back(
    connection: Connection, organization_id: UUID, job_id: UUID, lease_id: UUID, *, cancelled: bool
) -> str | None:
    """Put a stopped job back into the queue, or end it as cancelled; its state now, None if the lease is lost."""
    found: str | None = await connection.fetchval(
        statement(PACKAGE, "give_back"), organization_id, job_id, lease_id, cancelled
    )
    return found
