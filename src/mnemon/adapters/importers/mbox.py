"""Mail in an mbox file, one message after the other, without an index of the whole."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Unpack

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.base import Import, Options
from mnemon.adapters.importers.files import ByteSource, Running
from mnemon.adapters.importers.letters import NoLetter, letter_of
from mnemon.adapters.importers.records import Anchor, Broken, Mark, Position, Record, excerpt
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest

_LINE = 64 * 1024
# A line of prose may begin with "From " as well; that a separator ends with a time and a year tells them apart. One
# after the other: in one expression they would be tried against each other, with the cube of the line's length.
_TIME = re.compile(rb"\d:\d{2}(:\d{2})?\b")
_YEAR = re.compile(rb"\d{4}")
_QUOTED = re.compile(rb"^>(>*From )", re.M)


@dataclass(slots=True)
class _Raw:
    """One message as it lies in the file."""

    begin: Anchor
    end: int
    lines: int
    envelope: str
    content: bytes
    whole: bool


class Mbox(Import):
    """An mbox file, as mail programs and Gmail's export write it.

    A conversation is a thread: the first message that the references name. The text is the mail's own words; how
    long the whole body was is in the metadata.
    """

    format: ClassVar[str] = "mbox"
    title: ClassVar[str] = "mbox"
    needs: ClassVar[str] = "a first line that begins with `From ` and a date"
    description: ClassVar[str] = "Mail, as mail programs and Gmail's export write it; each thread a conversation."
    suffixes: ClassVar[tuple[str, ...]] = (".mbox", ".mbx")

    def __init__(self, path: Path, **given: Unpack[Options]) -> None:
        super().__init__(path, **given)
        self._source = ByteSource(path, "an mbox file")
        self._running = Running()
        self.total_bytes = self._source.total
        first = self._source.first_line()
        if not first.startswith(b"From "):
            raise Invalid(
                f"{path} does not begin as an mbox file does, with a line `From …`.",
                code="invalid.import.format",
                hint="Export the mail again as mbox; or give a single mail a name that ends with .eml.",
                path=str(path),
            )
        self.fingerprint = digest("mbox", self._head(first).hex())

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise the line that each mail begins with; otherwise the file's name."""
        if sample.is_document and sample.first_line.startswith(b"From "):
            return Certainty.CERTAIN
        return super().recognises(sample)

    def _head(self, first: bytes) -> bytes:
        """Return the first message's first lines: separators alone are alike in many files."""
        if self._source.pipe is not None:
            return first
        with self._source.open(0) as stream:
            lines = [stream.readline(_LINE) for _ in range(20)]
        # To the end of the first header block, which does not change when mail is appended.
        ends = (i for i, line in enumerate(lines) if not line.strip())
        return b"".join(lines[: next(ends, len(lines))])

    def mark(self) -> Mark | None:
        """Return what has been read, up to the end of the last mail."""
        return self._running.mark()

    def marks(self, lengths: Collection[int]) -> set[Mark]:
        """Return the marks of the file's beginnings."""
        return self._source.marks(lengths)

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file have been read."""
        return self._source.bytes_read

    def records(self, anchor: Anchor) -> Iterator[Record]:
        """Yield the mails."""
        self._running = Running()
        with self._source.open(anchor.offset, self._running) as stream:
            entry, last = anchor.entry, anchor
            try:
                for raw in _messages(stream, anchor, self._running):
                    begin = last = Anchor(raw.begin.offset, raw.begin.line, entry)
                    for record in self._message(raw, begin):
                        entry += 1
                        yield record
            except (EOFError, OSError, zlib.error) as error:
                reason = f"after line {last.line + 1}: the compressed file is damaged, and cannot be read on: {error}"
                yield Broken(self._position(last, entry + 1 - last.entry, reason), reason)

    def _message(self, raw: _Raw, begin: Anchor) -> Iterator[Record]:
        try:
            letter = letter_of(raw.content, self.leave_out, self.zone, raw.envelope)
        except NoLetter as error:
            extras = "" if raw.whole else f" in its first {limits.MAX_MAIL >> 20} MB"
            reason = f"line {begin.line + 1}: {error}{extras}"
            yield Broken(self._position(begin, 1, reason), reason, excerpt(raw.content))
            return
        more: dict[str, Any] = {} if raw.whole else {"truncated": True}
        yield from letter.utterances(self.format, more, lambda number, key, _: self._position(begin, number, key))

    def _position(self, begin: Anchor, number: int, check: str) -> Position:
        """Return the position of a message's record; to go on after it, the message is read again and passed over."""
        entry = begin.entry + number
        return Position(self._source.name, entry, begin.line + 1, begin.offset, begin, number, digest(check))


def _messages(stream: BinaryIO, anchor: Anchor, running: Running) -> Iterator[_Raw]:
    """Yield the messages from an anchor on; the stream stands at a separator, and what was read is noted."""
    offset, line = anchor.offset, anchor.line
    begin, content, size, after_blank, line_start = anchor, bytearray(), 0, True, True
    while chunk := stream.readline(_LINE):
        if line_start and after_blank and _separates(chunk[:300]) and offset > anchor.offset:
            yield _raw(begin, offset, line, content, size)
            begin, content, size = Anchor(offset, line), bytearray(), 0
        running.update(chunk)
        after_blank = line_start and not chunk.strip(b"\r\n")
        line_start = chunk.endswith(b"\n")
        size += len(chunk)
        if len(content) < limits.MAX_MAIL:
            content += chunk
        offset += len(chunk)
        line += line_start
    if size:
        yield _raw(begin, offset, line, content, size)


def _separates(line: bytes) -> bool:
    if not line.startswith(b"From "):
        return False
    time = _TIME.search(line, 5)
    return time is not None and _YEAR.search(line, time.end()) is not None


def _raw(begin: Anchor, offset: int, line: int, kept: bytearray, size: int) -> _Raw:
    content = bytes(kept)
    # The separator is no header, and ">From " in the text was "From " before it was put into the mbox.
    envelope, _, content = content.partition(b"\n")
    content = _QUOTED.sub(rb"\1", content)
    return _Raw(begin, offset, line - begin.line, envelope[:300].decode("latin-1"), content, size == len(kept))
