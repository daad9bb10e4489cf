"""Lists that are read a page at a time, each page beginning after the last row of the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, tuple_

from mnemon.core.cursors import read_cursor, write_cursor
from mnemon.core.pages import Page, PageRequest
from mnemon.core.principal import Principal

S = TypeVar("S")


class Listing:
    """The order of one list, and its pages.

    A row is shown once and none is passed over, whatever is added or removed between two pages: a page begins after the
    place of the last row, not after so many rows. So the keys are columns whose values stay, and the last one tells any
    two rows apart. A row whose place changes meanwhile is shown at the place where it is met.

    Args:
        name: the verb's, as ``domain.verb``; a cursor of another list is refused by it.
        keys: the columns that the list is ordered by and their types, all in the same direction.
        descending: the greatest first.
        absent: what stands for a key that a row may not have; the query's and the index's expressions have the same.
    """

    def __init__(
        self,
        name: str,
        keys: Mapping[str, type],
        *,
        descending: bool = False,
        absent: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.keys = keys
        self.descending = descending
        self.absent = absent or {}

    @classmethod
    def newest(cls, name: str, column: str = "created_at") -> Listing:
        """Give a list with the newest row first, by a moment and the id."""
        return cls(name, {column: datetime, "id": UUID}, descending=True)

    @classmethod
    def oldest(cls, name: str, column: str = "created_at") -> Listing:
        """Give a list with the oldest row first, by a moment and the id."""
        return cls(name, {column: datetime, "id": UUID})

    def after(self, principal: Principal, request: PageRequest) -> tuple[Any, ...]:
        """Give the values that a page begins after, one a key, for a statement's parameters; None for the first page.

        Raises:
            Invalid: the cursor is none that a page of this list, in this organisation, gave.
        """
        if request.cursor is None:
            return (None,) * len(self.keys)
        return read_cursor(request.cursor, self.name, principal.organization_id, tuple(self.keys.values()))

    def select(self, query: Select[Any], principal: Principal, request: PageRequest, *columns: Any) -> Select[Any]:
        """Give a query of the ORM's its order, its beginning and its end: one row more than the page has.

        Args:
            query: what is listed.
            principal: who lists.
            request: which page.
            columns: the keys as expressions that are never null, in order; an index has them, too.
        """
        order = [column.desc() for column in columns] if self.descending else columns
        if request.cursor is not None:
            position = tuple_(*self.after(principal, request), types=[column.type for column in columns])
            query = query.where(tuple_(*columns) < position if self.descending else tuple_(*columns) > position)
        return query.order_by(*order).limit(request.limit + 1)

    def page(
        self, principal: Principal, request: PageRequest, rows: Sequence[Any], make: Callable[[Any], S]
    ) -> Page[S]:
        """Give the page that these rows are, of which there is one more than asked for if there is another page.

        Args:
            principal: who lists.
            request: which page.
            rows: the rows, which have the keys as columns or attributes.
            make: makes an item of a row.
        """
        items = tuple(make(row) for row in rows[: request.limit])
        return Page(items=items, next_cursor=self.next_cursor(principal, request, rows))

    def next_cursor(self, principal: Principal, request: PageRequest, rows: Sequence[Any]) -> str | None:
        """Give the cursor of the next page; None if these rows are all there are."""
        if len(rows) <= request.limit:
            return None
        last = rows[request.limit - 1]
        values = []
        for key in self.keys:
            value = last[key] if hasattr(last, "keys") else getattr(last, key)
            values.append(self.absent[key] if value is None else value)
        return write_cursor(self.name, principal.organization_id, values, tuple(self.keys.values()))
