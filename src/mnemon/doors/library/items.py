"""What callers of the library may pass to remember, as the schemas that the service takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mnemon.conversations.schemas import NewMessage
from mnemon.core.errors import Invalid
from mnemon.core.text import parse
from mnemon.memory.schemas import NewMemory

Rememberable = str | Mapping[str, Any] | NewMessage | NewMemory

#: Fields that only something said has: one of them makes a mapping or a text a message.
_SAID = frozenset(
    {"role", "speaker", "session", "conversation_title", "model", "token_count", "tool_calls", "tool_results"}
)
_KEPT = frozenset(NewMemory.model_fields) - frozenset(NewMessage.model_fields)


def as_items(
    content: Rememberable | Iterable[Rememberable], defaults: Mapping[str, Any]
) -> list[NewMessage | NewMemory]:
    """Make schemas of one value or many.

    Args:
        content: a text, a mapping of fields, a schema, or an iterable of these.
        defaults: fields for texts and for mappings that do not have them.

    Raises:
        Invalid: something breaks a rule; the message names the field.
    """
    many = [content] if isinstance(content, str | Mapping | NewMessage | NewMemory) else content
    if not isinstance(many, Iterable):
        raise Invalid(
            f"remember takes a text, a mapping, a message or memory, or several of them; not {type(content).__name__}.",
            code="invalid.type",
            field="content",
        )
    return [_item(value, defaults) for value in many]


def _item(one: Rememberable, defaults: Mapping[str, Any]) -> NewMessage | NewMemory:
    if isinstance(one, NewMessage | NewMemory):
        return one
    if isinstance(one, str):
        fields = {"content": one, **defaults}
    elif isinstance(one, Mapping):
        fields = {**defaults, **one}
    else:
        raise Invalid(f"{type(one).__name__} cannot be remembered.", code="invalid.type", field="content")
    is_message = not _SAID.isdisjoint(fields) or ("conversation" in fields and _KEPT.isdisjoint(fields))
    return parse(NewMessage, fields) if is_message else parse(NewMemory, fields)


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}
