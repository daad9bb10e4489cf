"""Large JSON, one element at a time: an export of hundreds of megabytes takes the memory of its largest element."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, BinaryIO

import ijson  # type: ignore[import-untyped]
from ijson.common import ObjectBuilder  # type: ignore[import-untyped]

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.jsonshape import Shape
from mnemon.adapters.importers.records import excerpt, plain
from mnemon.core.errors import Invalid

_SLACK = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_BEGIN, _END = {"start_map", "start_array"}, {"end_map", "end_array"}


class DamagedJson(Exception):  # noqa: N818 - a signal between importers, never raised to a caller
    """The JSON stops being JSON; what came before it was good."""


class MeteredStream:
    """A stream that counts, and that refuses what a parser had better not see: endless elements, endless depth."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._shape = Shape()
        self.bytes_read = 0
        self._element = self._values = 0
        # Looked at first, and given out first: an archive's entry cannot be read twice.
        self._front = stream.read(4096).removeprefix(_BOM)

    @property
    def prefix(self) -> str:
        """What :func:`elements` takes for this document: ``item`` for an array, nothing for an object."""
        return "item" if self._front.lstrip()[:1] == b"[" else ""

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes.

        Raises:
            DamagedJson: it is nested too deeply, or has a number of too many digits.
            Invalid: the element being read is larger than :data:`limits.MAX_ELEMENT`, or has too many values.
        """
        if size == 0:
            return b""
        chunk, self._front = self._front or self._stream.read(size), b""
        self.bytes_read += len(chunk)
        if problem := self._shape.feed(chunk):
            raise DamagedJson(f"the JSON cannot be read before byte {self.bytes_read:,}: {problem}")
        if self.bytes_read - self._element > limits.MAX_ELEMENT + _SLACK:
            raise self._too_large(f"an element of more than {limits.MAX_ELEMENT >> 20} MB")
        if self._shape.values - self._values > limits.MAX_VALUES:
            raise self._too_large(f"an element of more than {limits.MAX_VALUES:,} values")
        return chunk

    def element_done(self) -> None:
        """Note that an element is complete; the next may be as large again."""
        self._element, self._values = self.bytes_read, self._shape.values

    def _too_large(self, what: str) -> Invalid:
        return Invalid(
            f"{self._name} has {what} after byte {self._element:,}.",
            code="invalid.import.element",
            hint="This is larger than any conversation; check that it is the right file.",
        )


def elements(stream: MeteredStream) -> Iterator[Any]:
    """Yield the elements of an array one after the other; of a document that is no array, itself.

    Raises:
        DamagedJson: the JSON is not well formed, ends too early, or goes beyond what a parser should see; the elements
            before that have been yielded.
        Invalid: an element is too large.
    """
    try:
        for element in ijson.items(stream, stream.prefix):
            stream.element_done()
            yield plain(element)
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        raise _damaged(stream, error) from error


def branches(
    stream: MeteredStream, wanted: Collection[str], outside: Callable[[str], None]
) -> Iterator[tuple[str, Any]]:
    """Yield some branches of a document in its order, each with its way (``messages.item``), and hold no other.

    Args:
        stream: the document.
        wanted: the ways of the branches.
        outside: called with the way of each text that is in none of them.

    Raises:
        DamagedJson: as :func:`elements`.
        Invalid: a branch is too large.
    """
    builder: ObjectBuilder | None = None
    inside = ""
    try:
        for way, event, value in ijson.parse(stream):
            if builder is not None:
                builder.event(event, value)
                if way == inside and event in _END:
                    stream.element_done()
                    whole, builder = plain(builder.value), None
                    yield inside, whole
                continue
            stream.element_done()
            if way in wanted and event in _BEGIN:
                builder, inside = ObjectBuilder(), way
                builder.event(event, value)
            elif way in wanted and event not in _END and event != "map_key":
                yield way, plain(value)
            elif event == "string":
                outside(way)
    except (ijson.JSONError, UnicodeDecodeError, ValueError) as error:
        raise _damaged(stream, error) from error


def _damaged(stream: MeteredStream, error: Exception) -> DamagedJson:
    # ijson repeats the bytes it stumbled over, on several lines; the first says what it is.
    message = error.args[0] if error.args else error
    if isinstance(message, bytes):
        message = message.decode("utf-8", "replace")
    problem = excerpt(str(message).split("\n", 1)[0])
    return DamagedJson(f"the JSON is damaged before byte {stream.bytes_read:,} ({problem})")


def top_keys(stream: BinaryIO) -> Iterator[str]:
    """Yield the keys of the document's object, or of the objects in its array, in its first 4 MB.

    Events without their prefixes: those of deeply nested JSON are as long as it is deep, each.
    """
    head = MeteredStream(stream, "")
    array, depth = head.prefix == "item", 0
    try:
        for event, value in ijson.basic_parse(head):
            if event in _BEGIN:
                depth += 1
            elif event in _END:
                depth -= 1
            elif event == "map_key" and depth == 1 + array:
                yield value
            if head.bytes_read > limits.MAX_HEAD:
                return
    except (ijson.JSONError, UnicodeDecodeError, ValueError, DamagedJson, Invalid):
        return
