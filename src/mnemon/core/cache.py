"""A small cache of what hardly changes: bounded, and nothing in it is older than a minute."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Any


class Cache:
    """Values by key, the oldest thrown out first; one event loop's tasks may share it.

    Keys carry the organisation's id, so that nothing is ever answered to another one.

    Args:
        size: entries held at most.
        seconds: how long an entry is believed.
    """

    def __init__(self, size: int = 50_000, seconds: float = 60.0) -> None:
        self._size = size
        self._seconds = seconds
        self._entries: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable) -> Any:
        """The value, or None if there is none or it is too old."""
        found = self._entries.get(key)
        if found is None:
            return None
        if found[0] < time.monotonic():
            del self._entries[key]
            return None
        return found[1]

    def put(self, key: Hashable, value: Any) -> None:
        """Remember a value."""
        if len(self._entries) >= self._size:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (time.monotonic() + self._seconds, value)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
