"""Every text that a request takes is a name, an id of another system, or of a form of its own; or it is written here.

A name is trimmed and a blank one is refused (`Label` and its kin in core/text.py). What is typed as a plain string lets
" " in, and makes two of "Rosa" and "Rosa ".
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from mnemon import verbs
from mnemon.conversations.schemas import NewMessage
from mnemon.core.text import Key
from mnemon.memory.schemas import NewMemory

PROSE = "what people write, kept as they wrote it"
THEIRS = "as the other system has it: to trim it would be to look for something else there"
SIGHTED = "read back by rows that are there already"
#: Fields that take a text which is no name, by what they are called in any request; each with its reason.
FREE = {
    **dict.fromkeys(
        ("content", "query", "description", "summary", "context", "body", "instructions", "message"), PROSE
    ),
    **dict.fromkeys(("error", "error_message", "stack_trace", "body_text", "snippet"), PROSE),
    **dict.fromkeys(("tagline", "avatar_emoji"), "may be empty, and is shown only"),
    **dict.fromkeys(("tone", "traits", "rules", "situation", "response"), SIGHTED),
    **dict.fromkeys(("model_name", "forbidden_tools", "forbidden_topics"), SIGHTED),
    **dict.fromkeys(("user_agent", "route", "cursor"), "what a machine sent"),
    **dict.fromkeys(("label",), "an answer of ours, given back"),
}
#: Fields of one schema each.
FREE_IN = {
    ("CalendarEvent", field): THEIRS
    for field in ("calendar_id", "title", "location", "timezone", "online_meeting_url", "recurrence_rule")
} | {
    ("Connect", "scopes"): THEIRS,
    ("Connect", "provider_email"): THEIRS,
    ("File", "name"): THEIRS,
    ("File", "mime_type"): THEIRS,
    ("File", "web_url"): THEIRS,
    ("File", "parent_path"): THEIRS,
    ("ListFiles", "name"): THEIRS,
    ("PasswordCheck", "email"): "what somebody typed, and an error would tell them more than a wrong password",
    **{("Mail", field): THEIRS for field in ("thread_id", "subject", "from_email", "to_emails", "labels")},
}


def _schemas(hint: Any, found: set[type[BaseModel]]) -> None:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        if hint not in found:
            found.add(hint)
            for inner in typing.get_type_hints(hint, include_extras=True).values():
                _schemas(inner, found)
        return
    for inner in typing.get_args(hint):
        _schemas(inner, found)


def _texts(hint: Any) -> Iterator[Any]:
    """The annotations of single texts within a field's: of a text, a list's members, a mapping's keys and values."""
    args = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if hint is str:
        yield str
    elif origin is Annotated:
        if args[0] is str:
            yield hint
        elif typing.get_origin(args[0]) is Annotated or args[0] is not str:
            # What is around several types holds for each text in them.
            yield from _texts(args[0])
    elif origin in (typing.Union, types.UnionType, tuple, list, frozenset, set):
        for inner in args:
            yield from _texts(inner)


def _fields() -> list[tuple[str, str, Any]]:
    found: set[type[BaseModel]] = {NewMessage, NewMemory}
    for verb in verbs.every():
        for hint in verb.parameters.values():
            _schemas(hint, found)
    return sorted(
        (
            (schema.__name__, name, text)
            for schema in found
            for name, hint in typing.get_type_hints(schema, include_extras=True).items()
            if name in schema.model_fields
            for text in _texts(hint)
        ),
        key=lambda field: field[:2],
    )


FIELDS = _fields()


def _read(annotation: Any, value: str) -> str | None:
    try:
        return str(TypeAdapter(annotation).validate_python(value))
    except ValidationError:
        return None


def test_there_are_fields_to_look_at() -> None:
    assert len(FIELDS) > 200
    assert {("NewMessage", "user"), ("Scope", "user"), ("UserCreate", "external_id"), ("TeamCreate", "name")} <= {
        field[:2] for field in FIELDS
    }


@pytest.mark.parametrize(("schema", "name"), sorted({field[:2] for field in FIELDS}))
def test_names_are_trimmed_and_blank_ones_refused(schema: str, name: str) -> None:
    annotations = [field[2] for field in FIELDS if field[:2] == (schema, name)]
    if name in FREE or (schema, name) in FREE_IN:
        return
    for annotation in annotations:
        for blank in (" ", "\t\n", "\u3000", "\u200b", "\ufeff \xa0"):
            assert _read(annotation, blank) is None, f"{schema}.{name} takes a blank name: make it a Label"
        if annotation != Key:
            read = _read(annotation, " Rosa\u200b ")
            assert read in (None, "Rosa"), f"{schema}.{name} keeps what nobody sees: make it a Label"


def test_what_is_free_is_there() -> None:
    assert {name for _, name, _ in FIELDS} >= FREE.keys()
    assert {field[:2] for field in FIELDS} >= FREE_IN.keys()
