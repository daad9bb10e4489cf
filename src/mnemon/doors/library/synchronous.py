"""Memory: the same verbs for code that does not await, on an event loop of its own in a thread."""

from __future__ import annotations

import asyncio
import atexit
import threading
import weakref
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from mnemon.core.settings import Settings
from mnemon.doors.library.asynchronous import AsyncMemory

P = ParamSpec("P")
R = TypeVar("R")


class _Loop:
    """An event loop in a daemon thread, shared by every Memory of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Awaitable[R]) -> R:
        """Run to the end on the loop; an interrupt of the caller cancels it."""

        async def awaited() -> R:
            return await work

        future = asyncio.run_coroutine_threadsafe(awaited(), self._started())
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="mnemon", daemon=True).start()
            return self._loop


_LOOP = _Loop()
_OPEN: weakref.WeakSet[Memory] = weakref.WeakSet()


def _blocking(
    verb: Callable[Concatenate[AsyncMemory, P], Awaitable[R]],
) -> Callable[Concatenate[Memory, P], R]:
    """Wrap a verb so that it waits for its end."""

    @wraps(verb)
    def call(self: Memory, *args: P.args, **kwargs: P.kwargs) -> R:
        return _LOOP.run(verb(self._memory, *args, **kwargs))

    return cast("Callable[Concatenate[Memory, P], R]", call)


class Memory:
    """Memory of one organisation, for code that does not await.

    With no settings it works at once, on the embedded PostgreSQL with the built-in embedder::

        memory = Memory()
        memory.remember("I moved to Lisbon in May", user="ada")
        memory.recall("Where does Ada live?", user="ada")

    Threads may share one. It closes at the end of a ``with`` block, by :meth:`close`, or when the process ends.

    Args:
        settings: where and how; read from the environment when left out. Single settings may be given by name
            instead, and win.
        env_file: a file of settings, which no one but its user may write; no file is read that is not named.
    """

    def __init__(
        self, settings: Settings | None = None, *, env_file: str | Path | None = None, **overrides: Any
    ) -> None:
        self._memory = AsyncMemory(settings, env_file=env_file, **overrides)
        _OPEN.add(self)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def settings(self) -> Settings:
        """The settings it works by."""
        return self._memory.settings

    def organization(self, slug: str) -> Memory:
        """Return the memory of another organisation, over the same connections; made on first use."""
        other = Memory.__new__(Memory)
        other._memory = _LOOP.run(self._memory.organization(slug))  # noqa: SLF001
        return other

    def open(self) -> None:
        """Start what is not started yet; every verb does this by itself."""
        _LOOP.run(self._memory.open())

    close = _blocking(AsyncMemory.close)
    remember = _blocking(AsyncMemory.remember)
    search = _blocking(AsyncMemory.search)
    recall = _blocking(AsyncMemory.recall)
    get = _blocking(AsyncMemory.get)
    list = _blocking(AsyncMemory.list)
    update = _blocking(AsyncMemory.update)
    forget = _blocking(AsyncMemory.forget)
    history = _blocking(AsyncMemory.history)
    position = _blocking(AsyncMemory.position)
    after = _blocking(AsyncMemory.after)
    erase = _blocking(AsyncMemory.erase)
    preview_erasure = _blocking(AsyncMemory.preview_erasure)
    maintain = _blocking(AsyncMemory.maintain)
    import_file = _blocking(AsyncMemory.import_file)


@atexit.register
def _close_all() -> None:
    """Write what is pending before the process ends."""
    for memory in list(_OPEN):
        memory.close()
