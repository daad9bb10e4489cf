"""Every foreign key does what it says when its parent is deleted (000: cascades work): read off the catalogue."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import ForeignKeyConstraint

from mnemon.catalog import metadata
from mnemon.context import Context
from tests.factories import BY_TRIGGER, ForeignKey, Rows, Table, enter, insert, new_slug, tables

_RULES = """
SELECT c.conrelid::regclass::text AS table, c.conname AS name, c.confdeltype::text AS rule,
  ARRAY(SELECT a.attname::text FROM unnest(c.confdelsetcols) k(n)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n) AS emptied
FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
WHERE r.relnamespace = 'public'::regnamespace AND NOT r.relispartition AND c.contype = 'f' AND c.conparentid = 0
"""
#: Of references of which a row has one: what a row does without that has the other.
INSTEAD = {
    ("api_keys", "agent_id"): "user_id",
    ("participant_names", "agent_id"): "user_id",
    ("message_memory_usage", "used_message_id"): "memory_id",
}
_WORDS = {"a": None, "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


async def rules(admin: Any) -> dict[tuple[str, str], str | None]:
    """What the database does with each foreign key, in the words of the models."""
    found = {}
    for row in await admin.fetch(_RULES):
        word = _WORDS[row["rule"]]
        found[row["table"], row["name"]] = f"{word} ({', '.join(row['emptied'])})" if row["emptied"] else word
    return found


def declared() -> dict[tuple[str, str], str | None]:
    """What the models say."""
    return {
        (table.name, str(key.name)): key.ondelete
        for table in metadata.tables.values()
        for key in table.constraints
        if isinstance(key, ForeignKeyConstraint)
    }


async def family(rows: Rows, table: Table, key: ForeignKey) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row that refers by this key, and by no other where it can do without, to a parent of its own; both."""
    values = await rows.values(table.name)
    if (left_out := INSTEAD.get((table.name, key.columns[-1]))) is not None:
        del values[left_out]
    parent = await (rows.row if key.table == "organizations" else rows.another)(key.table)
    generated = {column.name for column in table.columns if column.generated}  # from the tenant's own column
    values |= {
        here: f"'{parent[there]}'::uuid"
        for here, there in zip(key.columns, key.target, strict=True)
        if here not in generated
    }
    if "whole_id" in key.columns:  # what refers to a whole is a part of it
        values |= {"part": "2", "parts": "2"}
    return parent, dict(await rows.admin.fetchrow(insert(table.name, values)))


async def left_of(admin: Any, table: Table, child: dict[str, Any]) -> dict[str, Any] | None:
    """The child as it is now, None if it is gone."""
    names = table.key
    where = " AND ".join(f"{name} = ${place}" for place, name in enumerate(names, 1))
    found = await admin.fetchrow(f"SELECT * FROM {table.name} WHERE {where}", *[child[name] for name in names])
    return None if found is None else dict(found)


async def fate(admin: Any, known: list[Table], organization: UUID, table: Table, key: ForeignKey) -> str | None:
    """What becomes of a row when the owner of the tables deletes what it refers to; the database is as before then."""
    transaction = admin.transaction()
    await transaction.start()
    try:
        parent, child = await family(Rows(admin, known, organization), table, key)
        assert await left_of(admin, table, child) == child
        await admin.execute("SET LOCAL ROLE mnemon_owner")
        await enter(admin, organization)
        where = " AND ".join(f"{name} = '{parent[name]}'" for name in key.target)
        try:
            done = await admin.execute(f"DELETE FROM {key.table} WHERE {where}")
        except asyncpg.ForeignKeyViolationError:
            return None
        assert done == "DELETE 1", (table.name, key.name)
        await admin.execute("RESET ROLE")
        left = await left_of(admin, table, child)
    finally:
        await transaction.rollback()
    if left is None:
        return "CASCADE"
    emptied = [name for name in child if left[name] is None and child[name] is not None]
    changed = {name for name in child if left[name] != child[name]} - {"updated_at", "version", "changed"}
    assert set(emptied) == changed, (table.name, key.name, changed)
    return f"SET NULL ({', '.join(emptied)})"


async def test_the_database_has_the_rules_of_the_models(admin: Any) -> None:
    assert await rules(admin) == declared()


async def test_every_foreign_key_does_what_it_says(admin: Any, ctx: Context) -> None:
    wanted = await rules(admin) | {(table, key.name): "CASCADE" for table, key in BY_TRIGGER.items()}
    known = await tables(admin)
    seen: dict[tuple[str, str], str | None] = {}
    for table in known:
        for key in table.foreign:
            seen[table.name, key.name] = await fate(admin, known, ctx.principal.organization_id, table, key)
    assert seen == wanted
    counted = Counter((rule or "refused").split(" (")[0] for rule in seen.values())
    assert counted["CASCADE"] >= 80, counted
    assert counted["SET NULL"] >= 30, counted


async def test_what_is_kept_of_an_organisation_is_the_trail_alone(admin: Any) -> None:
    """The longest cascade there is, with a row of every table under it."""
    organization = uuid4()
    await admin.execute(
        "INSERT INTO organizations (id, name, slug) VALUES ($1, 'short-lived', $2)", organization, new_slug()
    )
    known = [table for table in await tables(admin) if table.tenant_column == "organization_id"]
    rows = Rows(admin, await tables(admin), organization)
    for table in known:
        await rows.row(table.name)
    async with admin.transaction():
        await admin.execute("SET LOCAL ROLE mnemon_owner")
        await enter(admin, organization)
        assert await admin.execute("DELETE FROM organizations WHERE id = $1", organization) == "DELETE 1"
    left = {
        table.name
        for table in known
        if await admin.fetchval(f"SELECT EXISTS (SELECT FROM {table.name} WHERE organization_id = $1)", organization)
    }
    assert left == {"audit_logs", "audit_blocks"}
