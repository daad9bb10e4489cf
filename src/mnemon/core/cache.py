"""A small cache of what hardly changes: bounded in entries, and nothing in it is older than a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any

from cachetools import TTLCache

from mnemon.core import forks


class Cache:
    """Values by key; when it is full, what was used least recently makes room.

    Tasks and threads may share it. Keys carry the organisation's id, so that nothing is ever answered to another one.

    Args:
        size: entries held at most.
        seconds: how long an entry is believed after it was put.
        clock: seconds that only ever grow.
    """

    def __init__(self, size: int = 50_000, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._size, self._seconds = size, seconds
        self._lock = forks.Lock()  # cachetools leaves that to whoever shares a cache
        self._entries = self._empty()
        forks.in_child(self)

    def _empty(self) -> TTLCache[Hashable, Any]:
        return TTLCache(self._size, self._seconds, timer=lambda: self._clock())

    def forked(self) -> None:
        """Begin empty: a thread of the parent may have been in the middle of changing it."""
        self._entries = self._empty()

    def __len__(self) -> int:
        """Return how many entries are still believed."""
        with self._lock:
            return len(self._entries)

    def get(self, key: Hashable) -> Any:
        """Return the value, or None if there is none or it is too old."""
        with self._lock:
            return self._entries.get(key)

    def put(self, key: Hashable, value: Any) -> None:
        """Remember a value, in the place of an earlier one with this key."""
        with self._lock:
            self._entries[key] = value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
