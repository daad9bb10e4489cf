"""How JSON is shaped, seen as its bytes go by and before a parser sees them: how deep, how many values, which numbers.

A parser that follows a way of keys takes memory with the square of the depth, and one in C may crash on a number. This
looks at brackets, commas and digits outside of strings only, and costs a fraction of parsing.
"""

from __future__ import annotations

import re
from array import array
from itertools import accumulate

from mnemon.adapters.importers import limits

# Possessive: what was passed over is never looked at again.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.S)
_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.S)
_NUMBER = re.compile(rb"[0-9.eE+-]{%d}" % limits.MAX_NUMBER)
_NUMERIC = b"0123456789.eE+-"
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


class Shape:
    """What has gone by so far."""

    def __init__(self) -> None:
        self.depth = 0
        self.values = 0
        self._in_string = False
        self._escaped = False
        self._digits = b""

    def feed(self, chunk: bytes) -> str | None:
        """Look at the next bytes; what is wrong with them, as the end of a sentence, or None."""
        plain = self._without_strings(chunk)
        steps = plain.translate(_STEPS, _NO_BRACKETS)
        self.values += plain.count(b",") + plain.count(b"[") + plain.count(b"{")
        if steps:
            depths = array("b", steps)
            highest = max(accumulate(depths, initial=self.depth))
            self.depth = max(0, self.depth + sum(depths))
            if highest > limits.MAX_DEPTH:
                return f"it is nested more than {limits.MAX_DEPTH} deep"
        joined = self._digits + plain
        if _NUMBER.search(joined):
            return f"a number has more than {limits.MAX_NUMBER} digits"
        self._digits = joined[len(joined.rstrip(_NUMERIC)) :]
        return None

    def _without_strings(self, chunk: bytes) -> bytes:
        """Return the bytes outside of strings, also where a string begins or ends in another chunk."""
        start = 0
        if self._escaped and chunk:
            start, self._escaped = 1, False
        if self._in_string:
            start = self._leave(chunk, start)
            if self._in_string:
                return b""
        # Whole strings are gone now: a quote that is left begins one that goes on.
        plain, quote, begun = _STRING.sub(b" ", chunk[start:]).partition(b'"')
        if quote:
            self._in_string = True
            self._leave(begun, 0)
        return plain

    def _leave(self, chunk: bytes, start: int) -> int:
        """Pass over the rest of a string; where it ends."""
        match = _REST.match(chunk, start)
        end = match.end() if match else start
        if end < len(chunk) and chunk[end : end + 1] == b'"':
            self._in_string = False
            return end + 1
        self._escaped = end < len(chunk)
        return len(chunk)
