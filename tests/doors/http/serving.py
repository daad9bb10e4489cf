"""A server as users start it: a process of its own, on a port of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.patience import PATIENCE

_LINK = re.compile(r"http://\S+/setup\?token=(\S+)")


@dataclass(slots=True)
class Process:
    """`mnemon serve` as it runs.

    Attributes:
        said: the lines that it has printed.
        key: of its first administrator.
    """

    process: asyncio.subprocess.Process
    port: int
    said: list[str] = field(default_factory=list)
    key: str = ""

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """What the link of the first administrator carries."""
        found = _LINK.search("\n".join(self.said))
        assert found, self.said
        return found[1]

    @property
    def resident(self) -> int:
        """Bytes of memory that it has."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)

    async def stop(self) -> int:
        """Tell it to stop, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), PATIENCE)


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def served(environment: dict[str, str], *options: str, port: int | None = None) -> AsyncIterator[Process]:
    """Serve for the length of the block; ready when it begins."""
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mnemon",
        "serve",
        "--port",
        str(port),
        "--no-worker",
        *options,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    running = Process(process, port)
    reading = asyncio.create_task(_read(running))
    try:
        await _ready(running)
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.kill()
        await process.wait()
        await reading


async def _read(running: Process) -> None:
    assert running.process.stdout is not None
    async for line in running.process.stdout:
        running.said.append(line.decode().rstrip())


async def _ready(running: Process) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(PATIENCE):
        while True:
            assert running.process.returncode is None, running.said
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"{running.url}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.1)


async def first_key(running: Process) -> str:
    """Come in by the link of the first administrator."""
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        body = {"token": running.token, "email": f"{os.urandom(8).hex()}@example.org"}
        made = await client.post(f"{running.url}/v1/setup", json=body)
        assert made.status_code == 201, made.text
        running.key = made.json()["key"]
        return running.key
