"""Statements of erasure. What is removed, and how, is in the database: sql/objects/60_erasure.sql and after."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from mnemon.db.connection import Connection

#: Everybody whom a name can mean, the softly deleted too: (id, the name shown, the fields that are the name).
_FIND = {
    "user": "SELECT u.id, coalesce(u.display_name, u.full_name, u.external_id, u.email) AS label, u.deleted_at, "
    "array_remove(ARRAY[CASE WHEN u.id::text = lower($2) THEN 'id' END, "
    "CASE WHEN u.external_id = $2 THEN 'external_id' END, "
    "CASE WHEN lower(u.email) = lower($2) THEN 'email' END], NULL) AS matched "
    "FROM users u WHERE u.organization_id = $1 "
    "AND (u.id::text = lower($2) OR u.external_id = $2 OR lower(u.email) = lower($2)) ORDER BY u.id LIMIT 20",
    "conversation": "SELECT c.id, coalesce(c.name, c.external_id) AS label, c.deleted_at, "
    "array_remove(ARRAY[CASE WHEN c.id::text = lower($2) THEN 'id' END, "
    "CASE WHEN c.external_id = $2 THEN 'external_id' END], NULL) AS matched "
    "FROM conversations c WHERE c.organization_id = $1 AND (c.id::text = lower($2) OR c.external_id = $2) "
    "ORDER BY c.id LIMIT 20",
    "organization": "SELECT o.id, o.name AS label, o.deleted_at, "
    "array_remove(ARRAY[CASE WHEN o.id::text = lower($2) THEN 'id' END, "
    "CASE WHEN o.slug = $2 THEN 'slug' END], NULL) AS matched "
    "FROM organizations o WHERE o.id = $1 AND (o.id::text = lower($2) OR o.slug = $2)",
}


async def candidates(connection: Connection, organization_id: UUID, kind: str, name: str) -> list[Any]:
    """Return (id, label, deleted_at, matched) of all that a name can mean."""
    return list(await connection.fetch(_FIND[kind], organization_id, name))


async def refusal(connection: Connection, kind: str, subject: UUID) -> str | None:
    """Return why the principal of the transaction may not erase this, in a word; None if they may."""
    found: str | None = await connection.fetchval("SELECT erasure_refusal($1, $2)", kind, subject)
    return found


async def was_erased(connection: Connection, organization_id: UUID, kind: str, name: str) -> bool:
    """Tell whether the trail has an erasure of this id."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM audit_logs WHERE organization_id = $1 AND action = 'erasure' "
            "AND resource_type = $2 AND resource_id = $3)",
            organization_id,
            kind,
            name,
        )
    )


async def erase(connection: Connection, kind: str, subject: UUID) -> dict[str, Any] | None:
    """Erase; None if the tenant of the transaction has no such subject."""
    return await _whole(connection, "SELECT erase_subject($1, $2)::text", kind, subject)


async def preview(connection: Connection, kind: str, subject: UUID) -> dict[str, Any] | None:
    """Return what erasing would do now; None if the tenant of the transaction has no such subject."""
    return await _whole(connection, "SELECT preview_erasure($1, $2)::text", kind, subject)


async def _whole(connection: Connection, statement: str, kind: str, subject: UUID) -> dict[str, Any] | None:
    # It takes as long as there are rows: what is half done after a while is not to be begun again for ever.
    await connection.execute("SET LOCAL statement_timeout = 0")
    raw = await connection.fetchval(statement, kind, subject)
    found: dict[str, Any] | None = json.loads(raw) if raw is not None else None
    return found


async def remains(connection: Connection, subject: UUID) -> list[Any]:
    """Table, column and count of rows that still name the subject."""
    return list(await connection.fetch("SELECT * FROM erasure_remains($1)", subject))
