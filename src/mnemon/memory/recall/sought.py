"""What a search looks for."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemon.memory.recall.candidates import Asked
from mnemon.memory.recall.question import Question
from mnemon.memory.scope import ResolvedScope


@dataclass(frozen=True, slots=True)
class Sought:
    """A question as recall works on it, and where.

    Attributes:
        base: what of the scope can be held.
        scope: what is asked: ``base`` with its conditions.
        asked: the question's words.
        question: the question.
        vector: its embedding.
        running: the conversation that is going on, if it is known.
        wanted: rows wanted at least.
    """

    base: ResolvedScope
    scope: ResolvedScope
    asked: Asked
    question: Question
    vector: NDArray[np.float32]
    running: UUID | None
    wanted: int

    @property
    def narrows(self) -> bool:
        """Whether there are conditions beside the scope that is held."""
        return self.scope.has_conditions and self.scope is not self.base
