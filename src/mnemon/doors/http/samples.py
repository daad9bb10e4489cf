"""Examples of requests for the description: written by hand where words help, else made of the schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_ID = "3f6c1d0e-8f0a-4c8b-9d57-0b7f3c1f2a11"
_MOMENT = "2026-05-01T09:30:00Z"
#: Requests as one would write them.
_WRITTEN: dict[str, Any] = {
    "memory.search": {"query": "Where does Ada live?", "user": "ada", "k": 5},
    "memory.recall": {"query": "What should I know about Ada's trip?", "user": "ada", "token_budget": 1000},
    "memory.update": {"content": "I moved to Porto in June", "reason": "she said so"},
    "memory.forget": {"user": "ada", "tags": ["trip"], "reason": "no longer needed"},
    "memory.assert_fact": {"subject": "ada", "predicate": "lives_in", "object": "Lisbon", "user": "ada"},
    "workspace.create_task": {"title": "Book the flight", "due_date": "2026-06-01"},
    "identity.create_user": {"email": "ada@example.org", "display_name": "Ada"},
    "identity.create_api_key": {"name": "laptop", "user_id": _ID, "scopes": ["memories:read", "memories:write"]},
    "jobs.enqueue": {"kind": "memory.index", "payload": {}},
}

_ITEM: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "minLength": 1, "description": "a text, with the fields beside `content`"},
        {
            "type": "object",
            "description": "the fields of a message or a memory, or a message as a client of a model has it",
        },
    ]
}
#: What may be remembered, in the shapes that the library takes.
REMEMBER: dict[str, Any] = {
    "title": "Remember",
    "description": "One thing or a list of them, with fields for all beside it (docs/remembering.md).",
    "type": "object",
    "anyOf": [{"required": ["content"]}, {"required": ["items"]}],
    "properties": {
        "content": {"anyOf": [*_ITEM["anyOf"], {"type": "array", "items": _ITEM, "maxItems": 10_000}]},
        "items": {"type": "array", "items": _ITEM, "maxItems": 10_000},
        "dedupe": {"type": "boolean", "default": True, "description": "confirm what is there word for word"},
        "split": {"type": "boolean", "default": False, "description": "keep a long text in parts"},
        "user": {"type": "string", "description": "whose it is, by a string of yours"},
        "agent": {"type": "string"},
        "conversation": {"type": "string", "description": "makes it a message of that conversation"},
        "team": {"type": "string"},
        "role": {"type": "string", "description": "user, assistant, system or tool: it was said"},
        "speaker": {"type": "string", "description": "who said it, by name"},
        "at": {"type": "string", "description": "when it was said or true (ISO 8601)"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "metadata": {"type": "object"},
        "source": {"type": "string"},
        "source_id": {"type": "string", "description": "its id there; stored once"},
        "importance": {"type": "integer", "minimum": 1, "maximum": 10},
        "memory_type": {"type": "string"},
    },
}
REMEMBERED: dict[str, Any] = {
    "a memory": {"value": {"content": "I moved to Lisbon in May", "user": "ada"}},
    "messages": {
        "value": {
            "content": [
                {"role": "user", "content": "We ship on Friday."},
                {"role": "assistant", "content": "Noted."},
            ],
            "conversation": "standup",
            "user": "ada",
        }
    },
}


def of(verb: str, properties: Mapping[str, Any], required: Iterable[str]) -> dict[str, Any]:
    """Return an example of a verb's body: a written one, or one of what it needs."""
    return _WRITTEN.get(verb) or {name: _value(properties[name]) for name in required}


def _value(schema: Mapping[str, Any]) -> Any:
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if schema.get("anyOf"):
        return _value(schema["anyOf"][0])
    formats = {"uuid": _ID, "date-time": _MOMENT, "date": "2026-05-01", "time": "09:30:00"}
    if schema.get("format") in formats:
        return formats[schema["format"]]
    kind = schema.get("type")
    if kind == "array":
        return [_value(schema["items"])] if schema.get("minItems") and schema.get("items") else []
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    plain: dict[str, Any] = {"boolean": True, "string": "example"}
    return plain.get(str(kind), {})
