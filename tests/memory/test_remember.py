"""remember: what goes in comes out as it was, once, together, or not at all."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon import AsyncMemory, Conflict, Forbidden, Invalid, NewMemory, NewMessage, NotFound, Unavailable
from mnemon.app import App
from mnemon.context import Context
from mnemon.core.principal import Principal
from mnemon.core.text import CONTENT_LIMIT, trimmed
from mnemon.db.recallable import SESSION_BITS
from mnemon.db.session import Database
from mnemon.memory import service
from mnemon.memory.schemas import Remember
from tests.conftest import APP, Server
from tests.factories import context_of, new_slug, settings_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def rows(admin: Any, memory: AsyncMemory, table: str, order: str = "ordinal") -> list[Any]:
    organization = context_of(memory).principal.organization_id
    found: list[Any] = await admin.fetch(
        f"SELECT * FROM {table} WHERE organization_id = $1 ORDER BY {order}", organization
    )
    return found


async def test_every_form_of_one_thing(memory: AsyncMemory) -> None:
    for content, kind in (
        ("a text", "memory"),
        ({"content": "a mapping"}, "memory"),
        (NewMemory(content="a memory"), "memory"),
        (NewMessage(content="a message"), "message"),
        ({"content": "said", "role": "user"}, "message"),
        ({"content": "said", "conversation": "c"}, "message"),
        ({"content": "kept", "conversation": "c", "importance": 8}, "memory"),
        ({"content": "counted", "token_count": 3}, "message"),
    ):
        done = await memory.remember(content)
        assert done.created == 1
        assert (await memory.get(done.id)).kind == kind, content


async def test_many_of_every_form_come_back_in_order(memory: AsyncMemory) -> None:
    two = {"content": "two", "conversation": "c"}
    things: list[Any] = ["one", two, NewMemory(content="three"), NewMessage(content="four")]
    done = await memory.remember(iter(things))
    assert done.created == 4
    assert [(await memory.get(one)).content for one in done.ids] == ["one", "two", "three", "four"]
    assert (await memory.remember([])).ids == ()


async def test_every_field_of_a_memory_comes_back(memory: AsyncMemory) -> None:
    done = await memory.remember(
        "She prefers trains",
        user="ada",
        agent="guide",
        conversation="plans",
        memory_type="user_profile",
        importance=9,
        confidence=0.25,
        is_pinned=True,
        tier="hot",
        at="2026-01-02T03:04:05+02:00",
        valid_until="2027-01-01T00:00:00Z",
        tags=["travel", "travel", "rail"],
        metadata={"nested": {"list": [1, 2.5, None, True, "ü"]}},
        source="mail",
        source_id="<1@example.org>",
    )
    item = await memory.get(done.id)
    assert item.user == "ada"
    assert item.agent == "guide"
    assert item.conversation == "plans", "a conversation is made on first use, for a memory too"
    assert (item.importance, item.confidence, item.is_pinned, item.tier) == (9, 0.25, True, "hot")
    assert item.at == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert item.valid_until == datetime(2027, 1, 1, tzinfo=UTC)
    assert item.tags == ("travel", "rail")
    assert item.metadata == {"nested": {"list": [1, 2.5, None, True, "ü"]}}
    assert (item.source, item.source_id) == ("mail", "<1@example.org>")
    assert (item.memory_type, item.status, item.version, item.access_count) == ("user_profile", "active", 1, 0)


async def test_every_field_of_a_message_comes_back(memory: AsyncMemory, admin: Any) -> None:
    done = await memory.remember(
        {
            "content": "Here is what I found",
            "conversation": "plans",
            "conversation_title": "Our plans",
            "role": "assistant",
            "user": "ada",
            "agent": "guide",
            "model": "some/model",
            "token_count": 7,
            "tool_calls": [{"name": "look_up"}],
            "tool_results": [],
            "session": "one",
        }
    )
    item = await memory.get(done.id)
    assert (item.kind, item.role, item.speaker, item.user, item.agent) == (
        "message",
        "assistant",
        "guide",
        "ada",
        "guide",
    )
    row = (await rows(admin, memory, "messages"))[0]
    assert (row["model"], row["token_count"], row["content_type"]) == ("some/model", 7, "ai")
    assert (row["tool_calls"], row["tool_results"]) == ('[{"name": "look_up"}]', "[]")
    conversation = (await rows(admin, memory, "conversations", "id"))[0]
    assert (conversation["name"], conversation["type"]) == ("Our plans", "ai_chat")


@pytest.mark.parametrize(
    ("role", "fields", "speaker"),
    [
        ("user", {"user": "ada"}, "ada"),
        ("user", {"user": "ada", "speaker": "Bob"}, "Bob"),
        ("user", {"agent": "guide"}, None),
        ("assistant", {"agent": "guide", "user": "ada"}, "guide"),
        ("assistant", {"speaker": "Other", "agent": "guide"}, "Other"),
        ("system", {"user": "ada"}, None),
        ("tool", {"agent": "guide"}, None),
    ],
)
async def test_who_speaks(memory: AsyncMemory, role: str, fields: dict[str, str], speaker: str | None) -> None:
    done = await memory.remember("something", role=role, **fields)  # type: ignore[arg-type]
    assert (await memory.get(done.id)).speaker == speaker


async def test_names_are_made_once_however_many_come_at_once(memory: AsyncMemory, admin: Any) -> None:
    await memory.open()

    async def one(number: int) -> None:
        names = {"user": "Ada Lovelace", "agent": "guide", "conversation": "plans"}
        if number % 2:
            await memory.remember(f"said {number}", **names)  # type: ignore[arg-type]
        else:
            both: list[Any] = [
                {"content": f"kept {number}", "importance": 3, **names},
                {"content": f"said {number}", **names},
            ]
            await memory.remember(both)

    await asyncio.gather(*(one(number) for number in range(20)))
    for table in ("users", "agents", "conversations"):
        assert len(await rows(admin, memory, table, "id")) == 1, table
    assert len(await rows(admin, memory, "participant_names", "id")) == 3
    messages = await rows(admin, memory, "messages")
    assert len(messages) == 20
    assert [m["ordinal"] & 0xFFFF for m in messages] == list(range(1, 21))
    assert (await rows(admin, memory, "conversations", "id"))[0]["message_count"] == 20


async def test_batches_that_name_the_same_people_in_another_order_do_not_deadlock(memory: AsyncMemory) -> None:
    await memory.open()
    for attempt in range(3):
        people = [f"person {attempt}.{n}" for n in range(12)]

        async def one(order: list[str]) -> None:
            await memory.remember([{"content": f"hello {name}", "user": name, "conversation": name} for name in order])

        await asyncio.gather(*(one(people[n:] + people[:n]) for n in range(8)), *(one(people[::-1]) for _ in range(4)))
    assert len(await memory.recall("hello", k=1000)) == 12 * 12 * 3


@pytest.mark.parametrize("fields", [{}, {"conversation": "plans"}])
async def test_the_same_source_id_is_stored_once(memory: AsyncMemory, fields: dict[str, Any]) -> None:
    first = await memory.remember("as it came", source="mail", source_id="1", **fields)
    again = await memory.remember("as it came again", source="mail", source_id="1", **fields)
    assert (first.created, again.created) == (1, 0)
    assert again.id == first.id
    assert (await memory.get(first.id)).content == "as it came"
    other = await memory.remember("elsewhere", source="chat", source_id="1", **fields)
    assert other.created == 1


@pytest.mark.parametrize("fields", [{"importance": 5}, {"conversation": "plans"}])
async def test_the_same_source_id_inside_one_batch(memory: AsyncMemory, fields: dict[str, Any]) -> None:
    batch = [{"content": f"n{n}", "source_id": str(n % 3), **fields} for n in range(9)]
    done = await memory.remember(batch)
    assert done.created == 3
    assert done.ids == done.ids[:3] * 3
    assert [(await memory.get(one)).content for one in done.ids[:3]] == ["n0", "n1", "n2"]


async def test_a_large_batch_of_new_messages_may_hold_one_that_is_there(memory: AsyncMemory) -> None:
    there = await memory.remember("n1", source_id="1", conversation="plans")
    batch = [{"content": f"n{n}", "source_id": str(n), "conversation": "plans"} for n in range(400)]
    done = await memory.remember(batch)
    assert done.created == 399
    assert done.ids[1] == there.id
    assert (await memory.remember(batch)).ids == done.ids
    assert len({*done.ids}) == len((await memory.list(limit=1000)).items) == 400


@pytest.mark.parametrize("where", ["memories", "one conversation", "several conversations"])
async def test_the_same_source_id_from_many_at_once(memory: AsyncMemory, admin: Any, where: str) -> None:
    await memory.open()

    async def one(number: int) -> tuple[Any, ...]:
        conversation = {"one conversation": "plans", "several conversations": f"plans {number}"}.get(where)
        fields = {"importance": 5} if conversation is None else {"conversation": conversation}
        order = range(6) if number % 2 else reversed(range(6))
        batch = [{"content": f"n{n}", "source_id": str(n), **fields} for n in order]
        for _ in range(5):
            try:
                done = await memory.remember(batch)
            except Conflict as error:
                # Two orders of the same new rows may meet: it says so, keeps nothing, and is tried again.
                assert error.code == "conflict.retry"  # noqa: PT017
                continue
            break
        return (done.created, *(done.ids if number % 2 else done.ids[::-1]))

    results = await asyncio.gather(*(one(number) for number in range(10)))
    assert sum(created for created, *_ in results) == 6
    table = "memories" if where == "memories" else "messages"
    stored = {row["id"]: row["source_id"] for row in await rows(admin, memory, table)}
    assert len(stored) == 6
    for _, *ids in results:
        assert [stored.get(one) for one in ids] == [str(n) for n in range(6)]


async def test_neighbours_in_talk_are_neighbours_in_number(memory: AsyncMemory, admin: Any) -> None:
    await memory.remember(
        [
            {"content": f"{place} {n}", "conversation": place, "at": NOON + timedelta(minutes=n)}
            for n in range(10)
            for place in ("kitchen", "garden")
        ]
    )
    await memory.remember("kitchen 10", conversation="kitchen", at=NOON + timedelta(minutes=20))
    for place, expected in (("kitchen", 11), ("garden", 10)):
        found = [row for row in await rows(admin, memory, "messages") if row["content"].startswith(place)]
        assert [row["content"] for row in found] == [f"{place} {n}" for n in range(expected)]
        first = found[0]["ordinal"]
        assert [row["ordinal"] for row in found] == list(range(first, first + expected))


async def test_a_pause_of_half_an_hour_begins_a_new_session(memory: AsyncMemory, admin: Any) -> None:
    for minutes in (0, 30, 60, 91, 100):
        await memory.remember(f"after {minutes}", conversation="c", at=NOON + timedelta(minutes=minutes))
    sessions = await rows(admin, memory, "conversation_sessions", "number")
    assert [s["message_count"] for s in sessions] == [3, 2]
    assert (sessions[0]["started_at"], sessions[0]["ended_at"]) == (NOON, NOON + timedelta(minutes=60))
    assert [s["label"] for s in sessions] == [None, None]


async def test_what_is_told_out_of_order_stays_near_its_time(memory: AsyncMemory, admin: Any) -> None:
    for minutes in (0, -20, -300):
        await memory.remember(f"at {minutes}", conversation="c", at=NOON + timedelta(minutes=minutes))
    sessions = await rows(admin, memory, "conversation_sessions", "number")
    assert [s["message_count"] for s in sessions] == [2, 1]
    assert sessions[0]["started_at"] == NOON - timedelta(minutes=20)


async def test_a_source_that_names_its_sessions_is_believed(memory: AsyncMemory, admin: Any) -> None:
    await memory.remember(
        [
            {"content": f"{label} {n}", "conversation": "c", "session": label, "at": NOON + timedelta(days=n)}
            for label in ("first", "second")
            for n in range(3)
        ]
    )
    await memory.remember("second 3", conversation="c", session="second", at=NOON + timedelta(days=90))
    sessions = await rows(admin, memory, "conversation_sessions", "number")
    assert [(s["label"], s["message_count"]) for s in sessions] == [("first", 3), ("second", 4)]


async def test_talk_without_a_pause_is_cut(memory: AsyncMemory, admin: Any) -> None:
    await memory.remember([{"content": f"n{n}", "conversation": "radio", "at": NOON} for n in range(600)])
    sessions = await rows(admin, memory, "conversation_sessions", "number")
    assert [s["message_count"] for s in sessions] == [256, 256, 88]
    ordinals = [row["ordinal"] for row in await rows(admin, memory, "messages")]
    assert [o >> SESSION_BITS for o in ordinals[::256]] == [s["number"] for s in sessions]


async def test_counters_and_participants(memory: AsyncMemory, admin: Any) -> None:
    talk: list[dict[str, Any]] = [
        {"content": "Where shall we go?", "user": "ada", "token_count": 5},
        {"content": "To the harbour.", "role": "assistant", "agent": "guide", "token_count": 7},
        {"content": "Good idea", "user": "ada", "speaker": "bob", "token_count": 2},
    ]
    for n, message in enumerate(talk):
        await memory.remember(message | {"conversation": "c", "at": NOON + timedelta(minutes=n)})
    conversation = (await rows(admin, memory, "conversations", "id"))[0]
    assert conversation["message_count"] == 3
    assert (conversation["total_input_tokens"], conversation["total_output_tokens"]) == (7, 7)
    assert conversation["last_message_at"] == NOON + timedelta(minutes=2)
    assert conversation["version"] == 1
    users = {row["id"]: row["external_id"] for row in await rows(admin, memory, "users", "id")}
    participants = await rows(admin, memory, "conversation_participants", "user_id")
    assert {users[row["user_id"]] for row in participants} == {"ada"}
    session = (await rows(admin, memory, "conversation_sessions", "number"))[0]
    assert session["message_count"] == 3
    assert len(session["speaker_ids"]) == 3
    assert session["term_count"] == sum(
        [await admin.fetchval("SELECT length(to_tsvector('english', $1))", message["content"]) for message in talk]
    )
    follows = [row["follows_question"] for row in await rows(admin, memory, "messages")]
    assert follows == [False, True, False]


@pytest.mark.parametrize("conversation", [None, "c"])
async def test_limits_of_content(memory: AsyncMemory, conversation: str | None) -> None:
    longest = "é" * CONTENT_LIMIT
    done = await memory.remember(longest, conversation=conversation)
    assert (await memory.get(done.id)).content == longest
    for content, code in (
        ("x" * (CONTENT_LIMIT + 1), "invalid.content_too_long"),
        ("", "invalid.content_empty"),
        (" \n\t\u00a0\u2003", "invalid.content_empty"),
        ("a\x00b", "invalid.characters"),
        ("a\ud800b", "invalid.characters"),
    ):
        with pytest.raises(Invalid) as caught:
            await memory.remember(content, conversation=conversation)
        assert caught.value.code == code
        assert caught.value.data["field"] == "content"
        assert "x" * 100 not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "שלום עולם! مرحبا بالعالم ‮reversed‬",
        "東京タワーに行きました。我喜欢北京烤鸭。",
        "👩‍👩‍👧‍👦 🏳️‍🌈 🇵🇹 — 🤷🏽‍♀️",
        "z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢",
        "  leading and trailing  \r\n",
        "'; DROP TABLE memories; --",
        "{\"a\": '\\u0000'} \\x00 %s {0} $1 :name",
        "\u200b\ufeff\u2060",
        "\x01\x1f\x7f\x85\u2028\U0010ffff\ufffe",
        "w" * 50_000,
        "<script>alert('hi')</script>&amp;",
    ],
)
@pytest.mark.parametrize("conversation", [None, "c"])
async def test_text_is_kept_verbatim(memory: AsyncMemory, text: str, conversation: str | None) -> None:
    name = trimmed(text[:100]) or "ada"
    key = text[:200] if trimmed(text[:200]) else "key"
    done = await memory.remember(
        text,
        conversation=conversation,
        user=name,
        tags=[name[:50]],
        metadata={text[:60]: text[:1000]},
        source_id=key,
    )
    item = await memory.get(done.id)
    assert item.content == text
    assert item.user == name
    assert item.tags == (trimmed(name[:50]),)
    assert item.metadata == {text[:60]: text[:1000]}
    assert item.source_id == key
    assert [hit.id for hit in await memory.search(text[:50_000], user=name)] == [done.id]


@settings(max_examples=60)
@given(
    content=st.text(st.characters(), min_size=1, max_size=60),
    name=st.text(st.characters(), min_size=1, max_size=30),
    tags=st.lists(st.text(st.characters(), min_size=1, max_size=10), max_size=3),
)
async def test_any_text_is_kept_or_refused_with_a_reason(
    house: AsyncMemory, content: str, name: str, tags: list[str]
) -> None:
    try:
        done = await house.remember(content, user=name, tags=tags, conversation=name, agent=name)
    except Invalid as error:
        assert error.code in {"invalid.content_empty", "invalid.characters", "invalid.blank"}  # noqa: PT017
        return
    item = await house.get(done.id)
    kept = trimmed(name)
    assert (item.content, item.user, item.agent, item.conversation) == (content, kept, kept, kept)
    assert item.tags == tuple(dict.fromkeys(trimmed(tag) for tag in tags))


DEEP: dict[str, Any] = {}
_level = DEEP
for _ in range(40):
    _level["a"] = {}
    _level = _level["a"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"colour": "blue"}, "invalid.unknown_field"),
        ({"importance": 0}, "invalid.greater_than_equal"),
        ({"importance": 11}, "invalid.less_than_equal"),
        ({"importance": "high"}, "invalid.int_parsing"),
        ({"confidence": 1.5}, "invalid.less_than_equal"),
        ({"confidence": float("nan")}, "invalid.finite_number"),
        ({"memory_type": "dream"}, "invalid.enum"),
        ({"memory_type": "agent_private"}, "invalid.private_has_agent"),
        ({"memory_type": "user_profile"}, "invalid.profile_has_user"),
        ({"user": ""}, "invalid.string_too_short"),
        ({"user": "x" * 256}, "invalid.string_too_long"),
        ({"user": 7}, "invalid.string_type"),
        ({"tags": ["x" * 101]}, "invalid.string_too_long"),
        ({"tags": [""]}, "invalid.string_too_short"),
        ({"tags": [["nested"]]}, "invalid.string_type"),
        ({"tags": [str(n) for n in range(101)]}, "invalid.too_long"),
        ({"metadata": {"n": float("nan")}}, "invalid.json"),
        ({"metadata": {"n": float("inf")}}, "invalid.json"),
        ({"metadata": {"n": object()}}, "invalid.json"),
        ({"metadata": {"n": 10**5000}}, "invalid.json"),
        ({"metadata": {1: "n"}}, "invalid.string_type"),
        ({"metadata": {"n": "\x00"}}, "invalid.characters"),
        ({"metadata": DEEP}, "invalid.json_too_deep"),
        ({"metadata": {"n": "x" * 300_000}}, "invalid.json_too_large"),
        ({"metadata": {"n": [0] * 1_000_000}}, "invalid.json_too_large"),
        ({"at": "yesterday"}, "invalid.time"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "invalid.time"),
        ({"at": "0001-01-01T00:00:00Z"}, "invalid.time"),
        ({"at": "9999-12-31T23:00:00-14:00"}, "invalid.time"),
        ({"at": "2026-01-02", "valid_until": "2026-01-01"}, "invalid.validity"),
        ({"valid_until": "2020-01-01"}, "invalid.validity"),
        ({"role": "narrator"}, "invalid.enum"),
        ({"role": "user", "importance": 3}, "invalid.unknown_field"),
        ({"role": "user", "token_count": -1}, "invalid.greater_than_equal"),
        ({"role": "user", "tool_calls": {"n": float("nan")}}, "invalid.json"),
        ({"role": "user", "tool_calls": object()}, "invalid.json"),
        ({"role": "user", "tool_results": ["\x00"]}, "invalid.characters"),
    ],
)
async def test_what_breaks_a_rule_is_refused_by_name(memory: AsyncMemory, fields: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        await memory.remember("something", **fields)
    assert caught.value.code == code
    assert not (await memory.list()).items


@pytest.mark.parametrize("content", [7, None, b"bytes", [7], [None], [["nested"]], {"text": "no content"}])
async def test_what_cannot_be_remembered(memory: AsyncMemory, content: Any) -> None:
    with pytest.raises(Invalid):
        await memory.remember(content)


async def test_times_at_the_edges(memory: AsyncMemory) -> None:
    for at in (datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)):
        done = await memory.remember("far away", at=at)
        assert (await memory.get(done.id)).at == at
        await memory.remember("far away, said", at=at, conversation="c")
    assert len(await memory.recall("far away", k=10)) == 4
    page = await memory.list(limit=1)
    seen = list(page.items)
    while page.next_cursor:
        page = await memory.list(limit=1, cursor=page.next_cursor)
        seen += page.items
    assert len({item.id for item in seen}) == len(seen) == 4


async def test_a_team_must_exist(memory: AsyncMemory) -> None:
    with pytest.raises(NotFound) as caught:
        await memory.remember("for the crew", team="crew", user="ada")
    assert caught.value.code == "not_found.team"
    assert not (await memory.list()).items
    assert not await people(memory)


async def people(memory: AsyncMemory) -> int:
    ctx = context_of(memory)
    async with ctx.database.transaction(ctx.principal) as connection:
        return int(await connection.fetchval("SELECT count(*) FROM users"))


async def test_a_batch_with_one_bad_item_keeps_nothing(memory: AsyncMemory) -> None:
    good = [{"content": f"n{n}", "user": "ada", "conversation": "c"} for n in range(50)]
    with pytest.raises(Invalid):
        await memory.remember([*good, {"content": ""}])
    # Found out by the database only, after the messages were written.
    with pytest.raises(Invalid) as caught:
        await memory.remember([*good, {"content": "over", "valid_until": "2020-01-01"}])
    assert caught.value.code == "invalid.validity"
    assert not (await memory.list()).items
    assert await people(memory) == 0


async def test_a_permission_is_needed(ctx: Context) -> None:
    reader = ctx.as_principal(Principal(ctx.principal.organization_id, permissions=frozenset({"memories:read"})))
    with pytest.raises(Forbidden) as caught:
        await service.remember(reader, Remember(items=(NewMemory(content="no"),)))
    assert caught.value.data["permission"] == "memories:write"
    with pytest.raises(Forbidden):
        await service.maintain(reader)


async def test_a_server_that_goes_away_in_the_middle_keeps_nothing(server: Server, template: str, admin: Any) -> None:
    async with AsyncMemory(settings_of(server.url(APP), organization=new_slug())) as memory:
        ctx = context_of(memory)
        organization = ctx.principal.organization_id
        await memory.remember("before", user="ada", conversation="c")
        blocker = await server.connect()
        lock = blocker.transaction()
        await lock.start()
        await blocker.execute("SELECT FROM conversations WHERE organization_id = $1 FOR UPDATE", organization)
        batch = [{"content": f"n{n}", "user": "bob", "conversation": "c"} for n in range(20)]
        writing = asyncio.create_task(memory.remember([*batch, {"content": "kept", "user": "bob"}]))
        killed = 0
        for _ in range(200):  # until it waits for the lock, with its people already written
            killed = await admin.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE usename = $1 AND wait_event_type = 'Lock' AND query LIKE '%open_conversations%'",
                APP,
            )
            if killed:
                break
            await asyncio.sleep(0.02)
        assert killed == 1
        with pytest.raises(Unavailable) as caught:
            await writing
        assert caught.value.code == "unavailable.database"
        await lock.rollback()
        await blocker.close()
        assert [item.content for item in (await memory.list()).items] == ["before"]
        assert await people(memory) == 1
        done = await memory.remember([*batch, {"content": "kept", "user": "bob"}])
        assert done.created == 21
        assert len((await memory.list(limit=100)).items) == 22


async def test_a_cancelled_remember_keeps_nothing(app: App, memory: AsyncMemory) -> None:
    batch = [{"content": f"n{n}", "user": "bob", "conversation": "c"} for n in range(500)]
    for delay in (0.0, 0.01, 0.03):
        task = asyncio.create_task(memory.remember(batch))
        await asyncio.sleep(delay)
        task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        count = len((await memory.list(limit=1000)).items)
        assert count in (0, 500)
        assert count == 0 or not isinstance(results[0], BaseException) or delay > 0
        if count:
            break
    assert (await memory.remember("after")).created == 1


async def test_messages_of_one_batch_in_two_places_at_once(memory: AsyncMemory) -> None:
    """Each conversation has its own ordinals; writers of different conversations do not wait for one another."""
    await memory.open()
    ids = await asyncio.gather(
        *(
            memory.remember([{"content": f"{place} {n}", "conversation": place} for n in range(30)])
            for place in ("a", "b", "c", "d")
        )
    )
    assert len({one for done in ids for one in done.ids}) == 120


async def test_ten_thousand_at_once(memory: AsyncMemory) -> None:
    done = await memory.remember(f"number {n}" for n in range(2500))
    assert done.created == len(set(done.ids)) == 2500
    assert (await memory.get(done.ids[1999])).content == "number 1999"


async def test_who_was_deleted_comes_back_with_the_same_id(memory: AsyncMemory, admin: Any) -> None:
    first = await memory.remember("hello", user="ada", agent="guide", conversation="c")
    organization = context_of(memory).principal.organization_id
    for table in ("users", "agents"):
        await admin.execute(f"UPDATE {table} SET deleted_at = now() WHERE organization_id = $1", organization)
    second = await memory.remember("hello again", user="ada", agent="guide", conversation="c")
    assert (await memory.get(second.id)).user == "ada"
    found = await rows(admin, memory, "messages")
    assert found[0]["user_id"] == found[1]["user_id"]
    assert first.id != second.id


async def test_an_unknown_id_is_no_item(memory: AsyncMemory, database: Database) -> None:
    with pytest.raises(NotFound):
        await memory.get(uuid4())
    with pytest.raises(Invalid):
        await memory.get("not an id")
