"""What a row looks like: an answer of the kind asked for, a question, the beginning of a sitting."""

from __future__ import annotations

import numpy as np

from mnemon.db.recallable import PLACE_MASK
from mnemon.memory.recall.lexicon import Floats
from mnemon.memory.recall.signals.signal import Evidence, MatchSignal

#: Rows in which being early loses all but 37 % of its worth.
_EARLY = 3.0


def _looks_like_answer(evidence: Evidence) -> Floats:
    return evidence.has_trait(evidence.question.answers)


def _early(evidence: Evidence) -> Floats:
    place = np.maximum((evidence.ordinals & PLACE_MASK) - 1, 0)
    return np.asarray(evidence.column("talk") * np.exp(-place / _EARLY))


SIGNALS = (
    MatchSignal(
        name="answer",
        weight=0.22,
        about="form",
        says="the kind of answer asked for",
        measures="the row looks like the kind of answer asked for (a number, a place, a reason, a name)",
        measure=_looks_like_answer,
        columns=("traits",),
        applies=lambda question: bool(question.answers),
    ),
    MatchSignal(
        name="question",
        weight=-0.1,
        about="form",
        says="is itself a question",
        measures="the row is a question itself",
        measure=lambda evidence: evidence.column("asks"),
        columns=("asks",),
    ),
    MatchSignal(
        name="early",
        weight=0.04,
        about="form",
        says="at the beginning of a sitting",
        measures="how early in its session the row was said: 1 for the first, falling off by a third with each one",
        measure=_early,
        columns=("ordinal", "talk"),
        is_reason=False,
    ),
)
