"""The declarative base, its naming convention and the columns that tables share."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
    Uuid,
    event,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, declared_attr, mapped_column

#: Constraint names are part of the contract: :mod:`mnemon.db.errors` turns them into fields and codes.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

HASH_PARTITIONS = 16
"""Partitions of memories and messages, by organization_id (figures: docs/decisions.md)."""


JSON_LEVELS = 40
"""How deep the database lets a document be: the 32 levels that schemas take, and some for what is kept around them."""


class Base(DeclarativeBase):
    """The root of every ORM class; its metadata is what migrations must equal."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        UUID: Uuid(),
    }


@event.listens_for(Table, "after_parent_attach")
def _bound_documents(table: Table, metadata: Any) -> None:
    """Bound every jsonb column in its depth, whoever writes it."""
    if metadata is not Base.metadata:  # a table that a migration describes as it was
        return
    for column in [one for one in table.columns if isinstance(one.type, JSONB)]:
        rule = f"NOT jsonb_path_exists({column.name}, '$.**{{{JSON_LEVELS} to last}}')"
        table.append_constraint(CheckConstraint(rule, name=f"{column.name}_depth"))


def native_enum(kind: type[enum.Enum], name: str) -> Enum:
    """Return a native PostgreSQL enum that stores the members' values."""
    return Enum(
        kind,
        name=name,
        native_enum=True,
        create_constraint=False,
        values_callable=lambda members: [member.value for member in members],
    )


def created() -> MappedColumn[datetime]:
    """Return ``created_at``: when the row was recorded, set by the database."""
    return mapped_column(server_default=func.now(), comment="When the row was recorded (UTC)")


def json_object(comment: str) -> MappedColumn[dict[str, Any]]:
    """Return a jsonb object, never null, empty by default."""
    return mapped_column(JSONB, server_default=text("'{}'::jsonb"), comment=comment)


class Tenanted:
    """A table of one organisation: composite primary key, so that a reference cannot leave the tenant."""

    __tenanted__: ClassVar[bool] = True

    @declared_attr
    def organization_id(self) -> Mapped[UUID]:
        """Return the tenant."""
        return mapped_column(Uuid(), primary_key=True, comment="The tenant that owns the row; never changes")

    @declared_attr
    def id(self) -> Mapped[UUID]:
        """Return the row's own id."""
        return mapped_column(
            Uuid(), primary_key=True, server_default=text("gen_random_uuid()"), comment="UUID v4 (REQ-T104)"
        )


class Mutable:
    """A row that changes: timestamps, soft delete (REQ-T105) and optimistic version (REQ-T107)."""

    created_at: Mapped[datetime] = created()
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When the row last changed (UTC); kept by trigger"
    )
    deleted_at: Mapped[datetime | None] = mapped_column(comment="When the row was soft-deleted; null: alive")
    version: Mapped[int] = mapped_column(
        Integer,
        server_default=text("1"),
        comment="Grows by one with every update; an update names the version it read",
    )


def belongs_to(
    table: str, column: str, *, target: Sequence[str] = ("organization_id", "id"), ondelete: str | None = None
) -> ForeignKeyConstraint:
    """Return a foreign key to another tenant table that carries organization_id, so it cannot leave the tenant.

    ``ondelete="SET NULL"`` nulls the reference alone: organization_id is part of the key and must stay.
    """
    rule = f"SET NULL ({column})" if ondelete == "SET NULL" else ondelete
    return ForeignKeyConstraint(
        ["organization_id", column],
        [f"{table}.{part}" for part in target],
        ondelete=rule,
    )
