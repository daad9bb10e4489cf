"""JSON Lines: one object a line, in the words that most logs use for who said what and when."""

from __future__ import annotations

import json
import zlib
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NoReturn, Unpack

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.base import Import, Options
from mnemon.adapters.importers.dates import parse_moment
from mnemon.adapters.importers.files import STDIN, ByteSource
from mnemon.adapters.importers.jsonshape import Shape
from mnemon.adapters.importers.records import (
    Anchor,
    Broken,
    Position,
    Record,
    Role,
    Utterance,
    character_problem,
    excerpt,
    printable,
    role_of,
    text_problem,
)
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest

COLUMNS: dict[str, tuple[str, ...]] = {
    "text": ("text", "content"),
    "at": ("at", "timestamp", "created_at", "date"),
    "speaker": ("speaker", "name", "author", "user"),
    "role": ("role",),
    "conversation": ("conversation", "conversation_id", "thread"),
    "session": ("session",),
    "id": ("id",),
    "tags": ("tags",),
    "metadata": ("metadata",),
}
"""Which keys are read for what; the first that a record has counts, the others stay in its metadata."""

_RUN = 10_000
_BOM = b"\xef\xbb\xbf"
_CHUNK = 64 * 1024


class _Bad(Exception):  # noqa: N818 - never leaves this module
    """Why a line is not an utterance."""


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
        # The first line alone: the rest of a log grows while it is being imported.
        self.fingerprint = digest("jsonl", first.rstrip(b"\r\n").hex())
        self._conversation = self.conversation or _stem(path)
        self._columns = _columns(self.columns)

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise a pipe, which nobody can look into; a first line that says something; else the name."""
        named = sample.name.endswith(cls.suffixes)
        if sample.kind == "pipe" or ((sample.kind == "file" or named) and _says_something(sample.first_line)):
            return Certainty.CERTAIN
        return Certainty.POSSIBLE if named else Certainty.NO

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file (compressed, if it is) have been read."""
        return self._source.bytes_read

    def records(self, anchor: Anchor) -> Iterator[Record]:
        """Yield the lines."""
        with self._source.open(anchor.offset) as stream:
            yield from self._lines(stream, anchor)

    def _lines(self, stream: BinaryIO, anchor: Anchor) -> Iterator[Record]:
        position, run, before = anchor, _Run.begin(anchor), ""
        while True:
            try:
                raw, size = _read_line(stream)
            except (EOFError, OSError, zlib.error) as error:
                reason = (
                    f"line {position.line + 1}: the compressed file is damaged here, and cannot be read on: {error}"
                )
                yield Broken(self._position(position, run.anchor, -1, before), reason)
                return
            if not raw:
                return
            after = Anchor(position.offset + size, position.line + 1, position.entry)
            if position.offset == 0:
                raw = raw.removeprefix(_BOM)
            if not raw.strip():
                position = after
                continue
            after = Anchor(after.offset, after.line, position.entry + 1)
            record = self._line(raw, size, position, run, before)
            run.count(after)
            yield record
            position, before = after, record.position.check

    def _line(self, raw: bytes, size: int, here: Anchor, run: _Run, before: str) -> Record:
        try:
            return self._utterance(_parse(raw, size), here, run)
        except _Bad as bad:
            reason = f"line {here.line + 1}: {bad}"
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
        fields = {name: _take(record, keys) for name, keys in self._columns.items()}
        text = _text(fields["text"], self._columns["text"])
        at = _moment(fields["at"])
        conversation = _word(fields["conversation"], "conversation") or self._conversation
        speaker = _word(fields["speaker"], "speaker")
        role, tags, metadata = _role(fields["role"], record), _tags(fields["tags"]), fields["metadata"]
        if isinstance(metadata, dict):
            record = {**metadata, **record}
        elif metadata is not None:
            record["metadata"] = metadata
        identity = _word(fields["id"], "id")
        session = _word(fields["session"], "session")
        source_id, check = _identify(identity, conversation, at, speaker, text, here, run)
        return Utterance(
            text=text,
            at=at,
            speaker=speaker,
            role=role,
            conversation=conversation,
            conversation_title=None,
            session=session,
            source=self.format,
            source_id=source_id,
            position=self._position(here, run.anchor, 0, check),
            tags=tags,
            metadata=record,
        )


def _identify(
    identity: str | None,
    conversation: str,
    at: datetime | None,
    speaker: str | None,
    text: str,
    here: Anchor,
    run: _Run,
) -> tuple[str, str]:
    """Return the source id of a line, and what recognises the line when it is passed over."""
    if at is None:
        run.leave(here)
    else:
        run.enter(at, here)
    if identity:
        source_id = f"{conversation}:{identity}"
        return source_id, digest(source_id, text)
    # What is a digest covers the text already, and recognises the line.
    if at is None:
        source_id = digest(conversation, speaker or "", text, f"line {here.line + 1}")
        return source_id, source_id
    key = digest(conversation, at.isoformat(), speaker or "", text)
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


def _columns(given: Mapping[str, str] | None) -> dict[str, tuple[str, ...]]:
    unknown = sorted(set(given or {}) - set(COLUMNS))
    if unknown:
        raise Invalid(
            f"There is nothing to read as `{unknown[0]}`.",
            code="invalid.import.columns",
            hint=f"A key can be named for: {', '.join(COLUMNS)}.",
            field="columns",
        )
    return {name: ((given[name],) if given and name in given else keys) for name, keys in COLUMNS.items()}


def _read_line(stream: BinaryIO) -> tuple[bytes, int]:
    """Return the next line, cut off after :data:`limits.MAX_LINE` bytes, and its whole length."""
    raw = stream.readline(limits.MAX_LINE + 1)
    size = len(raw)
    if size <= limits.MAX_LINE or raw.endswith(b"\n"):
        return raw, size
    while chunk := stream.readline(_CHUNK):
        size += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return raw[:_CHUNK], size


def _parse(raw: bytes, size: int) -> dict[str, Any]:
    if size > limits.MAX_LINE:
        raise _Bad(f"the line has {size:,} bytes, more than {limits.MAX_LINE:,}")
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Bad(f"not UTF-8 at byte {error.start + 1} of the line") from error
    # The brackets of most lines are few: only of the others it is worth knowing which are in texts.
    if line.count("[") + line.count("{") > limits.MAX_DEPTH and (problem := Shape().feed(raw)):
        raise _Bad(f"not JSON that can be read: {problem}")
    try:
        record = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise _Bad(f"not JSON: {error.msg.removesuffix(' at')} at character {error.colno}") from error
    except RecursionError as error:
        raise _Bad("not JSON that can be read: it is nested too deeply") from error
    except ValueError as error:
        raise _Bad(f"not JSON that can be stored: {error}") from error
    if not isinstance(record, dict):
        raise _Bad(f"the line is not a JSON object but {_kind(record)}")
    # Only an escape can bring in what a database refuses: raw NUL is not JSON, a raw surrogate not UTF-8.
    if "\\u" in line and (problem := character_problem(record, "the line")):
        raise _Bad(problem)
    return record


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


def _float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_float)


def _kind(value: object) -> str:
    names = {list: "an array", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def _take(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    if record.keys().isdisjoint(keys):
        return None
    for key in keys:
        if record.get(key) is not None:
            return record.pop(key)
    for key in keys:
        record.pop(key, None)
    return None


def _text(value: Any, keys: tuple[str, ...]) -> str:
    if value is None:
        raise _Bad(f"there is no {' or '.join(f'`{key}`' for key in keys)}")
    if isinstance(value, list):
        # The blocks of a model's message: its texts are what was said.
        parts = [part.get("text") if isinstance(part, dict) else part for part in value]
        value = "\n".join(part for part in parts if isinstance(part, str))
    if not isinstance(value, str):
        raise _Bad(f"the text is not a text but {_kind(value) if not isinstance(value, dict) else 'an object'}")
    if problem := text_problem(value):
        raise _Bad(problem)
    return value


def _moment(value: Any) -> datetime | None:
    try:
        return parse_moment(value)
    except ValueError as error:
        raise _Bad(f"the date {excerpt(str(value), 40)!r} is neither ISO 8601 nor seconds since 1970") from error


def _word(value: Any, name: str) -> str | None:
    if isinstance(value, dict):
        value = value.get("name")
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise _Bad(f"the {name} is neither a text nor a number")


def _role(value: Any, record: dict[str, Any]) -> Role:
    if value is None:
        return "user"
    role = role_of(value)
    if role is None:
        # A word of the source's own ("narrator") is no reason to lose what was said.
        record["role"] = value
        return "user"
    return role


def _tags(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, list) and all(isinstance(tag, str) for tag in value):
        return tuple(dict.fromkeys(tag for tag in value if tag.strip()))
    raise _Bad("the tags are not a list of texts")
