"""Transactions that hang: they hold locks, and keep vacuum from removing what nobody needs."""

from __future__ import annotations

import asyncpg

from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding

#: Seconds in which any transaction of ours ends, but for those of maintenance and backup.
LONG = 600

_OPEN = """
SELECT pid, coalesce(usename, '') AS role, state,
  round(extract(epoch FROM clock_timestamp() - state_change))::int AS waits,
  round(extract(epoch FROM clock_timestamp() - xact_start))::int AS lasts
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND xact_start IS NOT NULL
ORDER BY xact_start
"""


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Transactions whose process waits, or that last long; of other roles a plain login sees none."""
    rows = await connection.fetch(_OPEN)
    # Well before the server ends them: a minute, with the setting as it comes.
    idle = (wanted.database_idle_timeout or LONG) / 5
    hanging = [row for row in rows if (row["state"] or "").startswith("idle in transaction") and row["waits"] >= idle]
    if hanging:
        pids = ", ".join(str(row["pid"]) for row in hanging[:5])
        return [
            Finding(
                "transactions",
                "wrong",
                f"{len(hanging)} open, and their processes do nothing for {hanging[0]['waits']:,} s or less",
                f"Look at what runs there; end them with SELECT pg_terminate_backend(pid) for {pids}.",
            )
        ]
    long = [row for row in rows if row["lasts"] >= LONG]
    if long:
        return [
            Finding(
                "transactions",
                "note",
                f"the longest lasts for {long[0]['lasts']:,} s ({long[0]['role']}, process {long[0]['pid']})",
                "A backup or an export may; anything else keeps vacuum from its work.",
            )
        ]
    return [Finding("transactions", "ok", "none hangs")]
