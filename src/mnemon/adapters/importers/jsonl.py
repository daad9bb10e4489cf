"""JSON Lines: one object a line, in the words that most logs use for who said what and when."""

from __future__ import annotations

import json
import zlib
from collections import Counter as Tally
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Unpack

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.base import Import, Options
from mnemon.adapters.importers.fields import BadRecord, Fields, Unread, columns_of, parse_object, read_fields
from mnemon.adapters.importers.files import STDIN, ByteSource, Running, read_line
from mnemon.adapters.importers.records import (
    Anchor,
    Broken,
    Mark,
    Position,
    Record,
    Utterance,
    excerpt,
    printable,
)
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest

_RUN = 10_000
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class _Run:
    """What tells apart lines that say the same thing at the same time, and where to read again to know it.

    A line without an id is identified by its conversation, time, speaker and text, and by how many lines before
    it said exactly the same. To count over the whole file would need memory for the whole file. Logs come in the
    order of time, so it is enough to count among neighbouring lines with the same ``at``; the same words of the
    same person at the same time in two separate places are one utterance, written twice. A run that will not end
    (dates without a time of day) is cut into parts of 10,000 lines: memory stays bounded, and so does what must be
    read again to resume. A cut depends only on what came before, so a longer file gives the same ids.
    """

    at: datetime | None
    part: int
    anchor: Anchor
    lines: int
    seen: Tally[str]

    @classmethod
    def begin(cls, anchor: Anchor) -> _Run:
        at = datetime.fromisoformat(anchor.run) if anchor.run else None
        return cls(at, anchor.part, anchor, 0, Tally())

    def enter(self, at: datetime, here: Anchor) -> None:
        """Note that a line with this time comes next, and begins at `here`."""
        if self.at != at:
            self._restart(at, 0, here)

    def leave(self, here: Anchor) -> None:
        """Note that the line before `here` had no time: a run ends with it."""
        self._restart(None, 0, here)

    def count(self, after: Anchor) -> None:
        """Note that one more line was read, which ends before `after`."""
        self.lines += 1
        if self.lines >= _RUN:
            self._restart(self.at, self.part + 1 if self.at else 0, after)

    def occurrence(self, key: str) -> str:
        """Return how often the key was seen before in this part of the run, and which part it is; or nothing."""
        number = self.seen[key]
        self.seen[key] = number + 1
        return f"{self.part}:{number}" if number or self.part else ""

    def _restart(self, at: datetime | None, part: int, here: Anchor) -> None:
        self.at, self.part, self.lines = at, part, 0
        run = at.isoformat() if at and part else ""
        self.anchor = Anchor(here.offset, here.line, here.entry, run, part)
        self.seen.clear()


class JsonLines(Import):
    """One JSON object a line: ``.jsonl``, ``.ndjson``, either with ``.gz``, or ``-`` for standard input."""

    format: ClassVar[str] = "jsonl"
    title: ClassVar[str] = "JSON Lines"
    shape: ClassVar[frozenset[str]] = frozenset(
        {"text", "content", "at", "timestamp", "speaker", "author", "role", "conversation", "id"}
    )
    needs: ClassVar[str] = "an object a line, with `text` or `content`"
    description: ClassVar[str] = (
        'One object a line, such as `{"at": ..., "speaker": ..., "text": ...}`; plain, with `.gz`, or standard input.'
    )
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
    options: ClassVar[frozenset[str]] = frozenset({"conversation", "columns"})

    def __init__(self, path: Path, **given: Unpack[Options]) -> None:
        super().__init__(path, **given)
        self._source = ByteSource(path, "a JSON Lines file")
        self.total_bytes = self._source.total
        first = self._source.first_line()
        if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise Invalid(
                f"{path} is UTF-16 text, and JSON Lines is UTF-8.",
                code="invalid.import.encoding",
                hint="Save it as UTF-8.",
                path=str(path),
            )
        self.fingerprint = digest("jsonl", first.rstrip(b"\r\n").hex())  # the rest may grow during an import
        self._conversation = self.conversation or _stem(path)
        self._columns = columns_of(self.columns)
        self._running = Running()
        self._unread = Unread()

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise a pipe, which nobody can look into; a first line that says something; else the name."""
        named = sample.name.endswith(cls.suffixes)
        if sample.kind == "pipe" or (sample.is_document and _says_something(sample.first_line)):
            return Certainty.CERTAIN
        return Certainty.POSSIBLE if named else Certainty.NO

    @classmethod
    def likeness(cls, sample: Sample) -> float:
        """Count an object as half of it."""
        return 0.5 if sample.first_line.startswith(b"{") else 0.0

    def mark(self) -> Mark | None:
        """Return what has been read, up to the end of the last line; without a last one that has no end yet."""
        return self._running.mark()

    def marks(self, lengths: Collection[int]) -> set[Mark]:
        """Return the marks of the file's beginnings."""
        return self._source.marks(lengths)

    def keys_found(self) -> tuple[str, ...]:
        """Return some keys of the lines that could not be read."""
        return self._unread.keys

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file (compressed, if it is) have been read."""
        return self._source.bytes_read

    def records(self, anchor: Anchor) -> Iterator[Record]:
        """Yield the lines."""
        self._running = Running()
        with self._source.open(anchor.offset, self._running) as stream:
            yield from self._lines(stream, anchor)

    def _lines(self, stream: BinaryIO, anchor: Anchor) -> Iterator[Record]:
        position, run, before = anchor, _Run.begin(anchor), ""
        while True:
            try:
                raw, size = self._read_line(stream)
            except (EOFError, OSError, zlib.error) as error:
                reason = (
                    f"line {position.line + 1}: the compressed file is damaged here, and cannot be read on: {error}"
                )
                yield Broken(self._position(position, run.anchor, -1, before), reason)
                return
            if not raw:
                return
            after = Anchor(position.offset + size, position.line + 1, position.entry)
            line = raw.removeprefix(_BOM) if position.offset == 0 else raw
            if not line.strip():
                self._running.update(raw)
                position = after
                continue
            after = Anchor(after.offset, after.line, position.entry + 1)
            record = self._line(line, size, position, run, before)
            if size == len(raw) and (isinstance(record, Utterance) or raw.endswith(b"\n")):
                self._running.update(raw)
            run.count(after)
            yield record
            position, before = after, record.position.check

    def _read_line(self, stream: BinaryIO) -> tuple[bytes, int]:
        """Return the next line and its whole length; one that is cut off counts as read once its end is."""
        ahead: list[Running] = []

        def note(piece: bytes) -> None:
            if not ahead:
                ahead.append(self._running.copy())
            ahead[0].update(piece)

        raw, size = read_line(stream, note)
        if ahead:
            self._running = ahead[0]
        return raw, size

    def _line(self, raw: bytes, size: int, here: Anchor, run: _Run, before: str) -> Record:
        try:
            return self._utterance(parse_object(raw, size), here, run)
        except BadRecord as bad:
            reason = f"line {here.line + 1}: {bad}"
            self._unread.note_line(raw)
            if raw.endswith(b"\n") or size > limits.MAX_LINE:
                return Broken(self._position(here, run.anchor, 0, digest(reason)), reason, excerpt(raw))
            # The last line, without its end, is perhaps still being written: to go on after it is to read it again.
            return Broken(self._position(here, run.anchor, -1, before), reason, excerpt(raw))

    def _position(self, here: Anchor, anchor: Anchor, shift: int, check: str) -> Position:
        """Return the position of the record at `here`; to go on from it is to go on after it (0) or before it (-1)."""
        entry = here.entry + 1
        skip = entry + shift - anchor.entry
        return Position(self._source.name, entry, here.line + 1, here.offset, anchor, skip, check)

    def _utterance(self, record: dict[str, Any], here: Anchor, run: _Run) -> Utterance:
        fields = read_fields(record, self._columns, self.zone)
        conversation = fields.conversation or self._conversation
        source_id, check = _identify(fields, conversation, here, run)
        return Utterance(
            text=fields.text,
            at=fields.at,
            speaker=fields.speaker,
            role=fields.role,
            conversation=conversation,
            conversation_title=None,
            session=fields.session,
            source=self.format,
            source_id=source_id,
            position=self._position(here, run.anchor, 0, check),
            tags=fields.tags,
            metadata=fields.metadata,
        )


def _identify(said: Fields, conversation: str, here: Anchor, run: _Run) -> tuple[str, str]:
    """Return the source id of a line, and what recognises the line when it is passed over."""
    at, text = said.as_written, said.text
    if at is None:
        run.leave(here)
    else:
        run.enter(at, here)
    if said.id:
        source_id = f"{conversation}:{said.id}"
        return source_id, digest(source_id, text)
    # What is a digest covers the text already, and recognises the line.
    if at is None:
        source_id = digest(conversation, said.speaker or "", text, f"line {here.line + 1}")
        return source_id, source_id
    key = digest(conversation, at.isoformat(), said.speaker or "", text)
    again = run.occurrence(key)
    source_id = digest(key, again) if again else key
    return source_id, source_id


def _says_something(line: bytes) -> bool:
    """Tell whether a first line is a whole object with a text, and not the whole of another format."""
    if not line.startswith(b"{"):
        return False
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and isinstance(record.get("text", record.get("content")), str | list)


def _stem(path: Path) -> str:
    if str(path) == STDIN:
        return "stdin"
    name = printable(path.name).removesuffix(".gz")
    return Path(name).stem or name
