"""A few rows of a large scope, read whole: measured as those of a held scope are, by the words of all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemon.memory.recall.coded.part import Flags, Part
from mnemon.memory.recall.coded.words import numbers_of
from mnemon.memory.recall.held.scope import HeldScope, Rows

#: Words in the rows of an organisation up to which those in the scope are counted; in a larger one words are taken to
#: be spread over the scope as over all of it.
_COUNTED = 50_000


class Few(HeldScope):
    """The rows of a scope that are looked at more closely, and their neighbours.

    Args:
        dimensions: numbers in a vector.
        part: the scope.
        members: its rows.
        frequencies: how many of them have each word that was asked.
    """

    def __init__(self, dimensions: int, part: Part, members: Flags, frequencies: Mapping[str, int]) -> None:
        super().__init__(dimensions, part.version, part.mark)
        self._part = part
        self._members = members
        self._total = int(np.count_nonzero(members))
        self._asked = frequencies

    def rarity_of(self, lexeme: str, places: Rows) -> float:
        """Return how rare a word is in the whole scope."""
        frequency = max(self._asked.get(lexeme, 0), len(places))
        return float(np.log1p((self._total - frequency + 0.5) / (frequency + 0.5)))

    def _frequencies(self, frequency: NDArray[Any]) -> tuple[NDArray[Any], int]:
        words, rows = self._part.rows.words, self._part.rows
        numbers = numbers_of(list(self._lexemes))
        counts = words.counts(numbers)
        found = counts * (self._total / max(rows.came, 1))
        if counts.sum() <= _COUNTED:
            where = [words.rows_of([number]) for number in numbers.tolist()]
            found = np.array([np.count_nonzero(self._members[at[at < len(self._members)]]) for at in where])
        return np.maximum(found, frequency), max(self._total, len(self))
