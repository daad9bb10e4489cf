"""The lexicon of a question: where its words stand, how rare they are, and what of them a window or a session has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnemon.db.recallable import SESSION_BITS
from mnemon.memory.recall.candidates import Asked, Int64, Postings
from mnemon.memory.recall.vocabulary import Concept

Floats = NDArray[np.float64]

#: Turns on each side whose words count for a turn.
NEIGHBOURS = 2
#: The weight of a question's word that no row has, as a share of the rarest word's. It counts in what a row could cover
#: at most: so a question whose words are mostly unknown gives less weight to the few common ones that match.
UNHEARD = 1.0
#: What a concept counts against a word that was said: its words are close to what was asked, not the same.
TRUST = 0.7
_K1_TURN = 0.9
_K1_SESSION = 1.2
_B_SESSION = 0.75


class Window(NamedTuple):
    """Rows with their neighbours; arrays of equal length.

    Attributes:
        around: BM25's term weight of the words in the row and its neighbours, of all that there could be: 0 to 1.
        own: rarity of the words in the row itself, of all the question's: 0 to 1.
        seen: shape (rows, words): how many rows of the window have each word.
    """

    around: Floats
    own: Floats
    seen: Floats


@dataclass(slots=True)
class Lexicon:
    """The postings of a question, ready to be asked about any ordinal.

    Attributes:
        ordinals: sorted; ``has``: shape (ordinals, words), 1 where the row has the word.
        idf: weight of each word, rare words more.
        spread: whether neighbours count, one entry an ordinal: in talk they do.
        mentions: ordinals of memories that mention a participant named in the question.
        terms: what each column of ``has`` stands for, to a person.
    """

    ordinals: Int64
    has: NDArray[np.float64]
    idf: Floats
    spread: NDArray[np.bool_]
    mentions: Int64
    terms: tuple[str, ...]

    @classmethod
    def of(cls, postings: Sequence[Postings], asked: Asked, rows: int) -> Lexicon:
        """Put the tables' postings together.

        Args:
            postings: what each table answered.
            asked: the question's words, bit by bit, then those of its concepts.
            rows: rows of the scope, at least.
        """
        terms = tuple(word.lexeme for word in asked.words)
        if not postings:
            empty = np.empty(0, dtype=np.int64)
            return cls(empty, np.empty((0, len(terms))), np.zeros(len(terms)), empty.astype(np.bool_), empty, terms)
        ordinals, masks, talk = _together(postings)
        width = len(asked.lexemes)
        bits = ((masks[:, None] >> np.arange(width, dtype=np.int32)) & 1).astype(np.float64)
        has = bits[:, : len(terms)]
        frequency = has.sum(axis=0)
        if asked.sizes.indexed:  # a budget may have kept postings back: the statistics know better
            frequency = np.maximum(frequency, [word.documents for word in asked.words])
        total = max(rows, len(ordinals))
        idf = np.log1p((total - frequency + 0.5) / (frequency + 0.5))
        idf[frequency == 0] *= UNHEARD
        idf *= [word.weight for word in asked.words]
        columns, weights, first = [has], [idf], len(terms)
        for concept in asked.concepts:
            bits_of_concept = bits[:, first : first + len(concept.alike)]
            first += len(concept.alike)
            stands_for = np.array([word.lexeme in concept.lexemes for word in asked.words], dtype=np.bool_)
            if frequency[stands_for].any():
                continue  # said after all, in rows that are not in the statistics yet
            idf[stands_for] = 0.0
            columns.append(_best(concept, bits_of_concept))
            weights.append(np.array([len(concept.lexemes) * np.log1p(total + 0.5) * TRUST]))
            terms = (*terms, f"{concept.phrase} ≈ {', '.join(lexeme for lexeme, _, _ in concept.alike)}")
        has, idf = np.concatenate(columns, axis=1), np.concatenate(weights)
        return cls(ordinals, has, idf, talk, ordinals[(masks >> width) > 0], terms)

    def windows(self) -> Int64:
        """Return every ordinal whose window has a word: the rows themselves and, in talk, their neighbours."""
        talk = self.ordinals[self.spread]
        around = [talk + step for step in range(-NEIGHBOURS, NEIGHBOURS + 1) if step]
        return np.unique(np.concatenate([self.ordinals, *around])) if len(self.ordinals) else self.ordinals

    def window(self, at: Int64) -> Window:
        """Return what each ordinal and its neighbours have of the question's words."""
        seen = np.zeros((len(at), len(self.idf)))
        mine = np.zeros(len(at))
        if len(self.ordinals):
            for step in range(-NEIGHBOURS, NEIGHBOURS + 1):
                positions = np.searchsorted(self.ordinals, at + step)
                positions[positions == len(self.ordinals)] = 0
                hit = self.ordinals[positions] == at + step
                if step:
                    hit &= self.spread[positions]
                words_here = self.has[positions] * hit[:, None]
                seen += words_here
                if not step:
                    mine = words_here @ self.idf
        weighted = (self.idf * (seen * (_K1_TURN + 1) / (seen + _K1_TURN))).sum(axis=1)
        total = self.idf.sum() + 1e-9
        return Window(weighted / ((_K1_TURN + 1) * total), mine / total, seen)

    def session(self, at: Int64, lengths: Floats, mean: float) -> Floats:
        """Score the whole session of each ordinal by BM25, from 0 to 1.

        Args:
            at: ordinals.
            lengths: words of each ordinal's session.
            mean: mean words of a session.
        """
        numbers, index = np.unique(at >> SESSION_BITS, return_inverse=True)
        counts = np.zeros((len(numbers), len(self.idf)))
        if len(self.ordinals) and len(numbers):
            mine = self.ordinals >> SESSION_BITS
            positions = np.searchsorted(numbers, mine)
            positions[positions == len(numbers)] = 0
            inside = numbers[positions] == mine
            np.add.at(counts, positions[inside], self.has[inside])
        norm = _K1_SESSION * (1 - _B_SESSION + _B_SESSION * lengths / max(mean, 1.0))
        tf = counts[index]
        weighted = (self.idf * (tf * (_K1_SESSION + 1) / (tf + norm[:, None]))).sum(axis=1)
        return np.asarray(weighted / ((_K1_SESSION + 1) * self.idf.sum() + 1e-9))


def _together(postings: Sequence[Postings]) -> tuple[Int64, NDArray[np.int32], NDArray[np.bool_]]:
    """Return (ordinals, sorted; their bit masks of words; whether each is talk) of all tables."""
    ordinals = np.concatenate([p.ordinals for p in postings])
    masks = np.concatenate([p.words for p in postings])
    talk = np.concatenate([np.full(len(p.ordinals), p.table.kind == "message") for p in postings])
    order = np.argsort(ordinals)
    return ordinals[order], masks[order], talk[order]


def _best(concept: Concept, bits: Floats) -> Floats:
    """Return one column: the closeness of the closest word of a concept that each row has."""
    closeness = np.array([near for _, near, _ in concept.alike])
    return np.asarray((bits * closeness).max(axis=1)[:, None])
