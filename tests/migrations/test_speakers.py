"""Users that an import made of speakers' names: they stay with what they said, and nobody is them any more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mnemon import AsyncMemory
from mnemon.migrations import runner
from tests.conftest import APP, Server
from tests.factories import context_of, upgrade


async def test_mere_speakers_are_names_afterwards(server: Server, make_database: Any) -> None:
    name = await make_database()
    async with AsyncMemory(database_url=server.url(APP, name)) as memory:
        for user in ("Ada", "Rosa", "Bo", "Cem"):
            await memory.remember(f"{user} says hello", user="Ada", sender=user, conversation="us")
        await memory.remember("a note of Bo's", user="Bo")
        await memory.remember("Cem alone", user="Cem", conversation="mine")
        organization = context_of(memory).principal.organization_id
    admin = await server.connect(database=name)
    try:
        await runner.downgrade(server.url(database=name), revision="0021")
        before = {row["external_id"]: row["id"] for row in await people(admin, organization)}
        assert set(before) == {"Ada", "Rosa", "Bo", "Cem"}
        await upgrade(server.url(database=name))
        after = {row["id"]: (row["external_id"], row["display_name"]) for row in await people(admin, organization)}
        assert after == {
            **{before[user]: (user, user) for user in ("Ada", "Bo", "Cem")},
            before["Rosa"]: (f"speaker:{before['Rosa']}", "Rosa"),
        }
        async with AsyncMemory(database_url=server.url(APP, name)) as memory:
            assert not (await memory.list(user="Rosa")).items
            await memory.remember("I am another Rosa", user="Rosa")
            assert [item.content for item in (await memory.list(user="Rosa")).items] == ["I am another Rosa"]
            said = (await memory.list(said_by="Rosa", user="Ada")).items
            assert [(item.content, item.speaker) for item in said] == [("Rosa says hello", "Rosa")]
            assert [item.content for item in (await memory.list(said_by="Bo")).items] == ["Bo says hello"]
            await memory.remember("Somebody else's word", user="Ada", speaker="Eve", conversation="us")
            found = await memory.search("What did Rosa say?", user="Ada")
            assert found[0].content == "Rosa says hello"
        await admin.execute("DELETE FROM users WHERE organization_id = $1 AND external_id = 'Rosa'", organization)
        await runner.downgrade(server.url(database=name), revision="0021")
        assert {row["external_id"]: row["id"] for row in await people(admin, organization)} == before
        forced = "SELECT relforcerowsecurity FROM pg_class WHERE oid = ANY('{users,messages,memories}'::regclass[])"
        assert [row[0] for row in await admin.fetch(forced)] == [True] * 3
    finally:
        await admin.close()


async def people(admin: Any, organization: UUID) -> Any:
    """Every user of the organisation."""
    return await admin.fetch("SELECT id, external_id, display_name FROM users WHERE organization_id = $1", organization)
