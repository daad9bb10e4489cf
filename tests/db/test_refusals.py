"""What a real server refuses reaches the user as what it was, at every door, and without the password."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
import pytest_asyncio

from mnemon import AsyncMemory, MnemonError
from mnemon.core.settings import load_settings
from mnemon.db import unreachable, versions
from mnemon.db.address import parse_address
from mnemon.db.embedded.model import Endpoint, Lease, held_directories
from mnemon.db.errors import translate
from mnemon.db.refused import refused
from mnemon.installation.doctor.server import check as check_server
from mnemon.migrations import runner
from tests.db.own_server import PASSWORD, OwnServer

BASE = "refusing"
SECRET = "not-for-eyes-of-others"


@pytest_asyncio.fixture(scope="module")
async def server() -> AsyncIterator[OwnServer]:
    own = OwnServer()
    await own.prepared(BASE)
    yield own
    own.close()


@asynccontextmanager
async def changed(server: OwnServer, *statements: str, back: tuple[str, ...] = ()) -> AsyncIterator[Any]:
    """Run statements as a superuser, and others at the end."""
    connection = await asyncpg.connect(server.url(database=BASE))
    try:
        for statement in statements:
            await connection.execute(statement)
        yield connection
    finally:
        for statement in back:
            await connection.execute(statement)
        await connection.close()


@asynccontextmanager
async def let_in_by(server: OwnServer, lines: str) -> AsyncIterator[None]:
    """Put lines before those of pg_hba.conf."""
    file = server.home / "data" / "pg_hba.conf"
    before = file.read_text()
    connection = await asyncpg.connect(server.url())
    try:
        file.write_text(f"{lines}\n{before}")
        await connection.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(0.5)
        yield
    finally:
        file.write_text(before)
        await connection.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(0.5)
        await connection.close()


def told(error: BaseException) -> str:
    """Everything that an error and what is behind it says."""
    texts, behind = [], error
    while behind is not None:
        texts.append(f"{behind} {behind!r} {getattr(behind, 'data', '')}")
        behind = behind.__cause__ or behind.__context__  # type: ignore[assignment]
    return "\n".join(texts)


async def refusal(url: str) -> MnemonError:
    """Why the library does not open, and the migration neither, which say the same."""
    memory = AsyncMemory(database_url=url, database_connect_timeout=5)
    with pytest.raises(MnemonError) as caught:
        await memory.open()
    with pytest.raises(MnemonError) as migrating:
        await runner.upgrade(url)
    assert migrating.value.code == caught.value.code
    for error in (caught.value, migrating.value):
        assert error.hint
        assert PASSWORD not in told(error)
        assert SECRET not in told(error)
    return caught.value


def app(server: OwnServer, query: str = "", **parts: str) -> str:
    url = server.url(**{"role": f"{BASE}_app", "database": BASE, **parts})
    return f"{url}?{query}" if query else url


async def test_a_wrong_password(server: OwnServer) -> None:
    error = await refusal(app(server, password=SECRET))
    assert (error.code, error.data["reason"]) == ("unavailable.credentials", "password")
    assert f"{BASE}_app" in error.message
    assert "DATABASE_URL" in str(error)


async def test_a_role_that_is_not_there_or_may_not_log_in(server: OwnServer) -> None:
    async with let_in_by(server, "host all nobody,sleeper 127.0.0.1/32 trust"):
        error = await refusal(app(server, role="nobody"))
        assert (error.code, error.data["reason"]) == ("unavailable.credentials", "no_role")
        assert "CREATE ROLE nobody" in str(error)
        async with changed(server, "CREATE ROLE sleeper NOLOGIN", back=("DROP ROLE sleeper",)):
            error = await refusal(app(server, role="sleeper"))
            assert error.data["reason"] == "no_login"
            assert "ALTER ROLE sleeper LOGIN" in str(error)


async def test_db_upgrade_says_what_the_owners_refusal_was(server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    statements = (f"CREATE ROLE keeper NOLOGIN PASSWORD '{PASSWORD}'",)
    async with changed(server, *statements, back=("DROP ROLE keeper",)):
        monkeypatch.setenv("DATABASE_OWNER_URL", app(server, role="keeper"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mnemon", "db", "upgrade"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
    assert process.returncode == 7
    assert "The role keeper may not log in" in output
    assert "ALTER ROLE keeper LOGIN" in output
    assert PASSWORD not in output


async def test_a_database_that_is_not_there_or_may_not_be_entered(server: OwnServer) -> None:
    error = await refusal(app(server, database="nowhere"))
    assert error.code == "unavailable.no_database"
    assert "nowhere" in error.message
    statements = (f"REVOKE CONNECT ON DATABASE {BASE} FROM PUBLIC", f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    back = (f"GRANT CONNECT ON DATABASE {BASE} TO PUBLIC", "DROP ROLE guest")
    async with changed(server, *statements, back=back):
        error = await refusal(app(server, role="guest"))
        assert (error.kind, error.code) == ("forbidden", "forbidden.database")
        assert "GRANT CONNECT" in str(error)


async def test_a_host_that_pg_hba_does_not_let_in(server: OwnServer) -> None:
    async with let_in_by(server, f"host all {BASE}_app 127.0.0.1/32 reject"):
        error = await refusal(app(server))
        assert (error.code, error.data["reason"]) == ("unavailable.credentials", "pg_hba")
        assert "pg_hba.conf" in str(error)
        error = await refusal(app(server, "sslmode=disable"))
        assert "sslmode=require" in str(error)


async def test_as_many_connections_as_there_may_be(server: OwnServer) -> None:
    role = f"{BASE}_app"
    back = (f"ALTER ROLE {role} CONNECTION LIMIT -1",)
    async with changed(server, f"ALTER ROLE {role} CONNECTION LIMIT 0", back=back):
        error = await refusal(app(server))
        assert error.code == "unavailable.connections"
        assert role in error.message
    back = (f"ALTER DATABASE {BASE} CONNECTION LIMIT -1",)
    async with changed(server, f"ALTER DATABASE {BASE} CONNECTION LIMIT 0", back=back):
        error = await refusal(app(server))
        assert error.code == "unavailable.connections"
        assert BASE in error.message


async def test_a_setting_that_the_server_does_not_take(server: OwnServer) -> None:
    for setting in ("no_such_setting%3D1", "work_mem%3Dplenty", "log_statement%3Dall"):
        error = await refusal(app(server, f"options=-c%20{setting}"))
        assert (error.kind, error.code) == ("invalid", "invalid.database_url")
        assert setting.partition("%")[0] in error.message
        assert "options" in str(error)


async def test_places_where_no_server_is(server: OwnServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        dead = probe.getsockname()[1]
    silent = socket.create_server(("127.0.0.1", 0))
    port = server.port
    try:
        for place, query, reason in (
            (f"127.0.0.1:{dead}", "", "refused"),
            (f"localhost:{dead}", "", "refused"),
            ("host.invalid:5432", "", "name_resolution"),
            (f"127.0.0.1:{silent.getsockname()[1]}", "connect_timeout=1", "timeout"),
            (f"127.0.0.1:{port}", "host=/nowhere/at/all", "no_socket"),
        ):
            error = await refusal(app(server, query).replace(f"127.0.0.1:{port}", place))
            assert (error.code, error.data["reason"]) == ("unavailable.database", reason), place
            assert (place if reason != "no_socket" else "/nowhere/at/all") in error.message
    finally:
        silent.close()


async def test_a_server_that_is_too_old_or_has_no_pgvector(server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def codes() -> set[str]:
        """What opening says, and what migrating says, as the owner."""
        with pytest.raises(MnemonError) as opening:
            await AsyncMemory(database_url=app(server)).open()
        with pytest.raises(MnemonError) as migrating:
            await runner.upgrade(server.url(database=BASE))
        return {opening.value.code, migrating.value.code}

    monkeypatch.setattr(versions, "OLDEST_POSTGRESQL", 99)
    assert await codes() == {"unavailable.server_version"}
    assert await doctor(server) == ["PostgreSQL"]
    monkeypatch.undo()
    monkeypatch.setattr(versions, "OLDEST_PGVECTOR", (99, 0))
    assert await codes() == {"unavailable.pgvector"}
    assert await doctor(server) == ["pgvector"]


async def doctor(server: OwnServer) -> list[str]:
    """What the doctor finds wrong with the server, held to be said in the words of whoever refuses it."""
    connection = await asyncpg.connect(server.url(database=BASE))
    try:
        findings = [one for one in await check_server(connection, load_settings()) if one.level == "wrong"]
    finally:
        await connection.close()
    with pytest.raises(MnemonError) as opening:
        await AsyncMemory(database_url=app(server)).open()
    about = [one for one in findings if one.what in {"PostgreSQL", "pgvector"}]
    assert [(one.found, one.do) for one in about] == [(opening.value.message, opening.value.hint)]
    return [one.what for one in about]


async def test_a_server_that_is_too_old_is_not_sent_to_the_migration(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "OLDEST_POSTGRESQL", 99)
    with pytest.raises(MnemonError) as caught:
        await AsyncMemory(database_url=server.url(), allow_unsafe_role=True).open()
    assert caught.value.code == "unavailable.server_version"


#: Passwords of all lengths: the server's sentence is cut at 300 characters, somewhere within them or not.
@pytest.mark.parametrize("before", [0, 200, 270, 285, 295, 299, 310])
@pytest.mark.parametrize("secret", ["correct-horse", "p@ss/w:rd% 7", "two  spaces  within", "ä" * 40, "quotes'\"all"])
def test_no_part_of_a_password_stays_where_the_server_repeats_the_address(before: int, secret: str) -> None:
    written = f"host=db user=app password='{secret.replace(chr(92), chr(92) * 2).replace(chr(39), chr(92) + chr(39))}'"
    address = parse_address(written)
    assert address.password == secret
    for form in (secret, quote(secret, safe=""), quote(secret)):
        said = f"{'x' * before} cannot reach postgresql://app:{form}@db:5432/mnemon {'and so on ' * 40}"
        for kind in (asyncpg.ProtocolViolationError, asyncpg.InvalidAuthorizationSpecificationError):
            error = refused(kind(said), address)
            for length in range(4, len(form) + 1):
                assert f":{form[:length]}" not in str(error)
        starting = unreachable.why(asyncpg.CannotConnectNowError(f"not accepting {said}"), address)
        assert f":{form[:4]}" not in str(starting)
        assert len(str(starting)) < 500


@pytest.mark.parametrize(
    "said",
    [
        'password authentication failed for user "mill"',
        "Passwort-Authentifizierung für Benutzer »mill« fehlgeschlagen",
        "authentification par mot de passe échouée pour l'utilisateur « mill »",
        "la autentificación password falló para el usuario «mill»",
        'пользователь "mill" не прошёл проверку подлинности',
    ],
)
def test_a_role_is_known_whatever_language_the_server_speaks(said: str) -> None:
    error = refused(asyncpg.InvalidPasswordError(said), parse_address("postgresql://db/mnemon"))
    assert "the role mill" in error.message


def test_what_ends_a_connection_says_which_it_was() -> None:
    for cause, words in (
        (asyncpg.CannotConnectNowError("the database system is shutting down"), "shutting down"),
        (asyncpg.CannotConnectNowError("the database system is starting up"), "starting up"),
        (asyncpg.AdminShutdownError("x"), "administrator"),
        (asyncpg.CrashShutdownError("x"), "crashed"),
        (TimeoutError(), "in time"),
    ):
        error = translate(cause)
        assert error is not None
        assert error.code == "unavailable.database"
        assert words in error.message
    full = translate(OSError(28, "No space left on device"))
    assert full is not None
    assert full.code == "unavailable.disk_full"


def test_a_full_disk_of_a_server_that_is_held_is_why_a_connection_ended(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease says which server's: only as long as it is held, and of no server that nobody here uses."""
    endpoint = Endpoint(tmp_path, 5432, tmp_path / "data", 18)
    monkeypatch.setattr(unreachable, "_is_full", lambda directory: directory == tmp_path / "data")
    ended = asyncpg.ConnectionDoesNotExistError("x")
    before = translate(ended)
    with Lease(endpoint, os.open(os.devnull, os.O_RDONLY)):
        assert tmp_path / "data" in held_directories()
        while_held = translate(ended)
    after = translate(ended)
    assert before is not None
    assert after is not None
    assert while_held is not None
    assert [each.code for each in (before, while_held, after)] == [
        "unavailable.database",
        "unavailable.disk_full",
        "unavailable.database",
    ]
    assert str(tmp_path / "data") in while_held.message
    assert tmp_path / "data" not in held_directories()
