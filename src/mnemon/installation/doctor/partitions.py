"""Partitions of the time series: made ahead, and the default ones empty."""

from __future__ import annotations

import asyncpg

from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding
from mnemon.installation.doctor.words import some

_AHEAD = """
SELECT p.table_name, p.every, b.until, now() >= coalesce(b.until, '-infinity') AS over,
  date_trunc(p.every, now(), 'UTC') + ('1 ' || p.every)::interval >= coalesce(b.until, '-infinity') AS last
FROM partition_policies p
LEFT JOIN LATERAL (SELECT max(upper_bound) AS until FROM partition_bounds(p.table_name)) b ON true
WHERE to_regclass(quote_ident(p.table_name)) IS NOT NULL ORDER BY 1
"""
# Without a right on the partition itself the statistics have to do.
_DEFAULTS = """
SELECT c.relname::text AS name, has_table_privilege(c.oid, 'SELECT') AS readable,
  coalesce(pg_stat_get_live_tuples(c.oid), 0) AS counted
FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' ORDER BY 1
"""
_MAINTAIN = "Let a worker run (`mnemon worker`): it makes partitions every hour."


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Check how far ahead partitions are, and rows that fell outside of them."""
    if await connection.fetchval("SELECT to_regclass('partition_policies') IS NULL"):
        return []
    rows = await connection.fetch(_AHEAD)
    over = [row["table_name"] for row in rows if row["over"]]
    last = [row["table_name"] for row in rows if row["last"] and not row["over"]]
    if over:
        text = f"none for today in {some(over)}: rows go to the default partition"
        findings = [Finding("partitions", "wrong", text, _MAINTAIN)]
    elif last:
        findings = [Finding("partitions", "note", f"the last one is in use in {some(last)}", _MAINTAIN)]
    else:
        until = min(row["until"] for row in rows)
        findings = [Finding("partitions", "ok", f"{len(rows)} time series, made ahead to {until:%Y-%m-%d} at least")]
    return findings + await _defaults(connection)


async def _defaults(connection: asyncpg.Connection) -> list[Finding]:
    filled = []
    for row in await connection.fetch(_DEFAULTS):
        has_rows = row["counted"] > 0
        if row["readable"]:
            has_rows = await connection.fetchval(f'SELECT EXISTS (SELECT FROM ONLY "{row["name"]}")')  # noqa: S608
        if has_rows:
            filled.append(row["name"])
    if filled:
        text = f"rows outside of every partition in {some(filled)}"
        return [Finding("default partitions", "note", text, f"{_MAINTAIN} Rows of far dates stay there.")]
    return [Finding("default partitions", "ok", "empty")]
