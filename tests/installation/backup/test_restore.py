"""Restores to exact moments, from a full backup, an incremental one and WAL, beside the server that goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mnemon.core.errors import Invalid, MnemonError
from mnemon.db import embedded
from mnemon.installation import backup
from mnemon.installation.backup import RestoreRequest
from mnemon.installation.backup.errors import BackupNotFound, OutOfReach, RestoreFailed, RestoreRefused
from tests.db.embedded.support import as_server_account
from tests.patience import PATIENCE

from .support import Site, changed, contents, count_by_index, new_key, store_of

ALL = ["one", "two", "three", "four", "five", "six"]


def names(directory: Path) -> set[str]:
    """What is in a directory; nothing if there is none."""
    return {path.name for path in directory.iterdir()} if directory.exists() else set()


def put(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("dear")


async def test_to_an_instant_between_two_transactions(site: Site, into: Path) -> None:
    """REQ-T110: what was committed before the moment is there, what came after it is not."""
    moment = site.moments["after three"]
    done = await backup.restore(site.settings, RestoreRequest(into, moment.isoformat()))
    assert done.chain == (site.backups["full"].id, site.backups["incremental"].id)
    assert done.segments >= 1
    assert "recovery stopping before commit" in done.stopped_at
    assert done.checks["rows"]["memories"] == 3
    assert await count_by_index(into) == 2000, "rows that changed before the incremental backup are not counted twice"
    assert await contents(into) == ["one", "two", "three"]


async def test_from_the_full_backup_and_wal_alone(site: Site, into: Path) -> None:
    request = RestoreRequest(into, site.moments["after three"].isoformat(), site.backups["full"].id)
    done = await backup.restore(site.settings, request)
    assert done.chain == (site.backups["full"].id,)
    assert await contents(into) == ["one", "two", "three"]


async def test_to_the_end_while_the_old_server_goes_on(site: Site, into: Path) -> None:
    archive = {path.name: path.read_bytes() for path in store_of(site.settings).wal.iterdir()}
    done = await backup.restore(site.settings, RestoreRequest(into))
    assert done.timeline == 2, "a timeline of its own: it can never be mistaken for the old server"
    with embedded.acquire(into, linger_seconds=0) as lease:
        from mnemon import AsyncMemory

        restored = changed(site.settings, data_dir=into)
        async with AsyncMemory(restored) as memory:
            await memory.remember("after the restore")
            assert (await memory.list()).items[0].content == "after the restore"
        connection = await _admin(lease)
        assert await connection.fetchval("SELECT count(*) FROM pg_replication_slots") == 0
        assert await connection.fetchval("SELECT current_setting('archive_mode')") == "off"
        assert await connection.fetchval("SELECT current_setting('restore_command')") == ""
        await connection.close()
    assert not [name for name in names(into) if name.endswith(".signal")]
    assert names(into / ".mnemon").isdisjoint({"wal", "restore", "restoring", "ready"})
    assert {path.name: path.read_bytes() for path in store_of(site.settings).wal.iterdir()} == archive
    assert [item.content for item in (await site.memory.list()).items] == ALL[::-1]


async def _admin(lease: embedded.Lease):  # type: ignore[no-untyped-def]
    import asyncpg

    return await asyncpg.connect(lease.endpoint.url(embedded.ADMIN_ROLE, driver="postgresql"))


@pytest.mark.parametrize(("to", "count"), [("after-four", 4), ("xid", 5)])
async def test_to_a_mark_and_a_transaction(site: Site, into: Path, to: str, count: int) -> None:
    said = f"xid:{site.xids['after five']}" if to == "xid" else to
    await backup.restore(site.settings, RestoreRequest(into, said, site.backups["full"].id))
    assert await contents(into) == ALL[:count]


async def test_to_a_moment_after_the_last_transaction(site: Site, into: Path) -> None:
    await backup.restore(site.settings, RestoreRequest(into, site.moments["after six"].isoformat()))
    assert await contents(into) == ALL


async def test_moments_that_cannot_be_reached(site: Site, into: Path) -> None:
    reach = store_of(site.settings).reach()
    assert reach is not None
    before = site.backups["full"].started_at - timedelta(seconds=1)
    tries: list[tuple[RestoreRequest, type[MnemonError]]] = [
        (RestoreRequest(into, (reach.at + timedelta(seconds=1)).isoformat()), OutOfReach),
        (RestoreRequest(into, "lsn:F/0"), OutOfReach),
        (RestoreRequest(into, before.isoformat()), BackupNotFound),
        (RestoreRequest(into, before.isoformat(), site.backups["full"].id), OutOfReach),
        (RestoreRequest(into, "latest", "no-such-backup"), BackupNotFound),
        (RestoreRequest(into, "latest", "../wal"), BackupNotFound),
        (RestoreRequest(into, "xid:999999999"), RestoreFailed),
        *((RestoreRequest(into, text), Invalid) for text in ("", "soon", "2026-11-23T10:00", "xid:x", "lsn:7", "xid:")),
    ]
    for request, kind in tries:
        with pytest.raises(kind) as caught:
            await backup.restore(site.settings, request)
        assert caught.value.hint, request
    # The one that had begun left a mark, and the same directory serves for the next.
    done = await backup.restore(site.settings, RestoreRequest(into, "backup", site.backups["incremental"].id))
    assert done.segments == 0, "a backup needs no archive to come back as it was"
    assert await contents(into) == ALL[:2]


async def test_never_over_anything(site: Site, into: Path) -> None:
    with pytest.raises(RestoreRefused):
        await backup.restore(site.settings, RestoreRequest(site.data_dir))
    put(into / "letter.txt")
    with pytest.raises(RestoreRefused):
        await backup.restore(site.settings, RestoreRequest(into))
    assert names(into) == {"letter.txt"}


def kill_when(site: Site, into: Path, mark: str) -> None:
    """A restore in a process of its own, killed when something of it is there."""
    command = [sys.executable, "-m", "mnemon", "backup", "restore", "--into", str(into)]
    process = subprocess.Popen(command, env=site.environment(), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while not (into / mark).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (into / ".mnemon/restoring").exists()


async def test_a_killed_restore_is_begun_again(site: Site, into: Path) -> None:
    kill_when(site, into, ".mnemon/wal")
    done = await backup.restore(site.settings, RestoreRequest(into))
    assert done.checks["rows"]["memories"] == len(ALL)
    assert await contents(into) == ALL


async def test_what_was_begun_in_the_place_of_a_killed_restore_stays(site: Site, into: Path) -> None:
    kill_when(site, into, ".mnemon/restore/0/global")
    embedded.acquire(into, linger_seconds=0).close()  # to the server it is an empty directory: it makes a new cluster
    made = (into / "global/pg_control").read_bytes()
    with pytest.raises(RestoreRefused):
        await backup.restore(site.settings, RestoreRequest(into))
    embedded.stop(into)
    with pytest.raises(RestoreRefused):
        await backup.restore(site.settings, RestoreRequest(into))
    assert (into / "global/pg_control").read_bytes()[:8] == made[:8], "the same cluster by its identifier"


async def test_wal_that_makes_no_sense_is_not_taken_for_its_end(site: Site, spare: Path, into: Path) -> None:
    settings = site.copy(spare)
    store = store_of(settings)
    full = site.backups["full"]
    middle = next(
        one for one in store.archived(full.segment_bytes)
        if one.segment.number == site.backups["incremental"].last_segment.number + 2
    )  # fmt: skip
    with store.writing(store.wal_file(middle.name), {"at": middle.at.isoformat()}) as writer:
        writer.write(bytes(full.segment_bytes))  # sealed as it should be, and no WAL
    with pytest.raises(RestoreFailed, match="for the end of the WAL"):
        await backup.restore(settings, RestoreRequest(into, "latest", full.id))


async def test_a_rehearsal_leaves_nothing_but_its_record(site: Site, home: Path) -> None:
    work = home / "work"
    put(work / "letter.txt")
    done = await backup.rehearse(site.settings, work=work)
    assert done.checks["pages"] > 1000
    assert done.checks["rows"]["memories"] == len(ALL)
    assert names(work) == {"letter.txt"}
    told = store_of(site.settings).noted("rehearsed")
    assert told is not None
    assert told["problem"] is None


async def test_the_wrong_key_reads_nothing(site: Site, into: Path) -> None:
    with pytest.raises(MnemonError) as caught:
        await backup.restore(changed(site.settings, backup_key=new_key()), RestoreRequest(into))
    assert caught.value.code == "backup.key_missing"
    assert names(into) == set()


async def test_unpacked_it_comes_back_by_the_programs_of_the_server(site: Site, into: Path) -> None:
    """As somebody does it whose PostgreSQL is of another version: the printed commands, in a shell."""
    done = await backup.unpack(site.settings, RestoreRequest(into, site.moments["after three"].isoformat()))
    with pytest.raises(RestoreRefused):
        await backup.unpack(site.settings, RestoreRequest(into))
    account = as_server_account()
    environment = as_told(done, into, account)
    try:
        assert await count_when_ready(into / "data") == 3
    finally:
        shell(f"pg_ctl -D {into / 'data'} -m immediate stop", environment, account)


def as_told(done: backup.Unpacked, into: Path, account: dict[str, Any]) -> dict[str, str]:
    """Run the commands as the server's account; its environment."""
    if "user" in account:
        subprocess.run(["chown", "-R", f"{account['user']}:{account['group']}", str(into)], check=True)
    programs = subprocess.run([sys.executable, "-c", FIND, str(into)], capture_output=True, text=True, check=True)
    environment = {"PATH": f"{programs.stdout.strip()}:{os.environ['PATH']}", "LC_ALL": "C"}
    extra = ' -o "-c listen_addresses= -c unix_socket_directories=. -c hot_standby=off" -l log'
    shell(f"set -e; umask 077; cd {into}\n" + "\n".join(done.commands) + extra, environment, account)
    return environment


def shell(script: str, environment: dict[str, str], account: dict[str, Any]) -> None:
    subprocess.run(["/bin/sh", "-c", script], check=True, env=environment, timeout=PATIENCE, **account)


async def count_when_ready(socket_dir: Path) -> int:
    """Memories, once the server has been promoted."""
    import asyncpg

    for _ in range(600):
        with suppress(asyncpg.CannotConnectNowError):
            connection = await asyncpg.connect(host=str(socket_dir), user="mnemon_admin", database="mnemon")
            found: int = await connection.fetchval("SELECT count(*) FROM memories")
            await connection.close()
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come up")


#: The programs where the server's account reaches them.
FIND = """
import pathlib, sys
from mnemon.db import embedded
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.install import reachable_binaries
from mnemon.db.embedded.layout import Layout
print(reachable_binaries(Layout.of(pathlib.Path(sys.argv[1])), embedded.binaries(18), server_account()))
"""
