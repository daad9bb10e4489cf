"""Mnemon: the memory of AI agents and the people they work with, kept in one PostgreSQL.

Two lines make a working memory, with no key and no server to install::

    from mnemon import Memory

    memory = Memory()
    memory.remember("I moved to Lisbon in May", user="ada")
    print(memory.recall("Where does Ada live?", user="ada"))

Importing this package has no side effect and loads nothing heavy: names are resolved on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mnemon._version import __version__

if TYPE_CHECKING:
    from mnemon.conversations.schemas import NewMessage
    from mnemon.core.errors import (
        Conflict,
        Forbidden,
        Invalid,
        MnemonError,
        NotFound,
        Unauthenticated,
        Unavailable,
    )
    from mnemon.core.settings import Settings
    from mnemon.doors.library.asynchronous import AsyncMemory
    from mnemon.doors.library.synchronous import Memory
    from mnemon.memory.schemas import (
        Explanation,
        Hit,
        NewMemory,
        Recollection,
        Remembered,
        Scope,
    )

_WHERE = {
    "AsyncMemory": "mnemon.doors.library.asynchronous",
    "Memory": "mnemon.doors.library.synchronous",
    "NewMessage": "mnemon.conversations.schemas",
    "Settings": "mnemon.core.settings",
    **dict.fromkeys(
        ("Conflict", "Forbidden", "Invalid", "MnemonError", "NotFound", "Unauthenticated", "Unavailable"),
        "mnemon.core.errors",
    ),
    **dict.fromkeys(
        ("Explanation", "Hit", "NewMemory", "Recollection", "Remembered", "Scope"),
        "mnemon.memory.schemas",
    ),
}

__all__ = [
    "AsyncMemory",
    "Conflict",
    "Explanation",
    "Forbidden",
    "Hit",
    "Invalid",
    "Memory",
    "MnemonError",
    "NewMemory",
    "NewMessage",
    "NotFound",
    "Recollection",
    "Remembered",
    "Scope",
    "Settings",
    "Unauthenticated",
    "Unavailable",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Resolve a public name on first use, so that ``import mnemon`` stays cheap."""
    where = _WHERE.get(name)
    if where is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(where), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
