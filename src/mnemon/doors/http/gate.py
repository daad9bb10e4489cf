"""What every call goes through: an id, a time limit, headers, and an answer whatever happens."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from mnemon.core.errors import Unavailable
from mnemon.doors.http import errors
from mnemon.doors.http.calls import Calls

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Watch(Protocol):
    """Sees calls begin and end."""

    def begin(self) -> None:
        """See a call begin."""

    def end(self, request: Request, status: int, sent: int, seconds: float) -> None:
        """See a call end: its status, the bytes of its answer, and how long it took."""


class Gate:
    """The outermost application: gives each call an id, ends it in time, and answers what nobody else has.

    Args:
        app: what answers calls.
        seconds: that a call may take until its answer begins.
        watch: told of each call when it begins and when it has ended.
        calls: answers the calls of verbs, which most are, without the way through the others' routers.
    """

    def __init__(self, app: Application, seconds: float, watch: Watch, calls: Calls) -> None:
        self._app = app
        self._calls = calls
        self._seconds = seconds
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = _id_of(request)
        answer, began = _Answer(send, scope), time.perf_counter()
        self._watch.begin()
        try:
            async with asyncio.timeout(self._seconds) as limit:
                state["limit"] = answer.limit = limit
                await self._pass(scope, receive, answer)
        except TimeoutError:
            late = Unavailable("It took too long.", code="unavailable.time_limit", hint="Ask for less at a time.")
            await self._fail(late, answer, scope, receive)
        except Exception as error:
            logger.exception("request_failed: id=%s", state["request_id"])
            await self._fail(error, answer, scope, receive)
        finally:
            self._see_end(request, answer, time.perf_counter() - began)

    async def _pass(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if self._calls.has(scope["path"]):
            response = await self._calls.answer(Request(scope, receive))
            await response(scope, receive, answer)
        else:
            await self._app(scope, receive, answer)

    def _see_end(self, request: Request, answer: _Answer, seconds: float) -> None:
        try:
            self._watch.end(request, answer.status, answer.sent, seconds)
        except Exception:  # what is noted of a call is not a part of it
            logger.exception("call_not_noted")

    async def _fail(self, error: Exception, answer: _Answer, scope: Scope, receive: Receive) -> None:
        scope["state"]["error"] = error
        answer.limit = None  # it is over
        if not answer.began:
            await errors.response(error, scope["state"]["request_id"])(scope, receive, answer)


class _Answer:
    """Sends an answer, with the headers that all have; from its beginning on it may take its time."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send = send
        self._scope = scope
        self.began = False
        self.status = 500
        self.sent = 0
        self.limit: asyncio.Timeout | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.began = True
            self.status = message["status"]
            if self.limit is not None:
                self.limit.reschedule(None)
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self._scope["state"]["request_id"]
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        elif message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
        await self._send(message)


def _id_of(request: Request) -> str:
    """Return the id that the caller gave, if it can be one, else a new one."""
    named = request.headers.get("x-request-id", "")
    return named if _REQUEST_ID.fullmatch(named) else uuid4().hex
