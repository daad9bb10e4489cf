"""Statements of erasure. What is removed, and how, is in the database: sql/objects/60_erasure.sql."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from mnemon.db.connection import Connection

#: The living before the softly deleted, where both have the name.
_FIND = {
    "user": "SELECT id FROM users WHERE organization_id = $1 AND (id::text = $2 OR external_id = $2 "
    "OR lower(email) = lower($2)) ORDER BY id::text = $2 DESC, deleted_at DESC NULLS FIRST, id LIMIT 1",
    "conversation": "SELECT id FROM conversations WHERE organization_id = $1 AND (id::text = $2 OR external_id = $2) "
    "ORDER BY id::text = $2 DESC, deleted_at DESC NULLS FIRST, id LIMIT 1",
    "organization": "SELECT id FROM organizations WHERE id = $1 AND (id::text = $2 OR slug = $2)",
}


async def find_subject(connection: Connection, organization_id: UUID, kind: str, name: str) -> UUID | None:
    """The id of what is to be erased, also where it is softly deleted."""
    found: UUID | None = await connection.fetchval(_FIND[kind], organization_id, name)
    return found


async def was_erased(connection: Connection, organization_id: UUID, kind: str, name: str) -> bool:
    """Whether the trail has an erasure of this id."""
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
    # It takes as long as there are rows: what is half done after a while is not to be begun again for ever.
    await connection.execute("SET LOCAL statement_timeout = 0")
    raw = await connection.fetchval("SELECT erase_subject($1, $2)::text", kind, subject)
    found: dict[str, Any] | None = json.loads(raw) if raw is not None else None
    return found


async def remains(connection: Connection, subject: UUID) -> list[Any]:
    """Table, column and count of rows that still name the subject."""
    return list(await connection.fetch("SELECT * FROM erasure_remains($1)", subject))
