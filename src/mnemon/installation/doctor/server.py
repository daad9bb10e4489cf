"""The server and its extensions: their versions, and what they lack."""

from __future__ import annotations

import asyncpg

from mnemon.core.settings import Settings
from mnemon.db.versions import missing_vector, server_problem, vector_problem
from mnemon.installation.doctor.model import Finding

_FACTS = """
SELECT current_setting('server_version_num')::int AS version,
  (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector,
  (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS newest,
  EXISTS (SELECT FROM pg_opclass WHERE opcname = 'recall_words_ops')
    AND EXISTS (
      SELECT FROM pg_proc WHERE oid = to_regprocedure('public.search_words(uuid, tsvector)') AND proleakproof
    ) AS leakproof,
  to_regclass('alembic_version') IS NOT NULL AS migrated,
  to_regclass('embedding_space') IS NOT NULL AS space,
  current_setting('fsync')::boolean AS fsync, current_setting('full_page_writes')::boolean AS full_pages,
  current_setting('autovacuum')::boolean AS autovacuum
"""


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Check versions of PostgreSQL and pgvector, the operator that searches use, and settings that lose data."""
    facts = await connection.fetchrow(_FACTS)
    return [
        _postgres(facts["version"]),
        _vector(facts["vector"], facts["newest"]),
        *([_search(facts["leakproof"])] if facts["migrated"] else []),
        *([await _model(connection)] if facts["space"] else []),
        *_settings(facts),
    ]


async def _model(connection: asyncpg.Connection) -> Finding:
    row = await connection.fetchrow("SELECT model, dimensions FROM embedding_space")
    if row is None:
        return Finding("embedding model", "ok", "none yet: the first start notes its own")
    return Finding("embedding model", "ok", f"{row['model']}, {row['dimensions']} dimensions")


def _postgres(number: int) -> Finding:
    problem = server_problem(number)
    if problem is not None:
        return Finding("PostgreSQL", "wrong", problem.message, problem.hint)
    major, minor = divmod(number, 10_000)
    return Finding("PostgreSQL", "ok", f"{major}.{minor}")


def _vector(version: str | None, newest: str | None) -> Finding:
    problem = missing_vector(offered=newest is not None) if version is None else vector_problem(version)
    if problem is not None:
        return Finding("pgvector", "wrong", problem.message, problem.hint)
    found = version or ""
    if newest is not None and _numbers(newest) > _numbers(found):
        return Finding("pgvector", "note", f"{found}; the server has {newest}", "Run: ALTER EXTENSION vector UPDATE;")
    return Finding("pgvector", "ok", found)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _search(leakproof: bool) -> Finding:
    if leakproof:
        return Finding("text search", "ok", "leakproof operator, the text index is used")
    return Finding(
        "text search",
        "note",
        "without the leakproof operator: policies keep the text index from being used, so that searching a large "
        "organisation takes tens of times longer",
        "Let a superuser run `mnemon db upgrade` once.",
    )


def _settings(facts: asyncpg.Record) -> list[Finding]:
    findings = []
    for name, on in (("fsync", facts["fsync"]), ("full_page_writes", facts["full_pages"])):
        if not on:
            do = f"ALTER SYSTEM SET {name} = on; then SELECT pg_reload_conf();"
            findings.append(Finding(name, "wrong", "off: a crash of the machine can destroy the database", do))
    if not facts["autovacuum"]:
        do = "ALTER SYSTEM SET autovacuum = on; then SELECT pg_reload_conf();"
        findings.append(Finding("autovacuum", "wrong", "off: tables grow, and statistics grow old", do))
    return findings
