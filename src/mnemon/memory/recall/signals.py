"""Signals: from postings and features to numbers, one array a signal, one entry a candidate.

``win`` and ``sess`` are BM25's term weight over the turn with its neighbours and over the whole session; the others
are plain observations. What each is worth is decided in :mod:`mnemon.memory.recall.fusion`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemon.db.recallable import SESSION_BITS
from mnemon.memory.recall.candidates import Asked, Int64, Postings
from mnemon.memory.recall.question import Question, tells_time

Floats = NDArray[np.float64]

#: Turns on each side whose words count for a turn.
NEIGHBOURS = 2
#: What a word that nobody ever said counts in the whole that a row can cover: with all of it a question in other words
#: than the talk would trust its few common words too much, with none of it too little.
UNHEARD = 1.0
#: What a concept counts against a word that was said: its words are close to what was asked, not the same.
TRUST = 0.7
_K1_TURN = 0.9
_K1_SESSION = 1.2
_B_SESSION = 0.75


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
        width = len(asked.lexemes)
        terms = tuple(word.lexeme for word in asked.words)
        if not postings:
            empty = np.empty(0, dtype=np.int64)
            return cls(empty, np.empty((0, len(terms))), np.zeros(len(terms)), empty.astype(np.bool_), empty, terms)
        ordinals = np.concatenate([p.ordinals for p in postings])
        masks = np.concatenate([p.words for p in postings])
        talk = np.concatenate([np.full(len(p.ordinals), p.table.kind == "message") for p in postings])
        order = np.argsort(ordinals)
        ordinals, masks, talk = ordinals[order], masks[order], talk[order]
        bits = ((masks[:, None] >> np.arange(width, dtype=np.int32)) & 1).astype(np.float64)
        own = bits[:, : len(terms)]
        frequency = own.sum(axis=0)
        if asked.sizes.indexed:  # a budget may have kept postings back: the statistics know better
            frequency = np.maximum(frequency, [word.documents for word in asked.words])
        total = max(rows, len(ordinals))
        idf = np.log1p((total - frequency + 0.5) / (frequency + 0.5))
        idf[frequency == 0] *= UNHEARD
        columns, weights, first = [own], [idf], len(terms)
        for concept in asked.concepts:
            closeness = np.array([near for _, near, _ in concept.alike])
            stands_for = np.array([word.lexeme in concept.lexemes for word in asked.words], dtype=np.bool_)
            column = (bits[:, first : first + len(closeness)] * closeness).max(axis=1)[:, None]
            first += len(closeness)
            if frequency[stands_for].any():
                continue  # said after all, in rows that are not in the statistics yet
            idf[stands_for] = 0.0
            columns.append(column)
            weights.append(np.array([len(concept.lexemes) * np.log1p(total + 0.5) * TRUST]))
            terms = (*terms, f"{concept.phrase} ≈ {', '.join(lexeme for lexeme, _, _ in concept.alike)}")
        has, idf = np.concatenate(columns, axis=1), np.concatenate(weights)
        return cls(ordinals, has, idf, talk, ordinals[(masks >> width) > 0], terms)

    def windows(self) -> Int64:
        """Every ordinal whose window has a word: the rows themselves and, in talk, their neighbours."""
        talk = self.ordinals[self.spread]
        around = [talk + step for step in range(-NEIGHBOURS, NEIGHBOURS + 1) if step]
        return np.unique(np.concatenate([self.ordinals, *around])) if len(self.ordinals) else self.ordinals

    def window(self, at: Int64) -> tuple[Floats, Floats, NDArray[np.float64]]:
        """(win, own, words seen in the window) of each ordinal."""
        seen = np.zeros((len(at), len(self.idf)))
        mine = np.zeros(len(at))
        if len(self.ordinals):
            for step in range(-NEIGHBOURS, NEIGHBOURS + 1):
                place = np.searchsorted(self.ordinals, at + step)
                place[place == len(self.ordinals)] = 0
                hit = self.ordinals[place] == at + step
                if step:
                    hit &= self.spread[place]
                found = self.has[place] * hit[:, None]
                seen += found
                if not step:
                    mine = found @ self.idf
        weighted = (self.idf * (seen * (_K1_TURN + 1) / (seen + _K1_TURN))).sum(axis=1)
        total = self.idf.sum() + 1e-9
        return weighted / ((_K1_TURN + 1) * total), mine / total, seen

    def session(self, at: Int64, lengths: Floats, mean: float) -> Floats:
        """Sess of each ordinal: BM25 of its whole session.

        Args:
            at: ordinals.
            lengths: words of each ordinal's session.
            mean: mean words of a session.
        """
        numbers, index = np.unique(at >> SESSION_BITS, return_inverse=True)
        counts = np.zeros((len(numbers), len(self.idf)))
        if len(self.ordinals) and len(numbers):
            mine = self.ordinals >> SESSION_BITS
            place = np.searchsorted(numbers, mine)
            place[place == len(numbers)] = 0
            inside = numbers[place] == mine
            np.add.at(counts, place[inside], self.has[inside])
        norm = _K1_SESSION * (1 - _B_SESSION + _B_SESSION * lengths / max(mean, 1.0))
        tf = counts[index]
        weighted = (self.idf * (tf * (_K1_SESSION + 1) / (tf + norm[:, None]))).sum(axis=1)
        return np.asarray(weighted / ((_K1_SESSION + 1) * self.idf.sum() + 1e-9))


@dataclass(slots=True)
class Measured:
    """Everything that was measured of the candidates: arrays of equal length.

    Attributes:
        values: the match signals by name.
        seen: shape (candidates, words): how often the window has each word.
        rows: the candidates' features as the database gave them.
        relation: how far a candidate has to do with who is named or asks, 0 to 1.
        terms: what the columns of ``seen`` stand for.
    """

    ordinals: Int64
    values: dict[str, Floats]
    seen: NDArray[np.float64]
    rows: list[Any]
    relation: Floats
    terms: tuple[str, ...]


def measure(
    question: Question,
    lexicon: Lexicon,
    rows: list[Any],
    *,
    named: bool,
    session_terms: float,
) -> Measured:
    """Measure every signal of every candidate.

    Args:
        question: what was asked.
        lexicon: where its words stand.
        rows: the candidates' features.
        named: whether the question names anybody.
        session_terms: mean words of a session, 0 if it is not known: then that of the candidates' sessions.
    """
    ordinals = np.array([row["ordinal"] for row in rows], dtype=np.int64)
    lengths = np.array([row["session_terms"] for row in rows], dtype=np.float64)
    if not session_terms and len(ordinals):
        _, first = np.unique(ordinals >> SESSION_BITS, return_index=True)
        session_terms = float(lengths[first].mean())
    win, own, seen = lexicon.window(ordinals)
    spoke, present, relation = _people(rows, ordinals, lexicon.mentions, named=named)
    zeros = np.zeros(len(rows))
    date = question.date
    values = {
        "cos": _column(rows, "cosine"),
        "win": win,
        "own": own,
        "sess": lexicon.session(ordinals, lengths, session_terms),
        "spk": spoke,
        "part": present,
        "date": np.array([date.closeness(row["occurred_at"].date()) for row in rows]) if date else zeros,
        "when": _tells_time(rows) if question.asks_when else zeros,
        "atype": _matches(rows, question.answers) if question.answers else zeros,
        "ques": _column(rows, "asks"),
        "prevq": _column(rows, "follows_question"),
        "len": np.log1p(_column(rows, "terms")),
    }
    return Measured(ordinals, values, seen, rows, relation, lexicon.terms)


def _column(rows: list[Any], name: str) -> Floats:
    return np.array([row[name] or 0.0 for row in rows], dtype=np.float64)


def _matches(rows: list[Any], patterns: Sequence[Any]) -> Floats:
    return np.array([float(any(p.search(row["content"] or "") for p in patterns)) for row in rows])


def _tells_time(rows: list[Any]) -> Floats:
    return np.array([float(tells_time(row["content"])) for row in rows])


def _people(rows: list[Any], ordinals: Int64, mentions: Int64, *, named: bool) -> tuple[Floats, Floats, Floats]:
    """(spk, part, relation): who is named spoke this row, was there, or has to do with it."""
    if not named:
        return np.zeros(len(rows)), np.zeros(len(rows)), _column(rows, "own")
    places = np.array([row["spoke"] for row in rows], dtype=np.int64)
    here = np.unique(places[places > 0])
    spoke = (places == here[0]).astype(np.float64) if len(here) == 1 else np.zeros(len(rows))
    if len(mentions):
        spoke = np.maximum(spoke, np.isin(ordinals, mentions))
    present = np.maximum(_column(rows, "present"), spoke)
    return spoke, present, np.maximum(spoke, 0.5 * present)
