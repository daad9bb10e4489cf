"""What the verbs of workspace share."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mnemon.context import Context
from mnemon.db.rows import missing
from mnemon.workspace.ownership import reach_of
from mnemon.workspace.repository import OwnedRepository


async def require_own(ctx: Context, rows: OwnedRepository[Any], what: str, row_id: UUID) -> Any:
    """Return the row, if this principal may change it."""
    row = await rows.get_owned(row_id, reach_of(ctx.principal, None))
    if row is None:
        raise missing(what, row_id)
    return row
