"""What the verbs of workspace share."""

from __future__ import annotations

from typing import Any, TypeVar, cast
from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import NotFound
from mnemon.core.text import Schema
from mnemon.workspace.ownership import reach_of
from mnemon.workspace.repository import OwnedRepository

S = TypeVar("S", bound=Schema)


def read(schema: type[S], row: Any) -> S:
    """A row as a schema; it comes from the database, so it is not validated again."""
    values = {name: getattr(row, name) for name in schema.model_fields}
    made: Any = schema.model_construct(None, **{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    return cast("S", made)


def missing(what: str, row_id: UUID) -> NotFound:
    """There is no such row, or it is not this principal's: the two look the same."""
    return NotFound(f"There is no {what} {row_id}.", code=f"not_found.{what}", id=str(row_id))


async def require_own(ctx: Context, rows: OwnedRepository[Any], what: str, row_id: UUID) -> Any:
    """The row, if this principal may change it."""
    row = await rows.get_owned(row_id, reach_of(ctx.principal, None))
    if row is None:
        raise missing(what, row_id)
    return row
