"""A client's message as the fields of one of ours; or of several, where one object holds what several said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from mnemon.adapters.moments import parse_moment
from mnemon.adapters.roles import role_of
from mnemon.adapters.shapes.parts import MEDIA, TEXTS, THOUGHTS, Parts, is_call, is_result, type_of
from mnemon.adapters.shapes.plain import given, mapping_of, plain, slim
from mnemon.conversations.schemas import NewMessage
from mnemon.memory.schemas import NewMemory

#: What LangChain's messages say they are.
_TYPES = {
    **dict.fromkeys(("human", "HumanMessageChunk"), "user"),
    **dict.fromkeys(("ai", "AIMessageChunk"), "assistant"),
    **dict.fromkeys(("system", "SystemMessageChunk"), "system"),
    **dict.fromkeys(("tool", "ToolMessageChunk", "function", "FunctionMessageChunk"), "tool"),
    **dict.fromkeys(("chat", "ChatMessageChunk", "message"), ""),
}
_ROLES = frozenset({"user", "assistant", "system", "tool"})
#: Keys that a client's message has beside its role, and a message of ours has not.
_CLIENTS = frozenset(
    {"tool_call_id", "function_call", "refusal", "annotations", "audio", "name", "id", "reasoning_content", "parts"}
)
_DEALT_WITH = frozenset(
    {"role", "type", "kind", "content", "parts", "tool_calls", "tool_results", "function_call", "refusal", "audio"}
    | {"metadata", "name", "tool_call_id", "reasoning_content", "invalid_tool_calls"}
)
_MOMENTS = ("timestamp", "created_at", "createdAt")
_MODEL_LENGTH = 100
_OURS = (frozenset(NewMessage.model_fields) | frozenset(NewMemory.model_fields)) - _DEALT_WITH
_SAID_BY = {"system-prompt": "system", "instruction": "system", "user-prompt": "user", "tool-return": "tool"}


def is_part(value: Any) -> bool:
    """Tell whether it is a part of a message, and no message: a text or a picture with its type."""
    members = mapping_of(value)
    if members is None or "role" in members or not isinstance(members.get("type"), str):
        return False
    kind = members["type"]
    return kind in TEXTS or kind in MEDIA or kind in ("tool_use", "tool_result", "thinking", "redacted_thinking")


def as_messages(value: Any) -> list[dict[str, Any]] | None:
    """Return the fields of NewMessage for what a client's message holds; None if it is none.

    Mostly one; a request of Pydantic AI is one for each who speaks in it.

    Raises:
        Invalid: it has nothing to remember, or is nested too deeply.
    """
    if isinstance(value, list) and value and all(map(is_part, value)):
        return [_message({"content": plain(value)})]
    members = mapping_of(value)
    if members is None or not (_is_message(members) or (not isinstance(value, Mapping) and _is_said(members))):
        return None
    whole = _unwrapped(plain(members))
    if whole.get("kind") in ("request", "response") and isinstance(whole.get("parts"), list):
        return list(_of_pydantic_ai(whole))
    return [_message(whole)]


def _is_message(members: Mapping[str, Any]) -> bool:
    kind, role, content = members.get("type"), members.get("role"), members.get("content")
    if isinstance(members.get("parts"), list | tuple) or isinstance(content, list | tuple):
        return True
    if members.get("lc") is not None and isinstance(members.get("kwargs"), Mapping):
        return True
    if isinstance(kind, str):
        if kind in _TYPES:
            return "content" in members or isinstance(members.get("data"), Mapping)
        if is_call(kind) or is_result(kind) or kind in THOUGHTS:
            return True
    if isinstance(content, Mapping):
        return isinstance(content.get("parts"), list | tuple)
    silent = content is None or not str(content).strip()
    if silent and any(members.get(name) for name in ("tool_calls", "tool_results", "function_call", "refusal")):
        return True
    if not isinstance(role, str):
        return False
    if silent and "content" in members and content is None:
        return True
    return isinstance(content, str) and (
        (role not in _ROLES and role_of(role) is not None) or not _CLIENTS.isdisjoint(members)
    )


def _is_said(members: Mapping[str, Any]) -> bool:
    return isinstance(members.get("role"), str) and isinstance(members.get("content"), str)


def _unwrapped(whole: dict[str, Any]) -> dict[str, Any]:
    """Return the message inside of what LangChain and Gemini put around it."""
    if whole.get("lc") is not None and isinstance(whole.get("kwargs"), dict):
        name = (whole.get("id") or [""])[-1]
        kind = str(name).removesuffix("Chunk").removesuffix("Message").lower()
        return {"type": kind, **whole["kwargs"]}
    if isinstance(whole.get("data"), dict) and whole.get("type") in _TYPES:
        return {**whole["data"], "type": whole["type"]}
    if isinstance(whole.get("content"), dict):
        around = {name: value for name, value in whole.items() if name != "content"}
        return {**around, **whole["content"]}
    return whole


def _message(whole: dict[str, Any]) -> dict[str, Any]:
    parts, kind = Parts(), whole.get("type")
    role = _TYPES.get(str(kind)) or whole.get("role")
    role = (role_of(role) or role) if isinstance(role, str) else None
    others: dict[str, Any] = {}
    if role is None and isinstance(kind, str) and kind not in _TYPES:
        parts.add(whole)  # an item of the responses API is a part of its own
        whole = {name: value for name, value in whole.items() if name in _OURS or name == "metadata"}
    else:
        _sort(parts, whole, role)
        others = {name: value for name, value in whole.items() if name not in _DEALT_WITH and name not in _OURS}
        if isinstance(kind, str) and kind not in _TYPES:
            others["type"] = kind
        if role == "tool":
            others = {name: value for name, value in others.items() if name not in ("status", "artifact")}
    if parts.results and not (parts.calls or any(map(str.strip, parts.texts))):
        role = "tool"
    elif role is None and (parts.calls or (kind in THOUGHTS)):
        role = "assistant"
    fields = {name: value for name, value in whole.items() if name in _OURS and value is not None}
    return _fields(fields, parts, role, _told(fields, whole, others, role), whole.get("metadata"))


def _sort(parts: Parts, whole: dict[str, Any], role: str | None) -> None:
    """Sort what a message has into its parts."""
    content = whole.get("content")
    if role == "tool" or whole.get("tool_call_id") is not None:
        names = ("tool_call_id", "name", "content", "status", "artifact")
        parts.results.append(slim(given((name, whole.get(name)) for name in names)))
    calls = whole.get("tool_calls")
    call_ids = {call.get("id") for call in calls if isinstance(call, dict)} if isinstance(calls, list) else set()
    if calls:
        parts.calls += slim(calls if isinstance(calls, list) else [calls])
    for name in ("invalid_tool_calls", "tool_results"):
        if listed_here := whole.get(name):
            (parts.calls if "calls" in name else parts.results).extend(
                slim(listed_here if isinstance(listed_here, list) else [listed_here])
            )
    if isinstance(whole.get("function_call"), dict):
        parts.calls.append({"type": "function", "function": slim(whole["function_call"])})
    text = content if isinstance(content, str) else ""
    listed = whole["parts"] if isinstance(whole.get("parts"), list) else []
    for part in (*(content if isinstance(content, list) else [content]), *listed):
        if isinstance(part, dict):
            if is_call(type_of(part)) and part.get("id") is not None and part["id"] in call_ids:
                continue  # LangChain has it beside the content too
            if type_of(part) in TEXTS and part.get("text") and str(part["text"]) in text:
                continue  # the same text, whole and in parts
        parts.add(part)
    if isinstance(whole.get("refusal"), str) and whole["refusal"]:
        parts.add({"type": "refusal", "refusal": whole["refusal"]})
    if isinstance(whole.get("audio"), dict):
        parts.add({"type": "audio", "audio": whole["audio"]})
    if whole.get("reasoning_content"):
        parts.add({"type": "thinking", "thinking": whole["reasoning_content"]})


def _told(fields: dict[str, Any], whole: dict[str, Any], more: dict[str, Any], role: str | None) -> dict[str, Any]:
    """Put what the client says of the message into the fields that are meant for it; returns the rest."""
    name = whole.get("name")
    if isinstance(name, str) and name and role != "tool":
        fields.setdefault("speaker", name)
    for key in _MOMENTS:
        if "at" not in fields and more.get(key):
            with suppress(ValueError):
                fields["at"] = parse_moment(more[key])
                del more[key]
    response = more.get("response_metadata")
    for model in (
        more.get("model_name"),
        *(response.get(n) for n in ("model_name", "model") if isinstance(response, dict)),
    ):
        if "model" not in fields and isinstance(model, str) and 0 < len(model) <= _MODEL_LENGTH:
            fields["model"] = model
    if fields.get("model") == more.get("model_name"):
        more.pop("model_name", None)
    for key in ("usage", "usage_metadata"):
        used = more.get(key)
        if isinstance(used, dict):
            more[key] = {name: count for name, count in used.items() if count}
        for count in ("output_tokens", "completion_tokens"):
            tokens = used.get(count) if isinstance(used, dict) else None
            if "token_count" not in fields and isinstance(tokens, int) and tokens > 0:
                fields["token_count"] = tokens
    kwargs = more.get("additional_kwargs")
    if isinstance(kwargs, dict) and whole.get("tool_calls"):  # the provider's own form of the same calls
        more["additional_kwargs"] = {key: value for key, value in kwargs.items() if key != "tool_calls"}
    return more


def _fields(
    fields: dict[str, Any], parts: Parts, role: str | None, more: dict[str, Any], metadata: Any
) -> dict[str, Any]:
    content, made_of = parts.content()
    fields["content"] = content
    if role:
        fields["role"] = role
    if parts.calls:
        fields["tool_calls"] = parts.calls
    if parts.results:
        fields["tool_results"] = parts.results
    details: dict[str, Any] = dict(metadata) if isinstance(metadata, dict) else given([("metadata", metadata)])
    about = {**more, "parts": parts.others, "content_from": made_of}
    for name, value in given(slim(about).items()).items():
        details[name if name not in details else f"message_{name}"] = value
    if details:
        fields["metadata"] = details
    return fields


def _of_pydantic_ai(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the messages of a request or response: its parts, where each begins that somebody else says."""
    about = {name: value for name, value in whole.items() if name not in ("parts", "kind", "metadata")}
    groups: list[tuple[str, list[dict[str, Any]]]] = []
    for part in whole["parts"]:
        kind = type_of(part) if isinstance(part, dict) else ""
        role = "assistant" if whole["kind"] == "response" else _SAID_BY.get(kind, "user")
        if kind == "retry-prompt" and part.get("tool_name"):
            role = "tool"
        if not groups or groups[-1][0] != role:
            groups.append((role, []))
        groups[-1][1].append(part)
    for number, (role, mine) in enumerate(groups):
        parts, fields = Parts(), {}
        for part in mine:
            _sort_pydantic_ai(parts, part)
            if isinstance(part, dict) and part.get("timestamp") and "at" not in fields:
                with suppress(ValueError):
                    fields["at"] = parse_moment(part["timestamp"])
        own = {name: value for name, value in about.items() if name in _OURS and value is not None}
        others = {name: value for name, value in about.items() if name not in _OURS} if number == 0 else {}
        fields |= {name: value for name, value in own.items() if name not in fields}
        yield _fields(fields, parts, role, _told(fields, about, others, role), whole.get("metadata"))
    if not groups:
        yield _fields({}, Parts(), None, {}, None)


def _sort_pydantic_ai(parts: Parts, part: Any) -> None:
    kind = type_of(part) if isinstance(part, dict) else ""
    if kind in ("system-prompt", "user-prompt"):
        parts.add_all(part.get("content"))
    elif kind in ("retry-prompt", "retry-feedback"):
        if part.get("tool_name"):
            parts.results.append(slim(part))
        elif isinstance(part.get("content"), str):
            parts.add(part["content"])
        else:
            parts.add(part)
    elif kind == "text":
        parts.add({"type": "text", "text": part.get("content"), **{k: v for k, v in part.items() if k != "content"}})
    else:
        parts.add(part)
