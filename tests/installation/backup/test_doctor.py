"""What the doctor says of backups."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mnemon import Settings
from mnemon.installation import backup
from mnemon.installation.backup import alerts
from mnemon.installation.backup.model import Label
from mnemon.installation.doctor.backups import check
from mnemon.installation.doctor.model import Finding

from .support import Site, changed, new_key, store_of


async def findings(site: Site, settings: Settings, role: str = "mnemon_admin") -> dict[str, Finding]:
    connection = await site.connect(role)
    try:
        return {one.what: one for one in await check(connection, settings)}
    finally:
        await connection.close()


async def test_all_is_well(site: Site) -> None:
    await backup.pull_wal(site.settings)
    await backup.verify(site.settings)
    for role in ("mnemon_admin", "mnemon_app"):
        found = await findings(site, site.settings, role)
        for what in ("last full backup", "last backup", "WAL archive", "backup slot", "backups verified"):
            assert found[what].level == "ok", (role, found[what])
        assert not [one for one in found.values() if one.level == "wrong"]


async def test_none_is_only_a_note(site: Site) -> None:
    found = await findings(site, changed(site.settings, backup_dir=None))
    assert [one.level for one in found.values()] == ["note"]


async def test_the_wrong_key_is_said(site: Site) -> None:
    found = await findings(site, changed(site.settings, backup_key=new_key()))
    assert found["backups"].level == "wrong"
    assert "not here" in found["backups"].found


async def test_what_is_old_missing_failed_or_broken(site: Site, spare: Path) -> None:
    settings = site.copy(spare)
    store = store_of(settings)
    labels, _ = store.labels()
    for label in labels:
        told = label.as_json()
        for name in ("started_at", "finished_at"):
            told[name] = (datetime.fromisoformat(told[name]) - timedelta(days=2)).isoformat()
        store.put_json(store.backups / label.id / "label.sealed", Label.from_json(told).as_json())
    long_ago = (datetime.now(UTC) - timedelta(days=20)).isoformat()
    reach = store.reach()
    assert reach is not None
    store.note("reach", {"at": long_ago, "lsn": reach.lsn, "timeline": reach.timeline})
    store.note("verified", {"at": long_ago, "problems": []})
    store.note("rehearsed", {"at": long_ago, "problem": "it did not start"})
    size = labels[0].segment_bytes
    gone = next(one for one in store.archived(size) if one.segment.number == labels[-1].last_segment.number)
    store.wal_file(gone.name).unlink()
    failure = {"what": "prune", "at": "2026-01-01T00:00:00+00:00", "message": "the disk", "hint": None}
    (store.records / alerts.RECORD).write_text(json.dumps({"prune": failure}))
    found = await findings(site, settings)
    for what in ("last full backup", "last backup", "WAL archive", "backup slot", "restore rehearsed", "backup: prune"):
        assert found[what].level == "wrong", found[what]
        assert found[what].do, what
    assert found["backups verified"].level == "note"
    assert gone.name in found["gap in the WAL archive"].found


async def test_a_directory_that_was_tampered_with_is_said(site: Site, spare: Path) -> None:
    settings = site.copy(spare)
    bound = spare / "cluster.json"
    bound.write_text(json.dumps(json.loads(bound.read_text()) | {"name": "deadbeef"}))
    found = await findings(site, settings)
    assert found["directory of backups"].level == "wrong"
    assert "was changed since" in found["directory of backups"].found
