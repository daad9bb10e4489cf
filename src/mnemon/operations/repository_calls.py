"""Statements of calls that may come again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from mnemon.db.connection import Connection

_FIND = (
    "SELECT request_hash, status, answer FROM idempotency_keys WHERE organization_id = $1 AND id = $2 "
    "AND created_at > now() - $3 * interval '1 s'"
)
#: A row that is too old is taken over. One that another transaction is writing is waited for.
_CLAIM = (
    "INSERT INTO idempotency_keys AS k (organization_id, id, user_id, agent_id, request_hash) "
    "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organization_id, id) DO UPDATE SET request_hash = EXCLUDED.request_hash, "
    "status = 0, answer = '', created_at = now() WHERE k.created_at <= now() - $6 * interval '1 s' RETURNING true"
)
#: What is too old goes with what comes, a few at a time. Index: ix_idempotency_keys_created.
_PRUNE = (
    "DELETE FROM idempotency_keys k USING (SELECT organization_id, id FROM idempotency_keys WHERE organization_id = $1 "
    "AND created_at < now() - $2 * interval '1 s' ORDER BY created_at LIMIT 5 FOR UPDATE SKIP LOCKED) o "
    "WHERE k.organization_id = o.organization_id AND k.id = o.id"
)
_ANSWER = "UPDATE idempotency_keys SET status = $3, answer = $4 WHERE organization_id = $1 AND id = $2"
_FORGET = "DELETE FROM idempotency_keys WHERE organization_id = $1 AND id = $2"


async def find(connection: Connection, organization_id: UUID, call: UUID, seconds: int) -> Any:
    """Return the row of a call that is not too old, or None."""
    return await connection.fetchrow(_FIND, organization_id, call, seconds)


async def claim(connection: Connection, row: Sequence[Any], seconds: int) -> bool:
    """Write the row of a call that is new; False: somebody was first."""
    await connection.execute(_PRUNE, row[0], 2 * seconds)
    return bool(await connection.fetchval(_CLAIM, *row, seconds))


async def answer(connection: Connection, organization_id: UUID, call: UUID, status: int, sealed: str) -> None:
    """Write what a call was answered."""
    await connection.execute(_ANSWER, organization_id, call, status, sealed)


async def forget(connection: Connection, organization_id: UUID, call: UUID) -> None:
    """Remove the row of a call."""
    await connection.execute(_FORGET, organization_id, call)
