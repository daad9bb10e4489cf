"""Encrypted data directories: real gocryptfs, real servers, real kills."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

import mnemon
from mnemon import Memory
from mnemon.core.errors import Conflict, Invalid, MnemonError, Unavailable
from mnemon.db import embedded
from mnemon.db.embedded import KeySource, vault
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.layout import Layout
from mnemon.db.embedded.sockets import socket_dir_of
from mnemon.doors.cli.main import main
from mnemon.installation.replicas import registry
from mnemon.installation.replicas.model import Record
from tests.patience import PATIENCE

from .conftest import _where
from .support import ROOT, Client, fetch, kill, pids, reachable_python, runs, until


def _why_not() -> str | None:
    try:
        vault.require()
    except Unavailable as error:
        return str(error)
    return None


WHY_NOT = _why_not()
needs_gocryptfs = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
_ENCRYPT = """
import pathlib, sys
from mnemon.db import embedded
embedded.encrypt(pathlib.Path(sys.argv[1]), embedded.KeySource(file=pathlib.Path(sys.argv[2])))
"""
_REPAIRED = "test_what_a_kill_leaves_is_repaired"
_NO_DEVICE = 77
_OPEN_DEVICE = """
{ mknod "$1" c 10 229 && chmod 666 "$1" && mount --bind "$1" /dev/fuse; } || exit 77
shift
exec setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups "$@"
"""


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """An encrypted cluster that does not run, and its key beside it."""
    path = Path(tempfile.mkdtemp(prefix="encrypted-", dir=_where()))
    path.chmod(0o755)
    try:
        key = embedded.new_key_file(path / "key")
        assert embedded.make_encrypted(path / "data", key)
        embedded.acquire(path / "data", linger_seconds=0, key=key).close()
        embedded.stop(path / "data")
        yield path
    finally:
        _clear(path)
        shutil.rmtree(path)


@pytest.fixture
def clean(place: Path) -> Iterator[Path]:
    """A directory from which every mount and gocryptfs is gone afterwards, whatever the test did."""
    yield place
    left = _clear(place)
    assert not left, "a test left a file system behind"


@pytest.fixture
def locked(clean: Path, made: Path) -> Path:
    """A copy of the encrypted cluster."""
    subprocess.run(["cp", "-a", made / "data.encrypted", made / "data", made / "key", clean], check=True)
    return clean / "data"


@pytest.fixture
def key(locked: Path) -> KeySource:
    return KeySource(file=locked.with_name("key"))


def _clear(place: Path) -> list[int]:
    """Stop servers and unmount; the gocryptfs processes that are left all the same, ended."""
    for found in place.glob("*.encrypted"):
        directory = found.with_suffix("")
        embedded.stop(directory)
        vault.unmount(directory)
        shutil.rmtree(socket_dir_of(Layout.of(directory), server_account().uid), ignore_errors=True)
    for found in place.glob("*.new-*"):
        vault.unmount(found / "mount")
    left = [pid for pid in _gocryptfs(place) if not _ends(pid)]
    for pid in left:
        os.kill(pid, 9)
    return left


def _gocryptfs(place: Path, program: bytes = b"gocryptfs") -> list[int]:
    """Those that serve something below; or their guards, which a shell runs."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if process.name.isdigit() and words[0].endswith(program) and os.fsencode(place) + b"/" in b" ".join(words):
            found.append(int(process.name))
    return found


def _ends(pid: int) -> bool:
    try:
        return bool(until(lambda: not runs(pid)))
    except AssertionError:
        return False


def _holds(place: Path, word: str) -> list[Path]:
    """Every name and file below that holds the word: what `grep -r` would find."""
    return [
        path
        for path in place.rglob("*")
        if word in path.name or (path.is_file() and word.encode() in path.read_bytes())
    ]


# -- what is on disk ----------------------------------------------------------------------------------------------


@needs_gocryptfs
def test_a_secret_is_found_in_a_plain_directory_and_nowhere_once_it_is_encrypted(
    clean: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    word, directory, key = "quixotic-marzipan-7731", clean / "data", clean / "key"
    where = ["--data-dir", str(directory)]
    with Memory(data_dir=directory) as memory:
        memory.remember(f"The vault opens with {word}", user="ada")
        with pytest.raises(Conflict) as running:
            embedded.encrypt(directory, KeySource(text="A" * 43 + "="))
        assert running.value.code == "embedded.in_use"
    embedded.stop(directory)
    (directory / f"{word}.txt").write_text("its name tells")
    assert len(_holds(clean, word)) >= 2  # a table and a name at least: the search does find such things

    assert main([*where, "up", "--encrypted", "--new-key", str(key)]) == 4
    assert "mnemon encrypt" in capfd.readouterr().err
    assert not key.exists()  # nothing hangs on it
    registry.save(directory, registry.load(directory).having(Record("north", clean / "north")))
    assert main([*where, "encrypt", "--new-key", str(key)]) == 4
    assert "north" in capfd.readouterr().err
    registry.save(directory, registry.ReplicaRegistry())
    assert main([*where, "encrypt", "--new-key", str(key)]) == 0
    told = capfd.readouterr().out
    assert "mode 0600" in told
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().strip() not in told
    assert not _holds(clean, word)
    assert not list(directory.iterdir())

    assert main([*where, "search", "vault"]) == 2
    assert "MNEMON_ENCRYPTION_KEY_FILE" in capfd.readouterr().err
    monkeypatch.setenv("MNEMON_ENCRYPTION_KEY_FILE", str(key))
    assert main([*where, "up", "--encrypted"]) == 0
    assert "encrypted on disk" in capfd.readouterr().out
    assert (directory / f"{word}.txt").read_text() == "its name tells"
    assert main([*where, "search", "vault"]) == 0
    assert word in capfd.readouterr().out
    assert main([*where, "status", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["encrypted"] is True
    assert main([*where, "up", "--encrypted", "--new-key", str(clean / "other")]) == 4
    capfd.readouterr()
    assert main([*where, "down"]) == 0
    assert not vault.is_mounted(directory)
    with Memory(data_dir=directory, encryption_key_file=key) as memory:  # no `up`, only the library
        assert word in memory.search("vault").hits[0].content
    embedded.stop(directory)
    assert not _holds(clean, word)
    with pytest.raises(Conflict) as twice:
        embedded.encrypt(directory, KeySource(file=key))
    assert twice.value.code == "embedded.already_encrypted"


@needs_gocryptfs
def test_no_process_and_no_file_outside_tells_the_key_or_a_statement(locked: Path, key: KeySource) -> None:
    text = key.read().decode()
    source = Client(locked, env={"MNEMON_ENCRYPTION_KEY": text}, linger_seconds=0)
    assert "url" in source.told()
    endpoint = embedded.status(locked).endpoint
    assert endpoint is not None
    with pytest.raises(Exception, match="squeamish-ossifrage"):
        fetch(endpoint, "select 'squeamish-ossifrage'::int")
    supervisor, postmaster = pids(locked)
    for pid in (supervisor, postmaster, *_gocryptfs(locked.parent)):
        for file in ("cmdline", "environ"):
            assert text.encode() not in Path(f"/proc/{pid}/{file}").read_bytes()
    with (locked / "postgresql.conf").open("a") as settings:
        settings.write("\nno_such_setting = 1\n")
    kill(postmaster)
    until(lambda: embedded.status(locked).phase == "failed")
    failure = embedded.status(locked).error or ""
    assert "no_such_setting" in failure
    for word in (text, "squeamish-ossifrage"):
        assert _holds(locked.parent, word) == ([locked.with_name("key")] if word == text else [])
    source.kill()


# -- keys ---------------------------------------------------------------------------------------------------------


@needs_gocryptfs
def test_a_wrong_key_opens_nothing_and_the_right_one_still_does(locked: Path, key: KeySource) -> None:
    wrong = embedded.new_key_file(locked.with_name("wrong"))
    with pytest.raises(Invalid) as refused:
        embedded.acquire(locked, key=wrong)
    assert refused.value.code == "embedded.wrong_key"
    assert wrong.read().decode() not in str(refused.value.as_dict())
    assert not vault.is_mounted(locked)
    assert not list(locked.iterdir())
    command = KeySource(command=f"cat {locked.with_name('key')}")
    with embedded.acquire(locked, key=command, linger_seconds=0) as lease:
        assert fetch(lease.endpoint, "select 1") == 1
        # Who may reach the socket needs no key to share a server that runs.
        with embedded.acquire(locked, key=KeySource()) as second:
            assert second.endpoint == lease.endpoint
    with pytest.raises(Conflict) as other:
        embedded.acquire(locked, version=16, key=key)
    assert other.value.code == "embedded.version_mismatch"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: KeySource(), "embedded.key_missing"),
        (lambda path: KeySource(text="s3cret", command="true"), "embedded.key_ambiguous"),
        (lambda path: KeySource(text="s3cret"), "embedded.key_malformed"),
        (lambda path: KeySource(file=path / "none"), "embedded.key_unreadable"),
        (lambda path: KeySource(file=path), "embedded.key_unreadable"),
        (lambda path: KeySource(file=_open_file(path)), "embedded.key_open"),
        (lambda path: KeySource(command="cat /no/s3cret"), "embedded.key_unreadable"),
        (lambda path: KeySource(command="no-such-program s3cret"), "embedded.key_unreadable"),
        (lambda path: KeySource(command="'"), "embedded.key_unreadable"),
        (lambda path: KeySource(command=""), "embedded.key_unreadable"),
        (lambda path: KeySource(command="echo s3cret"), "embedded.key_malformed"),
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(
    tmp_path: Path, make: Callable[[Path], KeySource], code: str
) -> None:
    with pytest.raises(MnemonError) as refused:
        make(tmp_path).read()
    assert refused.value.code == code
    assert refused.value.hint
    assert "s3cret" not in str(refused.value.as_dict())


def _open_file(path: Path) -> Path:
    embedded.new_key_file(path / "key").file.chmod(0o644)  # type: ignore[union-attr]
    return path / "key"


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("somebody's")
    with pytest.raises(Conflict) as refused:
        embedded.new_key_file(tmp_path / "key")
    assert refused.value.code == "embedded.key_exists"
    assert (tmp_path / "key").read_text() == "somebody's"
    with pytest.raises(Unavailable):
        embedded.new_key_file(tmp_path / "none" / "key")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("PROGRAM", "no-gocryptfs", "embedded.gocryptfs_missing"), ("DEVICE", Path("/none"), "embedded.fuse_missing")],
)
def test_a_machine_that_cannot_is_told_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, code: str
) -> None:
    if name == "DEVICE" and shutil.which("gocryptfs") is None:
        pytest.skip("gocryptfs is not installed (Debian: apt-get install gocryptfs fuse3)")
    monkeypatch.setattr(vault, name, value)
    with pytest.raises(Unavailable) as refused:
        embedded.make_encrypted(tmp_path / "data", KeySource(text="A" * 43 + "="))
    assert refused.value.code == code
    assert not list(tmp_path.iterdir())


# -- at once, and killed ------------------------------------------------------------------------------------------


@needs_gocryptfs
def test_two_that_make_it_at_once_and_two_that_start_it(clean: Path, locked: Path, key: KeySource) -> None:
    keys = [embedded.new_key_file(clean / f"key{number}") for number in range(4)]
    made: dict[int, bool] = {}
    script = (
        "import sys, pathlib; from mnemon.db import embedded; "
        "print(embedded.make_encrypted(pathlib.Path(sys.argv[1]), embedded.KeySource(file=pathlib.Path(sys.argv[2]))))"
    )
    makers = [
        subprocess.Popen([sys.executable, "-c", script, clean / "new", str(one.file)], stdout=subprocess.PIPE)
        for one in keys
    ]
    for number, maker in enumerate(makers):
        made[number] = maker.communicate(timeout=PATIENCE)[0].strip() == b"True"
    assert sum(made.values()) == 1
    layout = Layout.of(clean / "new")
    (clean / "new").mkdir()
    winner = next(number for number, won in made.items() if won)
    mounted = vault.mount(layout.cipher, clean / "new", keys[winner].read())
    mounted.close()
    assert sorted(path.name for path in clean.glob("new*")) == ["new", "new.encrypted"]

    clients = [Client(locked, env={"MNEMON_ENCRYPTION_KEY_FILE": str(key.file)}, linger_seconds=0) for _ in range(3)]
    assert len({client.told()["postmaster"] for client in clients}) == 1
    assert len(_gocryptfs(locked.parent)) == 1
    for client in clients:
        client.leave()
    until(lambda: not vault.is_mounted(locked))


@needs_gocryptfs
@pytest.mark.parametrize("victims", ["supervisor", "all", "all, then stop"])
def test_what_a_kill_leaves_is_repaired(locked: Path, key: KeySource, victims: str) -> None:
    with embedded.acquire(locked, key=key) as lease:
        fetch(lease.endpoint, "create table note as select 42 as answer")
        supervisor, postmaster = pids(locked)
        guards = _gocryptfs(locked.parent, b"/sh")
        assert len(guards) == 1
        if victims == "supervisor":
            kill(supervisor)
            until(lambda: not runs(postmaster))
            until(lambda: not vault.is_mounted(locked))  # the guard's work
        else:
            kill(*guards, supervisor, postmaster, *_gocryptfs(locked.parent))
            assert vault.is_mounted(locked)
            with pytest.raises(OSError) as dead:
                list(locked.iterdir())
            # What the kernel had queued when gocryptfs died is aborted; what is asked later finds nobody connected.
            assert dead.value.errno in {errno.ENOTCONN, errno.ECONNABORTED}
        assert embedded.status(locked).phase == "stopped"
        assert embedded.status(locked).version == 18
        if victims.endswith("stop"):
            assert embedded.stop(locked) is False
            assert not vault.is_mounted(locked)
        with embedded.acquire(locked, key=key, linger_seconds=0) as again:
            assert fetch(again.endpoint, "select answer from note") == 42
    until(lambda: not vault.is_mounted(locked))


@needs_gocryptfs
def test_a_killed_file_system_under_load_loses_nothing_that_was_acknowledged(locked: Path, key: KeySource) -> None:
    acknowledged: list[int] = []
    refused: list[Exception] = []
    enough, back = threading.Event(), threading.Event()

    def write(endpoint: embedded.Endpoint, first: int) -> None:
        number, after = first, 0
        while after < 3:
            try:
                fetch(endpoint, "insert into note values ($1) returning 1", number)
                acknowledged.append(number)
                after += back.is_set()
            except Exception as error:  # whatever a server says that has lost its disk
                refused.append(error)
            number += 10
            if len(acknowledged) > 60:
                enough.set()

    with embedded.acquire(locked, key=key, linger_seconds=0) as lease:
        fetch(lease.endpoint, "create table note (n int primary key)")
        writers = [threading.Thread(target=write, args=(lease.endpoint, first)) for first in range(4)]
        for writer in writers:
            writer.start()
        assert enough.wait(PATIENCE)
        supervisor, postmaster = pids(locked)
        kill(*_gocryptfs(locked.parent))
        until(lambda: embedded.status(locked).postmaster_pid not in {None, postmaster})
        back.set()
        for writer in writers:
            writer.join(PATIENCE)
        assert refused, "nobody noticed: the load was not there when the file system went"
        assert pids(locked)[0] == supervisor
        kept = fetch(lease.endpoint, "select array_agg(n) from note")
    assert set(acknowledged) <= set(kept)


@needs_gocryptfs
def test_an_encryption_that_is_killed_leaves_the_plain_directory_and_can_be_done_again(
    clean: Path, cluster: Path
) -> None:
    key = embedded.new_key_file(clean / "key")
    with embedded.acquire(cluster, linger_seconds=0) as lease:
        fetch(lease.endpoint, "create table note as select 42 as answer")
    embedded.stop(cluster)
    worker = subprocess.Popen([sys.executable, "-c", _ENCRYPT, cluster, str(key.file)])
    until(lambda: any(clean.glob("data.encrypted.new-*/mount/base")))
    worker.kill()
    worker.wait()
    assert not embedded.status(cluster).encrypted
    with embedded.acquire(cluster, linger_seconds=0) as lease:
        assert fetch(lease.endpoint, "select answer from note") == 42
    embedded.stop(cluster)

    saved = clean / "saved"
    subprocess.run(["cp", "-a", cluster, saved], check=True)
    assert embedded.encrypt(cluster, key).moved_bytes > 1_000_000
    assert sorted(path.name for path in clean.glob("data*")) == ["data", "data.encrypted"]
    # As if it had been killed between the last two steps: the plain files are still in their place.
    cluster.rmdir()
    saved.rename(cluster)
    assert embedded.plain_remains(cluster) == cluster
    with pytest.raises(Conflict) as remains:
        embedded.acquire(cluster, key=key)
    assert remains.value.code == "embedded.plain_remains"
    assert embedded.encrypt(cluster, KeySource()).moved_bytes == 0
    assert embedded.plain_remains(cluster) is None
    with embedded.acquire(cluster, key=key, linger_seconds=0) as lease:
        assert fetch(lease.endpoint, "select answer from note") == 42


@needs_gocryptfs
@pytest.mark.skipif(not ROOT, reason="the other tests ran as an ordinary user already")
def test_it_works_for_an_ordinary_user_where_users_may_mount(place: Path) -> None:
    """In a mount namespace of its own, /dev/fuse is one that everybody may open, as most machines have it."""
    python = reachable_python(place)
    libraries = [Path(mnemon.__file__).parents[1], Path(asyncpg.__file__).parents[1]]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "PYTHONPATH": os.pathsep.join(map(str, libraries)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_LIBRARY_PATH": str(python.parents[1] / "lib"),
        "LANG": "C.UTF-8",
    }
    nodes = Path(tempfile.mkdtemp(prefix="fuse-", dir="/tmp"))  # where device nodes are allowed
    tests = [f"{__file__}::{name}" for name in (_REPAIRED + "[supervisor]", _REPAIRED + "[all]")]
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            ["unshare", "-m", "/bin/sh", "-c", _OPEN_DEVICE, "sh", nodes / "fuse", *command],
            env=environment,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(nodes)
    if done.returncode == _NO_DEVICE:
        pytest.skip("no device node and no mount namespace can be made here (a container without SYS_ADMIN, MKNOD)")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


@needs_gocryptfs
def test_who_asks_for_the_server_during_an_encryption_waits_and_gets_the_encrypted_one(
    clean: Path, cluster: Path
) -> None:
    key = embedded.new_key_file(clean / "key")
    with embedded.acquire(cluster, linger_seconds=0) as lease:
        fetch(lease.endpoint, "create table note as select 42 as answer")
    embedded.stop(cluster)
    worker = subprocess.Popen([sys.executable, "-c", _ENCRYPT, cluster, str(key.file)])
    until(lambda: any(clean.glob("data.encrypted.new-*/mount/base")))
    with pytest.raises(Conflict) as second:
        embedded.encrypt(cluster, key)
    assert second.value.code == "embedded.in_use"
    with embedded.acquire(cluster, key=key, linger_seconds=0) as lease:
        assert vault.is_mounted(cluster)
        assert fetch(lease.endpoint, "select answer from note") == 42
    assert worker.wait(PATIENCE) == 0


@needs_gocryptfs
def test_what_lies_outside_of_the_directory_cannot_be_encrypted_with_it(clean: Path, cluster: Path) -> None:
    key = embedded.new_key_file(clean / "key")
    (cluster / "pg_wal").rename(clean / "wal")
    (cluster / "pg_wal").symlink_to(clean / "wal")
    with pytest.raises(Invalid) as refused:
        embedded.encrypt(cluster, key)
    assert refused.value.code == "embedded.data_outside"
    (cluster / "pg_wal").unlink()
    (clean / "wal").rename(cluster / "pg_wal")
    os.mkfifo(cluster / "base" / "pipe")  # nothing that can be copied: it fails half-way
    with pytest.raises(MnemonError) as failed:
        embedded.encrypt(cluster, key)
    assert "pipe" in str(failed.value)
    with pytest.raises(Invalid) as nothing:
        embedded.encrypt(clean / "none", key)
    assert nothing.value.code == "embedded.not_a_cluster"
    assert not list(clean.glob("*.encrypted*"))
