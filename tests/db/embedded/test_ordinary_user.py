"""The same server for an ordinary user: run by root, these tests run some of the others again as ``nobody``."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import asyncpg
import pytest

import mnemon
from mnemon.core.errors import Invalid
from mnemon.db import embedded
from mnemon.db.embedded.layout import Layout
from mnemon.db.embedded.sockets import socket_dir_of

from .support import ROOT, fetch, reachable_python

_NOBODY = pwd.getpwnam("nobody")
_AGAIN = (
    "test_lifecycle.py::test_a_new_directory_becomes_a_running_server",
    "test_lifecycle.py::test_processes_share_one_server",
    "test_lifecycle.py::test_it_stops_after_the_last_lease_and_keeps_what_was_written",
    "test_crashes.py::test_a_killed_supervisor_takes_postgres_along_and_the_next_one_finds_the_data",
    "test_crashes.py::test_a_killed_postgres_is_restarted_under_its_clients",
    "test_crashes.py::test_a_pid_file_with_the_number_of_an_unrelated_process_is_not_believed",
    "test_directories.py::test_a_directory_of_somebody_elses_files_is_left_alone",
    "test_planted.py::test_the_place_that_was_noted_may_be_planted_as_well",
    "test_ordinary_user.py::test_a_directory_that_this_user_may_not_write_is_refused",
    "test_ordinary_user.py::test_the_socket_lives_in_the_users_runtime_directory",
)


@pytest.mark.skipif(not ROOT, reason="the other tests ran as an ordinary user already")
def test_all_of_it_works_for_an_ordinary_user(place: Path) -> None:
    python = reachable_python(place)
    here = Path(__file__).parent
    libraries = [Path(mnemon.__file__).parents[1], Path(asyncpg.__file__).parents[1]]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "PYTHONPATH": os.pathsep.join(map(str, libraries)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_LIBRARY_PATH": str(python.parents[1] / "lib"),
        "LANG": "C.UTF-8",
    }
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(here / name for name in _AGAIN)],
        env=environment,
        cwd="/",
        user=_NOBODY.pw_uid,
        group=_NOBODY.pw_gid,
        extra_groups=[],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert f"{len(_AGAIN)} passed" in done.stdout


def test_a_directory_that_this_user_may_not_write_is_refused(place: Path) -> None:
    if ROOT:
        pytest.skip("root may write everywhere; runs as nobody above")
    locked = place / "locked"
    locked.mkdir(mode=0o555)
    for path in (locked / "data", Path("/usr/mnemon-test/data"), Path("/root/data")):
        with pytest.raises(Invalid) as refused:
            embedded.acquire(path)
        assert refused.value.code == "embedded.data_dir_unreachable"
    assert not list(locked.iterdir())


@pytest.fixture
def runtime_dir(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = place / "run"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path))
    return path


def test_the_socket_lives_in_the_users_runtime_directory(
    cluster: Path, runtime_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ROOT:
        pytest.skip("root's is closed to the server's account; runs as nobody above")
    with embedded.acquire(cluster) as lease:
        assert lease.endpoint.socket_dir.parent == runtime_dir
        assert fetch(lease.endpoint, "select 1") == 1
        # A client of the same user that has no such variable (cron) shares the server all the same.
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        assert socket_dir_of(Layout(cluster), os.getuid()) == lease.endpoint.socket_dir
        with embedded.acquire(cluster) as second:
            assert second.endpoint == lease.endpoint
