"""The rows of an organisation as they are coded: never what they say, nor their vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemon.memory.recall.candidates import Int64
from mnemon.memory.recall.coded.codes import PLANES, Words64, codes_of
from mnemon.memory.recall.coded.words import ROW_BITS, Keys, Row32, WordRows, keys_of

#: Rows that one copy can have; their numbers go into the words' keys.
MOST_ROWS = 1 << ROW_BITS
#: Rows that came since the others were put in order, as a share of all and at least, at which they are put in order.
_LOOSE = 0.05
_LOOSE_AT_LEAST = 5_000
#: Rows that were replaced or are gone, as a share of all, at which everything is read anew.
_GONE = 0.5
_FIELDS = {"ordinals": np.int64, "minutes": np.int32, "talk": np.bool_, "alive": np.bool_, "blank": np.bool_}


@dataclass(frozen=True, slots=True)
class Coded:
    """Rows that have been read, and coded on the way.

    Attributes:
        ordinals: their addresses; none twice.
        minutes: when they were said or true, in minutes since 1970.
        talk: whether they are messages.
        blank: whether they have no vector.
        codes: shape (planes, rows).
        words: of all of them, one after the other.
        counts: how many each has.
    """

    ordinals: Int64
    minutes: NDArray[np.int32]
    talk: NDArray[np.bool_]
    blank: NDArray[np.bool_]
    codes: Words64
    words: Sequence[str]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ordinals)

    @classmethod
    def of(
        cls,
        ordinals: Int64,
        minutes: NDArray[np.int32],
        *,
        talk: bool,
        vectors: NDArray[np.float32],
        words: list[str],
        counts: NDArray[np.int64],
    ) -> Coded:
        """Code rows of a table."""
        kind = np.full(len(ordinals), talk)
        return cls(ordinals, minutes, kind, np.logical_not(vectors.any(axis=1)), codes_of(vectors), words, counts)


@dataclass(frozen=True, slots=True)
class Ordered:
    """So many rows in the order of their ordinals, and of their words; ``settled`` and ``taken`` are the words' own."""

    came: int
    ordinals: Int64
    rows: Row32
    words: WordRows
    settled: int
    taken: int


class CodedRows:
    """Rows in the order they came in: a row that changes comes again, and its number stands for what it was no more.

    Nothing that is there is changed but the flag that says whether it still is, so that a search goes on with the
    numbers it began with, whatever comes meanwhile.

    Args:
        version: the snapshot the rows were read in, as the server writes it.
        erased: how often something had been erased then.
    """

    def __init__(self, version: str, erased: str) -> None:
        self.version = version
        self.erased = erased
        self.came = 0
        self._planes = np.empty((PLANES, 0), dtype=np.uint64)
        self._fields: dict[str, NDArray[Any]] = {name: np.empty(0, dtype=kind) for name, kind in _FIELDS.items()}
        self.words = WordRows()
        self._ordered = np.empty(0, dtype=np.int64)  # ordinals of the rows that are in order,
        self._order: Row32 = np.empty(0, dtype=np.int32)  # and these rows
        self._loose_from = 0
        self._loose: tuple[int, Int64, Row32] | None = None

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        columns = sum(column.nbytes for column in self._fields.values())
        return self._planes.nbytes + columns + self._ordered.nbytes + self._order.nbytes + self.words.bytes

    @property
    def planes(self) -> Words64:
        """The codes of all rows."""
        return self._planes[:, : self.came]

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of all rows: ``ordinals``, ``minutes``, ``talk``, ``alive``, ``blank``."""
        return self._fields[name][: self.came]

    @property
    def is_loose(self) -> bool:
        """Whether so much came that it should be put in order."""
        return self.came - self._loose_from > max(_LOOSE_AT_LEAST, _LOOSE * self.came)

    @property
    def is_worn(self) -> bool:
        """Whether so much of it is no longer there that it is better read anew."""
        alive = int(np.count_nonzero(self.column("alive")))
        return self.came > _LOOSE_AT_LEAST and alive < (1 - _GONE) * self.came

    def reserve(self, rows: int) -> None:
        """Make room for so many rows in all."""
        if rows <= self._planes.shape[1]:
            return
        planes = np.empty((PLANES, rows), dtype=np.uint64)
        planes[:, : self.came] = self.planes
        self._planes = planes
        for name, before in self._fields.items():
            column = np.zeros(rows, dtype=before.dtype)
            column[: self.came] = before[: self.came]
            self._fields[name] = column

    def apply(self, batches: Sequence[Coded], gone: Int64) -> None:
        """Take rows in, in the place of those with their ordinals, and leave others out.

        Args:
            batches: rows as they are now; of one table each, no ordinal twice.
            gone: ordinals of rows that are no longer there; some may never have been.
        """
        self.leave_out(self.rows_of(np.concatenate([gone, *(batch.ordinals for batch in batches)])))
        for batch in batches:
            self.append(batch, keys_of(batch.words, batch.counts, self.came))

    def leave_out(self, rows: Row32) -> None:
        """Note that rows are no longer there."""
        rows = rows[rows >= 0]
        if len(rows):
            self.column("alive")[rows] = False

    def append(self, batch: Coded, keys: Keys) -> None:
        """Take rows in that are not there, with what :func:`keys_of` has made of their words."""
        first, last = self.came, self.came + len(batch)
        if not len(batch):
            return
        if last > self._planes.shape[1]:
            self.reserve(max(last, min(2 * first, first + 200_000), 64))
        self._planes[:, first:last] = batch.codes
        fields = self._fields
        fields["ordinals"][first:last] = batch.ordinals
        fields["minutes"][first:last] = batch.minutes
        fields["talk"][first:last] = batch.talk
        fields["blank"][first:last] = batch.blank
        fields["alive"][first:last] = True
        self.words.add(keys)
        self.came = last

    def rows_of(self, ordinals: Int64) -> Row32:
        """Return the row of each ordinal; -1 where there is none any more."""
        found = np.full(len(ordinals), -1, dtype=np.int32)
        if not self.came or not len(ordinals):
            return found
        for addresses, rows in ((self._ordered, self._order), self._loose_order()):
            if len(rows):
                at = np.maximum(np.searchsorted(addresses, ordinals, side="right") - 1, 0)
                found = np.where(addresses[at] == ordinals, rows[at], found)
        return np.where(self.column("alive")[found] & (found >= 0), found, np.int32(-1))

    def between(self, begins: Int64, ends: Int64) -> Row32:
        """Return the rows whose ordinals lie in one of some ranges, each from its begin to before its end."""
        found = []
        for addresses, rows in ((self._ordered, self._order), self._loose_order()):
            first, last = np.searchsorted(addresses, begins), np.searchsorted(addresses, ends)
            sizes = last - first
            steps = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            found.append(rows[np.repeat(first, sizes) + steps])
        return np.concatenate(found)

    def _loose_order(self) -> tuple[Int64, Row32]:
        """Return (ordinals, their rows) of what came since the others were put in order, the last state last."""
        if self._loose is None or self._loose[0] != self.came:
            ordinals = self.column("ordinals")[self._loose_from :]
            order = np.argsort(ordinals, kind="stable")
            self._loose = (self.came, ordinals[order], (order + self._loose_from).astype(np.int32))
        return self._loose[1:]

    def ordering(self) -> Callable[[], Ordered]:
        """Return what puts everything in order that is there now: a thread may do it while more comes."""
        came, ordinals = self.came, self.column("ordinals")
        sort_words, settled, taken = self.words.sorting()

        def work() -> Ordered:
            order = np.argsort(ordinals, kind="stable").astype(np.int32)
            return Ordered(came, ordinals[order], order, sort_words(), settled, taken)

        return work

    def put_in_order(self, done: Ordered) -> None:
        """Go on with what :meth:`ordering` has made; what came meanwhile stays loose."""
        done.words.follow(self.words, done.settled, done.taken, done.came)
        self.words, self._ordered, self._order = done.words, done.ordinals, done.rows
        self._loose_from, self._loose = done.came, None
