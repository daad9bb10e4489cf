"""Every subject of the doctor: silent on a database that is well, and naming a fault that was really made."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from mnemon import AsyncMemory
from mnemon.core.settings import Settings
from mnemon.installation.doctor import SUBJECTS, Finding, disk, encryption, examine
from tests.conftest import ADMIN, APP, Server
from tests.factories import copy_database


class Patient:
    """A database of the test's own, and a superuser who does harm in it."""

    def __init__(self, server: Server, name: str, admin: Any) -> None:
        self.server = server
        self.name = name
        self.admin = admin

    async def look(self, role: str = ADMIN, **wanted: Any) -> list[Finding]:
        await self.admin.execute("SELECT pg_stat_force_next_flush()")
        await self.admin.fetchval("SELECT 1")
        # The tests' databases have one key: each has anchors of its own.
        wanted = {"audit_anchors": Path(f"/nonexistent/{self.name}.jsonl"), **wanted}
        settings = Settings(database_url=self.server.url(APP, self.name), organization="own", **wanted)
        found = await examine(self.server.url(role, self.name), settings)
        assert list(found) == list(SUBJECTS)
        return [finding for findings in found.values() for finding in findings]

    async def named(self, what: str, **wanted: Any) -> Finding:
        """The finding of this name, which must be there once."""
        (found,) = [finding for finding in await self.look(**wanted) if finding.what == what]
        return found

    async def complaints(self, **wanted: Any) -> dict[str, Finding]:
        """What is not well, but for what an installation without backups is told."""
        found = [
            finding for finding in await self.look(**wanted) if finding.level != "ok" and finding.what != "backups"
        ]
        for finding in found:
            assert finding.do, finding
        return {finding.what: finding for finding in found}


@pytest_asyncio.fixture
async def patient(server: Server, template: str) -> AsyncIterator[Patient]:
    name = f"doctor_{uuid4().hex[:12]}"
    postgres = await server.connect(database="postgres")
    await copy_database(postgres, name, template)
    admin = await server.connect(database=name)
    try:
        yield Patient(server, name, admin)
    finally:
        await admin.close()
        await postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await postgres.close()


async def test_a_healthy_database_gives_no_cause_for_complaint(patient: Patient) -> None:
    async with AsyncMemory(database_url=patient.server.url(APP, patient.name), organization="own") as memory:
        await memory.remember("The kettle is descaled on Mondays", user="ada")
    assert not await patient.complaints()
    by_name = {finding.what: finding for finding in await patient.look()}
    assert by_name["policies"].found.startswith("6")
    assert by_name["default partitions"].found == "empty"
    assert "of 'own'" not in by_name["jobs"].found


async def test_the_applications_role_sees_less_and_says_so(patient: Patient) -> None:
    found = await patient.look(APP)
    assert not [finding for finding in found if finding.level == "wrong"]
    by_name = {finding.what: finding for finding in found}
    assert "of others this role sees none" in by_name["jobs"].found
    assert "DATABASE_OWNER_URL" in (by_name["log size"].do or "")
    # And nothing that it set for the look stays on the connection of a pool: it sets nothing beyond a transaction.
    assert by_name["policies"].level == "ok"
    # Another organisation's dead job is not this one's to see.
    other = await patient.admin.fetchval("SELECT ensure_organization('other')")
    await _job(patient.admin, other, "dead")
    assert "dead jobs" not in {finding.what for finding in await patient.look(APP)}
    assert "dead jobs" in {finding.what for finding in await patient.look()}


@pytest.mark.parametrize(
    ("harm", "what", "words"),
    [
        ("ALTER TABLE memories NO FORCE ROW LEVEL SECURITY", "table memories", "not FORCED"),
        ("ALTER TABLE messages DISABLE ROW LEVEL SECURITY", "table messages", "is off"),
        ("DROP POLICY tenant ON tasks", "table tasks", "policy is missing"),
        ("CREATE POLICY helpful ON documents USING (true)", "table documents", "helpful opens it to everybody"),
        ("CREATE POLICY helpful ON agents TO mnemon_app USING (true)", "table agents", "opens it to mnemon_app"),
        ("CREATE TABLE notes (organization_id uuid, words text)", "table notes", "is off"),
        ("GRANT TRUNCATE ON memories TO mnemon_app", "grants", "TRUNCATE on memories to mnemon_app"),
        ("GRANT SELECT ON memories_p00 TO mnemon_app", "grants", "SELECT on memories_p00"),
        ("GRANT SELECT ON users TO PUBLIC", "grants", "SELECT on users to PUBLIC"),
        ("GRANT CREATE ON SCHEMA public TO mnemon_app", "grants", "may create"),
        (
            "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database()); END $$",
            "grants",
            "may create temporary objects",
        ),
        (
            "CREATE FUNCTION helper() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
            "functions",
            "helper()",
        ),
    ],
)
async def test_a_hole_in_the_wall(patient: Patient, harm: str, what: str, words: str) -> None:
    await patient.admin.execute(harm)
    for role in (ADMIN, APP):  # whoever looks
        found = [finding for finding in await patient.look(role) if finding.what == what]
        assert [finding.level for finding in found] == ["wrong"], role
        assert words in found[0].found
        assert found[0].do


async def test_a_login_that_changed_its_own_defaults(patient: Patient) -> None:
    """PostgreSQL lets every login do that; the process says its own settings, and the doctor tells."""
    thief = await patient.server.connect(APP, patient.name)
    try:
        await thief.execute("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on")
        found = await patient.named("logins")
        assert (found.level, "default_transaction_read_only=on for mnemon_app" in found.found) == ("note", True)
        assert "RESET default_transaction_read_only" in (found.do or "")
        url = patient.server.url(APP, patient.name)
        async with AsyncMemory(database_url=url, organization="own", auto_maintenance=False) as memory:
            await memory.remember("written all the same", user="ada")
    finally:
        await patient.admin.execute("ALTER ROLE mnemon_app RESET default_transaction_read_only")
        await thief.close()
    assert "logins" not in await patient.complaints()


async def test_partitions(patient: Patient) -> None:
    names = await patient.admin.fetch("SELECT name FROM partition_bounds('audit_logs') WHERE lower_bound > now()")
    for row in names:
        await patient.admin.execute(f"DROP TABLE {row['name']}")
    found = await patient.named("partitions")
    assert found.level == "note"
    assert "audit_logs" in found.found
    for row in await patient.admin.fetch("SELECT name FROM partition_bounds('agent_metrics')"):
        await patient.admin.execute(f"DROP TABLE {row['name']}")
    found = await patient.named("partitions")
    assert (found.level, "agent_metrics" in found.found) == ("wrong", True)
    await patient.admin.execute("SELECT maintain_partitions(table_name) FROM partition_policies")
    assert (await patient.named("partitions")).level == "ok"

    organization = await patient.admin.fetchval("SELECT ensure_organization('own')")
    await patient.admin.execute(
        "INSERT INTO system_metrics (organization_id, component, metric_type, value, timestamp) "
        "VALUES ($1, 'api', 'cpu', 1, '2199-01-01')",
        organization,
    )
    found = await patient.named("default partitions")
    assert (found.level, "system_metrics_default" in found.found) == ("note", True)


async def test_indexes(patient: Patient) -> None:
    admin = patient.admin
    await admin.execute("CREATE TABLE heap (n int, id uuid DEFAULT gen_random_uuid()) WITH (autovacuum_enabled = off)")
    await admin.execute("INSERT INTO heap SELECT n FROM generate_series(1, 300000) n")
    await admin.execute("CREATE INDEX heap_id ON heap (id); CREATE INDEX heap_n ON heap (n); ANALYZE heap")
    assert not {name for name in await patient.complaints() if name.startswith("index")}
    await admin.execute("CREATE INDEX heap_n_again ON heap (n)")
    await admin.execute("CREATE INDEX heap_n_some ON heap (n) WHERE n > 5")  # another one
    await admin.execute("INSERT INTO heap VALUES (7)")
    with pytest.raises(Exception, match="could not create unique index"):
        await admin.execute("CREATE UNIQUE INDEX CONCURRENTLY heap_one ON heap (n)")
    await admin.execute("DELETE FROM heap WHERE n % 20 <> 0")
    await admin.execute("VACUUM ANALYZE heap")
    found = {name: one for name, one in (await patient.complaints()).items() if name.startswith("index")}
    assert set(found) == {"index heap_n_again", "index heap_one", "index heap_id"}
    assert (found["index heap_one"].level, "invalid" in found["index heap_one"].found) == ("wrong", True)
    assert "the same as heap_n" in found["index heap_n_again"].found
    assert "would do" in found["index heap_id"].found
    await admin.execute("DROP INDEX heap_one, heap_n_again")
    await admin.execute((found["index heap_id"].do or "").rstrip(";"))  # what it says to do, helps
    await admin.execute("VACUUM ANALYZE heap")
    assert not {name for name in await patient.complaints() if name.startswith("index")}


async def test_vacuum(patient: Patient) -> None:
    await patient.admin.execute("CREATE TABLE heap (n int) WITH (autovacuum_enabled = off)")
    await patient.admin.execute("INSERT INTO heap SELECT n FROM generate_series(1, 30000) n")
    found = await patient.complaints()
    assert "heap" in found["statistics"].found
    await patient.admin.execute("DELETE FROM heap WHERE n > 10000")
    found = await patient.complaints()
    assert "20,000 dead rows" in found["table heap"].found
    await patient.admin.execute("VACUUM ANALYZE heap")
    assert not await patient.complaints()


async def _job(admin: Any, organization: UUID, status: str) -> None:
    """A job an hour old, as one is after its last attempt or before the first."""
    ended = "now()" if status == "dead" else "NULL"
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(
            "INSERT INTO background_jobs (organization_id, kind, status, run_at, finished_at) "
            f"VALUES ($1, 'test.work', $2::text::job_status, now() - interval '1 hour', {ended})",
            organization,
            status,
        )


async def test_what_waits(patient: Patient) -> None:
    organization = await patient.admin.fetchval("SELECT ensure_organization('own')")
    await _job(patient.admin, organization, "queued")
    await _job(patient.admin, organization, "dead")
    found = await patient.complaints()
    assert (found["jobs"].level, "since 60 min" in found["jobs"].found) == ("wrong", True)
    assert "1 jobs failed for good" in found["dead jobs"].found
    url = patient.server.url(APP, patient.name)
    async with AsyncMemory(database_url=url, organization="own", auto_maintenance=False) as memory:
        await memory.remember([f"Drawer {number} holds screws" for number in range(150)], user="ada")
    found = await patient.complaints(exact_search_limit=100)
    assert "150 rows of 1 large organisation" in found["vector index"].found
    assert "vector index" not in await patient.complaints()
    async with AsyncMemory(
        database_url=url, organization="own", auto_maintenance=False, exact_search_limit=100
    ) as memory:
        await memory.maintain()
    assert "vector index" not in await patient.complaints(exact_search_limit=100)
    await patient.admin.execute(
        "UPDATE memories SET embedding_status = 'pending', embedding = NULL, is_indexed = false"
    )
    assert "150 memories wait" in (await patient.complaints())["embeddings"].found
    await patient.admin.execute("UPDATE memories SET embedding_status = 'failed'")
    assert "150 memories got none" in (await patient.complaints())["embeddings"].found


async def test_an_empty_database_and_one_that_is_not_there(patient: Patient) -> None:
    name = f"empty_{uuid4().hex[:12]}"
    await patient.admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    empty = Patient(patient.server, name, await patient.server.connect(database=name))
    try:
        found = await empty.complaints()
        assert set(found) == {"pgvector"}
        assert "db upgrade" in (found["pgvector"].do or "")
    finally:
        await empty.admin.close()
        await patient.admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    with pytest.raises(Exception, match="does not exist"):
        await Patient(patient.server, name, patient.admin).look()


async def test_one_look_that_fails_hides_no_other(patient: Patient) -> None:
    await patient.admin.execute("ALTER TABLE partition_policies RENAME COLUMN every TO interval_name")
    found = {finding.what: finding for finding in await patient.look()}
    assert found["partitions"].level == "note"
    assert "every" in found["partitions"].found
    assert found["policies"].level == "ok"
    assert "network" in found


# -- what the machine tells ---------------------------------------------------------------------------------------


def test_space_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "not" / "there" / "yet"
    monkeypatch.setattr(disk, "NOTE", 0)
    monkeypatch.setattr(disk, "WRONG", 0)
    assert disk.free(place).level == "ok"
    monkeypatch.setattr(disk, "NOTE", 10**18)
    assert disk.free(place).level == "note"
    monkeypatch.setattr(disk, "WRONG", 10**18)
    found = disk.free(place)
    assert (found.level, found.do) == ("wrong", "Free some space there.")
    assert str(tmp_path) in found.found


def test_an_encrypted_volume_is_seen_through_the_layers_above_it(tmp_path: Path) -> None:
    """A tree as the kernel shows it: a logical volume on LUKS on a disk."""
    device = tmp_path.stat().st_dev
    here = tmp_path / f"{os.major(device)}:{os.minor(device)}"
    assert encryption.encrypted_volume(tmp_path, tmp_path) is None
    (here / "dm").mkdir(parents=True)
    (here / "dm" / "uuid").write_text("LVM-abc\n")
    (here / "dm" / "name").write_text("vg-data\n")
    below = here / "slaves" / "dm-0"
    (below / "slaves" / "sda2").mkdir(parents=True)
    assert encryption.encrypted_volume(tmp_path, tmp_path) is None
    (below / "dm").mkdir()
    (below / "dm" / "uuid").write_text("CRYPT-LUKS2-0123-data\n")
    (below / "dm" / "name").write_text("secret\n")
    assert encryption.encrypted_volume(tmp_path / "none" / "yet", tmp_path) == "secret"


def test_what_is_said_of_data_on_disk(tmp_path: Path) -> None:
    (plain,) = encryption.on_disk(tmp_path, encrypted=False, plain=None)
    assert (plain.level, "mnemon encrypt" in (plain.do or "")) == ("note", True)
    (well,) = encryption.on_disk(tmp_path, encrypted=True, plain=None)
    assert well.level == "ok"
    (left,) = encryption.on_disk(tmp_path, encrypted=True, plain=tmp_path / "d.plain")
    assert (left.level, "d.plain" in left.found) == ("wrong", True)


async def test_keys_that_are_set_and_missing(patient: Patient, tmp_path: Path) -> None:
    key = "A" * 43 + "="
    assert "MNEMON_SECRET_KEY is not set" in (await patient.named("stored secrets")).found
    assert "encrypted under" in (await patient.named("stored secrets", secret_key=key)).found
    assert (await patient.named("backup files", backup_dir=tmp_path)).level == "wrong"
    assert (await patient.named("backup files", backup_dir=tmp_path, backup_key=key)).level == "ok"
