"""Indexes that depend on the server or on a setting, made anew where either has changed."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from mnemon.migrations import ddl


async def rebuild_search(connection: AsyncConnection) -> None:
    """Make the full-text indexes anew that a superuser has made a better operator class for since."""
    operators = await connection.run_sync(ddl.words_operators)
    rows = await connection.execute(
        text(
            "SELECT c.relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_opclass o "
            "ON o.oid = i.indclass[0] WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition "
            "AND o.opcintype = 'tsvector'::regtype AND c.relname LIKE 'ix\\_%\\_search' AND o.opcname <> :operators"
        ),
        {"operators": operators},
    )
    for (name,) in rows.all():
        await connection.exec_driver_sql(f"DROP INDEX {name}")
        table = name.removeprefix("ix_").removesuffix("_search")
        await connection.exec_driver_sql(ddl.words_index_text(table, operators))


async def rebuild_vectors(connection: AsyncConnection, kind: str) -> None:
    """Make the vector indexes anew that are of the other kind."""
    rows = await connection.execute(
        text(
            "SELECT c.relname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.relnamespace = "
            "'public'::regnamespace AND c.relname IN ('ix_memories_embedding', 'ix_messages_embedding') "
            "AND a.amname <> :kind"
        ),
        {"kind": kind},
    )
    for (name,) in rows.all():
        await connection.exec_driver_sql(f"DROP INDEX {name}")
        await connection.exec_driver_sql(ddl.vector_index(name.removeprefix("ix_").removesuffix("_embedding"), kind))
