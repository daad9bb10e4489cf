"""What coded rows are made of: codes, words by row, rows by ordinal, parts of scopes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.memory.recall.coded.codes import BITS, FAR, closest, codes_of, distances, likely_cosines
from mnemon.memory.recall.coded.part import Coding, Part
from mnemon.memory.recall.coded.rows import Coded, CodedRows
from mnemon.memory.recall.coded.words import WordRows, keys_of, numbers_of

WORDS = ("boat", "train", "harbour", "gale", "doctor")


def unit(size: int, width: int, seed: int = 1) -> Any:
    """Vectors of length 1."""
    vectors = np.random.default_rng(seed).standard_normal((size, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(size=st.integers(1, 300), width=st.sampled_from([3, 64, 256, 384, 512, 1024]))
@settings(max_examples=30, deadline=None)
def test_codes_differ_in_as_many_bits_as_are_counted(size: int, width: int) -> None:
    vectors = unit(size, width)
    codes = codes_of(vectors)
    counted = distances(codes, codes[:, 0])
    bits = np.unpackbits(np.ascontiguousarray(codes.T).view(np.uint8), axis=1)
    assert counted.tolist() == (bits != bits[0]).sum(axis=1).tolist()
    assert counted[0] == 0
    assert distances(codes, ~codes[:, 0])[0] == BITS


def test_blocks_of_codes_are_counted_like_few() -> None:
    codes = np.random.default_rng(2).integers(0, 2**63, (8, 500_001)).astype(np.uint64)
    counted = distances(codes, codes[:, 5])
    some = [0, 5, 131_071, 131_072, 249_999, 250_000, 250_001, 500_000]
    assert counted[some].tolist() == distances(np.ascontiguousarray(codes[:, some]), codes[:, 5]).tolist()


def test_the_closest_by_codes_are_the_closest() -> None:
    vectors, among = unit(5000, 256), 0
    for asked in unit(20, 256, seed=2) * 0.4 + vectors[:20]:
        question = asked / np.linalg.norm(asked)
        cosines, codes = vectors @ question, codes_of(vectors)
        best = set(np.argsort(-cosines)[:10].tolist())
        near = closest(distances(codes, codes_of(question[None, :])[:, 0]), 1000)
        likely = likely_cosines(codes[:, near], question)
        assert np.abs(likely - cosines[near]).max() < 0.25
        among += len(best & set(near[np.argsort(-likely)[:240]].tolist()))
    assert among >= 190, "of 200: vectors that point anywhere are the hardest"


@given(found=st.lists(st.integers(0, BITS + 1), max_size=60), most=st.integers(1, 40))
def test_as_many_as_are_asked_are_near_and_those_as_near_as_the_last(found: list[int], most: int) -> None:
    apart = np.array(found, dtype=np.uint16)
    near = closest(apart, most)
    with_vector = sorted(value for value in found if value < FAR)
    edge = with_vector[min(most, len(with_vector)) - 1] if with_vector else -1
    assert near.tolist() == [place for place, value in enumerate(found) if value <= edge]


_rows = st.lists(st.lists(st.sampled_from(WORDS), unique=True), max_size=6)


@given(steps=st.lists(st.tuples(_rows, st.sampled_from(["look", "sort", "sort and go on", ""])), max_size=8))
def test_words_know_their_rows_however_they_came(steps: list[tuple[list[list[str]], str]]) -> None:
    words, said, came = WordRows(), dict[str, list[int]](), 0

    def add(rows: list[list[str]]) -> None:
        nonlocal came
        words.add(keys_of([w for row in rows for w in row], np.array([len(row) for row in rows], np.int64), came))
        for row in rows:
            for word in row:
                said.setdefault(word, []).append(came)
            came += 1

    for rows, then in steps:
        add(rows)
        if then == "look":
            words.counts(numbers_of(WORDS))
        elif then:
            work, settled, taken = words.sorting()
            first = came
            if then == "sort and go on":
                add(rows)
            done = work()
            done.follow(words, settled, taken, first)
            words = done
        for word in WORDS:
            assert words.rows_of(numbers_of([word]).tolist()).tolist() == said.get(word, [])
    assert words.counts(numbers_of(WORDS)).tolist() == [len(said.get(word, [])) for word in WORDS]
    many = numbers_of([*WORDS, *(f"word {n}" for n in range(20))])
    assert words.counts(many).tolist() == [len(said.get(word, [])) for word in WORDS] + [0] * 20
    assert words.rows_of(numbers_of(WORDS).tolist()).tolist() == sorted({row for rows in said.values() for row in rows})


def batch(ordinals: list[int]) -> Coded:
    """Rows that say their ordinals."""
    count = len(ordinals)
    minutes = np.array(ordinals, dtype=np.int32)
    words = [str(ordinal) for ordinal in ordinals]
    vectors = unit(count, 256, seed=3) if count else np.empty((0, 256), dtype=np.float32)
    return Coded.of(
        np.array(ordinals, np.int64), minutes, talk=True, vectors=vectors, words=words, counts=np.ones(count, np.int64)
    )


_ordinals = st.lists(st.integers(0, 30), unique=True, max_size=8)


@given(steps=st.lists(st.tuples(_ordinals, _ordinals, st.booleans()), max_size=8))
@settings(deadline=None)
def test_each_ordinal_has_one_row_at_most(steps: list[tuple[list[int], list[int], bool]]) -> None:
    rows, there = CodedRows("1:1:", "0"), set[int]()
    part = Part(rows, "1:1:", "")
    part.take(np.empty(0, dtype=np.int64), 0)
    inside = set[int]()
    for changed, gone, in_order in steps:
        gone = [ordinal for ordinal in gone if ordinal not in changed]
        rows.apply([batch(changed)], np.array(gone, dtype=np.int64))
        there = (there | set(changed)) - set(gone)
        asked = part.unseen(np.array(gone + changed, dtype=np.int64), rows.came)
        assert asked is not None
        assert set(changed) <= set(asked.tolist())
        even = [ordinal for ordinal in asked.tolist() if ordinal % 2 == 0 and ordinal in there]
        part.bring_up(asked, np.array(even, dtype=np.int64), rows.came)
        assert not part.is_behind
        inside = {ordinal for ordinal in there if ordinal % 2 == 0}
        if in_order:
            rows.put_in_order(rows.ordering()())
        all_ordinals = np.arange(-1, 32)
        found = rows.rows_of(all_ordinals)
        assert {int(o) for o in all_ordinals[found >= 0]} == there
        assert rows.column("ordinals")[found[found >= 0]].tolist() == all_ordinals[found >= 0].tolist()
        between = rows.between(np.array([3, 20]), np.array([9, 25]))
        alive = between[rows.column("alive")[between]]
        assert sorted(rows.column("ordinals")[alive].tolist()) == sorted(o for o in there if 3 <= o < 9 or 20 <= o < 25)
        assert set(rows.column("ordinals")[part.members()].tolist()) == inside
        vector = unit(1, 256, seed=9)[0]
        places, apart = part.distances(vector, part.members())
        near = np.flatnonzero(apart < FAR) if places is None else places[apart < FAR]
        assert set(rows.column("ordinals")[near].tolist()) == inside


def test_parts_that_were_used_least_go_where_there_is_no_room() -> None:
    rows = CodedRows("1:1:", "0")
    rows.apply([batch(list(range(1000)))], np.empty(0, dtype=np.int64))
    coding = Coding(rows)
    for n in range(5):
        part = Part(rows, "1:1:", "")
        part.take(np.arange(1000), 1000)
        coding.keep(("scope", n), part, rows.bytes + 2 * part.bytes)
    assert list(coding.parts) == [("scope", 3), ("scope", 4)]
    coding.keep(("scope", 3), coding.parts["scope", 3], rows.bytes)
    assert list(coding.parts) == [("scope", 3)]
