"""A server of its own with backups of it, and what is in a cluster that was brought back."""

from __future__ import annotations

import base64
import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from mnemon import AsyncMemory, Settings
from mnemon.db import embedded
from mnemon.installation import backup
from mnemon.installation.backup import Label
from mnemon.installation.backup.store import Store
from tests.patience import PATIENCE


def new_key() -> str:
    """A key as `openssl rand -base64 32` prints it."""
    return base64.b64encode(os.urandom(32)).decode()


@dataclass
class Site:
    """A server, its backups, and when what happened.

    Attributes:
        moments: the server's clock at moments between two transactions, by their names.
    """

    home: Path
    settings: Settings
    memory: AsyncMemory
    moments: dict[str, datetime] = field(default_factory=dict)
    backups: dict[str, Label] = field(default_factory=dict)
    xids: dict[str, int] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        assert self.settings.data_dir is not None
        return self.settings.data_dir

    async def connect(self, role: str = embedded.ADMIN_ROLE) -> Any:
        return await connect(self.data_dir, role)

    async def now(self) -> datetime:
        connection = await self.connect()
        try:
            found: datetime = await connection.fetchval("SELECT clock_timestamp()")
            return found
        finally:
            await connection.close()

    async def xid(self) -> int:
        """A transaction that changes something, by its number."""
        connection = await self.connect()
        try:
            async with connection.transaction():
                await connection.execute("CREATE TABLE IF NOT EXISTS noted (what text)")
                await connection.execute("INSERT INTO noted VALUES ('here')")
                return int(await connection.fetchval("SELECT pg_current_xact_id()::text"))
        finally:
            await connection.close()

    async def execute(self, *statements: str) -> None:
        connection = await self.connect()
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def environment(self, **more: str) -> dict[str, str]:
        """For a process of its own."""
        key = self.settings.backup_key
        assert key is not None
        return {
            **os.environ,
            "MNEMON_DATA_DIR": str(self.data_dir),
            "MNEMON_BACKUP_DIR": str(self.settings.backup_dir),
            "MNEMON_BACKUP_KEY": key.get_secret_value(),
            **more,
        }

    def copy(self, where: Path) -> Settings:
        """The same with a copy of the directory of backups, for what damages it."""
        assert self.settings.backup_dir is not None
        shutil.copytree(self.settings.backup_dir, where)
        # A slot of its own, or what the copy fetches would be missing in the archive of the other tests.
        settings = changed(self.settings, backup_dir=where)
        store = store_of(settings)
        store.put_bound(store.bound() | {"name": uuid4().hex[:8]})
        return settings


def changed(settings: Settings, **values: Any) -> Settings:
    """Other settings, read as from the environment."""
    return Settings(**{**dict(settings), **values})


def store_of(settings: Settings) -> Store:
    return Store.open(settings)


async def connect(data_dir: Path, role: str = embedded.ADMIN_ROLE) -> Any:
    endpoint = embedded.status(data_dir).endpoint
    assert endpoint is not None
    return await asyncpg.connect(endpoint.url(role, "mnemon", driver="postgresql"), timeout=PATIENCE)


async def contents(data_dir: Path) -> list[str]:
    """What the memories of a restored cluster say, the oldest first; it is started as a user would, and stopped."""
    with embedded.acquire(data_dir, linger_seconds=0):
        connection = await connect(data_dir)
        try:
            rows = await connection.fetch("SELECT content FROM memories ORDER BY created_at")
            return [row["content"] for row in rows]
        finally:
            await connection.close()
            embedded.stop(data_dir)


async def count_by_index(data_dir: Path) -> int:
    """The rows of `counted` as an index tells them, which believes the visibility map."""
    with embedded.acquire(data_dir, linger_seconds=0):
        connection = await connect(data_dir)
        try:
            await connection.execute("SET enable_seqscan = off")
            await connection.execute("SET enable_bitmapscan = off")
            plan = await connection.fetch("EXPLAIN SELECT count(*) FROM counted")
            assert any("Index Only Scan" in row[0] for row in plan)
            found: int = await connection.fetchval("SELECT count(*) FROM counted")
            return found
        finally:
            await connection.close()


async def tell_story(site: Site) -> None:
    """A full backup, an incremental one and WAL; a transaction before and after each, and known moments between."""
    await site.memory.remember("one")
    await backup.enable(site.settings)
    await site.execute(
        "CREATE TABLE counted (id int PRIMARY KEY, n int) WITH (autovacuum_enabled = off)",
        "INSERT INTO counted SELECT n, 0 FROM generate_series(1, 2000) n",
        "VACUUM ANALYZE counted",
    )
    site.backups["full"] = (await backup.take(site.settings, "full")).backup
    await site.memory.remember("two")
    await site.execute("UPDATE counted SET n = 1 WHERE id % 100 = 0")
    site.backups["incremental"] = (await backup.take(site.settings, "incremental")).backup
    for _ in range(3):  # several segments are fetched at once, and the moment is in the last of them
        await site.execute("UPDATE counted SET n = n + 1 WHERE id = 7", "SELECT pg_switch_wal()")
    await site.memory.remember("three")
    site.moments["after three"] = await site.now()
    await site.memory.remember("four")
    await backup.mark(site.settings, "after-four")
    await site.memory.remember("five")
    site.xids["after five"] = await site.xid()
    await site.memory.remember("six")
    site.moments["after six"] = await site.now()
    await backup.pull_wal(site.settings)
