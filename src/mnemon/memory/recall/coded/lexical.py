"""Where a question's words stand in a scope, out of what is held of its organisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mnemon.db.recallable import SESSION_BITS
from mnemon.memory.columns import MEMORIES, MESSAGES
from mnemon.memory.recall.candidates import Asked, Int64, Postings
from mnemon.memory.recall.coded.part import Flags
from mnemon.memory.recall.coded.rows import CodedRows
from mnemon.memory.recall.coded.words import Row32, numbers_of
from mnemon.memory.recall.heard import Word
from mnemon.memory.recall.lexicon import Lexicon

#: Rows of words that are looked at, the rarest words first; a word beyond is rare nowhere, and finds nothing.
_BUDGET = 2_000_000
_MASK_BITS = 31


@dataclass(frozen=True, slots=True)
class Standing:
    """Where words stand.

    Attributes:
        asked: the question's words, with how many rows of the scope have each.
        bits: of each row of the organisation, which words it has; nothing for those that are not of the scope.
        best: rows that words speak for most, by themselves.
        mentions: memories that mention somebody named, the latest ones.
        members: rows of the scope.
    """

    asked: Asked
    bits: NDArray[np.int32]
    best: Row32
    mentions: Row32
    members: int

    def lexicon(self, rows: CodedRows, ordinals: Int64) -> Lexicon:
        """Return the lexicon of the sessions that some rows are of."""
        sessions = np.unique(ordinals >> SESSION_BITS)
        at = rows.between(sessions << SESSION_BITS, (sessions + 1) << SESSION_BITS)
        at = at[at < len(self.bits)]
        at = at[self.bits[at] != 0]
        talk, where, bits = rows.column("talk")[at], rows.column("ordinals")[at], self.bits[at]
        postings = []
        for table, mine in ((MESSAGES, talk), (MEMORIES, ~talk)):
            order = np.argsort(where[mine])
            if len(order):
                postings.append(Postings(table, where[mine][order], bits[mine][order]))
        return Lexicon.of(postings, self.asked, self.members)


def stand(rows: CodedRows, members: Flags, allowed: Flags, asked: Asked, *, most: int) -> Standing:
    """Find where a question's words stand.

    Args:
        rows: what is held.
        members: those of the scope.
        allowed: those that are asked for.
        asked: the words.
        most: rows wanted of those that the words speak for most.
    """
    size, total = len(members), int(np.count_nonzero(members))
    bits, score = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.float32)
    word_rows: list[Row32] = []
    frequencies: dict[str, int] = {}
    spent = 0
    numbers = [numbers_of((word.lexeme, *word.others)) for word in asked.words]
    counts = [int(rows.words.counts(of_word).sum()) for of_word in numbers]
    for bit in sorted(range(len(numbers)), key=counts.__getitem__):
        word = asked.words[bit]
        spent += counts[bit]
        if spent > _BUDGET and spent > counts[bit]:
            frequencies[word.lexeme] = round(counts[bit] * total / size)
            continue
        at = _of(rows, numbers[bit].tolist(), members)
        frequencies[word.lexeme] = len(at)
        if bit < _MASK_BITS:
            bits[at] |= np.int32(1 << bit)
        score[at] += np.float32(_weight(word, len(at), total))
        word_rows.append(at)
    mentions = _mentions(rows, members, asked, bits)
    words = [replace(word, documents=frequencies[word.lexeme]) for word in asked.words]
    sizes = replace(asked.sizes, indexed=max(total, 1))
    return Standing(
        replace(asked, words=words, sizes=sizes), bits, _best(word_rows, score, allowed, most), mentions[-most:], total
    )


def _of(rows: CodedRows, numbers: Sequence[int], members: Flags) -> Row32:
    at = rows.words.rows_of(numbers)
    return np.asarray(at[members[at]], dtype=np.int32)


def _weight(word: Word, frequency: int, total: int) -> float:
    return float(np.log1p((total - frequency + 0.5) / (frequency + 0.5))) * word.weight


def _mentions(rows: CodedRows, members: Flags, asked: Asked, bits: NDArray[np.int32]) -> Row32:
    """Note in ``bits``, after the question's words, the memories that mention who is named, and return them."""
    width, talk = len(asked.lexemes), rows.column("talk")
    mentioning = [np.empty(0, dtype=np.int32)]
    names = [name for name in asked.name_words if name not in asked.lexemes]
    for bit, name in enumerate(names[: _MASK_BITS - width], width):
        at = _of(rows, numbers_of((name,)).tolist(), members)
        at = at[~talk[at]]
        bits[at] |= np.int32(1 << bit)
        mentioning.append(at)
    mentions: Row32 = np.unique(np.concatenate(mentioning))
    return mentions


def _best(found: Sequence[Row32], score: NDArray[np.float32], allowed: Flags, most: int) -> Row32:
    at: Row32 = np.concatenate([np.empty(0, dtype=np.int32), *found])
    at = at[allowed[at]]
    mine = score[at]
    if len(at) > most:
        # A row with several words stands there several times: the edge is that of so many rows at least.
        edge = np.partition(mine, len(at) - most)[len(at) - most]
        at = at[mine >= edge]
        if len(at) > 4 * most:  # many are alike: the latest of them
            at = np.concatenate([at[score[at] > edge], np.unique(at[score[at] == edge])[-most:]])
    best: Row32 = np.unique(at)
    return best
