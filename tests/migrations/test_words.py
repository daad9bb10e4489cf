"""An installation from before salts keeps its rows and finds them, and a superuser may come later than the owner."""

from __future__ import annotations

from typing import Any

from mnemon import AsyncMemory
from mnemon.migrations import runner
from tests.conftest import APP, Server
from tests.factories import context_of, upgrade

TABLES = ("gmail_messages", "knowledge_items", "memories", "messages")
INDEXES = """
SELECT regexp_replace(string_agg(pg_get_indexdef(c.oid), ';' ORDER BY c.relname), ' ON (ONLY )?public\\.', ' ON ', 'g')
FROM pg_class c WHERE c.relname ~ '^ix_.*_search$' AND c.relkind IN ('i', 'I')
"""
TRUSTED = "SELECT proleakproof FROM pg_proc WHERE proname = 'search_words'"


async def definitions(admin: Any) -> set[str]:
    """What the four indexes are made over."""
    return {one.split(" gin ")[1] for one in (await admin.fetchval(INDEXES)).split(";")}


async def found(server: Server, name: str, words: str) -> list[str]:
    """What an organisation called `old-one` recalls, and that it is asked for by the index where that is trusted."""
    async with AsyncMemory(database_url=server.url(APP, name), organization="old-one") as memory:
        return [one.content for one in await memory.recall(words)]


async def test_rows_from_before_are_found_and_stay(server: Server, make_database: Any) -> None:
    name = await make_database(empty=True)
    url = server.url(database=name)
    await upgrade(url, revision="0014")
    admin = await server.connect(database=name)
    own = await admin.fetchval("INSERT INTO organizations (name, slug) VALUES ('n', 'old-one') RETURNING id")
    await admin.execute("INSERT INTO organizations (name, slug, deleted_at) VALUES ('n', 'gone-one', now())")
    await admin.execute("INSERT INTO memories (organization_id, content) VALUES ($1, 'the harbour is open')", own)
    before = await definitions(admin)
    assert before == {"(search_vector recall_tsvector_ops)"}
    await upgrade(url)
    assert await admin.fetchval("SELECT count(*) FROM search_salts") == 2
    assert await definitions(admin) == {"(search_words(organization_id, search_vector) recall_words_ops)"}
    assert await admin.fetchval(TRUSTED)
    assert await found(server, name, "harbour") == ["the harbour is open"]
    assert (await runner.check(url)).ok
    await runner.downgrade(url, revision="0014")
    assert await definitions(admin) == before
    assert await admin.fetchval("SELECT to_regclass('search_salts') IS NULL")
    assert await admin.fetchval("SELECT count(*) FROM pg_proc WHERE proname ~ '^(search_|salt_)'") == 0
    await upgrade(url)
    assert await found(server, name, "harbour") == ["the harbour is open"]
    await admin.close()


async def test_a_superuser_that_comes_later_makes_the_indexes_ones_that_are_used(
    server: Server, make_database: Any
) -> None:
    name = await make_database(empty=True)
    admin = await server.connect(database=name)
    await admin.execute(f"ALTER DATABASE {name} OWNER TO mnemon_owner")
    await admin.execute("CREATE EXTENSION vector")
    await upgrade(server.url("mnemon_owner", name))
    assert await definitions(admin) == {"(search_words(organization_id, search_vector))"}
    assert not await admin.fetchval(TRUSTED)
    async with AsyncMemory(database_url=server.url(APP, name), organization="old-one") as memory:
        assert context_of(memory).database.match_operator == "@@"
        await memory.remember("the harbour is open")
        assert len(await memory.recall("harbour"))
    await upgrade(server.url(database=name))
    assert await definitions(admin) == {"(search_words(organization_id, search_vector) recall_words_ops)"}
    assert await admin.fetchval(TRUSTED)
    async with AsyncMemory(database_url=server.url(APP, name), organization="old-one") as memory:
        assert context_of(memory).database.match_operator == "@~@"
        assert len(await memory.recall("harbour"))
    await admin.close()
