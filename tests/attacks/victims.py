"""Two organisations with rows in every table; each text of theirs is a word that is found wherever it turns up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from tests.factories import Rows, Table, tables

_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: A word of this organisation as SQL: its prefix and eight digits that differ from row to row.
_WORD = "('{prefix}' || substr(md5(random()::text), 1, 8))"
#: How a column of a type is filled with a word.
_FILL = {
    "text": "{word}",
    "character varying": "{word}",
    "jsonb": "jsonb_build_object('note', {word})",
    "json": "json_build_object('note', {word})",
    "text[]": "ARRAY[{word}]",
    "character varying[]": "ARRAY[{word}]",
    "tsvector": "to_tsvector('simple', {word})",
}
#: A hash has 32 bytes; its hexadecimal digits then begin with those of the prefix.
_BYTES = ("convert_to({word}, 'UTF8')", "convert_to(rpad({word}, 32, '0'), 'UTF8')")
_SHAPED = {"email": "{word} || '@example.org'", "url": "'https://example.org/' || {word}"}


@dataclass(frozen=True, slots=True)
class Victim:
    """An organisation, how its words begin, and every id that is in its rows."""

    organization: UUID
    prefix: str
    ids: frozenset[str]
    rows: dict[str, dict[str, Any]]  # of each table one row as it is

    def marks(self, said: bytes, asked: str) -> list[str]:
        """The words and ids of this organisation in what a server said, but those that the question named."""
        found = {match.decode() for match in re.findall(self.prefix.encode() + rb"(?:[0-9a-f]{8}|name|slug)?", said)}
        for digits in re.findall(self.prefix.encode().hex().encode() + rb"(?:3[0-9]|6[1-6])+", said):
            found.add(bytes.fromhex(digits.decode()).decode())
        found |= {text for match in _UUID.findall(said) if (text := match.decode()) in self.ids}
        return sorted(mark for mark in found if mark not in asked and mark.encode().hex() not in asked)

    def value(self, table: str, column: str) -> str | None:
        """What the victim's row has in a column, as SQL; None where it has nothing."""
        value = self.rows.get(table, {}).get(column)
        if value is None:
            return None
        if isinstance(value, bytes):
            return f"'\\x{value.hex()}'::bytea"
        if isinstance(value, list):
            return "'{" + ",".join(str(item) for item in value) + "}'"
        return "'" + str(value).replace("'", "''") + "'"


async def fill(admin: Any, tenantless: frozenset[str], *, each: int = 3) -> Victim:
    """Make an organisation with some rows in every tenant table, and words in every column that takes one."""
    known = await tables(admin)
    prefix = "zq" + uuid4().hex[:8].translate(str.maketrans("0123456789", "ghijklmnop"))
    organization = uuid4()
    await admin.execute(
        "INSERT INTO organizations (id, name, slug) VALUES ($1, $2, $3)", organization, f"{prefix}name", f"{prefix}slug"
    )
    rows = Rows(admin, known, organization)
    for table in known:
        if table.name not in tenantless:
            for _ in range(1 if table.name == "organizations" else each):
                await (rows.row if table.name not in rows.made else rows.another)(table.name)
    for table in known:
        if table.tenant_column is not None:
            await _mark(admin, table, organization, prefix)
    await _enter_in_directory(admin, organization)
    return await look(admin, organization, prefix)


async def look(admin: Any, organization: UUID, prefix: str) -> Victim:
    """The organisation as it is now."""
    ids: set[str] = set()
    everybody = {str(UUID(int=0))}
    rows = {}
    for table in await tables(admin):
        if table.tenant_column is None:
            if not table.granted:  # what nobody may read makes no id everybody's: the salts have all organisations'
                continue
            found = await admin.fetch(f"SELECT * FROM {table.name}")
            everybody |= {str(value) for row in found for value in row.values() if isinstance(value, UUID)}
            continue
        found = await admin.fetch(f"SELECT * FROM {table.name} WHERE {table.tenant_column} = $1", organization)
        ids |= {str(value) for row in found for value in row.values() if isinstance(value, UUID)}
        if found:
            rows[table.name] = dict(found[0])
    return Victim(organization, prefix, frozenset(ids - everybody), rows)


async def _enter_in_directory(admin: Any, organization: UUID) -> None:
    """Have the directory know the addresses and the slug that were written past its triggers."""
    await admin.execute(
        "DELETE FROM directory WHERE id = $1 OR id IN (SELECT id FROM users WHERE organization_id = $1)", organization
    )
    await admin.execute(
        "INSERT INTO directory (digest, id) SELECT directory_digest('email', lower(email)), id FROM users "
        "WHERE organization_id = $1 AND email IS NOT NULL "
        "UNION ALL SELECT directory_digest('slug', slug), id FROM organizations WHERE id = $1 AND slug IS NOT NULL",
        organization,
    )


async def _mark(admin: Any, table: Table, organization: UUID, prefix: str) -> None:
    keys = {column for key in table.foreign for column in key.columns} | {table.tenant_column}
    for column in table.columns:
        kind = column.type.partition("(")[0]
        if column.generated or column.name in keys or (kind not in _FILL and kind != "bytea"):
            continue
        forms = [_SHAPED[column.name]] if column.name in _SHAPED else []
        for form in forms + list(_BYTES if kind == "bytea" else (_FILL[kind],)):
            value = form.format(word=_WORD.format(prefix=prefix))
            try:
                async with admin.transaction():
                    await admin.execute("SET LOCAL session_replication_role = replica")
                    await admin.execute(
                        f"UPDATE {table.name} SET {column.name} = {value} WHERE {table.tenant_column} = $1",
                        organization,
                    )
            except asyncpg.PostgresError:  # a CHECK allows some words only, or the column is too narrow
                continue
            break
