"""A message of a model in parts: its texts in words, what it called and what came back, and the rest as it is."""

from __future__ import annotations

import json
from typing import Any

_TEXTS = ("text", "input_text", "output_text", "refusal", "content", "transcript")
_PLAIN = {None, "text", "input_text", "output_text"}


def in_words(parts: list[Any]) -> tuple[str, list[Any]]:
    """Return the texts of a list of parts, a line each, and the parts that hold more than their text."""
    words: list[str] = []
    remainder: list[Any] = []
    for part in parts:
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, dict):
            key = next((name for name in _TEXTS if isinstance(part.get(name), str) and part[name].strip()), None)
            if key is not None:
                words.append(part[key])
            beside = {name: value for name, value in part.items() if name != key and value not in (None, "", [], {})}
            if not (beside.keys() <= {"type"} and _plain(beside.get("type"))):
                remainder.append(beside)
        elif part is not None:
            remainder.append(part)
    return "\n".join(words), remainder


def calls_text(message: dict[str, Any]) -> str:
    """Return the calls of tools in a message, a line each: ``search(city="Bergen")``; nothing where there are none."""
    listed = message.get("tool_calls")
    calls = list(listed) if isinstance(listed, list) else []
    if message.get("function_call") is not None:
        calls.append({"function": message["function_call"]})
    return "\n".join(line for call in calls if isinstance(call, dict) and (line := _call(call)))


def call_text(name: Any, arguments: Any) -> str:
    """Return one call of a tool in words."""
    given = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, allow_nan=False)
    return f"{name}({given})" if isinstance(name, str) and name else ""


def _call(call: dict[str, Any]) -> str:
    function = call.get("function")
    function = function if isinstance(function, dict) else call
    arguments = function.get("arguments", function.get("args", function.get("input", "")))
    return call_text(function.get("name"), arguments)


def _plain(kind: object) -> bool:
    return isinstance(kind, str | None) and kind in _PLAIN
