"""How often Python looks for garbage while records are read."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from mnemon.core import forks

_COLLECTION = forks.Lock()
_importing: list[tuple[int, int, int]] = []


class _Collection:
    """How often Python looks for garbage."""

    def forked(self) -> None:
        """Put it back to what it was: the parent's imports do not go on here."""
        if _importing:
            gc.set_threshold(*_importing[0])
            _importing.clear()


_collection = _Collection()
forks.in_child(_collection)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let Python look for garbage seldom while imports are under way.

    Their records are many, young and without cycles; to look through them every 700 takes an eighth of the time. The
    first import of several keeps the thresholds that were, and the last one puts them back.
    """
    with _COLLECTION:
        _importing.append(_importing[0] if _importing else gc.get_threshold())
        gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        with _COLLECTION:
            before = _importing.pop()
            if not _importing:
                gc.set_threshold(*before)
