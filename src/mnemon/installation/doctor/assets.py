"""Files as the doctor sees them: whether the object store can be used, and whether their bytes are there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from mnemon.core.errors import MnemonError
from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding
from mnemon.workspace.objects import Objects

if TYPE_CHECKING:
    import asyncpg

#: Files that are looked at: the newest, which a backup of the store is most likely to lack.
_MOST = 10_000
_KEPT = """
SELECT organization_id, object_id FROM assets WHERE deleted_at IS NULL ORDER BY created_at DESC LIMIT $1
"""


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Check that the bytes of files are where their rows say.

    Args:
        connection: the owner's where there is one, else the application's, which sees one organisation.
        wanted: where the store is.
    """
    if await connection.fetchval("SELECT to_regclass('assets') IS NULL"):
        return []
    rows = await connection.fetch(_KEPT, _MOST)
    if not rows:
        return [Finding("files", "ok", "none are kept", None)]
    looked_for: dict[UUID, set[UUID]] = {}
    for row in rows:
        looked_for.setdefault(row["organization_id"], set()).add(row["object_id"])
    try:
        store = Objects(wanted)
        lost = 0
        for organization, objects in looked_for.items():
            lost += len(objects - {stored async for stored, _ in store.objects(organization)})
    except MnemonError as error:
        return [Finding("files", "wrong", error.message, error.hint)]
    if lost:
        return [
            Finding(
                "files",
                "wrong",
                f"the bytes of {lost:,} are not in the store, of the newest {len(rows):,}",
                "Restore the object store from its backup: that of the database has rows alone (docs/assets.md).",
            )
        ]
    return [Finding("files", "ok", f"the bytes of the newest {len(rows):,} are in the store", None)]
