"""A throw-away embedded server with replicas, made and kept by the product; gone when the tests are."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg

from mnemon import AsyncMemory, MnemonError, Settings
from mnemon.app import App
from mnemon.db import embedded
from mnemon.db.embedded import state as written
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.layout import Layout
from mnemon.db.embedded.sockets import socket_dir_of
from mnemon.db.replicas import ReplicaState
from mnemon.installation import replicas
from mnemon.installation.replicas import registry
from mnemon.installation.replicas.addresses import endpoint
from tests.conftest import place
from tests.patience import PATIENCE


class Cluster:
    """A primary and its replicas, below one directory."""

    def __init__(self) -> None:
        self.home = place()
        self.data = self.home / "data"

    def settings(self, **changes: Any) -> Settings:
        options: dict[str, Any] = {"data_dir": self.data, "auto_maintenance": False, "database_pool_size": 10}
        return Settings(**{**options, **changes})

    def memory(self, **changes: Any) -> AsyncMemory:
        return AsyncMemory(self.settings(**changes))

    def cli(self, *arguments: str) -> subprocess.Popen[str]:
        """A `mnemon` of its own, on this data directory."""
        command = [sys.executable, "-m", "mnemon", "--data-dir", str(self.data), "--json", *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.home)

    def replica(self, name: str) -> embedded.Endpoint:
        return endpoint(registry.load(self.data).find(name), 18)

    async def ask(self, name: str | None, sql: str, *arguments: Any) -> Any:
        """One value as the administrator: of a replica, or of the primary."""
        where = self.replica(name) if name else embedded.status(self.data).endpoint
        assert where is not None
        connection = await asyncpg.connect(where.url(embedded.ADMIN_ROLE, driver="postgresql"), timeout=PATIENCE)
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()

    def processes(self, data: Path) -> list[int]:
        """The supervisor and every process of PostgreSQL on a data directory."""
        found = written.read(Layout.of(data))  # what it says of itself: a frozen one answers nothing
        assert found is not None
        postmaster = found.postmaster_pid
        assert found.supervisor_pid
        assert postmaster
        children = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                if path.read_text().rpartition(")")[2].split()[1] == str(postmaster):
                    children.append(int(path.parent.name))
        return [found.supervisor_pid, postmaster, *children]

    def tell(self, name: str, number: signal.Signals) -> None:
        """Send a signal to every process of a replica; one that has just ended needs none."""
        self._send(self.replica(name).data_dir, number)

    def _send(self, data: Path, number: signal.Signals) -> None:
        for pid in self.processes(data):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self, data: Path) -> None:
        """kill -9 of all of them, so that nobody starts the server again."""
        self._send(data, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while embedded.status(data).running and time.monotonic() < deadline:
            time.sleep(0.02)

    def close(self) -> None:
        """Stop every server below the directory, whatever became of it, and remove it."""
        for version in self.home.rglob("PG_VERSION"):
            if (version.parent / "global").is_dir() and Layout.of(version.parent).control.is_dir():
                with suppress(MnemonError):
                    embedded.stop(version.parent)
                # What a killed server leaves where its socket was.
                shutil.rmtree(socket_dir_of(Layout.of(version.parent), server_account().uid), ignore_errors=True)
        shutil.rmtree(self.home)


def app_of(memory: AsyncMemory) -> App:
    assert memory._app is not None
    return memory._app


def states(memory: AsyncMemory) -> dict[str, ReplicaState]:
    return {one.name: one for one in app_of(memory).database.replicas}


async def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait for something that other processes do."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def told(cluster: Cluster, name: str | None, sql: str, *arguments: Any) -> None:
    """Wait until a server says that something is so."""
    deadline = time.monotonic() + PATIENCE
    while not await cluster.ask(name, sql, *arguments):
        assert time.monotonic() < deadline, "it did not become so in time"
        await asyncio.sleep(0.005)


async def serving(memory: AsyncMemory, *names: str) -> None:
    """Wait until reads go to these replicas."""
    await until(lambda: all(states(memory)[name].serving for name in names))


async def caught_up(cluster: Cluster, *names: str) -> None:
    """Wait until these have replayed what the primary has now."""
    target = await cluster.ask(None, "SELECT pg_current_wal_flush_lsn()::text")
    for name in names:
        await told(cluster, name, "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", target)


async def add(cluster: Cluster, *names: str, synchronous: bool = False) -> None:
    await replicas.add(cluster.settings(), cluster.data, names, synchronous=synchronous)
