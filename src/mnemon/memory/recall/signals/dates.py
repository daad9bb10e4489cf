"""The time a question names, and the time it asks for."""

from __future__ import annotations

import numpy as np

from mnemon.memory.recall.lexicon import Floats
from mnemon.memory.recall.question import tells_time
from mnemon.memory.recall.signals.signal import Evidence, MatchSignal


def _closeness(evidence: Evidence) -> Floats:
    date = evidence.question.date
    return np.array([date.closeness(row["occurred_at"].date()) for row in evidence.rows]) if date else evidence.zeros


def _tells_time(evidence: Evidence) -> Floats:
    return np.array([float(tells_time(row["content"])) for row in evidence.rows])


SIGNALS = (
    MatchSignal(
        name="date",
        weight=0.55,
        about="time",
        says="around that date",
        measures="the question names a date, and this was said on or shortly after it",
        measure=_closeness,
        columns=("occurred_at",),
        applies=lambda question: question.date is not None,
    ),
    MatchSignal(
        name="time",
        weight=0.3,
        about="time",
        says="says when",
        measures="the question asks for a time, and the row has one",
        measure=_tells_time,
        columns=("content",),
        applies=lambda question: question.asks_when,
    ),
)
