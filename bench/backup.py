"""backup: backups of a database of a size, the archive of its WAL, and a restore to an instant between transactions."""

from __future__ import annotations

import base64
import os
import random
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from pgvector import HalfVector

from bench.report import Report
from bench.server import Server, server, temporary
from mnemon.core.settings import Settings
from mnemon.db import embedded
from mnemon.installation import backup

_BATCH = 20_000
_COLUMNS = ("organization_id", "content", "importance", "occurred_at", "embedding", "embedding_status")
#: What changes between two backups, as a share of the rows: an hour of a busy day.
_CHANGED = 0.02
#: The seconds between two fetchings of WAL by the worker, and what the requirements allow.
_EVERY, _RPO, _RTO = 300, 3600, 7200


async def run(report: Report, *, gigabytes: float = 1.0, work: Path | None = None) -> None:
    """Fill a database, back it up, change it, and bring it back to an instant between two transactions.

    Args:
        report: takes the results.
        gigabytes: of the database, 10^9 bytes each.
        work: where the directories are made.
    """
    place = temporary(work)
    key = base64.b64encode(os.urandom(32)).decode()
    try:
        async with server(report, work=work) as found:
            settings = found.settings(backup_dir=place / "backups", backup_key=key)
            admin = await found.admin()
            organization = uuid4()
            await admin.execute(
                "INSERT INTO organizations (id, name, slug) VALUES ($1, 'bench', 'bench')", organization
            )
            await backup.enable(settings)
            rows = await _fill(admin, organization, gigabytes)
            await backup.pull_wal(settings)
            await _measure(report, found, settings, (admin, organization, rows), place)
            await admin.close()
    finally:
        for path in place.iterdir():
            if (path / "PG_VERSION").exists():
                embedded.stop(path)
        shutil.rmtree(place, ignore_errors=True)


async def _measure(
    report: Report, found: Server, settings: Settings, filled: tuple[Any, UUID, int], place: Path
) -> None:
    admin, organization, rows = filled
    numbers = report.numbers
    numbers["rows"], numbers["database_bytes"] = rows, await admin.fetchval("SELECT pg_database_size('mnemon')")
    full = await backup.take(settings, "full")
    numbers["full"] = _taken(full)
    print(f"  full: {full.seconds:.1f} s", flush=True)
    await _change(admin, organization, int(rows * _CHANGED))
    incremental = await backup.take(settings, "incremental")
    numbers["incremental"] = _taken(incremental) | {"kind": incremental.backup.kind}
    print(f"  incremental: {incremental.seconds:.1f} s", flush=True)
    await _change(admin, organization, int(rows * _CHANGED))
    moment: datetime = await admin.fetchval("SELECT clock_timestamp()")
    wanted = await admin.fetchval("SELECT count(*) FROM memories")
    await _copy(admin, organization, 1, random.Random(1))
    began = time.perf_counter()
    pulled = await backup.pull_wal(settings)
    numbers["wal"] = {
        "seconds": time.perf_counter() - began,
        "segments": pulled.segments,
        "bytes": pulled.segments * full.backup.segment_bytes,
        "stored_bytes": pulled.stored_bytes,
    }
    print(f"  WAL: {numbers['wal']['seconds']:.1f} s", flush=True)
    checked = await backup.verify(settings)
    backup.require_whole(checked)
    numbers["verify"] = {"seconds": checked.seconds, "read_bytes": checked.read_bytes}
    began = time.perf_counter()
    done = await backup.restore(settings, backup.RestoreRequest(place / "restored", moment.isoformat()))
    numbers["restore"] = {"seconds": time.perf_counter() - began, "steps": done.seconds, "segments": done.segments}
    assert done.checks["rows"]["memories"] == wanted, "the rows of that instant, and not the one after it"
    _tables(report)


async def _fill(admin: Any, organization: UUID, gigabytes: float) -> int:
    """Write memories until the database has its size; how many."""
    chance = random.Random(7)
    rows = 0
    while await admin.fetchval("SELECT pg_database_size('mnemon')") < gigabytes * 1e9:
        await _copy(admin, organization, _BATCH, chance)
        rows += _BATCH
        if rows % (5 * _BATCH) == 0:
            print(f"  {rows:,} rows", flush=True)
    await admin.execute("VACUUM (ANALYZE) memories")
    await admin.execute("CHECKPOINT")
    return rows


async def _copy(admin: Any, organization: UUID, count: int, chance: random.Random) -> None:
    # As in any bulk load: no triggers, no foreign keys looked up.
    await admin.execute("SET session_replication_role = replica")
    await admin.copy_records_to_table("memories", columns=_COLUMNS, records=list(_rows(organization, count, chance)))
    await admin.execute("SET session_replication_role = origin")


def _rows(organization: UUID, count: int, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    vectors = np.random.default_rng(chance.getrandbits(32)).standard_normal((count, 256)).astype(np.float32)
    at = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    for vector in vectors:
        text = " ".join(_word(chance) for _ in range(chance.randint(20, 60)))
        yield organization, text, 5, at, HalfVector(vector / np.linalg.norm(vector)), "ready"


def _word(chance: random.Random) -> str:
    """One of 5,000 words, the first ones far more often."""
    number = int(5000 * chance.random() ** 3)
    return "".join("bcdfghklmnprstvw"[(number >> shift) % 16] + "aeiou"[(number >> shift) % 5] for shift in (0, 4, 8))


async def _change(admin: Any, organization: UUID, rows: int) -> None:
    """Change half as many rows all over the table, and add the other half."""
    await admin.execute(
        "UPDATE memories SET importance = 6 WHERE id IN (SELECT id FROM memories TABLESAMPLE SYSTEM (10) LIMIT $1)",
        rows // 2,
    )
    await _copy(admin, organization, rows // 2, random.Random(rows))


def _taken(taken: backup.Taken) -> dict[str, Any]:
    label = taken.backup
    return {"seconds": taken.seconds, "bytes": label.data_bytes, "stored_bytes": label.stored_bytes}


def _tables(report: Report) -> None:
    numbers = report.numbers
    rows = [
        [name, f"{one['seconds']:.1f}", _gb(one["bytes"]), _gb(one["stored_bytes"])]
        for name, one in ((name, numbers[name]) for name in ("full", "incremental", "wal"))
    ]
    rows.append(["verify all", f"{numbers['verify']['seconds']:.1f}", _gb(numbers["verify"]["read_bytes"]), "-"])
    steps = numbers["restore"]["steps"]
    rows += [[f"restore: {name}", f"{seconds:.1f}", "-", "-"] for name, seconds in steps.items()]
    rows.append(["restore, all", f"{numbers['restore']['seconds']:.1f}", _gb(numbers["database_bytes"]), "-"])
    report.table(
        f"A database of {_gb(numbers['database_bytes'])} GB ({numbers['rows']:,} memories); {_CHANGED:.0%} of the rows "
        "changed or added before the incremental backup, and as many again before the instant that was restored to",
        ["step", "seconds", "GB", "GB stored"],
        rows,
    )
    size = numbers["database_bytes"]
    each = numbers["restore"]["seconds"] / size * 1e9
    numbers["rpo_seconds"] = _EVERY + numbers["wal"]["seconds"]
    numbers["restore_seconds_per_gb"], numbers["gb_within_rto"] = each, _RTO / each
    report.say(
        f"RPO: WAL is fetched every {_EVERY} s and that took {numbers['wal']['seconds']:.1f} s, so at most "
        f"{numbers['rpo_seconds']:.0f} s are lost with the server (required: {_RPO}). "
        f"RTO: {each:.1f} s for a GB; were it so for every size, 10 GB would take {each * 10 / 60:.0f} min, "
        f"100 GB {each * 100 / 60:.0f} min, and {_RTO / each:,.0f} GB the {_RTO // 3600} h that are required."
    )


def _gb(count: float) -> str:
    return f"{count / 1e9:.2f}"
