"""A container whose file systems may not be written, but for one volume: no /tmp, no /dev/shm, no HOME."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnemon.core.errors import Conflict
from mnemon.db.embedded import sockets
from mnemon.db.embedded.layout import Layout
from tests.patience import PATIENCE

CLOSED = """
set -e
mount --make-rprivate /
mount -t tmpfs none "$VOLUME"
chmod 755 "$VOLUME"
mount -t tmpfs -o ro none /tmp
mount -t tmpfs -o ro none /dev/shm
mount -o remount,bind,ro /
! touch /var/lib/mnemon-was-here 2>/dev/null
exec "$@"
"""
REMEMBERS = """
from mnemon import Memory
with Memory(auto_maintenance=False) as memory:
    memory.remember("I like green tea", user="ada")
    print(*(hit.content for hit in memory.search("tea", user="ada")))
"""


def test_one_volume_that_can_be_written_is_enough() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    volume = Path("/mnt/mnemon-volume")
    volume.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in {"HOME", "XDG_DATA_HOME"}}
    environment |= {"VOLUME": str(volume), "MNEMON_DATA_DIR": f"{volume}/data", "MNEMON_LINGER_SECONDS": "0"}
    command = ["unshare", "-m", "sh", "-c", CLOSED, "sh", sys.executable, "-c", REMEMBERS]
    try:
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE * 4)
    finally:
        volume.rmdir()
    assert (ended.returncode, ended.stdout) == (0, "I like green tea\n"), ended.stderr[-2000:]


def test_where_no_socket_can_lie_the_error_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "nowhere" / "mnemon-0-abc"
    monkeypatch.setattr(sockets, "_usual", lambda layout, uid: nowhere)
    long = Layout.of(tmp_path / ("d" * 90))
    with pytest.raises(Conflict, match="too long for one") as refused:
        sockets.make_socket_dir(long, os.geteuid(), os.getegid())
    assert "MNEMON_DATA_DIR" in str(refused.value)
    most = sockets._longest(long)
    short = Layout.of(Path("/" + "d" * (most - 1)))
    assert sockets._fits(sockets._inside(short))
    assert not sockets._fits(sockets._inside(Layout.of(Path("/" + "d" * most))))
