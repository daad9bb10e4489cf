"""Killed, crashed and mistaken processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from mnemon.core.errors import Conflict, Unavailable
from mnemon.db import embedded
from mnemon.db.embedded import processes
from mnemon.db.embedded.layout import Layout
from mnemon.db.embedded.processes import PidFile, start_time
from tests.patience import PATIENCE

from .support import as_server_account, fetch, kill, pids, runs, stopped, stranger, until


def test_a_killed_supervisor_takes_postgres_along_and_the_next_one_finds_the_data(cluster: Path) -> None:
    with embedded.acquire(cluster) as lease:
        fetch(lease.endpoint, "create table note as select 42 as answer")
        supervisor, postmaster = pids(cluster)
        kill(supervisor)
        with embedded.acquire(cluster) as second:
            assert not runs(postmaster)
            assert pids(cluster)[0] != supervisor
            assert fetch(second.endpoint, "select answer from note") == 42


def test_a_killed_supervisor_leaves_nothing_behind(cluster: Path) -> None:
    with embedded.acquire(cluster):
        supervisor, postmaster = pids(cluster)
        kill(supervisor)
        until(lambda: not runs(postmaster))
    assert embedded.status(cluster).phase == "stopped"
    assert embedded.stop(cluster) is False


def test_a_killed_postgres_is_restarted_under_its_clients(cluster: Path) -> None:
    with embedded.acquire(cluster, linger_seconds=0.1) as lease:
        fetch(lease.endpoint, "create table note as select 42 as answer")
        supervisor, postmaster = pids(cluster)
        kill(postmaster)
        until(lambda: embedded.status(cluster).postmaster_pid not in {None, postmaster})
        assert pids(cluster)[0] == supervisor
        assert fetch(lease.endpoint, "select answer from note") == 42


def test_both_killed_at_once(cluster: Path) -> None:
    with embedded.acquire(cluster) as lease:
        fetch(lease.endpoint, "create table note as select 42 as answer")
        kill(*pids(cluster))
        with embedded.acquire(cluster) as second:
            assert fetch(second.endpoint, "select answer from note") == 42


@pytest.mark.parametrize("pid_file", ["intact", "lost"])
def test_an_orphan_is_stopped_before_another_server_starts(cluster: Path, pid_file: str) -> None:
    with embedded.acquire(cluster) as lease:
        fetch(lease.endpoint, "create table note as select 42 as answer")
        supervisor, postmaster = pids(cluster)
    os.kill(postmaster, signal.SIGSTOP)  # so that it survives its supervisor
    kill(supervisor)
    if pid_file == "lost":  # then only the lock that it inherited tells of it
        (cluster / "postmaster.pid").unlink()
    got: list[embedded.Lease] = []
    starter = threading.Thread(target=lambda: got.append(embedded.acquire(cluster)))
    starter.start()
    until(lambda: embedded.status(cluster).phase == "starting")
    time.sleep(0.5)
    assert runs(postmaster)
    assert embedded.status(cluster).phase == "starting"
    os.kill(postmaster, signal.SIGCONT)
    starter.join(PATIENCE)
    with got[0] as lease:
        assert not runs(postmaster)
        assert fetch(lease.endpoint, "select answer from note") == 42


def test_an_orphan_is_stopped_by_stop(cluster: Path) -> None:
    with embedded.acquire(cluster):
        supervisor, postmaster = pids(cluster)
    os.kill(postmaster, signal.SIGSTOP)
    kill(supervisor)
    with pytest.raises(Unavailable) as late:
        embedded.stop(cluster, timeout=0.3)
    assert late.value.code == "embedded.stop_timeout"
    os.kill(postmaster, signal.SIGCONT)
    embedded.stop(cluster)
    until(lambda: not runs(postmaster))
    assert embedded.stop(cluster) is False


def test_a_server_started_by_somebody_else_is_neither_doubled_nor_touched(cluster: Path, place: Path) -> None:
    sockets = place / "s"
    sockets.mkdir()
    sockets.chmod(0o777)
    postgres = embedded.binaries(18) / "postgres"
    command: list[str | Path] = [
        postgres,
        "-D",
        cluster,
        "-c",
        "listen_addresses=",
        "-c",
        f"unix_socket_directories={sockets}",
    ]
    other = subprocess.Popen(command, stderr=subprocess.DEVNULL, **as_server_account())
    try:
        until(lambda: (found := PidFile.read(cluster)) and found.status == "ready")
        with pytest.raises(Conflict) as running:
            embedded.acquire(cluster)
        assert running.value.code == "embedded.already_running"
        assert running.value.data["pid"] == other.pid
        with pytest.raises(Conflict):
            embedded.stop(cluster)
        assert other.poll() is None
    finally:
        other.send_signal(signal.SIGINT)
        other.wait(PATIENCE)


def test_a_pid_file_with_the_number_of_an_unrelated_process_is_not_believed(cluster: Path) -> None:
    with embedded.acquire(cluster) as lease:
        fetch(lease.endpoint, "create table note as select 42 as answer")
        pid_file = (cluster / "postmaster.pid").read_text()
        supervisor, postmaster = pids(cluster)
        kill(supervisor, postmaster)
        until(lambda: not runs(postmaster))
    bystander = stranger()
    try:
        (cluster / "postmaster.pid").write_text(pid_file.replace(str(postmaster), str(bystander.pid), 1))
        assert embedded.stop(cluster) is False
        with embedded.acquire(cluster) as lease:
            assert fetch(lease.endpoint, "select answer from note") == 42
        embedded.stop(cluster)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_state_file_with_the_number_of_an_unrelated_process_is_not_believed(cluster: Path) -> None:
    with embedded.acquire(cluster):
        supervisor, postmaster = pids(cluster)
        kill(supervisor)
        until(lambda: not runs(postmaster))
    bystander = stranger()
    try:
        state = json.loads(Layout(cluster).state.read_text())
        assert state["phase"] == "ready"
        state |= {"supervisor_pid": bystander.pid, "supervisor_start": start_time(bystander.pid)}
        Layout(cluster).state.write_text(json.dumps(state))
        assert embedded.status(cluster).running is False
        assert embedded.stop(cluster) is False
        with embedded.acquire(cluster) as lease:
            assert fetch(lease.endpoint, "select 1") == 1
        embedded.stop(cluster)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_it_gives_up_on_a_server_that_does_not_come_back_and_says_why(cluster: Path) -> None:
    with embedded.acquire(cluster) as lease:
        fetch(lease.endpoint, "create table note as select 42 as answer")
        settings = cluster / "postgresql.conf"
        good = settings.read_text()
        settings.write_text(good + "\nno_such_setting = 1\n")
        kill(pids(cluster)[1])
        until(lambda: stopped(cluster))
        found = embedded.status(cluster)
        assert found.phase == "failed"
        assert "no_such_setting" in (found.error or "")
        with pytest.raises(Unavailable) as failed:
            embedded.acquire(cluster)
        assert failed.value.code == "embedded.start_failed"
        assert any("no_such_setting" in line for line in failed.value.data["log"])
        settings.write_text(good)
        with embedded.acquire(cluster) as again:
            assert fetch(again.endpoint, "select answer from note") == 42


def test_a_socket_that_was_cleaned_away_comes_back(cluster: Path) -> None:
    with embedded.acquire(cluster, linger_seconds=0.2) as lease:
        for path in lease.endpoint.socket_dir.iterdir():
            path.unlink()
        lease.endpoint.socket_dir.rmdir()
        with embedded.acquire(cluster) as second:
            assert fetch(second.endpoint, "select 1") == 1


def test_it_goes_when_its_directory_goes(cluster: Path) -> None:
    with embedded.acquire(cluster):
        supervisor, postmaster = pids(cluster)
        cluster.rename(cluster.with_name("moved"))
        until(lambda: not runs(postmaster) and not runs(supervisor))


def test_without_proc_processes_are_told_apart_by_ps(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded.acquire(cluster):
        supervisor, postmaster = pids(cluster)
        bystander = stranger()
        monkeypatch.setattr(processes, "_HAS_PROC", False)  # as on macOS; ps is asked for real
        try:
            assert processes.is_postgres_on(postmaster, cluster)
            assert not processes.is_postgres_on(postmaster, cluster / "other")
            assert not processes.is_postgres_on(bystander.pid, cluster)
            assert processes.start_time(supervisor)
            assert processes.start_time(bystander.pid) == processes.start_time(bystander.pid)
        finally:
            bystander.kill()
            bystander.wait()
        assert processes.start_time(bystander.pid) is None
        assert not processes.is_postgres_on(bystander.pid, cluster)
