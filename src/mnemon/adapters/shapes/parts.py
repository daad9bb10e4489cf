"""The parts of a message, sorted: what was said, the calls of tools, their results, and all else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mnemon.adapters.shapes.plain import DATA_KEYS, MEDIA_TYPES, given, holds_bytes, is_reference, reference_in, slim
from mnemon.core.errors import Invalid
from mnemon.core.text import CONTENT_LIMIT

TEXTS = frozenset({"text", "input_text", "output_text"})
CALLS = frozenset({"tool-call", "builtin-tool-call", "functionCall", "tool_use", "toolUse", "invalid_tool_call"})
RESULTS = frozenset({"tool-return", "builtin-tool-return", "tool-result", "function_response", "functionResponse"})
THOUGHTS = frozenset({"thinking", "redacted_thinking", "reasoning", "reasoning_content", "thought"})
#: What each client calls the same; of ``None`` the media type decides.
_MEDIA: dict[str, str | None] = {
    **dict.fromkeys(("image", "image_url", "input_image", "output_image", "image-url", "image_file"), "image"),
    **dict.fromkeys(("audio", "input_audio", "output_audio", "audio-url", "audio_url"), "audio"),
    **dict.fromkeys(("video", "input_video", "video_url", "video-url"), "video"),
    **dict.fromkeys(("input_file", "document", "document-url"), "file"),
    **dict.fromkeys(("file", "media", "binary", "inline_data", "inlineData", "file_data", "fileData", "uri")),
}
MEDIA = frozenset(_MEDIA)
#: Objects that stand for a picture, a sound or a file inside its part.
_NESTS = MEDIA | {"source", "content"}
_TYPE_KEYS = ("type", "part_kind", "kind")
#: Keys of Gemini's parts, which have no type.
_UNTYPED = (
    *("functionCall", "function_call", "functionResponse", "function_response", "inlineData", "inline_data"),
    *("fileData", "file_data", "executableCode", "executable_code", "codeExecutionResult", "code_execution_result"),
)


def is_call(kind: str) -> bool:
    """Tell whether a part or an item of this type calls a tool."""
    return kind in CALLS or kind.endswith(("_call", "_tool_use"))


def is_result(kind: str) -> bool:
    """Tell whether a part or an item of this type is what a tool returned."""
    return kind in RESULTS or kind.endswith(("_call_output", "tool_result"))


def type_of(part: Mapping[str, Any]) -> str:
    """Return the type of a part: as it says itself, or by its only key that says something."""
    for key in _TYPE_KEYS:
        if isinstance(part.get(key), str) and part[key]:
            return str(part[key])
    if part.get("thought") is True:
        return "thought"
    for key in _UNTYPED:
        if part.get(key) is not None:
            return key
    if isinstance(part.get("text"), str):
        return "text"
    return next((name for name, value in part.items() if value is not None), "unknown")


@dataclass(slots=True)
class Parts:
    """The parts of one message.

    Attributes:
        texts: what was said.
        calls, results: of tools, as the client has them.
        others: all else, each under its type.
        cited: the texts are pieces of one, cut where a source is cited.
    """

    texts: list[str] = field(default_factory=list)
    calls: list[Any] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    cited: bool = False

    def add_all(self, parts: Any) -> None:
        """Sort a text, a part or a list of them in."""
        for part in parts if isinstance(parts, list) else [parts]:
            self.add(part)

    def add(self, part: Any) -> None:
        """Sort one part in."""
        if part is None:
            return
        if isinstance(part, str):
            self.texts.append(part)
            return
        if not isinstance(part, dict):
            self.others.append({"type": "unknown", "value": part})
            return
        kind = type_of(part)
        if kind in TEXTS:
            self._add_text(part)
        elif is_call(kind):
            self.calls.append(slim(part))
        elif is_result(kind):
            self.results.append(slim(part))
        elif kind in MEDIA:
            if isinstance(transcript := _transcript(part), str):
                self.texts.append(transcript)
            self.others.append(_reference(part, kind))
        else:
            if kind == "refusal" and isinstance(part.get("refusal"), str):
                self.texts.append(part["refusal"])
            shown = "thinking" if kind in THOUGHTS else kind
            self.others.append({"type": shown, **given(slim(_without_type(part)).items())})

    def _add_text(self, part: dict[str, Any]) -> None:
        text = part.get("text", part.get("content"))
        extras = {name: value for name, value in _without_type(part).items() if name not in ("text", "content")}
        if isinstance(text, dict):  # with its annotations beside it
            extras |= {name: value for name, value in text.items() if name != "value"}
            text = text.get("value")
        if isinstance(text, str):
            self.texts.append(text)
        self.cited = self.cited or bool(part.get("citations"))
        if extras_given := given(extras.items()):
            self.others.append({"type": "text", **slim(extras_given)})

    def content(self) -> tuple[str, str | None]:
        """Return the text to remember, and what it was made of where nobody said anything.

        Raises:
            Invalid: there is nothing at all.
        """
        text = ("" if self.cited else "\n").join(text for text in self.texts if text.strip())
        if text:
            return text, None
        for name, lines in (
            ("tool_calls", map(_call_line, self.calls)),
            ("tool_results", map(_result_text, self.results)),
            ("parts", map(_part_line, self.others)),
        ):
            derived = "\n".join(line for line in lines if line.strip())
            if derived:  # the whole of it stands in the column or in the metadata
                return derived[:CONTENT_LIMIT], name
        raise Invalid(
            "The message has no text, no call or result of a tool, and no other part.",
            code="invalid.content_empty",
            hint="Leave it out, or give it a text.",
            field="content",
        )


def _without_type(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in _TYPE_KEYS}


def _transcript(part: dict[str, Any]) -> Any:
    nested = part.get("audio")
    return part.get("transcript") or (nested.get("transcript") if isinstance(nested, dict) else None)


def _reference(part: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return a picture, a sound or a file in one flat object; its bytes as their type, size and hash."""
    flat: dict[str, Any] = {}
    words = False
    for name, value in _without_type(part).items():
        if name in _NESTS and isinstance(value, dict):
            is_text = value.get("type") == "text"
            words = words or (_says_type(value) and not holds_bytes(value))
            for inner, reference in _without_type(value).items():
                label = "text" if is_text and inner == "data" else inner
                flat[f"{name}.{label}" if label in flat else label] = reference
        elif name in _NESTS and isinstance(value, str) and name not in DATA_KEYS:
            flat["url"] = value
        else:
            flat[name] = value
    for name, value in list(flat.items()):
        reference = value if is_reference(value) else None
        if isinstance(value, str) and (name in DATA_KEYS or value.startswith("data:")):
            # In a picture, a sound or a file base64 is its bytes; not where it says that it is a text.
            reference = reference_in(value, surely=not (words or (_says_type(flat) and not holds_bytes(flat))))
        if reference is not None:
            del flat[name]
            flat |= {key: value_ for key, value_ in reference.items() if key not in flat}
    shown = _MEDIA[kind] or _by_media_type(flat)
    return {"type": shown, **given(slim(flat).items())}


def _says_type(part: dict[str, Any]) -> bool:
    return part.get("type") in ("text", "base64") or any(part.get(name) for name in MEDIA_TYPES)


def _by_media_type(flat: dict[str, Any]) -> str:
    named = next((str(flat[key]) for key in MEDIA_TYPES if flat.get(key)), "")
    family = named.partition("/")[0]
    return family if family in ("image", "audio", "video") else "file"


def _call_line(call: Any) -> str:
    """Return a call as a line: the tool's name and what it was given."""
    if not isinstance(call, dict):
        return str(call)
    inner = next((call[k] for k in ("function", *_UNTYPED[:2]) if isinstance(call.get(k), dict)), call)
    name = inner.get("name") or inner.get("tool_name") or inner.get("toolName") or type_of(call)
    given_ = next((inner[k] for k in ("arguments", "args", "input", "action") if inner.get(k) is not None), "")
    return f"{name}({given_ if isinstance(given_, str) else _dump(given_)})"


def _result_text(result: Any) -> str:
    """Return what a tool returned, as a text."""
    if not isinstance(result, dict):
        return result if isinstance(result, str) else _dump(result)
    inner = next((result[k] for k in _UNTYPED[2:4] if isinstance(result.get(k), dict)), result)
    for key in ("content", "output", "response", "result", "text"):
        value = inner.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            parts = Parts()
            parts.add_all(value)
            return "\n".join([*parts.texts, *map(_part_line, parts.others)]) or _dump(value)
        if value is not None:
            return _dump(value)
    return f"[{type_of(result)}]"


def _part_line(part: dict[str, Any]) -> str:
    """Return a line that says what kind of a part there is, and what it is called where it has a name."""
    name = next((part[k] for k in ("filename", "file_name", "name", "title", "url", "file_uri") if part.get(k)), None)
    return f"[{part['type']}: {name[:500]}]" if isinstance(name, str) else f"[{part['type']}]"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
