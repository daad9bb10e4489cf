"""The part of an organisation's coded rows that is of a scope, as one principal sees it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnemon.memory.recall.candidates import Int64
from mnemon.memory.recall.coded.codes import FAR, Distances, Words64, codes_of, distances
from mnemon.memory.recall.coded.rows import CodedRows
from mnemon.memory.recall.coded.words import Row32

Flags = NDArray[np.bool_]

#: Share of all rows up to which a part has its codes beside one another; of a larger one all rows are compared.
_OWN_CODES = 0.35
#: Rows that came since, as a share of a part's, at which its codes are put together anew.
_SINCE = 0.1
#: Rows that came since, from which all of the scope is asked for anew.
_UNSEEN = 5000


class Part:
    """Which of the coded rows are of a scope.

    Args:
        rows: those of the organisation.
        version: the snapshot that it was asked in which they are.
        mark: what else the principal's view depends on.
    """

    def __init__(self, rows: CodedRows, version: str, mark: str) -> None:
        self.rows = rows
        self.own_version = version
        self.mark = mark
        self._inside = np.zeros(rows.came, dtype=np.bool_)
        self._seen = rows.came
        self._own: tuple[Row32, Words64, int] | None = None

    @property
    def bytes(self) -> int:
        """About how much memory it takes beside the rows'."""
        own = 0 if self._own is None else self._own[0].nbytes + self._own[1].nbytes
        return self._inside.nbytes + own + 1000

    @property
    def version(self) -> str:
        """The snapshot of which both it and the rows know everything."""
        return min(self.own_version, self.rows.version, key=_oldest_unseen)

    @property
    def is_behind(self) -> bool:
        """Whether rows came since it was asked which are of it."""
        return self._seen != self.rows.came

    def take(self, ordinals: Int64, came: int) -> None:
        """Take the rows with these ordinals for all that are of the scope; there were so many rows as it was asked."""
        self._grow()
        self._inside[:] = False
        self._inside[self._rows_of(ordinals)] = True
        self._own, self._seen = None, came

    def take_all(self) -> None:
        """Take all rows for those of the scope."""
        self._inside = self.rows.column("alive").copy()
        self._own, self._seen = None, self.rows.came

    def unseen(self, changed: Int64, came: int) -> Int64 | None:
        """Return of which rows it is to be asked whether they are of the scope; None: it is better asked of all.

        Args:
            changed: what has changed since its version.
            came: so many rows there are. Those that came since may be changed ones that came once more.
        """
        if came - self._seen > _UNSEEN:
            return None
        ordinals: Int64 = np.union1d(changed, self.rows.column("ordinals")[self._seen : came])
        return ordinals

    def bring_up(self, asked: Int64, inside: Int64, came: int) -> None:
        """Note which of some rows are of the scope now; there were so many rows as it was asked."""
        self._grow()
        arrived = self._rows_of(inside)
        if self._own is not None and not self._inside[arrived[arrived < self._own[2]]].all():
            self._own = None  # of the scope now, and not when its codes were put together
        self._inside[self._rows_of(asked)] = False
        self._inside[arrived] = True
        self._seen = came

    def leave_out(self, ordinals: Int64) -> None:
        """Note that rows are not of the scope any more."""
        self._inside[self._rows_of(ordinals)] = False

    def members(self) -> Flags:
        """Tell of each row whether it is of the scope."""
        self._grow()
        return np.asarray(self._inside[: self.rows.came] & self.rows.column("alive"))

    def distances(self, vector: NDArray[np.float32], members: Flags) -> tuple[Row32 | None, Distances]:
        """Return (rows, at least all of the scope, None if it is all there are; how many bits of each differ).

        Those that are not of the scope, or have no vector, are far.

        Args:
            vector: with a direction, whose code the others are compared with.
            members: what :meth:`members` has told.
        """
        code = codes_of(vector[None, :])[:, 0]
        rows, blank = self.rows, self.rows.column("blank")
        own = self._own_codes(members)
        if own is None:
            apart = distances(rows.planes, code)
            np.copyto(apart, FAR, where=blank | ~members)
            return None, apart
        places, planes, came = own
        apart = distances(planes, code)
        if came < rows.came:
            since = (np.flatnonzero(members[came:]) + came).astype(np.int32)
            apart = np.concatenate([apart, distances(rows.planes[:, since], code)])
            places = np.concatenate([places, since])
        np.copyto(apart, FAR, where=blank[places] | ~members[places])
        return places, apart

    def _own_codes(self, members: Flags) -> tuple[Row32, Words64, int] | None:
        """Return (the rows, their codes, how many rows there were then), put together as few rows have come since."""
        own, came = self._own, self.rows.came
        if own is None or came - own[2] > max(1000, _SINCE * len(own[0])):
            mine = np.flatnonzero(members).astype(np.int32)
            if len(mine) > _OWN_CODES * came:
                self._own = None
                return None
            self._own = own = (mine, np.ascontiguousarray(self.rows.planes[:, mine]), came)
        return own

    def _rows_of(self, ordinals: Int64) -> Row32:
        rows = self.rows.rows_of(ordinals)
        return rows[(rows >= 0) & (rows < len(self._inside))]

    def _grow(self) -> None:
        came = self.rows.came
        if came > len(self._inside):
            longer = np.zeros(max(came, min(2 * len(self._inside), came + 100_000)), dtype=np.bool_)
            longer[: len(self._inside)] = self._inside
            self._inside = longer


@dataclass(slots=True)
class Coding:
    """What is held of an organisation.

    Attributes:
        rows: its coded rows.
        parts: which of them are of a scope, by what tells it from others; those used last come last.
    """

    rows: CodedRows
    parts: dict[Hashable, Part] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        return self.rows.bytes + sum(part.bytes for part in self.parts.values())

    def keep(self, key: Hashable, part: Part, size: int) -> None:
        """Keep a part, and let go of those used least recently, if all would take more than so many bytes."""
        self.parts.pop(key, None)
        self.parts[key] = part
        while len(self.parts) > 1 and self.bytes > size:
            del self.parts[next(iter(self.parts))]


def _oldest_unseen(version: str) -> int:
    return int(version.split(":", 1)[0])
