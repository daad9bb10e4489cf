"""Texts that are too long for one utterance, in parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.records import MAX_TEXT

# In the order of preference: a paragraph, a line, a sentence, a word.
_BORDERS = ("\n\n", "\n", ". ", " ")
_SPACE = re.compile(r"\s*")


def split(text: str, limit: int = MAX_TEXT) -> list[str]:
    """Return the text in parts of at most `limit` characters, cut between paragraphs where that is possible."""
    text = text.strip()
    parts, begin = [], 0
    while len(text) - begin > limit:
        end = _cut(text, begin, limit)
        parts.append(text[begin:end].rstrip())
        space = _SPACE.match(text, end)
        begin = space.end() if space else end
    return [part for part in (*parts, text[begin:]) if part]


def in_parts(text: str, source_id: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each part's text, source id and metadata; a text that is short enough is one part with the id as it is."""
    parts = split(text)
    if len(parts) == 1:
        yield parts[0], source_id, {}
        return
    for number, part in enumerate(parts, 1):
        yield part, f"{source_id}#{number}", {"part": number, "parts": len(parts)}


class Gathered:
    """The lines of one message, as many as they may be: their characters are what is bounded.

    Attributes:
        line: the number of the first.
    """

    def __init__(self, line: int, text: str) -> None:
        self.line = line
        self._pieces = [text]
        self._size = len(text)
        self._last = line

    def takes(self, line: str) -> bool:
        """Tell whether there is room for another line in a message (:data:`limits.MAX_MESSAGE_TEXT`)."""
        return self._size + len(line) < limits.MAX_MESSAGE_TEXT

    def add(self, number: int, line: str) -> None:
        """Add a line, or the next piece of one that is too long to come at once."""
        self._pieces += ["" if number == self._last else "\n", line]
        self._size += len(line) + 1
        self._last = number

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._pieces)


def _cut(text: str, begin: int, limit: int) -> int:
    for border in _BORDERS:
        # Not in the first half: a part of three words and one of 49,997 characters help nobody.
        found = text.rfind(border, begin + limit // 2, begin + limit - len(border) + 1)
        if found != -1:
            return found + len(border)
    return begin + limit
