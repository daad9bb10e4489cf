"""Fusion: the recipe's weights for what matches, and an agent's five weights for what to bring to mind.

The recipe's weights were fitted on five conversations (docs/decisions.md says how, docs/benchmarks.md how to measure
them again). Weighted sums of signals on absolute scales beat rank fusion, and they can be explained term by term.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from mnemon.db.recallable import SESSION_BITS
from mnemon.memory.recall.signals import Floats, Measured
from mnemon.memory.schemas import Signal, Weights

RECIPE: Mapping[str, float] = {
    "cos": 1.0,
    "win": 1.15,
    "own": 0.3,
    "sess": 0.55,
    "spk": 0.225,
    "part": 0.5,
    "date": 0.55,
    "when": 0.3,
    "atype": 0.18,
    "ques": -0.1,
    "prevq": 0.05,
    "len": 0.05,
}

#: Days after which a memory of each tier counts half.
HALF_LIFE = {"hot": 7.0, "warm": 30.0, "cold": 180.0}

#: Match scores run from about 0 to 3; a best match at the middle is as likely to matter as not.
_MIDDLE = 1.2
_STEEPNESS = 2.5


def match_scores(measured: Measured) -> Floats:
    """What search ranks by: the weighted sum of the match signals."""
    total = np.zeros(len(measured.ordinals))
    for name, weight in RECIPE.items():
        total += weight * measured.values[name]
    return total


def five_signals(measured: Measured, scores: Floats, *, now: datetime) -> dict[str, Floats]:
    """The five signals of recall, each from 0 to 1.

    - semantic: how far the match falls short of the best one, times how good the best one is: squashing each score
      by itself would press the best together until the other signals decide alone.
    - recency: halves with every half-life of the row's tier since it was said or true.
    - importance: 1 to 10 scaled; a pin counts as 10.
    - continuity: how much of what matches was said in the same session, and whether it is the running conversation.
    - relationship: whether who is named, or who asks, said it, owns it, is mentioned or was there.

    Args:
        measured: the candidates.
        scores: their match scores.
        now: the moment that recency counts from.
    """
    rows = measured.rows
    semantic = _semantic(scores)
    age = np.array([max((now - row["occurred_at"]).total_seconds(), 0.0) / 86_400 for row in rows])
    half_life = np.array([HALF_LIFE.get(row["tier"], 30.0) for row in rows])
    importance = np.array([1.0 if row["is_pinned"] else row["importance"] / 10 for row in rows])
    return {
        "semantic": semantic,
        "recency": np.exp2(-age / half_life) if len(rows) else age,
        "importance": importance,
        "continuity": _continuity(measured, semantic),
        "relationship": measured.relation,
    }


def _semantic(scores: Floats) -> Floats:
    if not len(scores):
        return scores
    best = scores.max()
    return np.asarray(np.clip(1.0 - (best - scores), 0.0, 1.0) / (1.0 + np.exp(-_STEEPNESS * (best - _MIDDLE))))


def _continuity(measured: Measured, semantic: Floats) -> Floats:
    if not len(semantic):
        return semantic
    _, session = np.unique(measured.ordinals >> SESSION_BITS, return_inverse=True)
    top = semantic * (semantic >= np.partition(semantic, -min(20, len(semantic)))[-min(20, len(semantic))])
    company = np.bincount(session, top)[session] - top  # what else of the session matches
    # by how well a row matches itself: company does not make an answer of a "roger" between two of them
    together = (1.0 - np.exp(-0.25 * company)) * semantic / (semantic.max() or 1.0)
    if all(row["running"] is None for row in measured.rows):
        return np.asarray(together)
    now_talked = np.array([float(bool(row["running"])) for row in measured.rows])
    return np.asarray(0.5 * together + 0.5 * now_talked)


def recall_scores(five: Mapping[str, Floats], weights: Weights) -> Floats:
    """What recall ranks by: the mean of the five signals, weighted as the agent wants."""
    given = weights.model_dump()
    total = sum(given.values())
    return np.asarray(sum(five[name] * (weight / total) for name, weight in given.items()))


def explain_match(measured: Measured, index: int) -> dict[str, Signal]:
    """The match signals of one candidate, with their shares."""
    return {
        name: _signal(float(measured.values[name][index]), weight)
        for name, weight in RECIPE.items()
        if measured.values[name][index]
    }


def explain_five(five: Mapping[str, Floats], index: int, weights: Weights) -> dict[str, Signal]:
    """The five signals of one candidate, with their shares."""
    given = weights.model_dump()
    total = sum(given.values())
    return {name: _signal(float(five[name][index]), weight / total) for name, weight in given.items()}


def _signal(value: float, weight: float) -> Signal:
    return Signal(round(value, 6), round(weight, 6), round(value * weight, 6))
