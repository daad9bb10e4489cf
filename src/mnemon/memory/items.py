"""Rows as callers read them: one shape for messages and memories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mnemon.context import Context
from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.recallable import RecallTable
from mnemon.db.sql import statement
from mnemon.memory import names
from mnemon.memory.columns import RETURNED, item_parts
from mnemon.memory.schemas import Item
from mnemon.memory.scope import ResolvedScope

PACKAGE = "mnemon.memory"

_FIELDS = tuple(RETURNED)
_DECODED = tuple((name, column.decoder) for name, column in RETURNED.items() if column.decoder is not None)


def select_items(table: RecallTable, which: str) -> str:
    """Return the statement that reads a table's rows as items; ``which`` is a predicate of ours over alias ``t``."""
    return statement(PACKAGE, "items", which=which, **item_parts(table))


async def fetch_items(
    ctx: Context, connection: Connection, scope: ResolvedScope, ordinals: Sequence[int], tables: Sequence[RecallTable]
) -> dict[int, Item]:
    """Return items by ordinal; what the scope does not hold is left out."""
    if not ordinals or not tables:
        return {}
    params = Params(scope.principal.organization_id)
    parameter = params.add(list(ordinals), "bigint[]")
    parts = [
        select_items(table, f"t.ordinal = ANY({parameter}) AND {scope.predicate(table, params)}") for table in tables
    ]
    rows = await connection.fetch("\nUNION ALL\n".join(parts), *params.values)
    return dict(zip((row["ordinal"] for row in rows), await as_items(ctx, connection, rows), strict=True))


async def as_items(ctx: Context, connection: Connection, rows: Sequence[Any]) -> list[Item]:
    """Return rows of :func:`select_items` as items, with the names of the people and places in them."""
    people = await names.labels(ctx, connection, "user", {row[key] for row in rows for key in ("sender", "user_id")})
    machines = await names.labels(
        ctx, connection, "agent", {row[key] for row in rows for key in ("speaker_agent", "agent_id")}
    )
    places = await names.labels(ctx, connection, "conversation", {row["conversation_id"] for row in rows})
    return [_item(row, people, machines, places) for row in rows]


_NOBODY = (None, None)


def _item(row: Any, people: names.Labels, machines: names.Labels, places: names.Labels) -> Item:
    """Make an item of one row; it comes from the database, so it is not validated again."""
    fields = {name: row[name] for name in _FIELDS}
    for name, decode in _DECODED:
        if fields[name] is not None:
            fields[name] = decode(fields[name])
    fields["speaker"] = (
        fields["speaker"] or people.get(row["sender"], _NOBODY)[1] or machines.get(row["speaker_agent"], _NOBODY)[1]
    )
    return Item.model_construct(
        id=row["id"],
        kind=row["kind"],
        user=people.get(row["user_id"], _NOBODY)[0],
        agent=machines.get(row["agent_id"], _NOBODY)[0],
        conversation=places.get(row["conversation_id"], _NOBODY)[0],
        at=row["occurred_at"],
        recorded_at=row["created_at"],
        **fields,
    )
