"""Signals: why a row may be the answer, one number each. A signal is one object, in the file of what it looks at.

``MATCH`` are the signals that search adds up; ``RECALL`` the five that recall weighs, the match among them. Scores,
explanations, what the command line prints and the tables in docs/recall.md are made from these lists. To add a signal
is to write it into a file's ``SIGNALS``, and to run ``make docs``. One that reads what recall/known.py does not list
yet needs that column there as well; one of the tables' own is marked ``scored`` in memory/columns.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    "take",
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


def measure(evidence: Evidence, *, read: bool = True) -> Measured:
    """Measure every match signal of every candidate; what the question does not ask for is 0.

    Args:
        evidence: the candidates.
        read: whether their texts have been read; else the signals of texts are 0 until :func:`take`.
    """
    question = evidence.question
    return Measured(
        evidence,
        {
            signal.name: signal.measure(evidence)
            if signal.applies(question) and (read or not _reads(signal))
            else evidence.zeros
            for signal in MATCH
        },
    )


def take(measured: Measured, places: NDArray[np.intp]) -> Measured:
    """Return some of the candidates, whose texts have been read now."""
    evidence = measured.evidence.take(places)
    return Measured(
        evidence,
        {
            signal.name: signal.measure(evidence)
            if _reads(signal) and signal.applies(evidence.question)
            else measured.values[signal.name][places]
            for signal in MATCH
        },
    )


def _reads(signal: MatchSignal) -> bool:
    return "traits" in signal.columns


def reads_text(question: Question) -> bool:
    """Say whether some signal reads the candidates' text to answer this question; most need none."""
    return any(_reads(one) and one.applies(question) for one in MATCH)
