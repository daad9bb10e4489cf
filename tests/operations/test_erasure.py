"""Erasure: nothing of what was erased is left in any column of any table, and nobody else loses anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from mnemon import AsyncMemory
from mnemon.catalog import metadata
from mnemon.context import Context
from mnemon.core.errors import Forbidden, NotFound
from mnemon.operations import service
from mnemon.operations.schemas import Erase, ErasureKind
from tests.factories import Column, Rows, Table, context_of, insert, new_slug, tables

_TEXTS = ("text", "character varying", "jsonb", "tsvector")
#: Not planted: what a measurement is called, which its sums keep.
_FIXED = {"metric_type"}


def textual(column: Column) -> bool:
    kind = column.type.removesuffix("[]").partition("(")[0]
    return kind in _TEXTS


async def places_of(admin: Any, secret: str) -> list[str]:
    """Every table and column, as a superuser sees them, that has the secret."""
    found = []
    for table in await tables(admin):
        for column in table.columns:
            if not textual(column):
                continue
            query = f'SELECT count(*) FROM {table.name} WHERE "{column.name}"::text ILIKE $1'
            if count := await admin.fetchval(query, f"%{secret}%"):
                found.append(f"{table.name}.{column.name}: {count}")
    return found


async def make_user(ctx: Context, name: str, **more: Any) -> UUID:
    columns = {"organization_id": ctx.principal.organization_id, "external_id": name, **more}
    async with ctx.database.transaction(ctx.principal) as connection:
        if email := more.get("email"):
            proof = ctx.database.prove(f"address:{ctx.principal.organization_id}:{email}")
            await connection.fetchval("SELECT take_address($1, $2)", email, proof)
        found: UUID = await connection.fetchval(
            f"INSERT INTO users ({', '.join(columns)}) "
            f"VALUES ({', '.join(f'${n}' for n in range(1, len(columns) + 1))}) RETURNING id",
            *columns.values(),
        )
    return found


async def snapshot(admin: Any, organization: UUID) -> dict[str, list[str]]:
    """Every row of an organisation."""
    rows: dict[str, list[str]] = {}
    for table in await tables(admin):
        if table.tenant_column is None:
            continue
        query = f"SELECT to_jsonb(t)::text FROM {table.name} t WHERE {table.tenant_column} = $1 ORDER BY 1"
        rows[table.name] = [row[0] for row in await admin.fetch(query, organization)]
    return rows


async def naming(admin: Any, organization: UUID, user: UUID) -> dict[str, list[str]]:
    """Every row of an organisation that names a person, but for what is shared: conversations, the trail."""
    everything = await snapshot(admin, organization)
    for shared in ("conversations", "conversation_sessions", "audit_logs"):
        everything.pop(shared)
    found = {name: [row for row in rows if str(user) in row] for name, rows in everything.items()}
    return {name: rows for name, rows in found.items() if rows}


async def rules(admin: Any) -> dict[tuple[str, str | None], str]:
    return {(r["table_name"], r["column_name"]): r["rule"] for r in await admin.fetch("SELECT * FROM erasure_rules()")}


def reached(known: dict[str, Table], deletes: set[tuple[str, str]]) -> set[str]:
    """Tables whose rows go by cascade with a person or with what is removed by name."""
    found = {"users", "conversations", "messages", "memories", "memory_facts", "agents", "memory_log", "entities"}
    while True:
        more = {t.name for t in known.values() for k in t.foreign if k.table in found and (t.name, k.name) in deletes}
        if more <= found:
            return found
        found |= more


_CASCADES = "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f' AND confdeltype = 'c'"


async def test_every_table_is_classified(admin: Any) -> None:
    """A new table, or a new reference to a person, has to say what erasure does with it."""
    known = {table.name: table for table in await tables(admin)}
    cascades = {(row[0], row[1]) for row in await admin.fetch(_CASCADES)}
    said = await rules(admin)
    told = {table for table, _ in said} | reached(known, cascades)
    missing = sorted(set(metadata.tables) - told)
    assert not missing, f"say in erasure_rules() (60_erasure.sql) what erasure does with {missing}"
    references = [
        (table.name, key.columns[-1])
        for table in known.values()
        for key in table.foreign
        if key.table in {"users", "conversations"}
        and (table.name, key.name) not in cascades
        and (table.name, key.columns[-1]) not in said
    ]
    assert not references, f"say in erasure_rules() what becomes of {references}"
    loose = [
        (table.name, column.name)
        for table in known.values()
        for column in table.columns
        if column.name == "user_id"
        and (table.name, column.name) not in said
        and not any(k.columns[-1] == "user_id" and (table.name, k.name) in cascades for k in table.foreign)
    ]
    assert not loose, f"no foreign key and no rule: {loose}"
    stale = [(t, c) for t, c in said if t not in known or (c and c not in {x.name for x in known[t].columns})]
    assert not stale


async def test_every_document_is_looked_into(admin: Any) -> None:
    """An id in a document is cut out wherever it stands; what goes with its row instead has a rule that says so."""
    known = {table.name: table for table in await tables(admin)}
    looked_into = {(row[0], row[1]) for row in await admin.fetch("SELECT * FROM erasure_documents()")}
    documents = {
        (table.name, column.name)
        for table in known.values()
        for column in table.columns
        if column.type == "jsonb" and table.tenant_column is not None and table.name != "audit_logs"
    }
    assert looked_into == documents
    ruled = {key for key, rule in (await rules(admin)).items() if rule in {"about", "whole"}}
    assert ruled <= looked_into
    # What has no id cannot be found again to be cut.
    assert all("id" in {c.name for c in known[table].columns} for table, _ in looked_into)


def _width(column: Column) -> int:
    return int(column.type.partition("(")[2].rstrip(")[]"))


def planted(table: Table, values: dict[str, str], secret: str, subject: UUID) -> dict[str, str]:
    """The same values with the secret in every text and document that takes it."""
    made = dict(values)
    for column in table.columns:
        if column.generated or column.label is not None or column.name in _FIXED:
            continue
        if column.type == "jsonb" and not (table.name == "workflows" and column.name == "steps"):
            made[column.name] = f"""'{{"who": "{subject}", "what": "{secret}"}}'::jsonb"""
        elif column.type == "text" or (column.type.startswith("character varying(") and _width(column) >= len(secret)):
            made[column.name] = f"'{secret}'"
        elif column.type in {"text[]", "character varying[]"}:
            made[column.name] = f"ARRAY['{secret}']"
    return made


async def plant(admin: Any, ctx: Context, user: UUID, secret: str) -> set[str]:
    """A row of each table that the person has, the secret in all that takes it; the tables that took it."""
    known = await tables(admin)
    rows = Rows(admin, known, ctx.principal.organization_id)
    rows.made["users"] = dict(await admin.fetchrow("SELECT * FROM users WHERE id = $1", user))
    took = set()
    owned = [t for t in known if any(c.name in {"user_id", "sender_id"} for c in t.columns) and t.name != "audit_logs"]
    for table in owned:
        base = await rows.values(table.name)
        own = {c.name: f"'{user}'::uuid" for c in table.columns if c.name in {"user_id", "sender_id"}}
        for wanted in (planted(table, base, secret, user), base):
            try:
                async with admin.transaction():
                    await admin.fetchrow(insert(table.name, wanted | own))
            except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, asyncpg.PostgresSyntaxError):
                # what a CHECK refuses whole is tried column by column
                for column in set(wanted) - set(base):
                    try:
                        async with admin.transaction():
                            await admin.fetchrow(insert(table.name, {**base, column: wanted[column]} | own))
                        took.add(table.name)
                    except asyncpg.PostgresError:
                        continue
            else:
                took.add(table.name)
                break
    return took


async def test_nothing_of_a_person_is_left(new_memory: Callable[[], Awaitable[AsyncMemory]], admin: Any) -> None:
    memory, other = await new_memory(), await new_memory()
    ctx = context_of(memory)
    organization = ctx.principal.organization_id
    secret = f"xq{uuid4().hex}"
    await other.remember("The ferry leaves at nine.", user="ben")
    kept = await memory.remember("Ben keeps bees.", user="ben", conversation="shared", role="user", sender="ben")
    alone = await memory.remember(f"I hide {secret}.", user="ada", conversation="alone", role="user", sender="ada")
    await memory.remember(f"I said {secret} to all.", conversation="shared", role="user", sender="ada")
    mine = await memory.remember(f"Ada's word is {secret}.", user="ada", metadata={"note": secret}, tags=[secret])
    await memory.update(mine.id, f"Ada's new word is {secret}.", reason=f"because {secret}")
    await memory.forget([alone.id], reason=f"said {secret}")
    await memory.maintain()
    user = await admin.fetchval("SELECT id FROM users WHERE organization_id = $1 AND external_id = 'ada'", organization)
    await admin.execute(
        "UPDATE users SET display_name = $2, full_name = $2, first_name = $2, last_name = $2, avatar_url = $2, "
        "metadata = $3, external_id = $2, email = $4 WHERE id = $1",
        user,
        secret,
        f'{{"x": "{secret}"}}',
        f"{secret.upper()}@example.org",
    )
    await admin.execute("UPDATE conversations SET summary = $2 WHERE organization_id = $1", organization, secret)
    took = await plant(admin, ctx, user, secret)
    assert len(took) > 25, took
    assert len(await places_of(admin, secret)) > 90
    await service.seal_audit(ctx)
    before = await snapshot(admin, other_id := context_of(other).principal.organization_id)
    ben = await admin.fetchval("SELECT id FROM users WHERE organization_id = $1 AND external_id = 'ben'", organization)
    of_ben = await naming(admin, organization, ben)
    assert len(of_ben) >= 3

    receipt = await memory.erase(user=f"{secret}@example.org")

    assert await places_of(admin, secret) == []
    assert receipt.remaining == 0
    assert receipt.counts["messages"] >= 2
    assert receipt.counts["memories"] >= 2
    assert receipt.counts["memory_log"] >= 2
    assert receipt.counts["users"] == 1
    assert receipt.blanked > 0
    assert (await memory.get(kept.id)).content == "Ben keeps bees."
    assert await snapshot(admin, other_id) == before
    assert await naming(admin, organization, ben) == of_ben
    talks = await admin.fetch(
        "SELECT external_id, message_count, summary FROM conversations WHERE organization_id = $1", organization
    )
    assert [tuple(row) for row in talks] == [("shared", 1, None)]
    # The chain goes on over what was blanked, and still tells a blanked row from a rewritten one.
    checked = await service.verify_audit(ctx)
    assert (checked.valid, checked.broken) == (True, 0)
    assert checked.sealed > 0
    event = await admin.fetchrow("SELECT * FROM audit_logs WHERE action = 'erasure' AND resource_id = $1", str(user))
    assert event["resource_type"] == "user"
    assert str(receipt.id) in event["metadata"]
    async with ctx.database.transaction(ctx.principal) as connection:
        assert await connection.fetch(receipt.verification) == []


async def test_a_second_erasure_finds_nothing_and_says_so(ctx: Context) -> None:
    user = await make_user(ctx, "ada")
    request = Erase(kind=ErasureKind.USER, name="ada")
    assert (await service.erase(ctx, request)).counts["users"] == 1
    with pytest.raises(NotFound) as caught:
        await service.erase(ctx, request)
    assert caught.value.code == "not_found.user"
    again = await service.erase(ctx, Erase(kind=ErasureKind.USER, name=str(user)))
    assert (again.already_erased, again.counts, again.remaining, again.id) == (True, {}, 0, None)


async def test_a_conversation_goes_with_what_came_of_it(memory: AsyncMemory, admin: Any) -> None:
    ctx, secret = context_of(memory), f"xq{uuid4().hex}"
    said = await memory.remember(f"The code is {secret}.", conversation="talk", role="user", sender="ada")
    kept = await memory.remember("Ada likes tea.", user="ada")
    organization = ctx.principal.organization_id
    for evidence in ([said.id], [said.id, uuid4()]):
        await admin.execute(
            "INSERT INTO memories (organization_id, content, source_message_ids) VALUES ($1, $2, $3)",
            organization,
            f"Drawn from {secret}" if len(evidence) == 1 else "Drawn from two",
            evidence,
        )
    await admin.execute(
        "INSERT INTO memory_facts (organization_id, subject, predicate, object, source_message_id) "
        "VALUES ($1, 'code', 'is', $2, $3)",
        organization,
        secret,
        said.id,
    )
    entity = await admin.fetchval(
        "INSERT INTO entities (organization_id, entity_type, name) VALUES ($1, 'person', $2) RETURNING id",
        organization,
        secret,
    )
    await admin.execute(
        "INSERT INTO entity_mentions (organization_id, entity_id, source_type, source_id, context) "
        "VALUES ($1, $2, 'message', $3, $4)",
        organization,
        entity,
        said.id,
        secret,
    )
    receipt = await memory.erase(conversation="talk")
    assert await places_of(admin, secret) == []
    assert receipt.counts["conversations"] == 1
    assert receipt.counts["memory_facts"] == 1
    assert receipt.counts["entities"] == 1
    assert receipt.counts["memories"] == 1
    assert (await memory.get(kept.id)).content == "Ada likes tea."
    left = await admin.fetch("SELECT content FROM memories WHERE organization_id = $1", organization)
    assert {row["content"] for row in left} == {"Ada likes tea.", "Drawn from two"}


async def test_an_organisation_goes_whole_but_for_that_it_was(house: AsyncMemory, admin: Any) -> None:
    memory = await house.organization(slug := new_slug())
    secret = f"xq{uuid4().hex}"
    await memory.remember(f"Here is {secret}.", conversation="talk", role="user", sender=f"{secret}")
    organization = context_of(memory).principal.organization_id
    receipt = await memory.erase(organization=True)
    assert receipt.counts["organizations"] == 1
    assert receipt.counts["messages"] == 1
    assert receipt.remaining == 0
    assert await places_of(admin, secret) == []
    assert await places_of(admin, slug) == []
    assert {t for t, rows in (await snapshot(admin, organization)).items() if rows} <= {"audit_logs", "audit_blocks"}


async def test_others_find_nothing_and_may_nothing(ctx: Context, other: Context, limited: Context, admin: Any) -> None:
    user = await make_user(ctx, "ada")
    for name in ("ada", str(user)):
        with pytest.raises(NotFound):
            await service.erase(other, Erase(kind=ErasureKind.USER, name=name))
        with pytest.raises(Forbidden):
            await service.erase(limited, Erase(kind=ErasureKind.USER, name=name))
    admin_only = ctx.as_principal(replace(ctx.principal, permissions=frozenset({"users:delete"})))
    with pytest.raises(Forbidden):
        await service.erase(admin_only, Erase(kind=ErasureKind.ORGANIZATION, name=str(ctx.principal.organization_id)))
    # Nor by the function itself: it asks whose transaction it is.
    async with other.database.transaction(other.principal) as connection:
        assert await connection.fetchval("SELECT erase_subject('user', $1)", user) is None
        own = ctx.principal.organization_id
        assert await connection.fetchval("SELECT erase_subject('organization', $1)", own) is None
    async with ctx.database.untenanted() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("SELECT erase_subject('user', $1)", user)
    for helper in (
        "erase_rows('users', 'id', '{}')",
        "erase_words('{}', '{}', 0)",
        "erase_from_sessions('{}', '{}')",
        "erase_references('{}', '{}')",
        "erase_entities('{}', '{}')",
        "erase_documents('{}', '{}')",
        "erase_from_summaries('{}')",
        "erase_trail('user', NULL, NULL, '{}', '{}', '{}', '{}')",
        "erase_part('user', NULL, NULL, '{}')",
        "erase_now('user', NULL, false)",
        "erasure_totals()",
        "erasure_rights(NULL, '{}')",
        "write_receipt('user', NULL, '{}', '[]')",
    ):
        with pytest.raises(Forbidden):
            async with ctx.database.transaction(ctx.principal) as connection:
                await connection.fetch(f"SELECT {helper}")
    assert await admin.fetchval("SELECT count(*) FROM users WHERE id = $1", user) == 1


async def test_an_interrupted_erasure_has_changed_nothing(ctx: Context, admin: Any) -> None:
    user = await make_user(ctx, "ada")
    before = await snapshot(admin, ctx.principal.organization_id)

    async def fail() -> None:
        async with ctx.database.transaction(ctx.principal) as connection:
            assert await connection.fetchval("SELECT erase_subject('user', $1) IS NOT NULL", user)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await snapshot(admin, ctx.principal.organization_id) == before


async def test_the_trail_takes_a_blanking_and_no_other_change(ctx: Context, admin: Any) -> None:
    user = await make_user(ctx, "ada", full_name="Ada")
    await service.seal_audit(ctx)
    own = ctx.principal.organization_id
    blank = (
        "UPDATE audit_logs a SET old_value = '{}', new_value = '{}', metadata = jsonb_build_object('erased', "
        "jsonb_build_object('by', gen_random_uuid(), 'hash', encode(audit_digest(a), 'hex')))"
    )
    where = f" WHERE organization_id = '{own}'"
    for setting, statement in (
        ("", blank + where),  # outside an erasure
        (str(own), "UPDATE audit_logs SET new_value = '{}'" + where),  # without the hash
        (str(own), blank + ", action = 'users:read'" + where),
        (str(own), "DELETE FROM audit_logs" + where),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.execute(f"SET app.erasing = '{setting}'; {statement}")
    await admin.execute("RESET app.erasing")
    await service.erase(ctx, Erase(kind=ErasureKind.USER, name=str(user)))
    assert (await service.verify_audit(ctx)).valid
    # A blanked row that says something again is told from what was sealed.
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(
            "UPDATE audit_logs SET new_value = '{\"x\": 1}' WHERE organization_id = $1 AND metadata ? 'erased'", own
        )
    assert not (await service.verify_audit(ctx)).valid
