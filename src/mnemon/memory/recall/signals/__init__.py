"""Signals: why a row may be the answer, one number each. A signal is one object, in the file of what it looks at.

``MATCH`` are the signals that search adds up; ``RECALL`` the five that recall weighs, the match among them. Scores,
explanations, what the command line prints and the tables in docs/recall.md are made from these lists. To add a signal
is to write it into a file's ``SIGNALS``, and to run ``make docs``. One that reads what ``recall_features.sql`` does not
answer yet needs that column there as well; one of the tables' own is marked ``scored`` in memory/columns.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from mnemon.memory.recall.lexicon import Floats
from mnemon.memory.recall.question import Question
from mnemon.memory.recall.signals import dates, form, meaning, people, recalled, words
from mnemon.memory.recall.signals.recalled import Matched, RecallSignal
from mnemon.memory.recall.signals.signal import Evidence, MatchSignal, Signal
from mnemon.memory.recall.signals.words import lexical_scores

__all__ = [
    "MATCH",
    "RECALL",
    "Evidence",
    "MatchSignal",
    "Matched",
    "Measured",
    "RecallSignal",
    "Signal",
    "lexical_scores",
    "measure",
    "reads_text",
]

MATCH: tuple[MatchSignal, ...] = (
    *meaning.SIGNALS,
    *words.SIGNALS,
    *people.SIGNALS,
    *dates.SIGNALS,
    *form.SIGNALS,
)
RECALL: tuple[RecallSignal, ...] = recalled.SIGNALS


@dataclass(frozen=True, slots=True)
class Measured:
    """The candidates and every match signal of each: ``values`` has one array a signal, by its name."""

    evidence: Evidence
    values: dict[str, Floats]


def measure(evidence: Evidence) -> Measured:
    """Measure every match signal of every candidate; what the question does not ask for is 0."""
    question = evidence.question
    return Measured(
        evidence,
        {one.name: one.measure(evidence) if one.applies(question) else evidence.zeros for one in MATCH},
    )


def reads_text(question: Question) -> bool:
    """Say whether some signal reads the candidates' text to answer this question; most need none."""
    return any("content" in one.columns and one.applies(question) for one in MATCH)
