"""PgBouncer in transaction mode, as `mnemon ops pgbouncer` configures it, in front of a server of the user's own."""

from __future__ import annotations

import asyncio
import configparser
import shutil
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text

from mnemon import AsyncMemory, Invalid, Settings, Unavailable
from mnemon.app import App
from mnemon.core.principal import Principal
from mnemon.db.engine import SESSION_SETTINGS
from mnemon.db.session import Database
from mnemon.doors.cli.main import main
from mnemon.doors.worker.process import work
from mnemon.installation import pgbouncer
from mnemon.jobs.worker import WorkerOptions
from tests.db.own_server import PASSWORD
from tests.db.pooled import LOGIN, SERVERS, Pooled, needs_pgbouncer, pooled_server
from tests.factories import new_slug
from tests.patience import PATIENCE

CLIENTS = 300
PROCESSES = 6  # engines of 50 connections each, as so many processes have them


@pytest_asyncio.fixture(scope="module")
async def pooled() -> AsyncIterator[Pooled]:
    async with pooled_server() as made:
        yield made


def app_of(memory: AsyncMemory) -> App:
    assert memory._app is not None
    return memory._app


async def sessions(admin: Any) -> int:
    """Connections that the server has from the application's login."""
    return int(await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = $1", LOGIN))


@needs_pgbouncer
async def test_300_clients_on_20_connections_see_their_own_and_no_error(pooled: Pooled) -> None:
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(AsyncMemory(pooled.settings())) for _ in range(PROCESSES)]
        engines = [app_of(memory).database.engine for memory in opened]
        # All at once: each pool opens what it may, and keeps it.
        held = await asyncio.gather(*(engine.raw_connection() for engine in engines for _ in range(50)))
        assert len({id(connection.driver_connection) for connection in held}) == CLIENTS
        for connection in held:
            connection.close()
        admin = await pooled.admin()
        most = 0

        async def client(number: int) -> UUID:
            nonlocal most
            mine = await opened[number % PROCESSES].organization(new_slug())
            for turn in range(2):
                word = f"lantern number{number}turn{turn}"
                kept = await mine.remember(f"The {word} hangs in the hall", user="ada")
                found = await mine.search("Where does the lantern hang?", k=10)
                assert kept.ids[0] in {hit.id for hit in found.hits}
                assert all(f"number{number}turn" in hit.content for hit in found.hits), "another organisation's row"
                assert len(found.hits) == turn + 1
                if number % 30 == 0:
                    async with watch:
                        most = max(most, await sessions(admin))
            return kept.ids[0]

        watch = asyncio.Lock()  # one statement at a time on the watcher's connection
        ids = await asyncio.gather(*(client(number) for number in range(CLIENTS)))
        assert len(set(ids)) == CLIENTS
        assert 1 < most <= SERVERS
        await admin.close()


@needs_pgbouncer
async def test_a_connection_has_the_settings_and_nobody_elses_tenant(pooled: Pooled) -> None:
    async with AsyncMemory(pooled.settings(organization=new_slug())) as memory:
        await memory.remember("The harbour freezes in January", user="ada")
        database = app_of(memory).database

        async def unset() -> tuple[str | None, int, dict[str, str]]:
            async with database.untenanted() as connection:
                tenant = await connection.fetchval("SELECT current_tenant()::text")
                rows = await connection.fetchval("SELECT count(*) FROM memories")
                names = [name for name in SESSION_SETTINGS if name != "application_name"]
                have = await connection.fetch("SELECT n, current_setting(n) AS v FROM unnest($1::text[]) n", names)
                return tenant, rows, {row["n"].lower(): row["v"] for row in have}

        wanted = {name: value for name, value in SESSION_SETTINGS.items() if name != "application_name"}
        for tenant, rows, have in await asyncio.gather(*(unset() for _ in range(40))):
            assert not tenant
            assert rows == 0
            assert have == wanted


@needs_pgbouncer
async def test_statements_without_a_transaction_of_their_own_are_never_anothers(pooled: Pooled) -> None:
    """Nameless statements of the same shape, on fewer connections than there are clients."""
    database = Database(pooled.settings().database_url.get_secret_value(), pooled.settings())  # type: ignore[union-attr]
    try:

        async def ask(number: int) -> None:
            for _ in range(5):
                async with database.untenanted() as connection:
                    assert await connection.fetchval(f"SELECT $1::int + {number}", 1000) == 1000 + number

        await asyncio.gather(*(ask(number) for number in range(50)))
    finally:
        await database.close()


@needs_pgbouncer
async def test_a_wrong_password_is_refused_by_the_pooler(pooled: Pooled) -> None:
    with pytest.raises(Unavailable) as caught:
        await AsyncMemory(pooled.settings(password="wrong-secret")).open()
    assert "wrong-secret" not in f"{caught.value} {caught.value.as_dict()}"


@needs_pgbouncer
async def test_the_scram_secret_serves_in_place_of_the_password(pooled: Pooled) -> None:
    admin = await pooled.admin()
    secret = await admin.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", LOGIN)
    await admin.close()
    path = pooled.server.home / "pooler" / "userlist.txt"
    assert PASSWORD in path.read_text()
    path.write_text(path.read_text().replace(f'"{LOGIN}" "{PASSWORD}"', f'"{LOGIN}" "{secret}"'))
    pooled.stop()
    pooled.start(path.parent)
    async with AsyncMemory(pooled.settings(organization=new_slug())) as memory:
        await memory.remember("Nothing secret is written here", user="ada")
        assert (await memory.list()).items


@needs_pgbouncer
async def test_a_pooler_that_leaves_the_settings_out_is_refused(pooled: Pooled) -> None:
    directory = pooled.server.home / "bare"
    shutil.copytree(pooled.server.home / "pooler", directory)
    ini = directory / "pgbouncer.ini"
    before, after = ini.read_text().split(" connect_query='")
    ini.write_text(before + after[after.index("\n") :])
    pooled.stop()
    try:
        pooled.start(directory)
        with pytest.raises(Unavailable) as caught:
            await AsyncMemory(pooled.settings()).open()
        assert caught.value.code == "unavailable.pooler_settings"
    finally:
        pooled.stop()
        pooled.start(pooled.server.home / "pooler")


@needs_pgbouncer
@pytest.mark.parametrize("how", ["terminated", "killed"])
async def test_it_recovers_from_a_lost_server_and_nothing_acknowledged_is_lost(pooled: Pooled, how: str) -> None:
    """Ours and the pooler go on all the while; only the server is killed, once its sessions, once all of it."""
    async with AsyncMemory(pooled.settings(database_pool_size=20)) as memory:
        owners = [await memory.organization(new_slug()) for _ in range(20)]
        acknowledged: list[set[UUID]] = [set() for _ in owners]
        refused = 0
        loaded, again = asyncio.Event(), asyncio.Event()  # the load is there; the server is back

        async def write(number: int) -> None:
            nonlocal refused
            after = 0
            while after < 3:
                try:
                    kept = await owners[number].remember(f"note {len(acknowledged[number])}", user="ada")
                    acknowledged[number].update(kept.ids)
                    after += again.is_set()
                    if sum(map(len, acknowledged)) >= 40:
                        loaded.set()
                except Unavailable:
                    refused += 1
                    await asyncio.sleep(0.05)

        async def lose() -> None:
            await loaded.wait()
            if how == "killed":
                await asyncio.to_thread(pooled.server.kill)
                await asyncio.to_thread(pooled.server.start)
            else:
                admin = await pooled.admin()
                await admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{LOGIN}'")
                await admin.close()
            again.set()

        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(lose(), *(write(number) for number in range(len(owners))))
        assert refused, "nobody noticed: the load was not there when the server went"
        for owner, ids in zip(owners, acknowledged, strict=True):
            page = await owner.list(limit=1000)
            assert ids <= {item.id for item in page.items}


@needs_pgbouncer
async def test_the_orm_goes_through_too(pooled: Pooled) -> None:
    """The ORM prepares its statements in another way than the driver."""
    async with AsyncMemory(pooled.settings(organization=new_slug())) as memory:
        app = app_of(memory)
        ctx = await app.organization(new_slug())
        principal: Principal = ctx.principal

        async def twice() -> None:
            for _ in range(2):
                async with app.database.session(principal) as session:
                    found = await session.scalar(text("SELECT current_tenant()::text"))
                    assert found == str(principal.organization_id)

        await asyncio.gather(*(twice() for _ in range(40)))


@needs_pgbouncer
async def test_a_worker_runs_through_it(pooled: Pooled) -> None:
    """It hears no notifications there, and looks by itself."""
    async with asyncio.timeout(PATIENCE):
        options = WorkerOptions(concurrency=2, poll=0.1)
        await work(pooled.settings(organization=new_slug(), database_pool_size=5), options, once=True)


def pooler(**changes: Any) -> pgbouncer.Pooler:
    given = {"server_host": "db", "server_port": 5432, "database": "m", "role": "r", "secret": "s", "connect_query": ""}
    return pgbouncer.Pooler(**{**given, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"database": "m host=elsewhere"},
        {"role": 'r" "x'},
        {"server_host": "db\nauth_type=any"},
        {"listen_host": ""},
        {"secret": "two\nlines"},
        {"secret": ""},
        {"tls": "perhaps"},
        {"auth_file": "list\nauth_type=any"},
    ],
)
def test_what_the_files_cannot_carry_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        pooler(**changes)
    assert caught.value.code == "invalid.pooler"


def test_the_ini_follows_the_settings_and_holds_no_secret() -> None:
    url = "postgresql://app:s%22cret@db.example:5433/mnemon?sslmode=verify-full"
    settings = Settings(database_url=url, database_statement_timeout=7)
    made = pgbouncer.pooler_for(settings, host="10.0.0.7", pool_size=33, max_clients=444)
    written = pgbouncer.pgbouncer_ini(made)
    read = configparser.ConfigParser(interpolation=None, comment_prefixes=(";",))
    read.read_string(written)
    database = read["databases"]["mnemon"]
    assert database.startswith("host=10.0.0.7 port=5433 dbname=mnemon connect_query='SET ")
    assert "SET hnsw.iterative_scan TO relaxed_order" in database
    assert "SET statement_timeout TO 7000" in database
    assert "timezone" not in database
    assert (
        dict(read["pgbouncer"]).items()
        >= {
            "pool_mode": "transaction",
            "auth_type": "scram-sha-256",
            "default_pool_size": "33",
            "max_db_connections": "33",
            "max_client_conn": "444",
            "server_tls_sslmode": "verify-full",
            "listen_addr": "127.0.0.1",
        }.items()
    )
    assert "cret" not in written.replace("secret", "")
    assert pgbouncer.userlist(made).splitlines()[-1] == '"app" "s""cret"'
    worker = settings.model_copy(update={"database_worker_url": SecretStr("postgresql://w:the%22irs@db/mnemon")})
    both = pgbouncer.pooler_for(worker)
    assert pgbouncer.userlist(both).splitlines()[-2:] == ['"app" "s""cret"', '"w" "the""irs"']
    read.read_string(pgbouncer.pgbouncer_ini(both))
    assert (read["pgbouncer"]["default_pool_size"], read["pgbouncer"]["max_db_connections"]) == ("20", "40")
    assert "irs" not in pgbouncer.pgbouncer_ini(both).replace("first", "")
    with pytest.raises(Invalid) as caught:
        pgbouncer.pooler_for(settings.model_copy(update={"database_worker_url": SecretStr("postgresql://w@db/x")}))
    assert caught.value.data["field"] == "database_worker_url"


def test_who_vouches_for_the_server_is_whom_the_address_names(tmp_path: Path) -> None:
    root = tmp_path / "root.crt"
    root.write_text("")
    for query, file in (
        (f"sslmode=verify-ca&sslrootcert={root}", str(root)),
        ("sslrootcert=system", "/etc/ssl/certs/ca-certificates.crt"),
        ("sslmode=verify-full", "/etc/ssl/certs/ca-certificates.crt"),
        ("sslmode=require", None),
    ):
        made = pgbouncer.pooler_for(Settings(database_url=f"postgresql://app:s%22cret@db/mnemon?{query}"))
        read = configparser.ConfigParser(interpolation=None, comment_prefixes=(";",))
        read.read_string(pgbouncer.pgbouncer_ini(made))
        assert read["pgbouncer"].get("server_tls_ca_file") == file, query


def test_the_command_writes_for_nobody_else_and_replaces_what_was_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:do-not-print@db/mnemon")
    directory = tmp_path / "pooler"
    directory.mkdir()
    (directory / "userlist.txt").write_text("old")
    (directory / "userlist.txt").chmod(0o644)
    assert main(["ops", "pgbouncer", "--out", str(directory), "--pool-size", "12"]) == 0
    for name in ("pgbouncer.ini", "userlist.txt"):
        assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in directory.iterdir()) == ["pgbouncer.ini", "userlist.txt"]
    assert "default_pool_size = 12" in (directory / "pgbouncer.ini").read_text()
    shown = capsys.readouterr()
    assert "do-not-print" not in shown.out + shown.err
    assert "DATABASE_POOLER=transaction" in shown.out


def test_the_embedded_server_has_no_pooler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["ops", "pgbouncer", "--out", str(tmp_path / "none")]) != 0
    assert "DATABASE_URL" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
