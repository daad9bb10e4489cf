"""The export of Claude: every conversation a list of messages, made of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, ClassVar

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.archive import Tree
from mnemon.adapters.importers.export import ConversationsExport, Message, moment_or_none
from mnemon.adapters.importers.jsonstream import DamagedJson, MeteredStream, elements
from mnemon.adapters.importers.records import role_of


class Claude(ConversationsExport):
    """The zip file, or its ``conversations.json``.

    Texts are kept; tool calls, their results and a model's reasoning are not. Attachments are named in the
    metadata. The people's names are in the archive's ``users.json``; from ``conversations.json`` alone, a person
    has no name.
    """

    format: ClassVar[str] = "claude"
    title: ClassVar[str] = "Claude"
    description: ClassVar[str] = "The export of Claude, as the zip file or its `conversations.json`."
    keys: ClassVar[frozenset[str]] = frozenset({"chat_messages"})
    _names_of: dict[str, str]

    def prepare(self, tree: Tree) -> None:
        """Read the names of the people."""
        self._names_of = {}
        name = next((n for n in tree.sizes if n.rsplit("/", 1)[-1] == "users.json"), None)
        if name is None or tree.sizes[name] > limits.MAX_LIST:
            return
        # Names are a courtesy; the conversations are complete without them.
        with tree.open(name) as raw, suppress(DamagedJson):
            for user in islice(elements(MeteredStream(raw, tree.label(name))), limits.MAX_LISTED):
                if isinstance(user, dict) and isinstance(user.get("full_name"), str) and user["full_name"]:
                    self._names_of[str(user.get("uuid"))] = user["full_name"][: limits.MAX_NAME]

    def key(self, conversation: dict[str, Any]) -> tuple[str | None, str | None]:
        """Return the export's own id and title."""
        key, title = conversation.get("uuid"), conversation.get("name")
        return (str(key) if key else None), (str(title) if title else None)

    def messages(self, conversation: dict[str, Any]) -> Iterator[Message]:
        """Yield the messages that have a text."""
        account = conversation.get("account") or {}
        person = self._names_of.get(str(account.get("uuid")))
        for message in conversation["chat_messages"]:
            role = role_of(message.get("sender")) or "user"
            yield Message(
                id=str(message["uuid"]),
                text=_text(message),
                role=role,
                at=moment_or_none(message.get("created_at")),
                speaker="Claude" if role == "assistant" else person,
                metadata=_metadata(message),
            )


def _text(message: dict[str, Any]) -> str:
    """Return the text blocks; the older `text` where there are none, which repeats them with notes on the others."""
    blocks = [b for b in message.get("content") or [] if isinstance(b, dict)]
    texts = [b["text"] for b in blocks if b.get("type") == "text" and isinstance(b.get("text"), str)]
    joined = "\n\n".join(text.strip() for text in texts if text.strip())
    if joined or any(b.get("type") not in (None, "text") for b in blocks):
        return joined
    text = message.get("text")
    return text.strip() if isinstance(text, str) else ""


def _metadata(message: dict[str, Any]) -> dict[str, Any]:
    files = [*(message.get("attachments") or []), *(message.get("files") or [])]
    names = [str(f["file_name"]) for f in files if isinstance(f, dict) and f.get("file_name")]
    return {"attachments": names} if names else {}
