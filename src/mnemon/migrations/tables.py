"""A table as the baseline writes it down: one line a column, one short block a table; made and dropped from that.

Stable by contract, like the baseline that is written with it: a change of meaning here is a new function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

from mnemon.migrations import ddl

ALL = "SELECT, INSERT, UPDATE, DELETE"
#: How deep the database lets a document of any table be.
LEVELS = 40


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its name, what CREATE TABLE says of it, its comment, and the values of its own enum type, if any."""

    name: str
    type: str
    comment: str | None
    options: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint: its name without the table's, and what CREATE TABLE says of it."""

    kind: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Index:
    """An index: its name without the table's, and what CREATE INDEX says of it after the table."""

    kind: str
    name: str
    text: str


def column(
    name: str,
    kind: str,
    comment: str | None = None,
    *,
    null: bool = False,
    default: str | None = None,
    generated: str | None = None,
) -> TableColumn:
    """Describe a column; it is NOT NULL unless it says ``null``.

    Args:
        name: its name.
        kind: its type in SQL; in ``halfvec({dimensions})`` the width is filled in when it is made.
        comment: what it means.
        null: whether it may be null.
        default: its default, as SQL.
        generated: the expression that it is computed from, as SQL.
    """
    options = f" DEFAULT {default}" if default is not None else ""
    options += f" GENERATED ALWAYS AS ({generated}) STORED" if generated is not None else ""
    return TableColumn(name, kind, comment, options + ("" if null else " NOT NULL"))


def choice(
    name: str,
    kind: str,
    values: str,
    comment: str | None = None,
    *,
    default: str | None = None,
) -> TableColumn:
    """Describe a column of an enum type of its own, which is made with the table; values and default without quotes."""
    options = f" DEFAULT '{default}'" if default is not None else ""
    return TableColumn(name, kind, comment, f"{options} NOT NULL", tuple(values.split()))


def document(name: str, comment: str | None = None) -> TableColumn:
    """Describe a jsonb object, empty by default; the depth of every jsonb column is bounded."""
    return column(name, "jsonb", comment, default="'{}'::jsonb")


def moment(name: str, comment: str | None = None, *, null: bool = False, default: str | None = None) -> TableColumn:
    """Describe a moment in time, in UTC."""
    return column(name, "timestamptz", comment, null=null, default=default)


def created(default: str = "now()") -> TableColumn:
    """Describe when the row was recorded."""
    return moment("created_at", "When the row was recorded (UTC)", default=default)


def organization() -> TableColumn:
    """Describe whose the row is."""
    return column("organization_id", "uuid", "The tenant that owns the row; never changes")


def tenanted() -> tuple[TableColumn, TableColumn]:
    """Describe whose the row is, and its id."""
    return organization(), column("id", "uuid", "UUID v4 (REQ-T104)", default="gen_random_uuid()")


def mutable() -> tuple[TableColumn, ...]:
    """Describe what a row has that changes: its times, when it was softly deleted, its version."""
    return (
        created(),
        moment("updated_at", "When the row last changed (UTC); kept by trigger", default="now()"),
        moment("deleted_at", "When the row was soft-deleted; null: alive", null=True),
        column(
            "version",
            "integer",
            "Grows by one with every update; an update names the version it read",
            default="1",
        ),
    )


def check(name: str, condition: str) -> Rule:
    """Describe a CHECK."""
    return Rule("ck", name, f"CHECK ({condition})")


def unique(*columns: str, name: str | None = None, nulls_distinct: bool = True) -> Rule:
    """Describe a key beside the primary one."""
    nulls = "" if nulls_distinct else "NULLS NOT DISTINCT "
    return Rule("uq", name or "_".join(columns), f"UNIQUE {nulls}({', '.join(columns)})")


def within(table: str, column: str, on_delete: str = "CASCADE") -> Rule:
    """Describe a reference to a row of the same organisation; SET NULL empties the reference alone."""
    rule = f"SET NULL ({column})" if on_delete == "SET NULL" else on_delete
    text = f"FOREIGN KEY (organization_id, {column}) REFERENCES {table} (organization_id, id) ON DELETE {rule}"
    return Rule("fk", f"organization_id_{column}", text)


def refers(table: str, column: str) -> Rule:
    """Describe a reference by id alone, which takes the row with it."""
    return Rule("fk", column, f"FOREIGN KEY ({column}) REFERENCES {table} (id) ON DELETE CASCADE")


def owned() -> Rule:
    """Describe that the row goes with its organisation."""
    return refers("organizations", "organization_id")


def index(
    name: str, *columns: str, where: str | None = None, using: str = "btree", nulls_distinct: bool = True
) -> Index:
    """Describe an index over columns or expressions."""
    nulls = "" if nulls_distinct else " NULLS NOT DISTINCT"
    condition = f" WHERE {where}" if where else ""
    return Index("ix", name, f"USING {using} ({', '.join(columns)}){nulls}{condition}")


def unique_index(name: str, *columns: str, where: str | None = None, nulls_distinct: bool = True) -> Index:
    """Describe an index that lets nothing in twice."""
    return Index("uq", name, index(name, *columns, where=where, nulls_distinct=nulls_distinct).text)


class Table:
    """A table with all that belongs to it, as it is to be made.

    Args:
        name: its name.
        comment: what its rows are.
        *parts: its columns in their order, its rules (references act in theirs), its indexes.
        key: its primary key.
        tenant: the column that the policy of tenants compares; None: no policies, and nothing is forced.
        rights: what the application may do.
        owner: what a policy lets the schema's owner do in the rows of every organisation, ``ALL`` or ``SELECT``, where
            functions or summaries of its own need it.
        series: the column that a time series is partitioned by, and how often: ``day``, ``week`` or ``month``.
        recalled: in hash partitions, with the indexes of recall.
        searched: with a full-text index.
        storage: parameters of the table.
    """

    def __init__(
        self,
        name: str,
        comment: str,
        *parts: TableColumn | Rule | Index,
        key: tuple[str, ...] = ("organization_id", "id"),
        tenant: str | None = "organization_id",
        rights: str = ALL,
        owner: str | None = None,
        series: tuple[str, str] | None = None,
        recalled: bool = False,
        searched: bool = False,
        storage: str | None = None,
    ) -> None:
        self.name, self.comment, self.key, self.storage = name, comment, key, storage
        self.tenant, self.rights, self.owner = tenant, rights, owner
        self.series, self.recalled, self.searched = series, recalled, searched
        self.columns = tuple(part for part in parts if isinstance(part, TableColumn))
        self.rules = tuple(part for part in parts if isinstance(part, Rule))
        self.indexes = tuple(part for part in parts if isinstance(part, Index))

    def create(self) -> None:
        """Make the table, its types, comments, indexes, partitions, policies and grants."""
        _run_all(self._statements())
        if self.recalled:
            ddl.partition_by_hash(self.name)
            ddl.recall_indexes(self.name)
        if self.series is not None:
            ddl.partition_by_range(self.name, column=self.series[0], every=self.series[1])
        if self.searched:
            ddl.search_index(self.name)
        if self.tenant is not None:
            ddl.protect(self.name, key=self.tenant, grants=self.rights)
        elif self.rights:
            op.execute(f"GRANT {self.rights} ON {self.name} TO {ddl.APP_ROLE}")
        if self.owner == "ALL":
            ddl.owner_sees(self.name)
        elif self.owner is not None:
            op.execute(f"CREATE POLICY owner ON {self.name} FOR {self.owner} TO CURRENT_USER USING (true)")

    def drop(self) -> None:
        """Drop the table, what was made on it, and its types, where they are still there."""
        op.execute(f"DROP TABLE IF EXISTS {self.name} CASCADE")
        ddl.drop_types(*(one.type for one in self.columns if one.values))

    def _statements(self) -> Iterator[str]:
        """Yield what makes the table with its types, comments and indexes."""
        for column_ in self.columns:
            if column_.values:
                values = ", ".join(f"'{value}'" for value in column_.values)
                yield f"CREATE TYPE {column_.type} AS ENUM ({values})"
        yield f"CREATE TABLE {self.name} ({', '.join(self._lines())}){self._cut()}"
        yield f"COMMENT ON TABLE {self.name} IS {_quoted(self.comment)}"
        for column_ in self.columns:
            if column_.comment is not None:
                yield f"COMMENT ON COLUMN {self.name}.{column_.name} IS {_quoted(column_.comment)}"
        for index_ in self.indexes:
            kind = "UNIQUE INDEX" if index_.kind == "uq" else "INDEX"
            yield f"CREATE {kind} {index_.kind}_{self.name}_{index_.name} ON {self.name} {index_.text}"

    def _lines(self) -> Iterator[str]:
        """Yield what stands between the brackets of CREATE TABLE."""
        for column_ in self.columns:
            yield f'"{column_.name}" {column_.type.format(dimensions=ddl.dimensions())}{column_.options}'
        yield f"CONSTRAINT pk_{self.name} PRIMARY KEY ({', '.join(self.key)})"
        for rule in self.rules:
            yield f"CONSTRAINT {rule.kind}_{self.name}_{rule.name} {rule.text}"
        for column_ in self.columns:
            if column_.type == "jsonb":
                shallow = f"NOT jsonb_path_exists({column_.name}, '$.**{{{LEVELS} to last}}')"
                yield f"CONSTRAINT ck_{self.name}_{column_.name}_depth CHECK ({shallow})"

    def _cut(self) -> str:
        """Return what CREATE TABLE says after its brackets."""
        if self.recalled:
            return " PARTITION BY HASH (organization_id)"
        if self.series is not None:
            return f' PARTITION BY RANGE ("{self.series[0]}")'
        return f" WITH ({self.storage})" if self.storage else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _run_all(statements: Iterable[str]) -> None:
    """Execute statements as they stand, in one message to the server; a colon in them begins no parameter."""
    block = "".join(f"{statement};\n" for statement in statements)
    op.execute(sa.text(f"DO $all$ BEGIN\n{block}END $all$".replace(":", "\\:")))
