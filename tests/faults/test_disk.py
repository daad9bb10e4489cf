"""The disk under the data directory is full: writes are refused, nothing is lost, and it goes on when there is room."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnemon import Settings
from mnemon.app import APP_ROLE, DATABASE
from mnemon.db import embedded
from tests.conftest import place
from tests.faults.ledger import doctor, ledger_on

SIZE_MB = 400


@pytest.fixture
def small() -> Iterator[Path]:
    """A file system of its own, of a few hundred megabytes."""
    at = place() / "small"
    at.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0755", "tmpfs", at],
            check=False,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        pytest.skip(f"a small file system cannot be made here: {error}")
    if done.returncode:
        pytest.skip(f"a small file system cannot be made here: {done.stderr.strip()}")
    yield at
    subprocess.run(["umount", at], check=True)
    at.rmdir()
    at.parent.rmdir()


def fill(place: Path, *, leave: int) -> Path:
    """Fill the file system but for so many bytes."""
    ballast = place / "ballast"
    free = os.statvfs(place)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free.f_bavail * free.f_frsize - leave, 1))
    return ballast


async def test_the_disk_is_full(small: Path) -> None:
    data = small / "data"
    environment = {"MNEMON_DATA_DIR": str(data)}
    settings = Settings(data_dir=data, auto_maintenance=False)
    async with ledger_on(settings) as ledger:
        await ledger.more(40)
        ballast = await asyncio.to_thread(fill, small, leave=400_000)
        await ledger.fails(seconds=120)
        refused = dict(ledger.refused)
        told = await doctor(**environment)
        ballast.unlink()
        await ledger.more(40)
    assert set(refused) <= {"unavailable.disk_full", "unavailable.database"}
    assert told["disk"]["level"] == "wrong"
    with embedded.acquire(data, linger_seconds=0) as lease:
        await ledger.check(lease.endpoint.url(APP_ROLE, DATABASE))
    ledger.tell("disk full, then room again", outage_seconds=round(ledger.outage(), 2))
    embedded.stop(data)
