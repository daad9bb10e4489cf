"""Which event loop something belongs to."""

from __future__ import annotations

import asyncio
import os

from mnemon.core.errors import Invalid


class Home:
    """The event loop that connections, tasks and locks belong to; of this process, and one at a time.

    Args:
        what: what belongs to it, for the error.
    """

    __slots__ = ("_loop", "_pid", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0

    def moved(self) -> bool:
        """Tell whether another loop runs than before, which has ended: what belonged to it is to be made anew.

        Raises:
            Invalid: the other loop has not ended.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False  # nothing can be awaited here
        before, pid = self._loop, os.getpid()
        if loop is before and pid == self._pid:
            return False
        if before is not None and pid == self._pid and not before.is_closed():
            raise Invalid(
                f"The {self._what} is in use on another event loop, which has not ended.",
                code="invalid.event_loop",
                hint="Make one AsyncMemory for each event loop, or close it (`await memory.close()`) on the one before "
                "it is used on another. Memory, without await, may be shared by all threads and loops.",
            )
        self._loop, self._pid = loop, pid
        return before is not None

    def leave(self) -> None:
        """Belong to no loop, until it is used again."""
        self._loop = None
