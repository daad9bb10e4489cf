"""What is known of the rows that may answer a question, one array a column.

| column | what it is |
|---|---|
| `ordinal` | recall's address of the row |
| `talk` | whether it is a message, which has neighbours |
| `cosine`, `context` | closeness in meaning to the question: of the row, of it with its neighbours |
| `spoke` | the place of who said it in the list of who is named; 0: nobody of them |
| `present` | whether somebody named spoke in its session |
| `own` | whether it is of who asks |
| `occurred_at` | when it was said or true, in seconds since 1970 |
| `terms`, `session_terms` | words of the row, and of its session |
| `asks` | whether it is a question |
| `running` | whether it was said in the conversation that is going on |
| `traits` | what the text looks like, where a signal asks for it |
| `similar` | how far the talk around has words close in meaning to those of the question that it has not |
| `rarity` | how rare its words are on the whole |
| `author` | whose word it is: of talk who said it, of memories whose they are; of what is held |
| `vector` | its embedding, of the best of what is held |

and those that memory/columns.py and conversations/columns.py mark as ``scored``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemon.memory.recall.question import traits_of

#: An id, as its sixteen bytes. (NumPy leaves zeros at the end out, on both sides of a comparison.)
ID = "S16"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Known:
    """Rows that may answer, one array a column.

    Attributes:
        size: how many rows.
        columns: arrays of that length, by the names above.
        in_running: whether a conversation is going on that may hold some of them.
    """

    size: int
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    in_running: bool = False

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Known:
        """Return rows, as ``recall_features.sql`` answers them, by columns."""
        names = rows[0].keys() if rows else ()
        columns = {name: column_of(name, [row[name] for row in rows]) for name in names}
        if "content" in columns:
            columns["traits"] = np.array([traits_of(text) for text in columns["content"]])
        if rows:  # what is worked out of a copy of the scope alone
            for name, value in (("context", columns.get("cosine")), ("similar", None), ("rarity", None)):
                columns.setdefault(name, np.zeros(len(rows)) if value is None else value)
        running = "running" in columns and any(row["running"] is not None for row in rows)
        return cls(len(rows), columns, in_running=running)

    def take(self, places: NDArray[np.intp]) -> Known:
        """Return some of the rows."""
        columns = {name: values[places] for name, values in self.columns.items()} if self.size else {}
        return Known(len(places), columns, self.in_running)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name] if self.size else np.empty(0)


def column_of(name: str, values: Sequence[Any]) -> NDArray[Any]:
    """Return values of a column as an array: text as objects, ids as their bytes, all else as numbers, null as 0."""
    if name == "occurred_at":
        return np.array([(value - EPOCH).total_seconds() for value in values])
    if name in ("content", "tier"):
        return np.array([value or "" for value in values], dtype=object)
    if name == "whole_id":
        return np.array([b"" if value is None else value.bytes for value in values], dtype=ID)
    if name == "ordinal":
        return np.array(values, dtype=np.int64)
    return np.array([value or 0 for value in values], dtype=np.float64)
