"""Taking backups: what is in them, what interrupts them, and who is told."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mnemon.core.errors import MnemonError
from mnemon.db import embedded
from mnemon.installation import backup
from mnemon.installation.backup.errors import Busy, Damaged, OtherCluster, WalGap
from mnemon.installation.backup.keys import load_keys
from mnemon.installation.backup.seal import PARTIAL
from mnemon.installation.backup.store import Store
from mnemon.installation.backup.take import BASE, MANIFEST
from tests.patience import PATIENCE

from .support import Site, changed, new_key, store_of

MNEMON = [sys.executable, "-m", "mnemon"]


async def test_a_backup_is_all_encrypted_and_says_what_it_is(site: Site) -> None:
    store = store_of(site.settings)
    found = await backup.listing(site.settings)
    full, incremental = site.backups["full"], site.backups["incremental"]
    assert [label.id for label in found.backups[:2]] == [full.id, incremental.id]
    assert (full.kind, full.parent, incremental.kind, incremental.parent) == ("full", None, "incremental", full.id)
    assert incremental.stored_bytes < full.stored_bytes / 4
    assert not found.gaps
    assert not found.problems
    for path in [path for path in store.root.rglob("*") if path.suffix != ".lock" and path.is_file()]:
        if path.name not in {"cluster.json", "failure.json"}:
            assert path.read_bytes().startswith(b"MNEMONB1"), path
            assert b"PG_VERSION" not in path.read_bytes(), path
        assert path.stat().st_mode & 0o077 == 0, path
    assert not list(store.root.rglob("*.new-*"))


async def test_verification_reads_every_byte(site: Site) -> None:
    seen: list[str] = []
    found = await backup.verify(site.settings, step=lambda what, _share: seen.append(what))
    assert not found.problems
    backup.require_whole(found)
    assert found.files > 2000
    assert found.segments >= 3
    assert found.read_bytes > 60_000_000
    assert {site.backups["full"].id, "WAL"} <= set(seen)


async def test_damage_is_found_and_named(site: Site, spare: Path) -> None:
    settings = site.copy(spare)
    store = Store(spare, load_keys(settings))
    full, incremental = (store.backups / site.backups[kind].id for kind in ("full", "incremental"))
    base = full / BASE
    whole = base.read_bytes()
    middle = len(whole) // 2
    damages: list[tuple[str, bytes | None]] = [
        ("changed", whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]),
        ("cut short", whole[:middle]),
        ("changed", (incremental / BASE).read_bytes()),
        ("missing", None),
    ]
    for words, data in damages:
        base.unlink()
        if data is not None:
            base.write_bytes(data)
        found = await backup.verify(settings, backup=incremental.name)
        assert any(full.name in problem and words in problem for problem in found.problems), (words, found.problems)
        with pytest.raises(Damaged):
            backup.require_whole(found)
    base.write_bytes(whole)
    shutil.copyfile(incremental / MANIFEST, full / MANIFEST)
    found = await backup.verify(settings, backup=incremental.name)
    assert any("changed" in problem for problem in found.problems)
    shutil.rmtree(full)
    found = await backup.verify(settings)
    assert any(f"builds on {full.name}, which is missing" in problem for problem in found.problems)


async def test_missing_wal_is_a_gap_and_an_alarm(site: Site, spare: Path) -> None:
    settings = site.copy(spare)
    store = store_of(settings)
    needed = site.backups["incremental"].last_segment.number
    size = site.backups["full"].segment_bytes
    gone = next(one for one in store.archived(size) if one.segment.number == needed + 1)
    store.wal_file(gone.name).unlink()
    found = await backup.listing(settings)
    assert [(gap.first, gap.last, gap.count) for gap in found.gaps] == [(gone.name, gone.name, 1)]
    assert any(gone.name in problem for problem in (await backup.verify(settings)).problems)
    with pytest.raises(WalGap):
        await backup.restore(settings, backup.RestoreRequest(spare / "never", "latest", site.backups["incremental"].id))
    assert not (spare / "never").exists()


async def test_wal_that_the_server_gave_up_is_told_and_healed_by_the_next_backup(site: Site, spare: Path) -> None:
    settings = changed(site.settings, backup_dir=spare)
    taken = await backup.take(settings, "full")
    connection = await site.connect()
    slot = f"mnemon_{store_of(settings).bound()['name']}"
    try:
        await connection.execute("SELECT pg_drop_replication_slot($1)", slot)
        for _ in range(4):
            await site.xid()
            await connection.execute("SELECT pg_switch_wal()")
        await backup.pull_wal(site.settings)  # the other directory's slot lets go as well
        await connection.execute("CHECKPOINT")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    with pytest.raises(WalGap) as alarm:
        await backup.pull_wal(settings)
    assert alarm.value.data["first"] > taken.backup.first_segment.name(taken.backup.segment_bytes)
    later = await backup.take(settings, "incremental")
    assert later.backup.parent == taken.backup.id
    assert (await backup.pull_wal(settings)).gaps, "still told, and no alarm any more"
    plan = backup.RestoreRequest(spare / "r", "latest")
    assert await _possible(settings, plan)
    assert not await _possible(settings, backup.RestoreRequest(spare / "r", "latest", taken.backup.id))
    assert slot == await backup.disable(settings)


async def _possible(settings: Any, request: backup.RestoreRequest) -> bool:
    from mnemon.installation.backup.restore import prepare

    try:
        prepare(store_of(settings), request, None)
    except WalGap:
        return False
    return True


async def test_two_at_once(site: Site) -> None:
    results = await asyncio.gather(
        *(backup.take(site.settings, "incremental") for _ in range(2)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert len(refused) == 1
    assert isinstance(refused[0], Busy)
    assert str(os.getpid()) in refused[0].message
    with store_of(site.settings).locked("use", shared=True), pytest.raises(Busy):
        await backup.prune(site.settings)


def kill_half_way(site: Site, store: Store) -> None:
    """A full backup in a process of its own, killed when some of it is written."""
    environment = site.environment(MNEMON_BACKUP_DIR=str(store.root))
    process = subprocess.Popen([*MNEMON, "backup", "full"], env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            if any(path.stat().st_size for path in store.backups.glob(f"{PARTIAL}*/.new-*")):
                break
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


async def test_a_killed_backup_leaves_none_and_the_next_removes_its_rest(site: Site, spare: Path) -> None:
    settings = changed(site.settings, backup_dir=spare)
    store = store_of(settings)
    kill_half_way(site, store)
    left = [path.name for path in store.backups.iterdir()]
    assert left
    assert all(name.startswith(PARTIAL) for name in left)
    assert not (await backup.listing(settings)).backups
    taken = await backup.take(settings, "incremental")
    assert taken.backup.kind == "full"
    assert "no backup to build on" in (taken.note or "")
    assert [path.name for path in store.backups.iterdir()] == [taken.backup.id]
    await backup.disable(settings)


async def test_a_cancelled_backup_leaves_no_process_and_no_rest(site: Site, spare: Path) -> None:
    settings = changed(site.settings, backup_dir=spare)
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def progress(_done: int, _total: int | None) -> None:
        loop.call_soon_threadsafe(begun.set)

    task = asyncio.create_task(backup.take(settings, "full", progress=progress))
    await asyncio.wait_for(begun.wait(), PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(store_of(settings).backups.iterdir())
    connection = await site.connect()
    for _ in range(600):  # the server notices that its client is gone when it next writes to it
        left = await connection.fetchval("SELECT count(*) FROM pg_stat_replication")
        if not left:
            break
        await asyncio.sleep(0.05)
    assert left == 0
    await connection.close()
    await backup.disable(settings)


async def test_another_key_is_noticed_before_anything_is_written(site: Site) -> None:
    before = sorted(path.name for path in store_of(site.settings).root.rglob("*"))
    for call in (backup.take, backup.pull_wal):
        with pytest.raises(MnemonError) as caught:
            await call(changed(site.settings, backup_key=new_key()))
        assert caught.value.code == "backup.key_missing"
    assert sorted(path.name for path in store_of(site.settings).root.rglob("*")) == before


async def test_keys_are_changed_by_putting_the_new_one_first(site: Site, spare: Path) -> None:
    settings = site.copy(spare)
    assert settings.backup_key is not None
    key = new_key()
    both = changed(settings, backup_key=f"{key},{settings.backup_key.get_secret_value()}")
    await backup.pull_wal(both)
    assert not (await backup.verify(both, backup=site.backups["full"].id)).problems
    last = store_of(both).archived(site.backups["full"].segment_bytes)[-1]
    with store_of(changed(both, backup_key=key)).reading(store_of(both).wal_file(last.name)) as reader:
        assert len(reader.read()) == site.backups["full"].segment_bytes
    with pytest.raises(MnemonError) as caught:
        await backup.pull_wal(settings)
    assert caught.value.code == "backup.key_missing"
    await backup.disable(both)


async def test_a_directory_is_for_one_server(site: Site, home: Path) -> None:
    other = changed(site.settings, data_dir=home / "other")
    with embedded.acquire(home / "other", linger_seconds=0):
        with pytest.raises(OtherCluster):
            await backup.pull_wal(other)
        embedded.stop(home / "other")


async def test_a_copy_of_the_server_cannot_spoil_the_archive(site: Site, spare: Path) -> None:
    """Two servers of one identifier on one timeline: the second finds a segment that is not its own."""
    settings = site.copy(spare)
    store = store_of(settings)
    await backup.pull_wal(settings)
    slot = f"mnemon_{store.bound()['name']}"
    connection = await site.connect()
    held = await connection.fetchval(
        "SELECT pg_walfile_name(restart_lsn) FROM pg_replication_slots WHERE slot_name = $1", slot
    )
    await connection.close()
    await site.xid()
    with store.writing(store.wal_file(held), {"at": site.moments["after six"].isoformat()}) as writer:
        writer.write(b"of the other server")
    with pytest.raises(OtherCluster) as caught:
        await backup.pull_wal(settings)
    assert caught.value.code == "backup.wal_differs"
    with store.reading(store.wal_file(held)) as reader:
        assert reader.read() == b"of the other server"
    await backup.disable(settings)


async def test_postgresql_16_has_full_backups_and_wal(home: Path, spare: Path, into: Path) -> None:
    from mnemon import Settings

    settings = Settings(data_dir=home / "sixteen", embedded_version=16, backup_dir=spare, backup_key=new_key())
    with embedded.acquire(home / "sixteen", version=16, linger_seconds=0) as lease:
        import asyncpg

        connection = await asyncpg.connect(lease.endpoint.url(embedded.ADMIN_ROLE, "postgres", driver="postgresql"))
        await connection.execute("CREATE DATABASE mnemon")
        await connection.close()
        enabled = await backup.enable(settings)
        assert "summarize_wal" not in enabled.changed
        taken = await backup.take(settings, "incremental")
        assert taken.backup.kind == "full"
        assert "PostgreSQL 16 has no incremental backups" in (taken.note or "")
        embedded.stop(home / "sixteen")
    done = await backup.restore(settings, backup.RestoreRequest(into))
    assert done.checks == {"revision": None}
    assert (into / "PG_VERSION").read_text().strip() == "16"
