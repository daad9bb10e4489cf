"""Tables of jobs: the queue, and schedules that fill it."""

from __future__ import annotations

import enum
from datetime import datetime, time
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Tenanted, created, json_object, native_enum

KIND = r"kind ~ '^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$'"
QUEUE = "queue ~ '^[a-z][a-z0-9_-]*$'"
PRIORITY = "priority BETWEEN -100 AND 100"
ATTEMPTS = "max_attempts BETWEEN 1 AND 100"
#: An object of at most a megabyte and 32 levels, the same bounds as the schemas'.
PAYLOAD = (
    "jsonb_typeof(payload) = 'object' AND octet_length(payload::text) <= 1048576 "
    "AND NOT jsonb_path_exists(payload, '$.**{32}')"
)
#: The organisation, for the foreign key; null for the installation, which is none.
OWNER = "nullif(organization_id, '00000000-0000-0000-0000-000000000000'::uuid)"
_OWNER_COMMENT = "organization_id, or null for jobs of the installation itself"


class JobStatus(enum.StrEnum):
    """Where a job stands.

    ``queued`` waits for its time and a worker; ``running`` is leased by one; ``succeeded``, ``cancelled`` and ``dead``
    (no attempt is left) are over. Dead and cancelled jobs can be queued again by hand.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    DEAD = "dead"


class JobORM(Tenanted, Base):
    """One piece of work.

    user_id and agent_id are no foreign keys: on a distributed database the queue stays on the coordinator.
    """

    __tablename__ = "background_jobs"
    __table_args__ = (
        ForeignKeyConstraint(["owner_id"], ["organizations.id"], ondelete="CASCADE"),
        CheckConstraint(KIND, name="kind_format"),
        CheckConstraint(QUEUE, name="queue_format"),
        CheckConstraint(PRIORITY, name="priority"),
        CheckConstraint(ATTEMPTS, name="max_attempts"),
        CheckConstraint(PAYLOAD, name="payload"),
        CheckConstraint("octet_length(result::text) <= 1048576", name="result"),
        CheckConstraint("attempt BETWEEN 0 AND max_attempts", name="attempt"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        CheckConstraint("char_length(last_error) <= 10000", name="last_error"),
        CheckConstraint("idempotency_key <> ''", name="idempotency_key"),
        CheckConstraint(
            "(status = 'running') = (lease_id IS NOT NULL) AND (lease_id IS NULL) = (lease_expires_at IS NULL)",
            name="lease_id",
        ),
        CheckConstraint(
            "(status IN ('succeeded', 'cancelled', 'dead')) = (finished_at IS NOT NULL)", name="finished_at"
        ),
        # What claims step along: organisation by organisation, in each by queue, priority, kind and time.
        Index(
            "ix_background_jobs_due",
            "organization_id",
            "queue",
            text("(- priority)"),
            "kind",
            "run_at",
            "id",
            postgresql_where=text("status = 'queued'"),
        ),
        Index("ix_background_jobs_expiry", "lease_expires_at", postgresql_where=text("status = 'running'")),
        Index("ix_background_jobs_lease", "lease_id", postgresql_where=text("lease_id IS NOT NULL")),
        Index("ix_background_jobs_finished", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
        Index("ix_background_jobs_created", "organization_id", text("created_at DESC")),
        Index(
            "ix_background_jobs_dead",
            "organization_id",
            text("created_at DESC"),
            postgresql_where=text("status = 'dead'"),
        ),
        Index(
            "uq_background_jobs_idempotency_key",
            "organization_id",
            "kind",
            "idempotency_key",
            unique=True,
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
        {
            "comment": "The queue of background work, with its dead letters and results (seed 004: REQ-T139)",
            "info": {"retention": {"column": "finished_at", "days": 7}},  # dead ones 90: doors/worker/tasks.py
        },
    )

    owner_id: Mapped[UUID | None] = mapped_column(Uuid(), Computed(OWNER, persisted=True), comment=_OWNER_COMMENT)
    kind: Mapped[str] = mapped_column(String(100), comment="What is to be done: memory.maintain")
    queue: Mapped[str] = mapped_column(
        String(50), server_default="default", comment="A worker may serve some queues only"
    )
    payload: Mapped[dict[str, Any]] = json_object("What the handler is given")
    priority: Mapped[int] = mapped_column(
        SmallInteger, server_default=text("0"), comment="-100 to 100, the highest first, within the organisation"
    )
    status: Mapped[JobStatus] = mapped_column(native_enum(JobStatus, "job_status"), server_default="queued")
    run_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="Not before this moment")
    idempotency_key: Mapped[str | None] = mapped_column(
        String(255), comment="Of one kind, one job with this key is queued or running at a time"
    )
    attempt: Mapped[int] = mapped_column(
        Integer, server_default=text("0"), comment="Attempts begun; one that a stopping worker gave back is not counted"
    )
    max_attempts: Mapped[int] = mapped_column(
        Integer, server_default=text("10"), comment="When the last of them fails, the job is dead"
    )
    lease_id: Mapped[UUID | None] = mapped_column(
        Uuid(), comment="Made anew by each claim: the fencing token, without which no attempt can end the job"
    )
    lease_expires_at: Mapped[datetime | None] = mapped_column(
        comment="Unless the worker is heard of before, the job goes back to the queue"
    )
    worker: Mapped[str | None] = mapped_column(String(200), comment="Who runs it, or ran it last")
    cancel_requested_at: Mapped[datetime | None] = mapped_column(
        comment="Somebody wants it cancelled; its worker is told"
    )
    progress: Mapped[int] = mapped_column(
        SmallInteger, server_default=text("0"), comment="Percent, as the handler says"
    )
    progress_message: Mapped[str | None] = mapped_column(String(500))
    result: Mapped[Any | None] = mapped_column(JSONB, comment="What the handler returned")
    error_code: Mapped[str | None] = mapped_column(String(100), comment="The stable code of the last failure")
    last_error: Mapped[str | None] = mapped_column(Text, comment="What went wrong in the last attempt that failed")
    states: Mapped[Any] = mapped_column(
        JSONB,
        server_default=text("'[]'::jsonb"),
        comment="When it came into which state, by which worker and error; kept by trigger, the last 50",
    )
    schedule: Mapped[str | None] = mapped_column(String(100), comment="The schedule that enqueued it")
    user_id: Mapped[UUID | None] = mapped_column(Uuid(), comment="The person on whose behalf it runs")
    agent_id: Mapped[UUID | None] = mapped_column(Uuid(), comment="The agent on whose behalf it runs")
    permissions: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="What it may do: what whoever enqueued it might"
    )
    created_at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(),
        comment="When it was enqueued; later than what its transaction did before",
    )
    started_at: Mapped[datetime | None] = mapped_column(comment="When the last attempt began")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it succeeded, was cancelled or died")


class ScheduleORM(Tenanted, Base):
    """A job that is enqueued again and again."""

    __tablename__ = "job_schedules"
    __table_args__ = (
        ForeignKeyConstraint(["owner_id"], ["organizations.id"], ondelete="CASCADE"),
        UniqueConstraint("organization_id", "name"),
        CheckConstraint("name <> ''", name="name_not_blank"),
        CheckConstraint(KIND, name="kind_format"),
        CheckConstraint(QUEUE, name="queue_format"),
        CheckConstraint(PRIORITY, name="priority"),
        CheckConstraint(ATTEMPTS, name="max_attempts"),
        CheckConstraint(PAYLOAD, name="payload"),
        CheckConstraint("(every_seconds IS NULL) <> (daily_at IS NULL)", name="daily_at"),
        CheckConstraint("every_seconds BETWEEN 1 AND 31622400", name="every_seconds"),
        Index("ix_job_schedules_next", "next_run_at", postgresql_where=text("enabled")),
        {"comment": "Jobs that are enqueued on schedule, once whatever the number of workers (seed 004: REQ-T139)"},
    )

    owner_id: Mapped[UUID | None] = mapped_column(Uuid(), Computed(OWNER, persisted=True), comment=_OWNER_COMMENT)
    name: Mapped[str] = mapped_column(String(100), comment="One of its name in the organisation")
    kind: Mapped[str] = mapped_column(String(100))
    queue: Mapped[str] = mapped_column(String(50), server_default="default")
    payload: Mapped[dict[str, Any]] = json_object("Of each job that it enqueues")
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    max_attempts: Mapped[int] = mapped_column(Integer, server_default=text("10"))
    every_seconds: Mapped[int | None] = mapped_column(Integer, comment="Or daily_at: one of the two")
    daily_at: Mapped[time | None] = mapped_column(Time, comment="A time of day, UTC")
    enabled: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    next_run_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When it fires next; occurrences that were missed fire once together"
    )
    last_run_at: Mapped[datetime | None] = mapped_column()
    user_id: Mapped[UUID | None] = mapped_column(Uuid(), comment="The person on whose behalf its jobs run")
    agent_id: Mapped[UUID | None] = mapped_column(Uuid())
    permissions: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="What its jobs may do"
    )
    created_at: Mapped[datetime] = created()
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class UpkeepLockORM(Base):
    """What work of the installation locks, so that one is at it at a time: ``SELECT ... FOR UPDATE`` of its row.

    Its owner alone can. An advisory lock could be held by whoever may connect, and what waits for it with it.
    """

    __tablename__ = "upkeep_locks"
    __tenanted__: ClassVar[bool] = False
    __table_args__ = (
        {
            "comment": "Global: a row for each work of the installation, locked while somebody is at it; the "
            "application has no right on it, where anybody could hold an advisory lock"
        },
    )

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
