"""What the formats of chats have in common: a file of messages, each said by somebody at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.base import Counter
from mnemon.adapters.importers.fields import Fields
from mnemon.adapters.importers.jsonstream import DamagedJson
from mnemon.adapters.importers.records import (
    Anchor,
    Record,
    Role,
    Utterance,
    character_problem,
    excerpt,
)
from mnemon.adapters.importers.wholefile import WholeFile

SHAPELESS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What is raised by code that takes values for those of a format that they are not of."""


_TOLD = 100_000  # keys of which is known how often they were met


@dataclass(slots=True)
class Said:
    """One message, whatever its length."""

    id: str
    text: str
    conversation: str
    at: datetime | None = None
    speaker: str | None = None
    role: Role = "user"
    title: str | None = None
    session: str | None = None
    line: int | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)


class Occurrences:
    """How often each of many keys was met, which tells apart what is alike; of the first 100,000 keys."""

    def __init__(self) -> None:
        self._counts: Tally[str] = Tally()

    def count(self, key: str) -> int:
        """Return how often a key has been met, this time included; 0 of one that is not counted."""
        if len(self._counts) < _TOLD or key in self._counts:
            self._counts[key] += 1
        return self._counts[key]


def said_of(fields: Fields, conversation: str, key: str, line: int | None, met: Occurrences) -> Said:
    """Return the message that the fields of a record are.

    Args:
        fields: what the record says.
        conversation: the conversation that it is in.
        key: what tells a record without an id from others; it may be the same for several that are alike.
        line: where it is, if the format has lines.
        met: the keys before.
    """
    again = 1 if fields.id else met.count(key)
    return Said(
        id=f"{conversation}:{fields.id or key}" + (f":{again}" if again > 1 else ""),
        text=fields.text,
        conversation=conversation,
        at=fields.at,
        speaker=fields.speaker,
        role=fields.role,
        session=fields.session,
        line=line,
        tags=fields.tags,
        metadata=fields.metadata,
    )


class Unreadable(Exception):  # noqa: N818 - a signal within an importer
    """Why a record is no message; the reading goes on after it."""

    def __init__(self, reason: str, excerpt: str = "", line: int | None = None) -> None:
        super().__init__(reason)
        self.excerpt = excerpt
        self.line = line


class Talk(WholeFile):
    """A file of messages: a subclass goes through them, and what is too long, blank or broken is dealt with here."""

    def records(self, anchor: Anchor) -> Iterator[Record]:
        """Yield the messages."""
        counter = Counter()
        self.left_out.clear()
        try:
            for spoken in self.messages():
                if isinstance(spoken, Unreadable):
                    yield counter.broken(self.file, str(spoken), spoken.excerpt, line=spoken.line)
                else:
                    yield from self._spoken(spoken, counter)
        except DamagedJson as error:
            yield counter.broken(self.file, f"{error}; nothing after it can be read")

    @abstractmethod
    def messages(self) -> Iterator[Said | Unreadable]:
        """Yield the messages in the file's order, and in its place what is none."""

    def _spoken(self, said: Said, counter: Counter) -> Iterator[Record]:
        where = f"line {said.line}" if said.line else f"message {excerpt(said.id)}"
        if not said.text or said.text.isspace():
            self.left_out["messages without words"] += 1
            return
        names = (said.id, said.speaker or "", said.conversation, said.session or "")
        problem = None
        if len(said.text) > limits.MAX_MESSAGE_TEXT:
            problem = f"the text has {len(said.text):,} characters, more than {limits.MAX_MESSAGE_TEXT:,}"
        elif any(len(name) > limits.MAX_NAME for name in names):
            problem = "its id or a name is too long to be one"
        else:
            problem = character_problem([said.text, said.metadata, said.title, said.tags, *names], "the text")
        if problem:
            yield counter.broken(self.file, f"{where}: {problem}", excerpt(said.text), line=said.line)
            return
        text = said.text.strip()
        yield Utterance(
            text=text,
            at=said.at,
            speaker=said.speaker or None,
            role=said.role,
            conversation=said.conversation or self.stem,
            conversation_title=said.title[: limits.MAX_NAME] if said.title else None,
            session=said.session or None,
            source=self.format,
            source_id=said.id,
            position=counter.next(self.file, f"{said.id}:{text}", line=said.line),
            tags=said.tags,
            metadata=dict(said.metadata),
        )
