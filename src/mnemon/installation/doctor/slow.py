"""Slow statements, where the server keeps account of them."""

from __future__ import annotations

import asyncpg

from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding
from mnemon.installation.doctor.words import SEE_MORE
from mnemon.operations.service.monitoring import slow_statements

#: Milliseconds on average, over so many calls, that are worth a word.
SLOW, OFTEN = 1000.0, 5


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Check the slowest statements by pg_stat_statements."""
    if await connection.fetchval("SELECT to_regclass('pg_stat_statements') IS NULL"):
        is_available = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements')"
        )
        do = (
            "Add it to shared_preload_libraries, restart, then CREATE EXTENSION pg_stat_statements."
            if is_available
            else None
        )
        return [Finding("slow statements", "ok", "not known: pg_stat_statements is not in this database", do)]
    try:
        rows = await slow_statements(connection, 50) or []
    except asyncpg.ObjectNotInPrerequisiteStateError:
        do = "Add pg_stat_statements to shared_preload_libraries and restart the server."
        return [Finding("slow statements", "note", "not known: the server was started without the library", do)]
    slow = [row for row in rows if row["mean_ms"] > SLOW and row["calls"] >= OFTEN]
    hidden = any("insufficient privilege" in row["query"] for row in rows)
    if not slow:
        return [Finding("slow statements", "ok", f"none over {SLOW:,.0f} ms on average", SEE_MORE if hidden else None)]
    return [
        Finding(
            "slow statement",
            "note",
            f"{row['mean_ms']:,.0f} ms on average, {row['calls']:,} calls: {' '.join(row['query'].split())[:160]}",
            "EXPLAIN (ANALYZE, BUFFERS) it as the role that runs it; is an index missing, or ANALYZE?",
        )
        for row in slow[:5]
    ]
