"""Succession: what was said later about the same thing takes the place of what was said before it.

"I live in Porto" answers "where do I live?" better than "we moved to Lisbon" does, by meaning and by words. Recency
alone cannot mend that: years later both are old. But the two are close to each other, closer by far than two things
that the same person said about anything else, and so the later one is lifted to where the earlier one stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnemon.memory.recall.lexicon import Floats
from mnemon.memory.recall.signals import Measured, Signal
from mnemon.memory.schemas import Weights

#: Cosines from which two things are taken to be about the same, and at which there is no doubt. Of 62 facts that were
#: told twice in other words, half of the pairs were above .73, and none of the pairs of different facts above .45.
ABOUT, SAME = 0.4, 0.6
#: The best candidates, whose successors are looked for, and the best among which these are.
LEADERS, FOLLOWERS = 3, 60
#: Seconds between the two: within one talk the later is no correction, but goes on.
LATER = 86_400.0
#: How far the later one comes before the earlier, as a share of its score.
AHEAD = 0.03
_USUAL = Weights()
_USUAL_RECENCY = _USUAL.recency / sum(_USUAL.model_dump().values())


@dataclass(frozen=True, slots=True)
class Scored:
    """What it is worked out from.

    Attributes:
        measured: the candidates.
        scores: of recall, by its five signals.
        strength: 0 to 1: how much it counts.
    """

    measured: Measured
    scores: Floats
    strength: float


def strength(weights: Weights) -> float:
    """Return how much it counts: in full at the usual weight of recency, less below it, not at all where that is 0."""
    total = sum(weights.model_dump().values())
    return min(1.0, float(weights.recency / total / _USUAL_RECENCY))


def _gained(scored: Scored) -> Floats:
    """Return what each candidate gains."""
    scores, candidates = scored.scores, scored.measured.evidence.known
    gained = np.zeros(len(scores))
    if not len(scores) or not scored.strength or "vector" not in candidates.columns:
        return gained
    if scored.measured.evidence.question.times:  # what was said then is asked for, and not what came after
        return gained
    best = np.argsort(-scores, kind="stable")[:FOLLOWERS]
    vectors, moments, authors = candidates["vector"][best], candidates["occurred_at"][best], candidates["author"][best]
    for leader in range(min(LEADERS, len(best))):
        closeness = np.clip((np.vecdot(vectors, vectors[leader]) - ABOUT) / (SAME - ABOUT), 0.0, 1.0)
        follows = (moments - moments[leader] > LATER) & (authors == authors[leader])
        likely = np.where(follows, closeness * scores[best], 0.0)
        successor = int(np.argmax(likely))
        if likely[successor] > 0:
            short = scores[best[leader]] * (1.0 + AHEAD) - scores[best[successor]]
            gain = scored.strength * float(closeness[successor]) * short
            gained[best[successor]] = max(gained[best[successor]], gain)
    return gained


def author(spoke: NDArray[np.bytes_], owner: NDArray[np.bytes_], talk: NDArray[np.bool_]) -> NDArray[np.bytes_]:
    """Return whose word each row is: of talk who said it, of memories whose they are."""
    return np.where(talk, spoke, owner)


SIGNAL = Signal[Scored](
    name="succession",
    weight=1.0,
    about="time",
    says="newer word on the same thing",
    measures="what it takes to stand before an earlier one of the three best candidates that is about the same thing, "
    "said by the same person at least a day before; not for questions that name a time, and only as far as recency "
    "counts",
    measure=_gained,
    columns=("vector", "author", "occurred_at"),
    bounds=(0.0, None),
    label="newer",
)
