"""split=True: a long text is kept in parts, and found, read, changed, confirmed and erased as one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon import AsyncMemory, Conflict, Invalid, Memory, NewMemory, NewMessage, NotFound, Unavailable
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import ConversationList, ConversationRef, SearchMessages
from mnemon.core.pieces import PIECE
from mnemon.installation.export import (
    ExportOrganization,
    ImportOrganization,
    export_organization,
    import_organization,
)
from mnemon.memory import service
from mnemon.memory.schemas import Forget, Search, Update
from mnemon.migrations import runner
from tests.conftest import APP, Server
from tests.factories import context_of, new_slug, settings_of, upgrade
from tests.operations.conftest import elsewhere as elsewhere
from tests.workspace.helpers import acting, people

TOPICS = ("harbours", "lighthouses", "herring", "anchors", "sextants", "tides", "ropes", "whales")


def chapters(count: int = 40, *, about: str = "sea") -> str:
    """A long text whose every paragraph is about something of its own."""
    return "\n\n".join(
        f"Chapter {n} of the {about} is about {TOPICS[n % len(TOPICS)]} and the number {n * 7919}. "
        + "It goes on. " * 110
        for n in range(count)
    )


async def rows(admin: Any, memory: AsyncMemory, table: str = "memories") -> list[Any]:
    """Every row of the organisation, part by part."""
    organization = context_of(memory).principal.organization_id
    query = f"SELECT * FROM {table} WHERE organization_id = $1 ORDER BY created_at, whole_id, part"
    return list(await admin.fetch(query, organization))


@pytest.mark.parametrize("where", ["memories", "messages"])
async def test_a_long_text_is_one_thing(memory: AsyncMemory, admin: Any, where: str) -> None:
    text = "  " + chapters() + "\n\n\n"
    place: dict[str, Any] = {"conversation": "c", "role": "user"} if where == "messages" else {}
    with pytest.raises(Invalid) as refused:
        await memory.remember(text, user="ada", **place)
    assert refused.value.code == "invalid.content_too_long"
    assert "split=True" in str(refused.value)
    done = await memory.remember(text, user="ada", tags=["book"], split=True, **place)
    assert (len(done.ids), done.created) == (1, 1)
    parts = await rows(admin, memory, where)
    assert "".join(part["content"] for part in parts) == text
    assert all(len(part["content"]) <= PIECE for part in parts)
    assert {part["whole_id"] for part in parts} == {done.id} == {parts[0]["id"]}
    assert [part["part"] for part in parts] == list(range(1, len(parts) + 1))
    for named in (done.id, parts[17]["id"], str(parts[-1]["id"])):
        assert await memory.read(named) == text
    # Found once, by the part that matches, with its place; by words and by meaning, with others beside it.
    others = await memory.remember([f"A note about ropes {n}" for n in range(12)], user="ada")
    for verb in (memory.search, memory.recall):
        found = await verb("Which chapter is about the number 174218?", user="ada", k=10)
        assert len(found) == 10
        assert [hit.item.whole_id for hit in found].count(done.id) == 1
        assert {hit.id for hit in found} - set(others.ids) == {found[0].id}
        item = found[0].item
        assert "174218" in item.content
        assert (item.parts, item.place) == (len(parts), f"part {item.part} of {len(parts)}")
        assert f"({item.place}) " in found.text
    # Its parts, where they are asked for.
    within = await memory.search("ropes", user="ada", part_of=done.id, k=5)
    assert len({hit.id for hit in within}) == 5
    assert {hit.item.whole_id for hit in within} == {done.id}
    listed = [item for item in (await memory.list(limit=100, user="ada")).items if item.parts]
    assert [(item.id, item.part) for item in listed] == [(done.id, 1)]
    assert len((await memory.list(limit=1000, part_of=done.id)).items) == len(parts)
    # Forgotten as a whole, by any part.
    gone = await memory.forget(parts[5]["id"])
    assert gone.count == 1
    assert not [hit for hit in await memory.search("the number 174218", user="ada", k=20) if hit.item.parts]
    with pytest.raises(NotFound):
        await memory.read(done.id)
    assert await memory.read(done.id, as_of=(await memory.get(others.ids[0])).recorded_at) == text


async def test_many_long_texts_do_not_crowd_each_other_out(memory: AsyncMemory) -> None:
    """One text whose every part is about the same, and more of them than there are candidates; ten others beside it."""
    long = "\n\n".join(f"Herring number {n}, herring in the sea. " + "Herring. " * 120 for n in range(450))
    book = await memory.remember(long, split=True, dedupe=False)
    notes = await memory.remember([f"Once I saw a fish called Bo{n}" for n in range(9)])
    found = await memory.search("herring in the sea", k=10)
    assert len(found) == 10
    assert {hit.id for hit in found if not hit.item.parts} == set(notes.ids)
    assert [hit.item.whole_id for hit in found if hit.item.parts] == [book.id]
    second = await memory.remember(long + " And one more.", split=True)
    found = await memory.recall("herring in the sea", k=11)
    assert len(found) == 11
    assert {hit.item.whole_id for hit in found if hit.item.parts} == {book.id, second.id}


async def test_what_a_row_has_once_is_there_once(memory: AsyncMemory, admin: Any) -> None:
    calls = [{"name": "look"}]
    done = await memory.remember(
        [
            {"content": "Hello", "conversation": "c", "role": "user", "user": "ada"},
            {
                "content": chapters(8),
                "conversation": "c",
                "role": "assistant",
                "agent": "guide",
                "token_count": 900,
                "tool_calls": calls,
                "user": "ada",
            },
            {"content": "Thanks", "conversation": "c", "role": "user", "user": "ada"},
        ],
        split=True,
    )
    assert len(done.ids) == done.created == 3
    parts = [row for row in await rows(admin, memory, "messages") if row["parts"]]
    assert [row["tool_calls"] is not None for row in parts] == [True] + [False] * (len(parts) - 1)
    ctx = context_of(memory)
    (conversation,) = (await conversations.list_conversations(ctx, ConversationList())).items
    assert (conversation.message_count, conversation.total_output_tokens) == (3, 900)
    await memory.rate(parts[3]["id"], "negative", comment="too long")
    assert {item.feedback_rating for item in (await memory.list(part_of=done.ids[1], limit=100)).items} == {"negative"}
    counted = await conversations.conversation_statistics(ctx, ConversationRef(conversation_id=conversation.id))
    assert (counted.messages, counted.by_assistant, counted.rated_negative, counted.output_tokens) == (3, 1, 1, 900)
    found = await conversations.search_messages(ctx, SearchMessages(query="goes"))
    assert len(found) == 1
    history = await memory.history(parts[2]["id"])
    assert [(one.id, one.content) for one in history.versions] == [(done.ids[1], chapters(8))]
    await memory.erase(conversation="c")
    assert not await rows(admin, memory, "messages")


async def test_a_correction_is_of_the_whole(memory: AsyncMemory, admin: Any) -> None:
    first, second = chapters(10), chapters(9, about="land")
    done = await memory.remember(first, user="ada", split=True, tags=["book"])
    old = await rows(admin, memory)
    changed = await memory.update(old[4]["id"], second, reason="another edition", importance=8)
    assert await memory.read(changed.id) == second
    now = {item.id: item for item in (await memory.list(user="ada", limit=1000)).items}
    assert set(now) == {changed.id}
    assert (now[changed.id].tags, now[changed.id].importance, now[changed.id].part) == (("book",), 8, 1)
    everything = await rows(admin, memory)
    ended = [row for row in everything if row["whole_id"] == done.id]
    assert {(row["superseded_by"], row["status"]) for row in ended} == {(changed.id, "superseded")}
    assert {row["importance"] for row in everything if row["whole_id"] == changed.id} == {8}
    for named in (done.id, old[7]["id"], changed.id):
        story = await memory.history(named)
        assert [(one.id, one.content) for one in story.versions] == [(done.id, first), (changed.id, second)]
    with pytest.raises(Conflict):
        await memory.update(old[2]["id"], "too late")
    # In place: of every part. And what is short corrects it as one row.
    await memory.update((await rows(admin, memory))[-1]["id"], tags=["atlas"], is_pinned=True)
    parts = [row for row in await rows(admin, memory) if row["whole_id"] == changed.id]
    assert {(tuple(row["tags"]), row["is_pinned"], row["version"]) for row in parts} == {(("atlas",), True, 2)}
    short = await memory.update(changed.id, "It is lost")
    assert (short.content, short.whole_id, short.parts) == ("It is lost", None, None)
    assert [one.content for one in (await memory.history(short.id)).versions] == [first, second, "It is lost"]
    assert await memory.read(done.id) == first
    with pytest.raises(Invalid) as refused:
        await memory.update(short.id, "x" * 50_001)
    assert refused.value.code == "invalid.content_too_long"
    same = await memory.remember(chapters(10, about="air"), split=True)
    assert (await memory.update(same.id, chapters(10, about="air"), importance=3)).id == same.id


async def test_the_same_text_again_is_confirmed_once(memory: AsyncMemory, admin: Any) -> None:
    text = chapters(30)
    done = await memory.remember([text, text], user="ada", split=True)
    assert (done.created, done.ids[0]) == (1, done.ids[1])
    again = await memory.remember(text, user="ada", split=True)
    assert (again.id, again.created) == (done.ids[0], 0)
    assert (await memory.get(done.ids[0])).confirmed == 2
    other = [
        await memory.remember(text[:-1] + "!", user="ada", split=True),
        await memory.remember(text, user="bo", split=True),
        await memory.remember(text, user="ada", split=True, tags=["copy"]),
        await memory.remember(text, user="ada", split=True, dedupe=False),
    ]
    assert [one.created for one in other] == [1] * 4
    first = (await rows(admin, memory))[0]["content"]
    assert (await memory.remember(first, user="ada")).created == 1, "a part is not the text"
    at_once = await asyncio.gather(*(memory.remember(text, user="cem", split=True) for _ in range(6)))
    assert sum(one.created for one in at_once) == 1
    assert len({one.id for one in at_once}) == 1
    await memory.forget(done.ids[0])
    await memory.forget(other[3].id)
    assert (await memory.remember(text, user="ada", split=True)).created == 1


@pytest.mark.parametrize("where", ["memories", "messages"])
async def test_a_source_brings_it_once(memory: AsyncMemory, admin: Any, where: str) -> None:
    place: dict[str, Any] = {"conversation": "c", "role": "user"} if where == "messages" else {}
    source = {"source": "files", "source_id": "a" * 255, **place}
    done = await memory.remember(chapters(20), split=True, **source)
    parts = len(await rows(admin, memory, where))
    for text in (chapters(20), chapters(30), "short"):
        again = await memory.remember(text, split=True, **source)
        assert (again.id, again.created) == (done.id, 0)
    at_once = await asyncio.gather(
        *(memory.remember(chapters(20, about="sky"), split=True, **{**source, "source_id": "b"}) for _ in range(5))
    )
    assert (sum(one.created for one in at_once), len({one.id for one in at_once})) == (1, 1)
    assert len(await rows(admin, memory, where)) == 2 * parts
    # What an import of an earlier version has brought in parts of its own is there.
    earlier = await memory.remember("the first part", **{**source, "source_id": "c#1"})
    again = await memory.remember(chapters(20), split=True, **{**source, "source_id": "c"})
    assert (again.id, again.created) == (earlier.id, 0)
    # A part of it alone, which nobody could tell from another's: nothing is kept.
    await memory.remember("somebody's own", **{**source, "source_id": "d#2"})
    with pytest.raises(Conflict):
        await memory.remember(chapters(20), split=True, **{**source, "source_id": "d"})
    assert not [row for row in await rows(admin, memory, where) if row["source_id"] == "d"]


async def test_killed_in_the_middle_no_part_is_kept(server: Server, template: str, admin: Any) -> None:
    async with AsyncMemory(settings_of(server.url(APP), organization=new_slug())) as memory:
        await memory.remember("before", user="ada", conversation="c")
        organization = context_of(memory).principal.organization_id
        places: dict[str, dict[str, Any]] = {"messages": {"conversation": "c", "role": "user"}, "memories": {}}
        for table, place in places.items():
            blocker = await server.connect()
            lock = blocker.transaction()
            await lock.start()
            await blocker.execute(f"LOCK TABLE {table} IN SHARE MODE")
            writing = asyncio.create_task(memory.remember(chapters(), user="ada", split=True, **place))
            killed = 0
            for _ in range(500):
                killed = await admin.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = $1 "
                    f"AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO {table}%'",
                    APP,
                )
                if killed:
                    break
                await asyncio.sleep(0.02)
            assert killed == 1
            with pytest.raises(Unavailable):
                await writing
            await lock.rollback()
            await blocker.close()
            query = f"SELECT count(*) FROM {table} WHERE organization_id = $1 AND parts IS NOT NULL"
            assert await admin.fetchval(query, organization) == 0
            done = await memory.remember(chapters(), user="ada", split=True, **place)
            assert await memory.read(done.id) == chapters()


async def test_nobody_sees_a_part_of_what_they_do_not_see(memory: AsyncMemory, admin: Any) -> None:
    ctx = context_of(memory)
    await memory.remember(chapters(5), user="ada", memory_type="user_profile", split=True)
    (bob,) = await people(ctx, "bob")
    eyes = acting(ctx, bob)
    for part in await rows(admin, memory):
        for attempt in (
            service.read(eyes, part["id"]),
            service.forget(eyes, Forget(ids=(part["id"],))),
            service.update(eyes, Update(id=part["id"], importance=1)),
            service.history(eyes, part["id"]),
        ):
            with pytest.raises(NotFound):
                await attempt
    assert not (await service.search(eyes, Search(query="chapter"))).hits


async def test_it_goes_with_its_person_and_arrives_with_its_organisation(
    new_memory: Callable[[], Awaitable[AsyncMemory]], admin: Any, elsewhere: Any, tmp_path: Path
) -> None:
    memory = await new_memory()
    kept = await memory.remember(chapters(20), user="ada", split=True)
    said = await memory.remember(chapters(20, about="land"), user="ada", conversation="c", split=True)
    await export_organization(context_of(memory), ExportOrganization(path=tmp_path / "export"))
    done = await import_organization(elsewhere.owner_url, ImportOrganization(path=tmp_path / "export"))
    there = await elsewhere.memory.organization(done.slug)
    assert await there.read(kept.id) == chapters(20)
    assert await there.read(said.id) == chapters(20, about="land")
    assert (await there.remember(chapters(20), user="ada", split=True)).created == 0
    receipt = await memory.erase(user="ada")
    assert receipt.counts["memories"] > 10
    assert not await rows(admin, memory)
    assert not await rows(admin, memory, "messages")


async def test_an_import_keeps_what_is_too_long_for_a_message(memory: AsyncMemory, tmp_path: Path) -> None:
    long, usual = chapters(60), "word " * 2000
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate((long, usual, "end"))))
    report = await memory.import_file(path)
    assert (report.imported, report.broken) == (3, 0)
    items = {item.source_id: item for item in (await memory.list()).items}
    assert len(items) == 3
    (split,) = [item for item in items.values() if item.parts]
    assert await memory.read(split.id) == long
    assert next(item for item in items.values() if item.content.startswith("word ")).parts is None
    again = await memory.import_file(path, restart=True)
    assert (again.imported, again.skipped) == (0, 3)
    # A document's paragraphs as well.
    book = tmp_path / "book.txt"
    book.write_text("A title\n\n" + "word " * 12_000)
    assert (await memory.import_file(book)).broken == 0
    assert any(item.parts for item in (await memory.list(conversation="book")).items)


async def test_schemas_and_many_at_once(memory: AsyncMemory) -> None:
    items: list[Any] = [NewMemory(content=chapters(9)), NewMessage(content=chapters(9), conversation="c"), "short"]
    done = await memory.remember(items, split=True)
    assert done.created == 3
    assert [len(await memory.read(one)) for one in done.ids] == [len(chapters(9)), len(chapters(9)), 5]
    wrong: Any
    for wrong in (1, "yes", None):
        with pytest.raises(Invalid) as refused:
            await memory.remember("x", split=wrong)
        assert refused.value.data["field"] == "split"
    with pytest.raises(Invalid):
        await memory.remember("x" * 4_194_305, split=True)
    with pytest.raises(Invalid):
        await memory.remember(["fine", "x" * 50_001])
    assert len((await memory.list()).items) == 3


def test_the_memory_that_does_not_await_does_the_same(server: Server, template: str) -> None:
    with Memory(database_url=server.url(APP), organization=new_slug(), auto_maintenance=False) as memory:
        done = memory.remember(chapters(), split=True)
        assert memory.read(done.id) == chapters()


@settings(max_examples=25)
@given(
    words=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40),
        min_size=1,
        max_size=12,
    ),
    filler=st.sampled_from([" ", "\n\n", "x", "\u3000", ". "]),
)
async def test_any_text_is_read_as_it_was_remembered(memory: AsyncMemory, words: list[str], filler: str) -> None:
    text = (filler * 900).join(["a", *words])
    done = await memory.remember(text, split=True, dedupe=False)
    assert await memory.read(done.id) == text


async def test_the_way_back_and_onwards_keeps_every_word(server: Server, make_database: Any) -> None:
    name = await make_database()
    url = server.url(database=name)
    async with AsyncMemory(database_url=server.url(APP, name), organization="old-one") as memory:
        await memory.remember("short", user="ada")
        done = await memory.remember("a" + " " * 4000 + chapters(5), user="ada", split=True)
        said = await memory.remember(" " * 4000 + chapters(5), user="ada", conversation="c", split=True)
        assert await memory.read(said.id) == " " * 4000 + chapters(5)
    admin = await server.connect(database=name)
    try:
        await runner.downgrade(url, revision="0024")
        for table in ("memories", "messages"):
            texts = [row[0] for row in await admin.fetch(f"SELECT content FROM {table} WHERE content ~ 'Chapter 4'")]
            assert len(texts) == 1
        await upgrade(url)
        assert (await runner.check(url)).ok
        async with AsyncMemory(database_url=server.url(APP, name), organization="old-one") as memory:
            found = await memory.search("Chapter 4", user="ada", kinds=["memory"])
            assert found[0].item.parts is None
            assert (await memory.get(done.id)).parts is None
    finally:
        await admin.close()
