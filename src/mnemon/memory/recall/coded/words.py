"""Where words stand in an organisation: for each word the rows that have it, four bytes a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Row32 = NDArray[np.int32]
Keys = NDArray[np.int64]

#: A word's number is 39 bits of its hash, which Python makes anew in each process, and a row's 24. Of half a million
#: words one is taken for the asked one once in a million questions: it then brings a candidate that is read anyway.
ROW_BITS = 24
_WORD_MASK = (1 << 39) - 1
_ROW_MASK = (1 << ROW_BITS) - 1

#: Words that are looked for one by one among those that are not sorted; and how many of these are counted for more.
_FEW = 8
_LOOSE_COUNTED = 50_000


def numbers_of(words: Sequence[str]) -> Keys:
    """Return the words' numbers."""
    return np.fromiter(map(hash, words), dtype=np.int64, count=len(words)) & _WORD_MASK


def keys_of(words: Sequence[str], counts: NDArray[np.int64], first: int) -> Keys:
    """Return what is kept of the words of rows: each word with its row.

    Args:
        words: of all rows, one after the other.
        counts: how many each row has.
        first: the first row.
    """
    rows = np.repeat(np.arange(first, first + len(counts), dtype=np.int64), counts)
    return (numbers_of(words) << ROW_BITS) | rows


class WordRows:
    """Rows by word: most of them sorted, and what came since as it came."""

    def __init__(self) -> None:
        self._numbers = np.empty(0, dtype=np.int64)
        self._starts = np.zeros(1, dtype=np.int64)
        self._rows: Row32 = np.empty(0, dtype=np.int32)
        self._new: list[Keys] = []
        self._settled = 0
        self._loose = np.empty(0, dtype=np.int64)
        self._loose_rows: Row32 = np.empty(0, dtype=np.int32)

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        sorted_bytes = self._numbers.nbytes + self._starts.nbytes + self._rows.nbytes
        return sorted_bytes + self._loose.nbytes + self._loose_rows.nbytes + sum(keys.nbytes for keys in self._new)

    @property
    def loose(self) -> int:
        """How many are not sorted yet."""
        return len(self._loose) + sum(map(len, self._new))

    def add(self, keys: Keys) -> None:
        """Add words with their rows."""
        if len(keys):
            self._new.append(keys)

    def rows_of(self, numbers: Iterable[int]) -> Row32:
        """Return the rows that have one of these words, each once."""
        self._settle()
        parts: list[Row32] = []
        for number in numbers:
            at = int(np.searchsorted(self._numbers, number))
            if at < len(self._numbers) and self._numbers[at] == number:
                parts.append(self._rows[self._starts[at] : self._starts[at + 1]])
            if len(self._loose):
                loose = self._loose_rows[self._loose == number]
                if len(loose):
                    parts.append(loose)
        if not parts:
            return np.empty(0, dtype=np.int32)
        return parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))

    def counts(self, numbers: Keys) -> NDArray[np.int64]:
        """Return how many rows have each word, with rows that are no longer frequencies."""
        self._settle()
        total = np.zeros(len(numbers), dtype=np.int64)
        if len(self._numbers):
            at = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
            total += np.where(self._numbers[at] == numbers, self._starts[at + 1] - self._starts[at], 0)
        if len(numbers) <= _FEW:
            total += np.array([np.count_nonzero(self._loose == number) for number in numbers], dtype=np.int64)
        elif 0 < len(self._loose) <= _LOOSE_COUNTED:
            loose, frequencies = np.unique(self._loose, return_counts=True)
            at = np.minimum(np.searchsorted(loose, numbers), len(loose) - 1)
            total += np.where(loose[at] == numbers, frequencies[at], 0)
        return total

    def _settle(self) -> None:
        if self._new:
            keys = np.concatenate(self._new)
            self._new = []
            self._settled += 1
            self._loose = np.concatenate([self._loose, keys >> ROW_BITS])
            self._loose_rows = np.concatenate([self._loose_rows, (keys & _ROW_MASK).astype(np.int32)])

    def follow(self, before: WordRows, settled: int, taken: int, first: int) -> None:
        """Add what has come to another since this one was made of it, which :meth:`sorting` tells, from a row on."""
        if before._settled == settled:
            self._new = before._new[taken:]
            return
        before._settle()
        since = before._loose_rows >= first
        self._new = [(before._loose[since] << ROW_BITS) | before._loose_rows[since]]

    def sorting(self) -> tuple[Callable[[], WordRows], int, int]:
        """Return what puts everything in order that is sorted_keys now: a thread may do it while more is added here.

        With it what tells then what has come meanwhile.
        """
        numbers, starts, rows, new = self._numbers, self._starts, self._rows, list(self._new)
        loose, loose_rows = self._loose, self._loose_rows

        def work() -> WordRows:
            sorted_keys = np.repeat(numbers << ROW_BITS, np.diff(starts)) | rows
            keys = np.concatenate([sorted_keys, (loose << ROW_BITS) | loose_rows, *new])
            del sorted_keys
            keys.sort()
            return WordRows._of(keys)

        return work, self._settled, len(new)

    @classmethod
    def _of(cls, keys: Keys) -> WordRows:
        """Make it of sorted keys."""
        numbers = keys >> ROW_BITS
        begins = np.flatnonzero(np.diff(numbers, prepend=-1))
        done = cls()
        done._numbers = numbers[begins]
        done._starts = np.append(begins, len(keys)).astype(np.int64)
        done._rows = (keys & _ROW_MASK).astype(np.int32)
        return done
