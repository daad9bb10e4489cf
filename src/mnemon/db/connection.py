"""The driver's connection, as far as statements of ours need it; and what becomes of one that is left behind."""

from __future__ import annotations

import socket
import time
import weakref
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol

from mnemon.core import forks


class Connection(Protocol):
    """asyncpg's connection inside a transaction that :class:`mnemon.db.session.Database` began."""

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Return every row."""
        ...

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Return the first row, or None."""
        ...

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        ...

    async def execute(self, query: str, *args: Any) -> str:
        """Return the command's tag, such as ``UPDATE 3``."""
        ...


#: Seconds that a server has to let a connection go, or to leave a statement that was cancelled.
LEAVES = 2.0
_SILENCE = 10.0  # seconds for which a server that did not answer is not asked again


class Drivers:
    """The driver's connections of one pool, or of nobody's, as long as they live."""

    def __init__(self) -> None:
        self._open: weakref.WeakSet[Any] = weakref.WeakSet()
        self._silent_until = 0.0
        forks.in_child(self)

    def add(self, driver: Any) -> None:
        """Note a connection that has just been opened."""
        self._open.add(driver)

    def forked(self) -> None:
        """Leave the connections to the parent, whose they are: no word to the server, and no descriptor of them."""
        for driver, place in self._disarmed():
            forks.let_go(place.fileno())
            forks.leave(driver)

    async def close(self, driver: Any) -> None:
        """Close a connection with a word to its server, which has :data:`LEAVES` for it; a silent one is asked once."""
        if time.monotonic() < self._silent_until:
            driver.terminate()
            return
        try:
            await driver.close(timeout=LEAVES)
        except TimeoutError:
            self._silent_until = time.monotonic() + _SILENCE
        except OSError:
            return  # it is gone already

    def terminate(self) -> None:
        """End every connection now, those that wait for an answer too: they get an error."""
        for driver in list(self._open):
            driver.terminate()

    def hang_up(self) -> None:
        """End the connections of an event loop that has ended: nothing can be sent to the server by it."""
        for _, place in self._disarmed():
            with suppress(OSError):
                place.shutdown(socket.SHUT_RDWR)

    def _disarmed(self) -> Iterable[tuple[Any, socket.socket]]:
        """Yield each connection, which takes itself for closed from now on, and its socket."""
        for driver in list(self._open):
            self._open.discard(driver)
            # The driver has no other way to give up a connection without its event loop.
            driver._aborted = True  # noqa: SLF001
            place = None if driver._transport is None else driver._transport.get_extra_info("socket")  # noqa: SLF001
            if place is not None and place.fileno() >= 0:
                yield driver, place


_alone = Drivers()


async def connect(*args: Any, **options: Any) -> Any:
    """Open a connection outside any pool, as asyncpg's ``connect`` does; a forked child leaves it alone."""
    import asyncpg

    driver = await asyncpg.connect(*args, **options)
    _alone.add(driver)
    return driver
