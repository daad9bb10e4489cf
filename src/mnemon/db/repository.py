"""The repository every domain builds on: CRUD of one ORM class inside one organisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from sqlalchemy import func, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.pages import Page, PageRequest
from mnemon.core.principal import Principal
from mnemon.db.base import Base
from mnemon.db.listing import Listing

T = TypeVar("T", bound=Base)
S = TypeVar("S")


class BaseRepository(Generic[T]):
    """Create, read, update and soft-delete rows of one table (seed 002 FR-8).

    A repository flushes and never commits: the session commits, once. Every statement names organization_id:
    the policy is the wall, the predicate is the plan.
    """

    model: ClassVar[type[Any]]

    def __init__(self, session: AsyncSession, organization_id: UUID) -> None:
        self.session = session
        self.organization_id = organization_id

    def _alive(self, *, include_deleted: bool = False) -> Any:
        query = select(self.model).where(self.model.organization_id == self.organization_id)
        if not include_deleted and hasattr(self.model, "deleted_at"):
            query = query.where(self.model.deleted_at.is_(None))
        return query

    async def get_by_id(self, row_id: UUID, *, include_deleted: bool = False) -> T | None:
        """Return the row, or None if there is none, it is deleted or it is another organisation's."""
        query = self._alive(include_deleted=include_deleted).where(self.model.id == row_id)
        found: T | None = (await self.session.execute(query)).scalar_one_or_none()
        return found

    async def create(self, **values: Any) -> T:
        """Add a row and flush it, so that the database's defaults and refusals show here."""
        row: T = self.model(organization_id=self.organization_id, **self._known(values))
        self.session.add(row)
        await self.session.flush()
        return row

    async def update(self, row_id: UUID, *, expected_version: int | None = None, **values: Any) -> T:
        """Change a row; with expected_version, only if nobody changed it since it was read.

        Raises:
            Invalid: no value is given: it changes nothing.
            NotFound: there is no such row in this organisation.
            Conflict: the row has another version; ``data`` has both.
        """
        if not values:
            raise Invalid("This changes nothing: give at least one field.", code="invalid.no_change")
        statement = (
            update(self.model)
            .where(
                self.model.organization_id == self.organization_id,
                self.model.id == row_id,
                self.model.deleted_at.is_(None),
            )
            .values(**self._known(values))
            .returning(self.model)
        )
        if expected_version is not None:
            statement = statement.where(self.model.version == expected_version)
        options = {"synchronize_session": False, "populate_existing": True}
        result = await self.session.execute(statement, execution_options=options)
        row: T | None = result.scalar_one_or_none()
        if row is not None:
            return row
        present = await self.get_by_id(row_id)
        if present is None:
            raise NotFound(f"There is no such {self.model.__tablename__} row.", table=self.model.__tablename__)
        raise Conflict(
            "Another change came first.",
            code="conflict.version",
            hint="Read it again and retry.",
            expected_version=expected_version,
            current_version=present.version,  # type: ignore[attr-defined]
        )

    async def delete(self, row_id: UUID) -> bool:
        """Soft-delete a row (REQ-T105); False if there was none alive."""
        statement = (
            update(self.model)
            .where(
                self.model.organization_id == self.organization_id,
                self.model.id == row_id,
                self.model.deleted_at.is_(None),
            )
            .values(deleted_at=func.now())
            .returning(self.model.id)
        )
        return (await self.session.execute(statement)).first() is not None

    async def page(
        self,
        listing: Listing,
        principal: Principal,
        request: PageRequest,
        make: Callable[[Any], S],
        *,
        query: Any = None,
        columns: Sequence[Any] | None = None,
    ) -> Page[S]:
        """Read a page of a list.

        Args:
            listing: the list: its name and its order.
            principal: who lists.
            request: which page.
            make: makes an item of a row.
            query: what is listed; every row that is alive, if not given.
            columns: the list's keys as expressions; the model's columns of these names, if not given.

        Raises:
            Invalid: the cursor is not one that a page of this list gave.
        """
        keys = columns or [getattr(self.model, name) for name in listing.keys]
        query_of_page = listing.select(self._alive() if query is None else query, principal, request, *keys)
        return listing.page(principal, request, (await self.session.execute(query_of_page)).scalars().all(), make)

    def _known(self, values: dict[str, Any]) -> dict[str, Any]:
        unknown = set(values) - set(inspect(self.model).attrs.keys())
        if unknown:
            name = sorted(unknown)[0]
            raise Invalid(f"{self.model.__tablename__} has no column {name}.", code="invalid.unknown_field", field=name)
        return values
