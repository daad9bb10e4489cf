"""Who a transaction is for is proven, and no statement changes it: attack 2 of those that were once open.

Everything is tried in both ways that a server may have: a parameter that the application may not set, and, where the
owner was granted none, a setting with a seal.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from mnemon import AsyncMemory
from mnemon.core.crypto import parse_keys
from mnemon.core.errors import Unavailable
from mnemon.core.installation import InstallationKey, read, read_or_make
from mnemon.core.principal import Principal
from mnemon.db.tenant import PLAIN, SEALED, SET_TENANT, Prover
from mnemon.migrations import runner
from tests.conftest import ADMIN, APP, Server
from tests.factories import KEY, PROVER, context_of, enter, new_slug, settings_of, upgrade

OTHER = Prover(InstallationKey((b"o" * 32,)))
SECRET = "lighthouse"


@dataclass(frozen=True, slots=True)
class Place:
    """A database with two organisations, of which one has a secret."""

    server: Server
    name: str
    way: str
    mine: UUID
    theirs: UUID

    async def attacker(self) -> Any:
        """The application's connection."""
        return await self.server.connect(APP, self.name)


SEALED_TEMPLATE = "mnemon_sealed"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sealed(server: Server, template: str) -> str:
    """A database of a plain owner, brought to head by it, that others are copied from."""
    admin = await server.connect(database="postgres")
    await admin.execute("CREATE ROLE proof_owner LOGIN")
    await admin.execute(f"CREATE DATABASE {SEALED_TEMPLATE} OWNER proof_owner")
    await admin.close()
    admin = await server.connect(database=SEALED_TEMPLATE)
    await admin.execute("CREATE EXTENSION vector")
    await admin.close()
    await upgrade(server.url("proof_owner", SEALED_TEMPLATE))
    return SEALED_TEMPLATE


@pytest_asyncio.fixture(params=["parameter", "seal"])
async def place(
    request: pytest.FixtureRequest, server: Server, template: str, sealed: str, make_database: Any
) -> AsyncIterator[Place]:
    name = await make_database(like=template if request.param == "parameter" else sealed)
    if request.param == "seal":
        admin = await server.connect(database="postgres")
        await admin.execute(f"ALTER DATABASE {name} OWNER TO proof_owner")
        await admin.close()
    made = []
    for content in ("nothing of note", SECRET):
        async with AsyncMemory(settings=settings_of(server.url(APP, name), organization=new_slug())) as memory:
            await memory.remember(content, user="ada")
            made.append(context_of(memory).principal.organization_id)
    yield Place(server, name, request.param, *made)


async def test_each_database_goes_its_way(place: Place) -> None:
    connection = await place.server.connect(database=place.name)
    rows = await connection.fetch("SELECT DISTINCT qual FROM pg_policies WHERE policyname = 'tenant'")
    expected = PLAIN if place.way == "parameter" else SEALED
    assert {row[0] for row in rows} == {f"(organization_id = {expected})", f"(id = {expected})"}
    await connection.close()


SETTINGS = ("backtrace_functions", "app.tenant", "app.organization_id", "app.user_id")


async def test_one_select_does_not_change_the_tenant(place: Place) -> None:
    """ts_stat runs a statement that begins after the setting was changed: it was the way through."""
    connection = await place.attacker()
    theirs = f"{place.theirs}".replace("-", "")
    for setting in SETTINGS:
        for value in (theirs, str(place.theirs), theirs + "_" * 64, theirs + "_" * 64 + "0" * 64):
            attacks = (
                (
                    f"SELECT word FROM ts_stat('SELECT to_tsvector(content) FROM memories WHERE ''' || "
                    f"set_config('{setting}', '{value}', true) || ''' <> ''''')"
                ),
                (
                    f"SELECT m.content FROM (SELECT set_config('{setting}', '{value}', true) AS x OFFSET 0) s, "
                    "LATERAL (SELECT content FROM memories WHERE s.x IS NOT NULL) m"
                ),
                (
                    f"WITH s AS MATERIALIZED (SELECT set_config('{setting}', '{value}', true) AS x) "
                    "SELECT m.content FROM s, memories m"
                ),
                (
                    f"SELECT query_to_xml('SELECT content FROM memories WHERE ''' || "
                    f"set_config('{setting}', '{value}', true) || ''' <> ''''', true, true, '')"
                ),
            )
            for attack in attacks:
                async with _transaction(connection):
                    await enter(connection, place.mine)
                    with suppress(asyncpg.PostgresError):
                        told = await connection.fetch(attack)
                        assert SECRET not in str(told), attack
                        rows = await connection.fetch("SELECT organization_id FROM memories")
                        assert {row[0] for row in rows} <= {place.mine}, attack
    await connection.close()


def _transaction(connection: Any) -> Any:
    return _RolledBack(connection)


class _RolledBack:
    def __init__(self, connection: Any) -> None:
        self.transaction = connection.transaction()

    async def __aenter__(self) -> None:
        await self.transaction.start()

    async def __aexit__(self, *error: object) -> None:
        await self.transaction.rollback()


async def test_nobody_enters_without_a_proof(place: Place) -> None:
    connection = await place.attacker()
    right = PROVER.arguments(Principal(place.mine))
    wrong: list[tuple[Any, ...]] = [
        (place.theirs, None, None, None),
        (place.theirs, None, None, b""),
        (place.theirs, None, None, b"\0" * 36),
        (place.theirs, None, None, right[3]),  # the proof of another organisation
        (place.mine, uuid4(), None, right[3]),  # of nobody in particular
        (place.theirs, None, None, OTHER.arguments(Principal(place.theirs))[3]),  # with another key
        (place.theirs, None, None, KEY.newest + b"\0" * 32),
        (place.theirs, None, None, PROVER.prove(f"organization:{place.theirs}")),  # of another claim
    ]
    for arguments in wrong:
        async with _transaction(connection):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await connection.execute(SET_TENANT, *arguments)
            assert caught.value.sqlstate == "MN001"
    async with _transaction(connection):
        await connection.execute(SET_TENANT, *right)
        assert await connection.fetchval("SELECT count(*) FROM memories") == 1
    assert await connection.fetchval("SELECT count(*) FROM memories") == 0
    await connection.close()


async def test_what_one_transaction_noted_is_worth_nothing_in_another(place: Place) -> None:
    thief, victim = await place.attacker(), await place.attacker()
    try:
        async with _transaction(victim):
            await enter(victim, place.theirs)
            noted = {name: await victim.fetchval("SELECT current_setting($1, true)", name) for name in SETTINGS}
            for setting, value in noted.items():
                async with _transaction(thief):
                    with suppress(asyncpg.InsufficientPrivilegeError):
                        await thief.execute("SELECT set_config($1, $2, true)", setting, value or "")
                    with suppress(asyncpg.InFailedSQLTransactionError):
                        assert await thief.fetchval("SELECT count(*) FROM memories") == 0, setting
        async with _transaction(victim):  # the next transaction of the same session
            for setting, value in noted.items():
                with suppress(asyncpg.InsufficientPrivilegeError):
                    async with _transaction(victim):
                        await victim.execute("SELECT set_config($1, $2, true)", setting, value or "")
                        assert await victim.fetchval("SELECT count(*) FROM memories") == 0, setting
    finally:
        await thief.close()
        await victim.close()


async def test_the_keys_are_for_the_owner_alone(place: Place) -> None:
    connection = await place.attacker()
    for statement in (
        "SELECT * FROM installation_keys",
        "INSERT INTO installation_keys (key_id, inner_block, outer_block) VALUES ('1234', '', '')",
        "DELETE FROM installation_keys",
        "SELECT tenant_setting('x')",
        "SELECT seal_of('x')" if place.way == "seal" else "SELECT tenant_setting('')",
        "SET ROLE mnemon_owner" if place.way == "parameter" else "SET ROLE proof_owner",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_organisations_are_not_told_to_whoever_asks(place: Place) -> None:
    connection = await place.attacker()
    for proof in (None, b"\0" * 36, OTHER.prove("organization:house")):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await connection.fetchval("SELECT ensure_organization('house', 'house', $1)", proof)
        assert caught.value.sqlstate == "MN001"
    await connection.close()


async def test_a_process_with_another_key_says_what_to_do(place: Place) -> None:
    for key in (OTHER.key, None):
        changes = {"installation_key": key.text() if key else None}
        settings = settings_of(place.server.url(APP, place.name)).model_copy(update={"installation_key": None})
        if key is not None:
            settings = settings_of(place.server.url(APP, place.name), **changes)
        with pytest.raises(Unavailable) as caught:
            async with AsyncMemory(settings=settings):
                pass
        assert caught.value.code == "unavailable.installation_key"
        assert "MNEMON_INSTALLATION_KEY" in (caught.value.hint or "")


async def test_keys_are_changed_one_after_the_other(place: Place) -> None:
    """The database learns the new key beside the old one; then processes change; then the old one goes."""
    old, new = KEY.text(), InstallationKey.new().text()
    owner = place.server.url(ADMIN if place.way == "parameter" else "proof_owner", place.name)
    for text, works in ((f"{new},{old}", (old, new, f"{new},{old}")), (new, (new, f"{new},{old}"))):
        await upgrade(owner, installation=InstallationKey(parse_keys(text)))
        for key in (old, new, f"{new},{old}"):
            settings = settings_of(place.server.url(APP, place.name), installation_key=key)
            try:
                async with AsyncMemory(settings=settings):
                    entered = True
            except Unavailable:
                entered = False
            assert entered == (key in works), (text, key)


async def test_a_planted_object_stops_the_upgrade(server: Server, make_database: Any) -> None:
    name = await make_database()
    admin = await server.connect(database=name)
    with suppress(asyncpg.DuplicateObjectError):
        await admin.execute("CREATE ROLE planter")
    await admin.execute("CREATE FUNCTION public.looks_harmless() RETURNS int LANGUAGE sql RETURN 1")
    await admin.execute("ALTER FUNCTION public.looks_harmless() OWNER TO planter")
    with pytest.raises(Exception, match="looks_harmless"):
        await upgrade(server.url(database=name))
    await admin.execute("DROP FUNCTION public.looks_harmless()")
    await upgrade(server.url(database=name))
    await admin.close()


async def test_a_view_in_the_place_of_a_table_is_not_read_at_start(server: Server, make_database: Any) -> None:
    """What a start reads as a superuser must be a table: a view would be its owner's code, run as the superuser."""
    name = await make_database()
    admin = await server.connect(database=name)
    await admin.execute("CREATE TABLE canary (who text)")
    await admin.execute("ALTER TABLE schema_objects RENAME TO moved")
    await admin.execute(
        "CREATE FUNCTION trap() RETURNS boolean LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO canary VALUES (current_user); RETURN true; END $$"
    )
    await admin.execute("CREATE VIEW schema_objects AS SELECT name, digest FROM moved WHERE trap()")
    assert not await runner.is_current(server.url(database=name), KEY)
    assert await admin.fetchval("SELECT count(*) FROM canary") == 0
    await admin.close()


@given(st.uuids(), st.none() | st.uuids(), st.none() | st.uuids(), st.sampled_from([KEY, OTHER.key]))
def test_a_proof_is_of_one_claim_and_one_key(
    organization: UUID, user: UUID | None, agent: UUID | None, key: InstallationKey
) -> None:
    mine = Prover(key).arguments(Principal(organization, user, agent))
    assert mine == Prover(key).arguments(Principal(organization, user, agent))
    assert len(mine[3]) == 36
    others = {
        Prover(key).arguments(Principal(uuid4(), user, agent))[3],
        Prover(key).arguments(Principal(organization, uuid4(), agent))[3],
        Prover(key).arguments(Principal(organization, user, uuid4()))[3],
        Prover(InstallationKey.new()).arguments(Principal(organization, user, agent))[3],
    }
    assert mine[3] not in others


def test_the_key_of_the_embedded_server_is_a_file_for_its_owner_alone(tmp_path: Any) -> None:
    path = tmp_path / "data.key"
    made = read_or_make(path)
    assert read_or_make(path).text() == made.text() == read(path).text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["data.key"]
    path.chmod(0o644)
    with pytest.raises(Exception, match="Others than its owner"):
        read_or_make(path)
    path.chmod(0o600)
    if os.geteuid() == 0:  # only root can give a file away
        os.chown(path, 65534, 65534)
        with pytest.raises(Exception, match="belongs to another user"):
            read_or_make(path)
        os.chown(path, 0, 0)
    path.write_text("nonsense")
    with pytest.raises(Exception, match="holds no installation key"):
        read_or_make(path)
