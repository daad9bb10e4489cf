"""Rows as callers read them: one shape for messages and memories."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.recallable import RecallTable
from mnemon.db.sql import statement
from mnemon.memory.models import MemoryTier, MemoryType
from mnemon.memory.schemas import Item
from mnemon.memory.scope import ResolvedScope

PACKAGE = "mnemon.memory"

_COLUMNS = (
    "memory_type",
    "role",
    "valid_until",
    "importance",
    "confidence",
    "is_pinned",
    "tier",
    "status",
    "access_count",
    "superseded_by",
    "superseded_at",
    "version",
    "sender",
    "speaker_agent",
    "conversation_id",
)


def select_items(table: RecallTable, which: str) -> str:
    """The statement that reads a table's rows as items; ``which`` is a predicate of ours over alias ``t``."""
    columns = {name: table.columns[name] for name in _COLUMNS}
    return statement(PACKAGE, "items", table=table.name, kind=table.kind, which=which, **columns)


async def fetch_items(
    connection: Connection, scope: ResolvedScope, ordinals: Sequence[int], tables: Sequence[RecallTable]
) -> dict[int, Item]:
    """Items by ordinal; what the scope does not hold is left out."""
    if not ordinals or not tables:
        return {}
    params = Params(scope.principal.organization_id)
    wanted = params.add(list(ordinals), "bigint[]")
    parts = [select_items(table, f"t.ordinal = ANY({wanted}) AND {scope.predicate(table, params)}") for table in tables]
    rows = await connection.fetch("\nUNION ALL\n".join(parts), *params.values)
    return {row["ordinal"]: item(row) for row in rows}


def item(row: Any) -> Item:
    """A row of :func:`select_items` as an item; it comes from the database, so it is not validated again."""
    return Item.model_construct(
        id=row["id"],
        kind=row["kind"],
        content=row["content"],
        memory_type=MemoryType(row["memory_type"]),
        role=row["role"],
        speaker=row["speaker"],
        user=row["owner"],
        agent=row["agent"],
        conversation=row["conversation"],
        at=row["occurred_at"],
        recorded_at=row["created_at"],
        valid_until=row["valid_until"],
        tags=tuple(row["tags"]),
        metadata=json.loads(row["metadata"]),
        source=row["source"],
        source_id=row["source_id"],
        importance=row["importance"],
        confidence=row["confidence"],
        is_pinned=row["is_pinned"],
        tier=MemoryTier(row["tier"]),
        status=row["status"],
        access_count=row["access_count"],
        superseded_by=row["superseded_by"],
        superseded_at=row["superseded_at"],
        deleted_at=row["deleted_at"],
        version=row["version"],
    )
