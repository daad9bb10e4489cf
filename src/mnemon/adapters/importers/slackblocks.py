"""Texts of Slack's blocks and attachments, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mnemon.adapters.importers.chatparts import joined, objects_in, texts_in

_INLINE = {"rich_text_section", "rich_text_quote", "rich_text_preformatted"}
_HOLDERS = ("elements", "fields", "accessory", "element", "label", "hint", "title", "text", "options", "rows")
_DEPTH = 12


def block_texts(blocks: Any) -> Iterator[str]:
    """Yield the texts of a message's blocks, a line each, in Slack's own markup."""
    for block in objects_in(blocks):
        yield from _lines(block, 0)


def attachment_text(one: Any) -> str:
    """Return what an attachment says: what stands before it, its head, its text, its fields and its foot."""
    if not isinstance(one, dict):
        return ""
    pieces = texts_in(one, ("pretext", "author_name", "title", "text"))
    for field in objects_in(one.get("fields")):
        pieces.append(": ".join(texts_in(field, ("title", "value"))))
    pieces += list(block_texts(one.get("blocks")))
    for message in objects_in(one.get("message_blocks")):
        inner = message.get("message")
        pieces += block_texts(inner.get("blocks")) if isinstance(inner, dict) else []
    pieces += texts_in(one, ("footer",))
    return joined(dict.fromkeys(pieces)) or joined(texts_in(one, ("fallback",)))


def _lines(block: dict[str, Any], depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        return
    if block.get("type") in _INLINE:
        yield "".join(_inline(element) for element in objects_in(block.get("elements")))
        return
    yield from texts_in(block, ("text", "alt_text", "title", "author_name", "description", "value"))
    for key in _HOLDERS:
        inner = block.get(key)
        for entry in objects_in(inner if isinstance(inner, list) else [inner]):
            yield from _lines(entry, depth + 1)


def _inline(element: dict[str, Any]) -> str:
    kind = element.get("type")
    text = next(iter(texts_in(element, ("text", "fallback"))), "")
    if kind == "link":
        url = next(iter(texts_in(element, ("url",))), "")
        return f"<{url}|{text}>" if text else f"<{url}>"
    if kind == "user":
        return f"<@{element.get('user_id')}>"
    if kind == "channel":
        return f"<#{element.get('channel_id')}>"
    if kind == "usergroup":
        return f"@{element.get('usergroup_id')}"
    if kind == "broadcast":
        return f"@{element.get('range')}"
    if kind == "emoji":
        return f":{element.get('name')}:"
    return text
