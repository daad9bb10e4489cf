"""The export of DiscordChatExporter as JSON: one channel a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from mnemon.adapters.importers.chatparts import joined, objects_in, placeholder, texts_in
from mnemon.adapters.importers.export import moment_or_none
from mnemon.adapters.importers.kept import TOO_MUCH, Kept
from mnemon.adapters.importers.records import Role, excerpt, shown
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.talk import SHAPELESS, Said, Talk, Unreadable

_SPOKEN = {"default", "reply", "0", "19", "chatinputcommand", "contextmenucommand", "20", "23", ""}


class Discord(Talk):
    """Texts, embeds and names of what was attached; what Discord says itself has the role ``system``."""

    format: ClassVar[str] = "discord"
    title: ClassVar[str] = "Discord"
    description: ClassVar[str] = "A channel as JSON, as DiscordChatExporter writes it."
    shape: ClassVar[frozenset[str]] = frozenset(
        {"guild", "channel", "messages", "messageCount", "dateRange", "exportedAt"}
    )
    needs: ClassVar[str] = "an object with `guild`, `channel` and `messages`, as DiscordChatExporter writes it"

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise the first keys."""
        if not sample.is_document or sample.head.lstrip()[:1] != b"{":
            return Certainty.NO
        keys = [key for key, _ in zip(sample.keys(), range(6), strict=False)]
        return Certainty.CERTAIN if {"guild", "channel"} <= set(keys) else Certainty.NO

    def messages(self) -> Iterator[Said | Unreadable]:
        """Yield the messages of the channel."""
        channel: dict[str, Any] = {}
        guild: dict[str, Any] = {}
        number = 0
        for way, value in self.branches({"guild", "channel", "messages.item"}):
            if way == "channel":
                channel = value if isinstance(value, dict) else {}
            elif way == "guild":
                guild = value if isinstance(value, dict) else {}
            else:
                number += 1
                try:
                    yield self._said(value, channel, guild, number)
                except SHAPELESS as error:
                    reason = f"message {number}: not in the shape of discord: {excerpt(repr(error))}"
                    yield Unreadable(reason, shown(value))

    def _said(self, message: Any, channel: dict[str, Any], guild: dict[str, Any], number: int) -> Said | Unreadable:
        if not isinstance(message, dict) or not message.get("id"):
            return Unreadable(f"message {number}: not a message with an `id`", shown(message))
        author: dict[str, Any] = next(iter(objects_in([message.get("author")])), {})
        text = _text(message)
        kind = str(message.get("type") or "")
        if kind.casefold() not in _SPOKEN and not text:
            text = _in_words(kind)
        key = str(channel.get("id") or self.stem)
        title = joined(texts_in(guild, ("name",)) + texts_in(channel, ("category", "name"))).replace("\n", " / ")
        keeper = Kept(text)
        metadata = keeper.rest(message, {"timestamp", "content", "type"})
        if kind not in ("Default", ""):
            metadata["type"] = kind
        if number == 1:
            # What is said of the channel once for all stays with its first message.
            metadata |= {"channel": keeper.rest(channel), "guild": keeper.rest(guild)}
        if keeper.dropped:
            self.leave_out(TOO_MUCH, keeper.dropped)
        at = moment_or_none(message.get("timestamp"), self.zone)
        if at is None and message.get("timestamp"):
            metadata["date"] = shown(message["timestamp"])
        name = author.get("nickname") or author.get("name")
        return Said(
            id=f"{key}:{message['id']}",
            text=text,
            conversation=key,
            title=title or None,
            at=at,
            speaker=str(name) if name else None,
            role=_role(kind, author),
            metadata=metadata,
        )


def _role(kind: str, author: dict[str, Any]) -> Role:
    if kind.casefold() not in _SPOKEN:
        return "system"
    return "assistant" if author.get("isBot") else "user"


def _in_words(kind: str) -> str:
    """Return ``GuildMemberJoin`` as ``guild member join``."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in kind).strip()


def _text(message: dict[str, Any]) -> str:
    pieces: list[str] = texts_in(message, ("content",))
    forwarded = message.get("forwardedMessage")
    if isinstance(forwarded, dict):
        pieces.append(_text(forwarded))
    for embed in objects_in(message.get("embeds")):
        pieces += texts_in(embed.get("author"), ("name",)) + texts_in(embed, ("title", "description"))
        for entry in objects_in(embed.get("fields")):
            pieces.append(": ".join(texts_in(entry, ("name", "value"))))
        pieces += texts_in(embed.get("footer"), ("text",))
    pieces += [placeholder("file", entry.get("fileName")) for entry in objects_in(message.get("attachments"))]
    pieces += [placeholder("sticker", entry.get("name")) for entry in objects_in(message.get("stickers"))]
    return joined(pieces)
