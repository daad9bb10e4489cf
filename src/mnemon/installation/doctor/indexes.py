"""Indexes: broken, doubled, useless, and grown beyond what they hold."""

from __future__ import annotations

import asyncpg

from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding
from mnemon.installation.doctor.words import size, some

#: Smaller ones are not worth a word.
LARGE = 8 * 1024 * 1024
#: Of its estimated size.
BLOATED = 2.5
#: How long statistics must have been gathered before "never used" says something.
_LONG = "14 days"

_INVALID = """
SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT (i.indisvalid AND i.indisready) AND c.relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
ORDER BY 1
"""
_DOUBLE = """
WITH described AS (
  SELECT i.indexrelid, i.indrelid, i.indisunique, c.relam,
    concat_ws('/', i.indkey, i.indclass, i.indoption, i.indcollation, pg_get_expr(i.indpred, i.indrelid),
      pg_get_expr(i.indexprs, i.indrelid), c.reloptions) AS shape
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND i.indisvalid
)
SELECT a.indexrelid::regclass::text AS kept, b.indexrelid::regclass::text AS name
FROM described a JOIN described b ON b.indrelid = a.indrelid AND b.relam = a.relam AND b.shape = a.shape
WHERE (a.indisunique, -a.indexrelid::bigint) > (b.indisunique, -b.indexrelid::bigint) AND NOT b.indisunique
ORDER BY 2
"""
_UNUSED = f"""
SELECT s.indexrelname::text AS name, pg_relation_size(s.indexrelid) AS bytes
FROM pg_stat_user_indexes s JOIN pg_index i ON i.indexrelid = s.indexrelid
JOIN pg_class c ON c.oid = s.indexrelid
WHERE s.schemaname = 'public' AND s.idx_scan = 0 AND NOT i.indisunique AND NOT c.relispartition
  AND pg_relation_size(s.indexrelid) > {LARGE}
  AND coalesce((SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()),
    pg_postmaster_start_time()) < now() - interval '{_LONG}'
ORDER BY 2 DESC
"""  # noqa: S608 - constants of ours
# What a B-tree that was built today would take: entries of their columns' average width, with a pointer and a header,
# in pages filled to nine tenths. Columns without statistics count for eight bytes.
_BLOAT = f"""
SELECT * FROM (
  SELECT c.relname::text AS name, pg_relation_size(c.oid) AS bytes,
    c.reltuples * (20 + (
      SELECT coalesce(sum(coalesce(s.avg_width, 8)), 8)
      FROM unnest(i.indkey::int2[]) k LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k
      LEFT JOIN pg_stats s ON s.schemaname = 'public' AND s.tablename = t.relname AND s.attname = a.attname
    )) / 0.9 + 16384 AS wanted
  FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_class t ON t.oid = i.indrelid
  JOIN pg_am am ON am.oid = c.relam AND am.amname = 'btree'
  WHERE c.relkind = 'i' AND c.relnamespace = 'public'::regnamespace AND c.reltuples >= 0
    AND c.relpages > {LARGE} / 8192
) found
WHERE bytes > {BLOATED} * wanted ORDER BY bytes - wanted DESC
"""  # noqa: S608 - constants of ours


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Invalid, duplicate, unused and bloated indexes."""
    findings = []
    for row in await connection.fetch(_INVALID):
        do = f"REINDEX INDEX CONCURRENTLY {row['name']}; an index of a half-finished build is dropped instead."
        findings.append(Finding(f"index {row['name']}", "wrong", "invalid: it is written to and never used", do))
    for row in await connection.fetch(_DOUBLE):
        do = f"DROP INDEX CONCURRENTLY {row['name']};"
        findings.append(Finding(f"index {row['name']}", "note", f"the same as {row['kept']}", do))
    unused = await connection.fetch(_UNUSED)
    if unused:
        names = some([f"{row['name']} ({size(row['bytes'])})" for row in unused])
        do = "Leave those of Mnemon's own; drop those that somebody added."
        findings.append(Finding("unused indexes", "note", f"not read for {_LONG}: {names}", do))
    for row in await connection.fetch(_BLOAT):
        text = f"{size(row['bytes'])}, and about {size(row['wanted'])} would do"
        findings.append(Finding(f"index {row['name']}", "note", text, f"REINDEX INDEX CONCURRENTLY {row['name']};"))
    return findings or [Finding("indexes", "ok", "all valid, none doubled or grown beyond what it holds")]
