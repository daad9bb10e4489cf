"""The texts of messages that go over several lines."""

from __future__ import annotations

from mnemon.adapters.importers import limits


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
