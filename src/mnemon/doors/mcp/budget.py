"""Answers that fit a number of tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeVar

from mnemon.doors.mcp.answers import Answer
from mnemon.memory.recall.packing import tokens

A = TypeVar("A", bound=Answer)

#: Tokens of what stands around the entries of an answer.
_AROUND = 40
#: Characters that are cut of a content at a time, as a part of it, until it fits.
_PART = 0.8


def cost(answer: Answer) -> int:
    """Return the estimated tokens of an answer: of its JSON as most write it, which is longer than its text."""
    return tokens(json.dumps(answer.model_dump(mode="json", exclude_none=True), ensure_ascii=False))


def fitted(entries: Sequence[A], budget: int) -> tuple[list[A], int]:
    """Return as many of the entries as there is room for, in their order, and how many are left out.

    The first comes in any case; if it is too long by itself, with the beginning of its content.
    """
    room = budget - _AROUND
    fitting: list[A] = []
    for entry in entries:
        price = cost(entry)
        if price > room:
            if not fitting:
                fitting.append(_cut(entry, room))
            break
        room -= price
        fitting.append(entry)
    return fitting, len(entries) - len(fitting)


def _cut(entry: A, room: int) -> A:
    """Return an entry with as much of its content as there is room for."""
    content = getattr(entry, "content", "")
    cut = entry
    while len(content) > 1 and cost(cut) > room:
        content = content[: int(len(content) * _PART)]
        cut = entry.model_copy(update={"content": content, "is_cut": True})
    return cut
