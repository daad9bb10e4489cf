"""What a verb that names rows asks first: whether the principal may see them."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from mnemon.context import Context
from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.rows import missing
from mnemon.memory.columns import TABLES
from mnemon.memory.visibility import visible


async def require_seen(ctx: Context, connection: Connection, kind: str, ids: Collection[UUID], field: str) -> None:
    """Let through only what the principal may see: messages or memories, by id.

    Raises:
        NotFound: one is not there, or not this principal's to see; the two look the same.
    """
    await kinds_seen(ctx, connection, ids, field, kinds=(kind,))


async def kinds_seen(
    ctx: Context,
    connection: Connection,
    ids: Collection[UUID],
    field: str,
    *,
    kinds: Collection[str] = ("message", "memory"),
) -> dict[UUID, str]:
    """Return of which kind each id is, ``message`` or ``memory``; let through only what the principal may see.

    Raises:
        NotFound: one is not there, not of these kinds, or not this principal's to see; these look the same.
    """
    params = Params(ctx.principal.organization_id, list(ids))
    rows = await connection.fetch(
        " UNION ALL ".join(
            f"SELECT t.id, '{table.kind}' AS kind FROM {table.name} t "  # noqa: S608 - names are ours
            f"WHERE t.organization_id = $1 AND t.id = ANY($2::uuid[]) AND {visible(ctx.principal, table.kind, params)}"
            for table in TABLES
            if table.kind in kinds
        ),
        *params.values,
    )
    seen = {row["id"]: row["kind"] for row in rows}
    unseen = set(ids) - seen.keys()
    if unseen:
        raise missing("memory", min(unseen), called=" or ".join(kinds), field=field)
    return seen
