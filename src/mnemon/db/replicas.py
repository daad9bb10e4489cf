"""A replica as one process knows it: its pool, how far it is, what is reading there; and positions in the log."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from mnemon.core.errors import Invalid
from mnemon.core.principal import Principal
from mnemon.core.settings import Settings
from mnemon.db.engine import create_engine, give_up
from mnemon.db.tenant import Prover, set_tenant_text

logger = logging.getLogger(__name__)

#: Whether this is a replica, and how far it has replayed.
REPLAYED = "pg_is_in_recovery() AS standby, (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS replayed"
#: Seconds after which a server that does not answer counts as dead.
PATIENCE = 2.0
_ENTER = set_tenant_text(f", {REPLAYED}")
_PAGE, _PAGE_HEADER = 8192, 24
_TOKEN = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})", re.IGNORECASE)


class NotHere(Exception):  # noqa: N818 - not an error: the primary serves it
    """No replica can serve a read."""


async def enter(session: AsyncSession, prover: Prover, principal: Principal, needed: int) -> None:
    """Begin an ORM session's transaction at a replica.

    Raises:
        NotHere: it is not far enough, or no replica.
    """
    await session.connection(execution_options={"postgresql_readonly": True})
    row = (await session.execute(_ENTER, prover.parameters(principal))).one()
    if not row.standby or (row.replayed or 0) < needed:
        raise NotHere


@dataclass(frozen=True, slots=True)
class Identity:
    """Which database answers, and to whom.

    Attributes:
        system: the cluster's number, the same on all its replicas; None where the role may not read it.
    """

    role: str
    database: str
    system: int | None

    def differs(self, other: Identity) -> str | None:
        """Return what is not the same, None if nothing is. Another role's rights on rows have not been looked at."""
        if other.role != self.role:
            return f"its role is {other.role}, and the primary's {self.role}"
        same = other.system == self.system or None in (other.system, self.system)
        return None if same and other.database == self.database else "it is a replica of another database"


async def identify(driver: Any) -> Identity:
    """Ask a server who answers."""
    row = await driver.fetchrow(
        "SELECT current_user::text AS role, current_database()::text AS database, "
        "has_function_privilege('pg_control_system()', 'EXECUTE') AS may"
    )
    number = "SELECT system_identifier FROM pg_control_system()"
    return Identity(row["role"], row["database"], await driver.fetchval(number) if row["may"] else None)


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """What this process knows of a replica.

    Attributes:
        name: as it was given, or its host and port; no password.
        serving: reads go to it.
        lag: seconds until what the primary had written was readable here, at the last look; None before the first.
        reason: why no reads go to it, None while they do.
        reads: transactions that it served for this process.
        moved: reads that began here and went on at the primary.
    """

    name: str
    serving: bool
    lag: float | None
    reason: str | None
    reads: int
    moved: int


class Replica:
    """One replica: its pool, and what is known of it."""

    def __init__(self, name: str, url: str, settings: Settings) -> None:
        self.name = name
        self.engine = create_engine(url, settings)
        self.monitor = make_monitor(url, settings)
        self.capacity = settings.database_pool_size + settings.database_pool_overflow
        self.replayed = 0
        self.lag: float | None = None
        self.reason: str | None = "not looked at yet"
        self.reads = self.moved = 0
        self.readings: set[object] = set()

    def leave_out(self, reason: str) -> None:
        """Send no more reads here until a look finds it well."""
        if self.reason is None:
            logger.warning("replica %s is left out: %s", self.name, reason)
        self.reason = reason

    def take_back(self) -> None:
        """Send reads here."""
        if self.reason is not None:
            logger.info("replica %s serves reads", self.name)
        self.reason = None

    def give_up(self, reason: str) -> None:
        """End what waits for a replica that does not answer, so that it goes on at the primary."""
        self.leave_out(reason)
        give_up(self.engine)

    async def close(self) -> None:
        """Close its connections."""
        await self.engine.dispose()
        await self.monitor.dispose()


def read_position(token: str) -> int:
    """Return the number behind a position that :meth:`mnemon.db.session.Database.position` gave.

    Raises:
        Invalid: it is none.
    """
    parts = _TOKEN.fullmatch(token.strip()) if isinstance(token, str) else None
    if parts is None:
        raise Invalid(
            "That is not a position.",
            code="invalid.position",
            hint="Pass on what `position()` returned, unchanged.",
            field="position",
        )
    return (int(parts[1], 16) << 32) + int(parts[2], 16)


def write_position(place: int) -> str:
    """Return a position as text, in PostgreSQL's own form; to be handed on and not to be read."""
    return f"{place >> 32:X}/{place & 0xFFFFFFFF:X}"


def without_header(place: int) -> int:
    """Return a place just behind a page's header as the page's beginning: that is where the last record ended.

    Replaying never reports the former, and an idle primary would wait for it until it next writes.
    """
    return place - _PAGE_HEADER if place % _PAGE == _PAGE_HEADER else place


def make_monitor(url: str, settings: Settings) -> AsyncEngine:
    """Return a connection of its own for looking: a pool with none left must not look like a dead server."""
    patience = min(PATIENCE, settings.database_connect_timeout)
    small = {"database_pool_size": 1, "database_pool_overflow": 0}
    return create_engine(url, settings.model_copy(update=small), within=patience)
