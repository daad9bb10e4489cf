"""Work behind the callers: one task a key, in the event loop of who first asked for it, ended when all is closed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from mnemon.core import forks

logger = logging.getLogger(__name__)

#: Seconds after which work that failed is tried again.
_AGAIN = 60.0


class Background:
    """Tasks by what they do, each at most once at a time."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[None]] = {}
        self._not_before: dict[Hashable, float] = {}
        forks.in_child(self)

    def forked(self) -> None:
        """Begin with nothing: the tasks are the parent's."""
        forks.leave(*self._tasks.values())
        self._tasks, self._not_before = {}, {}

    def start(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin work, unless it is under way, or is not to be done again so soon.

        Args:
            key: what is done.
            work: makes the coroutine.
        """
        if self._is_running(key) or time.monotonic() < self._not_before.get(key, 0.0):
            return
        self._tasks[key] = asyncio.get_running_loop().create_task(self._run(key, work), name=f"mnemon-{key}")

    def pause(self, key: Hashable, seconds: float) -> None:
        """Have work not begin again for some time."""
        self._not_before[key] = time.monotonic() + seconds

    def _is_running(self, key: Hashable) -> bool:
        """Tell whether it is under way; a task of another event loop ended with that."""
        task = self._tasks.get(key)
        return task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop()

    async def _run(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except Exception as error:  # whatever it is: nobody waits for it
            self.pause(key, _AGAIN)
            logger.warning("behind the callers: %s failed (%s: %s)", key, type(error).__name__, error)

    async def settled(self) -> None:
        """Wait until nothing is under way any more."""
        while tasks := [task for key, task in self._tasks.items() if self._is_running(key)]:
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """End what is under way."""
        tasks = [task for key, task in self._tasks.items() if self._is_running(key)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
