"""Parts of texts: rows that are one text together, from the request to the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from mnemon.core.ids import digest
from mnemon.core.pieces import cut
from mnemon.core.text import LABEL_LIMIT

T = TypeVar("T", bound=Any)


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a text a row is.

    Attributes:
        number: from 1.
        count: how many parts the text has.
        text: the whole text.
    """

    number: int
    count: int
    text: str


def in_parts(item: T, over: int | None) -> list[tuple[T, Part | None]]:
    """Return what an item (a NewMessage or NewMemory) is written as: itself, or its parts if its text is long.

    Args:
        item: what is to be remembered.
        over: characters from which on a text is cut; None: it never is.
    """
    if over is None or len(item.content) <= over:
        return [(item, None)]
    pieces = cut(item.content)
    return [
        (item.model_copy(update=_fields(item, content, number)), Part(number, len(pieces), item.content))
        for number, content in enumerate(pieces, 1)
    ]


def _fields(item: Any, content: str, number: int) -> dict[str, Any]:
    """Return what a part has otherwise than its text: what is counted, or told apart, is so once."""
    fields: dict[str, Any] = {"content": content}
    if number > 1:
        fields |= {name: None for name in ("token_count", "tool_calls", "tool_results") if hasattr(item, name)}
        fields["source_id"] = part_id(item.source_id, number)
    return fields


def part_id(source_id: str | None, number: int) -> str | None:
    """Return a source's id of a part: that of the text, and which part; of the first that of the text alone."""
    if source_id is None or number == 1:
        return source_id
    suffix = f"#{number}"
    known = source_id if len(source_id) + len(suffix) <= LABEL_LIMIT else digest(source_id)
    return known + suffix


def earlier_id(source_id: str) -> str:
    """Return the source's id that imports of earlier versions gave the first part of a text."""
    return f"{source_id}#1"


def columns(parts: Sequence[Part | None], ids: Sequence[UUID]) -> dict[str, list[Any]]:
    """Return the columns of rows by their parts; those of a text follow one another, the first one first."""
    wholes: list[UUID | None] = []
    whole = None
    for part, row_id in zip(parts, ids, strict=True):
        if part is not None and part.number == 1:
            whole = row_id
        wholes.append(whole if part is not None else None)
    return {
        "whole_id": wholes,
        "part": [None if part is None else part.number for part in parts],
        "parts": [None if part is None else part.count for part in parts],
    }


def is_first(part: Part | None) -> bool:
    """Tell whether a row is the first part of a text that has others."""
    return part is not None and part.number == 1


def firsts(parts: Iterable[Part | None]) -> list[int]:
    """Return the places of whole texts and of the first parts of others."""
    return [place for place, part in enumerate(parts) if part is None or part.number == 1]
