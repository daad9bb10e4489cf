"""What is asked of and told to a primary: slots, who follows, for whom commits wait."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from mnemon.core.errors import Unavailable
from mnemon.db.connection import connect
from mnemon.db.embedded import ADMIN_ROLE, Endpoint
from mnemon.db.engine import CATALOGUE_PATH
from mnemon.db.errors import translated
from mnemon.installation.replicas.model import REPLICATION_ROLE, slot_of

#: What a replica that is away may keep on the primary's disk at most. One that needs more has to be added anew.
KEEP = "1GB"
_FOLLOWERS = """
SELECT coalesce(s.application_name, '') AS name, s.state, s.sync_state,
  (pg_current_wal_lsn() - s.replay_lsn)::bigint AS behind
FROM pg_stat_replication s WHERE s.state IS DISTINCT FROM 'backup'
"""


@dataclass(frozen=True, slots=True)
class Follower:
    """A replica as the primary sees it; None is what the role may not see."""

    name: str
    state: str | None
    sync_state: str | None
    behind: int | None


@asynccontextmanager
async def administrator(endpoint: Endpoint, *, patience: float = 30.0) -> AsyncIterator[Any]:
    """Connect as the superuser of an embedded server; waits while a replica is not consistent yet.

    Raises:
        Unavailable: it does not take connections.
    """
    url = endpoint.url(ADMIN_ROLE, "postgres", driver="postgresql")
    deadline = time.monotonic() + patience
    with translated():
        while True:
            try:
                connection = await connect(url, timeout=10, server_settings=CATALOGUE_PATH)
            except (asyncpg.CannotConnectNowError, OSError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
                continue
            break
        try:
            yield connection
        finally:
            await connection.close()


async def prepare(connection: Any) -> None:
    """Make the role that replicates, and bound what an absent replica may keep on the primary's disk."""
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", REPLICATION_ROLE):
        await connection.execute(f"CREATE ROLE {REPLICATION_ROLE} LOGIN REPLICATION")
    await bound_slots(connection)


async def bound_slots(connection: Any) -> None:
    """Bound what a slot may keep, unless somebody has; where the role may not, it stays as it is."""
    if await connection.fetchval("SELECT setting = '-1' FROM pg_settings WHERE name = 'max_slot_wal_keep_size'"):
        await tell(connection, "max_slot_wal_keep_size", KEEP)


async def tell(connection: Any, setting: str, value: str) -> None:
    """Change a setting of the server for good."""
    text = value.replace("'", "''")
    await connection.execute(f"ALTER SYSTEM SET {setting} = '{text}'")
    await connection.execute("SELECT pg_reload_conf()")


async def followers(connection: Any) -> list[Follower]:
    """Return who follows this server now."""
    return [Follower(*row) for row in await connection.fetch(_FOLLOWERS)]


async def slots(connection: Any) -> dict[str, str | None]:
    """Return the physical slots and what of the log they need: ``reserved``, ``extended``, ``unreserved``, ``lost``."""
    rows = await connection.fetch("SELECT slot_name, wal_status FROM pg_replication_slots WHERE slot_type = 'physical'")
    return {row["slot_name"]: row["wal_status"] for row in rows}


async def make_slot(connection: Any, name: str) -> None:
    """Make a replica's slot, reserving the log from now on, if it is not there."""
    slot = slot_of(name)
    if slot not in await slots(connection):
        await connection.execute("SELECT pg_create_physical_replication_slot($1, true)", slot)


async def drop_slot(connection: Any, name: str) -> None:
    """Drop a replica's slot, ending whatever still uses it: its replica, or a copy that was interrupted.

    Raises:
        Unavailable: it stays in use.
    """
    slot = slot_of(name)
    deadline = time.monotonic() + 20.0
    while True:
        row = await connection.fetchrow("SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1", slot)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = $1 "
            "OR pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = $2)",
            name,
            slot,
        )
        if row is None:
            return
        try:
            await connection.execute("SELECT pg_drop_replication_slot($1)", slot)
        except asyncpg.ObjectInUseError:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The replication slot {slot} stays in use.",
                    code="unavailable.slot",
                    hint="Stop the replica that uses it, and try again.",
                ) from None
            await asyncio.sleep(0.05)
        except asyncpg.UndefinedObjectError:
            return
        else:
            return


async def wait_for(connection: Any, names: Sequence[str], *, patience: float = 60.0) -> set[str]:
    """Wait until these follow without a gap; those that do by then."""
    deadline = time.monotonic() + patience
    while True:
        there = {one.name for one in await followers(connection) if one.state == "streaming"} & set(names)
        if there == set(names) or time.monotonic() > deadline:
            return there
        await asyncio.sleep(0.02)


async def synchronous(connection: Any) -> set[str]:
    """Return the names that commits wait for."""
    said: str = await connection.fetchval("SELECT current_setting('synchronous_standby_names')")
    return set(re.findall(r"[a-z][a-z0-9_]*", said))


async def synchronise(connection: Any, names: Sequence[str]) -> None:
    """Let commits wait until any one of these has written them to its disk; none: they wait for nobody."""
    wanted = f"ANY 1 ({', '.join(names)})" if names else ""
    if wanted != await connection.fetchval("SELECT current_setting('synchronous_standby_names')"):
        await tell(connection, "synchronous_standby_names", wanted)
