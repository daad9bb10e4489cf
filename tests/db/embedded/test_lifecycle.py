"""Starting, sharing and stopping, when nothing goes wrong."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from mnemon.core.errors import Invalid, Unavailable
from mnemon.db import embedded

from .support import Client, fetch, pids, runs, stopped, until


def test_a_new_directory_becomes_a_running_server(data_dir: Path) -> None:
    with embedded.acquire(data_dir) as lease:
        settings = {
            "server_version_num": lambda text: int(text) // 10000 == 18,
            "data_checksums": "on".__eq__,
            "fsync": "on".__eq__,
            "listen_addresses": "".__eq__,
            "server_encoding": "UTF8".__eq__,
            "timezone": "UTC".__eq__,
            "wal_level": "replica".__eq__,
        }
        for name, holds in settings.items():
            assert holds(fetch(lease.endpoint, "select current_setting($1)", name)), name
        assert fetch(lease.endpoint, "select upper('straße žluťoučký')").startswith("STRA")
        assert fetch(lease.endpoint, "select upper('ž')") == "Ž"
        fetch(lease.endpoint, "create extension vector")
        assert fetch(lease.endpoint, "select ('[1,2]'::vector <-> '[1,4]')") == 2
        found = lease.endpoint.socket_dir.stat()
        assert stat.S_IMODE(found.st_mode) == 0o700
        assert not lease.endpoint.socket_dir.is_relative_to(data_dir)
        assert list((data_dir / "log").glob("postgresql-*.log"))


def test_an_older_major_version_serves_too(data_dir: Path) -> None:
    with embedded.acquire(data_dir, version=16) as lease:
        assert lease.endpoint.version == 16
        assert int(fetch(lease.endpoint, "select current_setting('server_version_num')")) // 10000 == 16
        assert fetch(lease.endpoint, "select current_setting('data_checksums')") == "on"


def test_processes_share_one_server(cluster: Path) -> None:
    first, second = Client(cluster, linger_seconds=0.2), Client(cluster, linger_seconds=0.2)
    one, two = first.told(), second.told()
    assert one == two
    assert sorted(embedded.status(cluster).clients or ()) == sorted([first.process.pid, second.process.pid])
    first.leave()
    time.sleep(0.6)
    assert runs(one["postmaster"])
    second.leave()
    until(lambda: not runs(one["postmaster"]))


def test_many_processes_start_it_at_once_from_nothing(data_dir: Path) -> None:
    clients = [Client(data_dir) for _ in range(5)]
    assert len({client.told()["postmaster"] for client in clients}) == 1
    for client in clients:
        client.leave()


def test_it_stops_after_the_last_lease_and_keeps_what_was_written(cluster: Path) -> None:
    with embedded.acquire(cluster, linger_seconds=0.2) as lease:
        fetch(lease.endpoint, "create table note as select 42 as answer")
        postmaster = pids(cluster)[1]
        socket_dir = lease.endpoint.socket_dir
    until(lambda: stopped(cluster))
    assert not runs(postmaster)
    assert not socket_dir.exists()
    assert not (cluster / "postmaster.pid").exists()
    with embedded.acquire(cluster) as lease:
        assert fetch(lease.endpoint, "select answer from note") == 42


def test_a_lease_taken_while_it_lingers_finds_the_same_server(cluster: Path) -> None:
    embedded.acquire(cluster, linger_seconds=2).close()
    before = pids(cluster)
    with embedded.acquire(cluster):
        time.sleep(2.3)  # longer than it lingers
        assert pids(cluster) == before


def test_leases_taken_and_dropped_around_the_moment_of_stopping_always_find_a_server(cluster: Path) -> None:
    for step in range(8):
        with embedded.acquire(cluster, linger_seconds=0.1) as lease:
            assert fetch(lease.endpoint, "select 1") == 1
        time.sleep(0.08 + step * 0.015)


def test_a_killed_client_holds_nothing_and_neither_do_its_children(cluster: Path) -> None:
    client = Client(cluster, children=True, linger_seconds=0.2)
    told = client.told()
    client.kill()
    try:
        until(lambda: not runs(told["postmaster"]))
        assert all(runs(child) for child in told["children"])
    finally:
        for child in told["children"]:
            os.kill(child, 9)


def test_kept_it_stays_and_stopped_it_forgets(cluster: Path) -> None:
    with pytest.raises(Unavailable) as none:
        embedded.keep(cluster)
    assert none.value.code == "embedded.not_running"
    with embedded.acquire(cluster, linger_seconds=0.1):
        embedded.keep(cluster)
    before = pids(cluster)
    time.sleep(0.6)
    found = embedded.status(cluster)
    assert (found.running, found.phase, found.kept, found.version) == (True, "ready", True, 18)
    assert pids(cluster) == before
    assert found.clients == ()
    assert found.started_at is not None
    assert abs(found.started_at.timestamp() - time.time()) < 60
    assert found.endpoint is not None
    assert fetch(found.endpoint, "select 1") == 1
    assert found.size_bytes > 20_000_000

    assert embedded.stop(cluster) is True
    assert not any(map(runs, before))
    assert embedded.stop(cluster) is False
    found = embedded.status(cluster)
    assert (found.running, found.phase, found.kept, found.endpoint) == (False, "stopped", False, None)


def test_no_longer_kept_it_stops(cluster: Path) -> None:
    with embedded.acquire(cluster, linger_seconds=0.1):
        embedded.keep(cluster)
    time.sleep(0.4)
    assert embedded.status(cluster).running
    embedded.unkeep(cluster)
    until(lambda: stopped(cluster))


def test_stopped_under_a_lease_it_starts_again_for_the_next(cluster: Path) -> None:
    with embedded.acquire(cluster) as first:
        postmaster = pids(cluster)[1]
        assert embedded.stop(cluster) is True
        assert not runs(postmaster)
        with embedded.acquire(cluster) as second:
            assert second.endpoint == first.endpoint
            assert fetch(first.endpoint, "select 1") == 1


def test_nothing_is_known_about_a_directory_that_is_not_there(data_dir: Path) -> None:
    found = embedded.status(data_dir)
    assert (found.running, found.phase, found.version, found.size_bytes) == (False, "stopped", None, 0)
    assert embedded.stop(data_dir) is False
    assert not data_dir.exists()


def test_options_are_for_one_run_and_not_for_what_the_server_rests_on(cluster: Path) -> None:
    with pytest.raises(Invalid) as refused:
        embedded.acquire(cluster, options={"fsync": "off"})
    assert refused.value.code == "embedded.option_refused"
    with embedded.acquire(cluster, options={"work_mem": "7MB"}) as lease:
        assert fetch(lease.endpoint, "select current_setting('work_mem')") == "7MB"
    embedded.stop(cluster)
    with embedded.acquire(cluster) as lease:
        assert fetch(lease.endpoint, "select current_setting('work_mem')") == "4MB"


def test_a_url_survives_odd_names() -> None:
    endpoint = embedded.Endpoint(Path("/run/odd dir&x"), 5432, Path("/data"), 18)
    parsed = make_url(endpoint.url("a@b:c", "my/base?"))
    assert (parsed.drivername, parsed.username, parsed.database) == ("postgresql+asyncpg", "a@b:c", "my/base?")
    assert dict(parsed.query) == {"host": "/run/odd dir&x", "port": "5432"}
