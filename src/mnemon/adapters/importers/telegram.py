"""The export of Telegram Desktop as JSON: one chat, or all that an account has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from mnemon.adapters.importers.chatparts import joined, objects_in, placeholder, texts_in
from mnemon.adapters.importers.dates import parse_moment
from mnemon.adapters.importers.kept import TOO_MUCH, Kept
from mnemon.adapters.importers.records import excerpt, shown
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.talk import SHAPELESS, Said, Talk, Unreadable

_LISTS = ("", "chats.list.item.", "left_chats.list.item.")
_TAKEN = {"type", "date", "date_unixtime", "text", "text_entities", "from", "actor", "sticker_emoji"}
_NAMES = {"saved_messages": "Saved Messages", "replies": "Replies", "verification_codes": "Verification Codes"}
_MEDIA = (
    ("photo", "photo"),
    ("file", "file"),
    ("location_information", "location"),
    ("contact_information", "contact"),
    ("poll", "poll"),
    ("game_title", "game"),
    ("invoice_information", "invoice"),
)


class Telegram(Talk):
    """Texts with their links and mentions, service messages, and the names of what was sent beside them."""

    format: ClassVar[str] = "telegram"
    title: ClassVar[str] = "Telegram"
    description: ClassVar[str] = "`result.json` of Telegram Desktop's export, of one chat or of the whole account."
    shape: ClassVar[frozenset[str]] = frozenset(
        {"name", "type", "id", "messages", "chats", "about", "personal_information"}
    )
    needs: ClassVar[str] = (
        "an object with `name`, `type`, `id` and `messages`, or with `chats`, as in Telegram's result.json"
    )

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise the head of one chat, or of an account."""
        if not sample.is_document or sample.head.lstrip()[:1] != b"{":
            return Certainty.NO
        keys: list[str] = []
        for key in iter(sample.keys()):
            keys.append(key)
            if len(keys) >= 12:
                break
        if {"name", "type", "id", "messages"} <= set(keys) or {"type", "id", "messages"} == set(keys[:3]):
            return Certainty.CERTAIN if b'"date"' in sample.head or b'"saved_messages"' in sample.head else Certainty.NO
        whole = {"personal_information", "chats", "left_chats", "contacts", "frequent_contacts", "sessions"} & set(keys)
        return Certainty.CERTAIN if "about" in keys and whole else Certainty.NO

    def messages(self) -> Iterator[Said | Unreadable]:
        """Yield the messages of each chat."""
        ways = {f"{spot}{key}" for spot in _LISTS for key in ("name", "type", "id", "messages.item")}
        chat: dict[str, Any] = {}
        within, number = "", 0
        for way, value in self.branches(ways):
            spot, _, key = way.rpartition("messages.item") if way.endswith("messages.item") else (way, "", "")
            if spot == way:
                spot, _, key = way.rpartition(".")
                spot += "." if spot else ""
                # The keys of a chat come before its messages: the first of them begins another.
                if key in chat or spot != within:
                    chat, within = {}, spot
                chat[key] = value
                continue
            number += 1
            try:
                yield self._said(value, chat, number)
            except SHAPELESS as error:
                yield Unreadable(
                    f"message {number}: not in the shape of telegram: {excerpt(repr(error))}", shown(value)
                )

    def _said(self, message: Any, chat: dict[str, Any], number: int) -> Said | Unreadable:
        if not isinstance(message, dict) or message.get("id") is None:
            return Unreadable(f"message {number}: not a message with an `id`", shown(message))
        title = str(chat.get("name") or _NAMES.get(str(chat.get("type")), "") or self.stem)
        conversation = str(chat.get("id") or title)
        is_service = message.get("type") == "service"
        text = _service(message) if is_service else _text(message)
        keeper = Kept(text)
        metadata = keeper.rest(message, _TAKEN)
        # They repeat the text in pieces; what does not is no repetition.
        if others := [entity for entity in objects_in(message.get("text_entities")) if _piece(entity) not in text]:
            metadata["text_entities"] = others
        if keeper.dropped:
            self.leave_out(TOO_MUCH, keeper.dropped)
        speaker = message.get("from") or message.get("author") or (message.get("actor") if is_service else None)
        at = self._moment(message, metadata)
        return Said(
            id=f"{conversation}:{message['id']}",
            text=text,
            conversation=conversation,
            title=title,
            at=at,
            speaker=str(speaker) if speaker else None,
            role="system" if is_service else "user",
            metadata=metadata,
        )

    def _moment(self, message: dict[str, Any], metadata: dict[str, Any]) -> datetime | None:
        for value in (message.get("date_unixtime"), message.get("date")):
            try:
                if (at := parse_moment(value, self.zone)) is not None:
                    return at
            except (ValueError, ArithmeticError):
                metadata["date"] = shown(value)
        return None


def _plain(text: Any) -> str:
    """Return a text that may be in pieces, of which some are links, mentions or code."""
    pieces = text if isinstance(text, list) else [text]
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: Any) -> str:
    if isinstance(piece, str):
        return piece
    if not isinstance(piece, dict) or not isinstance(piece.get("text"), str):
        return ""
    text: str = piece["text"]
    link = piece.get("href")
    return f"{text} ({link})" if isinstance(link, str) and link and link != text else text


def _text(message: dict[str, Any]) -> str:
    said = _plain(message.get("text")) or _plain(message.get("text_entities"))
    pieces = [said]
    if message.get("media_type") == "sticker":
        pieces.append(placeholder("sticker", message.get("sticker_emoji")))
    else:
        pieces += [placeholder(kind, _named(message, key)) for key, kind in _MEDIA if message.get(key)]
    return joined(pieces)


def _named(message: dict[str, Any], key: str) -> object:
    value = message[key]
    if key == "poll":
        answers = [text for one in objects_in(value.get("answers")) for text in texts_in(one, ("text",))]
        return " / ".join([_plain(value.get("question")), *answers])
    if key == "contact_information":
        return " ".join(texts_in(value, ("first_name", "last_name", "phone_number")))
    if key == "location_information":
        return ", ".join([*texts_in(message, ("place_name", "address")), *map(str, value.values())])
    return message.get("file_name") or message.get("title") or value if key == "file" else value


def _service(message: dict[str, Any]) -> str:
    action = str(message.get("action") or "service message").replace("_", " ")
    members = message.get("members")
    names = [str(name) for name in members if name] if isinstance(members, list) else []
    told = [str(message.get("actor") or ""), action, *texts_in(message, ("title",)), ", ".join(names)]
    return joined([" ".join(word for word in told if word), _plain(message.get("text"))])
