"""Errors of the queue, and what a handler raises to say how a failed attempt goes on."""

from __future__ import annotations

from typing import Any

from mnemon.core.errors import Conflict, MnemonError, NotFound


class JobNotFound(NotFound):
    """There is no such job in this organisation."""

    default_code = "not_found.job"


class JobState(Conflict):
    """The job is in a state in which that cannot be done."""

    default_code = "conflict.job_state"


class LeaseLost(Conflict):
    """The job is not this attempt's any more: the lease ended, and nothing of the transaction was kept."""

    default_code = "conflict.lease_lost"


class RetryLater(MnemonError):  # noqa: N818
    """Raised by a handler: not now; the attempt counts, and the next one comes after some seconds."""

    kind = "unavailable"
    default_code = "jobs.retry_later"

    def __init__(self, message: str, *, seconds: float, **data: Any) -> None:
        super().__init__(message, **data)
        self.seconds = seconds


class GiveUp(MnemonError):  # noqa: N818
    """Raised by a handler: no further attempt will help; the job is dead at once."""

    kind = "invalid"
    default_code = "jobs.gave_up"
