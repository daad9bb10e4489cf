"""What holds for each signal by its meaning, whatever the question and the rows: bounds, order, more of the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mnemon.db.recallable import SESSION_BITS
from mnemon.memory.recall import fusion, signals
from mnemon.memory.recall.candidates import Asked, Postings, Sizes
from mnemon.memory.recall.heard import Word
from mnemon.memory.recall.known import Known
from mnemon.memory.recall.lexicon import NEIGHBOURS, Lexicon
from mnemon.memory.recall.question import read, tells_time
from mnemon.memory.recall.signals import MATCH, Evidence
from tests.memory.evidence import (
    QUESTIONS,
    TABLES,
    WORDS,
    any_row,
    candidates,
    lexicon,
    measured,
    postings,
    related,
    row,
    value,
)

#: Signals that are there or not.
YES_OR_NO = ("speaker", "present", "time", "answer", "question")
NAMES = [signal.name for signal in MATCH]


@given(candidates, postings, st.sampled_from(QUESTIONS), st.booleans(), st.sampled_from([0.0, 50.0]))
def test_bounds(rows: Any, places: Any, question: str, named: bool, session_terms: float) -> None:
    found = measured(rows, places, question, named=named, session_terms=session_terms)
    assert list(found.values) == NAMES
    for signal in MATCH:
        numbers = found.values[signal.name]
        least, most = signal.bounds
        assert numbers.shape == (len(rows),), signal.name
        assert np.isfinite(numbers).all(), signal.name
        assert (numbers >= least).all(), signal.name
        assert most is None or (numbers <= most + 1e-9).all(), signal.name
    for name in YES_OR_NO:
        assert set(found.values[name]) <= {0.0, 1.0}, name
    assert np.isfinite(fusion.match_scores(found)).all()


@given(candidates, postings, st.sampled_from(QUESTIONS), st.booleans(), st.data())
def test_the_order_of_rows_and_postings_does_not_matter(
    rows: Any, places: Any, question: str, named: bool, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    shuffled = data.draw(st.permutations(places))
    one = measured(rows, places, question, named=named)
    other = measured([rows[place] for place in order], shuffled, question, named=named)
    for name in NAMES:
        assert other.values[name] == pytest.approx(one.values[name][order]), name
    assert related(other) == pytest.approx(related(one)[order])


@given(any_row, postings, st.sampled_from(QUESTIONS))
def test_a_row_says_the_same_beside_others(one: Any, places: Any, question: str) -> None:
    beside = measured([one, row(9 << SESSION_BITS), row(9 << SESSION_BITS | 1)], places, question)
    alone = measured([one], places, question)
    for name in NAMES:
        assert beside.values[name][0] == pytest.approx(alone.values[name][0]), name


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("named", [True, False])
def test_no_candidates(question: str, named: bool) -> None:
    found = measured([], [(1, 1, 1, True)], question, named=named, session_terms=0.0)
    assert {name: len(numbers) for name, numbers in found.values.items()} == dict.fromkeys(NAMES, 0)
    assert len(fusion.match_scores(found)) == len(related(found)) == 0


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
def test_a_word_said_twice_is_asked_once(words: list[str]) -> None:
    once = dict.fromkeys(words)
    assert read(" ".join(words)).words == read(" ".join(once)).words == tuple(once)


@given(st.none() | st.floats(-1, 1))
def test_cosine_is_that_of_the_row(cosine: float | None) -> None:
    assert value("meaning", [row(1, cosine=cosine)]) == [cosine or 0.0]


@given(postings, st.integers(1, 4), st.integers(1, 8))
def test_words_count_in_the_row_and_its_neighbours_alone(places: Any, session: int, place: int) -> None:
    near = [p for p in places if p[0] == session and (p[1] == place or (p[3] and abs(p[1] - place) <= NEIGHBOURS))]
    (found,) = value("words", [row(session << SESSION_BITS | place)], places)
    assert (found > 0) == bool(near)


@given(postings, st.integers(0, 2))
def test_more_words_around_never_count_less(places: Any, word: int) -> None:
    lexical = lexicon(places)
    assume(len(lexical.ordinals))
    at = np.arange(1, 10, dtype=np.int64) + (1 << SESSION_BITS)
    before = lexical.window(at)
    lexical.has[0, word] = 1.0
    after = lexical.window(at)
    for less, more in zip(before[:2], after[:2], strict=True):
        assert (more >= less - 1e-12).all()


@given(st.integers(1, 7), postings)
def test_own_words_are_the_share_of_rarity_in_the_row(mask: int, places: Any) -> None:
    others = [p for p in places if p[:2] != (1, 4)]
    lexical = lexicon([(1, 4, mask, True), *others], 40)
    has = np.array([mask >> bit & 1 for bit in range(len(WORDS))])
    (found,) = value("own_words", [row(1 << SESSION_BITS | 4)], [(1, 4, mask, True), *others])
    assert found == pytest.approx(float(has @ lexical.idf) / lexical.idf.sum())
    assert (found == pytest.approx(1.0)) == (mask == 7)


@given(postings, st.integers(1, 8))
def test_a_memory_has_no_neighbours(places: Any, place: int) -> None:
    alone = [(session, at, mask, False) for session, at, mask, _ in places]
    rows = [row(1 << SESSION_BITS | place)]
    (around,), (own,) = value("words", rows, alone), value("own_words", rows, alone)
    assert around == pytest.approx(own / 1.9), "a word that stands once; one that stands ever more often counts 1"


@given(candidates, postings)
def test_a_session_is_one_number(rows: Any, places: Any) -> None:
    for one in rows:
        one["session_terms"] = 50
    seen: dict[int, float] = {}
    for one, number in zip(rows, value("session", rows, places), strict=True):
        assert seen.setdefault(one["ordinal"] >> SESSION_BITS, number) == pytest.approx(number)
        assert (number > 0) == any(p[0] == one["ordinal"] >> SESSION_BITS for p in places)


@given(postings, st.integers(0, 5000), st.integers(0, 5000))
def test_a_longer_session_counts_no_more(places: Any, one: int, other: int) -> None:
    short, long = sorted((one, other))
    (in_short,) = value("session", [row(1 << SESSION_BITS | 1, session_terms=short)], places)
    (in_long,) = value("session", [row(1 << SESSION_BITS | 1, session_terms=long)], places)
    assert in_long <= in_short + 1e-12


@given(postings, st.integers(0, 2))
def test_more_words_in_a_session_never_count_less(places: Any, word: int) -> None:
    lexical = lexicon(places)
    assume(len(lexical.ordinals))
    at = (np.arange(1, 5, dtype=np.int64) << SESSION_BITS) + 1
    before = lexical.session(at, np.full(4, 20.0), 100.0)
    lexical.has[0, word] = 1.0
    assert (lexical.session(at, np.full(4, 20.0), 100.0) >= before - 1e-12).all()


@given(candidates)
def test_people_count_only_when_somebody_is_named(rows: Any) -> None:
    found = measured(rows, named=False)
    assert not found.values["speaker"].any()
    assert not found.values["present"].any()
    assert related(found).tolist() == [float(one["own"]) for one in rows]


@given(candidates)
def test_the_one_who_is_named_speaks_and_who_speaks_is_there(rows: Any) -> None:
    found = measured(rows, named=True)
    speakers = {one["spoke"] for one in rows} - {0}
    spoke, present = found.values["speaker"], found.values["present"]
    if len(speakers) == 1:
        assert spoke.tolist() == [float(one["spoke"] in speakers) for one in rows]
    else:
        assert not spoke.any(), "of two who are named, neither is the one that was meant"
    assert (present >= spoke).all()
    assert present.tolist() == [max(float(one["present"]), s) for one, s in zip(rows, spoke, strict=True)]
    assert ((related(found) == 1) == (spoke == 1)).all()


def test_a_memory_that_mentions_who_is_named_counts_as_said_by_them() -> None:
    ids = {"ada": frozenset({UUID(int=1)})}
    question = Asked([Word("boat", 0)], ids, ["ada"], "boat", Sizes(0, 0.0, tuple(TABLES.values())))
    memories = np.array([5 << SESSION_BITS, 6 << SESSION_BITS], dtype=np.int64)
    # the first has the word, the second the name
    lexical = Lexicon.of([Postings(TABLES["memory"], memories, np.array([1, 2], dtype=np.int32))], question, 10)
    rows: list[Any] = [row(int(ordinal)) for ordinal in memories]
    found = signals.measure(Evidence(read("boat"), lexical, Known.of(rows), named=True, session_terms=10))
    assert found.values["speaker"].tolist() == [0.0, 1.0]


_days = st.dates(date(2019, 1, 1), date(2027, 1, 1))


@given(_days, st.integers(-30, 30), st.sampled_from(["{0:%Y-%m-%d}", "{0:%B} {0:%Y}", "in {0:%Y}", "in {0:%B}"]))
def test_a_time_is_answered_within_it(day: date, distance: int, form: str) -> None:
    said = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    rows = [row(1, occurred_at=said), row(2, occurred_at=said + timedelta(days=distance))]
    on, off = value("date", rows, (), f"What was {form.format(day)}?")
    assert off <= max(on, 0.6) or form == "in {0:%B}"  # of a month of any year, the latest is meant
    assert max(on, off) == (1.0 if "%d" in form else 0.4 if form == "in {0:%Y}" else 0.7)


@given(_days, st.integers(0, 60), st.integers(0, 60))
def test_the_longer_after_a_day_the_less(day: date, one: int, other: int) -> None:
    sooner, later = sorted((one, other))
    said = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    rows = [row(n, occurred_at=said + timedelta(days=days)) for n, days in enumerate((0, sooner, later, -sooner))]
    on, near, far, before = value("date", rows, (), f"What was on {day}?")
    assert on == 1.0
    assert near >= far
    assert near >= before
    assert sooner == 0 or near <= 0.6


@given(candidates)
def test_without_a_date_in_the_question_no_date_counts(rows: Any) -> None:
    assert not any(value("date", rows))


@given(candidates)
def test_a_time_counts_when_it_is_asked_for(rows: Any) -> None:
    told = [float(tells_time(one["content"])) for one in rows]
    assert value("time", rows, (), "When did the boat leave?") == told
    assert not any(value("time", rows, (), "Which boat?"))


@given(candidates)
def test_an_answer_looks_like_what_is_asked_for(rows: Any) -> None:
    numbers = [float("three" in one["content"]) for one in rows]
    assert value("answer", rows, (), "How many boats?") == numbers
    assert value("answer", rows, (), "Why?") == [float("because" in one["content"]) for one in rows]
    assert not any(value("answer", rows, (), "boats"))


@given(candidates)
def test_what_the_database_says_is_taken_as_it_is(rows: Any) -> None:
    read_as = {"question": "asks", "context": "context", "similar_words": "similar", "rare_words": "rarity"}
    for name, column in read_as.items():
        assert value(name, rows) == [float(one[column]) for one in rows], name


@given(st.integers(1, 60), st.integers(1, 60))
def test_the_beginning_of_a_sitting_counts_more(one: int, other: int) -> None:
    sooner, later = sorted((one, other))
    session = 7 << SESSION_BITS
    first, near, far = value("early", [row(session | place) for place in (1, sooner, later)])
    assert first == 1.0
    assert near >= far > 0
    assert value("early", [row(session, talk=False)]) == [0.0], "a memory has no sitting"
