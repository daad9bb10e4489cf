"""Objects as JSON values, and bytes as a reference: their type, size and hash."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from mnemon.core.errors import Invalid
from mnemon.core.text import JSON_DEPTH

#: Attributes that messages and their parts have; an object that is neither a dataclass nor of pydantic is asked for
#: these, for they may stand in its class.
_ATTRIBUTES = (
    *("role", "type", "kind", "part_kind", "name", "id", "content", "parts", "text", "model", "model_name"),
    *("tool_calls", "invalid_tool_calls", "tool_call_id", "tool_name", "args", "input", "function", "arguments"),
    *("additional_kwargs", "response_metadata", "usage_metadata", "artifact", "status", "timestamp", "instructions"),
    *("url", "data", "media_type", "source", "refusal", "audio", "function_call", "function_response", "inline_data"),
)
_SCALARS = (str, bytes, bytearray, memoryview, int, float, Decimal, date, UUID, Enum, os.PathLike, type(None))
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*(;base64)?,", re.I)
_BASE64 = re.compile(r"[A-Za-z0-9+/=_-]+")
#: Keys under which clients send bytes as base64, and from which length on such a text is taken for that anywhere.
DATA_KEYS = frozenset({"data", "file_data", "base64", "b64_json", "bytes", "image_data", "result"})
MEDIA_TYPES = ("media_type", "mime_type", "mimeType", "mediaType")
_SURELY_DATA = 1024


def mapping_of(value: Any) -> Mapping[str, Any] | None:
    """Return what an object is made of, by name; None for a scalar, and for what has neither content nor parts."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, (type, list, tuple, set, frozenset, *_SCALARS)):
        return None
    found = _members(value)
    if found is None or {"content", "parts", "type", "role"}.isdisjoint(found):
        return None
    return {name: inner for name, inner in found.items() if inner is not None or name == "content"}


def _members(value: Any) -> dict[str, Any] | None:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    try:
        own = dict(vars(value))
    except TypeError:
        own = {}
    if hasattr(type(value), "model_fields"):
        return own | (getattr(value, "__pydantic_extra__", None) or {})
    for name in _ATTRIBUTES:
        value_found = getattr(value, name, None)
        if value_found is not None and not callable(value_found):
            own.setdefault(name, value_found)
    return {name: value_found for name, value_found in own.items() if not name.startswith("_")} or None


def plain(value: Any, depth: int = 0) -> Any:
    """Return JSON values: objects as what they are made of, moments as texts, bytes as a reference.

    Raises:
        Invalid: it is nested too deeply, or in a circle.
    """
    if depth > JSON_DEPTH:
        raise Invalid(
            f"The message is nested deeper than {JSON_DEPTH} levels.", code="invalid.json_too_deep", field="content"
        )
    if value is None or (isinstance(value, str | bool | int | float) and not isinstance(value, Enum)):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return reference_of(bytes(value))
    if isinstance(value, Enum):
        return plain(value.value, depth + 1)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner, depth + 1) for inner in value]
    if isinstance(value, UUID | Decimal):
        return str(value)
    members = _members(value)
    if members is not None:
        return {name: plain(inner, depth + 1) for name, inner in members.items() if inner is not None}
    return str(value)


def reference_of(data: bytes, media_type: str | None = None) -> dict[str, Any]:
    """Return what is kept of bytes: their type if it is known, how many they are, and their SHA-256."""
    known = {"media_type": media_type} if media_type else {}
    return {**known, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def is_reference(value: Any) -> bool:
    """Tell whether it is what :func:`reference_of` returned."""
    return isinstance(value, dict) and {"size", "sha256"} <= value.keys() <= {"size", "sha256", "media_type"}


def reference_in(text: str, *, surely: bool) -> dict[str, Any] | None:
    """Return the reference that takes the place of a data URL, or of base64; None for any other text.

    Args:
        text: what may be one.
        surely: base64 of any length is bytes here, because it stands in a picture, a sound or a file.
    """
    url = _DATA_URL.match(text)
    if url is not None:
        body = text[url.end() :]
        return reference_of(_decoded(body) if url[2] else body.encode(errors="replace"), url[1])
    if (surely or len(text) >= _SURELY_DATA) and _BASE64.fullmatch("".join(text.split())):
        return reference_of(_decoded(text))
    return None


def _decoded(text: str) -> bytes:
    joined = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(joined + "=" * (-len(joined) % 4), validate=True)
    except (binascii.Error, ValueError):
        return text.encode(errors="replace")


def slim(value: Any, key: str = "") -> Any:
    """Return JSON values with references in place of data URLs and of long base64, however deep they are."""
    if isinstance(value, str):
        if value.startswith("data:") or key in DATA_KEYS:
            return reference_in(value, surely=False) or value
        return value
    if isinstance(value, dict):
        surely = value.get("type") == "base64" or any(value.get(name) for name in MEDIA_TYPES)
        smaller: dict[str, Any] = {}
        for name, inner in value.items():
            is_data = surely and name in DATA_KEYS and isinstance(inner, str)
            smaller[name] = (reference_in(inner, surely=True) if is_data else None) or slim(inner, name)
        return smaller
    if isinstance(value, list):
        return [slim(inner, key) for inner in value]
    return value


def given(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return what says something: nulls and what is empty are left out."""
    return {name: value for name, value in pairs if value is not None and value not in ("", [], {})}
