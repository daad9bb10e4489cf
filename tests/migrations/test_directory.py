"""An installation from before the directory keeps its people and organisations, and finds them; and the way back."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from mnemon import AsyncMemory, Conflict
from mnemon.identity import repository_access
from mnemon.identity import service as identity
from mnemon.identity.schemas import UserCreate
from mnemon.migrations import runner
from tests.conftest import APP, Server
from tests.factories import context_of, upgrade

_INDEXES = "SELECT count(*) FROM pg_class WHERE relname IN ('uq_users_email', 'uq_organizations_slug')"
_OURS = "'^(keep_directory|empty_directory|guard_address|guard_slug|take_address|directory_digest|current_who)$'"
_TRIGGERS = f"SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname ~ {_OURS}"


async def sign_in_begins(server: Server, name: str, email: str) -> Any:
    """What signing in finds by an address, in an organisation called `old-one`."""
    async with AsyncMemory(database_url=server.url(APP, name), organization="old-one") as memory:
        database = context_of(memory).database
        async with database.untenanted() as connection:
            proof = database.prove(f"user_by_email:{email}")
            return await repository_access.find_user_by_email(connection, email, proof, None)


async def taken(server: Server, name: str, email: str) -> bool:
    """Whether the organisation called `old-one` is refused an address."""
    async with AsyncMemory(database_url=server.url(APP, name), organization="old-one") as memory:
        try:
            await identity.create_user(context_of(memory), UserCreate(email=email))
        except Conflict:
            return True
        return False


@pytest.mark.parametrize("login", ["superuser", "owner"])
async def test_people_and_organisations_from_before_are_found(server: Server, make_database: Any, login: str) -> None:
    name = await make_database(empty=True)
    admin = await server.connect(database=name)
    url = server.url(database=name)
    if login == "owner":
        await admin.execute(f"ALTER DATABASE {name} OWNER TO mnemon_owner")
        await admin.execute("CREATE EXTENSION vector")
        url = server.url("mnemon_owner", name)
    await upgrade(url, revision="0016")
    add = "INSERT INTO organizations (name, slug, deleted_at) VALUES ('n', $1, $2) RETURNING id"
    own = await admin.fetchval(add, "old-one", None)
    await admin.execute("INSERT INTO organizations (name) VALUES ('without')")
    gone = await admin.fetchval(add.replace("$2", "now() + $2 * interval '1 s'"), "gone-one", 0)
    person = "INSERT INTO users (organization_id, email, external_id, deleted_at) VALUES ($1, $2, $3, $4) RETURNING id"
    ada = await admin.fetchval(person, own, "Ada@Example.org", "ada", None)
    await admin.fetchval(person, own, None, "nameless", None)
    await admin.fetchval(person, None, "operator@example.org", None, None)
    await admin.fetchval(person.replace("$4", "now() + $4 * interval '1 s'"), gone, "left@example.org", None, 0)
    assert await admin.fetchval(_INDEXES) == 2
    await upgrade(url)
    assert await admin.fetchval(_INDEXES) == 0
    assert await admin.fetchval("SELECT count(*) FROM directory") == 5
    found = await sign_in_begins(server, name, "ada@EXAMPLE.org")
    assert (found["user_id"], found["organization_id"]) == (ada, own)
    for email in ("ADA@example.org", "operator@example.org", "left@example.org"):
        assert await taken(server, name, email), email
    assert not await taken(server, name, "new@example.org")
    assert (await runner.check(url)).ok
    await runner.downgrade(url, revision="0016")
    assert await admin.fetchval(_INDEXES) == 2
    assert await admin.fetchval(_TRIGGERS) == 0
    assert await admin.fetchval(f"SELECT count(*) FROM pg_proc WHERE proname ~ {_OURS}") == 0
    with pytest.raises(asyncpg.UniqueViolationError):
        await admin.execute("INSERT INTO users (email) VALUES ('NEW@example.org')")
    await upgrade(url)
    assert await taken(server, name, "new@example.org")
    assert (await sign_in_begins(server, name, "new@example.org"))["organization_id"] == own
    await admin.close()


@pytest.mark.parametrize("login", ["superuser", "owner"])
async def test_what_is_truncated_is_forgotten(server: Server, make_database: Any, login: str) -> None:
    name = await make_database()
    admin = await server.connect(database=name)
    own = await admin.fetchval("INSERT INTO organizations (name, slug) VALUES ('n', 'old-one') RETURNING id")
    await admin.execute("INSERT INTO users (organization_id, email) VALUES ($1, 'ada@example.org')", own)
    connection = admin if login == "superuser" else await server.connect("mnemon_owner", name)
    await connection.execute("TRUNCATE users CASCADE")
    assert await admin.fetchval("SELECT array_agg(id) FROM directory WHERE id = $1", own) == [own]
    await admin.execute("INSERT INTO users (organization_id, email) VALUES ($1, 'ada@example.org')", own)
    await connection.execute("TRUNCATE organizations CASCADE")
    assert await admin.fetchval("SELECT count(*) FROM directory") == 0
    await admin.execute("INSERT INTO organizations (name, slug) VALUES ('n', 'old-one')")
    await connection.close()
    await admin.close()
