"""Begins transactions and sessions with the tenant set at their start, and nowhere else.

Who a transaction is for is transaction-local, so a connection that goes back to a pool (ours or a transaction pooler)
carries nobody's tenancy. Unset means: no rows, no writes. How it is set and proven: :mod:`mnemon.db.tenant`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from mnemon.core import forks
from mnemon.core.installation import InstallationKey
from mnemon.core.loops import Home
from mnemon.core.principal import Principal
from mnemon.core.settings import Settings
from mnemon.db.connection import Connection
from mnemon.db.engine import create_engine, hang_up, pooled
from mnemon.db.errors import translated
from mnemon.db.replicas import NotHere, ReplicaState, read_position, write_position
from mnemon.db.routing import POSITION, Routing
from mnemon.db.tenant import SET_TENANT, SET_TENANT_HURRIED, SET_TENANT_KEEPING_PLANS, Prover, set_tenant_text

_SET_TENANT = set_tenant_text()

T = TypeVar("T")

#: What is to be done after the commit of the transaction that each connection is in.
AFTER_COMMIT: dict[Connection, list[Callable[[], None]]] = {}


def after_commit(connection: Connection, action: Callable[[], None]) -> None:
    """Call an action once the transaction of the connection is committed; never, if it is rolled back.

    Args:
        connection: inside :meth:`Database.transaction`.
        action: what must not be done for a transaction that may still fail, such as filling a cache; it may not raise.

    Raises:
        LookupError: the connection is in no such transaction.
    """
    AFTER_COMMIT[connection].append(action)


class Database:
    """One database as the application role: where transactions and sessions begin.

    Args:
        url: ``postgresql+asyncpg://...`` as the application role.
        settings: pool sizes, time limits.
        installation: the key that proves who a transaction is for; None: the one that the settings name.
    """

    def __init__(self, url: str, settings: Settings, installation: InstallationKey | None = None) -> None:
        self.prover = Prover(installation or InstallationKey.of(settings))
        #: The full-text operator recall uses; start-up replaces it with a leakproof one where there is one.
        self.match_operator = "@@"
        self._url = url
        self._settings = settings
        self._create_engine()
        self._replicas: Sequence[tuple[str, str]] = ()
        self._routing: Routing | None = None
        self._home = Home("database")
        self._here = True
        forks.in_child(self)

    def forked(self) -> None:
        """Leave every connection to the parent, and open new ones when they are needed."""
        forks.leave(self._engine, self._reader, self._routing)
        self._here = False

    @property
    def engine(self) -> AsyncEngine:
        """The pool of this process and event loop; whoever begins to use the database gets it here.

        Raises:
            Invalid: another event loop that has not ended has connections of it.
        """
        if not self._here:
            self._create_engine()
            self._here = True
            self._home.leave()
            self._home.moved()
            self._route_anew()
        elif self._home.moved():
            hang_up(self._engine)
            if self._routing is not None:
                self._routing.hang_up()
                self._route_anew()
        return self._engine

    def _route_anew(self) -> None:
        """Look after the replicas from here; until they have been looked at, the primary serves."""
        if self._routing is not None:
            self._routing = Routing(self._url, self._engine, self._replicas, self._settings, self.prover)
            self._routing.start_later()

    def _session(self, *, readonly: bool = False) -> AsyncSession:
        engine = self.engine
        return AsyncSession(self._reader if readonly else engine, expire_on_commit=False)

    def _create_engine(self) -> None:
        self._engine = create_engine(self._url, self._settings)
        self._reader = self._engine.execution_options(postgresql_readonly=True)  # over the same pool

    async def use_replicas(self, replicas: Sequence[tuple[str, str]]) -> None:
        """Let replicas serve what :meth:`read_transaction` begins; once, before the first of them.

        Args:
            replicas: a name and a URL each, as the application role.

        Raises:
            Invalid: a URL cannot be read.
            Unavailable: the primary cannot be reached.
        """
        if replicas:
            self._replicas = tuple(replicas)
            self._routing = Routing(self._url, self.engine, replicas, self._settings, self.prover)
            await self._routing.start()

    async def probe_replicas(self, replicas: Sequence[tuple[str, str]]) -> tuple[ReplicaState, ...]:
        """Look once at replicas, as is done before reads go there; a name and a URL each.

        Raises:
            Invalid: a URL cannot be read.
        """
        routing = Routing(self._url, self.engine, replicas, self._settings, self.prover)
        try:
            await routing.probe_once()
            return routing.states()
        finally:
            await routing.close()

    @property
    def installation(self) -> InstallationKey:
        """The installation's key.

        Raises:
            Unavailable: this process has none.
        """
        if self.prover.key is None:
            self.prover.prove("")  # says what to do
        return cast("InstallationKey", self.prover.key)

    def prove(self, message: str) -> bytes:
        """Return the proof of a claim, for a function of the database that asks for one.

        Raises:
            Unavailable: this process has no installation key.
        """
        return self.prover.prove(message)

    @property
    def replicas(self) -> tuple[ReplicaState, ...]:
        """The replicas that serve reads, or would; empty where there are none."""
        return () if self._routing is None else self._routing.states()

    async def position(self) -> str:
        """Return the position of everything committed so far, to be handed to :meth:`see` in another process.

        Raises:
            Unavailable: the primary cannot be reached.
        """
        async with self.untenanted() as connection:
            return write_position(await connection.fetchval(POSITION))

    def see(self, organization: UUID, position: str) -> None:
        """Let the organisation's reads see everything that a position stands for from now on.

        Raises:
            Invalid: it is not a position.
        """
        place = read_position(position)
        if self._routing is not None:
            self._routing.see(organization, place)

    def read_transaction(
        self, principal: Principal, *, by_key: bool = False
    ) -> AbstractAsyncContextManager[Connection]:
        """Begin a read-only transaction, at a replica where there is one that may serve it.

        It sees everything that its organisation wrote through this object before. What others write is seen a moment
        later; so what decides about access, or is read to be changed, is read by :meth:`transaction`.

        Args:
            principal: whose organisation the transaction is for.
            by_key: keep the plans of its statements, see :meth:`transaction`.
        """
        if self._routing is None:
            return self.transaction(principal, readonly=True, by_key=by_key)
        return self._read_transaction(principal, by_key=by_key)

    @asynccontextmanager
    async def _read_transaction(self, principal: Principal, *, by_key: bool) -> AsyncIterator[Connection]:
        with translated():
            routing = self._routed()
            assert routing is not None  # noqa: S101 - there is one, or this would not have been called
        async with routing.read_transaction(principal, by_key=by_key) as reading:
            yield reading

    def _routed(self) -> Routing | None:
        """Return the replicas' routing, moved to the loop that runs now."""
        _ = self.engine
        return self._routing

    @asynccontextmanager
    async def session(self, principal: Principal, *, readonly: bool = False) -> AsyncIterator[AsyncSession]:
        """Open an ORM session in a transaction of the principal's organisation; commits once, at the end.

        Args:
            principal: whose organisation the transaction is for.
            readonly: refuse writes. For reads that need not be at the primary there is :meth:`read_session`.

        Raises:
            MnemonError: what the database refused, as one kind with a stable code; nothing was kept.
        """
        with translated():
            try:
                async with self._session(readonly=readonly) as session, session.begin():
                    await session.execute(_SET_TENANT, self.prover.parameters(principal))
                    yield session
            except BaseException:
                if not readonly:
                    self._may_have_written(principal)
                raise
            if self._routing is not None and not readonly:
                await self._routing.wrote_somewhere(principal.organization_id)

    async def read_session(self, principal: Principal, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Return what ``work`` reads in an ORM session, at a replica where there is one that may serve it.

        See :meth:`read_transaction`. ``work`` must only read: where a replica fails it is called again, at the primary.
        """
        with translated():
            if (routing := self._routed()) is not None:
                with contextlib.suppress(NotHere):
                    return await routing.read_session(principal, work)
            async with self._session(readonly=True) as session, session.begin():
                await session.execute(_SET_TENANT, self.prover.parameters(principal))
                return await work(session)

    @asynccontextmanager
    async def transaction(
        self,
        principal: Principal,
        *,
        readonly: bool = False,
        bulk: bool = False,
        by_key: bool = False,
        lazy: bool = False,
        snapshot: bool = False,
        hurried: bool = False,
    ) -> AsyncIterator[Connection]:
        """Begin a transaction of the principal's organisation on the driver's own connection.

        For statements whose price is counted in tenths of a millisecond: sign-in look-ups, recall, bulk writes.

        Args:
            principal: whose organisation the transaction is for.
            readonly: refuse writes. For reads that need not be at the primary there is :meth:`read_transaction`.
            bulk: keep the plans of foreign key checks from row to row; for statements that insert.
            by_key: keep the plans of its statements from call to call. Only where each finds its rows by whole keys:
                then one plan is right for tenants of every size, and a new one takes longer to make than to run.
            lazy: commit without waiting for the disk. A server that crashes may lose such a transaction of its last
                second, whole; the next commit that waits makes it safe too. For steps that would be done again.
            snapshot: all its statements see one moment.
            hurried: fail (``unavailable.lock``) where a lock is not to be had soon; only for what is tried again.
        """
        with translated():
            async with pooled(self.engine) as driver:
                actions = AFTER_COMMIT[driver] = []
                try:
                    isolation = "repeatable_read" if snapshot else None
                    async with driver.transaction(isolation=isolation, readonly=readonly):
                        enter = SET_TENANT_KEEPING_PLANS if bulk or by_key else SET_TENANT
                        enter = SET_TENANT_HURRIED if hurried else enter
                        await driver.fetchval(enter, *self.prover.arguments(principal))
                        if lazy:
                            await driver.execute("SET LOCAL synchronous_commit = off")
                        yield driver
                except BaseException:
                    if not readonly:
                        self._may_have_written(principal)
                    raise
                finally:
                    del AFTER_COMMIT[driver]
                for action in actions:
                    action()
                if self._routing is not None and not readonly:
                    await self._routing.wrote(principal.organization_id, driver)

    @asynccontextmanager
    async def untenanted(self) -> AsyncIterator[Connection]:
        """Take the driver's connection with no tenant at all: for start-up checks and SECURITY DEFINER look-ups."""
        with translated():
            async with pooled(self.engine) as driver:
                yield driver

    def _may_have_written(self, principal: Principal) -> None:
        """Note that a transaction that ended with an error may have been committed all the same."""
        if self._routing is not None:
            self._routing.unsure(principal.organization_id)

    async def close(self) -> None:
        """Close every connection of the pools."""
        engine = self.engine
        if self._routing is not None:
            await self._routing.close()
        await engine.dispose()
        self._home.leave()


async def driver_of(session: AsyncSession) -> Connection:
    """Return the driver's connection under an ORM session, in its transaction."""
    raw = await (await session.connection()).get_raw_connection()
    return cast("Connection", raw.driver_connection)
