"""Objects as JSON values, and bytes as a reference: their type, size and hash."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import unquote
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
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
#: Base64 in lines, as mail and PEM have it: all of one length but the last.
_LINE_BREAK = re.compile(r"\r?\n")
_LINE_LENGTHS = range(60, 1025, 4)
#: Keys under which clients send bytes as base64.
DATA_KEYS = frozenset({"data", "file_data", "base64", "b64_json", "bytes", "image_data", "result"})
MEDIA_TYPES = ("media_type", "mime_type", "mimeType", "mediaType")
_WORDS = ("text/", "application/json", "application/xml")
#: What nobody says is base64 is taken for it from this length on, if its bytes begin as those of a picture, a sound or
#: a file do, or if its letters are as evenly spread as those of packed bytes (6 bits each; of words they are 4).
_SURELY_DATA, _SPREAD, _LOOK = 1024, 5.2, 16_384
_SIGNATURES = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\x00", b"MM\x00*", b"%PDF-"),
    *(b"RIFF", b"OggS", b"ID3", b"fLaC", b"\x1f\x8b", b"\x1aE\xdf\xa3", b"wOFF", b"wOF2", b"\xff\xfb", b"\xff\xf3"),
    *(b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"BZh", b"\xfd7zXZ\x00", b"SQLite format 3\x00", b"\x7fELF"),
)


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
    """Return the reference that takes the place of bytes in a text: a data URL, or base64; None for any other text.

    Words are no base64, however long and without blanks: every sign must be one of its alphabet, its length must be
    one that bytes have, and nothing but the ends of lines of one length is passed over.

    Args:
        text: what may be one.
        surely: base64 of any length is bytes here, because it stands in a picture, a sound or a file.
    """
    url = _DATA_URL.match(text)
    if url is not None:
        return _of_url(text[url.end() :], url[1], packed=bool(url[2]))
    if not surely and len(text) < _SURELY_DATA:
        return None
    data = _decoded(text)
    if data is None or not (surely or data.startswith(_SIGNATURES) or _spread(text) >= _SPREAD):
        return None
    return reference_of(data)


def _of_url(body: str, media_type: str | None, *, packed: bool) -> dict[str, Any] | None:
    """Return the reference to what a data URL holds; None where that is a text, or where it is no such address."""
    if packed:
        data = _decoded(unquote(body) if "%" in body else body)
        return None if data is None else reference_of(data, media_type)
    # Without base64 it is written out: words, unless it says that it is a picture, a sound or the like.
    if media_type is None or media_type.lower().startswith(_WORDS) or any(map(str.isspace, body)):
        return None
    return reference_of(body.encode(errors="replace"), media_type)


def _decoded(text: str) -> bytes | None:
    """Return the bytes that a text is the base64 of, in either of its alphabets; None where it is not."""
    joined = text.strip("\r\n")
    if "\n" in joined:
        lines = _LINE_BREAK.split(joined)
        if len(lines[0]) not in _LINE_LENGTHS or any(len(line) != len(lines[0]) for line in lines[:-1]):
            return None
        joined = "".join(lines) if 0 < len(lines[-1]) <= len(lines[0]) else ""
    if not _BASE64.fullmatch(joined):
        return None
    bare = joined.rstrip("=").replace("-", "+").replace("_", "/")
    padding = -len(bare) % 4
    if padding == 3 or len(joined) - len(bare) not in (0, padding):
        return None
    try:
        data = base64.b64decode(bare + "=" * padding, validate=True)
    except (binascii.Error, ValueError):
        return None
    # The last sign of bytes has no more bits than they have: of words it mostly has.
    end = base64.b64encode(data[-(len(data) % 3 or 3) :]).decode().rstrip("=")
    return data if bare.endswith(end) else None


def _spread(text: str) -> float:
    """Return how many bits each sign of a text says, by how often it comes."""
    look = text[:_LOOK]
    return -sum(n / len(look) * math.log2(n / len(look)) for n in Counter(look).values())


def slim(value: Any, key: str = "") -> Any:
    """Return JSON values with references in place of data URLs and of long base64, however deep they are."""
    if isinstance(value, str):
        if value.startswith("data:") or key in DATA_KEYS:
            return reference_in(value, surely=False) or value
        return value
    if isinstance(value, dict):
        surely = holds_bytes(value)
        smaller: dict[str, Any] = {}
        for name, inner in value.items():
            is_data = surely and name in DATA_KEYS and isinstance(inner, str)
            smaller[name] = (reference_in(inner, surely=True) if is_data else None) or slim(inner, name)
        return smaller
    if isinstance(value, list):
        return [slim(inner, key) for inner in value]
    return value


def holds_bytes(members: Mapping[str, Any]) -> bool:
    """Tell whether what an object says of its data is that they are bytes: base64, or of a type that is no text."""
    kind = members.get("type")
    if kind in ("base64", "text"):
        return bool(kind == "base64")
    types = [str(members[name]).lower() for name in MEDIA_TYPES if members.get(name)]
    return bool(types) and not any(name.startswith(_WORDS) for name in types)


def given(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return what says something: nulls and what is empty are left out."""
    return {name: value for name, value in pairs if value is not None and value not in ("", [], {})}
