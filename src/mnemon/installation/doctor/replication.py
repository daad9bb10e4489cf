"""Replication as the doctor sees it: who follows, how far behind, what is kept for whom; nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mnemon.core.errors import MnemonError
from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding
from mnemon.installation.replicas import addresses
from mnemon.installation.replicas.status import measure

if TYPE_CHECKING:
    import asyncpg

_MAY_SEE = (
    "SELECT pg_has_role(current_user, 'pg_monitor', 'USAGE') OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
)
_SLOTS = """
SELECT slot_name, active, wal_status,
  CASE WHEN NOT pg_is_in_recovery() THEN (pg_current_wal_lsn() - restart_lsn)::bigint END AS kept
FROM pg_replication_slots WHERE slot_type = 'physical' ORDER BY slot_name
"""
_FOLLOWING = """
SELECT application_name AS name, state, sync_state,
  (pg_current_wal_lsn() - replay_lsn)::bigint AS behind, extract(epoch FROM replay_lag)::float8 AS lag
FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup' ORDER BY application_name
"""
_ADD_ANEW = "Remove it and add it again: mnemon ops replica remove, then add."


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Check the replicas.

    Args:
        connection: to the primary; with fewer rights than pg_monitor's less is found, and that is said.
        wanted: the settings: which replicas reads are sent to, and how far behind they may be.
    """
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        return [
            Finding(
                "replication",
                "wrong",
                "this server is a replica itself, and takes no writes",
                "Let DATABASE_URL lead to the primary.",
            )
        ]
    following = await _following(connection, wanted)
    findings = [*following, *await _slots(connection), *await _waiting(connection), *await _seen(wanted)]
    return findings or [Finding("replication", "ok", "no replicas: this server serves every read")]


async def _following(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    rows = await connection.fetch(_FOLLOWING)
    if not rows:
        return []
    if not await connection.fetchval(_MAY_SEE):
        return [
            Finding(
                "replication",
                "note",
                f"{len(rows)} follow this server; this role may not see how far behind they are",
                "Set DATABASE_OWNER_URL to a role with pg_monitor to see more.",
            )
        ]
    findings = []
    for row in rows:
        lag = row["lag"] or 0.0
        late = lag > wanted.database_replica_max_lag
        findings.append(
            Finding(
                f"standby {row['name']}",
                "wrong" if late else "ok" if row["state"] == "streaming" else "note",
                f"{row['state']}, {row['sync_state']}, {row['behind'] or 0:,} bytes and {lag:.3f} s behind",
                "Look at its load, its disk and the network between." if late else None,
            )
        )
    return findings


async def _slots(connection: asyncpg.Connection) -> list[Finding]:
    rows = await connection.fetch(_SLOTS)
    findings = []
    for row in rows:
        name = f"slot {row['slot_name']}"
        if row["wal_status"] == "lost":
            findings.append(Finding(name, "wrong", "what its replica still needs is gone", _ADD_ANEW))
        elif not row["active"]:
            text = f"its replica is away; {(row['kept'] or 0) / 1e6:,.0f} MB of the log are kept for it"
            findings.append(Finding(name, "note", text, "Start the replica, or remove it if it will not come back."))
    bound = await connection.fetchval("SELECT current_setting('max_slot_wal_keep_size')")
    if rows and bound == "-1":
        findings.append(
            Finding(
                "slots",
                "note",
                "nothing bounds what is kept for a replica that is away: it can fill the disk",
                "ALTER SYSTEM SET max_slot_wal_keep_size = '1GB', then SELECT pg_reload_conf().",
            )
        )
    return findings


async def _waiting(connection: asyncpg.Connection) -> list[Finding]:
    names = await connection.fetchval("SELECT current_setting('synchronous_standby_names')")
    if not names:
        return []
    if not await connection.fetchval(_MAY_SEE):
        return [
            Finding(
                "synchronous replicas", "note", f"commits wait for {names}; this role may not see whether any is there"
            )
        ]
    connected = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"
    )
    if connected:
        return [Finding("synchronous replicas", "ok", f"commits wait for {names}; {connected} of them there")]
    return [
        Finding(
            "synchronous replicas",
            "wrong",
            f"commits wait for {names}, and none is there",
            "Start one; or, giving up what it guards, ALTER SYSTEM RESET synchronous_standby_names and reload.",
        )
    ]


async def _seen(wanted: Settings) -> list[Finding]:
    """Return the replicas of the settings, as an application meets them."""
    urls = wanted.database_replica_urls
    if wanted.database_url is None or urls is None:
        return []
    try:
        pairs = addresses(wanted.model_copy(update={"database_replica_reads": True}), None, "")
        seen = await measure(wanted, wanted.database_url.get_secret_value(), pairs)
    except MnemonError as error:
        return [Finding("replicas", "wrong", str(error), error.hint)]
    findings = []
    for state in seen.values():
        if state.serving:
            findings.append(Finding(f"replica {state.name}", "ok", f"serves reads, {state.lag or 0.0:.3f} s behind"))
        else:
            do = "Until it is well, the primary serves its reads; `mnemon ops replica list` shows more."
            findings.append(Finding(f"replica {state.name}", "wrong", f"gets no reads: {state.reason}", do))
    if not wanted.database_replica_reads:
        findings.append(Finding("replicas", "note", "MNEMON_DATABASE_REPLICA_READS is false: the primary serves all"))
    return findings
