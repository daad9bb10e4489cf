"""What was said later about the same thing stands before what was said earlier; nothing else moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import changes
from mnemon import AsyncMemory
from mnemon.memory.recall import succession
from mnemon.memory.recall.known import Known
from mnemon.memory.recall.question import read
from mnemon.memory.recall.signals import Evidence, Measured
from mnemon.memory.schemas import Weights
from tests.memory.evidence import lexicon

THEN = datetime(2025, 3, 1, 9, tzinfo=UTC)
LATER = THEN + timedelta(days=200)
NOW = THEN + timedelta(days=230)
OLD, NEW = "The pump in the cellar is broken", "The pump in the cellar has been repaired"
QUESTION = "Is the pump in the cellar broken?"


async def told(memory: AsyncMemory, *, by: str = "Ada", at: datetime = LATER) -> None:
    await memory.remember(OLD, conversation="diary", speaker="Ada", at=THEN)
    await memory.remember("The cat sleeps on the radiator", conversation="diary", speaker="Ada", at=THEN)
    await memory.remember(NEW, conversation="diary", speaker=by, at=at)


async def first(memory: AsyncMemory, question: str = QUESTION, **options: Any) -> str:
    return (await memory.recall(question, **{"conversation": "diary", "now": NOW, **options})).hits[0].item.content


async def test_the_newer_word_comes_first_soon_and_years_later(memory: AsyncMemory) -> None:
    await told(memory)
    assert await first(memory) == NEW
    assert await first(memory, now=NOW + timedelta(days=3000)) == NEW
    # Search goes by the match alone, and what was so is still there.
    assert (await memory.search(QUESTION, conversation="diary")).hits[0].item.content == OLD
    found = await memory.recall(QUESTION, conversation="diary", now=NOW)
    assert {hit.item.content for hit in found} >= {OLD, NEW}


async def test_it_is_explained_and_the_shares_are_the_score(memory: AsyncMemory) -> None:
    await told(memory)
    hits = (await memory.recall(QUESTION, conversation="diary", now=NOW)).hits
    assert hits[0].why.recall["succession"].share > 0
    assert "succession" not in hits[1].why.recall
    for hit in hits:
        assert sum(one.share for one in hit.why.recall.values()) == pytest.approx(hit.score, abs=1e-4)


async def test_memories_follow_each_other_too(memory: AsyncMemory) -> None:
    await memory.remember("My favourite tea is Earl Grey", user="ada", at=THEN)
    await memory.remember("My favourite tea is green tea now, sencha above all", user="ada", at=LATER)
    found = await memory.recall("What is my favourite tea?", user="ada", now=NOW + timedelta(days=3000))
    assert "sencha" in found.hits[0].item.content


async def test_what_somebody_else_says_takes_nobodys_place(memory: AsyncMemory) -> None:
    await told(memory, by="Bo")
    assert await first(memory, now=NOW + timedelta(days=3000)) == OLD


async def test_within_a_day_talk_goes_on(memory: AsyncMemory) -> None:
    await told(memory, at=THEN + timedelta(hours=3))
    found = await memory.recall(QUESTION, conversation="diary", now=NOW + timedelta(days=3000))
    assert all("succession" not in hit.why.recall for hit in found)


async def test_an_agent_that_does_not_weigh_recency_sees_none_of_it(memory: AsyncMemory) -> None:
    await told(memory)
    assert await first(memory, weights={"recency": 0}) == OLD


async def test_a_question_about_a_time_is_about_that_time(memory: AsyncMemory) -> None:
    await told(memory)
    assert await first(memory, "Was the pump in the cellar broken in March 2025?") == OLD


async def test_before_it_was_said_it_has_replaced_nothing(memory: AsyncMemory) -> None:
    await told(memory)
    assert await first(memory, until=THEN + timedelta(days=1), now=THEN + timedelta(days=1)) == OLD


async def test_facts_that_changed(memory: AsyncMemory) -> None:
    """The set of the bench: before there was succession 42 of 100 were right the next day, and 10 years later."""
    facts = changes.read()
    await memory.remember(list(changes.said(facts)), conversation="diary", speaker="Ada")
    soon = THEN + timedelta(days=400)
    for now in (soon, soon + timedelta(days=1500)):
        right = [(await first(memory, fact.question, now=now)) == fact.now for fact in facts]
        assert sum(right) >= 0.8 * len(facts)


# -- rules ------------------------------------------------------------------------------------------------------------

_unit = st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4).filter(lambda v: any(abs(x) > 0.1 for x in v))
_rows = st.lists(
    st.tuples(_unit, st.integers(0, 400), st.sampled_from([b"ada", b"bo"]), st.floats(0, 1)), min_size=1, max_size=12
)


def scored(rows: list[tuple[list[float], int, bytes, float]], strength: float, question: str = "boat") -> Any:
    vectors = np.array([row[0] for row in rows], dtype=np.float32)
    known = Known(
        len(rows),
        {
            "vector": vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
            "occurred_at": np.array([row[1] * 86_400.0 for row in rows]),
            "author": np.array([row[2] for row in rows], dtype="S16"),
        },
    )
    evidence = Evidence(read(question, NOW), lexicon([]), known, False, 0.0)
    return succession.Scored(Measured(evidence, {}), np.array([row[3] for row in rows]), strength)


@given(rows=_rows, strength=st.floats(0, 1))
def test_nobody_gains_more_than_the_place_before_the_best(rows: list[Any], strength: float) -> None:
    here = scored(rows, strength)
    gained = succession.SIGNAL.measure(here)
    assert (gained >= 0).all()
    assert (here.scores + gained <= here.scores.max() * (1 + succession.AHEAD) + 1e-9).all()
    assert np.count_nonzero(gained) <= succession.LEADERS
    earliest = np.argmin(here.measured.evidence.known["occurred_at"])
    assert gained[earliest] == 0  # there is nothing before it


@given(rows=_rows)
def test_without_strength_or_for_a_named_time_nothing_moves(rows: list[Any]) -> None:
    assert not succession.SIGNAL.measure(scored(rows, 0.0)).any()
    assert not succession.SIGNAL.measure(scored(rows, 1.0, "Where was the boat in June 2025?")).any()


@given(recency=st.floats(0, 1), semantic=st.floats(0.01, 1))
def test_it_counts_as_far_as_recency_does(recency: float, semantic: float) -> None:
    strength = succession.strength(Weights(recency=recency, semantic=semantic))
    assert 0 <= strength <= 1
    assert (strength == 0) == (recency == 0)
    assert succession.strength(Weights()) == 1
