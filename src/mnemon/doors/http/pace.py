"""How many calls may come: of each key or session, and of each address that nobody is known at."""

from __future__ import annotations

import time

from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from mnemon.doors.http.errors import TooMany
from mnemon.doors.http.options import ServeOptions

#: Calls a minute of one address by nobody who is known; then it is told to wait, whatever key it brings.
UNKNOWN = 120


class Pace:
    """Counts calls, in this process.

    Args:
        options: how many may come.
    """

    def __init__(self, options: ServeOptions) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._steady = RateLimitItemPerMinute(options.per_minute) if options.per_minute else None
        self._burst = RateLimitItemPerSecond(options.burst) if options.per_minute else None
        self._unknown = RateLimitItemPerMinute(UNKNOWN)

    async def take(self, name: str) -> None:
        """Count a call of somebody who is known.

        Raises:
            TooMany: there were more than may come.
        """
        for item in (self._burst, self._steady):
            if item is not None and not await self._limiter.hit(item, name):
                raise TooMany(await self._wait(item, name))

    async def take_unknown(self, address: str) -> None:
        """Count a call of nobody who is known.

        Raises:
            TooMany: there were more than may come.
        """
        if self._steady is not None and not await self._limiter.hit(self._unknown, "unknown", address):
            raise TooMany(await self._wait(self._unknown, "unknown", address))

    async def _wait(self, item: RateLimitItemPerMinute | RateLimitItemPerSecond, *names: str) -> int:
        """Return after how many seconds to come again."""
        window = await self._limiter.get_window_stats(item, *names)
        return max(1, min(60, round(window.reset_time - time.time() + 0.5)))
