"""The fields of one record (an object of a line, of an array; a row): which key holds what, and what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, NoReturn

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.dates import parse_both
from mnemon.adapters.importers.jsonshape import Shape
from mnemon.adapters.importers.parts import calls_text, in_words
from mnemon.adapters.importers.records import (
    Role,
    character_problem,
    excerpt,
    printable,
    role_of,
    text_problem,
)
from mnemon.core.errors import Invalid

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

_ALIASES = {key: name for name, keys in COLUMNS.items() for key in keys}
_KEPT_KEYS = 20
_LONGEST_KEY = 40


class BadRecord(Exception):  # noqa: N818 - a signal between importers, never raised to a caller
    """Why a record is not an utterance."""


@dataclass(slots=True)
class Fields:
    """What a record says; what is left of it is its metadata.

    Attributes:
        as_written: the time as if one without a zone were UTC's: the same in whatever zone the record is read.
    """

    text: str
    at: datetime | None
    as_written: datetime | None
    speaker: str | None
    role: Role
    conversation: str | None
    session: str | None
    id: str | None
    tags: tuple[str, ...]
    metadata: dict[str, Any]


Columns = dict[str, tuple[str, ...]]


def columns_of(given: Mapping[str, str] | None) -> Columns:
    """Return which keys hold what; those that are given go before the usual ones.

    Raises:
        Invalid: a key is named for something that there is not.
    """
    by_field: dict[str, str] = {}
    for name, key in (given or {}).items():
        if name not in _ALIASES and name not in COLUMNS:
            raise Invalid(
                f"There is nothing to read as `{name}`.",
                code="invalid.import.columns",
                hint=f"A key can be named for: {', '.join(COLUMNS)}.",
                field="columns",
            )
        by_field[_ALIASES.get(name, name)] = key
    return {name: ((by_field[name],) if name in by_field else keys) for name, keys in COLUMNS.items()}


def read_fields(record: dict[str, Any], columns: Columns, zone: tzinfo = UTC) -> Fields:
    """Take the fields out of a record.

    Raises:
        BadRecord: it has no text, or one of them is not what it should be.
    """
    taken = {name: _take(record, keys) for name, keys in columns.items()}
    text = _text(taken["text"], columns["text"], record)
    at, as_written = _moment(taken["at"], zone)
    conversation = _word(taken["conversation"], "conversation", record)
    speaker = _word(taken["speaker"], "speaker", record)
    role, tags, metadata = _role(taken["role"], record), _tags(taken["tags"]), taken["metadata"]
    identity, session = _word(taken["id"], "id", record), _word(taken["session"], "session", record)
    if isinstance(metadata, dict):
        record = {**metadata, **record}
    elif metadata is not None:
        record["metadata"] = metadata
    return Fields(text, at, as_written, speaker, role, conversation, session, identity, tags, record)


class Unread:
    """The keys of records that could not be read: what somebody could have meant by them."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}
        self._lines = 0

    def note_line(self, raw: bytes) -> None:
        """Note the keys of a line, as long as there are few."""
        self._lines += 1
        if self._lines <= _KEPT_KEYS and len(raw) <= limits.MAX_LINE:
            with suppress(BadRecord):
                self.note(parse_object(raw, len(raw)))

    def note(self, record: object) -> None:
        """Note a record's keys."""
        if isinstance(record, dict) and len(self._keys) < _KEPT_KEYS:
            keys = (printable(str(key))[:_LONGEST_KEY] for key in record)
            self._keys.update(dict.fromkeys(key for key, _ in zip(keys, range(_KEPT_KEYS), strict=False)))

    @property
    def keys(self) -> tuple[str, ...]:
        """Some of them, in the order in which they were met."""
        return tuple(self._keys)[:_KEPT_KEYS]


def parse_object(raw: bytes, size: int) -> dict[str, Any]:
    """Return the object that a line is; `size` is the line's whole length.

    Raises:
        BadRecord: it is none, or none that can be stored.
    """
    if size > limits.MAX_LINE:
        raise BadRecord(f"the line has {size:,} bytes, more than {limits.MAX_LINE:,}")
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRecord(f"not UTF-8 at byte {error.start + 1} of the line") from error
    # The brackets of most lines are few: only of the others it is worth knowing which are in texts.
    if line.count("[") + line.count("{") > limits.MAX_DEPTH and (problem := Shape().feed(raw)):
        raise BadRecord(f"not JSON that can be read: {problem}")
    try:
        record = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise BadRecord(f"not JSON: {error.msg.removesuffix(' at')} at character {error.colno}") from error
    except RecursionError as error:
        raise BadRecord("not JSON that can be read: it is nested too deeply") from error
    except ValueError as error:
        raise BadRecord(f"not JSON that can be stored: {error}") from error
    if not isinstance(record, dict):
        raise BadRecord(f"the line is not a JSON object but {kind_of(record)}")
    # Only an escape can bring in what a database refuses: raw NUL is not JSON, a raw surrogate not UTF-8.
    if "\\u" in line and (problem := character_problem(record, "the line")):
        raise BadRecord(problem)
    return record


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


def _float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_float)


def kind_of(value: object) -> str:
    """Return what a JSON value is, for a message."""
    names = {list: "an array", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "an object" if isinstance(value, dict) else "null")


def _take(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    if record.keys().isdisjoint(keys):
        return None
    for key in keys:
        if record.get(key) is not None:
            return record.pop(key)
    for key in keys:
        record.pop(key, None)
    return None


def _text(value: Any, keys: tuple[str, ...], record: dict[str, Any]) -> str:
    if value is None:
        value = calls_text(record) or None
    if value is None:
        raise BadRecord(f"there is no {' or '.join(f'`{key}`' for key in keys)}")
    if isinstance(value, list):
        # The blocks of a model's message: its texts are what was said; what else they hold is kept beside them.
        value, remainder = in_words(value)
        if remainder:
            record.setdefault("parts", remainder)
        value = value or calls_text(record)
    if not isinstance(value, str):
        raise BadRecord(f"the text is not a text but {kind_of(value)}")
    if problem := text_problem(value):
        raise BadRecord(problem)
    return value


def _moment(value: Any, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    try:
        return parse_both(value, zone)
    except ValueError as error:
        raise BadRecord(f"the date {excerpt(str(value), 40)!r} is neither ISO 8601 nor seconds since 1970") from error


def _word(value: Any, name: str, record: dict[str, Any]) -> str | None:
    if isinstance(value, dict):
        remainder = {key: inner for key, inner in value.items() if key != "name" and inner not in (None, "", [], {})}
        if remainder:
            record.setdefault(name, remainder)
        value = value.get("name")
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise BadRecord(f"the {name} is neither a text nor a number")


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
    raise BadRecord("the tags are not a list of texts")
