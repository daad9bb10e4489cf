from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnemon.db import embedded
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.layout import Layout
from mnemon.db.embedded.sockets import socket_dir_of


def _where() -> str:
    """Memory, where there is enough that may hold programs: a hundred shutdowns wait for no disk then."""
    memory = Path("/dev/shm")  # noqa: S108 - made by mkdtemp
    if memory.is_dir() and os.access(memory, os.W_OK):
        found = os.statvfs(memory)
        if found.f_bavail * found.f_frsize > 2 * 1024**3 and not found.f_flag & os.ST_NOEXEC:
            return str(memory)
    return "/tmp"  # noqa: S108


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the server's account can reach: pytest's own tmp_path is closed to all but its user."""
    path = Path(tempfile.mkdtemp(prefix="embedded-", dir=_where()))
    path.chmod(0o755)
    yield path
    for control in path.rglob(".mnemon"):
        embedded.stop(control.parent)
        # Left by a supervisor that was killed and had no successor.
        shutil.rmtree(socket_dir_of(Layout.of(control.parent), server_account().uid), ignore_errors=True)
    left = [pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and _works_below(pid, path)]
    shutil.rmtree(path)
    assert not left, "a test left processes behind"


@pytest.fixture
def data_dir(place: Path) -> Path:
    """A place for a data directory; nothing is there yet."""
    return place / "data"


@pytest.fixture(scope="session")
def ready_made() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="embedded-", dir=_where()))
    path.chmod(0o755)
    embedded.acquire(path / "data", linger_seconds=0).close()
    embedded.stop(path / "data")
    yield path / "data"
    shutil.rmtree(path)


@pytest.fixture
def cluster(data_dir: Path, ready_made: Path) -> Path:
    """A data directory with a cluster that does not run, in less time than making one takes."""
    subprocess.run(["cp", "-a", ready_made, data_dir], check=True)
    return data_dir


def _works_below(process: Path, path: Path) -> bool:
    try:
        return (process / "cwd").readlink().is_relative_to(path)
    except OSError:
        return False
