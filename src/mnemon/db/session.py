"""Units of work: a transaction with the tenant set at its start, and nowhere else.

``app.organization_id`` is transaction-local, so a connection that goes back to a pool (ours or a transaction pooler)
carries nobody's tenancy. Unset means: no rows, no writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from mnemon.core.context import Principal
from mnemon.core.settings import Settings
from mnemon.db.connection import Connection
from mnemon.db.engine import create_engine
from mnemon.db.errors import LOST, translated

# Two messages, not one: a setting made in the same message as a statement does not reach a distributed plan.
SET_TENANT = "SELECT set_tenant($1, $2, $3, $4)"
_SET_TENANT = text("SELECT set_tenant(:organization, :user, :agent)").bindparams(
    bindparam("organization", type_=Uuid()), bindparam("user", type_=Uuid()), bindparam("agent", type_=Uuid())
)


class Database:
    """One database as the application role: where units of work begin."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.engine: AsyncEngine = create_engine(url, settings)
        #: The full-text operator recall uses; start-up replaces it with a leakproof one where there is one.
        self.match_operator = "@@"
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def unit(self, principal: Principal) -> AsyncIterator[AsyncSession]:
        """An ORM session in a transaction of the principal's organisation; commits once, at the end.

        Raises:
            MnemonError: what the database refused, as one kind with a stable code; nothing was kept.
        """
        with translated():
            async with self._sessions() as session, session.begin():
                # Through the session: its driver begins the transaction with the first statement that it sends itself.
                tenant = {
                    "organization": principal.organization_id,
                    "user": principal.user_id,
                    "agent": principal.agent_id,
                }
                await session.execute(_SET_TENANT, tenant)
                yield session

    @asynccontextmanager
    async def hot(
        self,
        principal: Principal,
        *,
        readonly: bool = False,
        bulk: bool = False,
        by_key: bool = False,
        lazy: bool = False,
    ) -> AsyncIterator[Connection]:
        """The driver's own connection in a transaction of the principal's organisation.

        For statements whose price is counted in tenths of a millisecond: sign-in look-ups, recall, bulk writes.

        Args:
            principal: whose organisation the transaction is for.
            readonly: refuse writes, so that a read may be routed to a replica.
            bulk: keep the plans of foreign key checks from row to row; for statements that insert.
            by_key: keep the plans of its statements from call to call. Only where each finds its rows by whole keys:
                then one plan is right for tenants of every size, and a new one takes longer to make than to run.
            lazy: commit without waiting for the disk. A server that crashes may lose such a transaction of its last
                second, whole; the next commit that waits makes it safe too. For steps that would be done again.
        """
        async with self._driver() as driver, driver.transaction(readonly=readonly):
            await _enter(driver, principal, keep_plans=bulk or by_key)
            if lazy:
                await driver.execute("SET LOCAL synchronous_commit = off")
            yield driver

    @asynccontextmanager
    async def anonymous(self) -> AsyncIterator[Connection]:
        """The driver's connection with no tenant at all: for start-up checks and SECURITY DEFINER look-ups."""
        async with self._driver() as driver:
            yield driver

    @asynccontextmanager
    async def _driver(self) -> AsyncIterator[Any]:
        with translated():
            # Out of the pool itself: SQLAlchemy's connection around it costs as much as a look-up by a key.
            pooled = await self.engine.raw_connection()
            driver: Any = pooled.driver_connection
            try:
                yield driver
            except (asyncio.CancelledError, *LOST):
                # The server went away, or a statement was left half-way and may have left its transaction open: the
                # pool must not hand this connection out again.
                pooled.invalidate()
                raise
            finally:
                pooled.close()

    async def close(self) -> None:
        """Close every connection of the pool."""
        await self.engine.dispose()


async def _enter(driver: Any, principal: Principal, *, keep_plans: bool) -> None:
    await driver.fetchval(SET_TENANT, principal.organization_id, principal.user_id, principal.agent_id, keep_plans)
