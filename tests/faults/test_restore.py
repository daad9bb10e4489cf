"""A backup is restored while the server that it is of goes on, and both are used afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from mnemon import AsyncMemory, Settings
from mnemon.app import APP_ROLE, DATABASE
from mnemon.db import embedded
from mnemon.installation import backup
from mnemon.installation.backup import RestoreRequest
from tests.conftest import place
from tests.faults.ledger import doctor, everything, ledger_on
from tests.installation.backup.support import new_key


@pytest.fixture
def home() -> Iterator[Path]:
    path = place()
    yield path
    for name in ("data", "restored"):
        embedded.stop(path / name)
    shutil.rmtree(path)


async def test_a_restore_beside_the_server_that_goes_on(home: Path) -> None:
    key = new_key()
    settings = Settings(data_dir=home / "data", backup_dir=home / "backups", backup_key=key, auto_maintenance=False)
    environment = {
        "MNEMON_DATA_DIR": str(home / "data"),
        "MNEMON_BACKUP_DIR": str(home / "backups"),
        "MNEMON_BACKUP_KEY": key,
    }
    with embedded.acquire(home / "data", linger_seconds=0) as server:
        await restored_beside(server.endpoint, home, settings, environment)


async def restored_beside(
    server: embedded.Endpoint, home: Path, settings: Settings, environment: dict[str, str]
) -> None:
    async with ledger_on(settings) as ledger:
        await ledger.more(40)
        await backup.take(settings)
        await ledger.more(40)
        then = [dict(kept) for kept in ledger.kept]
        moment = await _now(server)
        await ledger.more(40)
        await backup.pull_wal(settings)
        done = await backup.restore(settings, RestoreRequest(home / "restored", moment.isoformat()))
        await ledger.more(40)
        told = await doctor(**environment)
    assert not ledger.refused
    assert done.checks["rows"]["memories"] >= sum(map(len, then))
    await ledger.check(server.url(APP_ROLE, DATABASE))
    async with AsyncMemory(data_dir=home / "restored", auto_maintenance=False) as restored:
        for number, slug in enumerate(ledger.slugs):
            found = await everything(await restored.organization(slug))
            assert then[number].keys() <= found.keys(), "what was acknowledged before the moment"
            assert all(content.startswith(f"{slug} ") for content in found.values())
            assert len(found) < len(ledger.kept[number])
    assert not [one for one in told.values() if one["subject"] == "backups" and one["level"] == "wrong"]


async def _now(endpoint: embedded.Endpoint) -> datetime:
    connection = await asyncpg.connect(endpoint.url(embedded.ADMIN_ROLE, driver="postgresql"))
    try:
        found: datetime = await connection.fetchval("SELECT clock_timestamp()")
        return found
    finally:
        await connection.close()
