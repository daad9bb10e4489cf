"""A call with an Idempotency-Key is done once, however often it comes, and has one answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from mnemon.core.errors import Conflict, Invalid, MnemonError
from mnemon.doors.http.deps import Caller
from mnemon.operations.service.calls import KeptAnswer, RepeatableCall, Repeated

HEADER = "idempotency-key"
_KEY = re.compile(r"[!-~]{1,255}")
#: Headers that are part of the answer.
_HEADERS = ("content-type", "etag", "location")


def key_of(request: Request) -> str | None:
    """Return the key of a call, None if it has none.

    Raises:
        Invalid: it cannot be one.
    """
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid(
            "Idempotency-Key: 1 to 255 visible characters are needed.",
            code="invalid.idempotency_key",
            field="Idempotency-Key",
        )
    return key


async def once(caller: Caller, key: str, asked: bytes, work: Callable[[Caller], Awaitable[Response]]) -> Response:
    """Do the work of a call once, and give its answer each time.

    Args:
        caller: who calls.
        key: the caller's own name for the call.
        asked: what is asked; a repetition asks the same.
        work: does it with the caller that it is given.

    Raises:
        Invalid: the key was used for another request.
        MnemonError: what the work raised; then nothing is kept, and the call may come again.
    """
    call = RepeatableCall(caller.ctx, key, asked)
    first = await call.first_answer()
    if first is not None:
        return _again(first)
    try:
        return await _do(call, caller, work)
    except Repeated:
        first = await call.first_answer()
        if first is None:  # it was refused meanwhile, and has no answer
            raise Conflict("The same call ran at the same time.", code="conflict.retry", hint="Try again.") from None
        return _again(first)


async def _do(call: RepeatableCall, caller: Caller, work: Callable[[Caller], Awaitable[Response]]) -> Response:
    ctx = call.begin()
    try:
        response = await work(replace(caller, ctx=ctx))
    except Repeated:
        await call.roll_back()
        raise
    except MnemonError:
        await call.refuse()
        raise
    except BaseException:
        await call.roll_back()
        raise
    headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    try:
        await call.keep(KeptAnswer(response.status_code, headers, bytes(response.body).decode()))
    except BaseException:
        await call.roll_back()
        raise
    return response


def _again(answer: KeptAnswer) -> Response:
    return Response(answer.body, answer.status, {**answer.headers, "idempotency-replayed": "true"})
