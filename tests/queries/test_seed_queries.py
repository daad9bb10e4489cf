"""Every query that a seed names, asked of real rows; asked by another organisation, each finds nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from pydantic import SecretStr

from mnemon import Forbidden, NotFound
from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.models import MessageRole
from mnemon.conversations.repository import MessageRepository
from mnemon.conversations.schemas import (
    ConversationChange,
    ConversationCreate,
    ConversationList,
    ConversationRef,
    ConversationStatistics,
    ConversationUpdate,
    NewMessage,
    SearchMessages,
)
from mnemon.core.crypto import new_secret_key
from mnemon.core.text import parse
from mnemon.db.sql import statement
from mnemon.db.words import matching
from mnemon.integrations import service as integrations
from mnemon.integrations.schemas import Mail, SearchMail, SyncMail
from mnemon.knowledge import service as knowledge
from mnemon.knowledge.schemas import SearchKnowledge
from mnemon.memory import service as memory
from mnemon.memory.schemas import ListItems, Remember, Scope
from mnemon.memory.schemas_facts import AssertFact, FactsAt
from mnemon.memory.service.facts import assert_fact, facts_at
from tests.factories import rows_of, with_settings
from tests.integrations.conftest import connect
from tests.knowledge.factories import make_item
from tests.workspace.helpers import acting, indexes, people, plan, without_rights

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = new_secret_key()
#: What was said: (words, tags, metadata).
SAID: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    ("the ferry to Bergen leaves at noon", ("important", "travel"), {"ticket": {"class": "first", "seats": [4, 5]}}),
    ("the ferry back is full", ("urgent", "travel"), {"ticket": {"class": "second"}}),
    ("bring a coat", ("note",), {}),
)


@pytest_asyncio.fixture
async def talk(ctx: Context) -> UUID:
    """A conversation of this organisation with three messages of Ada's and an answer."""
    messages = [
        NewMessage(
            content=words,
            conversation="trip",
            user="ada",
            tags=tags,
            metadata=metadata,
            token_count=10,
            at=NOON + timedelta(minutes=place),
        )
        for place, (words, tags, metadata) in enumerate(SAID)
    ]
    answer = NewMessage(
        content="I booked two seats on the ferry",
        conversation="trip",
        role=MessageRole.ASSISTANT,
        agent="guide",
        token_count=7,
        at=NOON + timedelta(hours=3),
    )
    await memory.remember(ctx, Remember(items=(*messages, answer)))
    async with ctx.database.transaction(ctx.principal) as connection:
        found = await conversations.find_conversations(connection, ctx.principal.organization_id, ["trip"])
    return found["trip"]


async def contents(ctx: Context, **scope: Any) -> list[str]:
    """Messages of a scope, newest first."""
    page = await memory.list_items(ctx, ListItems(scope=parse(Scope, {"kinds": ["message"], **scope})))
    return [item.content for item in page.items]


async def test_an_organisations_episodes_newest_first(ctx: Context, other: Context, talk: UUID) -> None:
    """003, organisation scoping."""
    assert await contents(ctx) == ["I booked two seats on the ferry", *[words for words, _, _ in reversed(SAID)]]
    assert await contents(other) == []
    for eyes, count in ((ctx, 4), (other, 0)):
        async with eyes.database.session(eyes.principal) as session:
            assert len(await rows_of(MessageRepository(session, eyes.principal.organization_id))) == count


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        ({"tags": ["important"]}, [0]),
        ({"tags": ["travel"]}, [1, 0]),
        ({"tags": ["important", "travel"]}, [0]),
        ({"tags": ["important", "urgent"]}, []),
        ({"tags_any": ["urgent", "important"]}, [1, 0]),
        ({"tags_any": ["note", "nothing"]}, [2]),
        ({"tags": ["travel"], "tags_any": ["urgent"]}, [1]),
        ({"metadata": {"ticket": {"class": "first"}}}, [0]),
        ({"metadata": {"ticket": {"seats": [5]}}}, [0]),
        ({"metadata": {"ticket": {}}}, [1, 0]),
        ({"metadata": {"class": "first"}}, []),
    ],
)
async def test_tags_and_nested_json_of_episodes(
    ctx: Context, other: Context, talk: UUID, scope: dict[str, Any], found: list[int]
) -> None:
    """003: tags contain, tags overlap, JSON at any depth."""
    assert await contents(ctx, **scope) == [SAID[place][0] for place in found]
    assert await contents(other, **scope) == []


async def test_nested_json_of_conversations(ctx: Context, other: Context) -> None:
    """003: a session by a value of its metadata."""
    for title, metadata in (("one", {"key": "value", "deep": {"er": [1, 2]}}), ("two", {"key": "another"})):
        await conversations.create_conversation(ctx, ConversationCreate(title=title, metadata=metadata))

    async def titles(eyes: Context, metadata: dict[str, Any]) -> list[str | None]:
        found = (await conversations.list_conversations(eyes, ConversationList(metadata=metadata))).items
        return [one.title for one in found]

    assert await titles(ctx, {"key": "value"}) == ["one"]
    assert await titles(ctx, {"deep": {"er": [2]}}) == ["one"]
    assert await titles(ctx, {"deep": {"er": [3]}}) == []
    assert await titles(other, {"key": "value"}) == []


async def test_facts_that_are_valid_at_a_time(ctx: Context, other: Context) -> None:
    """003: begun by then, and not over."""
    for subject, place, begins, ends in (
        ("Ada", "Oslo", 2020, 2023),
        ("Ada", "Bergen", 2023, None),
        ("Bo", "Turku", 2021, None),
    ):
        await assert_fact(
            ctx,
            AssertFact(
                subject=subject,
                predicate="lives in",
                object=place,
                valid_from=datetime(begins, 1, 1, tzinfo=UTC),
                valid_until=None if ends is None else datetime(ends, 1, 1, tzinfo=UTC),
            ),
        )

    async def places(eyes: Context, year: int | None, **values: Any) -> list[str]:
        moment = None if year is None else datetime(year, 1, 1, tzinfo=UTC)
        return [one.object for one in (await facts_at(eyes, FactsAt(valid_at=moment, **values))).items]

    assert await places(ctx, None) == ["Bergen", "Turku"]
    assert await places(ctx, 2022) == ["Oslo", "Turku"]
    assert await places(ctx, 2023) == ["Bergen", "Turku"]  # an end is not included, a beginning is
    assert await places(ctx, 2019) == []
    assert await places(ctx, 2022, subject="Ada") == ["Oslo"]
    assert await places(ctx, None, predicate="lives in") == ["Bergen", "Turku"]
    for values in ({}, {"subject": "Ada"}, {"predicate": "lives in"}):
        assert await places(other, None, **values) == []


async def in_messages(ctx: Context, words: str) -> list[str]:
    return [one.content for one in await conversations.search_messages(ctx, SearchMessages(query=words))]


async def in_knowledge(ctx: Context, words: str) -> list[str]:
    page = await knowledge.search_knowledge(ctx, SearchKnowledge(query=words))
    return [str(hit.item.content["title"]) for hit in page.items]


async def in_mail(ctx: Context, words: str) -> list[str]:
    (ada,) = await people(ctx, "ada")
    return [str(one.subject) for one in await integrations.search_mail(ctx, SearchMail(user_id=ada, query=words))]


@pytest.mark.parametrize("asked", [in_messages, in_knowledge, in_mail])
async def test_full_text(
    ctx: Context, other: Context, talk: UUID, asked: Callable[[Context, str], Awaitable[list[str]]]
) -> None:
    """000 searches messages and mail by their words, 004 knowledge; a word is found in its other forms."""
    keyed = with_settings(ctx, secret_key=SecretStr(KEY))
    (ada,) = await people(keyed, "ada")
    mails = tuple(Mail(gmail_id=str(place), subject=words) for place, (words, _, _) in enumerate(SAID))
    await integrations.sync_mail(keyed, SyncMail(integration_id=(await connect(keyed, ada)).id, items=mails))
    for words, _, _ in SAID:
        await make_item(ctx, words)
    assert SAID[2][0] in await asked(ctx, "coats")
    ferries = await asked(ctx, "ferries")
    assert {SAID[0][0], SAID[1][0]} <= set(ferries)
    assert SAID[2][0] not in ferries
    assert await asked(ctx, "submarine") == []
    for words in ("coats", "ferries"):
        assert await asked(other, words) == []


async def test_words_of_messages_narrowed(ctx: Context, other: Context, talk: UUID) -> None:
    async def found(eyes: Context, query: str, **values: Any) -> list[str]:
        request = parse(SearchMessages, {"query": query, **values})
        return [one.content for one in await conversations.search_messages(eyes, request)]

    ada, bo = await people(ctx, "ada", "bo")
    noon, full = SAID[0][0], SAID[1][0]
    assert await found(ctx, '"ferry back"') == [full]
    assert sorted(await found(ctx, "ferry -seats")) == sorted([noon, full])
    assert await found(ctx, "coat or noon", until=NOON + timedelta(minutes=1)) == [noon]
    assert await found(ctx, "coat or noon", since=NOON + timedelta(minutes=1)) == [SAID[2][0]]
    assert sorted(await found(ctx, "ferry", sender_id=ada)) == sorted([noon, full])
    assert await found(ctx, "ferry", sender_id=bo) == []
    assert len(await found(ctx, "ferry", conversation_id=talk)) == 3
    assert await found(ctx, "ferry", conversation_id=bo) == []
    assert len(await found(ctx, "ferry", k=2)) == 2
    assert await found(ctx, "'; DROP TABLE messages; --") == []
    # Ada talked there, Bo did not; Bo sees it once it is not private.
    assert len(await found(acting(ctx, ada), "ferry")) == 3
    assert await found(acting(ctx, bo), "ferry") == []
    guide = ctx.as_principal(replace(ctx.principal, agent_id=bo))
    assert await found(guide, "ferry") == []
    await conversations.update_conversation(ctx, ConversationUpdate(conversation_id=talk, is_private=False))
    for eyes in (acting(ctx, bo), guide):
        assert len(await found(eyes, "ferry")) == 3
    await conversations.delete_conversation(ctx, ConversationChange(conversation_id=talk))
    assert await found(ctx, "ferry") == []
    with pytest.raises(Forbidden):
        await found(without_rights(ctx), "ferry")


async def test_words_of_messages_use_the_full_text_index(ctx: Context, admin: Any, talk: UUID) -> None:
    organization = ctx.principal.organization_id
    await admin.execute(
        "INSERT INTO messages (organization_id, conversation_id, content) "
        "SELECT $1, $2, 'word' || n || ' and word' || n * 7 FROM generate_series(1, 3000) n",
        organization,
        talk,
    )
    # Not only ANALYZE: what waits in the index's pending list makes it look dear.
    await admin.execute("VACUUM ANALYZE messages")
    query = statement(
        "mnemon.conversations", "search_messages", match=matching(ctx.database.match_operator), seen="true"
    )
    values: tuple[Any, ...] = ("ferry", None, None, None, None, 20, 2000, None)
    assert any("search_words" in name for name in indexes(await plan(ctx, query, organization, *values)))


async def test_statistics_of_a_conversation(ctx: Context, other: Context, talk: UUID) -> None:
    """000 and 001 keep counters; this counts what is there."""
    ref = ConversationRef(conversation_id=talk)
    first, last = NOON, NOON + timedelta(hours=3)
    wanted = ConversationStatistics(
        conversation_id=talk,
        messages=4,
        by_user=3,
        by_assistant=1,
        by_others=0,
        speakers=2,
        participants=1,
        sessions=2,
        input_tokens=30,
        output_tokens=7,
        rated_positive=0,
        rated_negative=0,
        first_message_at=first,
        last_message_at=last,
    )
    assert await conversations.conversation_statistics(ctx, ref) == wanted
    read = await conversations.get_conversation(ctx, ref)
    assert (read.message_count, read.total_input_tokens, read.total_output_tokens, read.last_message_at) == (
        4,
        30,
        7,
        last,
    )
    async with ctx.database.session(ctx.principal) as session:
        messages = MessageRepository(session, ctx.principal.organization_id)
        said = {one.content: one.id for one in await rows_of(messages)}
        await messages.delete(said[SAID[0][0]])
        await messages.update(said["I booked two seats on the ferry"], feedback_rating="positive")
    changed = {"messages": 3, "by_user": 2, "input_tokens": 20, "rated_positive": 1}
    now = {**wanted.model_dump(), **changed, "first_message_at": NOON + timedelta(minutes=1)}
    assert (await conversations.conversation_statistics(ctx, ref)).model_dump() == now
    with pytest.raises(NotFound):
        await conversations.conversation_statistics(other, ref)


async def test_statistics_read_the_messages_of_their_conversation_alone(ctx: Context, admin: Any, talk: UUID) -> None:
    organization = ctx.principal.organization_id
    await admin.execute(
        "WITH made AS (INSERT INTO conversations (organization_id, name) "
        "SELECT $1, 'c' || n FROM generate_series(1, 60) n RETURNING id) "
        "INSERT INTO messages (organization_id, conversation_id, content) "
        "SELECT $1, made.id, 'message ' || n FROM made, generate_series(1, 50) n",
        organization,
    )
    for table in ("conversations", "messages", "conversation_sessions", "conversation_participants"):
        await admin.execute(f"ANALYZE {table}")
    used = indexes(await plan(ctx, statement("mnemon.conversations", "conversation_statistics"), organization, talk))
    assert "pk_conversations" in used
    assert any(name.endswith("conversation_id_occurred_at_idx") for name in used), used


async def test_conversations_with_who_takes_part(ctx: Context, other: Context, talk: UUID) -> None:
    """000 joins conversations with their participants; the latest talk comes first."""
    (ada, bo) = await people(ctx, "ada", "bo")
    await conversations.create_conversation(ctx, ConversationCreate(title="quiet", participant_ids=(ada, bo)))

    async def titles(eyes: Context, **values: Any) -> list[str | None]:
        return [one.title for one in (await conversations.list_conversations(eyes, ConversationList(**values))).items]

    assert await titles(ctx, user_id=ada) == ["trip", "quiet"]
    assert await titles(ctx, user_id=bo) == ["quiet"]
    assert await titles(ctx, type="ai_chat") == ["trip"]
    first = await conversations.list_conversations(ctx, ConversationList(limit=1))
    assert await titles(ctx, limit=1, cursor=first.next_cursor) == ["quiet"]
    assert await titles(other, user_id=ada) == []
