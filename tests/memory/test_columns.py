"""Every column of memories, by the table of columns: written, changed, inherited, read, filtered by."""

from __future__ import annotations

from typing import Any

import pytest

from mnemon import AsyncMemory
from mnemon.memory.columns import ADJUST, CONDITIONS
from mnemon.memory.schemas import Scope

#: Of each column that an update may set: what a memory begins with, and what it is set to.
VALUES: dict[str, tuple[Any, Any]] = {
    "tags": (("a",), ("b", "c")),
    "metadata": ({"n": 1}, {"n": 2}),
    "importance": (3, 8),
    "confidence": (0.25, 0.75),
    "is_pinned": (False, True),
    "tier": ("cold", "hot"),
}
#: Of each condition: what finds a memory that was written with the first of these values, and what does not.
ASKED: dict[str, tuple[Any, Any]] = {
    "tags": (("a",), ("a", "z")),
    "tags_any": (("a", "z"), ("z",)),
    "metadata": ({"n": 1}, {"n": 3}),
    "types": ({"semantic"}, {"episodic"}),
}
#: Conditions on what is no value of a request, tried where it comes about.
ELSEWHERE = {"part_of"}  # tests/memory/test_split.py
FIRST = {name: first for name, (first, _) in VALUES.items()}


def test_every_column_is_tried_here() -> None:
    assert set(VALUES) == {column.name for column in ADJUST.columns}
    assert set(ASKED) | ELSEWHERE == {one.filter.field for one in CONDITIONS}


@pytest.mark.parametrize("name", VALUES)
async def test_a_change_is_written_read_and_logged(memory: AsyncMemory, name: str) -> None:
    one = (await memory.remember("Turin", **FIRST)).id
    assert getattr(await memory.get(one), name) == FIRST[name]
    changed = await memory.update(one, **{name: VALUES[name][1]})
    expected = FIRST | {name: VALUES[name][1]}
    assert {each: getattr(changed, each) for each in VALUES} == expected
    assert (changed.id, changed.version) == (one, 2)
    assert [event.action for event in (await memory.history(one)).events] == ["created", "updated"]


@pytest.mark.parametrize("name", VALUES)
async def test_a_correction_inherits_all_but_what_it_says_anew(memory: AsyncMemory, name: str) -> None:
    one = (await memory.remember("Turin", **FIRST)).id
    corrected = await memory.update(one, "Lisbon", **{name: VALUES[name][1]})
    assert corrected.id != one
    expected = FIRST | {name: VALUES[name][1]}
    assert {each: getattr(corrected, each) for each in VALUES} == expected


@pytest.mark.parametrize("field", ASKED)
async def test_a_condition_finds_what_it_asks_for_and_nothing_else(memory: AsyncMemory, field: str) -> None:
    one = (await memory.remember("Turin", **FIRST)).id
    found, missed = ({field: value} for value in ASKED[field])
    assert [item.id for item in (await memory.list(**found)).items] == [one]
    assert [hit.id for hit in await memory.search("Turin", **found)] == [one]
    assert not (await memory.list(**missed)).items
    assert len(await memory.search("Turin", **missed)) == 0
    assert (await memory.forget(**missed)).count == 0
    assert (await memory.forget(**found)).count == 1


def test_what_leaves_nothing_out_does_not_narrow() -> None:
    narrowing = {one.filter.field for one in CONDITIONS if one.narrows(Scope())}
    assert not narrowing
    every = Scope.model_validate({"types": [*ALL_TYPES], "metadata": {}, "tags": []})
    assert not any(one.narrows(every) for one in CONDITIONS)
    for field, (found, _) in ASKED.items():
        scope = Scope.model_validate({field: found})
        assert [one.filter.field for one in CONDITIONS if one.narrows(scope)] == [field]


ALL_TYPES = ("semantic", "episodic", "procedural", "agent_private", "shared", "identity", "user_profile")
