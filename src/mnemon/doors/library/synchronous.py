"""Memory: the same verbs for code that does not await, on an event loop of its own in a thread."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import selectors
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, cast

from pydantic import SecretStr

from mnemon.core import forks
from mnemon.core.errors import Invalid
from mnemon.core.settings import Settings
from mnemon.doors.library.asynchronous import AsyncMemory
from mnemon.doors.library.namespaces import Namespaces

if TYPE_CHECKING:
    from mnemon.doors.library.taking import Taking

P = ParamSpec("P")
R = TypeVar("R")


#: Seconds that a verb has to end after its caller was interrupted.
_TIDY = 10.0
#: Seconds that a fork waits for the loop at most, and the loop for a fork.
_HELD = 3.0


class _Loop:
    """An event loop in a daemon thread, shared by every Memory of the process."""

    def __init__(self) -> None:
        self._lock = forks.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._selector: selectors.DefaultSelector | None = None
        self._paused: dict[int, threading.Event] = {}
        forks.in_child(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self.pause, after_in_parent=self.resume)

    def pause(self) -> None:
        """Hold the loop between two steps while this thread forks.

        In the middle of one it may hold any lock: that of a module which it imports, and every child would wait for it.
        """
        loop = self._loop
        if loop is None or threading.current_thread() is self._thread:
            return
        reached, goes_on = threading.Event(), threading.Event()

        def hold() -> None:
            reached.set()
            goes_on.wait(_HELD)

        self._paused[threading.get_ident()] = goes_on
        loop.call_soon_threadsafe(hold)
        reached.wait(_HELD)

    def resume(self) -> None:
        """Let the loop go on after the fork."""
        goes_on = self._paused.pop(threading.get_ident(), None)
        if goes_on is not None:
            goes_on.set()

    def forked(self) -> None:
        """Leave the loop to the parent, with whatever it waits for; a child has one of its own when it needs one."""
        loop, selector = self._loop, self._selector
        self._paused = {}
        self._loop = self._thread = self._selector = None
        if loop is None or selector is None:
            return
        forks.leave(loop)
        with contextlib.suppress(RuntimeError):
            forks.leave(*asyncio.all_tasks(loop))
        for key in list(selector.get_map().values()):
            forks.let_go(key.fd)
        forks.let_go(selector.fileno())

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Run to the end on the loop; an interrupt of the caller cancels it, and waits until it has tidied up."""
        loop = self._started()
        if threading.current_thread() is self._thread:
            work.close()
            raise Invalid(
                "Memory is called by what it waits for itself.",
                code="invalid.event_loop",
                hint="Call it from another thread, or after the call that is under way.",
            )
        begun: list[asyncio.Task[Any]] = []

        async def awaited() -> R:
            begun.append(cast("asyncio.Task[Any]", asyncio.current_task()))
            return await work

        future = asyncio.run_coroutine_threadsafe(awaited(), loop)
        try:
            return future.result()
        except BaseException:
            if future.cancel():
                # What is cancelled rolls back and gives back its connection: the caller is to find it done.
                asyncio.run_coroutine_threadsafe(_ended(begun, work), loop).result(_TIDY)
            raise

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._selector = selectors.DefaultSelector()
                self._loop = asyncio.SelectorEventLoop(self._selector)
                self._thread = threading.Thread(target=self._loop.run_forever, name="mnemon", daemon=True)
                self._thread.start()
            return self._loop


async def _ended(begun: Sequence[asyncio.Task[Any]], work: Coroutine[Any, Any, Any]) -> None:
    """Wait for the end of a task that was cancelled; one that had not begun never will."""
    if begun:
        await asyncio.wait(begun, timeout=_TIDY)
    else:
        work.close()


_LOOP = _Loop()
_OPEN: weakref.WeakSet[Memory] = weakref.WeakSet()


def _blocking(
    verb: Callable[Concatenate[AsyncMemory, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Memory, P], R]:
    """Wrap a verb so that it waits for its end."""

    @wraps(verb)
    def call(self: Memory, *args: P.args, **kwargs: P.kwargs) -> R:
        _close_at_exit()
        return _LOOP.run(verb(self._memory, *args, **kwargs))

    return cast("Callable[Concatenate[Memory, P], R]", call)


class Memory(Namespaces):
    """Memory of one organisation, for code that does not await.

    With no settings it works at once, on the embedded PostgreSQL with the built-in embedder::

        memory = Memory()
        memory.remember("I moved to Lisbon in May", user="ada")
        memory.recall("Where does Ada live?", user="ada")

    Threads may share one. It closes at the end of a ``with`` block, by :meth:`close`, or when the process ends.

    Args:
        settings: where and how; read from the environment when left out. Single settings may be given by name
            instead, and win. Or the address of a server: ``Memory("https://memory.example.org", api_key="mnk_...")``.
        env_file: a file of settings, which no one but its user may write; no file is read that is not named.
        api_key: by which a server knows who asks.
    """

    def __init__(
        self,
        settings: Settings | str | None = None,
        *,
        env_file: str | Path | None = None,
        api_key: str | SecretStr | None = None,
        **overrides: Any,
    ) -> None:
        self._memory = AsyncMemory(settings, env_file=env_file, api_key=api_key, **overrides)
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
        _close_at_exit()
        other._memory = _LOOP.run(self._memory.organization(slug))  # noqa: SLF001
        return other

    def open(self) -> None:
        """Start what is not started yet; every verb does this by itself."""
        _close_at_exit()
        _LOOP.run(self._memory.__aenter__())

    def _waited(self, taking: Taking, one: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """Call a verb of a namespace, and wait for its end."""
        _close_at_exit()
        return _LOOP.run(self._memory._asked(taking, one, named))  # noqa: SLF001

    close = _blocking(AsyncMemory.close)
    remember = _blocking(AsyncMemory.remember)
    search = _blocking(AsyncMemory.search)
    recall = _blocking(AsyncMemory.recall)
    get = _blocking(AsyncMemory.get)
    read = _blocking(AsyncMemory.read)
    list = _blocking(AsyncMemory.list)
    update = _blocking(AsyncMemory.update)
    forget = _blocking(AsyncMemory.forget)
    history = _blocking(AsyncMemory.history)
    reconstruct = _blocking(AsyncMemory.reconstruct)
    set_timezone = _blocking(AsyncMemory.set_timezone)
    rate = _blocking(AsyncMemory.rate)
    note_use = _blocking(AsyncMemory.note_use)
    usage_of = _blocking(AsyncMemory.usage_of)
    position = _blocking(AsyncMemory.position)
    after = _blocking(AsyncMemory.after)
    erase = _blocking(AsyncMemory.erase)
    preview_erasure = _blocking(AsyncMemory.preview_erasure)
    maintain = _blocking(AsyncMemory.maintain)
    import_file = _blocking(AsyncMemory.import_file)


_closing_in = 0


def _close_at_exit() -> None:
    """Have every memory of this process closed at its end, by whichever way it ends."""
    global _closing_in
    if _closing_in == os.getpid():
        return
    _closing_in = os.getpid()
    atexit.unregister(_close_all)
    atexit.register(_close_all)
    # A process that multiprocessing made ends without what atexit knows.
    if (util := sys.modules.get("multiprocessing.util")) is not None:
        util.Finalize(None, _close_all, exitpriority=10)


def _close_all() -> None:
    """Write what is pending before the process ends."""
    for memory in list(_OPEN):
        if memory._memory.is_open:  # noqa: SLF001 - same module
            memory.close()
