"""Fusion: the match signals by their weights, the signals of recall by those of the agent, and each with its share.

The weights of the match were fitted on five conversations (docs/decisions.md says how, docs/benchmarks.md how to
measure them again). Weighted sums of signals on absolute scales beat rank fusion, and they can be explained term by
term.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from mnemon.memory.recall.lexicon import Floats
from mnemon.memory.recall.signals import MATCH, RECALL, Matched, Measured
from mnemon.memory.schemas import Contribution, Weights

SEMANTIC = "semantic"
#: How fast the other four signals lose with a match's distance from the best one, at the usual weights: the square. So
#: a match half as good as the best one does not come before it, whatever else speaks for it.
STRICTNESS = 2.0


def match_scores(measured: Measured) -> Floats:
    """Score by what search ranks by: the weighted sum of the match signals."""
    total = np.zeros(len(measured.evidence.known))
    for signal in MATCH:
        total += signal.weight * measured.values[signal.name]
    return total


def recall_signals(measured: Measured, scores: Floats, weights: Weights, *, now: datetime) -> dict[str, Floats]:
    """Measure the five signals of recall, each from 0 to 1.

    The other four decide among comparable matches: each counts by how near a candidate's match is to the best one, the
    more strictly the more the match weighs. Where it weighs nothing, they count in full.

    Args:
        measured: the candidates.
        scores: their match scores.
        weights: what each signal counts.
        now: the moment that recency counts from.
    """
    matched = Matched(measured.evidence, scores, now)
    comparable = matched.nearness ** (STRICTNESS * _parts(weights)[SEMANTIC] / _USUAL)
    return {
        signal.name: signal.measure(matched) * (1.0 if signal.name == SEMANTIC else comparable) for signal in RECALL
    }


def recall_scores(values: Mapping[str, Floats], weights: Weights) -> Floats:
    """Score by what recall ranks by: the mean of its signals, weighted as the agent wants."""
    return np.asarray(sum(values[name] * weight for name, weight in _parts(weights).items()))


def explain_match(measured: Measured, index: int) -> dict[str, Contribution]:
    """List the match signals that one candidate has, with their shares."""
    return {
        signal.name: _contribution(value, signal.weight)
        for signal in MATCH
        if (value := float(measured.values[signal.name][index]))
    }


def explain_recall(values: Mapping[str, Floats], index: int, weights: Weights) -> dict[str, Contribution]:
    """List the signals of recall of one candidate, with their shares."""
    return {name: _contribution(float(values[name][index]), weight) for name, weight in _parts(weights).items()}


def _parts(weights: Weights) -> dict[str, float]:
    """Weights as parts of one."""
    given = weights.model_dump()
    total = sum(given.values())
    return {name: weight / total for name, weight in given.items()}


_USUAL = _parts(Weights())[SEMANTIC]


def _contribution(value: float, weight: float) -> Contribution:
    return Contribution(round(value, 6), round(weight, 6), round(value * weight, 6))
