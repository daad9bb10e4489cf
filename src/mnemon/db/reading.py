"""One read that begins at a replica, and goes on at the primary when that cannot serve it."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, suppress
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from mnemon.core.principal import Principal
from mnemon.db.engine import pooled
from mnemon.db.errors import translate
from mnemon.db.replicas import REPLAYED, Replica
from mnemon.db.tenant import SET_TENANT, SET_TENANT_KEEPING_PLANS, Prover

logger = logging.getLogger(__name__)

#: Errors that the primary may not have; what is wrong with the question itself is wrong there too.
_MOVES = frozenset(
    {"conflict.retry"}
    | {f"unavailable.{kind}" for kind in ("database", "connections", "resources", "credentials", "no_database")}
    | {f"unavailable.{kind}" for kind in ("schema", "pooler_settings", "disk_full")}
)
_RECOVERY = "conflict with recovery"


class Router(Protocol):
    """What a read asks of the routing: who can serve it, and where the primary is."""

    primary: AsyncEngine
    prover: Prover

    def needed(self, organization: UUID) -> int | None:
        """Return how far a replica must be to serve the organisation; None: only the primary may."""
        ...

    def choose(self, needed: int | None) -> Replica | None:
        """Return the replica that serves the next read; None: the primary does."""
        ...


class Reading:
    """The connection of one read: a replica's, until that fails, then the primary's."""

    def __init__(self, routing: Router, principal: Principal, *, by_key: bool = False) -> None:
        self._enter = SET_TENANT_KEEPING_PLANS if by_key else SET_TENANT
        self._routing = routing
        self._principal = principal
        self._replica: Replica | None = None
        self._held = AsyncExitStack()
        self._settings: list[tuple[str, tuple[Any, ...]]] = []
        self.driver: Any = None

    async def __aenter__(self) -> Reading:
        needed = self._routing.needed(self._principal.organization_id)
        replica = self._routing.choose(needed)
        if replica is None or needed is None or not await self._begin_at(replica, needed):
            await self._begin_at_primary()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        await self._end(error)

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Return every row."""
        rows: list[Any] = await self._run("fetch", query, args)
        return rows

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Return the first row, or None."""
        return await self._run("fetchrow", query, args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        return await self._run("fetchval", query, args)

    async def execute(self, query: str, *args: Any) -> str:
        """Return the command's tag; in a read, a setting of the transaction, which goes along when it moves."""
        done: str = await self._run("execute", query, args)
        self._settings.append((query, args))
        return done

    async def _run(self, verb: str, query: str, args: tuple[Any, ...]) -> Any:
        replica = self._replica
        if replica is None:
            return await getattr(self.driver, verb)(query, *args)
        try:
            return await getattr(self.driver, verb)(query, *args)
        except Exception as error:
            if not may_move(error):
                raise
            note(replica, error)
            await self._end(error)
        replica.moved += 1
        await self._begin_at_primary()
        for setting, values in self._settings:
            await self.driver.execute(setting, *values)
        return await getattr(self.driver, verb)(query, *args)

    async def _begin_at(self, replica: Replica, needed: int) -> bool:
        """Begin at a replica; False when it cannot serve this read."""
        self._replica = replica
        replica.readings.add(self)
        try:
            row = await self._begin(replica.engine, f"{self._enter}, {REPLAYED}")
        except Exception as error:
            await self._end(error)
            if not may_move(error):
                raise
            note(replica, error)
            replica.moved += 1
            return False
        except BaseException as error:
            await self._end(error)
            raise
        if row["standby"] and (row["replayed"] or 0) >= needed:
            replica.replayed = row["replayed"]
            replica.reads += 1
            return True
        if not row["standby"]:
            replica.leave_out("it is no replica (any more): it was promoted")
        await self._end(None)
        return False

    async def _begin_at_primary(self) -> None:
        try:
            await self._begin(self._routing.primary, self._enter)
        except BaseException as error:
            await self._end(error)
            raise

    async def _begin(self, engine: AsyncEngine, enter: str) -> Any:
        self.driver = await self._held.enter_async_context(pooled(engine))
        await self._held.enter_async_context(self.driver.transaction(readonly=True))
        return await self.driver.fetchrow(enter, *self._routing.prover.arguments(self._principal))

    async def _end(self, error: BaseException | None) -> None:
        """Give the connection back; what a replica says at the end of a read that has its answers is of no interest."""
        replica, self._replica = self._replica, None
        held, self._held = self._held, AsyncExitStack()
        try:
            await held.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)
        except Exception as failure:
            if error is None and (replica is None or not may_move(failure)):
                raise
        finally:
            self.driver = None
            if replica is not None:
                replica.readings.discard(self)  # not before: until then it waits for the replica


def may_move(error: Exception) -> bool:
    """Tell whether the primary may not have this error of a replica's."""
    ours = translate(error)
    return ours is not None and (ours.code in _MOVES or _RECOVERY in str(error))


def note(replica: Replica, error: Exception) -> None:
    """Leave a replica out that cannot be reached; a conflict or a pool without a free connection passes."""
    ours = translate(error)
    if ours is not None and ours.code not in {"conflict.retry", "unavailable.connections"}:
        with suppress(Exception):
            logger.info("a read goes on at the primary: %s", ours.code)
        if _RECOVERY not in str(error):
            replica.leave_out(f"it failed ({ours.code})")
