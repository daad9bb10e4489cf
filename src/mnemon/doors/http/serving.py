"""What the calls of one process share: the open application, its limits, and what it notes."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING

from pydantic import SecretStr
from starlette.requests import Request

from mnemon.app import App
from mnemon.core.cache import Cache
from mnemon.core.errors import Unavailable
from mnemon.doors.http.options import ServeOptions
from mnemon.doors.http.pace import Pace

if TYPE_CHECKING:
    from fastapi import FastAPI

#: Seconds for which it is believed what a caller may do; whether their key still counts is looked at each time.
FRESH = 1.0
_CALLERS = 10_000

#: Finds the access token of who is signed in with cookies; None where a call has none. It may refuse the call.
SessionOf = Callable[[Request], Awaitable[SecretStr | None]]


class _Process:
    """What is true of the whole process."""

    stopping = False


def is_stopping() -> bool:
    """Tell whether the process was told to stop; what runs goes on, streams end."""
    return _Process.stopping


@contextlib.contextmanager
def noticing_stop() -> Iterator[None]:
    """Notice when the process is told to stop, before whoever handles the signal does."""
    _Process.stopping = False
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def notice(number: int, frame: FrameType | None) -> None:
        _Process.stopping = True
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, notice)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is notice:
                signal.signal(number, handler)


@dataclass(slots=True)
class Serving:
    """What the calls of one process share.

    Attributes:
        options: how it serves.
        session_of: finds the access token of who is signed in with cookies.
        callers: what those may do who called a moment ago, by the hash of their key; not whether that still counts.
    """

    options: ServeOptions
    session_of: SessionOf | None = None
    callers: Cache = field(default_factory=lambda: Cache(_CALLERS, FRESH))
    _app: App | None = None
    _pace: Pace | None = None

    @property
    def app(self) -> App:
        """The open application.

        Raises:
            Unavailable: it is not open yet, or not any more.
        """
        if self._app is None:
            raise Unavailable("The server is starting or stopping.", code="unavailable.busy")
        return self._app

    @property
    def pace(self) -> Pace:
        """Counts calls, those of all doors together.

        Raises:
            Unavailable: the application is not open yet, or not any more.
        """
        if self._pace is None:
            self._pace = Pace(self.options, self.app.settings.redis_url)
        return self._pace

    @contextlib.asynccontextmanager
    async def open(self, app: App) -> AsyncIterator[None]:
        """Serve from an open application for the length of the block."""
        self._app = app
        try:
            yield
        finally:
            self._app = None
            if self._pace is not None:
                pace, self._pace = self._pace, None
                await pace.close()


def serving_of(app: FastAPI) -> Serving:
    """Return what an application made by ``app.create`` serves with."""
    serving: Serving = app.state.serving
    return serving
