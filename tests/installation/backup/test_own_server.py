"""Backups of a server of the user's own: over TCP, with a role that may replicate and little else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from mnemon import Settings
from mnemon.core.errors import MnemonError
from mnemon.installation import backup
from mnemon.installation.backup.errors import NoRights
from tests.db.own_server import PASSWORD, OwnServer

from .support import changed, new_key

ROLE, SECRET = "mnemon_backup", "battery-staple"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own() -> AsyncIterator[OwnServer]:
    server = OwnServer()
    try:
        connection = await asyncpg.connect(server.url())
        statements = backup.GRANTS.replace("'...'", f"'{SECRET}'")
        await connection.execute(statements)
        await connection.execute("CREATE TABLE kept (what text)")
        await connection.execute("INSERT INTO kept VALUES ('before')")
        await connection.close()
        yield server
    finally:
        server.close()


@pytest.fixture
def settings(own: OwnServer, spare: Path) -> Settings:
    return Settings(
        database_url=own.url("mnemon_app"),
        backup_database_url=own.url(ROLE, SECRET),
        backup_dir=spare,
        backup_key=new_key(),
    )


async def test_with_a_role_that_may_replicate(own: OwnServer, settings: Settings, into: Path) -> None:
    enabled = await backup.enable(settings)
    assert enabled.changed == {}, "nobody else's server is reconfigured"
    assert any("summarize_wal" in statement for statement in enabled.todo)
    connection = await asyncpg.connect(own.url())
    for statement in enabled.todo:
        await connection.execute(statement)
    assert (await backup.enable(settings)).todo == ()
    full = await backup.take(settings, "full")
    assert not full.backup.embedded
    await connection.execute("INSERT INTO kept VALUES ('between')")
    assert (await backup.take(settings, "incremental")).backup.parent == full.backup.id
    moment = await connection.fetchval("SELECT clock_timestamp()")
    await connection.execute("INSERT INTO kept VALUES ('after')")
    await connection.close()
    await backup.pull_wal(settings)
    done = await backup.restore(settings, backup.RestoreRequest(into, moment.isoformat()))
    assert "stopping before commit" in done.stopped_at
    rules = (into / "pg_hba.conf").read_text()
    assert "scram-sha-256" in rules, "who may come in is as it was"
    assert "trust" not in rules.replace("trust authentication", "").split("\n# TYPE", 1)[-1]
    assert await backup.disable(settings) == enabled.slot


@pytest.mark.parametrize(
    ("role", "password", "code"),
    [(ROLE, "wrong-horse", None), ("nobody_here", SECRET, None), ("plain", SECRET, "backup.no_rights")],
)
async def test_roles_that_may_not(
    own: OwnServer, settings: Settings, role: str, password: str, code: str | None
) -> None:
    connection = await asyncpg.connect(own.url())
    await connection.execute("DROP ROLE IF EXISTS plain")
    await connection.execute(f"CREATE ROLE plain LOGIN PASSWORD '{SECRET}'")
    await connection.close()
    with pytest.raises(MnemonError) as caught:
        await backup.take(changed(settings, backup_database_url=own.url(role, password)))
    assert code is None or (caught.value.code == code and isinstance(caught.value, NoRights))
    assert password not in str(caught.value.as_dict())
    assert PASSWORD not in str(caught.value.as_dict())


async def test_a_url_of_the_application_alone_is_not_enough(settings: Settings) -> None:
    with pytest.raises(MnemonError) as caught:
        await backup.take(changed(settings, backup_database_url=None))
    assert caught.value.code == "backup.no_role"
    assert "CREATE ROLE" in (caught.value.hint or "")


async def test_programs_have_to_fit_the_server(settings: Settings, tmp_path: Path) -> None:
    for text in (None, "#!/bin/sh\necho 'pg_basebackup (PostgreSQL) 15.4'\n"):
        if text:
            (tmp_path / "pg_basebackup").write_text(text)
            (tmp_path / "pg_basebackup").chmod(0o755)
        with pytest.raises(MnemonError) as caught:
            await backup.take(changed(settings, backup_programs=tmp_path))
        assert caught.value.code == "backup.no_programs"
