"""What callers of the library may pass to remember, as the schemas that the service takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Protocol

from mnemon.adapters.roles import role_of
from mnemon.adapters.shapes import as_messages
from mnemon.conversations.schemas import NewMessage
from mnemon.core import times
from mnemon.core.text import parse
from mnemon.doors.library.refusals import cannot_be_remembered, refuse_pieces
from mnemon.doors.library.zones import person_of
from mnemon.memory.schemas import NewMemory


class HasContent(Protocol):
    """A message of a client's, such as LangChain's: what it looks like decides, not its class."""

    @property
    def content(self) -> Any:
        """What was said: a text or parts."""


class HasParts(Protocol):
    """A message of a client's that has parts, such as Gemini's and Pydantic AI's."""

    @property
    def parts(self) -> Any:
        """What it is made of."""


Rememberable = str | Mapping[str, Any] | NewMessage | NewMemory | HasContent | HasParts | tuple[str, str | list[Any]]

#: Fields that only something said has: one of them makes a mapping or a text a message.
_SAID = frozenset(
    {"role", "speaker", "sender", "session", "conversation_title", "model", "token_count", "tool_calls", "tool_results"}
)
#: One of these a client's message has that holds a text.
_OF_CLIENTS = frozenset(
    {"role", "type", "kind", "parts", "lc", "kwargs", "tool_calls", "tool_results", "function_call", "refusal"}
)
#: Items of one transaction when an iterable has more, and their characters, unless a single one has more.
_CHUNK = 1000
_CHUNK_SIZE = 8_000_000
_KEPT = frozenset(NewMemory.model_fields) - frozenset(NewMessage.model_fields)


def as_list(
    content: Rememberable | Iterable[Rememberable], defaults: Mapping[str, Any]
) -> tuple[list[Any], Mapping[str, Any]]:
    """Make a list of one value or many, and say which defaults they have.

    Raises:
        Invalid: it is neither.
    """
    if content is None and not {"tool_calls", "tool_results"}.isdisjoint(defaults):
        return [{"content": None, **defaults}], {}
    refuse_pieces(content)
    is_single = isinstance(content, str | Mapping | NewMessage | NewMemory) or _pair(content) is not None
    if is_single or as_messages(content) is not None:
        return [content], defaults
    if not isinstance(content, Iterable):
        raise cannot_be_remembered(content)
    return list(content), defaults


def as_items(
    many: Iterable[Any], defaults: Mapping[str, Any], zones: Mapping[str, tzinfo]
) -> list[NewMessage | NewMemory]:
    """Make schemas of values.

    Args:
        many: texts, mappings of fields, schemas, pairs of a role and a text, or messages as a client has them.
        defaults: fields for texts and for mappings that do not have them.
        zones: those of people who have one, for texts that are times.

    Raises:
        Invalid: something breaks a rule; the message names the field.
    """
    if not zones:
        return [item for value in many for item in _items(value, defaults)]
    items: list[NewMessage | NewMemory] = []
    for value in many:
        person = person_of({**defaults, **value} if isinstance(value, Mapping) else defaults)
        with times.reading_in(zones.get(person or "", times.now_read_in())):
            items += _items(value, defaults)
    return items


def _items(one: Any, defaults: Mapping[str, Any]) -> list[NewMessage | NewMemory]:
    if isinstance(one, NewMessage | NewMemory):
        return [one]
    if isinstance(one, dict) and isinstance(one.get("content"), str) and _OF_CLIENTS.isdisjoint(one):
        return [_item({**defaults, **one})]  # as what follows would find out, of thousands
    if isinstance(one, str):
        return [_item({"content": one, **defaults})]
    if (pair := _pair(one)) is not None:
        return _items(pair, defaults)
    messages = as_messages(one)
    if messages is not None:
        return [_message(message, defaults) for message in messages]
    if isinstance(one, Mapping):
        return [_item({**defaults, **one})]
    raise cannot_be_remembered(one)


def _pair(one: Any) -> dict[str, Any] | None:
    """Return the message that a tuple of a role and a text, or of a role and parts, stands for; None if it is none."""
    if not isinstance(one, tuple) or len(one) != 2 or role_of(one[0]) is None:
        return None
    return {"role": one[0], "content": one[1]} if isinstance(one[1], str | list) else None


def _message(message: dict[str, Any], defaults: Mapping[str, Any]) -> NewMessage:
    fields = {**defaults, **message}
    if "metadata" in defaults and "metadata" in message and isinstance(defaults["metadata"], Mapping):
        fields["metadata"] = {**defaults["metadata"], **message["metadata"]}
    return parse(NewMessage, _with_known_role(fields))


def _item(fields: dict[str, Any]) -> NewMessage | NewMemory:
    is_message = not _SAID.isdisjoint(fields) or ("conversation" in fields and _KEPT.isdisjoint(fields))
    return parse(NewMessage, _with_known_role(fields)) if is_message else parse(NewMemory, fields)


def _with_known_role(fields: dict[str, Any]) -> dict[str, Any]:
    """Give the role its name here: a developer's message is the system's, a model's the assistant's."""
    role = role_of(fields.get("role"))
    return {**fields, "role": role} if role is not None else fields


def chunks(items: Sequence[NewMessage | NewMemory]) -> Iterator[tuple[NewMessage | NewMemory, ...]]:
    """Yield what is written in one transaction each: up to 1,000 items, and fewer where they are long."""
    chunk: list[NewMessage | NewMemory] = []
    size = 0
    for item in items:
        if chunk and (len(chunk) == _CHUNK or size + len(item.content) > _CHUNK_SIZE):
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(item)
        size += len(item.content)
    if chunk:
        yield tuple(chunk)


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}
