"""Conversations as such: made, seen by whom, changed under their version, closed, deleted and brought back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from mnemon import AsyncMemory, Conflict, Forbidden, NotFound
from mnemon.agents import service as agents
from mnemon.agents.schemas import AgentCreate
from mnemon.context import Context
from mnemon.conversations import service
from mnemon.conversations.repository import ConversationRepository, MessageRepository
from mnemon.conversations.schemas import (
    Conversation,
    ConversationChange,
    ConversationCreate,
    ConversationList,
    ConversationRef,
    ConversationUpdate,
)
from mnemon.core.principal import Principal
from mnemon.core.text import parse
from mnemon.identity import service as identity
from mnemon.identity.schemas import TeamCreate
from tests.factories import context_of, rows_of
from tests.workspace.helpers import acting, people, refused_field, without_rights

LATER = datetime(2031, 5, 1, 12, 0, tzinfo=UTC)


async def make(ctx: Context, **values: Any) -> Conversation:
    return await service.create_conversation(ctx, parse(ConversationCreate, values))


@pytest_asyncio.fixture
async def ada(ctx: Context) -> UUID:
    return (await people(ctx, "ada"))[0]


async def test_every_field_of_a_conversation_comes_back(ctx: Context, ada: UUID) -> None:
    agent = await agents.create_agent(ctx, AgentCreate(name="Guide"))
    team = await identity.create_team(ctx, TeamCreate(name="Crew", slug="crew"))
    values = {
        "title": "The harbour",
        "external_id": "harbour-1",
        "user_id": ada,
        "agent_id": agent.id,
        "team_id": team.id,
        "description": "What happens at the harbour",
        "avatar_url": "https://example.org/harbour.png",
        "is_private": False,
        "metadata": {"place": {"city": "Bergen"}},
        "expires_at": LATER,
    }
    made = await make(ctx, **values)
    read = await service.get_conversation(ctx, ConversationRef(conversation_id=made.id))
    assert read == made
    assert {name: getattr(read, name) for name in values} == values
    assert (read.type, read.status, read.version, read.message_count) == ("ai_chat", "active", 1, 0)
    assert (read.created_by, read.summary, read.last_message_at) == (None, None, None)


@pytest.mark.parametrize(
    ("others", "given", "kind"), [(0, None, "direct"), (1, None, "direct"), (2, None, "group"), (2, "direct", "direct")]
)
async def test_the_type_follows_from_who_takes_part(
    ctx: Context, ada: UUID, others: int, given: str | None, kind: str
) -> None:
    found = await people(ctx, *[f"person {n}" for n in range(others)])
    assert (await make(ctx, user_id=ada, participant_ids=found, type=given)).type == kind


async def test_what_is_said_goes_into_the_conversation_that_was_made(memory: AsyncMemory) -> None:
    ctx = context_of(memory)
    made = await make(ctx, title="Trip", external_id="trip")
    await memory.remember("we sail on Sunday", conversation="trip", role="user")
    (read,) = (await service.list_conversations(ctx, ConversationList())).items
    assert (read.id, read.title, read.message_count, read.version) == (made.id, "Trip", 1, 1)


async def test_a_change_names_the_version_it_read(ctx: Context) -> None:
    made = await make(ctx, title="one", description="first")
    changed = await service.update_conversation(
        ctx,
        ConversationUpdate(
            conversation_id=made.id, expected_version=1, title="two", description=None, metadata={"a": [1]}
        ),
    )
    assert (changed.title, changed.description, changed.metadata, changed.version) == ("two", None, {"a": [1]}, 2)
    with pytest.raises(Conflict) as lost:
        await service.update_conversation(
            ctx, ConversationUpdate(conversation_id=made.id, expected_version=1, title="three")
        )
    assert lost.value.data == {"expected_version": 1, "current_version": 2}
    for verb in (service.archive_conversation, service.delete_conversation):
        with pytest.raises(Conflict):
            await verb(ctx, ConversationChange(conversation_id=made.id, expected_version=1))
    read = await service.get_conversation(ctx, ConversationRef(conversation_id=made.id))
    assert (read.title, read.version, read.status) == ("two", 2, "active")


async def test_a_closed_conversation_is_read_and_no_longer_active(memory: AsyncMemory) -> None:
    ctx = context_of(memory)
    await memory.remember("the mast is broken", conversation="repairs", role="user")
    (made,) = (await service.list_conversations(ctx, ConversationList(status="active"))).items
    closed = await service.archive_conversation(ctx, ConversationChange(conversation_id=made.id, expected_version=1))
    assert (closed.status, closed.version) == ("closed", 2)
    assert (await service.list_conversations(ctx, ConversationList(status="active"))).items == ()
    assert (await service.list_conversations(ctx, ConversationList(status="closed"))).items == (closed,)
    assert len(await memory.search("mast")) == 1


async def test_deleted_it_takes_what_was_said_and_comes_back_empty(memory: AsyncMemory, admin: Any) -> None:
    ctx = context_of(memory)
    await memory.remember([{"content": f"old news {n}", "conversation": "news"} for n in range(3)])
    (made,) = (await service.list_conversations(ctx, ConversationList())).items
    assert await service.delete_conversation(ctx, ConversationChange(conversation_id=made.id)) == 3
    assert (await service.list_conversations(ctx, ConversationList())).items == ()
    assert not len(await memory.search("old news"))
    assert await admin.fetchval("SELECT deleted_at IS NOT NULL FROM conversations WHERE id = $1", made.id)
    for verb in (service.delete_conversation, service.archive_conversation):
        with pytest.raises(NotFound):
            await verb(ctx, ConversationChange(conversation_id=made.id))
    with pytest.raises(NotFound):
        await service.update_conversation(ctx, ConversationUpdate(conversation_id=made.id, title="x"))
    with pytest.raises(Conflict):
        await make(ctx, external_id="news")
    await memory.remember("fresh news", conversation="news", role="user")
    (again,) = (await service.list_conversations(ctx, ConversationList())).items
    assert again.id == made.id
    assert [hit.content for hit in await memory.search("news")] == ["fresh news"]


async def test_who_sees_a_conversation(ctx: Context) -> None:
    ada, bo, cem = await people(ctx, "ada", "bo", "cem")
    team = (await identity.create_team(ctx, TeamCreate(name="Crew", slug="crew"))).id
    guide = (await agents.create_agent(ctx, AgentCreate(name="Guide"))).id
    made = {
        "ada's": await make(ctx, title="ada's", user_id=ada),
        "shared": await make(ctx, title="shared", user_id=ada, participant_ids=[bo]),
        "open": await make(ctx, title="open", is_private=False),
        "team's": await make(ctx, title="team's", team_id=team),
        "team's open": await make(ctx, title="team's open", team_id=team, is_private=False),
        "guide's": await make(ctx, title="guide's", user_id=bo, agent_id=guide),
    }
    crew = frozenset({team})
    seen = {
        "organisation": (ctx, set(made)),
        "ada": (acting(ctx, ada), {"ada's", "shared", "open"}),
        "bo": (acting(ctx, bo), {"shared", "open", "guide's"}),
        "cem": (acting(ctx, cem), {"open"}),
        "cem of the crew": (acting(ctx, cem, team_ids=crew), {"open", "team's", "team's open"}),
        "guide": (ctx.as_principal(replace(ctx.principal, agent_id=guide)), {"open", "guide's"}),
    }
    for who, (eyes, titles) in seen.items():
        assert {one.title for one in (await service.list_conversations(eyes, ConversationList())).items} == titles, who
        for title, one in made.items():
            if title in titles:
                assert (await service.get_conversation(eyes, ConversationRef(conversation_id=one.id))).id == one.id
            else:
                with pytest.raises(NotFound):
                    await service.get_conversation(eyes, ConversationRef(conversation_id=one.id))


async def test_who_may_put_a_conversation_away(ctx: Context) -> None:
    ada, bo = await people(ctx, "ada", "bo")
    guide = (await agents.create_agent(ctx, AgentCreate(name="Guide"))).id
    eyes = acting(ctx, ada)
    made = await make(eyes, title="ada's", participant_ids=[bo])
    assert (made.user_id, made.created_by) == (ada, ada)
    change = ConversationChange(conversation_id=made.id)
    for verb in (service.archive_conversation, service.delete_conversation):
        with pytest.raises(Forbidden) as caught:
            await verb(acting(ctx, bo), change)
        assert caught.value.code == "forbidden.owner"
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute("UPDATE conversation_participants SET role = 'admin' WHERE user_id = $1", bo)
    assert (await service.archive_conversation(acting(ctx, bo), change)).status == "closed"
    assert await service.delete_conversation(eyes, change) == 0
    theirs = ConversationChange(conversation_id=(await make(ctx, agent_id=guide, is_private=False)).id)
    agent = ctx.as_principal(replace(ctx.principal, agent_id=guide))
    with pytest.raises(Forbidden):
        await service.archive_conversation(acting(ctx, bo), theirs)
    assert (await service.archive_conversation(agent, theirs)).status == "closed"


async def test_a_person_makes_conversations_of_their_own_alone(ctx: Context) -> None:
    ada, bo = await people(ctx, "ada", "bo")
    team = (await identity.create_team(ctx, TeamCreate(name="Crew", slug="crew"))).id
    for values, field in (({"user_id": bo}, "user_id"), ({"team_id": team}, "team_id")):
        with pytest.raises(Forbidden) as caught:
            await make(acting(ctx, ada), **values)
        assert caught.value.data["field"] == field
    assert (await make(acting(ctx, ada, team_ids=frozenset({team})), team_id=team)).team_id == team


async def test_others_reach_nothing(ctx: Context, other: Context, ada: UUID) -> None:
    made = await make(ctx, title="secret", user_id=ada, is_private=False, external_id="s")
    ref, change = ConversationRef(conversation_id=made.id), ConversationChange(conversation_id=made.id)
    for attempt in (
        service.get_conversation(other, ref),
        service.conversation_statistics(other, ref),
        service.update_conversation(other, ConversationUpdate(conversation_id=made.id, title="x")),
        service.archive_conversation(other, change),
        service.delete_conversation(other, change),
        make(other, user_id=ada),
        make(other, participant_ids=[ada]),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await service.list_conversations(other, ConversationList())).items == ()
    assert (await make(other, external_id="s")).id != made.id


async def test_every_verb_wants_its_permission(ctx: Context) -> None:
    nobody = without_rights(ctx)
    ref, change = ConversationRef(conversation_id=uuid4()), ConversationChange(conversation_id=uuid4())
    reader = ctx.as_principal(Principal(ctx.principal.organization_id, permissions=frozenset({"conversations:read"})))
    for attempt in (
        make(reader),
        service.update_conversation(reader, ConversationUpdate(conversation_id=uuid4(), title="x")),
        service.archive_conversation(reader, change),
        service.delete_conversation(reader, change),
        service.get_conversation(nobody, ref),
        service.list_conversations(nobody, ConversationList()),
        service.conversation_statistics(nobody, ref),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_what_is_out_of_bounds_names_the_field() -> None:
    assert refused_field(ConversationCreate, type="chat")[1] == "type"
    assert refused_field(ConversationCreate, title="x" * 256)[1] == "title"
    assert refused_field(ConversationCreate, agent="guide") == ("invalid.unknown_field", "agent")
    assert refused_field(ConversationUpdate, conversation_id=uuid4())[0] == "invalid.no_change"
    assert refused_field(ConversationUpdate, conversation_id=uuid4(), status="gone")[1] == "status"
    for field in ("metadata", "is_private", "status"):  # a None empties a field that may be empty
        assert refused_field(ConversationUpdate, conversation_id=uuid4(), **{field: None})[1] == field
    assert refused_field(ConversationList, limit=0)[1] == "limit"


async def test_a_conversation_and_a_message_through_their_repositories(ctx: Context) -> None:
    """002's success criterion 3 for these two: created, read, changed, listed and deleted."""
    organization = ctx.principal.organization_id
    async with ctx.database.session(ctx.principal) as session:
        conversations = ConversationRepository(session, organization)
        messages = MessageRepository(session, organization)
        talk = await conversations.create(name="talk")
        said = await messages.create(conversation_id=talk.id, content="the tide is low", token_count=4)
        found = await messages.get_by_id(said.id)
        assert found is not None
        assert (found.content, found.role, found.status) == ("the tide is low", "user", "sent")
        changed = await messages.update(said.id, status="read", feedback_rating="positive", tags=["sea"])
        assert (changed.status, changed.feedback_rating, changed.tags) == ("read", "positive", ["sea"])
        renamed = await conversations.update(talk.id, expected_version=1, name="talk of tides")
        assert (renamed.name, renamed.version, renamed.message_count) == ("talk of tides", 2, 1)
        with pytest.raises(Conflict):
            await conversations.update(talk.id, expected_version=1, name="late")
        assert [one.id for one in await rows_of(messages)] == [said.id]
        assert await messages.delete(said.id)
        assert not await messages.delete(said.id)
        assert await conversations.delete(talk.id)
        for repository, row in ((messages, said.id), (conversations, talk.id)):
            assert await repository.get_by_id(row) is None
            assert await repository.get_by_id(row, include_deleted=True) is not None
