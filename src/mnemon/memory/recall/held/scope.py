"""A held scope: the rows of a scope as arrays, brought up to date row by row."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import chain
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemon.db.recallable import SESSION_BITS
from mnemon.memory.recall.candidates import Int64
from mnemon.memory.recall.held.batch import Batch, Sessions
from mnemon.memory.recall.known import ID
from mnemon.memory.recall.lexicon import NEIGHBOURS, Floats
from mnemon.memory.recall.question import UNREAD

Rows = NDArray[np.intp]
T = TypeVar("T")

#: What a neighbour counts in the meaning of the talk around a row, by its distance.
CONTEXT = (1.0, 0.7, 0.4)
_STEPS = tuple(step for step in range(-NEIGHBOURS, NEIGHBOURS + 1) if step)
#: Words that came since the postings were sorted, as a share of all, at which they are sorted again.
_LOOSE = 0.2
_LOOSE_AT_LEAST = 4096


class HeldScope:
    """Rows of a scope, in the order of their ordinals; never their texts.

    A place is a row's position in that order. Rows are kept in the order they came in, and an old state of a changed
    row stays among them until the scope is read anew, so that nothing large is moved when one row is written.

    Args:
        dimensions: numbers in a vector.
        version: the snapshot the rows were read in, as the server writes it.
        mark: what else the principal's view depends on.
    """

    def __init__(self, dimensions: int, version: str, mark: str | None) -> None:
        self.version = version
        self.mark = mark
        self._came = 0
        self._vectors = np.zeros((64, dimensions), dtype=np.float32)
        self._columns: dict[str, NDArray[Any]] = {}
        self._norms = np.empty(0, dtype=np.float64)
        self._lexemes: dict[str, int] = {}
        self._words = np.empty(0, dtype=np.int64)  # lexemes of all rows, one after the other,
        self._word_rows = np.empty(0, dtype=np.intp)  # and the row of each
        self._sorted = np.empty(0, dtype=np.intp)  # rows of the first of them, in the order of the lexemes,
        self._starts = [0]  # and where those of each lexeme begin
        self._sessions = np.empty(0, dtype=np.int64)
        self._session_terms = np.empty(0, dtype=np.float64)
        self._speakers: dict[int, NDArray[Any]] = {}
        self._traits = np.empty(0, dtype=np.int16)
        self.rows: Rows = np.empty(0, dtype=np.intp)
        self.ordinals: Int64 = np.empty(0, dtype=np.int64)
        self._places: Rows = np.empty(0, dtype=np.intp)
        self._derived: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def came(self) -> int:
        """Rows that are held, with those that were replaced since."""
        return self._came

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        width = self._vectors.itemsize * self._vectors.shape[1]
        return self._vectors.nbytes + self._came * 320 + len(self._words) * 24 + len(self._lexemes) * (width + 120)

    # What is held changes.

    def apply(self, batches: Sequence[Batch], gone: Int64, sessions: Sessions) -> None:
        """Take rows in, in the place of those with their ordinals, and leave others out.

        Args:
            batches: rows as they are now.
            gone: ordinals of rows that are no longer of the scope; some may never have been.
            sessions: the sessions of both.
        """
        arrived = [np.empty(0, dtype=np.int64), *(batch.columns["ordinal"] for batch in batches)]
        left_out = np.concatenate([gone, *arrived])
        staying = self.rows[~np.isin(self.ordinals, left_out)]
        first = self._came
        for batch in batches:
            self._append(batch)
        rows = np.concatenate([staying, np.arange(first, self._came)])
        self._put_in_order(rows)
        if first:  # whoever stood beside one of them has other neighbours now
            near = np.concatenate([left_out + step for step in range(-NEIGHBOURS, NEIGHBOURS + 1)])
            self._norms[self.rows[np.isin(self.ordinals, near)]] = np.nan
        self._put_sessions(sessions)

    def leave_out(self, now: float) -> None:
        """Leave out what has expired by a moment, in seconds since 1970."""
        if len(self.rows) and self._first_end() <= now:
            self._put_in_order(self.rows[self.column("expires_at") > now])

    def _append(self, batch: Batch) -> None:
        count, first = len(batch), self._came
        if not count:
            return
        if first + count > len(self._vectors):
            room = np.zeros((max(2 * len(self._vectors), first + count), self._vectors.shape[1]), dtype=np.float32)
            room[:first] = self._vectors[:first]
            self._vectors = room
        self._vectors[first : first + count] = batch.vectors
        for name, values in batch.columns.items():
            before = self._columns.get(name)
            self._columns[name] = values if before is None else np.concatenate([before, values])
        self._norms = np.concatenate([self._norms, np.full(count, np.nan)])
        self._traits = np.concatenate([self._traits, np.full(count, UNREAD, dtype=np.int16)])
        numbers, words = self._lexemes, list(chain.from_iterable(batch.lexemes))
        for word in dict.fromkeys(words):
            numbers.setdefault(word, len(numbers))
        arrived = np.fromiter(map(numbers.__getitem__, words), dtype=np.int64, count=len(words))
        counts = [len(row) for row in batch.lexemes]
        self._words = np.concatenate([self._words, arrived])
        self._word_rows = np.concatenate([self._word_rows, np.repeat(np.arange(first, first + count), counts)])
        self._came += count

    def _put_in_order(self, rows: Rows) -> None:
        ordinals = self._columns["ordinal"][rows] if len(rows) else np.empty(0, dtype=np.int64)
        order = np.argsort(ordinals, kind="stable")
        self.rows, self.ordinals = rows[order], ordinals[order]
        self._places = np.full(self._came, -1, dtype=np.intp)
        self._places[self.rows] = np.arange(len(rows))
        self._derived = {}
        loose = len(self._words) - len(self._sorted)
        if not len(self._sorted) or loose > max(_LOOSE_AT_LEAST, _LOOSE * len(self._words)):
            self._sorted = self._word_rows[np.argsort(self._words, kind="stable")]
            counts = np.bincount(self._words, minlength=len(self._lexemes))
            self._starts = [0, *np.cumsum(counts).tolist()]

    def _put_sessions(self, sessions: Sessions) -> None:
        if not len(sessions.numbers):
            return
        stays = ~np.isin(self._sessions, sessions.numbers)
        numbers = np.concatenate([self._sessions[stays], sessions.numbers])
        terms = np.concatenate([self._session_terms[stays], sessions.terms])
        order = np.argsort(numbers)
        self._sessions, self._session_terms = numbers[order], terms[order]
        for number, ids in zip(sessions.numbers.tolist(), sessions.speakers, strict=True):
            self._speakers[number] = ids
        self._derived = {}

    # What is held, place by place.

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of the rows; not to be written to."""
        return self.derived(name, lambda: self._columns[name][self.rows] if len(self.rows) else np.empty(0))

    def cosines(self, vector: NDArray[np.float32]) -> Floats:
        """Return how close each row is to a vector."""
        if not vector.any():
            return np.zeros(len(self))
        # Not `@`: the library behind it waits for threads of its own, on a busy machine for many times as long.
        found = np.vecdot(self._vectors[: self._came], vector)
        return np.asarray(found[self.rows], dtype=np.float64)

    def context(self, cosines: Floats) -> Floats:
        """Return how close each row with its neighbours is to what the rows have these cosines with."""
        total = CONTEXT[0] * cosines
        for step, (here, there) in self._neighbours().items():
            total[here] += CONTEXT[abs(step)] * cosines[there]
        return np.asarray(total / self._lengths())

    def vectors(self, rows: Rows) -> NDArray[np.float32]:
        """Return the vectors of rows, shape (rows, dimensions)."""
        return self._vectors[rows]

    def places_of(self, lexemes: Sequence[str]) -> Rows:
        """Return the places of the rows that have one of these words."""
        found = [self._places[self._rows_of(lexeme)] for lexeme in lexemes if lexeme in self._lexemes]
        if not found:
            return np.empty(0, dtype=np.intp)
        places = found[0] if len(found) == 1 else np.unique(np.concatenate(found))
        return places[places >= 0]

    def around(self, values: Floats) -> Floats:
        """Return the greatest of each row's value and its neighbours'."""
        found = values.copy()
        for here, there in self._neighbours().values():
            found[here] = np.maximum(found[here], values[there])
        return found

    def rarity(self) -> Floats:
        """Return how rare the words of each row are on the whole: 0 to 1."""
        return self.derived("rarity", self._rarity)

    def rarity_of(self, lexeme: str, places: Rows) -> float:
        """Return how rare a word is that stands in these rows."""
        return float(np.log1p((len(self) - len(places) + 0.5) / (len(places) + 0.5)))

    def session_terms(self) -> Floats:
        """Return how many words the session of each row has; of a row without one, its own."""

        def read() -> Floats:
            numbers = self.ordinals >> SESSION_BITS
            own = self.column("terms").astype(np.float64)
            if not len(self._sessions) or not len(own):
                return own
            at = np.minimum(np.searchsorted(self._sessions, numbers), len(self._sessions) - 1)
            return np.where(self._sessions[at] == numbers, self._session_terms[at], own)

        return self.derived("session terms", read)

    def mean_session_terms(self) -> float:
        """Return how many words a session has on the whole; 0 if there is none."""

        def read() -> float:
            _, first = np.unique(self.ordinals >> SESSION_BITS, return_index=True)
            terms = self.session_terms()[first]
            return float(terms.mean()) if len(terms) else 0.0

        return self.derived("mean", read)

    def present(self, ids: Sequence[UUID]) -> NDArray[np.bool_]:
        """Tell of each row whether one of these spoke in its session."""

        def read() -> tuple[Int64, NDArray[Any]]:
            numbers = np.repeat(np.array(list(self._speakers), dtype=np.int64), [*map(len, self._speakers.values())])
            return numbers, np.concatenate([np.empty(0, dtype=ID), *self._speakers.values()])

        numbers, speakers = self.derived("speakers", read)
        spoke = np.zeros(len(numbers), dtype=np.bool_)
        for speaker_id in ids:
            spoke |= speakers == np.bytes_(speaker_id.bytes)
        return np.isin(self.ordinals >> SESSION_BITS, numbers[spoke])

    def traits(self, rows: Rows) -> NDArray[np.int16]:
        """Return what the texts of rows look like, as far as they have been read."""
        return self._traits[rows]

    def note_traits(self, rows: Rows, traits: NDArray[np.int16]) -> None:
        """Note what the texts of rows look like."""
        self._traits[rows] = traits

    def said(self) -> list[str]:
        """List the words that the rows have."""

        def read() -> list[str]:
            there = np.zeros(len(self._lexemes), dtype=np.bool_)
            there[self._words[self._places[self._word_rows] >= 0]] = True
            return [word for word, is_said in zip(self._lexemes, there.tolist(), strict=True) if is_said]

        return self.derived("said", read)

    def derived(self, name: Hashable, work: Callable[[], T]) -> T:
        """Return what follows from the rows, worked out once until they change."""
        if name not in self._derived:
            self._derived[name] = work()
        found: T = self._derived[name]
        return found

    # What follows from the order, worked out when it is first asked for.

    def _first_end(self) -> float:
        return self.derived("end", lambda: float(self.column("expires_at").min()))

    def _neighbours(self) -> dict[int, tuple[Rows, Rows]]:
        """Return, by the distance, the places that have a neighbour there, and the neighbours' places."""

        def read() -> dict[int, tuple[Rows, Rows]]:
            places = {}
            for step in _STEPS:
                at = np.searchsorted(self.ordinals, self.ordinals + step)
                at = np.minimum(at, max(len(self) - 1, 0))
                having = np.flatnonzero(self.ordinals[at] == self.ordinals + step)
                places[step] = (having, at[having])
            return places

        return self.derived("neighbours", read)

    def _lengths(self) -> Floats:
        """Return the length of the sum of each row's vector and its neighbours'."""

        def read() -> Floats:
            missing = np.flatnonzero(np.isnan(self._norms[self.rows]))
            if len(missing):
                self._norms[self.rows[missing]] = self._length_at(missing)
            return self._norms[self.rows]

        return self.derived("lengths", read)

    def _length_at(self, places: Rows) -> Floats:
        wanted = np.full(len(self), -1, dtype=np.intp)
        wanted[places] = np.arange(len(places))
        total = CONTEXT[0] * self._vectors[self.rows[places]]
        for step, (here, there) in self._neighbours().items():
            at = wanted[here]
            inside = at >= 0
            total[at[inside]] += CONTEXT[abs(step)] * self._vectors[self.rows[there[inside]]]
        return np.asarray(np.maximum(np.sqrt(np.einsum("ij,ij->i", total, total, dtype=np.float64)), 1e-9))

    def _rows_of(self, lexeme: str) -> Rows:
        number, loose_from = self._lexemes[lexeme], len(self._sorted)
        is_sorted = number + 1 < len(self._starts)
        rows = self._sorted[self._starts[number] : self._starts[number + 1]] if is_sorted else self._sorted[:0]
        if loose_from == len(self._words):
            return rows
        loose = np.flatnonzero(self._words[loose_from:] == number)
        return np.concatenate([rows, self._word_rows[loose_from + loose]]) if len(loose) else rows

    def _rarity(self) -> Floats:
        size = len(self)
        if not size:
            return np.empty(0)
        places = self._places[self._word_rows]
        inside = places >= 0
        places, words = places[inside], self._words[inside]
        frequency, rows = self._frequencies(np.bincount(words, minlength=len(self._lexemes)))
        idf = np.log1p((rows - frequency + 0.5) / (frequency + 0.5))
        total = np.bincount(places, weights=idf[words], minlength=size)
        count = np.bincount(places, minlength=size)
        return np.asarray(total / np.maximum(count, 1) / np.log1p((rows + 0.5) / 0.5))

    def _frequencies(self, frequency: NDArray[Any]) -> tuple[NDArray[Any], int]:
        """Return (how many rows of the scope have each word, where these of what is held have it; how many it has)."""
        return frequency, len(self)
