"""A private conversation: who is in it, who gets in, who opens it; and what is known of it by other ways."""

from __future__ import annotations

from typing import Any

import pytest

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import ConversationList, ConversationRef, ConversationUpdate
from mnemon.core.errors import Forbidden, MnemonError, NotFound
from mnemon.core.principal import Principal
from mnemon.core.text import parse
from mnemon.graph import service as graph
from mnemon.graph.schemas import Relate
from mnemon.identity import service as identity
from mnemon.identity.schemas_access import ApiKeyCreate, Token
from mnemon.memory import service as remembering
from mnemon.memory.schemas import ListItems, Remember, Search, Update
from mnemon.memory.schemas_facts import AssertFact, FactsAt
from mnemon.memory.service import facts
from tests.inside.world import ABOUT, MARKS, World, make_world, rendered, text


async def say(ctx: Context, **item: Any) -> None:
    """Remember one thing."""
    await remembering.remember(ctx, parse(Remember, {"items": [item]}))


async def tells(ctx: Context, mark: str) -> bool:
    """Whether a list of everything tells somebody of a kind of row."""
    return mark in rendered(await remembering.list_items(ctx, ListItems(limit=1000)))


async def test_nobody_speaks_their_way_into_a_private_conversation(memory: AsyncMemory, admin: Any) -> None:
    world = await make_world(memory)
    for who in ("sam", "dora", "tess", "spy", "spy for sam", "keeper for sam"):
        for item in (
            {"content": "hello", "speaker": "sam", "user": "sam"},
            {"content": "hello", "role": "assistant", "agent": "keeper"},
            {"content": "hello", "memory_type": "semantic"},
        ):
            with pytest.raises(NotFound) as caught:
                await say(world.eyes[who], conversation="quiet", **item)
            assert caught.value.code == "not_found.conversation"
    people = await admin.fetch(
        "SELECT user_id FROM conversation_participants WHERE conversation_id = $1", world.ids["private"]
    )
    assert {row["user_id"] for row in people} == {world.ids["olga"], world.ids["mate"]}
    await say(world.eyes["mate"], conversation="quiet", content="Still here", speaker="mate", user="mate")


async def test_who_begins_a_conversation_is_in_it(memory: AsyncMemory) -> None:
    world = await make_world(memory)
    for who, place in (("sam", "sams"), ("spy", "spies"), ("spy for sam", "both")):
        await say(world.eyes[who], conversation=place, content=f"begun by {who}")
        await say(world.eyes[who], conversation=place, content=f"begun by {who}, more", memory_type="semantic")
        await say(world.eyes[who], conversation=f"{place} kept", content="kept first", memory_type="semantic")
        assert await tells(world.eyes[who], f"begun by {who}, more")
        assert not await tells(world.eyes["dora"], f"begun by {who}")
    assert not await tells(world.eyes["spy for sam"], "begun by spy, more")  # what it heard elsewhere it does not tell
    assert await tells(world.eyes["sam"], "begun by spy for sam")


async def test_it_is_opened_and_closed_by_whose_it_is(memory: AsyncMemory) -> None:
    world = await make_world(memory)
    for value in (False, True):
        change = ConversationUpdate(conversation_id=world.ids["private"], is_private=value)
        for who in ("mate", "keeper for sam", "sam"):
            with pytest.raises((Forbidden, NotFound)):
                await conversations.update_conversation(world.eyes[who], change)
        await conversations.update_conversation(world.eyes["olga"], change)
        assert await tells(world.eyes["sam"], MARKS["private"]) == (not value)
        assert await tells(world.eyes["spy"], MARKS["private"]) == (not value)
    with pytest.raises(Forbidden):
        await conversations.update_conversation(
            world.eyes["mate"], ConversationUpdate(conversation_id=world.ids["private"], agent_id=world.ids["spy"])
        )


async def test_what_is_deleted_is_no_less_private(memory: AsyncMemory, admin: Any) -> None:
    world = await make_world(memory)
    await admin.execute("UPDATE conversations SET deleted_at = now() WHERE id = $1", world.ids["private"])
    assert await tells(world.eyes["mate"], MARKS["private"])
    for who in ("sam", "spy", "keeper for sam"):
        assert not await tells(world.eyes[who], MARKS["private"])
        with pytest.raises(NotFound):  # and nobody takes it up again
            await say(world.eyes[who], conversation="quiet", content="hello", speaker="sam")


async def test_who_leaves_no_longer_sees(memory: AsyncMemory, admin: Any) -> None:
    world = await make_world(memory)
    await admin.execute("DELETE FROM conversation_participants WHERE user_id = $1", world.ids["mate"])
    assert not await tells(world.eyes["mate"], MARKS["private"])
    await admin.execute("UPDATE agents SET team_id = $2 WHERE id = $1", world.ids["docker"], world.ids["crew"])
    assert await tells(world.eyes["docker"], MARKS["team"])
    await admin.execute("UPDATE agents SET team_id = NULL WHERE id = $1", world.ids["docker"])
    assert not await tells(world.eyes["docker"], MARKS["team"])


async def test_an_agents_key_sees_its_own_team(memory: AsyncMemory) -> None:
    world = await make_world(memory)
    await memory.remember("The dock is wet", memory_type="semantic", team="dock")
    key = await identity.create_api_key(world.ctx, ApiKeyCreate(name="k", agent_id=world.ids["docker"], scopes=("*",)))
    found = await identity.authenticate_api_key(world.ctx, Token(token=key.key))
    ctx = world.ctx.as_principal(found.principal)
    assert await tells(ctx, "The dock is wet")
    for kind in ("team", "private", "agent_private", "user_profile"):
        assert not await tells(ctx, MARKS[kind])
    with pytest.raises(Forbidden) as caught:
        await say(ctx, content="planted", memory_type="semantic", team="crew")
    assert caught.value.code == "forbidden.team"
    await say(ctx, content="ours", memory_type="semantic", team="dock")


async def test_nothing_is_planted_with_others(memory: AsyncMemory) -> None:
    world = await make_world(memory)
    for item in (
        {"memory_type": "agent_private", "agent": "keeper"},
        {"memory_type": "user_profile", "user": "olga"},
        {"memory_type": "semantic", "team": "crew"},
        {"team": "crew", "conversation": "square"},
    ):
        for who in ("sam", "spy", "spy for sam"):
            with pytest.raises(Forbidden):
                await say(world.eyes[who], content="planted", **item)


async def test_a_fact_that_is_not_to_be_seen_is_neither_told_nor_undone(memory: AsyncMemory) -> None:
    world = await make_world(memory)
    secret = AssertFact(
        subject="olga", predicate="lives_in", object="Hidden", source_message_id=world.ids["private_message"]
    )
    kept = (await facts.assert_fact(world.eyes["olga"], secret)).fact
    said = await facts.assert_fact(world.eyes["sam"], AssertFact(subject="olga", predicate="lives_in", object="Hidden"))
    assert said.created, "what another knows privately was told as known already"
    moved = await facts.assert_fact(world.eyes["sam"], AssertFact(subject="olga", predicate="lives_in", object="Bari"))
    assert kept.id not in moved.retracted
    known = (await facts.facts_at(world.eyes["olga"], FactsAt(subject="olga"))).items
    assert kept.id in {one.id for one in known}


async def test_a_source_that_was_said_elsewhere_is_no_message_for_who_does_not_see_it(memory: AsyncMemory) -> None:
    """Whether an id is a message's is told to nobody who may not see it."""
    world = await make_world(memory)
    with pytest.raises(NotFound):
        await remembering.update(world.eyes["sam"], Update(id=world.ids["private_message"], content="x"))
    with pytest.raises(MnemonError) as caught:
        await remembering.update(world.eyes["mate"], Update(id=world.ids["private_message"], content="x"))
    assert caught.value.code == "invalid.message_is_final"


async def test_names_of_a_private_conversation_are_found_by_nobody_else(memory: AsyncMemory) -> None:
    world = await make_world(memory)
    for who in ("sam", "spy", "keeper for sam"):
        ctx = world.eyes[who]
        assert not (await conversations.list_conversations(ctx, ConversationList(user_id=world.ids["olga"]))).items
        with pytest.raises(NotFound):
            await conversations.conversation_statistics(ctx, ConversationRef(conversation_id=world.ids["private"]))
        found = await remembering.recall(
            ctx, Search.model_validate({"query": f"{ABOUT} olga", "scope": {"conversation": "quiet"}})
        )
        assert (found.hits, found.left_out, found.tokens) == ((), 0, 0)


async def test_a_relationship_ends_for_who_sees_both_its_ends(memory: AsyncMemory) -> None:
    world = await make_world(memory)
    one = await graph.relate(
        world.eyes["olga"],
        Relate(
            source_entity_id=world.ids["entity"],
            target_entity_id=world.ids["open_entity"],
            relationship_type="watches",
            strength=0.5,
            context=text("entity"),
        ),
    )
    for who in ("sam", "spy", "keeper"):
        with pytest.raises(NotFound):
            await graph.unrelate(world.eyes[who], one.id)
    assert (await graph.unrelate(world.eyes["olga"], one.id)).count == 1


async def test_another_organisation_with_the_same_names_sees_nothing(memory: AsyncMemory, other: Context) -> None:
    world: World = await make_world(memory)
    stranger = other.as_principal(
        Principal(
            other.principal.organization_id, world.ids["olga"], world.ids["keeper"], frozenset({world.ids["crew"]})
        )
    )
    for kind in ("team", "private", "agent_private", "user_profile"):
        assert not await tells(stranger, MARKS[kind])
