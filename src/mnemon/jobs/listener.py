"""What wakes a worker: NOTIFY, on a connection of its own, where the way to the server lets it through."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from mnemon.core.errors import MnemonError
from mnemon.db.errors import translated
from mnemon.db.session import Database

logger = logging.getLogger(__name__)

CHANNEL = "mnemon_jobs"
#: What a worker hears when it begins to hear: it looks for itself what it has missed.
LISTENING = "listening"
#: Seconds in which a notification of our own must come back: behind a transaction pooler none ever does.
ECHO = 2.0
#: Seconds until it is tried again: after a lost connection, and where notifications do not come through.
RECONNECT = 1.0
AGAIN = 300.0


class Listener:
    """Listens for as long as it runs; while it does not hear, its worker looks by itself from time to time.

    Args:
        database: as the application role.
        heard: called with the payload of each notification.
    """

    def __init__(self, database: Database, heard: Callable[[str], None]) -> None:
        self.database = database
        self.works = False
        self._heard = heard

    async def run(self) -> None:
        """Listen until cancelled, over restarts of the server."""
        while True:
            pause = RECONNECT
            try:
                if not await self._listen():
                    logger.info("notifications do not come through (a transaction pooler?): polling")
                    pause = AGAIN
            except MnemonError as error:
                logger.info("listening ended: %s", error.code)
            finally:
                self.works = False
            await asyncio.sleep(pause)

    async def _listen(self) -> bool:
        """Listen until the connection ends; False if nothing comes through."""
        ended, echo = asyncio.Event(), asyncio.Event()
        token = f"echo {uuid4()}"

        def receive(_connection: Any, _pid: int, _channel: str, payload: str) -> None:
            if payload == token:
                echo.set()
            elif not payload.startswith("echo "):
                self._heard(payload)

        with translated():
            async with self.database.engine.connect() as pooled:
                raw = await pooled.get_raw_connection()
                driver: Any = raw.driver_connection
                try:
                    driver.add_termination_listener(lambda _: ended.set())
                    await driver.add_listener(CHANNEL, receive)
                    # From another connection: a pooler may well give ours back to itself.
                    async with self.database.untenanted() as other:
                        await other.execute("SELECT pg_notify($1, $2)", CHANNEL, token)
                    try:
                        await asyncio.wait_for(echo.wait(), ECHO)
                    except TimeoutError:
                        return ended.is_set()
                    self.works = True
                    self._heard(LISTENING)  # whatever was said before, nobody heard
                    await ended.wait()
                    return True
                finally:
                    await pooled.invalidate()  # nobody else is to get a connection that listens
