"""The worker: claims jobs, keeps their leases, runs their handlers, and says what became of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

from mnemon.context import Context
from mnemon.core.backoff import Backoff
from mnemon.core.errors import Conflict, Forbidden, Invalid, MnemonError, Unavailable
from mnemon.core.principal import INSTALLATION, Principal
from mnemon.db.connection import Connection
from mnemon.jobs import repository
from mnemon.jobs.errors import GiveUp, LeaseLost, RetryLater
from mnemon.jobs.listener import LISTENING, Listener
from mnemon.jobs.registry import Handler, Registry
from mnemon.jobs.run import Claim, Run, encode_result

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: No further attempt changes what these say.
FOR_GOOD = (Invalid, Forbidden, GiveUp)
#: While the database is away: between attempts to claim jobs, and to write down what became of one.
CLAIMING, ENDING = Backoff(0.1, 5.0), Backoff(0.1, 2.0)
#: Seconds between looks where notifications do not come through.
DEAF_POLL = 1.0
#: Seconds that stopped handlers have to tidy up.
TIDY = 10.0


@dataclass(slots=True)
class Tally:
    """What a worker has done so far, by the state its jobs went into; ``lost`` are leases that ended before the job."""

    succeeded: int = 0
    queued: int = 0
    dead: int = 0
    cancelled: int = 0
    lost: int = 0


@dataclass(slots=True)
class Active:
    """A job that runs here."""

    run: Run
    handler: Handler
    renewed: float  # when its lease was prolonged last, on this process's own clock
    reason: str | None = None  # why it was stopped: cancel, stop, timeout, lost
    work: asyncio.Task[object] | None = None


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works.

    Attributes:
        concurrency: jobs at a time.
        queues: which to serve; None for all.
        lease: seconds until a job whose worker is not heard of goes back to the queue; renewed three times as often.
        poll: seconds between looks for jobs whose time has come, expired leases and due schedules.
        grace: seconds that running jobs have to end when the worker is stopped; then they are given back.
    """

    concurrency: int = 4
    queues: Sequence[str] | None = None
    lease: float = 60.0
    poll: float = 2.0
    grace: float = 20.0


@dataclass(slots=True)
class Worker:
    """Runs jobs of every organisation for which the registry has handlers.

    Any number of workers may run, in any number of processes. One that is killed loses no job: its leases end, and
    others take over.
    """

    ctx: Context
    registry: Registry
    options: WorkerOptions = field(default_factory=WorkerOptions)
    name: str = field(default_factory=lambda: _new_name())
    tally: Tally = field(default_factory=Tally)
    _active: dict[UUID, Active] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _beat: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)
    _after: UUID | None = field(default_factory=uuid4)  # whose turn was last; workers begin at different places
    _ticked: float = float("-inf")
    _pid: int = field(default_factory=os.getpid)

    async def run(self, *, once: bool = False) -> Tally:
        """Work until :meth:`stop` is called; with ``once``, until nothing is due and nothing runs.

        Raises:
            Unavailable: with ``once`` only; otherwise a database that is away is waited for.
        """
        self._belong_here()
        listener = Listener(self.ctx.database, self._heard)
        beside = [asyncio.create_task(self._heartbeats(), name="mnemon-heartbeats")]
        if not once:
            beside.append(asyncio.create_task(listener.run(), name="mnemon-listener"))
        pauses = CLAIMING.delays()
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    took = await self._fill()
                    pauses = CLAIMING.delays()
                except (Unavailable, Conflict) as error:
                    if once:
                        raise
                    logger.warning("claiming failed: %s", error.code)
                    await self._sleep(next(pauses))
                    continue
                if once and not took and not self._active:
                    break
                await self._sleep(self.options.poll if listener.works else min(self.options.poll, DEAF_POLL))
        finally:
            await self._drain()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
        return self.tally

    def _belong_here(self) -> None:
        """Belong to the event loop and the process that run it, whichever made it."""
        self._wake, self._beat = asyncio.Event(), asyncio.Event()
        if not self._hurry.is_set():
            self._hurry = asyncio.Event()
        if self._pid != os.getpid():
            if f":{self._pid}:" in self.name:
                self.name = _new_name()
            self._pid, self._active, self._tasks = os.getpid(), {}, set()

    def stop(self) -> None:
        """Take no more jobs and end when the running ones have; called again, give them back at once."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()
        self._wake.set()

    def _heard(self, payload: str) -> None:
        if payload in {LISTENING, "cancel"}:
            self._beat.set()
        if payload in {LISTENING, "queued"}:
            self._wake.set()

    async def _sleep(self, seconds: float) -> None:
        """Wait until something happens, at most so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _fill(self) -> int:
        """Claim as many jobs as there is room for, and begin them; how many."""
        everybody = Principal(INSTALLATION)
        now = time.monotonic()
        if now - self._ticked >= self.options.poll:
            async with self.ctx.database.transaction(everybody) as connection:
                await repository.tick(connection)
            self._ticked = now
        room = self.options.concurrency - len(self._active)
        if room <= 0:
            return 0
        begun = time.monotonic()
        # Lost in a crash of the server, a claim never was: the job is queued, and this lease ends nothing.
        async with self.ctx.database.transaction(everybody, lazy=True) as connection:
            rows = await repository.claim(
                connection, self.name, list(self.registry), self.options.queues, self._after, room, self.options.lease
            )
        for row in rows:
            claim = Claim.of(row)
            self._after = claim.organization_id
            active = Active(Run(self.ctx, claim), self.registry[claim.kind], begun)
            active.work = asyncio.create_task(_called(active), name=f"mnemon-job-{claim.id}")
            self._active[claim.lease_id] = active
            task = asyncio.create_task(self._attempt(active, active.work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(rows)

    async def _attempt(self, active: Active, work: asyncio.Task[object]) -> None:
        """Do one job from claim to end; raises nothing."""
        job = active.run.job
        try:
            await asyncio.wait({work}, timeout=active.handler.timeout)
            if not work.done():
                self._interrupt(active, "timeout")
                await asyncio.wait({work})
            status = await self._settle(active, work)
            logger.info("job %s (%s, attempt %s): %s", job.id, job.kind, job.attempt, status)
            setattr(self.tally, status, getattr(self.tally, status) + 1)
        except Exception:
            logger.exception("job %s (%s): its end could not be recorded", job.id, job.kind)
            self.tally.lost += 1
        finally:
            del self._active[job.lease_id]
            self._wake.set()

    def _interrupt(self, active: Active, reason: str) -> None:
        """Stop a handler, unless it is just committing its end or was stopped before."""
        if active.work is None or active.work.done() or active.run.finishing or active.run.finished or active.reason:
            return
        active.reason = reason
        active.work.cancel()

    async def _settle(self, active: Active, work: asyncio.Task[object]) -> str:
        """Record what became of an attempt; the state the job is in now, or ``lost``."""
        run = active.run
        if run.finished:
            return "succeeded"
        error = asyncio.CancelledError() if work.cancelled() else work.exception()
        if active.reason == "lost" or isinstance(error, LeaseLost):
            return "lost"
        if active.reason in {"cancel", "stop"}:
            return await self._give_back(active)
        if error is None and active.reason != "timeout":
            try:
                result = encode_result(work.result())
            except Invalid as refused:
                error = refused
            else:
                settled = await self._persist(active, lambda c: repository.succeed(c, *_key(run.job), result))
                return "succeeded" if settled else "lost"
        if active.reason == "timeout":
            error = TimeoutError(f"It ran longer than the {active.handler.timeout:g} seconds it may.")
        return await self._fail(active, error or asyncio.CancelledError())

    async def _give_back(self, active: Active) -> str:
        cancelled = active.reason == "cancel"
        job = active.run.job
        status = await self._persist(active, lambda c: repository.give_back(c, *_key(job), cancelled=cancelled))
        return status or "lost"

    async def _fail(self, active: Active, error: BaseException) -> str:
        job, handler = active.run.job, active.handler
        code, message = _told(error, timed_out=active.reason == "timeout")
        delay = max(0.0, error.seconds) if isinstance(error, RetryLater) else handler.backoff.after(job.attempt)
        status = await self._persist(
            active,
            lambda c: repository.fail(
                c,
                *_key(job),
                code=code,
                error=message,
                for_good=isinstance(error, FOR_GOOD),
                delay=delay,
            ),
        )
        logger.warning("job %s (%s, attempt %s) failed: %s", job.id, job.kind, job.attempt, code)
        return status or "lost"

    async def _persist(self, active: Active, step: Callable[[Connection], Awaitable[T]]) -> T | None:
        """Do a step in the job's organisation, again while the database is away and the lease may hold."""
        pauses, until = ENDING.delays(), time.monotonic() + self.options.lease
        while True:
            try:
                async with self.ctx.database.transaction(active.run.job.principal) as connection:
                    return await step(connection)
            except (Unavailable, Conflict):
                if time.monotonic() >= until:
                    return None
                await asyncio.sleep(next(pauses))

    async def _heartbeats(self) -> None:
        """Prolong the leases of what runs here, and hear of what is to be cancelled."""
        pause = self.options.lease / 3
        while True:
            self._beat.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._beat.wait(), pause)
            if not self._active:
                continue
            try:
                await self._renew()
                pause = self.options.lease / 3
            except Exception as error:  # whatever it is: without heartbeats everything would be lost
                logger.warning("renewing leases failed: %s", error)
                pause = min(self.options.lease / 10, 1.0)
                self._let_go()

    async def _renew(self) -> None:
        leases, begun = dict(self._active), time.monotonic()
        async with self.ctx.database.transaction(Principal(INSTALLATION), lazy=True) as connection:
            held = await repository.renew_leases(connection, list(leases), self.options.lease)
        for lease, active in leases.items():
            if lease not in held:
                self._interrupt(active, "lost")
            else:
                active.renewed = begun
                if held[lease]:
                    self._interrupt(active, "cancel")

    def _let_go(self) -> None:
        """Stop what others may have taken over: the database has not been heard of for as long as a lease."""
        for active in self._active.values():
            if time.monotonic() - active.renewed > self.options.lease:
                self._interrupt(active, "lost")

    async def _drain(self) -> None:
        """Let running jobs end, then give back what is left."""
        if not self._tasks:
            return
        hurry: asyncio.Future[Any] = asyncio.ensure_future(self._hurry.wait())
        ends: asyncio.Future[Any] = asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.wait({hurry, ends}, timeout=self.options.grace, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        for active in list(self._active.values()):
            self._interrupt(active, "stop")
        await asyncio.wait({ends}, timeout=TIDY)


def _new_name() -> str:
    return f"{socket.gethostname()[:100]}:{os.getpid()}:{uuid4().hex[:8]}"


async def _called(active: Active) -> object:
    return await active.handler.work(active.run)


def _key(job: Claim) -> tuple[UUID, UUID, UUID]:
    return job.organization_id, job.id, job.lease_id


def _told(error: BaseException, *, timed_out: bool) -> tuple[str, str]:
    """Return an error's code and text, of characters that PostgreSQL stores."""
    if timed_out:
        code, text = "jobs.timeout", str(error)
    elif isinstance(error, MnemonError):
        code, text = error.code, str(error)
    else:
        code = "jobs.unexpected"
        text = f"{type(error).__name__}: {error}\n\n{''.join(traceback.format_exception(error)[-6:])}"
    return code, text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
