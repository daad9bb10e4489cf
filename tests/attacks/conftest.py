"""A database under attack on each version of PostgreSQL that the wheel brings."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from mnemon.db import embedded
from mnemon.migrations import runner
from tests.attacks import catalogue
from tests.attacks.run import Arena
from tests.attacks.tries import ROLES, Field
from tests.attacks.victims import fill
from tests.attacks.wire import Wire
from tests.conftest import ADMIN, Server, place
from tests.db.test_tenancy import EXCEPTIONS
from tests.factories import upgrade

VERSIONS = (18, 16)


@pytest.fixture(scope="session")
def sixteen() -> Iterator[Server]:
    """PostgreSQL 16."""
    path = place()
    lease = embedded.acquire(path / "data", version=16, linger_seconds=0)
    yield Server(lease.endpoint)
    lease.close()
    embedded.stop(path / "data")
    shutil.rmtree(path)


async def settle(server: Server, database: str) -> Arena:
    """Fill a migrated database with two organisations and read what there is to attack."""
    admin = await server.connect(database=database)
    tenantless = frozenset(EXCEPTIONS)
    mine, theirs = await fill(admin, tenantless), await fill(admin, tenantless)
    await admin.execute("ANALYZE")
    for view in await admin.fetch("SELECT matviewname FROM pg_matviews WHERE schemaname = 'public'"):
        await admin.execute(f"REFRESH MATERIALIZED VIEW {view['matviewname']}")
    roles = [role for role in ROLES if await admin.fetchval("SELECT to_regrole($1) IS NOT NULL", role)]
    await admin.close()
    wire = Wire(server.endpoint, ADMIN, database)
    return Arena(server.endpoint, database, wire, Field(catalogue.read(wire), mine, theirs), tuple(roles))


@pytest_asyncio.fixture(scope="session", params=VERSIONS)
async def arena(request: Any, server: Server, sixteen: Server) -> AsyncIterator[Arena]:
    """A database at head on this version, with a victim in it."""
    where = server if request.param == 18 else sixteen
    connection = await where.connect(database="postgres")
    await connection.execute("CREATE DATABASE attacked")
    await upgrade(where.url(database="attacked"))
    await runner.let_log_in(where.url(database="attacked"))
    found = await settle(where, "attacked")
    yield found
    found.admin.close()
    await connection.execute("DROP DATABASE attacked WITH (FORCE)")
    await connection.close()
