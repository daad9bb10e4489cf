"""One transaction that everything joins which a verb begins: committed once, at the end, or not at all.

What a verb begins inside is a savepoint, so an error takes back what it would have taken back alone. For callers that
must keep something of their own with what the verb writes, such as the answer to a call that may come again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.errors import translated
from mnemon.db.session import AFTER_COMMIT, Database
from mnemon.db.tenant import SET_TENANT, set_tenant_text

_SET_TENANT = set_tenant_text()

T = TypeVar("T")


class Joined(Database):
    """A database whose transactions are parts of one, which begins with the first that may write.

    Reads before that go their own way, at replicas too; after it they see what was written.

    Args:
        database: whose transactions.
        principal: whose organisation the whole is for.
        begun: called when it begins, on its connection; if it raises, nothing was begun.
    """

    def __init__(
        self, database: Database, principal: Principal, begun: Callable[[Connection], Awaitable[None]]
    ) -> None:
        # The same pool, routing and keys; nothing of it is opened, closed or counted here.
        self.__dict__.update(database.__dict__)
        self._whole = database
        self._principal = principal
        self._begun = begun
        self._outer: AsyncConnection | None = None
        self._turn = asyncio.Lock()
        self._owner: asyncio.Task[Any] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the transaction has begun."""
        return self._outer is not None

    async def begin(self) -> Connection:
        """Begin it, if that has not been done; return its connection."""
        if self._outer is None:
            outer = await self._whole.engine.connect()
            try:
                await outer.begin()
                await outer.execute(_SET_TENANT, self.prover.parameters(self._principal))
                driver = await _driver(outer)
                AFTER_COMMIT[driver] = []
                await self._begun(driver)
            except BaseException:
                AFTER_COMMIT.pop(await _driver(outer), None)
                await outer.close()
                raise
            self._outer = outer
        return await _driver(self._outer)

    async def commit(self) -> None:
        """Keep all of it; then do what was to be done after a commit."""
        if self._outer is None:
            return
        outer, self._outer = self._outer, None
        actions = AFTER_COMMIT.pop(await _driver(outer))
        with translated():
            try:
                await outer.commit()
            except BaseException:
                self._may_have_written(self._principal)
                raise
            finally:
                await outer.close()
        for action in actions:
            action()
        if self._routing is not None:
            await self._routing.wrote_somewhere(self._principal.organization_id)

    async def roll_back(self) -> None:
        """Take all of it back, if there is anything."""
        if self._outer is None:
            return
        outer, self._outer = self._outer, None
        AFTER_COMMIT.pop(await _driver(outer), None)
        with contextlib.suppress(Exception):  # the connection may be gone: then the server has taken it back
            await outer.rollback()
        await outer.close()

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
        """Begin a part of the transaction, on its connection; a read before the first write goes its own way."""
        if readonly and self._outer is None:
            alone = self._whole.transaction(principal, readonly=True, bulk=bulk, by_key=by_key, snapshot=snapshot)
            async with alone as connection:
                yield connection
            return
        with translated():
            async with self._in_turn() as driver:
                actions = AFTER_COMMIT[driver]
                before = len(actions)
                try:
                    async with cast("Any", driver).transaction():
                        await driver.fetchval(SET_TENANT, *self.prover.arguments(principal))
                        yield driver
                except BaseException:
                    del actions[before:]
                    raise

    @asynccontextmanager
    async def session(self, principal: Principal, *, readonly: bool = False) -> AsyncIterator[AsyncSession]:
        """Open an ORM session in a part of the transaction; a read before the first write goes its own way."""
        if readonly and self._outer is None:
            async with self._whole.session(principal, readonly=True) as session:
                yield session
            return
        with translated():
            async with self._in_turn():
                session = AsyncSession(
                    cast("AsyncConnection", self._outer),
                    expire_on_commit=False,
                    join_transaction_mode="create_savepoint",
                )
                async with session, session.begin():
                    await session.execute(_SET_TENANT, self.prover.parameters(principal))
                    yield session

    def read_transaction(
        self, principal: Principal, *, by_key: bool = False
    ) -> AbstractAsyncContextManager[Connection]:
        """Begin a read: in the transaction once that has begun."""
        if self._outer is None:
            return self._whole.read_transaction(principal, by_key=by_key)
        return self.transaction(principal, readonly=True, by_key=by_key)

    async def read_session(self, principal: Principal, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Return what ``work`` reads: in the transaction once that has begun."""
        if self._outer is None:
            return await self._whole.read_session(principal, work)
        async with self.session(principal, readonly=True) as session:
            return await work(session)

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[Connection]:
        """Have the connection alone; a task that has it may go deeper."""
        task = asyncio.current_task()
        if self._owner is task and task is not None:
            yield await self.begin()
            return
        async with self._turn:
            self._owner = task
            try:
                yield await self.begin()
            finally:
                self._owner = None


async def _driver(outer: AsyncConnection) -> Connection:
    raw = await outer.get_raw_connection()
    return cast("Connection", raw.driver_connection)
