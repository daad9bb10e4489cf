"""Words close in meaning: where the talk has not the word that was asked, but one like it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnemon.ai.embedders import LocalEmbedder
from mnemon.core import forks
from mnemon.memory.recall.heard import Word
from mnemon.memory.recall.held.scope import HeldScope
from mnemon.memory.recall.lexicon import Floats

#: Words of the scope that may stand for one that was asked, and how close they must be.
ALIKE = 8
CLOSENESS = 0.35
#: Words whose vectors are held: some 50 MB with 256 numbers.
_HELD = 50_000


class WordVectors:
    """The vectors of words, worked out when they are first met: they are the same wherever the words are said.

    Args:
        embedder: one that answers at once.
    """

    def __init__(self, embedder: LocalEmbedder) -> None:
        self._embedder = embedder
        self._rows: dict[str, int] = {}
        self._vectors = np.zeros((1024, embedder.dimensions), dtype=np.float32)
        forks.in_child(self)

    def forked(self) -> None:
        """Begin empty: a thread of the parent may have been in the middle of adding some."""
        self._rows = {}

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        return self._vectors.nbytes + len(self._rows) * 120

    def of(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector a word, shape (words, dimensions)."""
        rows = self._rows
        missing = list(dict.fromkeys(word for word in words if word not in rows))
        if missing:
            if len(rows) + len(missing) > _HELD:
                rows.clear()
                missing = list(dict.fromkeys(words))
            self._add(missing)
        return self._vectors[[rows[word] for word in words]]

    def _add(self, words: Sequence[str]) -> None:
        first, count = len(self._rows), len(words)
        if first + count > len(self._vectors):
            room = np.zeros((max(2 * len(self._vectors), first + count), self._vectors.shape[1]), dtype=np.float32)
            room[:first] = self._vectors[:first]
            self._vectors = room
        self._vectors[first : first + count] = self._embedder.embed_now(words)
        self._rows.update(zip(words, range(first, first + count), strict=True))


def similar(held: HeldScope, vectors: WordVectors, words: Sequence[Word]) -> Floats:
    """Return how far the talk around each row has words like those asked, where it has not these themselves: 0 to 1.

    A word counts by its rarity; one that nobody said counts like the rarest.
    """
    size = len(held)
    total = np.zeros(size)
    words = [word for word in words if word.asked]
    names = held.said()
    if not size or not words or not names:
        return total
    alike = _alike(held, vectors, names, [word.asked for word in words])
    weight = 0.0
    for word in words:
        own = held.places_of((word.lexeme, *word.others))
        rarity = held.rarity_of(word.lexeme, own)
        weight += rarity
        stand_ins = np.zeros(size)
        for name, closeness in alike[word.asked]:
            if name != word.lexeme and name not in word.others:
                stand_ins[held.places_of((name,))] = closeness
        if not stand_ins.any():
            continue
        exact = np.zeros(size)
        exact[own] = 1.0
        total += rarity * np.where(held.around(exact) > 0, 0.0, held.around(stand_ins))
    return np.minimum(total / (weight or 1.0), 1.0)


def _alike(
    held: HeldScope, vectors: WordVectors, names: Sequence[str], asked: Sequence[str]
) -> dict[str, list[tuple[str, float]]]:
    """Return the words of the scope that are most like each of those asked, from 0 to 1, the most alike last.

    They are found once as long as the rows stay as they are: every question has "when" or "what".
    """
    stand_ins: dict[str, list[tuple[str, float]]] = held.derived("alike", dict)
    missing = [word for word in dict.fromkeys(asked) if word not in stand_ins]
    if missing:
        name_vectors = held.derived("vectors", lambda: vectors.of(names))
        for word, vector in zip(missing, vectors.of(missing), strict=True):
            near = np.vecdot(name_vectors, vector)
            best = np.argpartition(-near, min(ALIKE, len(near) - 1))[: ALIKE + 1]
            closeness = (near[best] - CLOSENESS) / (1.0 - CLOSENESS)
            stand_ins[word] = sorted(
                ((names[at], how) for at, how in zip(best.tolist(), closeness.tolist(), strict=True) if how > 0),
                key=lambda pair: pair[1],
            )
    return stand_ins
