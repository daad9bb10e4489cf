"""Callers that mean no good: bodies without end, heads of a megabyte, connections that say nothing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
import uvicorn

from mnemon.app import App
from mnemon.doors.http.app import create
from mnemon.doors.http.connections import HEAD_SECONDS, Patient
from mnemon.doors.http.options import ServeOptions
from tests.conftest import APP, Server
from tests.factories import new_slug
from tests.patience import PATIENCE

from .serving import Process, first_key, free_port, served
from .world import found

#: What the process may grow by while it is attacked; a body that was kept whole would be more.
ROOM = 96 * 2**20
PART = b"x" * 2**20


@pytest_asyncio.fixture(scope="module")
async def running(server: Server, template: str) -> AsyncIterator[Process]:
    """A server that has answered a few calls."""
    environment = {"DATABASE_URL": server.url(APP), "MNEMON_ORGANIZATION": new_slug()}
    async with served(environment, "--per-minute", "0") as one:
        await first_key(one)
        for _ in range(20):
            assert await answers(one) == 200
        yield one


async def answers(running: Process) -> int:
    """The status of a plain call by somebody else."""
    headers = {"authorization": f"Bearer {running.key}"}
    async with httpx.AsyncClient(base_url=running.url, headers=headers, timeout=PATIENCE) as client:
        return (await client.get("/v1/memories?limit=1")).status_code


async def sent_raw(running: Process, head: bytes, parts: AsyncIterator[bytes] | None = None) -> bytes:
    """What is answered to bytes; sending ends when the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    with contextlib.suppress(ConnectionError):
        writer.write(head)
        await writer.drain()
        if parts is not None:
            async for part in parts:
                writer.write(part)
                await writer.drain()
                if reader.at_eof():
                    break
    content = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE):
            content = await reader.read(4096)
    writer.close()
    return content


def head_of(running: Process, *lines: str) -> bytes:
    """The head of a call to remember."""
    key = running.key
    fixed = ["POST /v1/memories HTTP/1.1", "host: 127.0.0.1", f"authorization: Bearer {key}"]
    return "\r\n".join([*fixed, "content-type: application/json", *lines, "", ""]).encode()


async def gigabyte(chunked: bool) -> AsyncIterator[bytes]:
    """A body of 1 GB, as long as somebody takes it."""
    for _ in range(1024):
        yield b"%x\r\n" % len(PART) + PART + b"\r\n" if chunked else PART


async def test_a_gigabyte_is_refused_before_it_comes(running: Process) -> None:
    before = running.resident
    content = await sent_raw(running, head_of(running, "content-length: 1073741824"))
    assert content.startswith(b"HTTP/1.1 413")
    assert running.resident - before < ROOM


async def test_a_gigabyte_in_pieces_is_refused_when_it_is_too_much(running: Process) -> None:
    before = running.resident
    attacks = [
        sent_raw(running, head_of(running, "transfer-encoding: chunked"), gigabyte(chunked=True)) for _ in range(4)
    ]
    attacking = [asyncio.create_task(attack) for attack in attacks]
    assert await answers(running) == 200
    contents = await asyncio.gather(*attacking)
    assert all(content.startswith(b"HTTP/1.1 413") or not content for content in contents), contents
    assert any(contents)
    assert running.resident - before < ROOM
    assert await answers(running) == 200


async def test_a_head_of_a_megabyte_is_refused(running: Process) -> None:
    before = running.resident
    contents = [await sent_raw(running, head_of(running, "x-long: " + "a" * 2**20)) for _ in range(10)]
    assert all(content.startswith(b"HTTP/1.1 431") or not content for content in contents)
    assert any(contents)
    assert running.resident - before < ROOM
    assert await answers(running) == 200


async def test_a_thousand_silent_connections_hold_nobody_up(running: Process) -> None:
    before, began = running.resident, time.monotonic()
    silent = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(1000)]
    assert await answers(running) == 200
    half = head_of(running, "content-length: 100") + b'{"content'
    stopped = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(50)]
    for _, writer in stopped:
        writer.write(half)
    for _, writer in silent[:100]:
        writer.write(b"POST /v1/memo")  # begun, and never finished
    assert await answers(running) == 200
    async with asyncio.timeout(PATIENCE):
        ends = await asyncio.gather(*(reader.read(1) for reader, _ in silent))
    assert set(ends) == {b""}
    assert time.monotonic() - began >= HEAD_SECONDS - 1
    assert running.resident - before < ROOM
    for _, writer in [*silent, *stopped]:
        writer.close()
    assert await answers(running) == 200


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\x00" * 1000])
async def test_garbage_is_no_call(running: Process, garbage: bytes) -> None:
    content = await sent_raw(running, garbage + b"\r\n\r\n")
    assert content == b"" or content.startswith(b"HTTP/1.1 400")
    assert await answers(running) == 200


@contextlib.asynccontextmanager
async def listening(opened: App, options: ServeOptions) -> AsyncIterator[int]:
    """A server in this process, for limits that a user does not set; its port."""
    port = free_port()
    config = uvicorn.Config(
        create(opened.settings, options, app=opened), http=Patient, port=port, lifespan="on", log_level="critical"
    )
    one = uvicorn.Server(config)
    task = asyncio.create_task(one.serve())
    async with asyncio.timeout(PATIENCE):
        while not one.started:  # noqa: ASYNC110 - what it has for that is a flag
            await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        one.should_exit = True
        await task


async def test_a_body_that_stops_is_given_up(opened: App) -> None:
    town = await found(opened)
    options = ServeOptions(body_seconds=0.3, per_minute=0, mcp=False)
    for kind in ("application/json", "application/x-ndjson"):
        async with listening(opened, options) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = [
                "POST /v1/memories HTTP/1.1",
                "host: 127.0.0.1",
                f"authorization: Bearer {town.owner}",
                f"content-type: {kind}",
                "content-length: 1000",
            ]
            writer.write("\r\n".join([*head, "", '{"content"']).encode())
            async with asyncio.timeout(PATIENCE):
                answer = await reader.readuntil(b"}")
            assert answer.startswith(b"HTTP/1.1 408"), answer
            assert b"invalid.too_slow" in answer
            writer.close()
