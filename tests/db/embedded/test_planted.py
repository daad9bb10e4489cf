"""What another account has put where a server's files are expected: never used, never removed, in nobody's way."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mnemon.core.errors import Conflict, MnemonError
from mnemon.db import embedded
from mnemon.db.embedded import locks, sockets
from mnemon.db.embedded import state as states
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.layout import PORT, Layout
from mnemon.db.embedded.sockets import make_socket_dir, socket_dir_of
from mnemon.db.embedded.state import State

from .support import ROOT, Client, fetch, kill, until

_STRANGER = 54_321


def _directory(mode: int) -> Callable[[Path, Path], None]:
    def plant(path: Path, _elsewhere: Path) -> None:
        path.mkdir()
        path.chmod(mode)

    return plant


def _anothers(path: Path, _elsewhere: Path) -> None:
    path.mkdir(mode=0o700)
    os.chown(path, _STRANGER, _STRANGER)


PLANTS: dict[str, Callable[[Path, Path], None]] = {
    "open directory": _directory(0o777),
    "readable directory": _directory(0o755),
    "directory that nobody may write": _directory(0o500),
    "link to a directory": lambda path, elsewhere: path.symlink_to(elsewhere),
    "link to nowhere": lambda path, elsewhere: path.symlink_to(elsewhere / "nowhere"),
    "file": lambda path, _elsewhere: path.touch(),
    "pipe": lambda path, _elsewhere: os.mkfifo(path),
    "another's": _anothers,
}


@pytest.fixture
def elsewhere(place: Path) -> Path:
    path = place / "elsewhere"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def usual(data_dir: Path) -> Iterator[Path]:
    """The place that everybody can know beforehand."""
    path = socket_dir_of(Layout.of(data_dir), server_account().uid)
    yield path
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        path.rmdir()


def fingerprint(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_uid


@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_planted_does_not_keep_the_server_from_starting(
    data_dir: Path, usual: Path, elsewhere: Path, plant: str
) -> None:
    if plant == "another's" and not ROOT:
        pytest.skip("only root gives directories away")
    PLANTS[plant](usual, elsewhere)
    before = fingerprint(usual)
    with embedded.acquire(data_dir, linger_seconds=0) as lease:
        found = lease.endpoint.socket_dir
        assert found != usual
        assert sockets.is_private(found, server_account().uid)
        assert fetch(lease.endpoint, "select 1") == 1
        other = Client(data_dir)  # another process finds the same server by the directory's own files
        assert str(found) in other.told()["url"]
        other.leave()
        assert socket_dir_of(Layout.of(data_dir), server_account().uid) == found
    embedded.stop(data_dir)
    assert not found.exists()
    assert fingerprint(usual) == before, "what is not ours is left as it is"
    assert not list(elsewhere.iterdir())


def test_the_place_that_was_noted_may_be_planted_as_well(data_dir: Path, usual: Path, elsewhere: Path) -> None:
    PLANTS["open directory"](usual, elsewhere)
    with embedded.acquire(data_dir, linger_seconds=0) as lease:
        first = lease.endpoint.socket_dir
    embedded.stop(data_dir)
    first.symlink_to(elsewhere)
    try:
        with embedded.acquire(data_dir, linger_seconds=0) as lease:
            assert lease.endpoint.socket_dir not in {first, usual}
            assert fetch(lease.endpoint, "select 1") == 1
        embedded.stop(data_dir)
        assert first.is_symlink()
        assert not list(elsewhere.iterdir())
    finally:
        first.unlink()


def test_a_server_in_a_place_of_its_own_is_found_after_its_supervisor_was_killed(
    data_dir: Path, usual: Path, elsewhere: Path
) -> None:
    PLANTS["open directory"](usual, elsewhere)
    with embedded.acquire(data_dir, linger_seconds=0) as lease:
        supervisor = embedded.status(data_dir).supervisor_pid
        assert supervisor
        kill(supervisor)
        until(lambda: embedded.status(data_dir).supervisor_pid is None)
        with embedded.acquire(data_dir, linger_seconds=0) as second:
            assert fetch(second.endpoint, "select 1") == 1
        assert lease.endpoint.socket_dir == second.endpoint.socket_dir


def test_the_note_of_a_copy_counts_for_nothing(place: Path, data_dir: Path) -> None:
    layout = Layout.of(data_dir)
    layout.control.mkdir(parents=True)
    uid = server_account().uid
    usual = socket_dir_of(layout, uid)
    for told in (
        f"{place}/other\n/tmp/mnemon-1-abc\n",
        f"{layout.data_dir}\n/tmp/other\n",
        f"{layout.data_dir}\nmnemon-relative\n",
        f"{layout.data_dir}\n/tmp/a,b/mnemon-1\n",
        f"{layout.data_dir}\n/tmp/{'x' * 200}/mnemon-1\n",
        "\x00",
        "",
    ):
        layout.socket_note.write_text(told)
        assert socket_dir_of(layout, uid) == usual
    layout.socket_note.unlink()
    layout.socket_note.symlink_to("/etc/passwd")
    assert socket_dir_of(layout, uid) == usual


def test_where_nothing_can_be_made_the_error_says_so(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout.of(data_dir)
    layout.control.mkdir(parents=True)
    monkeypatch.setattr(sockets, "_usual", lambda _layout, _uid: Path("/proc/mnemon-none"))
    monkeypatch.setattr(sockets, "_inside", lambda _layout: Path("/proc/mnemon-socket"))
    with pytest.raises(Conflict) as caught:
        make_socket_dir(layout, server_account().uid, server_account().gid)
    assert caught.value.code == "embedded.socket_dir_refused"


def planted_server(layout: Layout, listening: Path) -> int:
    """Control files of somebody else's that name a server of theirs, which seems to live; the lock they hold."""
    layout.control.mkdir(parents=True, exist_ok=True)
    state = State(
        nonce="evil", phase="ready", version=18, port=PORT, socket_dir=str(listening), supervisor_pid=os.getpid(),
        supervisor_start=None, postmaster_pid=os.getpid(), ready_at=1.0,
    )  # fmt: skip
    states.write(layout, state)
    lock = locks.open_lock(layout.supervisor_lock)
    assert locks.try_lock(lock)
    return lock


@pytest.fixture
def listening(elsewhere: Path) -> Iterator[Path]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(elsewhere / f".s.PGSQL.{PORT}"))
        server.listen()
        elsewhere.chmod(0o777)
        yield elsewhere


@pytest.mark.skipif(not ROOT, reason="only root gives directories away")
@pytest.mark.parametrize("verb", ["acquire", "stop", "keep"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_another_users_data_directory_is_not_believed(
    data_dir: Path, listening: Path, verb: str, encrypted: bool
) -> None:
    """Its files would name the socket that the memory is written to, and the process that is ended."""
    layout = Layout.of(data_dir)
    if encrypted:
        layout.cipher.mkdir(parents=True)
    lock = planted_server(layout, listening)
    top = layout.vault if encrypted else layout.data_dir
    everything = [top, *top.rglob("*")]
    for path in everything:
        os.chown(path, _STRANGER, _STRANGER)
    try:
        with pytest.raises(MnemonError) as caught:
            getattr(embedded, verb)(data_dir)
        assert caught.value.code == "embedded.data_dir_owner"
    finally:
        os.close(lock)
        for path in everything:
            os.chown(path, 0, 0)


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
def test_control_files_that_others_could_write_are_not_believed(data_dir: Path, listening: Path, mode: int) -> None:
    layout = Layout.of(data_dir)
    lock = planted_server(layout, listening)
    layout.control.chmod(mode)
    try:
        with pytest.raises(MnemonError) as caught:
            embedded.acquire(data_dir)
        assert caught.value.code == "embedded.data_dir_owner"
        assert stat.S_IMODE(layout.control.stat().st_mode) == mode
    finally:
        os.close(lock)
        layout.control.chmod(0o755)


def test_a_socket_in_a_place_that_is_open_to_others_is_not_talked_to(data_dir: Path, listening: Path) -> None:
    lock = planted_server(Layout.of(data_dir), listening)
    try:
        with pytest.raises(MnemonError) as caught:
            embedded.acquire(data_dir, start_timeout=5)
        assert caught.value.code == "embedded.socket_dir_refused"
        assert json.loads(Layout.of(data_dir).state.read_text())["nonce"] == "evil"
    finally:
        os.close(lock)
