"""What signals look at, made up: rows as the database answers them, and where words stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import strategies as st

from mnemon.db.recallable import SESSION_BITS
from mnemon.memory import columns
from mnemon.memory.recall import signals
from mnemon.memory.recall.candidates import Asked, Postings, Sizes
from mnemon.memory.recall.heard import Word
from mnemon.memory.recall.known import Known
from mnemon.memory.recall.lexicon import Floats, Lexicon
from mnemon.memory.recall.question import Question, read
from mnemon.memory.recall.signals import Evidence, Measured

TABLES = {"message": columns.MESSAGES, "memory": columns.MEMORIES}
WORDS = ("boat", "gale", "harbour")
QUESTIONS = (
    "boat gale harbour",
    "When did the boat leave?",
    "How many boats were there on 5 May 2023?",
    "Where was Ada in June?",
    "Why?",
    "",
)
TEXTS = (
    "we left yesterday",
    "there were three of them",
    "because of the gale",
    "in Lisbon, with Ada",
    'she called it "Argo"',
    "no",
    "",
)

_moments = st.integers(0, 70_000).map(lambda hours: datetime(2018, 1, 1, tzinfo=UTC) + timedelta(hours=hours))


def row(ordinal: int, **given_: Any) -> dict[str, Any]:
    """What the database says of a candidate."""
    usual = {
        "talk": True,
        "cosine": 0.5,
        "context": 0.5,
        "similar": 0.0,
        "rarity": 0.5,
        "spoke": 0,
        "present": False,
        "own": False,
        "occurred_at": datetime(2023, 5, 5, tzinfo=UTC),
        "terms": 4,
        "asks": False,
        "content": "no",
        "session_terms": 20,
        "importance": 5,
        "is_pinned": False,
        "tier": "warm",
        "whole_id": None,
        "running": None,
    }
    return {"ordinal": ordinal, **usual, **given_}


any_row = st.builds(
    row,
    st.builds(lambda session, place: session << SESSION_BITS | place, st.integers(1, 4), st.integers(1, 8)),
    talk=st.booleans(),
    cosine=st.none() | st.floats(-1, 1),
    context=st.floats(-1, 1),
    similar=st.floats(0, 1),
    rarity=st.floats(0, 1),
    spoke=st.integers(0, 2),
    present=st.booleans(),
    own=st.booleans(),
    occurred_at=_moments,
    terms=st.integers(0, 300),
    asks=st.booleans(),
    content=st.sampled_from(TEXTS),
    session_terms=st.integers(0, 5000),
    importance=st.integers(1, 10),
    is_pinned=st.booleans(),
    tier=st.sampled_from(["hot", "warm", "cold"]),
    running=st.none() | st.booleans(),
)
candidates = st.lists(any_row, max_size=12, unique_by=lambda one: int(one["ordinal"]))
#: Where words stand: in which session, at which place, which of the words, and whether it is talk.
postings = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 8), st.integers(1, 2 ** len(WORDS) - 1), st.booleans()),
    max_size=16,
    unique_by=lambda one: one[:2],
)


def asked(words: Sequence[str] = WORDS, indexed: int = 0) -> Asked:
    """The question's words as the database knows them."""
    tables = tuple(TABLES.values())
    return Asked([Word(word, 0) for word in words], {}, [], " ".join(words), Sizes(indexed, 0.0, tables))


def lexicon(places: Sequence[tuple[int, int, int, bool]], rows: int = 0, words: Sequence[str] = WORDS) -> Lexicon:
    """A lexicon of what stands where."""
    found = []
    for kind, table in TABLES.items():
        mine = sorted(
            (session << SESSION_BITS | place, mask)
            for session, place, mask, talk in places
            if talk == (kind == "message")
        )
        ordinals = np.array([ordinal for ordinal, _ in mine], dtype=np.int64)
        found.append(Postings(table, ordinals, np.array([mask for _, mask in mine], dtype=np.int32)))
    return Lexicon.of([one for one in found if len(one.ordinals)], asked(words), rows)


def measured(
    rows: list[dict[str, Any]],
    places: Sequence[tuple[int, int, int, bool]] = (),
    question: str | Question = "boat gale harbour",
    *,
    named: bool = False,
    session_terms: float = 100.0,
) -> Measured:
    """Every signal of some rows."""
    asks = read(question) if isinstance(question, str) else question
    return signals.measure(
        Evidence(asks, lexicon(places, 40), Known.of(rows), named=named, session_terms=session_terms)
    )


def related(found: Measured) -> Floats:
    """How far each row has to do with who is named, or asks."""
    return found.evidence.people.related


def value(name: str, rows: list[dict[str, Any]], *given_: Any, **more: Any) -> list[float]:
    """One signal of some rows."""
    return [float(number) for number in measured(rows, *given_, **more).values[name]]
