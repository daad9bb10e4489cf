"""Requests and answers of the queue."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from mnemon.core.pages import Limit, PageRequest
from mnemon.core.text import Json, JsonObject, Key, Moment, Schema
from mnemon.jobs.models import JobStatus

__all__ = [
    "Cancelled",
    "Enqueue",
    "Enqueued",
    "Job",
    "JobStatus",
    "ListJobs",
    "Returned",
    "Schedule",
    "SetSchedule",
    "StateChange",
]

MOST_SECONDS = 366 * 86_400


def _utc(value: time) -> time:
    if value.tzinfo is not None:
        raise PydanticCustomError("time", "a time of day is UTC and names no zone")
    return value


Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\z", max_length=100)]
Queue = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*\z", max_length=50)]
Priority = Annotated[int, Field(ge=-100, le=100)]
Attempts = Annotated[int, Field(ge=1, le=100)]
ScheduleName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.:-]*\z", max_length=100)]
TimeOfDay = Annotated[time, AfterValidator(_utc)]
#: What a handler returned: any JSON within the bounds of all JSON here.
Returned = Json


class Enqueue(Schema):
    """A job to be done in the background."""

    kind: Kind = Field(description="what is to be done; a worker with a handler for it takes the job")
    payload: JsonObject = Field(default_factory=dict, description="what the handler is given")
    queue: Queue = Field(default="default", description="a worker may serve some queues only")
    priority: Priority = Field(default=0, description="the highest first, among the organisation's own jobs")
    run_at: Moment | None = Field(default=None, description="not before this moment; now, if left out")
    delay_seconds: float | None = Field(default=None, ge=0, le=MOST_SECONDS, description="or so many seconds from now")
    idempotency_key: Key | None = Field(
        default=None, description="of one kind, one job with this key is queued or running at a time"
    )
    max_attempts: Attempts = Field(default=10, description="when the last of them fails, the job is dead")

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.run_at is not None and self.delay_seconds is not None:
            raise PydanticCustomError("run_at", "give run_at or delay_seconds, not both")
        return self


class Enqueued(Schema):
    """The job that is in the queue now: a new one, or the one that had the key already."""

    id: UUID
    created: bool = Field(description="false: a job with this idempotency key is queued or running already")


class StateChange(Schema):
    """One step of a job's life."""

    at: datetime
    status: JobStatus
    attempt: int
    worker: str | None = None
    code: str | None = None
    error: str | None = None


class Job(Schema):
    """Where a job stands, and what came of it."""

    id: UUID
    kind: str
    queue: str
    status: JobStatus
    priority: int
    payload: dict[str, Any]
    run_at: datetime
    idempotency_key: str | None
    attempt: int
    max_attempts: int
    worker: str | None
    lease_expires_at: datetime | None
    cancel_requested_at: datetime | None
    progress: int
    progress_message: str | None
    result: Any
    error_code: str | None
    last_error: str | None
    schedule: str | None
    user_id: UUID | None
    agent_id: UUID | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    states: tuple[StateChange, ...]


class ListJobs(PageRequest):
    """Which jobs to list, newest first."""

    status: JobStatus | None = None
    kind: Kind | None = None
    queue: Queue | None = None
    before: Moment | None = Field(default=None, description="created before this moment")
    limit: Limit = 50


class Cancelled(Schema):
    """What cancelling came to."""

    id: UUID
    status: JobStatus = Field(description="cancelled; or running: its worker was told, and it ends soon")


class SetSchedule(Schema):
    """A job to be enqueued again and again: every so many seconds, or daily at a time."""

    name: ScheduleName
    kind: Kind
    payload: JsonObject = Field(default_factory=dict)
    queue: Queue = "default"
    priority: Priority = 0
    max_attempts: Attempts = 10
    every_seconds: int | None = Field(default=None, ge=1, le=MOST_SECONDS)
    daily_at: TimeOfDay | None = Field(default=None, description="a time of day, UTC")
    enabled: bool = True
    first_run_at: Moment | None = Field(default=None, description="now, or the next such time of day, if left out")

    @model_validator(mode="after")
    def _one_rhythm(self) -> Self:
        if (self.every_seconds is None) == (self.daily_at is None):
            raise PydanticCustomError("schedule", "give every_seconds or daily_at, one of the two")
        return self


class Schedule(Schema):
    """A schedule as it stands."""

    id: UUID
    name: str
    kind: str
    queue: str
    payload: dict[str, Any]
    priority: int
    max_attempts: int
    every_seconds: int | None
    daily_at: time | None
    enabled: bool
    next_run_at: datetime
    last_run_at: datetime | None
