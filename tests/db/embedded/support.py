"""Real processes for the tests of the embedded server: clients, servers, strangers."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg

from mnemon.db import embedded
from mnemon.db.embedded.account import Account, first_closed, server_account, way_to
from tests.patience import PATIENCE

ROOT = os.geteuid() == 0

_CLIENT = """
import json, os, pathlib, subprocess, sys, time
from mnemon.core.errors import MnemonError
from mnemon.db import embedded
asked = json.loads(sys.argv[1])
try:
    lease = embedded.acquire(pathlib.Path(asked["data_dir"]), **asked["arguments"])
except MnemonError as error:
    print(json.dumps(error.as_dict()), flush=True)
    sys.exit(1)
children = []
if asked["children"]:
    children.append(subprocess.Popen(["sleep", "60"], close_fds=False, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL).pid)
    forked = os.fork()
    if forked == 0:
        os.closerange(0, 2)
        time.sleep(60)
        os._exit(0)
    children.append(forked)
pid = embedded.status(lease.endpoint.data_dir).postmaster_pid
print(json.dumps({"url": lease.endpoint.url("mnemon_admin"), "postmaster": pid, "children": children}), flush=True)
sys.stdin.read()
lease.close()
"""


class Client:
    """A process of its own that holds a lease until it is let go or killed."""

    def __init__(
        self, data_dir: Path, *, children: bool = False, env: dict[str, str] | None = None, **arguments: Any
    ) -> None:
        asked = {"data_dir": str(data_dir), "arguments": arguments, "children": children}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CLIENT, json.dumps(asked)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(env or {})},
        )

    def told(self) -> dict[str, Any]:
        """What it says once it has its lease, or the error it met."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the client ended without a word"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def leave(self) -> None:
        self.process.communicate(timeout=PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)


def fetch(endpoint: embedded.Endpoint, sql: str, *arguments: object) -> Any:
    """One value out of the server, as its superuser."""

    async def ask() -> Any:
        url = endpoint.url(embedded.ADMIN_ROLE, "postgres", driver="postgresql")
        connection = await asyncpg.connect(url, timeout=PATIENCE)
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()

    return asyncio.run(ask())


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait for a condition; its first true value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return value


def runs(pid: int) -> bool:
    """Whether a process lives; one that waits to be reaped does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def stopped(data_dir: Path) -> bool:
    return embedded.status(data_dir).phase in {"stopped", "failed"}


def pids(data_dir: Path) -> tuple[int, int]:
    """The supervisor's and the postmaster's process numbers."""
    found = embedded.status(data_dir)
    assert found.supervisor_pid is not None
    assert found.postmaster_pid is not None
    return found.supervisor_pid, found.postmaster_pid


def kill(*numbers: int) -> None:
    """Kill, and wait for the end: a process that has been sent a signal lives on for a moment."""
    for number in numbers:
        os.kill(number, signal.SIGKILL)
    until(lambda: not any(map(runs, numbers)))


def stranger() -> subprocess.Popen[bytes]:
    """An unrelated process of the account that the server runs as, which may signal it and be mistaken for it."""
    account = server_account()
    if not account.switch:
        return subprocess.Popen(["sleep", "120"])
    return subprocess.Popen(["sleep", "120"], user=account.uid, group=account.gid, extra_groups=[], cwd="/")


def as_server_account() -> dict[str, Any]:
    """Popen arguments for a process of the server's account."""
    account = server_account()
    if not account.switch:
        return {"cwd": "/"}
    return {"user": account.uid, "group": account.gid, "extra_groups": [], "cwd": "/"}


def reachable_python(place: Path) -> Path:
    """An interpreter of this version that nobody may execute: another installation, or a copy of this one."""
    found = pwd.getpwnam("nobody")
    nobody = Account("nobody", found.pw_uid, found.pw_gid, switch=True)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (Path(sys.base_prefix, "bin", name), Path("/usr/local/bin", name), Path("/usr/bin", name)):
        if candidate.exists() and first_closed([*way_to(candidate.resolve())], nobody) is None:
            return candidate
    copy = place / "python"
    library = Path(sys.base_prefix, "lib", name)
    leave = shutil.ignore_patterns("site-packages", "test", "tests", "idlelib", "config-*", "__pycache__")
    shutil.copytree(library, copy / "lib" / name, ignore=leave, symlinks=True)
    (copy / "bin").mkdir()
    shutil.copy(Path(sys.base_prefix, "bin", name), copy / "bin" / name)
    for shared in Path(sys.base_prefix, "lib").glob("libpython*"):
        shutil.copy(shared, copy / "lib" / shared.name)
    return copy / "bin" / name
