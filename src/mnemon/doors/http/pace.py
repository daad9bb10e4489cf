"""How many calls may come: of each key or session, and of each address that nobody is known at.

They are counted in Redis, where there is one, for all processes together; else, and while it is gone, in this process
alone: then each process lets as many in.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from pydantic import SecretStr

from mnemon.core.shared import PATIENCE, PAUSE
from mnemon.doors.http.errors import TooMany
from mnemon.doors.http.options import ServeOptions

logger = logging.getLogger(__name__)

#: Calls a minute of one address by nobody who is known; then it is told to wait, whatever key it brings.
UNKNOWN = 120
_PREFIX = "mnemon-pace"


class Pace:
    """Counts calls.

    Args:
        options: how many may come.
        redis_url: where they are counted for all processes; None: in this one.
    """

    def __init__(self, options: ServeOptions, redis_url: SecretStr | None = None) -> None:
        self._here = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._storage = None if redis_url is None else _storage(redis_url.get_secret_value())
        self._shared = None if self._storage is None else SlidingWindowCounterRateLimiter(self._storage)
        self._silent_until = 0.0
        self._steady = RateLimitItemPerMinute(options.per_minute) if options.per_minute else None
        self._burst = RateLimitItemPerSecond(options.burst) if options.per_minute else None
        self._unknown = RateLimitItemPerMinute(UNKNOWN)

    async def take(self, name: str) -> None:
        """Count a call of somebody who is known.

        Raises:
            TooMany: there were more than may come.
        """
        for item in (self._burst, self._steady):
            if item is not None:
                await self._count(item, name)

    async def take_unknown(self, address: str) -> None:
        """Count a call of nobody who is known.

        Raises:
            TooMany: there were more than may come.
        """
        if self._steady is not None:
            await self._count(self._unknown, "unknown", address)

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._storage is not None:
            bridge: Any = self._storage.bridge
            await bridge.storage.aclose()

    async def _count(self, item: RateLimitItem, *names: str) -> None:
        wait = await self._in_redis(item, *names)
        if wait is None:
            wait = await _hit(self._here, item, *names)
        if wait:
            raise TooMany(wait)

    async def _in_redis(self, item: RateLimitItem, *names: str) -> int | None:
        """Count there; None where Redis is gone, and for a second after that."""
        if self._shared is None or time.monotonic() < self._silent_until:
            return None
        try:
            async with asyncio.timeout(2 * PATIENCE):
                return await _hit(self._shared, item, *names)
        except (StorageError, OSError, TimeoutError) as error:
            logger.warning("redis_is_gone: %s", type(error).__name__)
            self._silent_until = time.monotonic() + PAUSE
            return None


async def _hit(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *names: str) -> int:
    """Count a call; 0 if it may come, else after how many seconds to come again."""
    if await limiter.hit(item, *names):
        return 0
    window = await limiter.get_window_stats(item, *names)
    return max(1, min(60, round(window.reset_time - time.time() + 0.5)))


def _storage(url: str) -> RedisStorage:
    """Return the counts in a Redis; nothing is connected yet."""
    place = url.replace("unix://", "redis+unix://", 1)
    patience = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
    return RedisStorage(
        f"async+{place}", wrap_exceptions=True, implementation="redispy", key_prefix=_PREFIX, **patience
    )
