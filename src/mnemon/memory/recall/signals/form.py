"""What a row looks like: an answer of the kind asked for, a question, a reply, a long one."""

from __future__ import annotations

import numpy as np

from mnemon.memory.recall.lexicon import Floats
from mnemon.memory.recall.signals.signal import Evidence, MatchSignal


def _looks_like_answer(evidence: Evidence) -> Floats:
    answers = evidence.question.answers
    return np.array([float(any(one.search(row["content"] or "") for one in answers)) for row in evidence.rows])


SIGNALS = (
    MatchSignal(
        name="answer",
        weight=0.18,
        about="form",
        says="the kind of answer asked for",
        measures="the row looks like the kind of answer asked for (a number, a place, a reason, a name)",
        measure=_looks_like_answer,
        columns=("content",),
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
        name="reply",
        weight=0.05,
        about="form",
        says="replies to a question",
        measures="the row follows a question",
        measure=lambda evidence: evidence.column("follows_question"),
        columns=("follows_question",),
    ),
    MatchSignal(
        name="length",
        weight=0.05,
        about="form",
        says="says more",
        measures="logarithm of its content words",
        measure=lambda evidence: np.log1p(evidence.column("terms")),
        columns=("terms",),
        bounds=(0.0, None),
        is_reason=False,
    ),
)
