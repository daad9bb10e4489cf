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

#: Rows of words that are all looked at, the rarest words first: they find rows. Of the other words it is looked which
#: of the rows that were found have them.
_FINDING = 100_000
#: Rows of words up to which it is counted how many are of the scope; of more it is taken from the whole organisation.
_COUNTED = 2_000_000
#: A word's rows are all noted rather than looked up, if they are fewer than so many times those that are looked up.
_RATHER_ALL = 12
_MASK_BITS = 31


@dataclass(frozen=True, slots=True)
class Standing:
    """Where words stand.

    Attributes:
        asked: the question's words, with how many rows of the scope have each.
        bits: of each row of the organisation, which of the rarer words it has; nothing for those that are not of the
            scope.
        common: the other words, and the rows that have them.
        best: rows that words speak for most, by themselves.
        mentions: memories that mention somebody named, the latest ones.
        members: the rows of the scope.
    """

    asked: Asked
    bits: NDArray[np.int32]
    common: Sequence[tuple[int, Row32]]
    best: Row32
    mentions: Row32
    members: Flags

    def lexicon(self, rows: CodedRows, ordinals: Int64) -> Lexicon:
        """Return the lexicon of the sessions that some rows are of."""
        sessions = np.unique(ordinals >> SESSION_BITS)
        at = rows.between(sessions << SESSION_BITS, (sessions + 1) << SESSION_BITS)
        at = at[self.members[at]]
        bits = self._bits_of(at)
        at, bits = at[bits != 0], bits[bits != 0]
        talk, where = rows.column("talk")[at], rows.column("ordinals")[at]
        postings = []
        for table, mine in ((MESSAGES, talk), (MEMORIES, ~talk)):
            order = np.argsort(where[mine])
            if len(order):
                postings.append(Postings(table, where[mine][order], bits[mine][order]))
        return Lexicon.of(postings, self.asked, int(np.count_nonzero(self.members)))

    def _bits_of(self, at: Row32) -> NDArray[np.int32]:
        """Return which of the words each row has."""
        looked_up = []
        for bit, word_rows in self.common:
            if len(word_rows) < _RATHER_ALL * len(at):
                self.bits[word_rows] |= np.int32(1 << bit)
            else:
                looked_up.append((bit, word_rows))
        bits = self.bits[at]
        for bit, word_rows in looked_up:
            where = np.minimum(np.searchsorted(word_rows, at), len(word_rows) - 1)
            bits[word_rows[where] == at] |= np.int32(1 << bit)
        return bits


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
    common: list[tuple[int, Row32]] = []
    for bit in sorted(range(len(numbers)), key=counts.__getitem__):
        word = asked.words[bit]
        finds = spent + counts[bit] <= _FINDING or not word_rows
        spent += counts[bit]
        every = rows.words.rows_of(numbers[bit].tolist())
        at = every[members[every]] if finds or spent <= _COUNTED else every
        frequency = len(at) if finds or spent <= _COUNTED else round(len(every) * total / size)
        frequencies[word.lexeme] = frequency
        if not finds:
            common += [(bit, at)] if frequency else []
            continue
        bits[at] |= np.int32(1 << bit)
        score[at] += np.float32(_weight(word, frequency, total))
        if frequency:
            word_rows.append(at)
    mentions = _mentions(rows, members, asked, bits)
    words = [replace(word, documents=frequencies[word.lexeme]) for word in asked.words]
    asked = replace(asked, words=words, sizes=replace(asked.sizes, indexed=max(total, 1)))
    best = _best(word_rows, score, allowed, most)
    return Standing(asked, bits, common, best, mentions[-most:], members)


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
        if len(at) > 2 * most:  # many are alike: the latest of them
            at = np.concatenate([at[score[at] > edge], np.unique(at[score[at] == edge])[-most:]])
    best: Row32 = np.unique(at)
    return best
