"""The export of Claude: every conversation a list of messages, made of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, ClassVar

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.archive import Tree
from mnemon.adapters.importers.chatparts import objects_in
from mnemon.adapters.importers.export import ConversationsExport, Message, moment_or_none
from mnemon.adapters.importers.jsonstream import DamagedJson, MeteredStream, elements
from mnemon.adapters.importers.kept import TOO_MUCH, Kept
from mnemon.adapters.importers.records import role_of, shown

_TAKEN = {"uuid", "text", "content", "sender", "created_at", "updated_at", "attachments", "files"}
_NAMED = {"file_name", "extracted_content"}
_LEFT_OUT = {"thinking": "a model's reasoning", "tool_use": "calls of tools", "tool_result": "results of tools"}


class Claude(ConversationsExport):
    """The zip file, or its ``conversations.json``.

    Texts are kept, also those of attachments; tool calls, their results and a model's reasoning are counted. The
    people's names are in the archive's ``users.json``; from ``conversations.json`` alone, a person has no name.
    """

    format: ClassVar[str] = "claude"
    title: ClassVar[str] = "Claude"
    shape: ClassVar[frozenset[str]] = frozenset(
        {"uuid", "chat_messages", "name", "account", "created_at", "updated_at"}
    )
    needs: ClassVar[str] = "conversations with `chat_messages`, alone or as `conversations.json` of the export"
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
        about = _about(conversation)
        last = moment_or_none(conversation.get("created_at"), self.zone)
        for message in conversation["chat_messages"]:
            role = role_of(message.get("sender")) or "user"
            text = _text(message)
            self._count(message)
            keeper = Kept(text)
            metadata = _metadata(message) | keeper.rest(message, _taken(message, text)) | about
            if keeper.dropped:
                self.leave_out(TOO_MUCH, keeper.dropped)
            at = moment_or_none(message.get("created_at"), self.zone)
            if at is None and message.get("created_at"):
                # A date that cannot be read is kept as it stands; the message comes right after the one before it.
                metadata["date"] = shown(message["created_at"])
            last = at or last
            yield Message(
                id=str(message["uuid"]),
                text=text,
                role=role,
                at=last,
                speaker="Claude" if role == "assistant" else person,
                metadata=metadata,
            )
            about = {} if text else about

    def _count(self, message: dict[str, Any]) -> None:
        """Count the blocks that are not read."""
        for block in objects_in(message.get("content")):
            kind = block.get("type")
            if kind not in (None, "text"):
                name = {
                    "thinking": "a model's reasoning",
                    "tool_use": "calls of tools",
                    "tool_result": "results of tools",
                }
                self.leave_out(name.get(str(kind), "parts of other kinds than text"))


def _taken(message: dict[str, Any], text: str) -> set[str]:
    """Return the keys that are said; not the older text, where it says something else than the blocks."""
    older = message.get("text")
    return _TAKEN - {"text"} if isinstance(older, str) and older.strip() not in text else _TAKEN


def _about(conversation: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of a conversation once for all, for its first message: its summary, its project."""
    about = Kept().rest(conversation, {"uuid", "name", "chat_messages", "created_at", "updated_at", "account"})
    return {"about": about} if about else {}


def _text(message: dict[str, Any]) -> str:
    """Return what was said, and the texts of what was attached to it, each under its name."""
    said = [_said(message)]
    for one in objects_in(message.get("attachments")):
        content = one.get("extracted_content")
        if isinstance(content, str) and content.strip():
            said.append(f"[file: {one['file_name']}]\n{content.strip()}" if one.get("file_name") else content.strip())
    return "\n\n".join(text for text in said if text)


def _said(message: dict[str, Any]) -> str:
    """Return the text blocks; the older `text` where there are none, which repeats them with notes on the others."""
    blocks = objects_in(message.get("content"))
    texts = [b["text"] for b in blocks if b.get("type") == "text" and isinstance(b.get("text"), str)]
    joined = "\n\n".join(text.strip() for text in texts if text.strip())
    if joined or any(b.get("type") not in (None, "text") for b in blocks):
        return joined
    text = message.get("text")
    return text.strip() if isinstance(text, str) else ""


def _metadata(message: dict[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for key in ("attachments", "files"):
        for entry in objects_in(message.get(key)):
            if entry.get("file_name"):
                metadata.setdefault("attachments", []).append(str(entry["file_name"]))
    details = Kept(_text(message))
    files = objects_in(message.get("attachments")) + objects_in(message.get("files"))
    others = {
        "file_details": [about for file in files if (about := details.rest(file, _NAMED))],
        "citations": [cited for b in objects_in(message.get("content")) for cited in objects_in(b.get("citations"))],
    }
    return metadata | {key: value for key, value in others.items() if value}
