"""Rows from before rows had a language get theirs by maintenance, once, and are found by it; mail and knowledge too."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.integrations import service as integrations
from mnemon.integrations.schemas import Mail, SearchMail, SyncMail
from mnemon.knowledge import service as knowledge
from mnemon.knowledge.schemas import AddKnowledge, SearchKnowledge, UpdateKnowledge
from mnemon.memory import service
from mnemon.memory.service import languages
from mnemon.migrations import runner
from tests.conftest import APP, Server
from tests.factories import context_of, upgrade, with_settings
from tests.integrations.conftest import KEY, connect
from tests.workspace.helpers import acting, people

GERMAN = "Die alten Häuser am Hafen werden im Sommer verkauft"
ENGLISH = "The boats are in the harbour and they wait for the tide"
RUSSIAN = "Мы купили новую машину в прошлом году"


async def age(admin: Any, memory: AsyncMemory) -> UUID:
    """Make an organisation's rows ones from before languages."""
    organization = context_of(memory).principal.organization_id
    for table in ("messages", "memories", "gmail_messages", "knowledge_items"):
        await admin.execute(f"UPDATE {table} SET language = NULL WHERE organization_id = $1", organization)
    await admin.execute(
        "INSERT INTO recall_statistics (organization_id, language_step) VALUES ($1, 0) "
        "ON CONFLICT (organization_id) DO UPDATE SET language_step = 0, language_after = NULL, languages = '{}'",
        organization,
    )
    return organization


async def terms(admin: Any, organization: UUID) -> dict[str, int]:
    """How many rows have each word, as recall counts."""
    rows = await admin.fetch("SELECT lexeme, documents FROM recall_terms WHERE organization_id = $1", organization)
    return {row["lexeme"]: row["documents"] for row in rows}


async def brought(ctx: Context, user: UUID) -> Context:
    """Mail of a person's, in two languages."""
    eyes = acting(with_settings(ctx, secret_key=SecretStr(KEY)), user)
    made = await connect(eyes)
    items = (
        Mail(gmail_id="1", subject="Angebot", body_text=GERMAN),
        Mail(gmail_id="2", subject="Harbour", body_text=ENGLISH),
    )
    await integrations.sync_mail(eyes, SyncMail(integration_id=made.id, items=items))
    return eyes


async def test_mail_is_searched_in_its_languages(memory: AsyncMemory, admin: Any) -> None:
    ctx = context_of(memory)
    (ada,) = await people(ctx, "ada")
    eyes = await brought(ctx, ada)
    for asked, wanted in (("Haus", "1"), ("Häuser verkauft", "1"), ("boat", "2"), ("waiting", "2")):
        assert [hit.gmail_id for hit in await integrations.search_mail(eyes, SearchMail(query=asked))] == [wanted], (
            asked
        )
    await age(admin, memory)
    assert not await integrations.search_mail(eyes, SearchMail(query="Haus"))
    assert not (await memory.maintain()).unread
    assert len(await integrations.search_mail(eyes, SearchMail(query="Haus"))) == 1


async def test_knowledge_is_searched_in_its_languages(memory: AsyncMemory, admin: Any) -> None:
    ctx = context_of(memory)
    agent = (await memory.remember("hi", agent="guide", role="assistant")).id
    guide = await admin.fetchval("SELECT agent_id FROM messages WHERE id = $1", agent)

    async def found(asked: str) -> list[str]:
        page = await knowledge.search_knowledge(ctx, SearchKnowledge(query=asked))
        return [hit.item.content["description"] for hit in page.items]

    async def add(description: str, **more: Any) -> Any:
        content = {"title": "x", "description": description}
        return await knowledge.add_knowledge(
            ctx, AddKnowledge(domain="d", content=content, source_agent_id=guide, **more)
        )

    await add(GERMAN)
    english = await add(ENGLISH)
    await add("Fische", language="de")
    assert (await found("Haus"), await found("boat"), await found("Fisch")) == ([GERMAN], [ENGLISH], ["Fische"])
    await knowledge.update_knowledge(
        ctx, UpdateKnowledge(id=english.id, content={"title": "x", "description": RUSSIAN})
    )
    assert (await found("машины"), await found("boat")) == ([RUSSIAN], [])
    await age(admin, memory)
    assert not await found("Haus")
    await memory.maintain()
    assert await found("Haus") == [GERMAN]


async def test_old_messages_and_memories_get_their_language_once(
    memory: AsyncMemory, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(languages, "BATCH", 7)
    talk = [{"content": GERMAN, "conversation": "hafen"}, {"content": "Zwiebeln!", "conversation": "hafen"}]
    kept = await memory.remember([GERMAN, RUSSIAN, ENGLISH, "ok 👍"], user="ada")
    said = await memory.remember([*talk, *({"content": f"{ENGLISH} {n}", "conversation": "b"} for n in range(20))])
    organization = await age(admin, memory)
    before = await admin.fetch("SELECT id, version, updated_at FROM memories WHERE organization_id = $1", organization)
    written = "SELECT count(*) FROM audit_logs WHERE organization_id = $1"
    logged = await admin.fetchval(written, organization)
    assert not (await memory.search("Haus", k=1)).hits[0].why.terms
    # Bit by bit, on from where it was.
    step = await memory.maintain(max_rows=7)
    assert (step.looked_at, step.unread) == (7, True)
    assert (await service.maintain(context_of(memory), max_rows=0)).unread
    rest = await memory.maintain()
    assert (rest.looked_at, rest.unread) == (22 + 4 - 7, False)
    again = await memory.maintain()
    assert (again.looked_at, again.unread) == (0, False)
    items = {item.content: item.language for item in (await memory.list(limit=100)).items}
    assert (items[GERMAN], items[RUSSIAN], items[ENGLISH], items["ok 👍"]) == ("de", "ru", "en", None)
    assert items["Zwiebeln!"] == "de", "a short text has that of its talk"
    found = await memory.search("Haus", k=2)
    assert {hit.content for hit in found} == {GERMAN}
    assert found[0].why.terms
    assert {row["id"] for row in before} == set(kept.ids)
    after = await admin.fetch("SELECT id, version, updated_at FROM memories WHERE organization_id = $1", organization)
    assert sorted(map(tuple, after)) == sorted(map(tuple, before)), "that is bookkeeping"
    assert await admin.fetchval(written, organization) == logged
    assert said.created == 22


async def test_recall_s_counts_stay_right(memory: AsyncMemory, admin: Any) -> None:
    await memory.remember([f"{GERMAN} {n}" for n in range(5)])
    organization = await age(admin, memory)
    for table in ("memories",):
        await admin.execute(f"UPDATE {table} SET is_indexed = true WHERE organization_id = $1", organization)
    count = (
        "INSERT INTO recall_terms (organization_id, lexeme, documents) SELECT $1, w.lexeme, count(*) "
        "FROM memories m, unnest(m.search_vector) w WHERE m.organization_id = $1 GROUP BY 2"
    )
    await admin.execute(count, organization)
    before = await terms(admin, organization)
    assert before["häuser"] == 5
    await asyncio.gather(*(memory.maintain() for _ in range(4)))
    after = await terms(admin, organization)
    assert "häuser" not in after
    await admin.execute("DELETE FROM recall_terms WHERE organization_id = $1", organization)
    await admin.execute(count, organization)
    assert await terms(admin, organization) == after


async def test_an_upgraded_database_has_its_rows_looked_at(server: Server, make_database: Any) -> None:
    name = await make_database()
    url = server.url(database=name)
    async with AsyncMemory(database_url=server.url(APP, name), organization="old-one") as memory:
        await memory.remember([GERMAN, ENGLISH])
        (ada,) = await people(context_of(memory), "ada")
        await brought(context_of(memory), ada)
    admin = await server.connect(database=name)
    try:
        await runner.downgrade(url, revision="0025")
        await admin.execute("UPDATE memories SET language = NULL")
        assert await admin.fetchval("SELECT count(*) FROM gmail_messages") == 2
        await upgrade(url)
        assert (await runner.check(url)).ok
        async with AsyncMemory(database_url=server.url(APP, name), organization="old-one") as memory:
            assert not (await memory.search("Haus", k=1)).hits[0].why.terms
            done = await memory.maintain()
            assert (done.looked_at, done.unread) == (4, False)
            assert (await memory.search("Haus", k=1)).hits[0].content == GERMAN
            eyes = acting(context_of(memory), ada)
            assert len(await integrations.search_mail(eyes, SearchMail(query="Haus"))) == 1
    finally:
        await admin.close()
