"""A database under attack on each version of PostgreSQL that the wheel brings."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
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
GROUND = "attack_ground"


@pytest.fixture(scope="session")
def sixteen() -> Iterator[Server]:
    """PostgreSQL 16."""
    path = place()
    lease = embedded.acquire(path / "data", version=16, linger_seconds=0)
    yield Server(lease.endpoint)
    lease.close()
    embedded.stop(path / "data")
    shutil.rmtree(path)


@dataclass(frozen=True, slots=True)
class Ground:
    """A filled database on one version, from which others are copied."""

    server: Server
    field: Field
    roles: tuple[str, ...]

    async def copy(self, name: str) -> Arena:
        """A copy of it."""
        await self._run(f"CREATE DATABASE {name} TEMPLATE {GROUND}")
        await self._run(f"GRANT CREATE, TEMPORARY ON DATABASE {name} TO mnemon_owner")
        await self._run(f"REVOKE CREATE, TEMPORARY ON DATABASE {name} FROM PUBLIC")  # a copy has the default rights
        wire = Wire(self.server.endpoint, ADMIN, name)
        return Arena(self.server.endpoint, name, wire, self.field, self.roles)

    async def drop(self, arena: Arena) -> None:
        arena.admin.close()
        await self._run(f"DROP DATABASE {arena.database} WITH (FORCE)")

    async def _run(self, statement: str) -> None:
        connection = await self.server.connect(database="postgres")
        await connection.execute(statement)
        await connection.close()


async def settle(server: Server) -> Ground:
    """Make a database at head with two organisations in it, and read what there is to attack."""
    connection = await server.connect(database="postgres")
    await connection.execute(f"CREATE DATABASE {GROUND}")
    await connection.close()
    await upgrade(server.url(database=GROUND))
    await runner.let_log_in(server.url(database=GROUND))
    admin = await server.connect(database=GROUND)
    mine, theirs = await fill(admin, frozenset(EXCEPTIONS)), await fill(admin, frozenset(EXCEPTIONS))
    await admin.execute("ANALYZE")
    for view in await admin.fetch("SELECT matviewname FROM pg_matviews WHERE schemaname = 'public'"):
        await admin.execute(f"REFRESH MATERIALIZED VIEW {view['matviewname']}")
    roles = [role for role in ROLES if await admin.fetchval("SELECT to_regrole($1) IS NOT NULL", role)]
    await admin.close()
    wire = Wire(server.endpoint, ADMIN, GROUND)
    field = Field(catalogue.read(wire), mine, theirs)
    wire.close()
    return Ground(server, field, tuple(roles))


@pytest_asyncio.fixture(scope="session", params=VERSIONS)
async def ground(request: Any) -> Ground:
    return await settle(request.getfixturevalue("server" if request.param == 18 else "sixteen"))


@pytest_asyncio.fixture(scope="session")
async def arena(ground: Ground) -> AsyncIterator[Arena]:
    """The database that the matrix attacks."""
    found = await ground.copy("attacked")
    yield found
    await ground.drop(found)


@pytest_asyncio.fixture
async def scratch(ground: Ground) -> AsyncIterator[Arena]:
    """A database of the test's own, whose defences it may take away."""
    found = await ground.copy("scratch")
    yield found
    await ground.drop(found)
