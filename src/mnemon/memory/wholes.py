"""Texts in parts: what stands for the whole of one, whichever part is named."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from mnemon.db.connection import Connection
from mnemon.db.recallable import RecallTable


def rows_of(table: RecallTable, place: str) -> str:
    """Return the predicate (alias ``t``) over the rows of these ids, and over all parts of the texts they are of.

    For a statement whose first parameter is the organisation. Indexes: the primary key, ix_{table}_whole.

    Args:
        table: which.
        place: the parameter of the ids, a uuid[].
    """
    return (
        f"(t.id = ANY({place}) OR t.whole_id = ANY(ARRAY(SELECT w.whole_id FROM {table.name} w "  # noqa: S608 - ours
        f"WHERE w.organization_id = $1 AND w.id = ANY({place}) AND w.whole_id IS NOT NULL)))"
    )


async def texts(
    connection: Connection, table: RecallTable, organization_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, str]:
    """Return the whole texts that have these first parts, by id. Index: ix_{table}_whole."""
    rows = await connection.fetch(
        f"SELECT whole_id, string_agg(content, '' ORDER BY part) AS content FROM {table.name} "  # noqa: S608 - ours
        "WHERE organization_id = $1 AND whole_id = ANY($2::uuid[]) GROUP BY whole_id",
        organization_id,
        list(ids),
    )
    return {row["whole_id"]: row["content"] for row in rows}
