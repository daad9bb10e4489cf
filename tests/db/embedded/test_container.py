"""Containers: one volume that can be written, a user without HOME, and a disk that fills; only root mounts."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import mnemon
from tests.patience import PATIENCE

from .support import ROOT, reachable_python

needs_root = pytest.mark.skipif(not ROOT, reason="needs root: only root mounts, and becomes somebody else")
NOBODYS = pwd.getpwnam("nobody").pw_uid

#: $VOLUME can be written by the user of that number, and nothing else: / and what is mounted on it is read-only.
_CLOSED = """
set -e
mount --make-rprivate /
for place in /tmp /dev/shm; do mount --bind "$place" "$place"; mount -o remount,bind,ro "$place"; done
mount -o remount,bind,ro /
mount -t tmpfs -o "size=$SIZE,mode=0700,uid=$NUMBER,gid=$NUMBER" none "$VOLUME"
exec setpriv --reuid="$NUMBER" --regid="$NUMBER" --clear-groups "$@"
"""
_REMEMBERS = """
import getpass, json, os, pathlib, sys
try:
    named = getpass.getuser()
except (KeyError, OSError):
    named = None
try:
    home = str(pathlib.Path.home())
except RuntimeError:
    home = None
open_places = [place for place in ("/", "/tmp", "/dev/shm", "/var/lib") if os.access(place, os.W_OK)]
print(json.dumps([os.getuid(), named, home, open_places]), flush=True)
from mnemon import Memory, MnemonError
try:
    with Memory(auto_maintenance=False) as memory:
        memory.remember("I like green tea", user="ada")
        print(json.dumps([hit.content for hit in memory.search("tea", user="ada")]))
except MnemonError as error:
    print(json.dumps(error.as_dict()))
"""
_FILLS = """
import json, os, pathlib, sys
from mnemon import Memory, Unavailable
volume = pathlib.Path(os.environ["VOLUME"])
kept, refused = {}, []

def remember(memory, number):
    text = f"Barge {number} carries {os.urandom(15000).hex()}"
    try:
        done = memory.remember(text, user="ada")
    except Unavailable as error:
        refused.append(error.as_dict())
    else:
        kept[str(done.id)] = text

with Memory(auto_maintenance=False) as memory:
    remember(memory, 0)
    room = os.statvfs(volume)
    ballast = volume / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - 3_000_000)
    number = 0
    while len(refused) < 3 and number < 2_000:
        number += 1
        remember(memory, number)
    acknowledged = len(kept)
    ballast.unlink()
    tries = 0
    while len(kept) < acknowledged + 3 and tries < 2_000:
        tries += 1
        remember(memory, 10_000 + tries)
        if refused[-1]["code"] != "unavailable.disk_full":
            import time
            time.sleep(0.05)
    after = len(kept) - acknowledged
with Memory(auto_maintenance=False) as memory:
    lost = [one for one, text in kept.items() if memory.get(one).content != text]
print(json.dumps({"acknowledged": acknowledged, "refused": refused, "after": after, "lost": lost}))
"""


@pytest.fixture
def volume() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="volume-", dir="/mnt"))
    yield path
    path.rmdir()


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    """An interpreter that anybody may execute."""
    with tempfile.TemporaryDirectory(prefix="python-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield reachable_python(Path(made))


def contained(volume: Path, python: Path, code: str, *, size: str = "600m", **environment: str) -> list[Any]:
    """What a program prints, line by line, that runs as nobody in particular where one volume can be written."""
    libraries = [Path(mnemon.__file__).parents[1], Path(asyncpg.__file__).parents[1]]
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, libraries)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_LIBRARY_PATH": str(python.parents[1] / "lib"),
        "VOLUME": str(volume),
        "SIZE": size,
        "NUMBER": str(NOBODYS),
        **environment,
    }
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", _CLOSED, "sh", python, "-c", code],
        env=variables,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=PATIENCE * 4,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return [json.loads(line) for line in ended.stdout.splitlines()]


@needs_root
def test_where_the_volume_itself_is_named_the_error_says_what_to_set(volume: Path, python: Path) -> None:
    """The installation's key lies beside the data directory, and beside a volume nothing can be written."""
    _, error = contained(volume, python, _REMEMBERS, MNEMON_DATA_DIR=str(volume))
    assert error["code"] == "unavailable.installation_key"
    assert f"{volume}/data" in error["hint"]
    assert "MNEMON_DATA_DIR" in error["hint"]
    assert "MNEMON_INSTALLATION_KEY" in error["hint"]


@needs_root
def test_with_the_key_from_elsewhere_the_volume_itself_may_be_the_directory(volume: Path, python: Path) -> None:
    key = os.environ["MNEMON_INSTALLATION_KEY"]
    _, remembered = contained(volume, python, _REMEMBERS, MNEMON_DATA_DIR=str(volume), MNEMON_INSTALLATION_KEY=key)
    assert remembered == ["I like green tea"]


@needs_root
def test_a_disk_that_fills_loses_nothing_that_was_acknowledged(volume: Path, python: Path) -> None:
    [told] = contained(volume, python, _FILLS, size="400m", MNEMON_DATA_DIR=f"{volume}/data")
    assert told["acknowledged"] >= 1
    assert len(told["refused"]) >= 3
    full = [error for error in told["refused"] if error["code"] == "unavailable.disk_full"]
    assert full, told["refused"]
    for error in full:
        assert f"{volume}/data" in error["message"]
        assert error["data"]["path"] == f"{volume}/data"
        assert "Free some space" in error["hint"]
    assert {error["code"] for error in told["refused"]} <= {"unavailable.disk_full", "unavailable.database"}
    assert told["after"] >= 3, "it works again once there is room"
    assert told["lost"] == []


@needs_root
def test_a_disk_without_room_for_a_database_is_named(volume: Path, python: Path) -> None:
    _, error = contained(volume, python, _REMEMBERS, size="12m", MNEMON_DATA_DIR=f"{volume}/data")
    assert error["code"] == "embedded.disk_full"
    assert f"{volume}/data" in error["message"]
    assert "MNEMON_DATA_DIR" in error["hint"]
