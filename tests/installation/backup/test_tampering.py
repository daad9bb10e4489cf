# ruff: noqa: E501 - a line a kind
"""Somebody who can write the directory of backups and has no key: nothing that is added, changed or gone is unnoticed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnemon import Settings
from mnemon.core.errors import MnemonError
from mnemon.installation import backup
from mnemon.installation.backup import RestoreRequest, contents
from mnemon.installation.backup.contents import Known
from mnemon.installation.backup.errors import Damaged, KeyMissing
from mnemon.installation.backup.seal import LABEL
from mnemon.installation.backup.store import Store
from mnemon.installation.backup.take import BASE, MANIFEST

from .support import Site, changed, new_key, store_of


@pytest.fixture
def copy(site: Site, spare: Path) -> Settings:
    return site.copy(spare)


def rewrite(path: Path, **fields: Any) -> None:
    told = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({name: value for name, value in told.items() if value is not None}))


def exchange(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def link(path: Path) -> None:
    there = path.with_name("elsewhere")
    path.rename(there)
    path.symlink_to(there)


#: What is done to the directory, its full backup in it; and what verify says of it.
TAMPERED: dict[str, tuple[Callable[[Path, Path], Any], str]] = {
    "a file more": (lambda _root, full: (full / "extra").write_bytes(b"x"), "'extra' is not among its files"),
    "a sealed file more": (lambda _root, full: shutil.copy(full / MANIFEST, full / "more.sealed"), "not among its files"),
    "a directory more": (lambda _root, full: (full / "sub").mkdir(), "'sub' is not among its files"),
    "a file less": (lambda _root, full: (full / MANIFEST).unlink(), "is missing"),
    "the data gone": (lambda _root, full: (full / BASE).unlink(), "is missing"),
    "a label less": (lambda _root, full: (full / LABEL).unlink(), "is missing"),
    "a link": (lambda _root, full: link(full / MANIFEST), "cannot be read"),
    "a changed bit": (lambda _root, full: exchange(full / BASE), "was changed"),
    "a longer file": (lambda _root, full: (full / BASE).open("ab").write(b"x"), "bytes instead of"),
    "a changed label": (lambda _root, full: exchange(full / LABEL), "was changed"),
    "another server in cluster.json": (lambda root, _full: rewrite(root / "cluster.json", system_identifier=7), "was changed since"),
    "another name in cluster.json": (lambda root, _full: rewrite(root / "cluster.json", name="deadbeef"), "was changed since"),
    "a field more in cluster.json": (lambda root, _full: rewrite(root / "cluster.json", command="evil"), "was changed since"),
    "another key in cluster.json": (lambda root, _full: rewrite(root / "cluster.json", key="00" * 8), "which is not here"),
    "a key that is none": (lambda root, _full: rewrite(root / "cluster.json", key="x"), "was changed since"),
    "no seal in cluster.json": (lambda root, _full: rewrite(root / "cluster.json", seal=None), "was changed since"),
    "cluster.json that is deep": (lambda root, _full: (root / "cluster.json").write_text("[" * 100_000), "cannot be read"),
    "cluster.json gone": (lambda root, _full: (root / "cluster.json").unlink(), "which is missing"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
async def test_what_is_done_to_a_backup_is_noticed_and_it_is_not_restored(
    site: Site, copy: Settings, into: Path, what: str
) -> None:
    store = store_of(copy)
    full = site.backups["full"]
    spoil, words = TAMPERED[what]
    spoil(store.root, store.backups / full.id)
    # A label that cannot be read is found by who looks at all of them.
    only = None if "label" in what else site.backups["incremental"].id
    found = await backup.verify(copy, backup=only)
    assert any(words in problem for problem in found.problems), found.problems
    with pytest.raises(Damaged):
        backup.require_whole(found)
    for verb in (backup.restore, backup.unpack):
        with pytest.raises((Damaged, KeyMissing)):
            await verb(copy, RestoreRequest(into, "backup", full.id))
        assert not (into / "PG_VERSION").exists()
        shutil.rmtree(into, ignore_errors=True)  # what a restore began with, it goes on with another time


@pytest.mark.parametrize(
    "name",
    [
        "extra",
        "evil.json",
        "records/extra.sealed",
        "wal/extra",
        "wal/extra.sealed",
        "wal/000000010000000000000001",
        "backups/extra",
    ],
)
async def test_a_file_that_nobody_of_ours_wrote_is_named(copy: Settings, name: str) -> None:
    path = store_of(copy).root / name
    path.write_bytes(b"x")
    found = await backup.verify(copy)
    assert any(path.name in problem for problem in found.problems), found.problems


async def test_what_killed_processes_leave_is_no_stranger(copy: Settings) -> None:
    store = store_of(copy)
    for name in (".new-17-cluster.json", "records/.new-17-reach.sealed", "records/.new-failure.json"):
        (store.root / name).write_bytes(b"half")
    (store.wal / ".new-17-0000000100000000000000AA.sealed").write_bytes(b"half")
    assert not (await backup.verify(copy)).problems


async def test_a_whole_backup_that_is_gone_or_put_back_is_noticed(site: Site, copy: Settings, home: Path) -> None:
    store = store_of(copy)
    # The newest: other tests may have taken more since, and nothing builds on it.
    incremental = store.backups / max(label.id for label in store.labels()[0] if label.id.endswith("-incremental"))
    shutil.move(incremental, home / "kept")
    try:
        found = await backup.verify(copy)
        assert any(f"{incremental.name} is missing: it was made" in one for one in found.problems)
        known = Known.of(store)
        assert known is not None
        replace(known, ids=known.ids - {incremental.name}).keep(store)  # as pruning would have
        assert not (await backup.verify(copy)).problems
        shutil.move(home / "kept", incremental)
        found = await backup.verify(copy)
        assert any("somebody has put it back" in one for one in found.problems)
        (store.records / "backups.sealed").unlink()
        found = await backup.verify(copy)
        assert any("records/backups.sealed" in one for one in found.problems)
    finally:
        shutil.rmtree(home / "kept", ignore_errors=True)


async def test_a_kill_between_the_record_and_the_backup_is_no_alarm(site: Site, copy: Settings) -> None:
    store = store_of(copy)
    contents.announce(store, ["20990101T000000.000000Z-full"])  # killed before it got its name
    assert not (await backup.verify(copy)).problems
    contents.announce(store, [site.backups["incremental"].id])  # or while it was removed
    assert not (await backup.verify(copy)).problems
    contents.settle(store)
    known = Known.of(store)
    assert known is not None
    assert (site.backups["incremental"].id in known.ids, known.pending) == (True, frozenset())


def make_old(store: Store) -> None:
    """What an earlier version wrote: no lists, no seal, no record."""
    for label in store.labels()[0]:
        told = label.as_json()
        del told["files"]
        store.put_json(store.backups / label.id / LABEL, told)
    (store.records / "backups.sealed").unlink()
    rewrite(store.root / "cluster.json", seal=None)


async def test_backups_of_an_earlier_version_are_restored_and_verify_says_what_they_lack(
    site: Site, copy: Settings, into: Path
) -> None:
    store = store_of(copy)
    make_old(store)
    found = await backup.verify(copy)
    assert not found.problems
    assert any("Take a full backup" in note for note in found.notes)
    assert any("has no seal yet" in note for note in found.notes)
    done = await backup.restore(copy, RestoreRequest(into, "backup", site.backups["full"].id))
    assert done.backup == site.backups["full"].id
    # The next backup brings the list, the seal and the record; what was there before is said to be older.
    taken = (await backup.take(copy, "full")).backup
    assert taken.files is not None
    assert set(taken.files) == {BASE, MANIFEST}
    found = await backup.verify(copy)
    assert not found.problems
    assert any("what was gone by then it does not know" in note for note in found.notes)
    assert "seal" in json.loads((store.root / "cluster.json").read_text())
    # From now on the seal cannot be left out.
    rewrite(store.root / "cluster.json", seal=None)
    assert any("was changed since" in one for one in (await backup.verify(copy)).problems)
    with pytest.raises(Damaged):
        await backup.take(copy, "full")


@pytest.mark.parametrize("what", ["cluster.json gone", "another server in cluster.json", "no seal in cluster.json"])
async def test_nothing_is_written_beside_what_was_changed(copy: Settings, what: str) -> None:
    store = store_of(copy)
    TAMPERED[what][0](store.root, store.root)
    before = sorted(path.name for path in store.backups.iterdir())
    for verb in (backup.take, backup.pull_wal):
        with pytest.raises(MnemonError):
            await verb(copy)
    assert sorted(path.name for path in store.backups.iterdir()) == before


async def test_a_backup_that_is_tampered_with_is_not_built_on(site: Site, copy: Settings) -> None:
    store = store_of(copy)
    for label in store.labels()[0]:
        (store.backups / label.id / "extra").write_bytes(b"x")
    taken = await backup.take(copy, "incremental")
    assert taken.backup.kind == "full"
    assert taken.note


async def test_the_seal_goes_with_a_new_key(site: Site, copy: Settings) -> None:
    newer = new_key()
    assert copy.backup_key is not None
    both = changed(copy, backup_key=f"{newer},{copy.backup_key.get_secret_value()}")
    await backup.pull_wal(both)
    assert not (await backup.verify(both)).problems
    rewrite(store_of(both).root / "cluster.json", name="deadbeef")
    with pytest.raises(Damaged):
        await backup.pull_wal(both)


async def test_a_pipe_is_not_waited_for(site: Site, copy: Settings) -> None:
    store = store_of(copy)
    path = store.backups / site.backups["full"].id / BASE
    path.unlink()
    os.mkfifo(path)
    found = await backup.verify(copy)
    assert found.problems
