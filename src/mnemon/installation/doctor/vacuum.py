"""Vacuum: dead rows that are left, statistics that are missing, and how far the transaction counter has come."""

from __future__ import annotations

import asyncpg

from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding
from mnemon.installation.doctor.words import some

#: Fewer dead rows are no matter.
MANY = 10_000
_DEAD = f"""
SELECT relname::text AS name, n_dead_tup AS dead, n_live_tup AS live FROM pg_stat_user_tables
WHERE schemaname = 'public' AND n_dead_tup > {MANY} AND n_dead_tup > 0.3 * n_live_tup ORDER BY n_dead_tup DESC
"""  # noqa: S608 - a constant of ours
_UNKNOWN = f"""
SELECT relname::text AS name FROM pg_stat_user_tables
WHERE schemaname = 'public' AND n_live_tup > {MANY} AND last_analyze IS NULL AND last_autoanalyze IS NULL ORDER BY 1
"""  # noqa: S608 - a constant of ours
# The server freezes by itself beyond autovacuum_freeze_max_age, and refuses to write shortly before two milliards.
_AGES = """
SELECT datname::text AS name, age(datfrozenxid) AS age, current_setting('autovacuum_freeze_max_age')::int AS freezes
FROM pg_database WHERE datallowconn ORDER BY 2 DESC LIMIT 1
"""
_END = 2_000_000_000


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Dead rows, tables without statistics, transaction ids used up."""
    findings = []
    for row in await connection.fetch(_DEAD):
        text = f"{row['dead']:,} dead rows beside {row['live']:,} living ones"
        do = f"VACUUM (ANALYZE) {row['name']}; does an open transaction hold it back?"
        findings.append(Finding(f"table {row['name']}", "note", text, do))
    unknown = [row["name"] for row in await connection.fetch(_UNKNOWN)]
    if unknown:
        text = f"none yet of {some(unknown)}: plans are guesses"
        findings.append(Finding("statistics", "note", text, f"ANALYZE {unknown[0]}; or let autovacuum come to it."))
    return [*(findings or [Finding("vacuum", "ok", "no table has many dead rows")]), await _wraparound(connection)]


async def _wraparound(connection: asyncpg.Connection) -> Finding:
    row = await connection.fetchrow(_AGES)
    used = f"{row['age'] / _END:.0%} used up since {row['name']} was last frozen"
    if row["age"] > _END / 2:
        do = "VACUUM FREEZE the oldest tables now, and end what holds it back: at the end the server stops writing."
        return Finding("transaction ids", "wrong", used, do)
    if row["age"] > 1.5 * row["freezes"]:
        do = "Autovacuum falls behind: end long transactions, then VACUUM FREEZE."
        return Finding("transaction ids", "note", used, do)
    return Finding("transaction ids", "ok", used)
