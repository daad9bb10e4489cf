"""What a handler is given: the job, whom it works for, and the transaction in which it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from mnemon.context import Context
from mnemon.core.errors import Invalid
from mnemon.core.principal import Principal
from mnemon.core.text import invalid
from mnemon.db.connection import Connection
from mnemon.db.types import dump_json
from mnemon.jobs import repository
from mnemon.jobs.errors import LeaseLost
from mnemon.jobs.schemas import Returned

_RESULT: TypeAdapter[Any] = TypeAdapter(Returned)


@dataclass(frozen=True, slots=True)
class Claim:
    """A job as its worker holds it.

    Attributes:
        attempt: which attempt this is, from 1.
        lease_id: the fencing token of this attempt.
    """

    id: UUID
    organization_id: UUID
    kind: str
    queue: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int
    lease_id: UUID
    principal: Principal

    @classmethod
    def of(cls, row: Any) -> Claim:
        """Make it from what claim_jobs returned."""
        principal = Principal(
            row["organization_id"], row["user_id"], row["agent_id"], permissions=frozenset(row["permissions"])
        )
        return cls(
            row["id"],
            row["organization_id"],
            row["kind"],
            row["queue"],
            json.loads(row["payload"]),
            row["attempt"],
            row["max_attempts"],
            row["lease_id"],
            principal,
        )


class Run:
    """One attempt at a job.

    A handler that changes the database does so inside :meth:`effects`: its changes and the job's end are one
    transaction, kept only while the lease is this attempt's. So they happen exactly once, whoever is killed when. Work
    through services commits by itself; then the handler may run again after it, and must bear that. For effects
    elsewhere (mail, HTTP) the same holds: pass :attr:`key` on, so that the receiver can tell a repetition. Long
    computations belong in a thread: while the event loop stands still, no lease is renewed.

    Attributes:
        ctx: acts as the job's organisation, on behalf of whoever enqueued it and with their permissions.
        job: what is to be done.
        result: what :meth:`effects` stores as the job's result.
    """

    def __init__(self, ctx: Context, job: Claim) -> None:
        self.ctx = ctx.as_principal(job.principal)
        self.job = job
        self.result: Any = None
        self.finished = False
        self.finishing = False
        self._told: tuple[int, str | None] = (0, None)

    @property
    def key(self) -> str:
        """The same in every attempt at this job and in no other job: an idempotency key for effects elsewhere."""
        return str(self.job.id)

    @asynccontextmanager
    async def effects(self) -> AsyncIterator[Connection]:
        """Begin the transaction that ends the job; set :attr:`result` before it ends.

        Raises:
            LeaseLost: the job is somebody else's by now; nothing was kept.
        """
        if self.finished:
            raise Invalid("The job has ended already.", code="invalid.job_ended")
        try:
            async with self.ctx.database.transaction(self.ctx.principal) as connection:
                yield connection
                result = encode_result(self.result)
                self.finishing = True
                if not await repository.succeed(
                    connection, self.job.organization_id, self.job.id, self.job.lease_id, result
                ):
                    raise LeaseLost("Another attempt at this job has begun, or it was ended.", id=str(self.job.id))
            self.finished = True
        finally:
            self.finishing = False

    async def progress(self, percent: int, message: str | None = None) -> None:
        """Say how far the job is, 0 to 100, and what it is at.

        Raises:
            Invalid: percent is not from 0 to 100.
            LeaseLost: the job is somebody else's by now: stop.
        """
        if not 0 <= percent <= 100:
            raise Invalid("percent is from 0 to 100.", code="invalid.progress", field="percent")
        report = (percent, message[:500] if message else None)
        if report == self._told:
            return
        self._told = report
        job = self.job
        async with self.ctx.database.transaction(self.ctx.principal, lazy=True) as connection:
            if not await repository.progress(connection, job.organization_id, job.id, job.lease_id, *report):
                raise LeaseLost("Another attempt at this job has begun, or it was ended.", id=str(job.id))


def encode_result(value: Any) -> str | None:
    """Return a result as JSON text.

    Raises:
        Invalid: it is no JSON, or larger than JSON may be here.
    """
    if value is None:
        return None
    try:
        return dump_json(_RESULT.validate_python(value))
    except ValidationError as error:
        raise invalid(error) from None
