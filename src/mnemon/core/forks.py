"""What a forked child does with what its parent has open: it leaves it alone, and begins anew.

Of a parent's threads a child has none, and its sockets and its selector are the parent's too: a word written there, or
a descriptor taken out there, reaches the parent. Whatever has such things registers itself here, and gives up its
copies of them in the child, before the child runs anything else.
"""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol


class Forked(Protocol):
    """What is not the same in a child as in its parent."""

    def forked(self) -> None:
        """Give up what is the parent's; called in the child, where no other thread runs."""
        ...


_registered: weakref.WeakSet[Any] = weakref.WeakSet()
_left: list[object] = []

#: Held while something is under way that a child must not have half of; a fork waits for it.
_under_way = threading.RLock()


def in_child(thing: Forked) -> None:
    """Have a thing's ``forked`` called in every child of this process, as long as there is the thing."""
    _registered.add(thing)


def leave(*things: object) -> None:
    """Keep what is the parent's as it is for as long as this process lives, so that nothing of it is ended here.

    Else tasks, transports and connections would be, one by one or when Python ends, with a word to the server.
    """
    _left.extend(things)


class no_fork:  # noqa: N801 - used like a function
    """Let no other thread fork within the block, such as between the opening of a descriptor and noting it."""

    def __enter__(self) -> None:
        _under_way.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _under_way.release()


class Lock:
    """A lock that is free in a child, whoever held it in the parent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        in_child(self)

    def forked(self) -> None:
        """Be free."""
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


def let_go(descriptor: int) -> None:
    """Close a child's copy of a descriptor, and keep its number taken.

    Whoever has the number goes on to nothing: it can neither write to the parent's socket nor take it out of the
    parent's selector, nor close what the child opens later.
    """
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.dup2(nothing, descriptor, inheritable=False)
    finally:
        os.close(nothing)


def _forked() -> None:
    global _under_way
    _under_way = threading.RLock()
    for thing in list(_registered):
        with suppress(Exception):  # the others are to be told all the same
            thing.forked()
    if _left:
        import ctypes

        # One reference more than there is: not freed when Python ends either.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(_left))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _under_way.acquire(),
        after_in_parent=lambda: _under_way.release(),
        after_in_child=_forked,
    )
