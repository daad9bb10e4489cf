"""What a source has brought already, in any table whose rows have a source and an id there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from mnemon.db.connection import Connection


async def known(
    connection: Connection, table: str, organization_id: UUID, pairs: Collection[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    """Return ids by (source, source id) of the rows that are there; forgotten ones are there too.

    One look-up a source, by its ids: an index probe each, whatever the planner thinks of the table.
    Index: uq_<table>_source.
    """
    by_source: dict[str, list[str]] = defaultdict(list)
    for source, source_id in pairs:
        by_source[source].append(source_id)
    ids_by_source: dict[tuple[str, str], UUID] = {}
    for source, ids in by_source.items():
        rows = await connection.fetch(
            f"SELECT source_id, id FROM {table} "  # noqa: S608 - the table's name is ours
            "WHERE organization_id = $1 AND source = $2 AND source_id = ANY($3::text[])",
            organization_id,
            source,
            ids,
        )
        ids_by_source.update({(source, row["source_id"]): row["id"] for row in rows})
    return ids_by_source
