"""What a score is made of: the weights that are asked for, and what each signal gave."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from mnemon.core.strict import Real
from mnemon.core.text import Schema


class Weights(Schema):
    """The five weights of recall; the agent's, if not given. Only their proportion counts."""

    semantic: Real = Field(default=0.35, ge=0, le=1)
    recency: Real = Field(default=0.20, ge=0, le=1)
    importance: Real = Field(default=0.20, ge=0, le=1)
    continuity: Real = Field(default=0.15, ge=0, le=1)
    relationship: Real = Field(default=0.10, ge=0, le=1)

    @model_validator(mode="after")
    def _not_nothing(self) -> Weights:
        if not sum((self.semantic, self.recency, self.importance, self.continuity, self.relationship)):
            raise PydanticCustomError("weights", "all weights are zero")
        return self


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one signal adds to the score of a hit.

    Attributes:
        value: what was measured.
        weight: what one unit of it counts.
        share: its part of the score, ``weight * value``; shares add up to the score.
    """

    value: float
    weight: float
    share: float


class Explanation(Schema):
    """Why a hit was found and why it stands where it does.

    Attributes:
        match: the signals of text, talk and time; their shares add up to ``match_score``.
        match_score: the score that search ranks by.
        recall: the five signals of recall; empty for a search.
        terms: words of the question (stemmed) that the hit or its neighbours have.
        names: participants named in the question.
        times: times that the question names, as they were understood: ``2026-03-03, Europe/Berlin``.
        via: how it became a candidate: ``vector``, ``words``, ``time``, ``recent``.
    """

    match: dict[str, Contribution]
    match_score: float
    recall: dict[str, Contribution] = Field(default_factory=dict)
    terms: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    via: tuple[str, ...] = ()
