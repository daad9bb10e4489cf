"""Whom a start refuses, and with what words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from mnemon import AsyncMemory, Forbidden, Invalid, MnemonError, Settings, Unavailable
from mnemon.app import start
from mnemon.db.session import Database
from mnemon.db.startup import inspect_database
from mnemon.migrations import runner
from tests.conftest import ADMIN, APP, Server
from tests.factories import settings_of


@asynccontextmanager
async def role(admin: Any, options: str) -> AsyncIterator[str]:
    """A role that is gone afterwards."""
    name = f"role_{uuid4().hex[:8]}"
    await admin.execute(f"CREATE ROLE {name} LOGIN {options}")
    try:
        yield name
    finally:
        await admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


async def refusal(url: str, **changes: Any) -> MnemonError:
    with pytest.raises(MnemonError) as caught:
        await start(settings_of(url, **changes))
    return caught.value


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("SUPERUSER", "is a superuser"),
        ("BYPASSRLS IN ROLE mnemon_app", "has BYPASSRLS"),
        ("IN ROLE mnemon_owner", "owns the tables"),
        ("NOINHERIT IN ROLE mnemon_owner", "owns the tables"),
        ("IN ROLE mnemon_admin", "may become a role that bypasses row-level security"),
    ],
)
async def test_a_role_for_which_the_wall_would_not_hold_is_refused(
    server: Server, admin: Any, options: str, why: str
) -> None:
    async with role(admin, options) as name:
        error = await refusal(server.url(name))
        assert isinstance(error, Forbidden)
        assert error.code == "forbidden.unsafe_role"
        assert why in error.message
        assert "IN ROLE mnemon_app" in str(error)


async def test_an_unsafe_role_may_be_allowed(server: Server, template: str) -> None:
    app = await start(settings_of(server.url(ADMIN), allow_unsafe_role=True))
    try:
        assert app.facts.unsafe == "is a superuser"
    finally:
        await app.close()


async def test_a_login_of_its_own_in_the_application_role_serves(server: Server, admin: Any) -> None:
    async with role(admin, "IN ROLE mnemon_app") as name:
        app = await start(settings_of(server.url(name)))
        try:
            assert app.facts.role == name
            assert app.facts.unsafe is None
            assert app.facts.match_operator == "@~@"
            assert app.facts.dimensions == 256
            assert app.facts.server_version >= 180000
        finally:
            await app.close()


async def test_a_role_without_the_applications_rights_is_told_what_is_missing(server: Server, admin: Any) -> None:
    async with role(admin, "") as name:
        error = await refusal(server.url(name))
        assert isinstance(error, Unavailable)
        assert error.code == "unavailable.grants"
        assert f"GRANT mnemon_app TO {name}" in str(error)


@pytest.mark.parametrize("options", ["IN ROLE mnemon_worker", "NOINHERIT IN ROLE mnemon_worker, mnemon_app"])
async def test_a_workers_login_serves_no_callers(server: Server, admin: Any, options: str) -> None:
    """Also one that would have to change its role first."""
    async with role(admin, options) as name:
        await admin.execute(f"GRANT mnemon_app TO {name} WITH INHERIT TRUE")
        error = await refusal(server.url(name))
        assert (type(error), error.code) == (Forbidden, "forbidden.worker_role")
        assert "DATABASE_WORKER_URL" in str(error)
        assert "IN ROLE mnemon_app" in str(error)


@pytest.mark.parametrize("options", ["IN ROLE mnemon_app", "IN ROLE mnemon_app, mnemon_nothing"])
async def test_the_applications_login_does_no_work_for_everybody(server: Server, admin: Any, options: str) -> None:
    await admin.execute("CREATE ROLE mnemon_nothing")
    try:
        async with role(admin, options) as name:
            for urls in ({"database_url": server.url(name)}, {"database_worker_url": server.url(name)}):
                with pytest.raises(MnemonError) as caught:
                    await start(settings_of(server.url(APP), **urls), worker=True)
                assert (type(caught.value), caught.value.code) == (Unavailable, "unavailable.worker_role")
                assert "IN ROLE mnemon_worker" in str(caught.value)
    finally:
        await admin.execute("DROP ROLE mnemon_nothing")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("SUPERUSER", "is a superuser"),
        ("BYPASSRLS IN ROLE mnemon_worker", "has BYPASSRLS"),
        ("IN ROLE mnemon_worker, mnemon_owner", "owns the tables"),
    ],
)
async def test_no_worker_for_which_the_wall_would_not_hold(server: Server, admin: Any, options: str, why: str) -> None:
    async with role(admin, options) as name:
        with pytest.raises(Forbidden, match=why):
            await start(settings_of(server.url(name)), worker=True)


async def test_a_worker_has_a_login_of_its_own(server: Server, admin: Any) -> None:
    async with role(admin, "IN ROLE mnemon_worker") as name:
        made = await start(settings_of(server.url(APP), database_worker_url=server.url(name)), worker=True)
        try:
            assert made.facts.role == name
            assert (made.facts.worker, made.facts.works, made.facts.unsafe) == (True, True, None)
        finally:
            await made.close()
    with pytest.raises(Invalid) as caught:  # it would silently be the embedded server
        await start(Settings(database_worker_url=server.url(APP), database_url=None))
    assert caught.value.data["field"] == "database_url"


async def test_an_empty_database_has_no_schema(server: Server, make_database: Any) -> None:
    error = await refusal(server.url(APP, await make_database(empty=True)))
    assert (type(error), error.code) == (Unavailable, "unavailable.schema")
    assert "mnemon db upgrade" in str(error)


async def test_a_database_at_another_revision_is_refused(server: Server, make_database: Any) -> None:
    name = await make_database()
    connection = await server.connect(database=name)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    error = await refusal(server.url(APP, name))
    assert (type(error), error.code) == (Unavailable, "unavailable.schema")
    assert "9999" in error.message
    assert runner.head() in error.message


async def test_a_database_made_for_another_embedder_is_refused(server: Server, make_database: Any) -> None:
    name = await make_database()
    connection = await server.connect(database=name)
    await connection.execute("DROP TRIGGER note_change ON memories")  # it names the column
    await connection.execute("ALTER TABLE memories ALTER COLUMN embedding TYPE halfvec(64)")
    await connection.close()
    error = await refusal(server.url(APP, name))
    assert (type(error), error.code) == (Invalid, "invalid.dimensions")
    assert (error.data["embedder"], error.data["database"]) == (256, 64)
    assert "EMBEDDING_MODEL" in str(error)


async def test_an_empty_database_is_inspected_without_an_error(server: Server, make_database: Any) -> None:
    url = server.url(APP, await make_database(empty=True))
    database = Database(url, settings_of(url))
    try:
        facts = await inspect_database(database)
    finally:
        await database.close()
    assert facts.revision is None
    assert facts.vector_version is None
    assert facts.dimensions is None
    assert facts.match_operator == "@@"


SECRET = "not-for-eyes"  # a password that must show nowhere


@pytest.mark.parametrize(
    ("url", "kind", "code"),
    [
        ("postgresql://nobody:{secret}@{where}", Unavailable, "unavailable.credentials"),
        ("postgresql://mnemon_app:{secret}@/nowhere?host={host}&port={port}", Unavailable, "unavailable.no_database"),
        ("postgresql://app:{secret}@127.0.0.1:1/mnemon", Unavailable, "unavailable.database"),
        ("postgresql://app:{secret}@/mnemon?host=/nowhere/at/all", Unavailable, "unavailable.database"),
        ("postgresql://app:{secret}@host.invalid/mnemon", Unavailable, "unavailable.database"),
        ("postgresql://app:{secret}@127.0.0.1:port/mnemon", Invalid, "invalid.database_url"),
        ("postgresql://mnemon_app:{secret}@{where}&nonsense=1", Invalid, "invalid.database_url"),
    ],
)
async def test_no_error_of_a_start_shows_the_password(
    server: Server, template: str, url: str, kind: type[MnemonError], code: str
) -> None:
    host, port = server.endpoint.socket_dir, server.endpoint.port
    full = url.format(secret=SECRET, host=host, port=port, where=f"/mnemon?host={host}&port={port}")
    memory = AsyncMemory(database_url=full, database_connect_timeout=5)
    with pytest.raises(MnemonError) as caught:
        await memory.search("anything")
    error = caught.value
    assert (type(error), error.code) == (kind, code)
    assert SECRET not in f"{error}{error.as_dict()}{memory.settings!r}"
    cause = error.__cause__ or error.__context__
    while cause is not None:
        assert SECRET not in f"{cause} {cause!r}"
        cause = cause.__cause__ or cause.__context__


async def test_a_url_in_the_words_of_libpq_works(server: Server, template: str) -> None:
    """`postgresql://...?sslmode=prefer` is what hosting services hand out."""
    async with AsyncMemory(database_url=server.url(APP).replace("+asyncpg", "") + "&sslmode=prefer") as memory:
        assert not len(await memory.search("anything"))
