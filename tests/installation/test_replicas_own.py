"""Replicas of a server of the user's own: copied by the command, run by the test, read from, promoted."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from mnemon import AsyncMemory, Forbidden, Invalid, MnemonError, Settings, Unavailable
from mnemon.core.settings import load_settings
from mnemon.db.session import Database
from mnemon.doors.cli.main import main
from mnemon.installation import replicas
from mnemon.installation.doctor.replication import check
from tests.conftest import place
from tests.db.own_server import PASSWORD, OwnServer
from tests.db.pooled import free_port
from tests.installation.replica_cluster import app_of, serving, until
from tests.patience import PATIENCE


class Copy:
    """A replica in a directory, run as its owner would."""

    def __init__(self, server: OwnServer, directory: Path) -> None:
        self.port = free_port()
        account = server.account
        if account.switch:
            for path in [directory, *directory.rglob("*")]:
                os.chown(path, account.uid, account.gid, follow_symlinks=False)
        as_whom = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.switch else {}
        with (server.home / "copy.log").open("ab") as log:
            listen = ["-k", "", "-p", str(self.port), "-c", "listen_addresses=127.0.0.1"]
            self.process = subprocess.Popen(  # type: ignore[call-overload]
                [server.programs / "postgres", "-D", directory, *listen],
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                **as_whom,
            )

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    own = OwnServer()
    yield own
    own.close()


@pytest.fixture
def copies() -> Iterator[Path]:
    """Where copies go."""
    path = place()
    yield path
    shutil.rmtree(path)


async def test_who_may_not_replicate_is_told_so(server: OwnServer, copies: Path) -> None:
    connection = await asyncpg.connect(server.url())
    await connection.execute(f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'")
    await connection.close()
    plain = copies / "plain"
    with pytest.raises(Forbidden) as caught:
        await replicas.add_own(
            Settings(database_owner_url=server.url("plain")), "plain", plain, programs=server.programs
        )
    assert caught.value.code == "forbidden.replication"
    assert PASSWORD not in f"{caught.value} {caught.value.as_dict()}"
    for settings, directory, code in (
        (Settings(), plain, "invalid.no_owner_url"),
        (Settings(database_owner_url=server.url()), server.home, "conflict.replica_directory"),
        (Settings(database_owner_url=server.url()), plain / "x", "unavailable.pg_basebackup"),
    ):
        with pytest.raises(MnemonError) as refused:
            await replicas.add_own(settings, "copy", directory, programs=server.home)
        assert refused.value.code == code


def test_a_replica_of_ones_own_server(
    server: OwnServer, copies: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app_url = asyncio.run(server.prepared("house"))
    monkeypatch.setenv("DATABASE_OWNER_URL", server.url(database="house"))
    monkeypatch.setenv("DATABASE_URL", app_url)
    options = ["--dir", str(copies), "--programs", str(server.programs)]
    assert main(["ops", "replica", "add", "one", *options]) == 0
    shown = capsys.readouterr()
    assert "pg_ctl" in shown.out
    assert "DATABASE_REPLICA_URLS" in shown.out
    assert PASSWORD not in shown.out + shown.err

    replica = Copy(server, copies / "one")
    try:
        url = app_url.replace(f":{server.port}/", f":{replica.port}/")
        monkeypatch.setenv("DATABASE_REPLICA_URLS", url)
        asyncio.run(follows(server))  # and there is what the primary keeps for one that never came
        assert main(["--json", "ops", "replica", "list"]) == 0
        out = capsys.readouterr().out
        listed = {one["name"]: one for one in json.loads(out)}
        assert listed[f"127.0.0.1:{replica.port}"]["serving"]
        assert listed["one"]["state"] == "streaming"
        assert listed["spare"]["state"] == "disconnected"
        assert PASSWORD not in out
        assert main(["ops", "replica", "remove", "spare"]) == 0
        assert main(["ops", "replica", "remove", "spare"]) != 0
        assert main(["ops", "replica", "promote"]) != 0
        assert "pg_promote" in capsys.readouterr().err
        asyncio.run(reads_and_survives(server, app_url, url, replica))
    finally:
        replica.close()


async def follows(server: OwnServer) -> None:
    connection = await asyncpg.connect(server.url())
    try:
        for _ in range(600):
            if await connection.fetchval("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"):
                await connection.execute("SELECT pg_create_physical_replication_slot('mnemon_spare', true)")
                return
            await asyncio.sleep(0.05)
        raise AssertionError((server.home / "copy.log").read_text()[-2000:])
    finally:
        await connection.close()


async def reads_and_survives(server: OwnServer, app_url: str, replica_url: str, replica: Copy) -> None:
    """Both servers in DATABASE_URL: a process goes over to the replica that was promoted, without a restart."""
    both = app_url.replace(f"127.0.0.1:{server.port}", "")
    hosts = f"host=127.0.0.1:{server.port}&host=127.0.0.1:{replica.port}&target_session_attrs=primary"
    settings = load_settings(database_url=f"{both}?{hosts}", database_replica_urls=replica_url, auto_maintenance=False)
    name = f"127.0.0.1:{replica.port}"
    async with AsyncMemory(settings) as memory:
        await serving(memory, name)
        await memory.remember("The mill stands by the river")
        await until(lambda: not app_of(memory).database._routing._unsure)  # type: ignore[union-attr]
        assert (await memory.search("mill")).hits
        owner = await asyncpg.connect(server.url())
        findings = {one.what: one.level for one in await check(owner, load_settings())}
        assert findings == {"standby one": "ok", f"replica {name}": "ok"}
        await owner.close()

        server.kill()
        with pytest.raises(Unavailable):
            await memory.remember("Nobody takes this")
        promoting = await asyncpg.connect(server.url().replace(f":{server.port}/", f":{replica.port}/"))
        assert await promoting.fetchval("SELECT pg_promote(true, 30)")
        await promoting.close()
        await memory.remember("The weir was rebuilt")
        assert (await memory.search("weir")).hits
        assert (await memory.search("mill")).hits
        await until(lambda: not app_of(memory).database.replicas[0].serving)
        assert "promoted" in (app_of(memory).database.replicas[0].reason or "")
    server.start()


async def test_settings_name_replicas_only_of_postgresql() -> None:
    found = load_settings(database_replica_urls=" postgres://a:hush@b/c , postgresql://d@e/f,")
    assert found.database_replica_urls is not None
    assert (
        found.database_replica_urls.get_secret_value() == "postgresql+asyncpg://a:hush@b/c,postgresql+asyncpg://d@e/f"
    )
    assert "hush" not in repr(found)
    names = [name for name, _ in replicas.addresses(found, None, "")]
    assert names == ["b:5432", "e:5432"]
    assert replicas.addresses(found.model_copy(update={"database_replica_reads": False}), None, "") == []
    assert load_settings(database_replica_urls="").database_replica_urls is None
    with pytest.raises(Invalid) as caught:
        load_settings(database_replica_urls="postgresql://a:hush@b/c,mysql://d:quiet@e/f")
    assert caught.value.code == "invalid.setting"
    assert "hush" not in str(caught.value)
    assert "quiet" not in str(caught.value)
    with pytest.raises(Invalid):
        load_settings(database_replica_max_lag=0)


async def test_a_replica_that_is_not_there_is_no_reason_not_to_start(server: OwnServer) -> None:
    database = Database(server.url().replace("postgresql:", "postgresql+asyncpg:"), Settings())
    try:
        nobody = f"postgresql+asyncpg://x:y@127.0.0.1:{free_port()}/z"
        (found,) = await database.probe_replicas([("nobody", nobody)])
        assert not found.serving
        assert "cannot be reached" in (found.reason or "")
        with pytest.raises(Invalid):
            await database.probe_replicas([("odd", "postgresql+asyncpg://x:y@h:port/z")])
    finally:
        await database.close()
