"""The export of ChatGPT: every conversation a tree of messages, of which one branch is the current one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from mnemon.adapters.importers.export import ConversationsExport, Message, moment_or_none
from mnemon.adapters.importers.kept import TOO_MUCH, Kept
from mnemon.adapters.importers.records import excerpt, role_of, shown

_TAKEN = {"id", "author", "create_time", "content", "metadata", "status", "end_turn", "weight", "update_time"}
_SAID = {"content_type", "parts", "text"}
_ABOUT = {"id", "conversation_id", "title", "create_time", "update_time", "mapping", "current_node"}
_REASONING = {"thoughts", "reasoning_recap"}
_KINDS = ("text", "multimodal_text", "code", "execution_output")
# Citations are set between private-use characters, and mean nothing outside the page they were shown on.
_CITATION = re.compile("\ue200[^\ue200\ue201]*\ue201")


class ChatGpt(ConversationsExport):
    """The zip file, or its ``conversations.json``.

    Follows the current branch: what was regenerated or edited away is not imported. Texts are kept (also of
    spoken messages); hidden messages, other branches and a model's reasoning are counted.
    """

    format: ClassVar[str] = "chatgpt"
    title: ClassVar[str] = "ChatGPT"
    shape: ClassVar[frozenset[str]] = frozenset(
        {"conversation_id", "mapping", "current_node", "create_time", "title", "update_time"}
    )
    needs: ClassVar[str] = "conversations with `mapping`, alone or as `conversations.json` of the export"
    description: ClassVar[str] = "The export of ChatGPT, as the zip file or its `conversations.json`."
    keys: ClassVar[frozenset[str]] = frozenset({"mapping"})

    def key(self, conversation: dict[str, Any]) -> tuple[str | None, str | None]:
        """Return the export's own id and title."""
        key = conversation.get("conversation_id") or conversation.get("id")
        title = conversation.get("title")
        return (str(key) if key else None), (str(title) if title else None)

    def messages(self, conversation: dict[str, Any]) -> Iterator[Message]:
        """Yield the messages of the current branch, oldest first."""
        mapping: dict[str, Any] = conversation["mapping"]
        last = moment_or_none(conversation.get("create_time"), self.zone)
        branch = _branch(mapping, conversation.get("current_node"))
        spoken = sum(bool(node.get("message")) for node in mapping.values())
        if others := spoken - sum(bool(node.get("message")) for node in branch):
            self.leave_out("messages of other branches, regenerated or edited away", others)
        about = Kept().rest(conversation, _ABOUT)
        for node in branch:
            message = node.get("message")
            if not message or _hidden(message):
                self.leave_out("hidden messages", 1 if message else 0)
                continue
            author = message.get("author") or {}
            content = message.get("content") or {}
            if content.get("content_type", "text") not in _KINDS:
                kind = str(content.get("content_type"))
                self.leave_out(
                    "a model's reasoning" if kind in _REASONING else f"content of the kind {excerpt(kind, 40)}"
                )
                continue
            text = _text(content)
            # A message without a time comes right after the one before it.
            at = moment_or_none(message.get("create_time"), self.zone)
            last = at or last
            keeper = Kept(text)
            metadata = _metadata(message, content) | keeper.rest(message, _TAKEN) | keeper.rest(content, _SAID)
            if details := keeper.rest(message.get("metadata") or {}, {"model_slug", "attachments"}):
                metadata["details"] = details
            objects = [part for part in content.get("parts") or [] if isinstance(part, dict)]
            if parts := [about_part for part in objects if (about_part := keeper.rest(part, {"text"}))]:
                metadata["parts"] = parts
            if at is None and message.get("create_time"):
                metadata["date"] = shown(message["create_time"])
            if about:
                metadata["about"], about = about, {}
            if keeper.dropped:
                self.leave_out(TOO_MUCH, keeper.dropped)
            role = role_of(author.get("role")) or "user"
            yield Message(
                id=str(message.get("id") or node.get("id")),
                text=text,
                role=role,
                at=last,
                speaker="ChatGPT" if role == "assistant" else str(author["name"]) if author.get("name") else None,
                metadata=metadata,
            )


def _branch(mapping: dict[str, Any], current: str | None) -> list[dict[str, Any]]:
    """Return the nodes from the root to the current one; without one, to the newest leaf."""
    if current not in mapping:
        leaves = [key for key, node in mapping.items() if not node.get("children")]
        current = max(leaves, key=lambda key: _time(mapping[key]), default=None)
    branch: list[dict[str, Any]] = []
    seen: set[str] = set()
    # A parent may be missing from a damaged export, and a damaged one may go in circles.
    while current is not None and current in mapping and current not in seen:
        seen.add(current)
        branch.append(mapping[current])
        current = mapping[current].get("parent")
    return branch[::-1]


def _time(node: dict[str, Any]) -> float:
    return float((node.get("message") or {}).get("create_time") or 0)


def _hidden(message: dict[str, Any]) -> bool:
    metadata = message.get("metadata") or {}
    return bool(metadata.get("is_visually_hidden_from_conversation")) or message.get("weight") == 0


def _text(content: dict[str, Any]) -> str:
    parts = content.get("parts")
    if parts is None:
        parts = [content.get("text")]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    joined = "\n".join(text for text in texts if isinstance(text, str) and text.strip())
    return _CITATION.sub("", joined).strip()


def _metadata(message: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    known = message.get("metadata") or {}
    metadata: dict[str, Any] = {}
    if model := known.get("model_slug"):
        metadata["model"] = model
    if (kind := content.get("content_type", "text")) != "text":
        metadata["content_type"] = kind
    if names := [a["name"] for a in known.get("attachments") or [] if isinstance(a, dict) and a.get("name")]:
        metadata["attachments"] = names
    return metadata
