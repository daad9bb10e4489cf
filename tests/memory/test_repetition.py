"""Exact repetition: said again is known again, once, by whoever said it; and never across owners or times."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon import AsyncMemory, NewMemory, NewMessage
from mnemon.memory import repetition, service
from mnemon.memory.models import FORM
from mnemon.memory.schemas import Remember
from tests.conftest import APP, Server
from tests.factories import context_of
from tests.patience import PATIENCE
from tests.workspace.helpers import acting, people

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def count(memory: AsyncMemory) -> int:
    return len((await memory.list(limit=1000)).items)


async def test_the_same_again_strengthens_what_is_there(memory: AsyncMemory) -> None:
    first = await memory.remember("Ada likes tea", user="ada", importance=4)
    before = await memory.get(first.id)
    assert (before.confirmed, before.confirmed_at) == (0, None)
    again = await memory.remember("Ada likes tea", user="ada", importance=9)
    assert (again.id, again.created) == (first.id, 0)
    after = await memory.get(first.id)
    assert (after.confirmed, after.importance, after.version) == (1, 4, before.version)
    assert after.confirmed_at is not None
    assert after.confirmed_at >= after.recorded_at
    assert len(await memory.search("tea", user="ada")) == 1
    events = (await memory.history(first.id)).events
    assert [event.action for event in events] == ["created", "confirmed"]
    await memory.remember("Ada likes tea", user="ada")
    assert (await memory.get(first.id)).confirmed == 2


@pytest.mark.parametrize(
    "text",
    [
        "  The café is open ",
        "The  café\n is\topen",
        "The cafe\u0301 is open",
        "Ｔｈｅ café is open",
        "The\u00a0café\u3000is open",
        "The\u2028café is\u0085open",
    ],
)
async def test_the_form_of_a_text(memory: AsyncMemory, text: str) -> None:
    first = await memory.remember("The café is open")
    assert (await memory.remember(text)).ids == first.ids
    assert (await memory.get(first.id)).content == "The café is open"


async def test_another_text_is_another_memory(memory: AsyncMemory) -> None:
    for text in ("The café is open", "the café is open", "The cafe is open", "The café is open.", "Thecafé is open"):
        assert (await memory.remember(text)).created == 1, text


OTHERS: list[dict[str, Any]] = [
    {"user": "bob"},
    {"user": None},
    {"agent": "guide"},
    {"memory_type": "procedural"},
    {"category": "taste"},
    {"subject": "tea"},
    {"conversation": "plans", "memory_type": "semantic"},
    {"tags": ["drink"]},
    {"metadata": {"n": 1}},
    {"at": NOON},
    {"valid_until": NOON + timedelta(days=9000)},
    {"expires_at": NOON + timedelta(days=9000)},
    {"source_id": "1"},
]


@pytest.mark.parametrize("other", OTHERS, ids=[next(iter(one)) for one in OTHERS])
async def test_what_differs_is_no_repetition(memory: AsyncMemory, other: dict[str, Any]) -> None:
    first = await memory.remember("Ada likes tea", user="ada")
    second = await memory.remember("Ada likes tea", **{"user": "ada", **other})
    assert second.created == 1
    assert second.id != first.id
    again = await memory.remember("Ada likes tea", **{"user": "ada", **other})
    assert (again.id, again.created) == (second.id, 0)
    assert (await memory.get(first.id)).confirmed == 0


async def test_tags_and_keys_have_no_order(memory: AsyncMemory) -> None:
    first = await memory.remember("tea", tags=["a", "b"], metadata={"x": 1, "y": [2]})
    assert (await memory.remember("tea", tags=["b", "a"], metadata={"y": [2], "x": 1})).ids == first.ids


async def test_what_is_over_is_not_repeated(memory: AsyncMemory) -> None:
    forgotten = await memory.remember("tea")
    await memory.forget(forgotten.id)
    anew = await memory.remember("tea")
    assert anew.created == 1
    assert anew.id != forgotten.id
    corrected = await memory.update(anew.id, "coffee")
    third = await memory.remember("tea")
    assert third.created == 1
    assert third.id not in (anew.id, corrected.id)
    assert (await memory.remember("coffee")).id == corrected.id

    past = datetime.now(UTC) - timedelta(days=1)
    expired = await memory.remember("milk", expires_at=past)
    assert (await memory.remember("milk")).id != expired.id
    ended = await memory.remember("rum", at=past - timedelta(days=1), valid_until=past)
    assert (await memory.remember("rum")).id != ended.id
    ahead = await memory.remember("gin", at=past + timedelta(days=10))
    assert (await memory.remember("gin")).id != ahead.id
    since = await memory.remember("ale", at=past)
    assert (await memory.remember("ale")).id == since.id, "true since then, and now"


async def test_archived_is_not_repeated(memory: AsyncMemory, admin: Any) -> None:
    first = await memory.remember("tea")
    await admin.execute("UPDATE memories SET status = 'archived' WHERE id = $1", first.id)
    assert (await memory.remember("tea")).created == 1


async def test_as_of_sees_it_as_it_was(memory: AsyncMemory) -> None:
    first = await memory.remember("Ada likes tea", user="ada")
    moment = datetime.now(UTC)
    await memory.remember("Ada likes tea", user="ada")
    assert [hit.id for hit in await memory.search("tea", as_of=moment)] == [first.id]
    assert [hit.id for hit in await memory.search("tea", valid_at=datetime.now(UTC))] == [first.id]


async def test_messages_stay_as_they_were_said(memory: AsyncMemory) -> None:
    done = await memory.remember(["yes", "yes"], conversation="c")
    assert done.created == 2
    assert (await memory.remember("yes", conversation="c")).created == 1
    assert (await memory.get(done.ids[0])).confirmed == 0


async def test_the_flag(memory: AsyncMemory) -> None:
    assert (await memory.remember("tea")).created == 1
    assert (await memory.remember("tea", dedupe=False)).created == 1
    assert (await memory.remember(["tea", "tea"], dedupe=False)).created == 2
    assert await count(memory) == 4
    assert (await memory.remember("tea")).created == 0


async def test_in_one_batch(memory: AsyncMemory) -> None:
    kept = await memory.remember("there already")
    batch: list[Any] = [
        "one",
        "two",
        " one",
        NewMemory(content="two"),
        NewMessage(content="one"),
        "there already",
        "one",
    ]
    done = await memory.remember(batch)
    assert done.created == 3
    assert done.ids[0] == done.ids[2] == done.ids[6]
    assert done.ids[1] == done.ids[3]
    assert done.ids[5] == kept.id
    assert len({done.ids[0], done.ids[1], done.ids[4]}) == 3
    assert [(await memory.get(one)).confirmed for one in (done.ids[0], done.ids[1], kept.id)] == [2, 1, 1]
    again = await memory.remember([f"line {n % 700}" for n in range(1400)])
    assert again.created == 700


async def test_a_source_id_is_told_apart_by_itself(memory: AsyncMemory) -> None:
    first = await memory.remember("tea", source="crm", source_id="1")
    second = await memory.remember("tea", source="crm", source_id="2")
    assert first.id != second.id
    for _ in range(2):
        again = await memory.remember("tea", source="crm", source_id="1")
        assert (again.id, again.created) == (first.id, 0)
    assert (await memory.get(first.id)).confirmed == 0
    assert (await memory.remember("tea")).id in (first.id, second.id)


async def test_of_another_organisation_nothing_is_known(new_memory: Callable[[], Awaitable[AsyncMemory]]) -> None:
    one, two = await new_memory(), await new_memory()
    first = await one.remember("Ada likes tea", user="ada")
    second = await two.remember("Ada likes tea", user="ada")
    assert second.created == 1
    assert second.id != first.id
    assert (await one.get(first.id)).confirmed == 0


async def test_what_one_may_not_see_is_not_confirmed(memory: AsyncMemory) -> None:
    ctx = context_of(memory)
    ada, bob = await people(ctx, "ada", "bob")
    private = NewMemory(content="the code is 7", user="ada", conversation="ours")
    first = await service.remember(acting(ctx, ada), Remember(items=(private,)))
    public = NewMemory(content="the code is 7", user="ada")
    second = await service.remember(acting(ctx, bob), Remember(items=(public,)))
    assert second.created == 1
    assert second.ids != first.ids
    assert (await memory.get(first.ids[0])).confirmed == 0


async def test_all_at_once_there_is_one(memory: AsyncMemory) -> None:
    done = await asyncio.gather(*(memory.remember(["tea", f"other {n}", "milk"], user="ada") for n in range(12)))
    assert sum(one.created for one in done) == 14
    assert len({one.ids[0] for one in done}) == len({one.ids[2] for one in done}) == 1
    assert (await memory.get(done[0].ids[0])).confirmed == 11
    turned = (["a", "b", "c", "d"], ["d", "c", "b", "a"])
    done = await asyncio.gather(*(memory.remember(turned[n % 2]) for n in range(12)))
    assert sum(one.created for one in done) == 4


CHILD = """
import sys
from mnemon import Memory
with Memory(database_url=sys.argv[1], organization=sys.argv[2]) as memory:
    memory.search("ready")
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(memory.remember(["tea", "milk"], user="ada").created for _ in range(20)))
"""


async def test_two_processes_at_once(memory: AsyncMemory, server: Server) -> None:
    command = [sys.executable, "-c", CHILD, server.url(APP), memory.settings.organization]

    def begin() -> subprocess.Popen[str]:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "ready"
        return child

    children = await asyncio.gather(asyncio.to_thread(begin), asyncio.to_thread(begin))
    outputs = [asyncio.to_thread(child.communicate, "go\n", PATIENCE) for child in children]
    made = [int(output.strip()) for output, _ in await asyncio.gather(*outputs)]
    assert sum(made) == 2
    assert {item.confirmed for item in (await memory.list()).items} == {39}


@settings(max_examples=60)
@given(
    text=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(lambda t: t.strip())
)
async def test_both_sides_know_the_same_form(memory: AsyncMemory, admin: Any, text: str) -> None:
    """A batch is compared in Python and the rows by the database: what one takes for the same the other does too."""
    expression = repetition.statement_parts()["new"].replace("n.content", "$1::text")
    assert await admin.fetchval(f"SELECT {expression}", text) == repetition.form(text)


@given(st.text(st.sampled_from(" a\t\n\v\f\r\x1c\x1f\u0085\u00a0\u1680\u2002\u2028\u3000\ufb01"), max_size=12))
async def test_both_sides_compare_the_same_form(admin: Any, text: str) -> None:
    stored = await admin.fetchval(f"SELECT {FORM} FROM (SELECT $1::text AS content) one", text)
    assert repetition.form(text) == stored
