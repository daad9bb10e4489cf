"""Caches: of what hardly changes, bounded in entries and in time; of what is large, bounded in bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any, Protocol

from cachetools import LRUCache, TTLCache

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


class Copy(Protocol):
    """Something large that is held, and can tell how large it is."""

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        ...


class Copies:
    """Copies of what the database has, by key, bounded in bytes; what was used least recently makes room.

    Args:
        size: bytes held at most; 0: nothing is held.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = forks.Lock()
        self._entries = self._empty()
        forks.in_child(self)

    def _empty(self) -> LRUCache[Hashable, Any]:
        return LRUCache(self._size, getsizeof=lambda copy: copy.bytes)

    def forked(self) -> None:
        """Begin empty: a thread of the parent may have been in the middle of changing one."""
        self._entries = self._empty()

    @property
    def size(self) -> int:
        """Bytes held at most."""
        return self._size

    @property
    def bytes(self) -> int:
        """Bytes held."""
        with self._lock:
            return int(self._entries.currsize)

    def get(self, key: Hashable) -> Any:
        """Return the copy, or None if there is none."""
        with self._lock:
            return self._entries.get(key)

    def put(self, key: Hashable, copy: Copy) -> None:
        """Hold a copy, or note how large it has become; one that is larger than all there may be is not held."""
        with self._lock:
            if copy.bytes > self._size:
                self._entries.pop(key, None)
            else:
                self._entries[key] = copy

    def drop(self, key: Hashable) -> None:
        """Let go of a copy, if it is held."""
        with self._lock:
            self._entries.pop(key, None)

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._entries.clear()
