"""One migrates at a time: the others wait for their turn, as long as a large table takes and not as a statement may."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from mnemon.core.backoff import Backoff
from mnemon.core.errors import Unavailable

#: Seconds that one waits for another who migrates.
PATIENCE = 3600.0
_LOCK = 0x6D6E656D6F6E  # "mnemon"
#: Seconds between two tries, from the first on.
_BETWEEN = Backoff(0.05, 1.0)

#: What a server, a database or a login may have set for statements of an application, which would end a migration.
#: What the address itself says (``options``) stays.
_LIMITS = """
SELECT set_config(name, '0', false) FROM pg_settings
WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout',
  'idle_session_timeout') AND setting <> '0' AND source <> 'client'
"""

#: Whoever has the lock. A role that may not see another's session sees its number alone.
_HOLDER = """
SELECT l.pid, nullif(a.application_name, '') AS application, a.usename::text AS role, a.client_addr::text AS host,
  a.backend_start AS since
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32 | l.objid::bigint) = :key
"""


async def let_take_long(connection: AsyncConnection) -> None:
    """Let the session's statements and pauses take as long as they need, whatever the server has as its default."""
    await connection.exec_driver_sql(_LIMITS)


async def take_turn(connection: AsyncConnection, patience: float = PATIENCE) -> None:
    """Wait until nobody else migrates this database; the turn is the session's, and ends with it.

    The lock is tried again and again, a short statement each: one that waits would be ended by a limit of the server's
    or a pooler's, and would keep a snapshot from going.

    Args:
        connection: as the owner; outside of a transaction afterwards.
        patience: seconds to wait.

    Raises:
        Unavailable: ``unavailable.migrating``: somebody else still does; it says who.
    """
    began = time.monotonic()
    tries = 0
    while True:
        got = (await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK})).scalar()
        if got:
            await connection.commit()
            return
        waited = time.monotonic() - began
        holder = (await connection.execute(text(_HOLDER), {"key": _LOCK})).first() if waited >= patience else None
        await connection.commit()
        if waited >= patience:
            raise _taken(holder, waited)
        tries += 1
        await asyncio.sleep(min(_BETWEEN.after(tries), max(patience - waited, 0.01)))


def _taken(holder: Any, waited: float) -> Unavailable:
    process_name, hint = "another process", "Try again in a moment."
    data: dict[str, Any] = {}
    if holder is not None:
        of = [
            f"{name} {value}" for name, value in (("application", holder.application), ("role", holder.role)) if value
        ]
        of += [f"from {holder.host}"] if holder.host else []
        of += [f"connected since {holder.since:%Y-%m-%d %H:%M:%S %Z}"] if holder.since else []
        process_name = f"process {holder.pid} of the server" + (f" ({', '.join(of)})" if of else "")
        hint = (
            "Wait until it is done and try again. If it hangs, an administrator ends it: "
            f"SELECT pg_terminate_backend({holder.pid})."
        )
        since = holder.since.isoformat() if holder.since else None
        data = {"pid": holder.pid, "application": holder.application, "role": holder.role, "since": since}
    return Unavailable(
        f"The database is being migrated by {process_name}; it was waited for {waited:.0f} s.",
        code="unavailable.migrating",
        hint=hint,
        **data,
    )
