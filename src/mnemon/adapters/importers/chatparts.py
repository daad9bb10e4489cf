"""Placeholders for what is no text in a message: a picture, a file, a sticker, by the names that people gave them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def placeholder(kind: str, name: object = None) -> str:
    """Return what stands for something that is no text: ``[file: plan.pdf]``."""
    told = str(name).strip() if isinstance(name, str | int) and not isinstance(name, bool) else ""
    return f"[{kind}: {told}]" if told else f"[{kind}]"


def joined(pieces: Iterable[Any]) -> str:
    """Return the texts among some pieces, a line each."""
    return "\n".join(piece.strip() for piece in pieces if isinstance(piece, str) and piece.strip())


def texts_in(value: Any, keys: Iterable[str]) -> list[str]:
    """Return an object's texts under some keys, in the order of the keys."""
    if not isinstance(value, dict):
        return []
    return [inner for key in keys if isinstance(inner := value.get(key), str) and inner.strip()]


def objects_in(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list; nothing where it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
