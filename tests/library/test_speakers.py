"""Speakers are names: what somebody of a name said is found by it, and nobody sees anything for being called so."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon import AsyncMemory, Invalid
from mnemon.context import Context
from mnemon.core.principal import Principal
from mnemon.memory import service
from mnemon.memory.schemas import ListItems, Scope, Search
from tests.factories import context_of

SECRET = "The wedding is on the third of May"


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A private talk of Ada's, exported: with Rosa, and an assistant."""
    lines = [
        {"text": SECRET, "speaker": "Rosa", "conversation": "us", "id": "1"},
        {"text": "How lovely, the wedding!", "speaker": "Ada", "conversation": "us", "id": "2"},
        {"text": "I noted the wedding.", "speaker": "Helper", "role": "assistant", "conversation": "us", "id": "3"},
    ]
    path = tmp_path / "talk.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


async def seen(memory: AsyncMemory, **conditions: Any) -> list[str]:
    """What search, recall and list find of the wedding: the same."""
    listed = sorted(item.content for item in (await memory.list(**conditions)).items)
    for verb in (memory.search, memory.recall):
        assert sorted(hit.content for hit in await verb("the wedding", k=50, **conditions)) == listed
    return listed


async def acting(memory: AsyncMemory, admin: Any, table: str, name: str) -> Context:
    """The context of the user or the agent of this name, as if they had signed in."""
    await memory.open()
    ctx = context_of(memory)
    organization = ctx.principal.organization_id
    query = f"SELECT id FROM {table} WHERE organization_id = $1 AND external_id = $2"
    found: UUID = await admin.fetchval(query, organization, name)
    user, agent = (found, None) if table == "users" else (None, found)
    permissions = frozenset({"memories:read", "memories:write"})
    return replace(ctx, principal=Principal(organization, user_id=user, agent_id=agent, permissions=permissions))


async def test_a_speaker_of_another_conversation_is_nobody_of_ours(
    memory: AsyncMemory, new_memory: Callable[[], Awaitable[AsyncMemory]], admin: Any, talk: Path
) -> None:
    await memory.remember("I like figs", user="Rosa")
    await memory.remember("I answer", user="bo", agent="Helper", conversation="other", role="assistant")
    await memory.import_file(talk, user="Ada")
    assert await seen(memory, user="Rosa") == ["I like figs"]
    assert await seen(memory, agent="Helper") == ["I answer"]
    assert SECRET in await seen(memory, user="Ada")
    assert not (await memory.forget(user="Rosa", said_by="Rosa")).count
    for table, name in (("users", "Rosa"), ("agents", "Helper")):
        ctx = await acting(memory, admin, table, name)
        for scope in (Scope(), Scope(said_by="Rosa"), Scope(said_by="Helper"), Scope(conversation="us")):
            page = await service.list_items(ctx, ListItems(scope=scope))
            assert not {item.content for item in page.items} & {SECRET, "I noted the wedding."}
            found = await service.search(ctx, Search(query="the wedding", scope=scope))
            assert not {hit.content for hit in found} & {SECRET, "I noted the wedding."}
    other = await new_memory()
    await other.remember("Somebody else", user="Rosa", speaker="Rosa", conversation="us")
    assert await seen(other, said_by="Rosa") == ["Somebody else"]
    assert SECRET in await seen(memory, said_by="Rosa")


async def test_said_by_is_a_condition_of_its_own(memory: AsyncMemory, talk: Path) -> None:
    await memory.import_file(talk, user="Ada")
    await memory.remember("No wedding here", user="bo", conversation="elsewhere", speaker="Rosa")
    await memory.remember("Rosa keeps a note", user="Rosa")
    assert await seen(memory, said_by=" Rosa\u200b") == ["No wedding here", SECRET]
    assert await seen(memory, said_by="Rosa", user="Ada") == [SECRET]
    assert await seen(memory, said_by="Rosa", conversation="elsewhere") == ["No wedding here"]
    assert await seen(memory, said_by="Ada") == ["How lovely, the wedding!"]
    assert await seen(memory, said_by="Helper") == ["I noted the wedding."]
    assert await seen(memory, said_by="Nobody") == []
    for said_by, speaker in (("Rosa", "Rosa"), ("Ada", "Ada"), ("Helper", "Helper")):
        assert {item.speaker for item in (await memory.list(said_by=said_by)).items} == {speaker}
    found = await memory.search("What did Rosa say about the wedding?", user="Ada")
    assert found[0].content == SECRET
    assert found[0].why.names == ("rosa",)
    assert found[0].why.match["speaker"].value == 1
    with pytest.raises(Invalid):
        await memory.list(said_by=" ")
    assert (await memory.forget(said_by="Rosa", user="Ada")).messages == 1
    assert await seen(memory, said_by="Rosa") == ["No wedding here"]


async def test_the_caller_says_which_speaker_is_a_user(memory: AsyncMemory, admin: Any, talk: Path) -> None:
    await memory.import_file(talk, user="Ada", speakers={"Rosa ": "rosa@example.org"})
    assert await seen(memory, user="rosa@example.org") == [SECRET]
    assert await seen(memory, user="Rosa") == []
    assert await seen(memory, said_by="Rosa") == await seen(memory, said_by="rosa@example.org") == [SECRET]
    ctx = await acting(memory, admin, "users", "rosa@example.org")
    page = await service.list_items(ctx, ListItems(scope=Scope(conversation="us")))
    assert len(page.items) == 3, "she takes part"
    message = await memory.remember("Mine", conversation="here", speaker="Rosa", sender="rosa@example.org")
    assert (await memory.get(message.id)).speaker == "Rosa"
    assert "Mine" in await seen(memory, user="rosa@example.org")
    with pytest.raises(Invalid):
        await memory.import_file(talk, speakers={"Rosa": " "})


async def test_no_user_and_no_agent_is_made_of_a_name(memory: AsyncMemory, admin: Any, talk: Path) -> None:
    await memory.import_file(talk)
    await memory.remember("hello", conversation="c", speaker=f"somebody {uuid4()}")
    organization = context_of(memory).principal.organization_id
    for table in ("users", "agents", "conversation_participants"):
        assert not await admin.fetchval(f"SELECT count(*) FROM {table} WHERE organization_id = $1", organization)


async def test_a_name_goes_with_the_last_that_its_speaker_said(memory: AsyncMemory, admin: Any, talk: Path) -> None:
    await memory.import_file(talk, user="Ada")
    await memory.remember("I was there too", speaker="Rosa", user="bo", conversation="other")
    organization = context_of(memory).principal.organization_id
    names = "SELECT array_agg(DISTINCT speaker ORDER BY speaker) FROM participant_names WHERE organization_id = $1"
    assert {"Helper", "Rosa"} <= set(await admin.fetchval(names, organization))
    await memory.erase(user="Ada")
    assert "Helper" not in (await admin.fetchval(names, organization) or ())
    assert "Rosa" in await admin.fetchval(names, organization), "bo's conversation still has what she said"
