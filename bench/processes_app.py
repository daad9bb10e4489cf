"""What servers and pools of processes serve in ``processes``: one memory, in use before they fork."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from mnemon import AsyncMemory, Memory

MEMORY = Memory()
ASYNC = AsyncMemory()


def warm() -> None:
    """Use both memories, as an application does that is loaded before the fork."""
    MEMORY.remember("Said before the fork, and awaited nowhere.", user="parent")
    asyncio.run(_warm())


async def _warm() -> None:
    await ASYNC.remember("Said before the fork, on an event loop.", user="parent")


def call(number: str) -> dict[str, Any]:
    """One call: something is remembered and found again."""
    said = f"Box number {number} is in the cellar."
    MEMORY.remember(said, user=f"user-{number}")
    found = MEMORY.search(f"Where is box {number}?", user=f"user-{number}").hits
    return {"number": number, "process": os.getpid(), "found": [hit.content for hit in found] == [said]}


async def async_call(number: str) -> dict[str, Any]:
    """As :func:`call`, awaited."""
    said = f"Box number {number} is in the cellar."
    await ASYNC.remember(said, user=f"user-{number}")
    found = (await ASYNC.search(f"Where is box {number}?", user=f"user-{number}")).hits
    return {"number": number, "process": os.getpid(), "found": [hit.content for hit in found] == [said]}


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The call as a WSGI application: ``/?NUMBER``."""
    body = json.dumps(call(environ["QUERY_STRING"])).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The call as an ASGI application; it closes its memory when the server ends."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await ASYNC.close()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = json.dumps(await async_call(scope["query_string"].decode())).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


def pool(method: str, calls: int) -> list[dict[str, Any]]:
    """The calls from a pool of two processes that are replaced now and then, while their parent goes on."""
    warm()
    context = multiprocessing.get_context(method)
    turns = max(2, calls // (8 if method == "fork" else 2))  # a process that is not forked takes seconds to begin
    with context.Pool(2, maxtasksperchild=turns) as workers:
        under_way = [workers.apply_async(call, (str(number),)) for number in range(calls)]
        answers = []
        for one in under_way:
            answers.append(one.get(timeout=120))
            MEMORY.search("before the fork", user="parent")
        workers.close()
        workers.join()
    return answers


if os.environ.get("WARM_BEFORE_FORK"):
    warm()

if __name__ == "__main__":
    from bench import processes_app  # by the name that a spawned process knows it by too

    print(json.dumps(processes_app.pool(sys.argv[1], int(sys.argv[2]))))
