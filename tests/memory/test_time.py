"""The two axes of time against a plain replay: what was known at a moment, and what was true at one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon import AsyncMemory, NotFound
from mnemon.conversations.schemas import ConversationChange, ConversationList
from mnemon.conversations.service import delete_conversation, list_conversations
from tests.factories import context_of, new_slug

DAY0 = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Version:
    """One content a memory had, as a plain program would keep it."""

    id: UUID
    true_from: datetime
    known_from: datetime
    corrected_at: datetime | None = None  # when we learnt better
    true_until: datetime | None = None  # what the correction says
    forgotten_at: datetime | None = None
    archived: list[datetime] = field(default_factory=list)  # when it was put away, came back, was put away, ...

    def kept(self, moment: datetime) -> bool:
        """Not put away; a correction takes the place of that too."""
        if self.corrected_at is not None and self.corrected_at <= moment:
            return True
        return sum(at <= moment for at in self.archived) % 2 == 0

    def known(self, moment: datetime) -> bool:
        """Recorded by then and not yet forgotten or put away."""
        return (
            self.kept(moment)
            and self.known_from <= moment
            and (self.forgotten_at is None or self.forgotten_at > moment)
        )

    def current(self, moment: datetime) -> bool:
        """Known then, and not yet corrected."""
        return self.known(moment) and (self.corrected_at is None or self.corrected_at > moment)

    def true(self, moment: datetime, known_at: datetime) -> bool:
        """True at a moment, as far as was known at another."""
        if not self.known(known_at) or self.true_from > moment:
            return False
        corrected = self.corrected_at is not None and self.corrected_at <= known_at
        return not corrected or (self.true_until is not None and moment < self.true_until)


class Replay:
    """Does the same to a memory and to a list."""

    def __init__(self, memory: AsyncMemory) -> None:
        self.memory = memory
        self.ctx = context_of(memory)
        self.versions: list[Version] = []
        self.moments: list[datetime] = []

    def open(self) -> list[Version]:
        return [v for v in self.versions if v.corrected_at is None and v.forgotten_at is None]

    async def do(self, what: str, which: int, day: int) -> None:
        at = DAY0 + timedelta(days=day)
        some = self.open()
        if what == "remember" or not some:
            done = await self.memory.remember(f"the harbour, version {len(self.versions)}", at=at)
            item = await self.memory.get(done.id)
            self.versions.append(Version(item.id, item.at, item.recorded_at))
        elif what == "say":
            done = await self.memory.remember(f"the harbour, said {len(self.versions)}", at=at, conversation="c")
            item = await self.memory.get(done.id)
            self.versions.append(Version(item.id, item.at, item.recorded_at))
            self.said.add(item.id)
        elif what == "update":
            old = next((v for v in some[which % len(some) :] if v.id not in self.said), None)
            if old is None:
                return
            item = await self.memory.update(old.id, f"the harbour, version {len(self.versions)}", at=at)
            old.corrected_at, old.true_until = item.recorded_at, max(at, old.true_from)
            self.versions.append(Version(item.id, item.at, item.recorded_at))
        elif what == "archive":
            one = next((v for v in some[which % len(some) :] if v.id not in self.said), None)
            if one is None:
                return
            status = "archived" if len(one.archived) % 2 == 0 else "active"
            async with self.ctx.database.transaction(self.ctx.principal) as connection:
                query = "UPDATE memories SET status = $2::memory_status WHERE id = $1 RETURNING updated_at"
                one.archived.append(await connection.fetchval(query, one.id, status))
                query = "SELECT max(created_at) FROM memory_log WHERE memory_id = $1"
                self.moments.append(await connection.fetchval(query, one.id))
        else:
            gone = some[which % len(some)]
            await self.memory.forget(gone.id)
            past = (await self.memory.list(include_past=True, limit=1000)).items
            gone.forgotten_at = next(item.deleted_at for item in past if item.id == gone.id)

    said: set[UUID]

    async def run(self, steps: list[tuple[str, int, int]]) -> None:
        self.said = set()
        for step in steps:
            await self.do(*step)
        edges = {m for v in self.versions for m in (v.known_from, v.corrected_at, v.forgotten_at) if m is not None}
        tick = timedelta(microseconds=1)
        # A status is logged by the clock, a little later than its transaction began.
        self.moments += [m - tick for v in self.versions for m in v.archived]
        self.moments = sorted({*self.moments, *(m + d for m in edges for d in (-tick, timedelta(0), tick))})


async def seen(memory: AsyncMemory, **conditions: Any) -> set[UUID]:
    listed = [item.id for item in (await memory.list(limit=1000, **conditions)).items]
    assert len(listed) == len(set(listed))
    return set(listed)


steps = st.lists(
    st.tuples(
        st.sampled_from(["remember", "say", "update", "update", "forget", "archive", "archive"]),
        st.integers(0, 5),
        st.integers(0, 9),
    ),
    min_size=2,
    max_size=9,
)


@settings(max_examples=15)
@given(data=st.data(), what=steps)
async def test_any_story_is_seen_as_a_plain_replay_sees_it(house: AsyncMemory, data: Any, what: Any) -> None:
    memory = await house.organization(new_slug())
    await memory.open()
    replay = Replay(memory)
    await replay.run(what)
    now = datetime.now(UTC) + timedelta(days=1)
    versions = replay.versions
    assert await seen(memory) == {v.id for v in versions if v.current(now)}
    past = (await memory.list(include_past=True, limit=1000)).items
    assert {item.id for item in past} == {v.id for v in versions}
    days = data.draw(st.lists(st.integers(-1, 10), min_size=2, max_size=3, unique=True))
    for day in days:
        moment = DAY0 + timedelta(days=day)
        assert await seen(memory, valid_at=moment) == {v.id for v in versions if v.true(moment, now)}
    for known_at in data.draw(st.lists(st.sampled_from(replay.moments), min_size=2, max_size=4, unique=True)):
        assert await seen(memory, as_of=known_at) == {v.id for v in versions if v.current(known_at)}
        for day in days:
            moment = DAY0 + timedelta(days=day)
            expected = {v.id for v in versions if v.true(moment, known_at)}
            assert await seen(memory, as_of=known_at, valid_at=moment) == expected
            found = await memory.search("harbour", k=100, as_of=known_at, valid_at=moment)
            assert {hit.id for hit in found} == expected
            recalled = await memory.recall("harbour", k=100, as_of=known_at, valid_at=moment)
            assert {hit.id for hit in recalled} == expected
        for v in versions:
            try:
                await memory.get(v.id, as_of=known_at)
                found_one = True
            except LookupError:
                raise
            except Exception as error:
                assert getattr(error, "code", None) == "not_found.memory"  # noqa: PT017
                found_one = False
            assert found_one == v.current(known_at)


async def test_a_move_told_late_on_both_axes(memory: AsyncMemory) -> None:
    """Told on 1 March; on 1 April we learn that it had been over since 10 February."""
    old = (await memory.remember("Ada lives in Turin", at="2026-01-01")).id
    before = (await memory.get(old)).recorded_at
    new = await memory.update(old, "Ada lives in Lisbon", at="2026-02-10")
    after = new.recorded_at

    async def where(**times: Any) -> set[str]:
        return {hit.content.split()[-1] for hit in await memory.search("Where does Ada live?", **times)}

    assert await where() == {"Lisbon"}
    assert await where(as_of=before) == {"Turin"}
    assert await where(as_of=after) == {"Lisbon"}
    assert await where(valid_at="2026-02-01") == {"Turin"}
    assert await where(valid_at="2026-02-10") == {"Lisbon"}
    assert await where(valid_at="2025-12-31") == set()
    assert await where(valid_at="2026-03-01", as_of=before) == {"Turin"}
    assert await where(valid_at="2026-03-01", as_of=after) == {"Lisbon"}
    assert await where(valid_at="2026-02-01", as_of=after) == {"Turin"}
    assert await where(as_of="2000-01-01") == set()


async def test_a_known_end_is_an_end(memory: AsyncMemory) -> None:
    one = (await memory.remember("The fair is on", at="2026-01-01", valid_until="2026-01-10")).id
    recorded = (await memory.get(one)).recorded_at
    for day, there in (("2025-12-31", 0), ("2026-01-01", 1), ("2026-01-09", 1), ("2026-01-10", 0), ("2026-02-01", 0)):
        assert len(await memory.search("fair", valid_at=day)) == there, day
        assert len(await memory.search("fair", valid_at=day, as_of=recorded)) == there, day
    assert len(await memory.search("fair")) == 1


async def test_a_known_end_is_remembered_after_a_correction(memory: AsyncMemory) -> None:
    one = (await memory.remember("The fair is on", at="2026-01-01", valid_until="2026-01-10")).id
    recorded = (await memory.get(one)).recorded_at
    await memory.update(one, "The fair is moved", at="2026-01-05")
    assert not len(await memory.search("fair", valid_at="2026-01-20", as_of=recorded))


async def test_expired_as_of(memory: AsyncMemory) -> None:
    recorded = (
        await memory.get(
            (await memory.remember("The fair is on", expires_at=datetime.now(UTC) - timedelta(hours=1))).id
        )
    ).recorded_at
    assert not len(await memory.search("fair"))
    assert not len(await memory.search("fair", as_of=recorded))


@pytest.mark.parametrize("how", ["archived", "forgotten", "superseded", "expired", "disputed"])
async def test_every_status_is_read_on_both_axes(memory: AsyncMemory, how: str) -> None:
    """Now, as of now, before it and after it: what is gone now does not come back by asking as of now."""
    await memory.open()
    ctx = context_of(memory)
    one = (await memory.remember("The fair is on", at="2026-01-01")).id
    before = datetime.now(UTC)
    if how == "forgotten":
        await memory.forget(one)
    elif how == "superseded":
        await memory.update(one, "The market is on", at="2026-01-01")
    elif how == "expired":
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.execute("UPDATE memories SET expires_at = now() WHERE id = $1", one)
    else:
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.execute("UPDATE memories SET status = $2::memory_status WHERE id = $1", one, how)
    after = datetime.now(UTC)
    there = how == "disputed"
    for moment, seen_then in ((None, there), (after, there), (after + timedelta(days=9), there), (before, True)):
        for conditions in ({}, {"valid_at": "2026-02-01"}):
            when: dict[str, Any] = {"as_of": moment, **conditions}
            assert (one in await seen(memory, **when)) == seen_then
            assert (one in {hit.id for hit in await memory.search("fair", **when)}) == seen_then
            assert (one in {hit.id for hit in await memory.recall("fair", **when)}) == seen_then
        if moment is not None:
            try:
                assert (await memory.get(one, as_of=moment)).id == one
            except NotFound:
                assert not seen_then
            else:
                assert seen_then
    if how == "archived":
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.execute("UPDATE memories SET status = 'active' WHERE id = $1", one)
        assert one in await seen(memory)
        assert one in await seen(memory, as_of=datetime.now(UTC))
        assert one not in await seen(memory, as_of=after), "it was put away then"


@pytest.mark.parametrize("how", ["message", "conversation"])
async def test_what_was_said_and_forgotten_stays_so_as_of_now(memory: AsyncMemory, how: str) -> None:
    said = (await memory.remember("The fair is on", conversation="plans", user="ada")).id
    before = datetime.now(UTC)
    if how == "message":
        await memory.forget(said)
    else:
        ctx = context_of(memory)
        page = await list_conversations(ctx, ConversationList())
        await delete_conversation(ctx, ConversationChange(conversation_id=page.items[0].id))
    after = datetime.now(UTC)
    for moment, there in ((None, False), (after, False), (after + timedelta(days=9), False), (before, True)):
        for conditions in ({}, {"conversation": "plans"}):
            assert (said in await seen(memory, as_of=moment, **conditions)) == there
