"""Callers of one process that remember at the same time share a transaction, and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon import AsyncMemory, Conflict, Forbidden, Memory, NewMemory, NewMessage, NotFound, Unavailable
from mnemon.app import App
from mnemon.context import Context
from mnemon.core.principal import Principal
from mnemon.identity import service as identity
from mnemon.memory import service
from mnemon.memory.models import MemoryType
from mnemon.memory.schemas import Remember, Remembered
from tests.conftest import APP, Server
from tests.factories import context_of, new_slug


def one(item: NewMemory | NewMessage, *, dedupe: bool = True) -> Remember:
    return Remember(items=(item,), dedupe=dedupe)


async def transactions(admin: Any, ctx: Context, table: str) -> Counter[str]:
    """How many rows of the organisation each transaction wrote."""
    found = await admin.fetch(
        f"SELECT xmin::text AS by FROM {table} WHERE organization_id = $1", ctx.principal.organization_id
    )
    return Counter(row["by"] for row in found)


async def test_they_share_few_transactions_and_each_finds_its_own(admin: Any, memory: AsyncMemory) -> None:
    ctx = context_of(memory)

    async def call(number: int) -> None:
        done = await memory.remember(
            f"The colour of number {number} is {number * 7919}.", conversation=f"c{number % 3}"
        )
        found = await memory.search(f"colour of number {number} {number * 7919}", k=1)
        assert found.hits[0].id == done.id

    await asyncio.gather(*map(call, range(40)))
    by = await transactions(admin, ctx, "messages")
    assert by.total() == 40
    assert len(by) < 20
    sessions = await admin.fetch(
        "SELECT s.message_count, (SELECT count(*) FROM messages m WHERE m.organization_id = s.organization_id "
        "AND m.ordinal >> 16 = s.number) AS rows FROM conversation_sessions s WHERE organization_id = $1",
        ctx.principal.organization_id,
    )
    assert all(session["message_count"] == session["rows"] for session in sessions)


async def test_a_bad_one_does_not_fail_the_others(admin: Any, ctx: Context) -> None:
    good = [one(NewMessage(content=f"good {n}", conversation="c")) for n in range(6)]
    bad = one(NewMessage(content="bad", conversation="c", team="no-such-team"))
    answers = await asyncio.gather(
        *(service.remember(ctx, request) for request in [*good[:3], bad, *good[3:]]), return_exceptions=True
    )
    assert isinstance(answers[3], NotFound)
    assert sum(isinstance(answer, Remembered) and answer.created for answer in answers) == 6
    kept = await admin.fetch("SELECT content FROM messages WHERE organization_id = $1", ctx.principal.organization_id)
    assert sorted(row["content"] for row in kept) == [f"good {n}" for n in range(6)]


async def test_the_same_source_at_once_is_kept_once(admin: Any, ctx: Context) -> None:
    said = one(NewMessage(content="said once", conversation="c", source="s", source_id="1"))
    kept = one(NewMemory(content="kept once", source="s", source_id="1"))
    for request, table in ((said, "messages"), (kept, "memories")):
        answers = await asyncio.gather(*(service.remember(ctx, request) for _ in range(8)))
        assert sum(answer.created for answer in answers) == 1
        assert len({answer.id for answer in answers}) == 1
        assert (await transactions(admin, ctx, table)).total() == 1
        again = await asyncio.gather(*(service.remember(ctx, request) for _ in range(3)))
        assert {(answer.id, answer.created) for answer in again} == {(answers[0].id, 0)}


async def test_the_same_text_at_once_is_confirmed(admin: Any, ctx: Context) -> None:
    answers = await asyncio.gather(*(service.remember(ctx, one(NewMemory(content="Tea at five"))) for _ in range(5)))
    assert sum(answer.created for answer in answers) == 1
    assert len({answer.id for answer in answers}) == 1
    assert await admin.fetchval("SELECT confirmed FROM memories WHERE id = $1", answers[0].id) == 4
    twice = one(NewMemory(content="Tea at five"), dedupe=False)
    assert (
        sum(answer.created for answer in await asyncio.gather(*(service.remember(ctx, twice) for _ in range(3)))) == 3
    )


async def test_another_principal_never_shares_a_transaction(admin: Any, ctx: Context) -> None:
    people = {}
    for name in ("ada", "bob"):
        account = await service.remember(ctx, one(NewMemory(content=f"{name} is here", user=name)))
        people[name] = await admin.fetchval("SELECT user_id FROM memories WHERE id = $1", account.id)

    async def call(name: str | None, number: int) -> tuple[UUID | None, UUID]:
        person = people.get(name or "")
        mine = ctx if person is None else ctx.as_principal(replace(ctx.principal, user_id=person))
        done = await service.remember(mine, one(NewMemory(content=f"{name} said {number}", user=name)))
        return person, done.id

    done = await asyncio.gather(*(call(name, number) for number in range(6) for name in ("ada", "bob", None)))
    written: dict[str, set[UUID | None]] = {}
    for person, memory_id in done:
        row = await admin.fetchrow(
            "SELECT m.xmin::text AS by, l.changed_by FROM memories m JOIN memory_log l "
            "ON l.organization_id = m.organization_id AND l.memory_id = m.id WHERE m.id = $1",
            memory_id,
        )
        assert row["changed_by"] == ("system" if person is None else f"user:{person}")
        written.setdefault(row["by"], set()).add(person)
    assert all(len(who) == 1 for who in written.values())
    assert len(written) < len(done)


async def test_nobody_gets_into_what_is_not_theirs_among_others(ctx: Context) -> None:
    person = await service.remember(ctx, one(NewMemory(content="hello", user="ada")))
    items = await service.get(ctx, person.id)
    ada = ctx.as_principal(Principal(ctx.principal.organization_id, user_id=await _id(ctx, "ada")))
    assert items.user == "ada"
    private = one(NewMemory(content="bob's own", user="bob", memory_type=MemoryType.USER_PROFILE))
    answers = await asyncio.gather(
        service.remember(ada, private),
        *(service.remember(ada, one(NewMemory(content=f"mine {n}", user="ada"))) for n in range(4)),
        return_exceptions=True,
    )
    assert isinstance(answers[0], Forbidden)
    assert all(isinstance(answer, Remembered) for answer in answers[1:])


async def _id(ctx: Context, name: str) -> UUID:
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        return (await identity.find_users(connection, ctx.principal.organization_id, [name]))[name]


async def test_a_conversation_that_somebody_holds_does_not_hold_the_others(admin: Any, ctx: Context) -> None:
    await asyncio.gather(*(service.remember(ctx, one(NewMessage(content="first", conversation=c))) for c in "abc"))
    async with admin.transaction():
        await admin.execute(
            "SELECT FROM conversations WHERE organization_id = $1 AND external_id = 'a' FOR UPDATE",
            ctx.principal.organization_id,
        )
        calls = {
            c: asyncio.create_task(service.remember(ctx, one(NewMessage(content="next", conversation=c))))
            for c in "abc"
        }
        async with asyncio.timeout(20):
            assert (await calls["b"]).created == (await calls["c"]).created == 1
            assert (await service.remember(ctx, one(NewMessage(content="later", conversation="b")))).created == 1
        assert not calls["a"].done()
    assert (await calls["a"]).created == 1


async def test_cancelling_one_leaves_the_others_and_cancelling_all_keeps_nothing(admin: Any, ctx: Context) -> None:
    await service.remember(ctx, one(NewMessage(content="first", conversation="c")))
    for cancelled in (1, 5):
        async with admin.transaction():
            await admin.execute(
                "SELECT FROM conversations WHERE organization_id = $1 FOR UPDATE", ctx.principal.organization_id
            )
            calls = [
                asyncio.create_task(service.remember(ctx, one(NewMessage(content=f"{cancelled}", conversation="c"))))
                for _ in range(5)
            ]
            await asyncio.sleep(0.1)
            for call in calls[:cancelled]:
                call.cancel()
            await asyncio.wait(calls[:cancelled])
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[:cancelled])
        assert sum(isinstance(answer, Remembered) for answer in answers) == 5 - cancelled
        kept = await admin.fetchval(
            "SELECT count(*) FROM messages WHERE organization_id = $1 AND content = $2",
            ctx.principal.organization_id,
            f"{cancelled}",
        )
        assert 5 - cancelled <= kept <= (5 if cancelled == 1 else 0)
    assert (await service.remember(ctx, one(NewMessage(content="goes on", conversation="c")))).created == 1


def test_threads_share_transactions_too(server: Server, template: str) -> None:
    slug = new_slug()
    with Memory(database_url=server.url(APP), organization=slug, auto_maintenance=False) as memory:
        memory.remember("begin", user="ada")
        found: list[UUID] = []

        def call(number: int) -> None:
            for turn in range(10):
                done = memory.remember(f"thread {number} turn {turn}", user="ada")
                assert memory.get(done.id).content == f"thread {number} turn {turn}"
                found.append(done.id)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(found)) == 80


ITEMS = st.lists(
    st.tuples(
        st.sampled_from(["red", "green", "blue"]),
        st.sampled_from([None, "ada", "bob"]),
        st.sampled_from(["memory", "message"]),
        st.sampled_from([None, "1", "2"]),  # source id
        st.booleans(),  # names a team that is not there
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=12)
@given(ITEMS, st.booleans())
async def test_together_is_as_one_after_the_other(app: App, items: list[tuple[Any, ...]], dedupe: bool) -> None:
    kept = []
    for at_once in (False, True):
        ctx = await app.organization(new_slug())
        requests = [_request(*item, dedupe=dedupe) for item in items]
        if at_once:
            answers = await asyncio.gather(*(service.remember(ctx, one) for one in requests), return_exceptions=True)
        else:
            answers = [await _outcome(ctx, request) for request in requests]
        assert [type(a) for a in answers] == [NotFound if item[4] else Remembered for item in items]
        async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
            rows = [
                Counter(
                    tuple(row)
                    for row in await connection.fetch(
                        f"SELECT t.content, u.external_id, t.source_id{more} FROM {table} t LEFT JOIN users u "
                        "ON u.organization_id = t.organization_id AND u.id = t.user_id"
                    )
                )
                for table, more in (("memories", ", t.confirmed"), ("messages", ""))
            ]
        created = sum(answer.created for answer in answers if isinstance(answer, Remembered))
        assert created == sum(map(Counter.total, rows))
        kept.append((created, rows))
    assert kept[0] == kept[1]


async def _outcome(ctx: Context, request: Remember) -> Remembered | NotFound | Conflict:
    try:
        return await service.remember(ctx, request)
    except (NotFound, Conflict) as error:
        return error


def _request(content: str, user: str | None, kind: str, source_id: str | None, lost: bool, *, dedupe: bool) -> Remember:
    shared: dict[str, Any] = {"source_id": source_id, "team": "no-such-team" if lost else None, "user": user}
    if source_id is not None:  # whoever comes first, it is the same
        content, shared["user"] = f"from source {source_id}", None
    if kind == "memory":
        return one(NewMemory(content=content, **shared), dedupe=dedupe)
    return one(NewMessage(content=content, conversation="c", **shared), dedupe=dedupe)


async def test_thousands_are_kept_in_order_up_to_the_thousand_that_fails(admin: Any, memory: AsyncMemory) -> None:
    done = await memory.remember([f"thing {n}" for n in range(2100)])
    assert (len(set(done.ids)), done.created) == (2100, 2100)
    for n in (0, 999, 1000, 2099):
        assert (await memory.get(done.ids[n])).content == f"thing {n}"
    many = [{"content": f"more {n}", "team": "no-such-team" if n == 1500 else None} for n in range(3000)]
    with pytest.raises(NotFound):
        await memory.remember(many)
    kept = await admin.fetch(
        "SELECT content FROM memories WHERE organization_id = $1 AND content LIKE 'more %'",
        context_of(memory).principal.organization_id,
    )
    assert {row["content"] for row in kept} == {f"more {n}" for n in range(1000)}


class Slow:
    """The built-in embedder as one that has to be asked for: each call waits a moment, and some fail."""

    local = False

    def __init__(self, real: Any) -> None:
        self.name, self.dimensions, self.max_batch = real.name, real.dimensions, real.max_batch
        self.real = real

    async def embed(self, texts: Any) -> Any:
        await asyncio.sleep(0.01)
        if any("unreadable" in text for text in texts):
            raise Unavailable("The model does not answer.")
        return await self.real.embed(texts)

    async def aclose(self) -> None:
        """Nothing to let go of."""


async def test_an_embedder_that_has_to_be_asked_is_asked_by_each(admin: Any, ctx: Context) -> None:
    slow = replace(ctx, embedder=Slow(ctx.embedder))
    contents = [f"remote {n}" for n in range(12)] + ["unreadable"]
    answers = await asyncio.gather(
        *(service.remember(slow, one(NewMemory(content=content))) for content in contents), return_exceptions=True
    )
    assert isinstance(answers[-1], Unavailable)
    assert all(isinstance(answer, Remembered) for answer in answers[:-1])
    by = await transactions(admin, ctx, "memories")
    assert by.total() == 12
    assert len(by) < 12
