"""Many messages and memories in one call: a line of JSON each, and an answer for each line (NDJSON)."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic_core import from_json, to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from mnemon.core.errors import Invalid, MnemonError
from mnemon.doors.http import bodies, errors
from mnemon.doors.http.deps import Caller
from mnemon.doors.http.options import ServeOptions
from mnemon.memory import service as memory

#: Lines of one transaction, and the bytes after which fewer are.
LINES = 500
BYTES = 2_000_000
#: Lines of one call.
MOST = 1_000_000
_SPILLS = 1_048_576
_READ = 65_536


async def remember_lines(request: Request, caller: Caller, options: ServeOptions) -> Response:
    """Remember every line, and answer with a line for each: its number and its id, or what was wrong with it.

    Lines that are right are kept, whatever the others are. The answer begins when the last line has come.

    Raises:
        Invalid: the body is too large or does not arrive in time; lines before that were kept.
    """
    bodies.refuse_large(request, options.stream_bytes)
    defaults = dict(request.query_params)
    answers = tempfile.SpooledTemporaryFile(max_size=_SPILLS)  # noqa: SIM115 - closed when it was sent
    number, batch, size = 0, list[bytes](), 0
    try:
        async for line in _lines(request, options):
            batch.append(line)
            size += len(line)
            if len(batch) >= LINES or size >= BYTES:
                await _answer(answers, caller, batch, number, defaults)
                number, batch, size = number + len(batch), [], 0
                _refuse_more(number)
        await _answer(answers, caller, batch, number, defaults)
    except BaseException:
        answers.close()
        raise
    answers.seek(0)
    return StreamingResponse(_sent(answers), 200, media_type=bodies.NDJSON)


def _refuse_more(lines: int) -> None:
    if lines >= MOST:
        raise Invalid(f"A call has at most {MOST:,} lines.", code="invalid.too_large", limit=MOST)


async def _lines(request: Request, options: ServeOptions) -> AsyncIterator[bytes]:
    """Yield the lines of a body as they come; those that are blank are none."""
    open_line, total = bytearray(), 0
    stream = request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(options.body_seconds):
                part = await anext(stream)
        except StopAsyncIteration:
            break
        except TimeoutError:
            raise Invalid("The next lines did not arrive in time.", code="invalid.too_slow") from None
        except ClientDisconnect:
            raise Invalid("The body ended before its end.", code="invalid.body") from None
        total += len(part)
        if total > options.stream_bytes:
            raise bodies.too_large(options.stream_bytes)
        open_line += part
        if len(open_line) > options.body_bytes and b"\n" not in open_line:
            raise bodies.too_large(options.body_bytes)
        *whole, last = open_line.split(b"\n")
        open_line = bytearray(last)
        for line in whole:
            if line.strip():
                yield bytes(line)
    if open_line.strip():
        yield bytes(open_line)


async def _answer(file: Any, caller: Caller, lines: list[bytes], before: int, defaults: Mapping[str, Any]) -> None:
    """Remember lines in one transaction, or one by one where something is wrong with one of them."""
    if not lines:
        return
    try:
        ids = await _remember(caller, lines, defaults)
        answers = [{"line": before + at, "id": id_} for at, id_ in enumerate(ids, 1)]
    except MnemonError as error:
        if error.kind == "unavailable":
            raise
        answers = [await _one(caller, line, before + at, defaults) for at, line in enumerate(lines, 1)]
    await run_in_threadpool(file.write, b"".join(to_json(each) + b"\n" for each in answers))


async def _one(caller: Caller, line: bytes, number: int, defaults: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"line": number, "id": (await _remember(caller, [line], defaults))[0]}
    except MnemonError as error:
        problem = errors.document(error, "")
        return {
            "line": number,
            "error": {name: problem[name] for name in ("code", "detail", "field") if name in problem},
        }


async def _remember(caller: Caller, lines: list[bytes], defaults: Mapping[str, Any]) -> list[Any]:
    items = [_parsed(line) for line in lines]
    request = await bodies.remember_of(caller.ctx, {"items": items, **defaults})
    if len(request.items) != len(items):
        raise Invalid("A line is one message or one memory.", code="invalid.line")
    return list((await memory.remember(caller.ctx, request)).ids)


def _parsed(line: bytes) -> Any:
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError as error:
        raise Invalid(f"The line is no JSON: {error}.", code="invalid.json") from None


async def _sent(file: Any) -> AsyncIterator[bytes]:
    with file:
        while part := await run_in_threadpool(file.read, _READ):
            yield part
