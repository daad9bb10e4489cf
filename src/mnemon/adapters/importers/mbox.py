"""Mail in an mbox file, one message after the other, without an index of the whole."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Unpack

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.base import Import, Options
from mnemon.adapters.importers.dates import as_utc
from mnemon.adapters.importers.export import SHAPELESS
from mnemon.adapters.importers.files import ByteSource
from mnemon.adapters.importers.mail import attachments, body, decoded, header, own_words, parsed
from mnemon.adapters.importers.records import Anchor, Broken, Position, Record, Utterance, excerpt
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.texts import in_parts
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest

_LINE = 64 * 1024
_MAX_ADDRESS = 2000  # characters of one: parseaddr takes more than their number
# A line of prose may begin with "From " as well; that a separator ends with a time and a year tells them apart. One
# after the other: in one expression they would be tried against each other, with the cube of the line's length.
_TIME = re.compile(rb"\d:\d{2}(:\d{2})?\b")
_YEAR = re.compile(rb"\d{4}")
_QUOTED = re.compile(rb"^>(>*From )", re.M)
_ID = re.compile(r"<([^<>\s]+)>")


@dataclass(slots=True)
class _Raw:
    """One message as it lies in the file."""

    begin: Anchor
    end: int
    lines: int
    content: bytes
    whole: bool


class Mbox(Import):
    """An mbox file, as mail programs and Gmail's export write it.

    A conversation is a thread: the first message that the references name. The text is the mail's own words; how
    long the whole body was is in the metadata.
    """

    format: ClassVar[str] = "mbox"
    title: ClassVar[str] = "mbox"
    description: ClassVar[str] = "Mail, as mail programs and Gmail's export write it; each thread a conversation."
    suffixes: ClassVar[tuple[str, ...]] = (".mbox", ".mbx")

    def __init__(self, path: Path, **given: Unpack[Options]) -> None:
        super().__init__(path, **given)
        self._source = ByteSource(path, "an mbox file")
        self.total_bytes = self._source.total
        first = self._source.first_line()
        if not first.startswith(b"From "):
            raise Invalid(
                f"{path} does not begin as an mbox file does, with a line `From …`.",
                code="invalid.import.format",
                hint="Export the mail again as mbox; single .eml files are not read.",
                path=str(path),
            )
        self.fingerprint = digest("mbox", self._head(first).hex())

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise the line that each mail begins with; otherwise the file's name."""
        if sample.kind == "file" and sample.first_line.startswith(b"From "):
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

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file have been read."""
        return self._source.bytes_read

    def records(self, anchor: Anchor) -> Iterator[Record]:
        """Yield the mails."""
        with self._source.open(anchor.offset) as stream:
            entry, last = anchor.entry, anchor
            try:
                for raw in _messages(stream, anchor):
                    begin = last = Anchor(raw.begin.offset, raw.begin.line, entry)
                    for record in self._message(raw, begin):
                        entry += 1
                        yield record
            except (EOFError, OSError, zlib.error) as error:
                reason = f"after line {last.line + 1}: the compressed file is damaged, and cannot be read on: {error}"
                yield Broken(self._position(last, entry + 1 - last.entry, reason), reason)

    def _message(self, raw: _Raw, begin: Anchor) -> Iterator[Record]:
        try:
            message = parsed(raw.content)
            text = body(message)
            fields = _Fields.of(message, raw.content)
        except (*SHAPELESS, AssertionError, MessageError) as error:
            reason = f"line {begin.line + 1}: a message that is not in the form of mail: {excerpt(repr(error))}"
            yield Broken(self._position(begin, 1, reason), reason, excerpt(raw.content))
            return
        if not text:
            problem = "has no text" if raw.whole else f"has no text in its first {limits.MAX_MAIL >> 20} MB"
            reason = f"line {begin.line + 1}: the message {excerpt(fields.subject or fields.id)!r} {problem}"
            yield Broken(self._position(begin, 1, reason), reason, excerpt(fields.id))
            return
        metadata = {**fields.metadata, "original_length": len(text)}
        if not raw.whole:
            metadata["truncated"] = True
        for number, (part, source_id, extra) in enumerate(in_parts(own_words(text), fields.id), 1):
            yield Utterance(
                text=part,
                at=fields.at,
                speaker=fields.speaker,
                role="user",
                conversation=fields.thread,
                conversation_title=fields.subject,
                session=None,
                source=self.format,
                source_id=source_id,
                position=self._position(begin, number, source_id),
                metadata={**metadata, **extra},
            )

    def _position(self, begin: Anchor, number: int, check: str) -> Position:
        """Return the position of a message's record; to go on after it, the message is read again and passed over."""
        entry = begin.entry + number
        return Position(self._source.name, entry, begin.line + 1, begin.offset, begin, number, digest(check))


@dataclass(frozen=True, slots=True)
class _Fields:
    """What a message's headers say."""

    id: str
    thread: str
    subject: str | None
    speaker: str | None
    at: datetime | None
    metadata: dict[str, Any]

    @classmethod
    def of(cls, message: Message, content: bytes) -> _Fields:
        ids = _ID.findall(header(message, "Message-ID") or "")
        # The blank lines at the end are the mbox's: a message has them only when another follows.
        identity = ids[0] if ids else digest(content.rstrip().decode("latin-1"))
        references = _ID.findall(header(message, "References") or "")
        parents = references or _ID.findall(header(message, "In-Reply-To") or "")
        # Taken apart before it is decoded: the name may have a comma in it.
        name, address = parseaddr(str(message.get("From", ""))[:_MAX_ADDRESS])
        subject = header(message, "Subject")
        metadata: dict[str, Any] = {"message_id": identity}
        values = {
            "subject": subject,
            "from": decoded(address),
            "to": header(message, "To"),
            "attachments": attachments(message),
        }
        metadata.update({key: value for key, value in values.items() if value})
        if parents:
            metadata["in_reply_to"] = parents[-1]
        return cls(
            id=identity,
            thread=parents[0] if parents else identity,
            subject=_plain_subject(subject),
            speaker=decoded(name) or address or None,
            at=_date(header(message, "Date")),
            metadata=metadata,
        )


def _messages(stream: BinaryIO, anchor: Anchor) -> Iterator[_Raw]:
    """Yield the messages from an anchor on; the stream stands at a separator."""
    offset, line = anchor.offset, anchor.line
    begin, content, size, after_blank, line_start = anchor, bytearray(), 0, True, True
    while chunk := stream.readline(_LINE):
        if line_start and after_blank and _separates(chunk[:300]) and offset > anchor.offset:
            yield _raw(begin, offset, line, content, size)
            begin, content, size = Anchor(offset, line), bytearray(), 0
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
    content = _QUOTED.sub(rb"\1", content.partition(b"\n")[2])
    return _Raw(begin, offset, line - begin.line, content, size == len(kept))


def _plain_subject(subject: str | None) -> str | None:
    return re.sub(r"^((re|aw|fwd?|wg|sv|tr)\s*:\s*)+", "", subject, flags=re.I) or subject if subject else None


def _date(value: str | None) -> datetime | None:
    try:
        return as_utc(parsedate_to_datetime(value)) if value else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
