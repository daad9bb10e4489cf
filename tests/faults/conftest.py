"""A server of one's own that the faults may happen to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from mnemon import Settings
from tests.db.own_server import OwnServer


@dataclass
class Site:
    """A server, and how the application and the owner reach its database."""

    server: OwnServer
    app_url: str
    owner_url: str
    worker_url: str

    def settings(self, **changes: Any) -> Settings:
        """The application's, and a worker's."""
        changes = {"database_worker_url": self.worker_url, "auto_maintenance": False, **changes}
        return Settings(database_url=self.app_url, **changes)

    @property
    def environment(self) -> dict[str, str]:
        """The same for a process."""
        return {
            "DATABASE_URL": self.app_url,
            "DATABASE_WORKER_URL": self.worker_url,
            "DATABASE_OWNER_URL": self.owner_url,
        }


async def site_on(server: OwnServer, database: str = "faults") -> Site:
    """A database at head on a server."""
    app_url = await server.prepared(database)
    worker_url = server.url(role=f"{database}_worker", database=database)
    return Site(server, app_url, server.url(database=database), worker_url)


@pytest_asyncio.fixture(scope="package")
async def site() -> AsyncIterator[Site]:
    server = OwnServer(options={"max_connections": "60"})
    try:
        yield await site_on(server)
    finally:
        server.close()
