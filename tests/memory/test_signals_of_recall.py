"""What holds for each of recall's five signals, and for the list of all signals."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemon.db.recallable import SESSION_BITS
from mnemon.memory.columns import SCORED
from mnemon.memory.recall import fusion
from mnemon.memory.recall.known import Known
from mnemon.memory.recall.question import read
from mnemon.memory.recall.signals import MATCH, RECALL, Evidence, Matched, Signal
from mnemon.memory.recall.signals.recalled import HALF_LIFE
from mnemon.memory.schemas import Weights
from tests.memory.evidence import candidates, lexicon, measured, row

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = [signal.name for signal in RECALL]
EVERY: tuple[Signal[Any], ...] = (*MATCH, *RECALL)

some_scores = st.lists(st.floats(-0.5, 4), min_size=12, max_size=12)


#: With these the other four signals count in full, whatever the match.
NO_MATCH = Weights(semantic=0.0)


def recalled(
    rows: list[dict[str, Any]], scores: list[float], weights: Weights = NO_MATCH, *, named: bool = False
) -> dict[str, list[float]]:
    """The five signals of some rows with their match scores."""
    matched = np.array(scores[: len(rows)], dtype=float)
    found = fusion.recall_signals(measured(rows, named=named), matched, weights, now=NOW)
    return {name: [float(number) for number in numbers] for name, numbers in found.items()}


@given(candidates, some_scores, st.booleans())
def test_bounds(rows: Any, scores: list[float], named: bool) -> None:
    found = recalled(rows, scores, Weights(), named=named)
    assert list(found) == NAMES
    for name, numbers in found.items():
        assert len(numbers) == len(rows), name
        assert all(0 <= number <= 1 for number in numbers), name


@given(candidates, some_scores, st.booleans(), st.data())
def test_the_order_of_rows_does_not_matter(rows: Any, scores: list[float], named: bool, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    one = recalled(rows, scores, named=named)
    other = recalled([rows[place] for place in order], [scores[place] for place in order], named=named)
    for name in NAMES:
        assert other[name] == pytest.approx([one[name][place] for place in order]), name


@given(candidates, some_scores, st.integers(1, 4))
def test_the_whole_is_a_mean_of_the_five(rows: Any, scores: list[float], factor: int) -> None:
    weights = Weights(semantic=0.2, recency=0.1, importance=0.0, continuity=0.2, relationship=0.05)
    larger = Weights(**{name: weight * factor for name, weight in weights.model_dump().items()})
    found = fusion.recall_signals(measured(rows), np.array(scores[: len(rows)], dtype=float), weights, now=NOW)
    whole = fusion.recall_scores(found, weights)
    assert whole == pytest.approx(fusion.recall_scores(found, larger)), "only their proportions count"
    if rows:
        assert (whole <= np.max(list(found.values()), axis=0) + 1e-9).all()
        assert (whole >= np.min(list(found.values()), axis=0) - 1e-9).all()


@given(some_scores)
def test_a_better_match_is_never_worth_less(scores: list[float]) -> None:
    semantic = np.array(recalled([row(place) for place in range(12)], scores)["semantic"])
    assert (np.diff(semantic[np.argsort(scores)]) >= -1e-12).all()


@given(candidates, some_scores, st.booleans())
def test_the_other_four_count_by_the_match(rows: Any, scores: list[float], named: bool) -> None:
    alone, beside = recalled(rows, scores, named=named), recalled(rows, scores, Weights(), named=named)
    nearness = np.clip(1 - (max(scores[: len(rows)], default=0.0) - np.array(scores[: len(rows)])), 0, 1)
    assert beside["semantic"] == alone["semantic"]
    for name in NAMES[1:]:
        assert beside[name] == pytest.approx(list(nearness**2 * np.array(alone[name]))), name


@given(candidates, some_scores, st.booleans())
def test_a_weak_match_is_not_lifted_over_the_best(rows: Any, scores: list[float], named: bool) -> None:
    found = recalled(rows, scores, Weights(), named=named)
    whole = fusion.recall_scores({name: np.array(values) for name, values in found.items()}, Weights())
    best = max(scores[: len(rows)], default=0.0)
    for score, total in zip(scores, whole, strict=False):
        if score <= best - 0.75:  # a quarter as good: what speaks for it besides is worth less than the match it lacks
            assert total <= whole[int(np.argmax(scores[: len(rows)]))] or best < 1.2


@given(some_scores, st.floats(0.1, 2))
def test_what_matches_better_is_trusted_more(scores: list[float], more: float) -> None:
    rows = [row(place) for place in range(12)]
    assert max(recalled(rows, [one + more for one in scores])["semantic"]) > max(recalled(rows, scores)["semantic"])


@given(st.integers(0, 4000), st.integers(0, 4000), st.sampled_from(list(HALF_LIFE)))
def test_what_was_said_earlier_is_no_more_recent(one: int, other: int, tier: str) -> None:
    sooner, later = sorted((one, other))
    days = (sooner, later, -sooner, sooner + HALF_LIFE[tier])
    rows = [row(n, occurred_at=NOW - timedelta(days=days[n]), tier=tier) for n in range(4)]
    recent, older, future, half = recalled(rows, [1.0] * 4)["recency"]
    assert older <= recent
    assert future == 1, "what lies ahead is as recent as can be"
    assert half == pytest.approx(recent / 2)


@given(st.integers(1, 10), st.integers(1, 10))
def test_importance_rises_and_a_pin_is_the_most(one: int, other: int) -> None:
    less, more = sorted((one, other))
    rows = [row(1, importance=less), row(2, importance=more), row(3, importance=less, is_pinned=True)]
    low, high, pinned = recalled(rows, [1.0] * 3)["importance"]
    assert low <= high <= pinned == 1


@given(some_scores)
def test_a_row_alone_in_its_session_has_no_company(scores: list[float]) -> None:
    rows = [row(session << SESSION_BITS | 1) for session in range(12)]
    assert not any(recalled(rows, scores)["continuity"])


@given(some_scores, st.integers(0, 11))
def test_more_company_and_the_running_conversation_count_more(scores: list[float], place: int) -> None:
    apart = [row(session << SESSION_BITS | 1) for session in range(12)]
    together = [row(1 << SESSION_BITS | session) for session in range(12)]
    running = [{**one, "running": one["ordinal"] == apart[place]["ordinal"]} for one in apart]
    alone = recalled(apart, scores)["continuity"]
    assert all(more >= less for more, less in zip(recalled(together, scores)["continuity"], alone, strict=True))
    assert recalled(running, scores)["continuity"][place] == 0.5


@given(candidates, some_scores)
def test_who_asks_is_related_only_while_nobody_is_named(rows: Any, scores: list[float]) -> None:
    assert recalled(rows, scores)["relationship"] == [float(one["own"]) for one in rows]
    for one, related in zip(rows, recalled(rows, scores, named=True)["relationship"], strict=True):
        assert related in {0.0, 0.5, 1.0}
        assert related >= 0.5 * one["present"]


@pytest.mark.parametrize("named", [True, False])
def test_no_candidates(named: bool) -> None:
    assert recalled([], [], named=named) == {name: [] for name in NAMES}
    assert len(fusion.recall_scores({name: np.zeros(0) for name in NAMES}, Weights())) == 0


def test_every_signal_has_a_name_and_words_of_its_own() -> None:
    for said in ("name", "says", "measures"):
        words = [getattr(signal, said) for signal in EVERY]
        assert all(words), said
        assert len(set(words)) == len(words), said
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", signal.name) for signal in EVERY)
    assert all(signal.weight for signal in EVERY)


def test_the_five_are_those_that_an_agent_weighs() -> None:
    assert {signal.name: signal.weight for signal in RECALL} == Weights().model_dump()


def test_what_is_known_of_a_candidate_has_every_column_that_a_signal_reads() -> None:
    text = files("mnemon.memory").joinpath("sql", "recall_features.sql").read_text(encoding="utf-8")
    selected = text.split("FROM (")[0]
    answered = {*re.findall(r"\bAS (\w+)", selected), *re.findall(r"\bt\.(\w+),", selected), *SCORED}
    answered |= {
        "ordinal",
        *Known.of([dict.fromkeys(answered, 0) | {"occurred_at": NOW, "content": "", "whole_id": None}]).columns,
    }
    for signal in EVERY:
        assert set(signal.columns) <= answered, signal.name


@pytest.mark.parametrize("signal", EVERY, ids=lambda signal: signal.name)
def test_a_signal_reads_no_other_columns_than_it_says(signal: Signal[Any]) -> None:
    whole = Known.of([row(1 << SESSION_BITS | 1, spoke=1)])
    known = Known(1, {name: whole.columns[name] for name in ("ordinal", *signal.columns)})
    question = read("When and why did Ada sail on 5 May 2023?")
    evidence = Evidence(question, lexicon([(1, 1, 1, True)], 10), known, named=True, session_terms=0.0)
    looked_at = evidence if signal in MATCH else Matched(evidence, np.ones(1), NOW)
    assert len(signal.measure(looked_at)) == 1
