"""A page of a list: what every verb that lists is asked for and gives."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from mnemon.core.strict import Whole
from mnemon.core.text import Schema

#: Rows that a page holds at most.
LARGEST = 1000

#: How many rows to give at most.
Limit = Annotated[Whole, Field(ge=1, le=LARGEST)]
#: Where a page ended, as the page before has it in ``next_cursor``.
Cursor = Annotated[str, Field(strict=True, max_length=8192)]

T = TypeVar("T")


class PageRequest(Schema):
    """A request for a page of a list; a list with conditions adds them as fields of its own.

    Attributes:
        limit: rows of the page at most, 1 to 1,000.
        cursor: ``next_cursor`` of the page before; None for the first page. The conditions stay the same.
    """

    limit: Limit = 100
    cursor: Cursor | None = None


class Page(Schema, Generic[T]):
    """A page of a list, in the list's order.

    Attributes:
        items: the rows.
        next_cursor: asks for the next page; None on the last one.
    """

    items: tuple[T, ...]
    next_cursor: str | None = None
