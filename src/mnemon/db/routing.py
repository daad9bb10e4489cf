"""Read routing: which reads a replica serves, and what happens when it cannot.

A read goes to a replica only if that has replayed everything the reader must see: what its organisation wrote through
this process, what was committed before the process opened, and what a position that was handed on stands for. The
replica itself says so in the message that begins the transaction, so this costs no round trip. A read that meets a
replica's end, or a conflict with what it replays, goes on at the primary, from the statement that failed: statements
of one transaction see the database as of their own beginning anyway (READ COMMITTED), and the primary is never behind.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from mnemon.core.backoff import Backoff
from mnemon.core.errors import Unavailable
from mnemon.core.principal import Principal
from mnemon.core.settings import Settings
from mnemon.db.connection import Connection
from mnemon.db.engine import hang_up, pooled
from mnemon.db.errors import translate, translated
from mnemon.db.reading import Reading, may_move, note
from mnemon.db.replicas import (
    PATIENCE,
    REPLAYED,
    Identity,
    NotHere,
    Replica,
    ReplicaState,
    enter,
    identify,
    make_monitor,
    without_header,
)
from mnemon.db.tenant import Prover

logger = logging.getLogger(__name__)

#: Everything committed before it was asked lies before this place; also what is not on the disk yet.
POSITION = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
_BOTH = (
    "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint AS inserted, "
    "(pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint AS flushed"
)
_ASK = f"SELECT {REPLAYED}"

T = TypeVar("T")

_SILENT = "it does not answer"
_INTERVAL = 0.5  # seconds between two looks at a replica
_STARTS = Backoff(0.1, 5.0)  # between two attempts to begin, in the background
_LOOKS = Backoff(0.001, 0.02)  # between two questions whether a replica has come as far
_SAMPLES = 7200  # places of the primary that are remembered; with three replicas those of twenty minutes
_MOST = 10_000  # organisations whose last write is remembered one by one


class Routing:
    """The replicas of one database, and how far each must be for whom.

    Args:
        url: the primary, as the application role.
        primary: its pool.
        replicas: a name and a URL each, as the application role.
        settings: pool sizes, time limits, the lag above which a replica is left out.
        prover: proves who a transaction is for.
    """

    def __init__(
        self,
        url: str,
        primary: AsyncEngine,
        replicas: Sequence[tuple[str, str]],
        settings: Settings,
        prover: Prover,
    ) -> None:
        self.primary = primary
        self.prover = prover
        self.replicas = [Replica(name, address, settings) for name, address in replicas]
        self._monitor = make_monitor(url, settings)
        self._sampling = asyncio.Lock()
        self._max_lag = settings.database_replica_max_lag
        self._identity: Identity | None = None
        self._floor: int | None = None  # not known before the first look
        self._needed: dict[UUID, int] = {}
        self._unsure: set[UUID] = set()
        self._samples: deque[tuple[float, int]] = deque(maxlen=_SAMPLES)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Note where the primary is, and begin to look after the replicas in the background.

        Raises:
            Unavailable: the primary cannot be reached.
        """
        with translated():
            async with pooled(self.primary) as driver:
                self._floor = without_header(await driver.fetchval(POSITION))
                self._identity = await identify(driver)
        self._tasks += [asyncio.create_task(self._watch(replica)) for replica in self.replicas]

    def start_later(self) -> None:
        """Start in the background, and again until it works; until then the primary serves every read."""
        self._tasks = [asyncio.create_task(self._start(), name="mnemon-replicas")]

    async def _start(self) -> None:
        pauses = _STARTS.delays()
        while True:
            try:
                await self.start()
            except Unavailable as error:
                logger.warning("replicas are not looked after yet: %s", error.code)
                await asyncio.sleep(next(pauses))
            else:
                return

    def hang_up(self) -> None:
        """End the replicas' connections of an event loop that has ended."""
        for engine in (self._monitor, *(one for replica in self.replicas for one in (replica.engine, replica.monitor))):
            hang_up(engine)

    async def probe_once(self) -> None:
        """Look at every replica, all at a time."""
        await asyncio.gather(*(self.probe(replica) for replica in self.replicas))

    def states(self) -> tuple[ReplicaState, ...]:
        """Return what is known of each replica."""
        return tuple(
            ReplicaState(one.name, one.reason is None, one.lag, one.reason, one.reads, one.moved)
            for one in self.replicas
        )

    async def close(self) -> None:
        """Stop looking, and close every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for replica in self.replicas:
            await replica.close()
        await self._monitor.dispose()

    # -- what a reader must see -----------------------------------------------------------------------------------

    async def wrote(self, organization: UUID, driver: Any) -> None:
        """Note that something of the organisation's has been committed; ``driver`` is a connection to the primary."""
        try:
            self.see(organization, without_header(await driver.fetchval(POSITION)))
        except BaseException as error:
            # It is committed, whatever this question met: its end must not look like the write's.
            self.unsure(organization)
            if not isinstance(error, Exception):
                raise

    async def wrote_somewhere(self, organization: UUID) -> None:
        """Note a write whose connection has gone back to the pool, by asking the primary how far it is."""
        try:
            async with pooled(self.primary) as driver:
                await self.wrote(organization, driver)
        except Exception:
            self.unsure(organization)

    def unsure(self, organization: UUID) -> None:
        """Let the primary serve an organisation until the next probe: something may have been committed."""
        self._unsure.add(organization)

    def see(self, organization: UUID, position: int) -> None:
        """Let the organisation's reads see everything up to a position from now on."""
        if position > self._needed.get(organization, 0):
            self._needed[organization] = position
        if len(self._needed) > _MOST:
            self._floor = max(self._floor or 0, *self._needed.values())
            self._needed.clear()

    def needed(self, organization: UUID) -> int | None:
        """Return how far a replica must be to serve the organisation; None: only the primary may."""
        if organization in self._unsure or self._floor is None:
            return None
        return max(self._floor, self._needed.get(organization, 0))

    # -- reading --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def read_transaction(self, principal: Principal, *, by_key: bool = False) -> AsyncIterator[Connection]:
        """Begin a read-only transaction of the principal's organisation, at a replica where one can serve it."""
        with translated():
            async with Reading(self, principal, by_key=by_key) as reading:
                yield reading

    async def read_session(self, principal: Principal, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Return what ``work`` reads in an ORM session at a replica.

        Raises:
            NotHere: none can serve it, or one began to and failed; it is to be read at the primary.
        """
        needed = self.needed(principal.organization_id)
        replica = self.choose(needed)
        if replica is None or needed is None:
            raise NotHere
        reading = object()
        replica.readings.add(reading)
        try:
            async with AsyncSession(replica.engine, expire_on_commit=False) as session, session.begin():
                await enter(session, self.prover, principal, needed)
                replica.reads += 1
                return await work(session)
        except NotHere:
            raise
        except Exception as error:
            if not may_move(error):
                raise
            note(replica, error)
            replica.moved += 1
            raise NotHere from error
        finally:
            replica.readings.discard(reading)

    def choose(self, needed: int | None) -> Replica | None:
        """Return the replica with the fewest reads under way, one that is far enough rather than one that was not."""
        if needed is None:
            return None
        able = [one for one in self.replicas if one.reason is None and len(one.readings) < one.capacity]
        return min(able, key=lambda one: (one.replayed < needed, len(one.readings), one.reads), default=None)

    # -- looking after them -----------------------------------------------------------------------------------------

    async def _watch(self, replica: Replica) -> None:
        while True:
            began = time.monotonic()
            try:
                await self.probe(replica)
            except Exception as error:  # whatever it is: nobody would look at this replica any more
                replica.leave_out(f"it cannot be looked at ({type(error).__name__})")
                logger.exception("looking at replica %s failed", replica.name)
            await asyncio.sleep(max(0.05, _INTERVAL - (time.monotonic() - began)))

    async def probe(self, replica: Replica) -> None:
        """Measure a replica's lag; leave it out if that is too long or it does not answer, else take it back."""
        if replica.lag is None:
            await self._ask(replica)  # the first time it connects, which is no lag
        began, target, fresh = await self._sample()
        pauses = _LOOKS.delays()
        while True:
            answer = await self._ask(replica)
            now = time.monotonic()
            if isinstance(answer, str):
                if answer == _SILENT:
                    replica.give_up(answer)
                replica.leave_out(answer)
                return
            if answer >= target:
                # While the primary does not answer, nothing is known of that this replica has not got.
                replica.lag = now - began if fresh else replica.lag or 0.0
                break
            if not fresh or now - began > _INTERVAL:
                replica.lag = now - self._last_before(answer)
                break
            await asyncio.sleep(next(pauses))
        if replica.lag > self._max_lag:
            replica.leave_out(f"it lags by {replica.lag:.1f} s")
        elif replica.reason is not None and (odd := await self._odd(replica)) is not None:
            replica.leave_out(odd)
        else:
            replica.take_back()

    async def _odd(self, replica: Replica) -> str | None:
        """Return why a server is no replica of this database and role to which the wall holds; None if it is one."""
        try:
            if self._identity is None:
                async with asyncio.timeout(PATIENCE), pooled(self._monitor) as driver:
                    self._identity = await identify(driver)
            async with asyncio.timeout(PATIENCE), pooled(replica.monitor) as driver:
                identity = await identify(driver)
        except Exception as error:
            if not isinstance(error, TimeoutError) and translate(error) is None:
                raise
            return "it or the primary cannot be asked who it is"
        return self._identity.differs(identity)

    async def _ask(self, replica: Replica) -> int | str:
        """Return how far it has replayed, or what is wrong with it."""
        try:
            async with asyncio.timeout(PATIENCE), pooled(replica.monitor) as driver:
                row = await driver.fetchrow(_ASK)
        except Exception as error:
            if isinstance(error, TimeoutError):
                return _SILENT
            ours = translate(error)
            if ours is None:
                raise
            return f"it cannot be reached ({ours.code})"
        if not row["standby"]:
            return "it is no replica (any more): it was promoted"
        replica.replayed = max(row["replayed"] or 0, 0)
        return replica.replayed

    async def _sample(self) -> tuple[float, int, bool]:
        """Return when and how far the primary was at the latest look at it; whether that is now, because it answers."""
        unsure, organizations = set(self._unsure), list(self._needed)
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE), self._sampling, pooled(self._monitor) as driver:
                began = time.monotonic()
                row = await driver.fetchrow(_BOTH)
        except Exception as error:
            if not isinstance(error, TimeoutError) and translate(error) is None:
                raise
            return (*(self._samples[-1] if self._samples else (began, self._floor or 0)), False)
        for organization in unsure:
            self.see(organization, without_header(row["inserted"]))
        self._unsure -= unsure
        least = min((replica.replayed for replica in self.replicas if replica.reason is None), default=0)
        for organization in organizations:
            if self._needed.get(organization, least + 1) <= least:
                del self._needed[organization]
        flushed = without_header(row["flushed"])
        self._samples.append((began, flushed))
        return began, flushed, True

    def _last_before(self, replayed: int) -> float:
        """Return when the primary was last known to be no further than a replica is now."""
        return next((at for at, place in reversed(self._samples) if place <= replayed), self._oldest())

    def _oldest(self) -> float:
        return self._samples[0][0] if self._samples else time.monotonic()
