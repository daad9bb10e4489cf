"""Servers on loopback that webhooks are sent to: good ones, and those that misbehave. Each speaks bytes on a socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mnemon.core.networks import parse_networks

LOOPBACK = parse_networks("127.0.0.0/8")


@dataclass(slots=True)
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass(slots=True)
class Receiver:
    """A server that keeps what it was sent, and answers as it is told to."""

    answer: Callable[[Receiver, asyncio.StreamWriter], Awaitable[None]]
    port: int = 0
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    written: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.received.append(Received(lines[0].split(" ")[1], headers, body))
            await self.answer(self, writer)
        with contextlib.suppress(ConnectionError):
            writer.close()


def says(status: str, body: bytes = b"", *headers: str) -> Callable[[Receiver, asyncio.StreamWriter], Awaitable[None]]:
    """An answer of these bytes."""

    async def answer(_receiver: Receiver, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return answer


async def silent(_receiver: Receiver, _writer: asyncio.StreamWriter) -> None:
    """No answer for as long as anybody waits."""
    await asyncio.sleep(3600)


async def dripping(_receiver: Receiver, writer: asyncio.StreamWriter) -> None:
    """A header that never ends, a byte at a time: no single wait is long."""
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def endless(receiver: Receiver, writer: asyncio.StreamWriter) -> None:
    """A body without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()
        receiver.written += 65_536


async def nonsense(_receiver: Receiver, writer: asyncio.StreamWriter) -> None:
    """Something that is no HTTP."""
    writer.write(b"220 smtp.example.org ESMTP\r\n")
    await writer.drain()


@asynccontextmanager
async def receiving(
    answer: Callable[[Receiver, asyncio.StreamWriter], Awaitable[None]] | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Receiver]:
    """Run a server while the block does."""
    receiver = Receiver(answer or says("200 OK"))
    server = await asyncio.start_server(receiver.serve, host, port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
