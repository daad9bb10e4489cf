"""A server of the user's own with PgBouncer in front, as `mnemon ops pgbouncer` configures it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from mnemon import Settings
from mnemon.doors.cli.main import main
from tests.db.own_server import PASSWORD, OwnServer
from tests.factories import upgrade
from tests.patience import PATIENCE

SERVERS = 20
LOGIN = "pooled_app"
WORKS = "pooled_worker"

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
needs_pgbouncer = pytest.mark.skipif(
    PROGRAM is None, reason="PgBouncer is not installed; `make test` as root installs Debian's package"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Pooled:
    """A server and the pooler in front of it."""

    def __init__(self) -> None:
        self.server = OwnServer()
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, directory: Path) -> None:
        """Write the configuration with the command, from the settings that an application has."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", self.server.url(LOGIN, PASSWORD, "pooled"))
            patch.setenv("DATABASE_WORKER_URL", self.server.url(WORKS, PASSWORD, "pooled"))
            arguments = ["--listen-port", str(self.port), "--pool-size", str(SERVERS), "--out", str(directory)]
            assert main(["ops", "pgbouncer", *arguments, "--quiet"]) == 0

    def start(self, directory: Path) -> None:
        account: dict[str, Any] = {}
        if self.server.account.switch:
            for path in [directory, *directory.iterdir()]:
                os.chown(path, self.server.account.uid, self.server.account.gid)
            account = {"user": self.server.account.uid, "group": self.server.account.gid, "extra_groups": []}
        assert PROGRAM is not None
        with (self.server.home / "pooler.log").open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, directory / "pgbouncer.ini"], stdout=log, stderr=log, cwd=directory, **account
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(self.log())

    def log(self) -> str:
        return (self.server.home / "pooler.log").read_text()[-2000:]

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
            self.process = None

    def settings(self, *, password: str = PASSWORD, **changes: Any) -> Settings:
        """An application's and a worker's, through the pooler."""
        url = f"postgresql://{LOGIN}:{password}@127.0.0.1:{self.port}/pooled"
        options: dict[str, Any] = {"database_pool_size": 50, "database_pool_overflow": 0, "auto_maintenance": False}
        options["database_worker_url"] = url.replace(LOGIN, WORKS)
        return Settings(database_url=url, database_pooler="transaction", **{**options, **changes})

    async def admin(self) -> Any:
        """A superuser's connection to the server itself."""
        return await asyncpg.connect(self.server.url(database="pooled"))


@asynccontextmanager
async def pooled_server() -> AsyncIterator[Pooled]:
    """Both of them, with the schema and both logins."""
    made = Pooled()
    try:
        connection = await asyncpg.connect(made.server.url())
        await connection.execute("CREATE DATABASE pooled")
        await connection.close()
        await upgrade(made.server.url(database="pooled").replace("postgresql://", "postgresql+asyncpg://"))
        connection = await made.admin()
        await connection.execute(f"CREATE ROLE {LOGIN} LOGIN PASSWORD '{PASSWORD}' IN ROLE mnemon_app")
        await connection.execute(f"CREATE ROLE {WORKS} LOGIN PASSWORD '{PASSWORD}' IN ROLE mnemon_worker")
        await connection.close()
        directory = made.server.home / "pooler"
        made.configure(directory)
        made.start(directory)
        yield made
    finally:
        made.stop()
        made.server.close()
