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
    table = next(item_id for item_id in TABLES if item_id.kind == kind)
    params = Params(ctx.principal.organization_id, list(ids))
    rule = visible(ctx.principal, kind, params)
    rows = await connection.fetch(
        f"SELECT t.id FROM {table.name} t "  # noqa: S608 - the table's name is ours
        f"WHERE t.organization_id = $1 AND t.id = ANY($2::uuid[]) AND {rule}",
        *params.values,
    )
    unseen = set(ids) - {row["id"] for row in rows}
    if unseen:
        item_id = min(unseen)
        raise missing("memory", item_id, called=kind, field=field)
