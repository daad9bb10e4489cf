"""What the exports of chat assistants have in common: an array of conversations, as JSON, mostly in a zip file."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, ClassVar, Unpack

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.archive import Tree, open_tree
from mnemon.adapters.importers.base import Counter, Import, Options
from mnemon.adapters.importers.dates import parse_moment
from mnemon.adapters.importers.jsonstream import DamagedJson, MeteredStream, elements
from mnemon.adapters.importers.records import (
    Anchor,
    Record,
    Role,
    Utterance,
    character_problem,
    excerpt,
    shown,
)
from mnemon.adapters.importers.sample import Sample
from mnemon.adapters.importers.talk import SHAPELESS
from mnemon.core.errors import Invalid

# A large export comes in numbered pieces.
_CONVERSATIONS = re.compile(r"(?:(?!\.\.?/)[^/]+/)?conversations(?:-\d+)?\.json")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an exported conversation, whatever its length."""

    id: str
    text: str
    role: Role
    at: datetime | None = None
    speaker: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class ConversationsExport(Import):
    """``conversations.json``, alone or in the archive as it was downloaded, also in numbered pieces.

    A subclass says what a conversation's id and title are (:meth:`key`) and which messages it has.
    """

    expects: ClassVar[tuple[str, ...]] = ("conversations.json",)

    def __init__(self, path: Path, **given: Unpack[Options]) -> None:
        super().__init__(path, **given)
        description = f"a {self.format} export"
        self._tree = open_tree(path, description)
        names = sorted(name for name in self._tree.sizes if _CONVERSATIONS.fullmatch(name))
        if not names and len(self._tree.sizes) == 1 and path.name in self._tree.sizes:
            names = [path.name]
        if not names:
            raise Invalid(
                f"{path} has no conversations.json, so it is not {description}.",
                code="invalid.import.format",
                hint="Give the zip file as it was downloaded, or the conversations.json from it.",
                path=str(path),
            )
        self._names = names
        self.total_bytes = sum(self._tree.sizes[name] for name in names)

    def identify(self) -> str:
        """Return the digest of the whole export."""
        return self._tree.identify()

    @classmethod
    def document(cls, sample: Sample) -> str | None:
        """Return the first file of conversations."""
        return next((name for name in sample.names if _CONVERSATIONS.fullmatch(name)), None)

    @property
    def bytes_read(self) -> int:
        """How many bytes of the conversations, unpacked, have been read."""
        return self._tree.bytes_read

    @abstractmethod
    def messages(self, conversation: dict[str, Any]) -> Iterator[Message]:
        """Yield the messages of a conversation, in their order."""

    @abstractmethod
    def key(self, conversation: dict[str, Any]) -> tuple[str | None, str | None]:
        """Return the conversation's id and title."""

    def prepare(self, tree: Tree) -> None:
        """Read what else of the export is needed, before its conversations."""

    def records(self, anchor: Anchor) -> Iterator[Record]:
        """Yield the messages of each conversation."""
        counter = Counter()
        self.left_out.clear()
        with open_tree(self.path, f"a {self.format} export") as tree:
            self._tree = tree
            self.prepare(tree)
            for name in self._names:
                file = tree.label(name)
                with tree.open(name) as raw:
                    stream = MeteredStream(raw, file)
                    try:
                        for number, conversation in enumerate(elements(stream), 1):
                            yield from self._conversation(conversation, f"conversation {number}", file, counter)
                    except DamagedJson as error:
                        yield counter.broken(file, f"{error}; nothing after it can be read")

    def _conversation(self, conversation: Any, where: str, file: str, counter: Counter) -> Iterator[Record]:
        key, title = self.key(conversation) if isinstance(conversation, dict) else (None, None)
        if key is None or len(key) > limits.MAX_NAME:
            reason = "not a conversation with an id" if key is None else "its id is too long to be one"
            yield counter.broken(file, f"{where}: {reason}", shown(conversation))
            return
        # What each message carries is cut before there are many of them.
        title = title[: limits.MAX_NAME] if title else title
        try:
            messages = list(self.messages(conversation))
        except SHAPELESS as error:
            # A shape that the format never had: say where, and go on with the next conversation.
            yield counter.broken(
                file, f"{where} ({excerpt(title or key)}): not in the shape of {self.format}: {excerpt(repr(error))}"
            )
            return
        for message in messages:
            if not message.text or message.text.isspace():
                self.leave_out("messages without words")
                continue
            if problem := too_long(message) or character_problem(_strings(message, key, title), "the text"):
                yield counter.broken(file, f"{where}, message {excerpt(message.id)}: {problem}", excerpt(message.text))
                continue
            source_id = f"{key}:{message.id}"
            yield Utterance(
                text=message.text.strip(),
                at=message.at,
                speaker=message.speaker,
                role=message.role,
                conversation=key,
                conversation_title=title,
                session=None,
                source=self.format,
                source_id=source_id,
                position=counter.next(file, source_id),
                metadata=dict(message.metadata),
            )


def too_long(message: Message) -> str | None:
    """Return what about a message is longer than anything that was said, as the end of a sentence; or None."""
    if len(message.text) > limits.MAX_MESSAGE_TEXT:
        return f"the text has {len(message.text):,} characters, more than {limits.MAX_MESSAGE_TEXT:,}"
    if len(message.id) > limits.MAX_NAME or len(message.speaker or "") > limits.MAX_NAME:
        return "its id or its speaker's name is too long to be one"
    return None


def _strings(message: Message, key: str, title: str | None) -> list[object]:
    """Return all that goes into a database."""
    return [message.text, message.metadata, message.speaker, message.id, key, title]


def moment_or_none(value: object, zone: tzinfo) -> datetime | None:
    """Return a moment, or None where the export has none that can be read: the words count more."""
    try:
        return parse_moment(value, zone)
    except (ValueError, ArithmeticError):
        return None
