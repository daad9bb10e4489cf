"""Databases of versions that were published come to head whole; those from before the first are refused."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mnemon import AsyncMemory, Unavailable
from mnemon.migrations import runner
from tests.conftest import APP, Server
from tests.factories import Table, tables, upgrade
from tests.migrations.catalogue import catalogue

DATA = Path(__file__).parent / "data"
#: What an upgrade writes anew: where the schema is, and what stands in it of functions.
MACHINERY = {"alembic_version", "schema_objects"}
#: Columns that are gone for good, since what they counted is counted elsewhere.
GONE = {"mfa_devices": {"failed_attempts", "locked_until"}}
#: Tables that an upgrade adds rows to: a right that came later and who has it, the seal on what was not sealed yet.
ADDED = {"permissions", "role_permissions", "audit_blocks", "recall_statistics"}


async def rows(connection: Any, known: list[Table]) -> dict[str, Counter[str]]:
    """Every row as text, with the columns that are not gone."""
    found = {}
    for table in known:
        columns = ", ".join(one.name for one in table.columns if one.name not in GONE.get(table.name, ()))
        listed = await connection.fetch(
            f'SELECT (SELECT to_jsonb(r) FROM (SELECT {columns}) r)::text FROM "{table.name}"'
        )
        found[table.name] = Counter(row[0] for row in listed)
    return found


async def test_a_database_of_the_first_published_schema_comes_to_head_whole(server: Server, make_database: Any) -> None:
    """As it was dumped then (publish.py): no row is lost, and it is what a database is that is made today."""
    name, anew = await make_database(empty=True), await make_database()
    url = server.url(database=name)
    admin, fresh = await server.connect(database=name), await server.connect(database=anew)
    try:
        await admin.execute(gzip.decompress((DATA / "head_0007.sql.gz").read_bytes()).decode())
        await admin.execute("RESET ALL")
        known = [table for table in await tables(admin) if table.name not in MACHINERY]
        before = await rows(admin, known)
        assert len(known) == 65
        assert not [table for table, found in before.items() if not found], "a table without a row proves nothing"
        assert await upgrade(url) == runner.head()
        assert (await runner.check(url)).ok
        after = await rows(admin, known)
        for table, found in before.items():
            assert not found - after[table], f"{table} lost rows"
            assert table in ADDED or after[table] == found, f"{table} has rows that nobody wrote"
        wanted, reached = await catalogue(fresh), await catalogue(admin)
        for kind, things in wanted.items():
            assert reached[kind] == things, kind
    finally:
        await admin.close()
        await fresh.close()
    async with AsyncMemory(database_url=server.url(APP, name), organization="published") as memory:
        assert [one.content for one in await memory.recall("harbour", user="ada")][:1] == ["The harbour is closed"]
        kept = {one.content for one in (await memory.list(user="ada", include_past=True)).items}
        assert {"The harbour is open", "The harbour is closed"} <= kept


@pytest.mark.parametrize("revision", ["0001", "0006"])
async def test_a_database_from_before_is_refused_and_told_the_way(
    server: Server, make_database: Any, revision: str
) -> None:
    name = await make_database()
    url = server.url(database=name)
    admin = await server.connect(database=name)
    await admin.execute("UPDATE alembic_version SET version_num = $1", revision)
    for attempt in (upgrade, runner.downgrade):
        with pytest.raises(Unavailable) as caught:
            await attempt(url)
        assert caught.value.code == "unavailable.older_schema"
        assert revision in caught.value.message
        assert "0007" in str(caught.value.hint)
    assert await admin.fetchval("SELECT version_num FROM alembic_version") == revision, "nothing was changed"
    await admin.close()


async def test_a_way_down_that_was_interrupted_goes_on(server: Server, make_database: Any) -> None:
    """The baseline goes table by table, so that no server runs out of locks: what is left then can be taken away."""
    name = await make_database()
    url = server.url(database=name)
    await runner.downgrade(url, revision="0007")
    admin = await server.connect(database=name)
    try:
        await admin.execute("DROP TABLE job_schedules; DROP TABLE background_jobs CASCADE; DROP TYPE job_status")
        assert await runner.downgrade(url) == "base"
        assert not await tables(admin)
        assert not await admin.fetchval("SELECT count(*) FROM pg_sequences WHERE schemaname = 'public'")
        assert await upgrade(url) == runner.head()
        assert (await runner.check(url)).ok
    finally:
        await admin.close()
