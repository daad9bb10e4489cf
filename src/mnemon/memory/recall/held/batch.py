"""Rows as the database packs them, unpacked: one array a column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemon.memory.columns import SCORED
from mnemon.memory.recall.known import ID, column_of

#: Packed columns: how each is sent, and as what it is held.
_SENT: dict[str, tuple[str, Any]] = {
    "ordinal": (">i8", np.int64),
    "occurred_at": (">f8", np.float64),
    "expires_at": (">f8", np.float64),
    "terms": (">i4", np.float64),
    "asks": (">i4", np.float64),
    "heard": (ID, ID),
    "user": (ID, ID),
    "sender": (ID, ID),
    "conversation": (ID, ID),
}
_ROW, _WORD = "\x1e", "\x1f"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows in the order of their ordinals.

    Attributes:
        columns: one array a column, all of one length.
        vectors: shape (rows, dimensions); zeros where there is none.
        lexemes: the words of each.
    """

    columns: dict[str, NDArray[Any]]
    vectors: NDArray[np.float32]
    lexemes: list[list[str]]

    def __len__(self) -> int:
        return len(self.lexemes)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions by number: their words, and who spoke in each."""

    numbers: NDArray[np.int64]
    terms: NDArray[np.float64]
    speakers: list[NDArray[Any]]


def unpack(row: Mapping[str, Any], dimensions: int) -> Batch:
    """Return what a row of ``held_rows`` says of a table's rows."""
    count = row["rows"]
    columns: dict[str, NDArray[Any]] = {
        name: np.frombuffer(row[name] or b"", dtype=sent).astype(held) for name, (sent, held) in _SENT.items()
    }
    columns["talk"] = np.full(count, row["kind"] == "message")
    for name in SCORED:
        columns[name] = column_of(name, row[name] or ())
    halves = np.frombuffer(row["embedding"] or b"", dtype=">f2").reshape(count, dimensions + 2)
    words = row["lexemes"].split(_ROW) if count else []
    return Batch(
        columns,
        halves[:, 2:].astype(np.float32),  # after the width and two bytes that are not used
        [text.split(_WORD) if text else [] for text in words],
    )


def unpack_sessions(row: Mapping[str, Any]) -> Sessions:
    """Return what ``held_sessions`` says."""
    numbers = np.frombuffer(row["number"] or b"", dtype=">i8").astype(np.int64)
    counts = np.frombuffer(row["speakers"] or b"", dtype=">i4")
    ids = np.frombuffer(row["ids"] or b"", dtype=ID)
    return Sessions(
        numbers,
        np.frombuffer(row["terms"] or b"", dtype=">i4").astype(np.float64),
        list(_cut(ids, counts)),
    )


def _cut(values: NDArray[Any], counts: NDArray[Any]) -> Iterator[NDArray[Any]]:
    ends = np.cumsum(counts)
    for begin, end in zip(ends - counts, ends, strict=True):
        yield values[begin:end]
