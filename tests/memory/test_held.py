"""Held scopes: a search of a copy answers as one that reads everything anew, whatever is written, by whomever."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnemon import AsyncMemory
from mnemon.ai.providers.static import StaticEmbedder
from mnemon.context import Context
from mnemon.core.cache import Cache, Copies
from mnemon.core.principal import Principal
from mnemon.memory import service
from mnemon.memory.recall.held.alike import WordVectors
from mnemon.memory.schemas import Recollection, Scope, Search
from mnemon.memory.service.gathering import gather, understand
from tests.factories import context_of, new_slug, with_settings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
THINGS = ("boat", "train", "harbour", "gale", "doctor", "physician", "Lisbon", "Porto")
QUESTIONS = (
    "Which boat left Lisbon?",
    "When did Ada take the train?",
    "the physician",
    "Why a gale on 1 March?",
    "Bob",
)


def anew(ctx: Context) -> Context:
    """The same, with nothing held: every search reads its scope whole."""
    return replace(ctx, copies=Copies(0))


async def both(ctx: Context, query: str, scope: Scope, *, k: int = 20) -> Recollection:
    """Ask with what is held and with nothing held; the answers are the same."""
    request = Search(query=query, scope=scope, k=k, now=NOON + timedelta(days=40))
    for verb in (service.search, service.recall):
        held, fresh = await verb(ctx, request), await verb(anew(ctx), request)
        assert [hit.item.id for hit in held] == [hit.item.id for hit in fresh], query
        assert [hit.score for hit in held] == pytest.approx([hit.score for hit in fresh], abs=2e-6)
        assert [hit.why.terms for hit in held] == [hit.why.terms for hit in fresh]
    return held


SCOPES = (
    Scope(),
    Scope(user="ada"),
    Scope(user="bob", kinds=frozenset({"memory"})),
    Scope(conversation="pier"),
    Scope(agent="guide"),
    Scope(user="ada", since=NOON + timedelta(hours=3)),
    Scope(tags=("old",)),
    Scope(said_by="Rosa"),
)
_said = st.fixed_dictionaries(
    {
        "content": st.lists(st.sampled_from(THINGS), min_size=1, max_size=4).map(" ".join),
        "at": st.integers(0, 300).map(lambda hours: NOON + timedelta(hours=hours)),
    },
    optional={
        "user": st.sampled_from(["ada", "bob"]),
        "agent": st.just("guide"),
        "tags": st.sampled_from([["old"], ["new"]]),
    },
)
_talk = st.fixed_dictionaries(
    {"content": st.lists(st.sampled_from(THINGS), min_size=1, max_size=4).map(lambda w: " ".join(w) + "?")},
    optional={"user": st.sampled_from(["ada", "bob"]), "speaker": st.just("Rosa")},
).map(lambda one: {**one, "conversation": "pier"})
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("remember"), st.lists(st.one_of(_said, _talk), min_size=1, max_size=4)),
        st.tuples(st.just("forget"), st.integers(0, 50)),
        st.tuples(st.just("correct"), st.integers(0, 50)),
        st.tuples(st.just("pin"), st.integers(0, 50)),
        st.tuples(st.just("ask"), st.sampled_from(SCOPES), st.sampled_from(QUESTIONS)),
    ),
    min_size=4,
    max_size=12,
)


def held_by(ctx: Context) -> dict[Any, Any]:
    """The scopes that are held, by their keys."""
    return {key: copy for key, copy in dict[Any, Any](ctx.copies._entries).items() if key[0] == "held"}


def holding(ctx: Context, megabytes: int = 64) -> Context:
    """The same with copies of its own, of which nobody else knows."""
    return replace(ctx, copies=Copies(megabytes << 20), cache=Cache())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps)
async def test_it_answers_as_if_nothing_were_held(house: AsyncMemory, steps: list[tuple[Any, ...]]) -> None:
    memory = await house.organization(new_slug())
    ctx = holding(context_of(memory))
    ids: list[UUID] = []
    for scope in SCOPES[:3]:
        await both(ctx, "boat", scope)
    for step in steps:
        match step:
            case ("remember", rows):
                ids += (await memory.remember(rows, dedupe=False)).ids
            case ("ask", scope, question):
                await both(ctx, question, scope)
            case (what, number) if ids:
                await change(memory, what, ids[number % len(ids)])
    for scope in SCOPES:
        await both(ctx, QUESTIONS[0], scope)


async def change(memory: AsyncMemory, what: str, memory_id: UUID) -> None:
    rows = {hit.item.id: hit.item for hit in await memory.search("boat", k=1000)}
    item = rows.get(memory_id)
    if item is None or (item.kind == "message" and what != "forget"):
        return
    if what == "forget":
        await memory.forget(memory_id)
    elif what == "correct":
        await memory.update(memory_id, content=f"{item.content} after all")
    else:
        await memory.update(memory_id, is_pinned=not item.is_pinned)


async def test_what_another_transaction_has_not_committed_is_seen_once_it_is(memory: AsyncMemory, admin: Any) -> None:
    await memory.remember("The boat is blue", user="ada")
    ctx = holding(context_of(memory))
    organization = ctx.principal.organization_id
    slow = admin.transaction()
    await slow.start()
    await admin.execute("INSERT INTO memories (organization_id, content) VALUES ($1, 'The boat is slow')", organization)
    assert len(await service.search(ctx, Search(query="boat"))) == 1  # held, while the other is under way
    await memory.remember("The boat is new")  # a later transaction, committed before
    assert len(await service.search(ctx, Search(query="boat"))) == 2
    await slow.commit()
    assert len(await service.search(ctx, Search(query="boat"))) == 3
    await both(ctx, "boat", Scope())


async def test_what_is_rolled_back_was_never_there(memory: AsyncMemory, admin: Any) -> None:
    await memory.remember("The boat is blue")
    ctx = holding(context_of(memory))
    async with asyncio.timeout(60):
        undone = admin.transaction()
        await undone.start()
        await admin.execute("UPDATE memories SET content = content, importance = 9, deleted_at = now()")
        assert len(await service.search(ctx, Search(query="boat"))) == 1
        await undone.rollback()
    assert len(await service.search(ctx, Search(query="boat"))) == 1
    await both(ctx, "boat", Scope())


async def test_rows_that_are_deleted_outright_cost_no_hit(memory: AsyncMemory, admin: Any) -> None:
    await memory.remember([f"The boat number {n}" for n in range(30)])
    ctx = holding(context_of(memory))
    first = await service.search(ctx, Search(query="boat", k=5))
    await admin.execute("DELETE FROM memories WHERE id = ANY($1::uuid[])", [hit.item.id for hit in first.hits[:3]])
    found = await both(ctx, "boat", Scope(), k=5)
    assert len(found) == 5
    assert not {hit.item.id for hit in first.hits[:3]} & {hit.item.id for hit in found}


async def test_what_expires_is_gone_at_that_moment(memory: AsyncMemory) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    await memory.remember([{"content": "The boat leaves", "expires_at": soon}, "The boat stays"])
    ctx = holding(context_of(memory))
    assert len(await service.search(ctx, Search(query="boat"))) == 2
    await asyncio.sleep(max((soon - datetime.now(UTC)).total_seconds(), 0) + 0.2)
    assert [hit.content for hit in await service.search(ctx, Search(query="boat"))] == ["The boat stays"]


def person(ctx: Context, user: UUID) -> Context:
    """The same on behalf of a person."""
    return ctx.as_principal(
        Principal(ctx.principal.organization_id, user_id=user, permissions=ctx.principal.permissions)
    )


async def test_who_may_see_a_conversation_changes(memory: AsyncMemory, admin: Any) -> None:
    await memory.remember("The boat is Ada's", conversation="pier", user="ada", role="user")
    await memory.remember("The boat is anybody's", user="bob")
    ctx = context_of(memory)
    organization = ctx.principal.organization_id
    bob = await admin.fetchval("SELECT id FROM users WHERE organization_id = $1 AND external_id = 'bob'", organization)
    pier = await admin.fetchval("SELECT id FROM conversations WHERE organization_id = $1", organization)
    his = holding(person(ctx, bob))

    async def sees() -> int:
        return len(await both(his, "boat", Scope()))

    assert await sees() == 1
    await admin.execute("UPDATE conversations SET is_private = false WHERE id = $1", pier)
    assert await sees() == 2
    await admin.execute("UPDATE conversations SET is_private = true WHERE id = $1", pier)
    assert await sees() == 1
    await admin.execute(
        "INSERT INTO conversation_participants (organization_id, conversation_id, user_id) VALUES ($1, $2, $3)",
        organization,
        pier,
        bob,
    )
    assert await sees() == 2
    await admin.execute("DELETE FROM conversation_participants WHERE user_id = $1", bob)
    assert await sees() == 1


async def test_what_is_erased_is_let_go_of(memory: AsyncMemory) -> None:
    await memory.remember(
        [{"content": "Zyzzyva is Ada's", "user": "ada"}, {"content": "The boat is Ben's", "user": "ben"}]
    )
    ctx = holding(context_of(memory))
    await service.search(ctx, Search(query="boat"))
    await memory.erase(user="ada")
    assert len(await service.search(ctx, Search(query="boat"))) == 1
    [held] = held_by(ctx).values()
    assert "zyzzyva" not in held.said()
    assert held.came == 1


async def test_another_organisation_is_held_apart(house: AsyncMemory) -> None:
    mine, theirs = await house.organization(new_slug()), await house.organization(new_slug())
    await mine.remember("The boat is mine", user="ada")
    await theirs.remember("The boat is theirs", user="ada")
    copies = Copies(64 << 20)
    for memory, said in ((mine, "The boat is mine"), (theirs, "The boat is theirs")) * 3:
        ctx = replace(context_of(memory), copies=copies)
        for scope in (Scope(), Scope(user="ada")):
            assert [hit.content for hit in await service.search(ctx, Search(query="boat", scope=scope))] == [said]


async def test_bytes_are_bounded_and_the_least_used_goes(memory: AsyncMemory) -> None:
    await memory.remember([{"content": f"boat {n}", "user": f"user {n % 20}"} for n in range(2000)])
    ctx = holding(context_of(memory), megabytes=1)
    for _ in range(2):
        for n in range(20):
            assert len(await service.search(ctx, Search(query="boat", scope=Scope(user=f"user {n}")))) == 10
            assert ctx.copies.bytes <= 1 << 20
    assert ctx.copies.bytes > 0
    assert len(await service.search(ctx, Search(query="boat", k=1000))) == 1000  # too large to be held, and found


async def test_a_scope_of_more_rows_than_are_held_is_searched_in_the_database(memory: AsyncMemory) -> None:
    await memory.remember([f"boat number {n}" for n in range(60)])
    ctx = holding(with_settings(context_of(memory), recall_copy_rows=50))
    assert len(await service.search(ctx, Search(query="boat", k=60))) == 60
    assert not held_by(ctx)
    ctx = holding(with_settings(context_of(memory), recall_copy_rows=60))
    assert len(await service.search(ctx, Search(query="boat", k=60))) == 60
    assert held_by(ctx)


@pytest.mark.parametrize("said", ["\x1e\x1f \x1e boat", "🦓 \u200d boat", "a" * 5000 + " boat", "boat\n\n\nboat"])
async def test_whatever_a_text_has_rows_stay_apart(memory: AsyncMemory, said: str) -> None:
    await memory.remember(["The train is late", said, "The boat is blue"])
    ctx = holding(context_of(memory))
    found = await both(ctx, "boat", Scope())
    assert {hit.content for hit in found if hit.why.terms} == {said, "The boat is blue"}


async def test_writers_beside_readers(memory: AsyncMemory) -> None:
    ctx = holding(context_of(memory))
    await memory.remember("The boat number 0", user="ada")

    async def write(writer: int) -> None:
        for n in range(12):
            name = f"boat {writer}x{n}"
            written = (await memory.remember(name, user="ada")).ids[0]
            found = await service.search(ctx, Search(query=name, scope=Scope(user="ada"), k=1000))
            assert written in {hit.item.id for hit in found}, "one's own write is seen by the next search"

    await asyncio.gather(*(write(writer) for writer in range(4)))
    await both(ctx, "boat", Scope(user="ada"), k=100)


async def test_a_copy_that_came_in_between_is_brought_up_to_date(memory: AsyncMemory) -> None:
    await memory.remember("The boat is blue")
    ctx = holding(context_of(memory))
    request = Search(query="boat")
    await service.search(ctx, request)  # what another search read, slowly
    [(key, older)] = held_by(ctx).items()
    await memory.remember("The boat is new")
    ctx.copies.clear()
    async with ctx.database.read_transaction(ctx.principal, by_key=True) as connection:
        understood = await understand(ctx, connection, request)
        assert understood is not None
        ctx.copies.put(key, older)
        vector = np.zeros(ctx.embedder.dimensions, dtype=np.float32)
        gathered = await gather(ctx, connection, understood, vector)
    assert len(gathered.measured.evidence.known) == 2


def test_a_word_that_is_asked_for_twice_keeps_the_others_apart() -> None:
    embedder = StaticEmbedder()
    vectors, words = WordVectors(embedder), ["boat", "boat", "train", "train", "harbour"]
    for few in (words[:2], words, ["gale", *words]):
        assert vectors.of(few) == pytest.approx(embedder.embed_now(few), abs=1e-6)
    assert vectors.bytes > 0


async def test_a_server_that_was_restarted_is_another_one(memory: AsyncMemory) -> None:
    await memory.remember("The boat is blue")
    ctx = holding(context_of(memory))
    await service.search(ctx, Search(query="boat"))
    entries = held_by(ctx)
    [(key, held)] = entries.items()
    ctx.copies.clear()
    ctx.copies.put((*key[:2], "another start", *key[3:]), held)
    ctx.cache.put("recall's server", "another start")
    assert len(await service.search(ctx, Search(query="boat"))) == 1
    entries = held_by(ctx)
    assert {key[2] for key in entries} == {"another start", key[2]}
