"""One file that is read from its beginning, also to go on: the simplest kind of importer."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Unpack

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.archive import MemberSource
from mnemon.adapters.importers.base import Import, Options
from mnemon.adapters.importers.charsets import encoding_of, in_encoding, is_wide
from mnemon.adapters.importers.fields import BadRecord, parse_object
from mnemon.adapters.importers.files import DAMAGE, ByteSource, content_digest, is_pipe, read_line
from mnemon.adapters.importers.jsonstream import DamagedJson, MeteredStream, branches, elements
from mnemon.adapters.importers.records import printable
from mnemon.core.errors import Invalid

_BOM = "\ufeff"
_LOOKED_AT = 1024 * 1024
_BLOCK = 64 * 1024


class WholeFile(Import):
    """A file of text or of JSON, plain, gzip or in a zip archive, that is written once and not appended to.

    A subclass goes through :meth:`lines`, :meth:`elements` or :meth:`objects` and takes positions from a
    :class:`Counter`. A longer later export is another file to it: what is stored already has the same ``source_id``
    and is passed over.

    Attributes:
        file: the file's name as positions show it.
        stem: the file's name without its endings, which names a conversation that has no other name.
    """

    def __init__(self, path: Path, **given: Unpack[Options]) -> None:
        super().__init__(path, **given)
        if is_pipe(path):
            raise Invalid(
                f"A file of {self.title} cannot be read from a pipe.",
                code="invalid.import.pipe",
                hint="Save it as a file and import that.",
                path=str(path),
            )
        member = given.get("member")
        expected = f"a file of {self.title}"
        self._source = (
            ByteSource(path, expected) if member is None else MemberSource(path, member, expected, given.get("archive"))
        )
        self.file = self._source.name
        self.stem = stem_of(path, member)
        self.total_bytes = self._source.total or 0

    def identify(self) -> str:
        """Return the digest of the whole file."""
        return self._source.identify() if isinstance(self._source, MemberSource) else content_digest(self.path)

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file (compressed, if it is) have been read."""
        return self._source.bytes_read

    def lines(self) -> Iterator[tuple[int, str]]:
        """Go through the lines: each one's number, from 1, and its text without its end.

        The text is UTF-8, UTF-16 or UTF-32; what is none of these is read as the encoding that its bytes make likely.
        A line of more than :data:`limits.MAX_LINE` comes in pieces, one after the other, all with its number.

        Raises:
            DamagedJson: the file cannot be unpacked any further.
        """
        with self._unpacked() as stream:
            encoding = encoding_of(_read(stream.read, _LOOKED_AT, 0))
        with self._unpacked() as stream:
            last = 0
            for number, line in (_wide_lines if is_wide(encoding) else _narrow_lines)(stream, encoding):
                line = line.rstrip("\r\n")
                if line or number != last:
                    yield number, line.removeprefix(_BOM) if number == 1 and last == 0 else line
                last = number

    def elements(self) -> Iterator[Any]:
        """Go through the elements of the JSON array that the file is; or its one document, if it is no array.

        Raises:
            DamagedJson: it is not JSON from some place on, or nested too deeply; the elements before that were given.
            Invalid: an element is larger than :data:`limits.MAX_ELEMENT`.
        """
        with self._unpacked() as stream:
            try:
                yield from elements(MeteredStream(stream, self.file))
            except DAMAGE as error:
                raise DamagedJson(f"the compressed file is damaged: {error}") from error

    def branches(self, wanted: Collection[str]) -> Iterator[tuple[str, Any]]:
        """Go through some branches of one JSON document, such as ``messages.item``: each one's way and value.

        What is a text elsewhere in the document is counted as left out, by the document's key that it is under.

        Raises:
            DamagedJson: as :meth:`elements`.
            Invalid: as :meth:`elements`.
        """
        with self._unpacked() as stream:
            try:
                yield from branches(MeteredStream(stream, self.file), wanted, self._outside)
            except DAMAGE as error:
                raise DamagedJson(f"the compressed file is damaged: {error}") from error

    def _outside(self, way: str) -> None:
        key = printable(way.split(".", 1)[0])[:40]
        self.leave_out(f"texts under `{key}`, outside of messages" if key else "texts outside of messages")

    def objects(self) -> Iterator[tuple[int, int | None, dict[str, Any] | str]]:
        """Go through the objects of JSON Lines, or of one JSON document: number, line, and object or what is wrong.

        Raises:
            DamagedJson: as :meth:`elements`.
            Invalid: as :meth:`elements`.
        """
        if not self._has_lines():
            for number, value in enumerate(self.elements(), 1):
                yield number, None, value if isinstance(value, dict) else f"element {number}: not an object"
            return
        number = line = 0
        with self._unpacked() as stream:
            while True:
                try:
                    raw, size = read_line(stream)
                except DAMAGE as error:
                    raise _after(line, error) from error
                if not raw:
                    return
                line += 1
                raw = raw.removeprefix(codecs.BOM_UTF8) if line == 1 else raw
                if not raw.strip():
                    continue
                number += 1
                try:
                    yield number, line, parse_object(raw, size)
                except BadRecord as bad:
                    yield number, line, f"line {line}: {bad}"

    def _has_lines(self) -> bool:
        with self._unpacked() as stream:
            try:
                head = stream.readline(limits.MAX_LINE + 1)
                ended = head.endswith(b"\n")
                while not ended and (chunk := stream.readline(_BLOCK)):
                    ended = chunk.endswith(b"\n")
                following = stream.read(1)
            except DAMAGE:
                return True  # the damage is named where it is met
        head = head.removeprefix(codecs.BOM_UTF8).strip()
        if head.startswith(b"["):
            return False
        try:
            return isinstance(json.loads(head), dict) and bool(following)
        except (ValueError, RecursionError):
            # An object that goes on in the next line is a document, and so is one that is all there is.
            return not head.startswith(b"{") or (len(head) > _BLOCK and bool(following))

    def _unpacked(self) -> Any:
        return self._source.open(0)


def stem_of(path: Path, member: str | None) -> str:
    """Return what a file is called, without its endings; of ``_chat.txt`` in an archive, what the archive is called."""
    inner = Path(printable(member)).name if member else ""
    name = printable(path.name) if not inner or inner.startswith("_") else inner
    name = name[:-3] if name.lower().endswith(".gz") else name
    return (Path(name).stem or name)[:200]


def _narrow_lines(stream: BinaryIO, encoding: str) -> Iterator[tuple[int, str]]:
    number = 1
    while raw := _read(stream.readline, limits.MAX_LINE + 1, number - 1):
        if len(raw) <= limits.MAX_LINE or raw.endswith(b"\n"):
            yield number, in_encoding(raw, encoding)
        else:
            decoder = codecs.getincrementaldecoder(encoding)("replace")
            while raw and not raw.endswith(b"\n"):
                for piece in _pieces(decoder.decode(raw)):
                    yield number, piece
                raw = _read(stream.readline, limits.MAX_LINE // 2, number - 1)
            for piece in _pieces(decoder.decode(raw, True)):
                yield number, piece
        number += 1


def _wide_lines(stream: BinaryIO, encoding: str) -> Iterator[tuple[int, str]]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    number, parts, size = 1, list[str](), 0
    while chunk := _read(stream.read, _BLOCK, number - 1):
        *whole, remainder = decoder.decode(chunk).split("\n")
        for line in whole:
            yield number, "".join(parts) + line
            number, parts, size = number + 1, [], 0
        parts.append(remainder)
        size += len(remainder)
        if size > limits.MAX_LINE:
            for piece in _pieces("".join(parts)):
                yield number, piece
            parts, size = [], 0
    if remainder := "".join(parts) + decoder.decode(b"", True):
        yield number, remainder


def _pieces(text: str) -> Iterator[str]:
    """Cut a line that is too long into pieces of which several make a message."""
    length = limits.MAX_LINE // 4
    return (text[begin : begin + length] for begin in range(0, len(text), length))


def _read(read: Callable[[int], bytes], size: int, before: int) -> bytes:
    try:
        return read(size)
    except DAMAGE as error:
        raise _after(before, error) from error


def _after(line: int, error: Exception) -> DamagedJson:
    return DamagedJson(f"after line {line}: the file cannot be read on: {error}")
