"""Large JSON, one element at a time: an export of hundreds of megabytes takes the memory of its largest element."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import ijson  # type: ignore[import-untyped]

from mnemon.adapters.importers.records import excerpt, plain
from mnemon.core.errors import Invalid

MAX_ELEMENT = 256 * 1024 * 1024
"""The largest element (one conversation with all its messages) that is read, in bytes."""

_SLACK = 1024 * 1024
_HEAD = 4 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Damaged(Exception):  # noqa: N818 - a signal between importers, never raised to a caller
    """The JSON stops being JSON; what came before it was good."""


class MeteredStream:
    """A stream that counts, and that refuses an element without end."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self.bytes_read = 0
        self._element = 0
        # Looked at first, and given out first: an archive's entry cannot be read twice.
        self._front = stream.read(4096).removeprefix(_BOM)

    @property
    def prefix(self) -> str:
        """What :func:`elements` takes for this document: ``item`` for an array, nothing for an object."""
        return "item" if self._front.lstrip()[:1] == b"[" else ""

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes.

        Raises:
            Invalid: the element being read is larger than :data:`MAX_ELEMENT`.
        """
        if size == 0:
            return b""
        chunk, self._front = self._front or self._stream.read(size), b""
        self.bytes_read += len(chunk)
        if self.bytes_read - self._element > MAX_ELEMENT + _SLACK:
            raise Invalid(
                f"{self._name} has an element of more than {MAX_ELEMENT >> 20} MB after byte {self._element:,}.",
                code="invalid.import.element",
                hint="This is larger than any conversation; check that it is the right file.",
            )
        return chunk

    def element_done(self) -> None:
        """An element is complete; the next may be as large again."""
        self._element = self.bytes_read


def elements(stream: MeteredStream) -> Iterator[Any]:
    """The elements of an array one after the other; of a document that is no array, itself.

    An element that is nested too deeply to be anything is yielded as None.

    Raises:
        Damaged: the JSON is not well formed, or ends too early; the elements before that have been yielded.
        Invalid: an element is too large.
    """
    try:
        for element in ijson.items(stream, stream.prefix):
            stream.element_done()
            yield _usable(element)
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        # ijson repeats the bytes it stumbled over, on several lines; the first says what it is.
        message = error.args[0] if error.args else error
        if isinstance(message, bytes):
            message = message.decode("utf-8", "replace")
        what = excerpt(str(message).split("\n", 1)[0])
        raise Damaged(f"the JSON is damaged before byte {stream.bytes_read:,} ({what})") from error


def _usable(element: Any) -> Any:
    try:
        return plain(element)
    except RecursionError:
        return None


def top_keys(stream: BinaryIO) -> Iterator[str]:
    """The keys of the document's object, or of the objects in its array, in its first 4 MB."""
    try:
        for prefix, event, value in ijson.parse(io.BytesIO(stream.read(_HEAD))):
            if event == "map_key" and prefix in ("", "item"):
                yield value
    except (ijson.JSONError, UnicodeDecodeError, ValueError):
        return
