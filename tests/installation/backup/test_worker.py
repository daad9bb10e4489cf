"""Backups in the background: the worker that has a directory for them takes, fetches, verifies and rehearses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mnemon.doors.worker import backup_tasks, tasks
from mnemon.doors.worker.process import work
from mnemon.installation import backup
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import Enqueue
from mnemon.jobs.worker import WorkerOptions
from tests.factories import context_of, new_slug

from .support import Site, changed, new_key


def options() -> WorkerOptions:
    return WorkerOptions(2, None, 60.0, 0.2, 5.0)


async def states(site: Site) -> dict[str, Any]:
    connection = await site.connect()
    try:
        rows = await connection.fetch(
            "SELECT DISTINCT ON (kind) kind, status::text, result, error_code FROM background_jobs "
            "WHERE kind LIKE 'backup.%' ORDER BY kind, created_at DESC"
        )
        return {row["kind"]: row for row in rows}
    finally:
        await connection.close()


async def test_the_schedules_of_a_worker_with_a_directory(site: Site) -> None:
    """REQ-T109: daily and hourly backups, WAL every five minutes, retention, verification, a rehearsal."""
    before = len((await backup.listing(site.settings)).backups)
    await work(site.settings, options(), once=True)
    found = await states(site)
    for kind in ("backup.incremental", "backup.wal", "backup.verify", "backup.rehearse"):
        assert found[kind]["status"] == "succeeded", dict(found[kind])
    assert len((await backup.listing(site.settings)).backups) == before + 1
    assert json.loads(found["backup.rehearse"]["result"])["checks"]["pages"] > 1000
    connection = await site.connect()
    rows = await connection.fetch("SELECT name, every_seconds, daily_at FROM job_schedules WHERE kind LIKE 'backup.%'")
    await connection.close()
    rhythm = {row["name"]: row["every_seconds"] or str(row["daily_at"]) for row in rows}
    assert rhythm["backup-incremental"] == 3600
    assert rhythm["backup-wal"] == 300
    assert {"backup-full", "backup-retention"} <= set(rhythm)


async def test_a_worker_without_a_directory_leaves_them_alone(site: Site) -> None:
    plain = changed(site.settings, backup_dir=None, backup_key=None)
    assert len(backup_tasks.handlers(plain)) == 0
    assert backup_tasks.schedules(plain) == ()
    kinds = {schedule.kind for schedule in backup_tasks.schedules(site.settings)}
    assert kinds == set(backup_tasks.handlers(site.settings))
    assert not {schedule.name for schedule in tasks.SCHEDULES} & {
        schedule.name for schedule in backup_tasks.schedules(site.settings)
    }


async def test_no_organization_takes_backups_of_all(site: Site) -> None:
    other = await site.memory.organization(new_slug())
    before = len((await backup.listing(site.settings)).backups)
    ctx = context_of(other)
    made = await jobs.enqueue(ctx, Enqueue(kind="backup.full", max_attempts=1))
    await work(site.settings, options(), once=True, schedules=False)
    job = await jobs.get_job(ctx, made.id)
    assert (job.status.value, job.error_code) == ("dead", "forbidden.installation")
    assert len((await backup.listing(site.settings)).backups) == before


async def test_a_failure_in_the_background_is_told(site: Site) -> None:
    connection = await site.connect()
    due = "UPDATE job_schedules SET next_run_at = now() WHERE name = 'backup-wal'"
    await connection.execute(due)
    await work(changed(site.settings, backup_key=new_key()), options(), once=True, schedules=False)
    assert (await states(site))["backup.wal"]["error_code"] == "backup.key_missing"
    assert set(backup.failures(site.settings)) == {"wal"}
    count = "SELECT count(*) FROM error_logs WHERE message LIKE 'backup wal:%'"
    logged = await connection.fetchval(count)
    assert logged >= 1
    await connection.execute(due)
    await work(changed(site.settings, backup_key=new_key()), options(), once=True, schedules=False)
    assert await connection.fetchval(count) == logged, "the same failure is told once a day"
    await connection.execute(due)
    await work(site.settings, options(), once=True, schedules=False)
    assert (await states(site))["backup.wal"]["status"] == "succeeded"
    assert backup.failures(site.settings) == {}
    await connection.close()


async def test_one_that_meets_another_gives_way(site: Site) -> None:
    from .support import store_of

    connection = await site.connect()
    await connection.execute("UPDATE job_schedules SET next_run_at = now() WHERE name = 'backup-incremental'")
    with store_of(site.settings).locked("take"):
        await work(site.settings, options(), once=True, schedules=False)
    row = (await states(site))["backup.incremental"]
    assert row["status"] == "succeeded"
    assert "Somebody else works" in json.loads(row["result"])["skipped"]
    await connection.close()


async def test_what_is_encrypted_on_its_disk_is_not_rehearsed_in_plain(site: Site, spare: Path) -> None:
    (spare / "data.encrypted" / "cipher").mkdir(parents=True)  # as `mnemon up --encrypted` leaves it
    assert backup.uncovers(changed(site.settings, data_dir=spare / "data"))
    assert not backup.uncovers(site.settings)
