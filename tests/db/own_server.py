"""A PostgreSQL of the user's own: over TCP, with passwords, kept by nobody but the test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg

from mnemon.db import embedded
from mnemon.db.embedded.account import server_account
from tests.factories import upgrade
from tests.patience import PATIENCE

PASSWORD = "correct-horse"


class OwnServer:
    """A server with scram passwords on loopback.

    Args:
        with_vector: False leaves pgvector out, as on a server where nobody installed it.
        options: settings of the server, by name.
        environment: variables that the server starts with, besides the few it needs.
    """

    def __init__(
        self,
        *,
        with_vector: bool = True,
        options: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.options = {"fsync": "off", "shared_buffers": "32MB", **(options or {})}
        self.environment = dict(environment or {})
        self.account = server_account()
        self.home = Path(tempfile.mkdtemp(prefix="mn-own-", dir="/tmp"))
        # A copy, so that the account of the server reaches it wherever the package is installed; the libraries that
        # the programs were linked with lie beside the package.
        installed = embedded.binaries(18).parent
        site = installed.parent.parent
        copy = self.home / "site" / installed.relative_to(site)
        shutil.copytree(installed, copy, symlinks=True)
        for libraries in site.glob(f"{installed.parent.name}.libs"):
            shutil.copytree(libraries, self.home / "site" / libraries.name)
        self.programs = copy / "bin"
        if not with_vector:
            for path in copy.rglob("vector*"):
                path.unlink() if path.is_file() else None
        (self.home / "password").write_text(PASSWORD)
        if self.account.switch:
            for path in [self.home, *self.home.rglob("*")]:
                os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._run(
            "initdb",
            "-D",
            "data",
            "-U",
            "root_role",
            "-E",
            "UTF8",
            "--no-locale",
            "-A",
            "scram-sha-256",
            "--pwfile",
            "password",
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.process = self._spawn()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            ready = subprocess.run(
                [self.programs / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q"], check=False
            )
            if ready.returncode == 0:
                return
            if self.process.poll() is not None:
                # After a kill, sessions of the dead server may hold its shared memory for another moment.
                self.process = self._spawn()
            time.sleep(0.1)
        raise AssertionError((self.home / "log").read_text()[-2000:])

    def kill(self) -> None:
        """kill -9 of the postmaster; its children notice and go."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.05)

    def close(self) -> None:
        """Stop and remove."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)
        shutil.rmtree(self.home, ignore_errors=True)

    def url(self, role: str = "root_role", password: str = PASSWORD, database: str = "postgres") -> str:
        """A URL with the password in it, as users write it."""
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    async def prepared(self, database: str) -> str:
        """Make a database at head with logins of its own for application and workers; the application's URL."""
        connection = await asyncpg.connect(self.url())
        await connection.execute(f"CREATE DATABASE {database}")
        await connection.close()
        await upgrade(self.url(database=database).replace("postgresql://", "postgresql+asyncpg://"))
        connection = await asyncpg.connect(self.url(database=database))
        await connection.execute(f"CREATE ROLE {database}_app LOGIN PASSWORD '{PASSWORD}' IN ROLE mnemon_app")
        await connection.execute(f"CREATE ROLE {database}_worker LOGIN PASSWORD '{PASSWORD}' IN ROLE mnemon_worker")
        await connection.close()
        return self.url(role=f"{database}_app", database=database)

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                self.programs / "postgres",
                "-D",
                "data",
                "-k",
                "",
                "-c",
                "listen_addresses=127.0.0.1",
                "-p",
                str(self.port),
                *(part for name, value in self.options.items() for part in ("-c", f"{name}={value}")),
            ],
            stdout=subprocess.DEVNULL,
            stderr=(self.home / "log").open("ab"),
            **self._as(self.environment),
        )

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([self.programs / program, *arguments], check=True, stdout=subprocess.DEVNULL, **self._as())

    def _as(self, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
        variables = {"PATH": os.environ["PATH"], "LC_ALL": "C", **(environment or {})}
        settings: dict[str, Any] = {"cwd": self.home, "env": variables}
        if self.account.switch:
            settings |= {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        return settings
