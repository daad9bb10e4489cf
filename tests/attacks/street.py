"""Two organisations in a database of their own: the attacker has the first, and asks about the other's names."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest_asyncio

from mnemon.db import embedded
from mnemon.migrations import runner
from tests.attacks.wire import Wire
from tests.conftest import Server
from tests.factories import PROVER, new_slug, upgrade

OWNER = "directory_owner"


@dataclass(frozen=True, slots=True)
class Street:
    """A database with two organisations, of which the attacker has the first.

    Attributes:
        way: ``parameter`` or ``seal``: where it stands who a transaction is for.
        own: a person of the attacker's organisation.
        person: the other's.
        address, slug: what the other has.
    """

    endpoint: embedded.Endpoint
    name: str
    way: str
    mine: UUID
    theirs: UUID
    own: UUID
    person: UUID
    address: str
    slug: str

    @contextmanager
    def wire(self, role: str) -> Iterator[Wire]:
        wire = Wire(self.endpoint, role, self.name)
        yield wire
        wire.close()

    def enter(self, organization: UUID | None = None) -> str:
        """The statement by which a transaction is one organisation's."""
        organization = organization or self.mine
        return f"SELECT set_tenant('{organization}', p_proof => '{proof(f'tenant:{organization}::')}')"

    def take(self, address: str) -> str:
        """The statement by which the process takes an address."""
        return f"SELECT take_address('{address}', '{proof(f'address:{self.mine}:{address}')}')"

    def free(self, value: str) -> str:
        """A name that nobody has, as long as the other."""
        return re.sub(r"[0-9a-f]{12}", uuid4().hex[:12], value)

    def put(self, text: str, value: str) -> str:
        """A statement about a name."""
        names = {"v": value, "a": self.mine, "b": self.theirs, "own": self.own, "person": self.person}
        for name, said in names.items():
            text = text.replace(f"<{name}>", str(said))
        text = text.replace("<V>", value.upper())
        return re.sub("<proof ([^>]+)>", lambda found: proof(found[1]), text)


def proof(claim: str) -> str:
    return "\\x" + PROVER.prove(claim).hex()


async def _made(server: Server, way: str, name: str) -> None:
    """A database at head: of the owner that may set the parameter, or of one that was granted none."""
    admin = await server.connect(database="postgres")
    await admin.execute(f"CREATE DATABASE {name}")
    if way == "seal":
        with suppress(asyncpg.DuplicateObjectError):
            await admin.execute(f"CREATE ROLE {OWNER} LOGIN")
        await admin.execute(f"ALTER DATABASE {name} OWNER TO {OWNER}")
    await admin.close()
    if way == "seal":
        admin = await server.connect(database=name)
        await admin.execute("CREATE EXTENSION vector")
        await admin.close()
        await upgrade(server.url(OWNER, name))
    else:
        await upgrade(server.url(database=name))
    await runner.let_log_in(server.url(database=name))


@pytest_asyncio.fixture(
    scope="module", params=[(18, "parameter"), (18, "seal"), (16, "parameter"), (16, "seal")], ids=str
)
async def street(request: Any, server: Server, sixteen: Server) -> AsyncIterator[Street]:
    version, way = request.param
    server = server if version == 18 else sixteen
    name = f"street_{version}_{way}"
    await _made(server, way, name)
    admin = await server.connect(database=name)
    assert await admin.fetchval("SHOW server_version_num") >= f"{version}0000"
    granted = "SELECT has_parameter_privilege(relowner, 'backtrace_functions', 'SET') FROM pg_class WHERE relname = $1"
    assert await admin.fetchval(granted, "users") == (way == "parameter")
    add = "INSERT INTO organizations (name, slug) VALUES ('n', $1) RETURNING id"
    mine = await admin.fetchval(add, new_slug())
    slug = new_slug()
    theirs = await admin.fetchval(add, slug)
    address = f"ada.{uuid4().hex[:12]}@example.org"
    person = "INSERT INTO users (organization_id, external_id, email) VALUES ($1, $2, $3) RETURNING id"
    own = await admin.fetchval(person, mine, "own", "own@example.org")
    other = await admin.fetchval(person, theirs, "other", address)
    for n in range(300):  # so that an index is worth its while
        await admin.fetchval(person, theirs, f"more-{n}", f"more-{n}@example.org")
        await admin.fetchval(person, mine, f"mine-{n}", f"mine-{n}@example.org")
        await admin.fetchval(add, new_slug())
    await admin.execute("VACUUM ANALYZE")
    await admin.close()
    yield Street(server.endpoint, name, way, mine, theirs, own, other, address, slug)
    connection = await server.connect(database="postgres")
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()
