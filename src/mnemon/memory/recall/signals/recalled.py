"""The five signals of recall, from 0 to 1: how well a row matches is one of them. Their weights are the agent's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from mnemon.db.recallable import SESSION_BITS
from mnemon.memory.recall.lexicon import Floats
from mnemon.memory.recall.signals.dates import gaps
from mnemon.memory.recall.signals.signal import EPOCH, Evidence, Signal
from mnemon.memory.schemas import Weights

#: Days after which a memory of each tier counts half.
HALF_LIFE = {"hot": 7.0, "warm": 30.0, "cold": 180.0}

#: Match scores run from about 0 to 3; a best match at the middle is as likely to matter as not.
_MIDDLE = 1.2
_STEEPNESS = 2.5
#: Rows of a session whose match makes company for the others: the best ones.
_COMPANY = 20


@dataclass
class Matched:
    """What the signals of recall look at.

    Attributes:
        evidence: the candidates.
        scores: their match scores.
        now: the moment that recency counts from.
    """

    evidence: Evidence
    scores: Floats
    now: datetime

    @cached_property
    def nearness(self) -> Floats:
        """How near each match is to the best one: 1 for the best, 0 for what falls short of it by one or more."""
        return np.asarray(np.clip(1.0 - (self.scores.max(initial=-np.inf) - self.scores), 0.0, 1.0))

    @cached_property
    def semantic(self) -> Floats:
        """How near each is to the best, times how good the best is.

        Squashing each score by itself would press the best together until the other signals decide alone.
        """
        if not len(self.scores):
            return self.scores
        trust = 1.0 + np.exp(-_STEEPNESS * (self.scores.max() - _MIDDLE))
        return np.asarray(self.nearness / trust)


def _recency(matched: Matched) -> Floats:
    evidence = matched.evidence
    if evidence.question.times and len(evidence.known):  # a question about a time is not about now
        at, zone = evidence.moments, evidence.question.zone
        age = np.asarray(np.min([gaps(named, at, zone) for named in evidence.question.times], axis=0)) / 86_400
    else:
        age = np.maximum((matched.now - EPOCH).total_seconds() - evidence.moments, 0.0) / 86_400
    half_life = np.array([HALF_LIFE.get(tier, 30.0) for tier in evidence.known["tier"]])
    return np.asarray(np.exp2(-age / half_life)) if len(age) else age


def _importance(matched: Matched) -> Floats:
    evidence = matched.evidence
    return np.where(evidence.column("is_pinned") > 0, 1.0, evidence.column("importance") / 10)


def _continuity(matched: Matched) -> Floats:
    semantic, candidates = matched.semantic, matched.evidence.known
    if not len(semantic):
        return semantic
    _, session = np.unique(matched.evidence.ordinals >> SESSION_BITS, return_inverse=True)
    best = min(_COMPANY, len(semantic))
    top = semantic * (semantic >= np.partition(semantic, -best)[-best])
    company = np.bincount(session, top)[session] - top  # what else of the session matches
    # by how well a row matches itself: company does not make an answer of a "roger" between two of them
    together = (1.0 - np.exp(-0.25 * company)) * semantic / (semantic.max() or 1.0)
    if not candidates.in_running:
        return np.asarray(together)
    return np.asarray(0.5 * together + 0.5 * matched.evidence.column("running"))


RecallSignal = Signal[Matched]
_USUAL = Weights()

SIGNALS = (
    RecallSignal(
        name="semantic",
        weight=_USUAL.semantic,
        about="meaning",
        says="matches the question",
        measures="how far the match falls short of the best one, times how good the best one is",
        measure=lambda matched: matched.semantic,
        label="match",
    ),
    RecallSignal(
        name="recency",
        weight=_USUAL.recency,
        about="time",
        says="recent",
        measures="halves with every half-life since it was said: hot 7, warm 30, cold 180 days; counted from the time "
        "that the question names, if it names one",
        measure=_recency,
        columns=("occurred_at", "tier"),
        label="recent",
    ),
    RecallSignal(
        name="importance",
        weight=_USUAL.importance,
        about="worth",
        says="important",
        measures="1 to 10 scaled; a pin counts as 10",
        measure=_importance,
        columns=("is_pinned", "importance"),
        label="important",
    ),
    RecallSignal(
        name="continuity",
        weight=_USUAL.continuity,
        about="talk",
        says="in company of what also matches",
        measures="how much else of its session matches, and whether it is the running conversation",
        measure=_continuity,
        columns=("running",),
        label="company",
    ),
    RecallSignal(
        name="relationship",
        weight=_USUAL.relationship,
        about="people",
        says="to do with who is named or asks",
        measures="who is named, or who asks, said it, owns it, is mentioned or was there",
        measure=lambda matched: matched.evidence.people.related,
        columns=("spoke", "present", "own"),
        label="people",
    ),
)
