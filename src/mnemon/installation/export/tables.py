"""The tables of an organisation as the catalogue has them, and the statements that read and write their rows.

A row is a JSON object whose values are made and read by PostgreSQL, by each type's own text: timestamps to the
microsecond, numbers to the last digit, vectors as they are. A column that is null is left out, so that ``null`` is a
JSON null.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from mnemon.db.connection import Connection
from mnemon.db.recallable import PLACE_MASK, SESSION_BITS
from mnemon.installation.export.rules import AFTER, ARRIVES, INCLUDED, NAMED, OMITTED, ORDERED, SESSIONS, VECTOR

#: Neither has a character that JSON does: a line of the file is what the database sent, and the other way round.
COPY_OPTIONS = {"format": "csv", "delimiter": "\x02", "quote": "\x01"}
STAGE = "incoming"
PEOPLE = "incoming_people"
NUMBERS = "incoming_numbers"

#: What a value's text depends on.
SETTINGS = (
    "SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; "
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
)

_COLUMNS = """
SELECT c.relname::text AS table, a.attname::text AS name, format_type(a.atttypid, NULL) AS type,
  ARRAY(SELECT p.relname::text FROM pg_constraint k JOIN pg_class p ON p.oid = k.confrelid
        WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conparentid = 0 AND a.attnum = ANY (k.conkey)
        ORDER BY 1) AS parents,
  coalesce((SELECT array_position(k.conkey, a.attnum) FROM pg_constraint k
            WHERE k.conrelid = c.oid AND k.contype = 'p'), 0) AS key
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname = ANY ($1)
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column that is exported."""

    name: str
    type: str
    parents: tuple[str, ...]


#: The column that gets the name by which the organisation was asked for, whatever its row says.
SLUG = ("organizations", "slug")


@dataclass(frozen=True, slots=True)
class ExportTable:
    """A table that is exported.

    Attributes:
        tenant: the column with the organisation's id, which no row of an export has.
        columns: the others, by name.
        key: the primary key, without the tenant.
        parents: tables that its rows refer to, itself included.
    """

    name: str
    tenant: str
    columns: tuple[ExportColumn, ...]
    key: tuple[str, ...]
    parents: frozenset[str]

    def keys(self, *, vectors: bool) -> tuple[str, ...]:
        """Return what a line may name: the columns, and what stands for those that are exported by name."""
        return tuple(NAMED.get((self.name, c.name), (c.name,))[0] for c in self._exported(vectors))

    def _exported(self, vectors: bool) -> list[ExportColumn]:
        return [c for c in self.columns if vectors or c.name != VECTOR]

    def select(self, organization: UUID, *, vectors: bool) -> str:
        """Return the rows of an organisation, a line each, in an order of their own."""
        values = []
        for column in self._exported(vectors):
            key, value, _ = NAMED.get((self.name, column.name), (column.name, f't."{column.name}"', ""))
            text = f"{value}::text" if column.type == "jsonb" else f"to_json({value})"
            values.append(f"""'"{key}":' || {text}""")
        order = ORDERED.get(self.name) or ", ".join(f't."{name}"' for name in self.key) or "1"
        return (
            f"SELECT '{{' || concat_ws(',', {', '.join(values)}) || '}}' FROM {self.name} t "  # noqa: S608 - catalogue
            f"WHERE t.{self.tenant} = '{organization}'::uuid ORDER BY {order}"
        )

    def insert(self, *, vectors: bool, renamed: bool) -> str:
        """Write the staged lines as rows of the organisation ``$1``, whatever else they say; see :meth:`arguments`.

        Args:
            vectors: False leaves rows that had a vector waiting for another.
            renamed: people have other ids here: those of the table of people.
        """
        names, values = [f'"{self.tenant}"'], ["$1::uuid"]
        for column in self.columns:
            names.append(f'"{column.name}"')
            values.append(self._value(column, vectors=vectors, renamed=renamed))
        for (table, name), value in ARRIVES.items():
            if table == self.name and f'"{name}"' not in names:
                names.append(f'"{name}"')
                values.append(value)
        return (
            f"INSERT INTO {self.name} ({', '.join(names)}) SELECT {', '.join(values)} "  # noqa: S608 - catalogue
            f"FROM {STAGE} i CROSS JOIN LATERAL json_populate_record(NULL::{self.name}, i.line) r"
        )

    def arguments(self, organization: UUID, slug: str) -> tuple[UUID, str] | tuple[UUID]:
        """Return the parameters of :meth:`insert`: the organisation's id, and its name where that is written."""
        return (organization, slug) if self.name == SLUG[0] else (organization,)

    def _value(self, column: ExportColumn, *, vectors: bool, renamed: bool) -> str:
        key = (self.name, column.name)
        if key == SLUG:
            return "$2::text"
        if key in ARRIVES:
            return ARRIVES[key]
        if key in NAMED:
            return NAMED[key][2]
        value = f'r."{column.name}"'
        if self.name in SESSIONS and column.name == SESSIONS[self.name][0]:
            if column.name == "number":
                return f"(SELECT n.new FROM {NUMBERS} n WHERE n.old = {value})"  # noqa: S608
            number = f"SELECT n.new FROM {NUMBERS} n WHERE n.old = ({value} >> {SESSION_BITS})"  # noqa: S608
            return f"((({number}) << {SESSION_BITS}) | ({value} & {PLACE_MASK}))"
        if column.type == "jsonb":
            # A JSON null comes as no value at all; the line is read a second time only where it may have one.
            is_null = f"""{value} IS NULL AND strpos(i.line::text, '"{column.name}":null') > 0"""
            return f"CASE WHEN {is_null} THEN (i.line -> '{column.name}')::jsonb ELSE {value} END"
        if not vectors and self.has_vectors:
            if column.name in {VECTOR, "embedding_model"}:
                return "NULL"
            if column.name == "embedding_status":
                return f"CASE {value} WHEN 'ready' THEN 'pending' ELSE {value} END"
        if renamed and not (set(column.parents) - {"users", "organizations"}):
            if column.type == "uuid" and key not in {(self.name, "id")} - {("users", "id")}:
                return f"coalesce((SELECT p.new FROM {PEOPLE} p WHERE p.old = {value}), {value})"  # noqa: S608
            if column.type == "uuid[]":
                return (
                    f"ARRAY(SELECT coalesce(p.new, u.id) FROM unnest({value}) WITH ORDINALITY u(id, place) "  # noqa: S608
                    f"LEFT JOIN {PEOPLE} p ON p.old = u.id ORDER BY u.place)"
                )
        return value

    @property
    def has_vectors(self) -> bool:
        """Whether its rows are embedded."""
        return any(column.name == VECTOR for column in self.columns)


async def read_tables(connection: Connection) -> list[ExportTable]:
    """Return the tables of an export, each after those that its rows refer to.

    Raises:
        LookupError: tables refer to each other in a circle.
    """
    by_table: dict[str, list[ExportColumn]] = {}
    keys: dict[str, list[tuple[int, str]]] = {}
    for row in await connection.fetch(_COLUMNS, sorted(INCLUDED)):
        table, name = row["table"], row["name"]
        if row["key"]:
            keys.setdefault(table, []).append((row["key"], name))
        columns = by_table.setdefault(table, [])
        if (table, name) not in OMITTED:
            columns.append(ExportColumn(name, row["type"], tuple(row["parents"])))
    tables = {}
    for name, columns in by_table.items():
        tenant = "id" if name == "organizations" else "organization_id"
        tables[name] = ExportTable(
            name,
            tenant,
            tuple(column for column in columns if column.name != tenant),
            tuple(column for _, column in sorted(keys.get(name, [])) if column != tenant),
            frozenset(parent for column in columns for parent in column.parents if parent in INCLUDED)
            | AFTER.get(name, frozenset())
            | ({"organizations"} - {name}),
        )
    return _in_order(tables)


def _in_order(tables: dict[str, ExportTable]) -> list[ExportTable]:
    left, ordered = dict(sorted(tables.items())), []
    while left:
        ready = [table for table in left.values() if not (table.parents - {table.name}) & left.keys()]
        if not ready:
            raise LookupError(f"tables refer to each other in a circle: {sorted(left)}")
        ordered += ready
        left = {name: table for name, table in left.items() if table not in ready}
    return ordered


async def facts(connection: Connection) -> tuple[str, int]:
    """Return the database's revision, and the width of its vectors."""
    row = await connection.fetchrow(
        "SELECT (SELECT version_num FROM alembic_version) AS revision, "
        "(SELECT atttypmod FROM pg_attribute WHERE attrelid = 'memories'::regclass AND attname = 'embedding') AS width"
    )
    return str(row["revision"]), int(row["width"])
