"""Disk: how large the database is, and what the write-ahead log takes beside it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import asyncpg

from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding, Level
from mnemon.installation.doctor.words import SEE_MORE, size

WRONG = 200_000_000
NOTE = 2_000_000_000

_SIZES = """
SELECT CASE WHEN has_database_privilege(current_database(), 'CONNECT')
    THEN pg_database_size(current_database()) END AS data,
  has_function_privilege('pg_ls_waldir()', 'EXECUTE') AS may,
  (SELECT setting::bigint * 1048576 FROM pg_settings WHERE name = 'max_wal_size') AS most,
  pg_is_in_recovery() AS standby
"""
_HELD = """
SELECT slot_name::text AS name, active,
  pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS bytes
FROM pg_replication_slots WHERE restart_lsn IS NOT NULL
"""


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Check the size of the database and of its log, and the slots that keep the log from being removed."""
    sizes = await connection.fetchrow(_SIZES)
    findings = [Finding("database size", "ok", size(sizes["data"] or 0))]
    if not sizes["standby"]:
        held = [row for row in await connection.fetch(_HELD) if row["bytes"] > sizes["most"]]
        for row in held:
            user = "in use" if row["active"] else "nobody reads it"
            do = f"Let its reader catch up; or, if it is gone: SELECT pg_drop_replication_slot('{row['name']}');"
            level: Level = "note" if row["active"] else "wrong"
            findings.append(
                Finding(f"log for {row['name']}", level, f"its slot holds {size(row['bytes'])}, {user}", do)
            )
    if not sizes["may"]:
        return [*findings, Finding("log size", "ok", "not for this role to see", SEE_MORE)]
    log = await connection.fetchval("SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()")
    if log > 2 * sizes["most"]:
        do = "What holds it: a replication slot, or an archive_command that fails? See replication and backups."
        text = f"{size(log)}, and max_wal_size is {size(sizes['most'])}"
        return [*findings, Finding("log size", "note", text, do)]
    return [*findings, Finding("log size", "ok", size(log))]


def free(place: Path) -> Finding:
    """Return how much space is left for an embedded server's data, in its directory or the nearest there is."""
    there = place
    while not os.path.lexists(there):
        there = there.parent
    left = shutil.disk_usage(there).free
    level: Level = "wrong" if left < WRONG else "note" if left < NOTE else "ok"
    return Finding("disk", level, f"{size(left)} free for {there}", None if level == "ok" else "Free some space there.")
