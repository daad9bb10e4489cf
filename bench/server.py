"""A PostgreSQL of the benchmark's own: started in a temporary directory, used as a user would, stopped and removed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from pgvector.asyncpg import register_vector

from bench.report import Report
from mnemon import AsyncMemory
from mnemon.app import ADMIN_ROLE, APP_ROLE, DATABASE
from mnemon.core.settings import Settings, load_settings
from mnemon.db import embedded
from mnemon.db.engine import SESSION_SETTINGS


@dataclass
class Server:
    """A running server with the product's database in it."""

    data_dir: Path
    endpoint: embedded.Endpoint
    embedder: str = "builtin"

    def settings(self, **overrides: Any) -> Settings:
        """Settings of the product for this server; nothing is read from the environment's database."""
        return load_settings(data_dir=self.data_dir, database_url=None, embedding_model=self.embedder, **overrides)

    def memory(self, **overrides: Any) -> AsyncMemory:
        """The product on this server."""
        return AsyncMemory(self.settings(**overrides))

    async def admin(self, database: str = DATABASE) -> Any:
        """A superuser's connection."""
        return await self.connect(ADMIN_ROLE, {}, database)

    async def bare(self) -> Any:
        """A connection of bare asyncpg as the application role, with the settings that the product's have."""
        settings = dict(SESSION_SETTINGS)
        settings["statement_timeout"] = str(int(self.settings().database_statement_timeout * 1000))
        return await self.connect(APP_ROLE, settings, DATABASE)

    async def connect(self, role: str, settings: Mapping[str, str], database: str) -> Any:
        """A connection as a role; knows the vector types where the database has them."""
        connection = await asyncpg.connect(
            host=str(self.endpoint.socket_dir),
            port=self.endpoint.port,
            user=role,
            database=database,
            server_settings=dict(settings),
            command_timeout=None,
        )
        if await connection.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')"):
            await register_vector(connection)
        return connection


def temporary(work: Path | None) -> Path:
    """A new directory that the server's account can pass through."""
    place = Path(tempfile.mkdtemp(prefix="mnb-", dir=work))
    place.chmod(0o755)
    return place


@asynccontextmanager
async def server(
    report: Report,
    *,
    work: Path | None = None,
    options: Mapping[str, str] | None = None,
    keep: Path | None = None,
    embedder: str = "builtin",
) -> AsyncIterator[Server]:
    """Start a server with an empty Mnemon database; stopped and removed at the end, whatever happens.

    Args:
        report: gets the server's version.
        work: where its directory is made; the system's temporary directory if left out.
        options: settings of PostgreSQL that differ from what the embedded server has.
        keep: a directory that is used instead, with what it holds, and not removed.
        embedder: EMBEDDING_MODEL of the database.
    """
    place = keep or temporary(work)
    data_dir = place / "d"
    try:
        with embedded.acquire(data_dir, linger_seconds=0, options=options or {}) as lease:
            found = Server(data_dir, lease.endpoint, embedder)
            async with found.memory():  # makes the database
                pass
            connection = await found.admin()
            version = str(await connection.fetchval("SHOW server_version"))
            report.machine["postgresql"] = version.split(" ", 1)[0]
            report.machine["pgvector_extension"] = await connection.fetchval(
                "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
            )
            report.machine["postgresql_options"] = dict(options or {})
            await connection.close()
            yield found
    finally:
        embedded.stop(data_dir)
        if keep is None:
            shutil.rmtree(place, ignore_errors=True)
