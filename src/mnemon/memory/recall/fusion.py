"""Fusion: the match signals by their weights, the signals of recall by those of the agent, and each with its share.

The weights of the match were fitted on five conversations (docs/decisions.md says how, docs/benchmarks.md how to
measure them again). Weighted sums of signals on absolute scales beat rank fusion, and they can be explained term by
term.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from mnemon.memory.recall import succession
from mnemon.memory.recall.lexicon import Floats
from mnemon.memory.recall.signals import MATCH, RECALL, Matched, Measured
from mnemon.memory.schemas import Contribution, Weights

SEMANTIC = "semantic"
SUCCESSION = succession.SIGNAL.name
_DIGITS = 6  # of what explanations tell
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


def explain_match(measured: Measured, indexes: Sequence[int]) -> list[dict[str, Contribution]]:
    """List the match signals that each of some candidates has, with their shares."""
    weights = {signal.name: signal.weight for signal in MATCH}
    return _explain({name: measured.values[name][indexes] for name in weights}, weights, all_of_them=False)


def explain_recall(
    values: Mapping[str, Floats], indexes: Sequence[int], weights: Weights, gained: Floats | None = None
) -> list[dict[str, Contribution]]:
    """List the signals of recall of each of some candidates, with their shares; and what they gained, if they did."""
    explained = _explain({name: values[name][indexes] for name in values}, _parts(weights), all_of_them=True)
    if gained is not None:
        for signals, gain in zip(explained, np.round(gained[indexes], _DIGITS).tolist(), strict=True):
            if gain:
                signals[SUCCESSION] = Contribution(gain, 1.0, gain)
    return explained


def _explain(
    values: Mapping[str, Floats], weights: Mapping[str, float], *, all_of_them: bool
) -> list[dict[str, Contribution]]:
    table = np.stack([values[name] for name in weights], axis=1)
    shares = np.round(table * np.array([*weights.values()]), _DIGITS).tolist()
    signals = [(name, round(weight, _DIGITS)) for name, weight in weights.items()]
    return [
        {
            name: Contribution(value, weight, share)
            for (name, weight), value, share in zip(signals, row, shares_of_row, strict=True)
            if all_of_them or value
        }
        for row, shares_of_row in zip(np.round(table, _DIGITS).tolist(), shares, strict=True)
    ]


def _parts(weights: Weights) -> dict[str, float]:
    """Weights as parts of one."""
    given = weights.model_dump()
    total = sum(given.values())
    return {name: weight / total for name, weight in given.items()}


_USUAL = _parts(Weights())[SEMANTIC]
