"""A container whose file systems may not be written, but for one volume: no /tmp, no /dev/shm, no HOME."""

from __future__ import annotations

import os
import secrets
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mnemon.core.errors import Conflict
from mnemon.db.embedded import sockets
from mnemon.db.embedded.account import server_account
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
for place in /var/lib /tmp /dev/shm "$HOME"; do
  if touch "$place/mnemon-was-here" 2>/dev/null; then echo "$place can be written" >&2; exit 9; fi
done
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
    environment |= {"VOLUME": str(volume), "MNEMON_DATA_DIR": f"{volume}/data", "HOME": "/root"}
    command = ["unshare", "-m", "sh", "-c", CLOSED, "sh", sys.executable, "-c", REMEMBERS]
    try:
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE * 4)
    finally:
        volume.rmdir()
    assert (ended.returncode, ended.stdout) == (0, "I like green tea\n"), ended.stderr[-2000:]


def test_where_no_socket_can_lie_the_error_says_where_and_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = tmp_path / "nowhere" / "mnemon-0-abc"
    monkeypatch.setattr(sockets, "_usual", lambda layout, uid: nowhere)
    account = server_account()
    for name, problem in (("d" * 90, "too long for a socket's"), ("a b", "with characters"), ("ä", "with characters")):
        layout = Layout.of(Path("/", name))
        with pytest.raises(Conflict, match=problem) as refused:
            sockets.make_socket_dir(layout, account.uid, account.gid)
        error = refused.value
        assert error.code == "embedded.socket_dir_refused"
        assert f"{nowhere.parent} cannot be written (No such file or directory)" in error.message
        assert str(layout.data_dir) in error.message
        assert "MNEMON_DATA_DIR" in str(error)
        assert error.data["path"] == str(nowhere.parent)
    most = sockets._longest(layout)
    assert f"at most {most} bytes" in str(error)
    short = Layout.of(Path("/" + "d" * (most - 1)))
    assert sockets._fits(sockets._inside(short))
    assert not sockets._fits(sockets._inside(Layout.of(Path("/" + "d" * most))))


def test_what_is_not_the_servers_own_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = tmp_path / "run" / "mnemon-0-abc"
    planted.mkdir(parents=True)
    planted.chmod(0o755)
    monkeypatch.setattr(sockets, "_usual", lambda layout, uid: planted)
    monkeypatch.setattr(secrets, "token_hex", lambda count: "planted")
    account = server_account()
    (tmp_path / "run" / f"mnemon-{account.uid}-planted").mkdir(mode=0o755)
    layout = Layout.of(tmp_path / ("d" * 90))
    with pytest.raises(Conflict, match="which is not the server's own"):
        sockets.make_socket_dir(layout, account.uid, account.gid)
    assert stat.S_IMODE(planted.stat().st_mode) == 0o755, "what is another's is left as it is"
