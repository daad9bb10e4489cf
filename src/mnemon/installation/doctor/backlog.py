"""What waits: rows for their embedding and for the vector index, jobs for a worker."""

from __future__ import annotations

import asyncpg

from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding
from mnemon.installation.doctor.words import age

#: Seconds that a due job may wait before it is said.
LATE = 300
#: Counting reads whole tables: it stops here.
_PATIENCE = "5s"

_EMBEDDINGS = """
SELECT count(*) FILTER (WHERE embedding_status = 'pending') AS pending,
  count(*) FILTER (WHERE embedding_status = 'failed') AS failed
FROM memories WHERE deleted_at IS NULL AND embedding_status IN ('pending', 'failed')
"""
_UNINDEXED = """
SELECT count(*) AS organizations, coalesce(sum(waiting), 0)::bigint AS rows FROM (
  SELECT count(*) FILTER (WHERE NOT is_indexed) AS waiting FROM {table}
  WHERE embedding IS NOT NULL GROUP BY organization_id
  HAVING count(*) > $1 AND count(*) FILTER (WHERE NOT is_indexed) > $1
) large
"""
_JOBS = """
SELECT count(*) FILTER (WHERE status = 'queued' AND run_at <= now()) AS due,
  coalesce(extract(epoch FROM now() - min(run_at) FILTER (WHERE status = 'queued')), 0)::float8 AS oldest,
  count(*) FILTER (WHERE status = 'running') AS running,
  count(*) FILTER (WHERE status = 'running' AND lease_expires_at < now() - interval '1 minute') AS lost,
  count(*) FILTER (WHERE status = 'dead') AS dead
FROM background_jobs WHERE status IN ('queued', 'running', 'dead')
"""


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Read those of all organisations if the role may see them, else of the settings' one."""
    if await connection.fetchval("SELECT to_regclass('background_jobs') IS NULL"):
        return []
    whose = (
        ""
        if await connection.fetchval("SELECT NOT row_security_active('background_jobs')")
        else (f" of {wanted.organization!r}; of others this role sees none")
    )
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL statement_timeout = '{_PATIENCE}'")
            waiting = [await _embeddings(connection, whose), await _index(connection, wanted, whose)]
    except asyncpg.QueryCanceledError:
        waiting = [
            Finding("vector index", "note", "too many rows to count what waits for it", "Run `mnemon maintain`.")
        ]
    return [*waiting, *await _jobs(connection, whose)]


async def _embeddings(connection: asyncpg.Connection, whose: str) -> Finding:
    row = await connection.fetchrow(_EMBEDDINGS)
    if row["failed"]:
        do = "`mnemon doctor` says above whether the embedder answers; a worker then tries them again."
        return Finding("embeddings", "note", f"{row['failed']:,} memories{whose} got none: the embedder failed", do)
    if row["pending"]:
        return Finding("embeddings", "note", f"{row['pending']:,} memories{whose} wait for one", "Run `mnemon worker`.")
    return Finding("embeddings", "ok", f"nothing waits for one{whose}")


async def _index(connection: asyncpg.Connection, wanted: Settings, whose: str) -> Finding:
    rows = organizations = 0
    for table in ("memories", "messages"):
        row = await connection.fetchrow(_UNINDEXED.format(table=table), wanted.exact_search_limit)
        rows, organizations = rows + row["rows"], max(organizations, row["organizations"])
    if rows:
        found = f"{rows:,} rows of {organizations} large organisation{'s' if organizations != 1 else ''} wait for it"
        do = "Let a worker run (`mnemon worker`), or `mnemon maintain -o SLUG`: until then searching them is slow."
        return Finding("vector index", "note", found + whose, do)
    return Finding("vector index", "ok", f"no large organisation waits for it{whose}")


async def _jobs(connection: asyncpg.Connection, whose: str) -> list[Finding]:
    row = await connection.fetchrow(_JOBS)
    findings = []
    if row["due"] and row["oldest"] > LATE:
        text = f"{row['due']:,} jobs{whose} are due, the oldest since {age(row['oldest'])}"
        findings.append(Finding("jobs", "wrong", text, "Start a worker: `mnemon worker`."))
    if row["lost"]:
        text = f"{row['lost']:,} jobs{whose} have lost their worker"
        findings.append(Finding("jobs", "note", text, "Start a worker: it takes them up again."))
    if row["dead"]:
        text = f"{row['dead']:,} jobs{whose} failed for good"
        findings.append(
            Finding("dead jobs", "note", text, "See `mnemon jobs list`; `mnemon jobs retry` runs one again.")
        )
    return findings or [Finding("jobs", "ok", f"{row['due']:,} due, {row['running']:,} running{whose}")]
