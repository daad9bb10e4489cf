"""What every importer yields: utterances, and what could not be read, each with where it was found.

Nobody changes one once it is made. Those of which there is one a line are not frozen: it would double their price.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice
from math import isfinite
from typing import Any

from mnemon.adapters.roles import Role as Role
from mnemon.adapters.roles import role_of as role_of
from mnemon.core.errors import Invalid
from mnemon.core.text import TEXT_LIMIT

MAX_TEXT = TEXT_LIMIT
"""The longest text of one utterance, in characters."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Anchor:
    """A place from which reading can begin again, with what the reader knew there.

    Attributes:
        offset: bytes from the start of the (decompressed) file; 0 for a format that is read from its beginning.
        line: how many lines lie before it.
        entry: how many records lie before it.
        run: JSONL only: the time shared by the lines just before it (ISO 8601), or an empty text.
        part: JSONL only: which part of that run begins here.
    """

    offset: int = 0
    line: int = 0
    entry: int = 0
    run: str = ""
    part: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """A beginning of a file: how many bytes of it (decompressed), and the digest of all of them."""

    bytes: int
    digest: str


@dataclass(slots=True)
class Position:
    """Where a record was read, and all that is needed to go on after it.

    Attributes:
        file: the file's name, with the entry's name after a slash for an archive; ``-`` for standard input.
        entry: the number of this record in the import, from 1; broken ones count.
        line: the line the record begins on, from 1, where the format has lines.
        offset: the byte the record begins at, where the format is read by bytes.
        anchor: where reading begins again.
        skip: how many records lie between the anchor and the point after this record.
        check: recognises this record when it is passed over, so that a file that has changed since is noticed.
    """

    file: str
    entry: int
    line: int | None = None
    offset: int | None = None
    anchor: Anchor = field(default_factory=Anchor)
    skip: int = 0
    check: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the position as JSON values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Position:
        """Return the position that :meth:`as_dict` wrote.

        Raises:
            Invalid: the values are not a position.
        """
        try:
            return cls(**{**values, "anchor": Anchor(**values["anchor"])})
        except (KeyError, TypeError) as error:
            raise Invalid(
                "This is not the position of an import.",
                code="invalid.import.position",
                hint="Start the import from the beginning; what is already there is not stored twice.",
            ) from error


@dataclass(slots=True)
class Utterance:
    """One thing somebody said, as the source has it.

    Attributes:
        text: what was said; never blank, at most :data:`MAX_TEXT` characters.
        at: when, in UTC; None where the source does not say.
        speaker: the display name in the source.
        role: who that is to a model.
        conversation: the source's own stable key of the conversation.
        conversation_title: a title for people, where there is one.
        session: the label of a sitting within the conversation, where the format has them.
        source: the format's name.
        source_id: the same each time the same utterance is read, also from a later, longer export; unique in
            its source.
        tags: labels the source has put on it.
        metadata: all else that is worth keeping, JSON values only.
        position: where it was read.
    """

    text: str
    at: datetime | None
    speaker: str | None
    role: Role
    conversation: str
    conversation_title: str | None
    session: str | None
    source: str
    source_id: str
    position: Position
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that could not be read; the import goes on after it.

    Attributes:
        position: where it is.
        reason: what is wrong and where, for a person.
        excerpt: how it begins.
    """

    position: Position
    reason: str
    excerpt: str = ""


Record = Utterance | Broken


def text_problem(text: str) -> str | None:
    """Return what about its length keeps a text from being an utterance, as the end of a sentence; or None."""
    if not text or text.isspace():
        return "the text is blank"
    if len(text) > MAX_TEXT:
        return f"the text has {len(text):,} characters, more than {MAX_TEXT:,}"
    return None


def character_problem(value: Any, where: str) -> str | None:
    """Return what a database could not store in a text or in JSON values (NUL, lone surrogates), and where; or None."""
    # An explicit stack: the value comes from a file, and its depth is not ours to trust.
    stack: list[tuple[Any, str]] = [(value, where)]
    while stack:
        item, name = stack.pop()
        if isinstance(item, str):
            if "\x00" in item:
                return f"{name} contains a NUL character"
            if not item.isascii() and _SURROGATE.search(item):
                return f"{name} contains half of a surrogate pair"
        elif isinstance(item, dict):
            for key, inner in item.items():
                label = f"`{_short(str(key))}`"
                stack.append((key, "a key"))
                stack.append((inner, label))
        elif isinstance(item, list | tuple):
            stack.extend((inner, name) for inner in item)
    return None


def excerpt(raw: bytes | str, length: int = 80) -> str:
    """Return the beginning of something broken, on one line, safe to print and to store."""
    text = raw[: length * 4].decode("utf-8", "replace") if isinstance(raw, bytes) else raw[: length * 4]
    # "".join over isprintable: control characters and surrogates must reach neither a terminal nor a database.
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def shown(value: Any) -> str:
    """Return the beginning of some JSON, without writing all of it out first."""
    if isinstance(value, dict):
        return excerpt("{" + ", ".join(f"{_short(str(key))}: …" for key in islice(value, 5)) + "}")
    if isinstance(value, list):
        return f"[{len(value)} values]"
    return excerpt(value if isinstance(value, str) else str(value))


def printable(name: str) -> str:
    """Return a file's name as text that can be stored and shown: it may not be UTF-8, and may hold control codes."""
    text = name.encode("utf-8", "replace").decode("utf-8")
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def plain(value: Any) -> Any:
    """Return JSON values with the exact decimals of a streaming parser turned into plain numbers, in their places."""
    if not isinstance(value, dict | list):
        return _plain_number(value)
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        for key, inner in item.items() if isinstance(item, dict) else enumerate(item):
            if isinstance(inner, dict | list):
                stack.append(inner)
            elif isinstance(inner, Decimal):
                item[key] = _plain_number(inner)
    return value


def _plain_number(value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    number = float(value)
    # 1e999 is JSON, and infinity is not.
    return number if isfinite(number) else None


def _short(text: str) -> str:
    return excerpt(text, 40)
