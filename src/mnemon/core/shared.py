"""A cache that processes share, in Redis: in front of the database, never instead of it.

It is not trusted and not waited for: what it gives back is checked by whoever put it in, and where it is gone or slow
every look-up is a miss.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from mnemon.core import forks
from mnemon.core.errors import Unavailable
from mnemon.core.loops import Home

if TYPE_CHECKING:
    from redis.asyncio import Redis

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds that an answer is waited for, and seconds that nobody asks again after there was none.
PATIENCE, PAUSE = 0.1, 1.0


class SharedCache:
    """Values by key, in Redis.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``, with its login.

    Raises:
        Unavailable: the library redis is not installed.
    """

    def __init__(self, url: SecretStr) -> None:
        try:
            import redis.asyncio
        except ImportError:
            raise Unavailable(
                "REDIS_URL is set, and the library redis is not installed.",
                code="unavailable.redis",
                hint="pip install 'mnemon[redis]', or unset REDIS_URL.",
            ) from None
        self._library = redis
        self._url = url
        self._home = Home("cache in Redis")
        self._client: Redis | None = None
        self._silent_until = 0.0
        forks.in_child(self)

    def forked(self) -> None:
        """Leave the connections to the parent."""
        forks.leave(self._client)
        self._client = None

    def __repr__(self) -> str:
        return "SharedCache()"

    @property
    def client(self) -> Redis:
        """The connections of this event loop."""
        if self._home.moved() or self._client is None:
            self._client = self._library.asyncio.Redis.from_url(
                self._url.get_secret_value(), socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
            )
        return self._client

    async def get(self, keys: Sequence[str]) -> list[bytes | None] | None:
        """Return the values of keys; None where Redis is gone."""

        async def run() -> list[bytes | None]:
            values: Any = await self.client.mget(list(keys))  # bytes: answers are not decoded
            return list(values)

        return await self._asked(run)

    async def put(self, values: Mapping[str, bytes], seconds: float, *, only_new: bool = False) -> bool:
        """Put values for some seconds; whether Redis took them."""

        async def run() -> bool:
            async with self.client.pipeline(transaction=False) as pipe:
                for key, value in values.items():
                    pipe.set(key, value, px=int(seconds * 1000), nx=only_new)
                await pipe.execute()
            return True

        return bool(await self._asked(run))

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None and not self._home.moved():
            await client.aclose()
        self._home.leave()

    async def _asked(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """Ask Redis; None where it is gone, and for a second after that."""
        if time.monotonic() < self._silent_until:
            return None
        errors: Any = (self._library.RedisError, OSError, TimeoutError)
        try:
            async with asyncio.timeout(PATIENCE * 2):
                return await call()
        except errors as error:
            logger.warning("redis_is_gone: %s", type(error).__name__)
            self._silent_until = time.monotonic() + PAUSE
            return None
