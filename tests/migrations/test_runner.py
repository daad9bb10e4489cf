"""Migrations on real databases: up, down, up again, twice at once, over rows, and what they refuse."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from alembic.script import ScriptDirectory

from mnemon import AsyncMemory, Invalid, Unavailable
from mnemon.db import embedded
from mnemon.db.session import Database
from mnemon.db.startup import inspect_database
from mnemon.migrations import runner, steps
from tests.conftest import ADMIN, APP, Server, place
from tests.factories import Rows, Table, context_of, settings_of, tables, upgrade

#: Everything of ours in a database, by kind; what an extension brought is not ours.
OURS = """
WITH extension AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
SELECT 'relation ' || c.relname AS name FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND ('pg_class'::regclass, c.oid) NOT IN (SELECT * FROM extension)
UNION ALL SELECT 'type ' || t.typname FROM pg_type t
WHERE t.typnamespace = 'public'::regnamespace AND ('pg_type'::regclass, t.oid) NOT IN (SELECT * FROM extension)
  AND t.typelem = 0
UNION ALL SELECT 'function ' || p.proname FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND ('pg_proc'::regclass, p.oid) NOT IN (SELECT * FROM extension)
UNION ALL SELECT 'operator ' || o.oprname FROM pg_operator o
WHERE o.oprnamespace = 'public'::regnamespace AND ('pg_operator'::regclass, o.oid) NOT IN (SELECT * FROM extension)
UNION ALL SELECT 'operator family ' || f.opfname FROM pg_opfamily f
WHERE f.opfnamespace = 'public'::regnamespace AND ('pg_opfamily'::regclass, f.oid) NOT IN (SELECT * FROM extension)
UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger
UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public$)'
ORDER BY 1
"""


#: The revision at which the test of later migrations fills every table.
FILLED_AT = "0007"
#: Tables that came after it: their rows go on the way down.
NEWER = {"assets", "idempotency_keys", "recovery_codes"}


async def ours(server: Server, name: str) -> list[str]:
    connection = await server.connect(database=name)
    try:
        return [row["name"] for row in await connection.fetch(OURS)]
    finally:
        await connection.close()


async def run(server: Server, name: str, *statements: str) -> Any:
    connection = await server.connect(database=name)
    try:
        for statement in statements:
            found = await connection.fetchval(statement)
        return found
    finally:
        await connection.close()


async def test_up_from_nothing_equals_the_models(server: Server, make_database: Any) -> None:
    name = await make_database(empty=True)
    url = server.url(database=name)
    before = await runner.check(url)
    assert (before.revision, before.ok) == (None, False)
    assert not await runner.is_current(url)
    # Three at once do it once: two wait, as long as a busy machine takes, and find nothing left to do.
    assert await asyncio.gather(*(upgrade(url, lock_timeout=120) for _ in range(3))) == [runner.head()] * 3
    found = await runner.check(url)
    assert found.differences == ()
    assert found.stale_objects == ()
    assert found.ok
    assert await runner.is_current(url)


async def test_down_leaves_nothing_and_up_again_brings_everything(server: Server, make_database: Any) -> None:
    name = await make_database()
    url = server.url(database=name)
    there = await ours(server, name)
    assert await runner.downgrade(url) == "base"
    assert await ours(server, name) == []
    assert not await runner.is_current(url)
    assert await runner.downgrade(url) == "base", "a second time does nothing"
    assert await upgrade(url) == runner.head()
    assert await ours(server, name) == there
    assert (await runner.check(url)).ok
    async with AsyncMemory(database_url=server.url(APP, name)) as memory:
        await memory.remember("still here", user="ada")
        assert len(await memory.recall("here", user="ada")) == 1


async def test_each_step_down_and_up_again(server: Server, make_database: Any) -> None:
    """Every migration can be taken back alone, with rows in the tables of those before it."""
    name = await make_database()
    url = server.url(database=name)
    async with AsyncMemory(database_url=server.url(APP, name)) as memory:
        await memory.remember([{"content": "kept"}, {"content": "said", "conversation": "c", "user": "ada"}])
    revisions = [script.revision for script in ScriptDirectory.from_config(steps.config()).walk_revisions()]
    for revision in revisions[1:]:
        assert await runner.downgrade(url, revision=revision) == revision
    for revision in reversed(revisions[:-1]):
        assert await upgrade(url, revision=revision) == revision
    assert (await runner.check(url)).ok
    assert await run(server, name, "SELECT count(*) FROM messages") == 1


async def test_rows_survive(server: Server, make_database: Any) -> None:
    name = await make_database()
    url = server.url(database=name)
    async with AsyncMemory(database_url=server.url(APP, name)) as memory:
        done = await memory.remember([{"content": "kept"}, {"content": "said", "conversation": "c", "user": "ada"}])
        await memory.update(done.ids[0], "kept, corrected")
        before = (await memory.list(include_past=True)).items
        await run(server, name, "UPDATE schema_objects SET digest = 'old'")
        await upgrade(url)
        assert (await memory.list(include_past=True)).items == before
        assert len((await memory.history(done.ids[0])).versions) == 2
    assert (await runner.check(url)).ok


async def test_rows_in_every_table_survive_each_later_migration(server: Server, make_database: Any) -> None:
    """Where the schema was when rows first came into it, step by step to head: a new revision is met by all of them."""
    name = await make_database()
    url = server.url(database=name)
    admin = await server.connect(database=name)
    try:
        known = await tables(admin)
        async with AsyncMemory(database_url=server.url(APP, name)) as memory:
            rows = Rows(admin, known, context_of(memory).principal.organization_id)
            for table in known:
                if table.secured:
                    await rows.row(table.name)
        before = await contents(admin, known)
        assert all(before[table.name] for table in known if table.secured)
        later = [script.revision for script in ScriptDirectory.from_config(steps.config()).walk_revisions()]
        later = later[: later.index(FILLED_AT)]
        assert later, "there is none yet"
        await runner.downgrade(url, revision=FILLED_AT)
        for revision in reversed(later):
            await upgrade(url, revision=revision)
        assert (await runner.check(url)).ok
        after = await contents(admin, known)
        assert {name: rows for name, rows in after.items() if name not in NEWER} == {
            name: rows for name, rows in before.items() if name not in NEWER
        }
    finally:
        await admin.close()


async def contents(connection: Any, known: list[Table]) -> dict[str, list[str]]:
    """Every row of these tables, as text; what only copies and signatures of it need is gone with its columns."""
    left_out = {"permissions": ["id", "created_at"], "recall_statistics": ["language_step"]}  # from before languages
    return {
        table.name: [
            row[0]
            for row in await connection.fetch(
                f"SELECT (to_jsonb(t) - $1::text[])::text FROM {table.name} t ORDER BY 1",
                ["mac", "mac_key", "changed", "erased", *left_out.get(table.name, [])],
            )
        ]
        for table in known
        if table.name
        not in {
            "alembic_version",
            "schema_objects",
            "installation_keys",
            "search_salts",
            "directory",
            "embedding_space",
        }
    }


async def test_an_object_whose_text_changed_is_found_and_applied(server: Server, make_database: Any) -> None:
    name = await make_database()
    url = server.url(database=name)
    await run(
        server,
        name,
        "CREATE OR REPLACE FUNCTION current_actor() RETURNS text LANGUAGE sql STABLE AS 'SELECT ''nobody''::text'",
        "UPDATE schema_objects SET digest = 'old' WHERE name = 'db/10_tenant.sql'",
    )
    found = await runner.check(url)
    assert found.stale_objects == ("db/10_tenant.sql",)
    assert not found.ok
    assert not await runner.is_current(url)
    await upgrade(url)
    assert (await runner.check(url)).ok
    assert await run(server, name, "SELECT current_actor()") == "system"


async def test_a_difference_from_the_models_is_found(server: Server, make_database: Any) -> None:
    name = await make_database()
    await run(server, name, "ALTER TABLE teams ADD COLUMN surprise int")
    found = await runner.check(server.url(database=name))
    assert len(found.differences) == 1
    assert "surprise" in found.differences[0]
    assert not found.ok


async def test_a_revision_from_the_future_is_a_clear_error(server: Server, make_database: Any) -> None:
    name = await make_database()
    url = server.url(database=name)
    await run(server, name, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable) as caught:
        await upgrade(url)
    assert caught.value.code == "unavailable.newer_schema"
    assert "9999" in caught.value.message
    assert not await runner.is_current(url)
    found = await runner.check(url)
    assert (found.revision, found.ok) == ("9999", False)


async def test_what_upgrade_is_asked_must_exist(server: Server, make_database: Any) -> None:
    name = await make_database()
    with pytest.raises(Invalid) as caught:
        await upgrade(server.url(database=name), vector_index="flat")
    assert caught.value.data["field"] == "vector_index"
    with pytest.raises(Invalid):
        await upgrade(server.url(database=name), revision="nothing")


async def test_a_lock_that_is_not_to_be_had_is_said(server: Server, make_database: Any) -> None:
    name = await make_database()
    blocker = await server.connect(database=name)
    lock = blocker.transaction()
    await lock.start()
    await blocker.execute("LOCK TABLE memories IN ACCESS EXCLUSIVE MODE")
    await run(server, name, "UPDATE schema_objects SET digest = 'old' WHERE name = 'memory/10_log.sql'")
    with pytest.raises(Unavailable) as caught:
        await upgrade(server.url(database=name), lock_timeout=0.2)
    assert caught.value.code == "unavailable.lock"
    await lock.rollback()
    await blocker.close()
    await upgrade(server.url(database=name), lock_timeout=5)
    assert (await runner.check(server.url(database=name))).ok


async def test_width_and_kind_of_the_vector_index(server: Server, make_database: Any) -> None:
    name = await make_database(empty=True)
    url = server.url(database=name)
    await upgrade(url, dimensions=64, vector_index="ivfflat")
    assert (await runner.check(url)).ok, "the width follows the embedder, not the models"
    definition = await run(server, name, "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_memories_embedding'")
    assert "ivfflat" in definition
    database = Database(server.url(APP, name), settings_of(server.url(APP, name)))
    try:
        assert (await inspect_database(database)).dimensions == 64
    finally:
        await database.close()


async def test_the_other_kind_of_vector_index_serves_and_can_be_changed(server: Server, make_database: Any) -> None:
    name = await make_database(empty=True)
    url = server.url(database=name)
    kinds = "SELECT string_agg(DISTINCT a.amname, ',') FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
    kinds += "WHERE c.relname IN ('ix_memories_embedding', 'ix_messages_embedding')"
    await upgrade(url, vector_index="ivfflat")
    settings = settings_of(server.url(APP, name), exact_search_limit=100, recall_copy_rows=0)
    words = ("harbour", "market", "garden", "library", "workshop")
    async with AsyncMemory(settings) as memory:
        await memory.remember([f"Number {n} waits in the {words[n % 5]}" for n in range(500)])
        exact = [await memory.search(f"Who waits in the {word}?", k=20) for word in words]
        for kind in ("ivfflat", "hnsw"):
            await upgrade(url, vector_index=kind)
            assert await run(server, name, kinds) == kind
            await memory.maintain()
            assert await run(server, name, "SELECT count(*) FROM memories WHERE is_indexed") == 500
            for word, before in zip(words, exact, strict=True):
                found = await memory.search(f"Who waits in the {word}?", k=20)
                assert len(found.hits) == len(before.hits) == 20
                assert all(hit.content.endswith(word) for hit in found.hits)
    await upgrade(url)
    assert await run(server, name, kinds) == "hnsw", "what is not asked for is not changed"
    assert (await runner.check(url)).ok


@pytest_asyncio.fixture
async def plain(server: Server, admin: Any) -> AsyncIterator[tuple[str, str]]:
    """A login that owns a database and is no superuser: (role, database)."""
    await admin.execute("CREATE ROLE plain_owner LOGIN")
    await admin.execute("CREATE DATABASE plain TEMPLATE template0 OWNER plain_owner")
    yield "plain_owner", "plain"
    await admin.execute("DROP DATABASE plain WITH (FORCE)")
    await admin.execute("DROP ROLE plain_owner")


async def test_an_owner_that_is_no_superuser(server: Server, plain: tuple[str, str]) -> None:
    owner, name = plain
    url = server.url(owner, name)
    await run(server, name, "CREATE EXTENSION IF NOT EXISTS vector")
    assert await upgrade(url) == runner.head()
    assert (await runner.check(url)).ok
    owners = await run(
        server,
        name,
        "SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname = 'public'",
    )
    assert owners == owner
    async with AsyncMemory(database_url=server.url(APP, name)) as memory:
        assert memory._app is not None
        assert memory._app.database.match_operator == "@@", "only a superuser can make one that is leakproof"
        await memory.remember(["the harbour is open", "the market is closed"], user="ada")
        assert (await memory.recall("harbour", user="ada"))[0].content == "the harbour is open"
        other = await memory.organization("other")
        assert not len(await other.recall("harbour", user="ada"))
    assert await runner.downgrade(url) == "base"
    assert await ours(server, name) == []


async def test_without_the_right_to_make_the_extension(server: Server, admin: Any, make_database: Any) -> None:
    name = await make_database(empty=True)
    await admin.execute("CREATE ROLE plain_nobody LOGIN")
    try:
        with pytest.raises(Unavailable) as caught:
            await upgrade(server.url("plain_nobody", name))
        assert caught.value.code == "unavailable.pgvector"
        assert "CREATE EXTENSION vector" in str(caught.value)
    finally:
        await admin.execute("DROP ROLE plain_nobody")


@pytest.fixture
def sixteen() -> Iterator[Server]:
    path = place()
    lease = embedded.acquire(path / "data", version=16, linger_seconds=0)
    yield Server(lease.endpoint)
    lease.close()
    embedded.stop(path / "data")
    shutil.rmtree(path)


async def test_postgresql_16(sixteen: Server) -> None:
    server = sixteen
    connection = await server.connect(database="postgres")
    await connection.execute("CREATE ROLE plain_owner LOGIN")
    await connection.execute("CREATE DATABASE plain OWNER plain_owner")
    await connection.execute("CREATE DATABASE mnemon")
    await connection.close()
    await run(server, "plain", "CREATE EXTENSION IF NOT EXISTS vector")
    with pytest.raises(Unavailable) as caught:  # the roles are a server's, and this one has none yet
        await upgrade(server.url("plain_owner", "plain"))
    assert caught.value.code == "unavailable.role"
    assert "CREATE ROLE mnemon_app NOLOGIN; CREATE ROLE mnemon_worker NOLOGIN IN ROLE mnemon_app" in str(caught.value)
    for made, hint in (
        ("CREATE ROLE mnemon_app NOLOGIN", "CREATE ROLE mnemon_worker NOLOGIN IN ROLE mnemon_app"),
        ("CREATE ROLE mnemon_worker NOLOGIN", "GRANT mnemon_app TO mnemon_worker"),
    ):
        await run(server, "plain", made)
        with pytest.raises(Unavailable) as caught:
            await runner.upgrade(server.url("plain_owner", "plain"))
        assert (caught.value.code, hint in str(caught.value)) == ("unavailable.role", True)
    await run(server, "plain", "GRANT mnemon_app TO mnemon_worker")
    assert await runner.upgrade(server.url("plain_owner", "plain")) == runner.head()
    url = server.url(ADMIN)
    await upgrade(url)
    await runner.let_log_in(url)
    assert (await runner.check(url)).ok
    async with AsyncMemory(database_url=server.url(APP)) as memory:
        assert memory._app is not None
        assert 160000 <= memory._app.facts.server_version < 170000
        done = await memory.remember(["the harbour is open", {"content": "said", "conversation": "c"}], user="ada")
        await memory.update(done.ids[0], "the harbour is closed")
        assert (await memory.recall("harbour", user="ada"))[0].content == "the harbour is closed"
        assert len((await memory.history(done.ids[0])).versions) == 2
        assert len((await memory.list(include_past=True)).items) == 3
        assert (await memory.forget(user="ada")).count == 3
    await runner.downgrade(url)
    assert await ours(server, "mnemon") == []
