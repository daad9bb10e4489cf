"""Export and import: what arrives is what left, wherever it goes and whatever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mnemon import AsyncMemory
from mnemon.catalog import metadata
from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, Invalid, Unavailable
from mnemon.installation.export import (
    ExportOrganization,
    ImportOrganization,
    archive,
    embed_waiting,
    export_organization,
    import_organization,
    verify_export,
)
from mnemon.installation.export.rules import ARRIVES, EXCLUDED, INCLUDED, OMITTED, SEALED, SESSIONS
from mnemon.installation.export.save import _snapshot
from mnemon.operations import service
from tests.conftest import ADMIN, APP, Server
from tests.factories import context_of, new_slug, tables
from tests.installation.exports import Elsewhere, fill, kept, names, random_rows, table_lines, talk


async def test_every_table_is_exported_or_says_why_not(admin: Any) -> None:
    known = await tables(admin)
    found = {table.name for table in known}
    assert found == INCLUDED | EXCLUDED.keys(), "say in installation/export/rules.py whether a new table is exported"
    assert not INCLUDED & EXCLUDED.keys()
    assert found >= set(metadata.tables)
    columns = {(t.name, c.name) for t in known for c in t.columns}
    assert columns >= OMITTED.keys() | ARRIVES.keys()
    exported = [place for place in columns if place[0] in INCLUDED - SEALED and place not in OMITTED]
    secret = [p for p in exported if await admin.fetchval("SELECT audit_secret($1)", p[1])]
    assert not secret, f"columns that sound like secrets: {secret}"


async def test_what_arrives_is_what_left(
    new_memory: Callable[[], Awaitable[AsyncMemory]], admin: Any, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    memory = await new_memory()
    ctx = context_of(memory)
    own = ctx.principal.organization_id
    await talk(memory)
    assert await fill(admin, own) >= INCLUDED - SEALED
    await service.seal_audit(ctx)
    await memory.remember("This is not sealed yet.", user="ada")
    questions = ("what does Ada like", "bees", "harbour bread", "line 7")
    before = [[hit.id for hit in (await memory.recall(q, user="ada")).hits] for q in questions]
    rows = await kept(admin, own)

    manifest = await export_organization(ctx, ExportOrganization(path=tmp_path / "first"))
    assert await verify_export(tmp_path / "first") == manifest
    numbered = await elsewhere.admin.fetchval("SELECT last_value FROM session_numbers")
    done = await import_organization(elsewhere.owner_url, ImportOrganization(path=tmp_path / "first"))

    assert done.organization_id == own
    assert await kept(elsewhere.admin, own) == rows
    there = await elsewhere.memory.organization(done.slug)
    assert [[hit.id for hit in (await there.recall(q, user="ada")).hits] for q in questions] == before
    assert all(before)
    # The trail: every entry, its seals, and one more.
    checked = await service.verify_audit(context_of(there))
    assert (checked.valid, checked.broken) == (True, 0)
    assert checked.sealed > 0
    last = await elsewhere.admin.fetch(
        "SELECT action, metadata FROM audit_logs WHERE organization_id = $1 ORDER BY created_at DESC LIMIT 1", own
    )
    assert (last[0]["action"], manifest.sha256 in last[0]["metadata"]) == ("organizations:import", True)
    # What acts on the world outside arrives switched off.
    for (table, column), value in ARRIVES.items():
        found = await elsewhere.admin.fetch(f"SELECT {column} FROM {table} WHERE organization_id = $1", own)
        assert [str(row[0]).lower() for row in found] == [value.strip("'")] * len(found) != []
    # Another export of it is the same, file for file, but for what arrives changed, for the trail, which goes on, and
    # for the numbers of sessions, which are those of this installation and as many as there are.
    again = await export_organization(
        context_of(there), ExportOrganization(path=tmp_path / "second.tar", compress=True)
    )
    hashes = {entry.name: entry.sha256 for entry in manifest.tables}
    changed = {entry.name for entry in again.tables if entry.sha256 != hashes[entry.name]}
    assert changed <= SEALED | SESSIONS.keys() | {table for table, _ in ARRIVES}
    sessions = sum(len(rows[table]) for table in SESSIONS)
    assert await elsewhere.admin.fetchval("SELECT last_value FROM session_numbers") <= numbered + sessions
    # And it goes on living: new rows, whose sessions have numbers that nobody has, and a trail that stays whole.
    await there.remember("A new line.", user="ada", conversation="new", role="user", sender="ada")
    await service.seal_audit(context_of(there))
    assert (await service.verify_audit(context_of(there))).valid


@hypothesis_settings(max_examples=3)
@given(seed=st.integers(0, 2**32))
async def test_any_value_arrives(
    new_memory: Callable[[], Awaitable[AsyncMemory]],
    admin: Any,
    elsewhere: Elsewhere,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
) -> None:
    ctx = context_of(await new_memory())
    own = ctx.principal.organization_id
    await random_rows(admin, own, seed)
    path = tmp_path_factory.mktemp("any") / "export.tar"
    manifest = await export_organization(ctx, ExportOrganization(path=path, compress=seed % 2 == 0))
    assert next(t.rows for t in manifest.tables if t.name == "memories") == 40
    await import_organization(elsewhere.owner_url, ImportOrganization(path=path))
    assert await kept(elsewhere.admin, own) == await kept(admin, own)


async def test_a_copy_has_other_ids_and_leaves_the_first_alone(
    new_memory: Callable[[], Awaitable[AsyncMemory]], house: AsyncMemory, server: Server, admin: Any, tmp_path: Path
) -> None:
    memory = await new_memory()
    own = context_of(memory).principal.organization_id
    await talk(memory, 6)
    await admin.execute(
        "UPDATE users SET email = external_id || '@' || $1 || '.org' WHERE organization_id = $1::uuid", str(own)
    )
    rows = await kept(admin, own)
    request = ExportOrganization(path=tmp_path / "export")
    await export_organization(context_of(memory), request)
    slug = new_slug("copy")
    wanted = ImportOrganization(path=tmp_path / "export", slug=slug)
    with pytest.raises(Conflict) as caught:
        await import_organization(server.url(), wanted)
    assert caught.value.code == "conflict.email"
    done = await import_organization(server.url(), wanted.model_copy(update={"drop_taken_emails": True}))
    assert (done.slug, done.emails_dropped, done.left_out) == (slug, 2, ("audit_blocks", "audit_logs"))
    assert done.organization_id != own
    assert await kept(admin, own) == rows
    copy = await house.organization(slug)
    said = [
        [hit.content for hit in (await one.recall("what does Ada like", user="ada")).hits] for one in (memory, copy)
    ]
    assert said[0] == said[1] != []
    query = "SELECT id FROM users WHERE organization_id = $1"
    people = [{row[0] for row in await admin.fetch(query, one)} for one in (own, done.organization_id)]
    assert not people[0] & people[1]
    speakers = await admin.fetchval(
        "SELECT speaker_ids FROM conversation_sessions WHERE organization_id = $1", done.organization_id
    )
    assert set(speakers) == people[1]
    assert await admin.fetchval("SELECT count(*) FROM audit_logs WHERE organization_id = $1", done.organization_id) == 1
    assert (await service.verify_audit(context_of(copy))).valid


async def test_without_vectors_they_are_computed_again(
    new_memory: Callable[[], Awaitable[AsyncMemory]], admin: Any, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    memory = await new_memory()
    own = context_of(memory).principal.organization_id
    await talk(memory, 4)
    await export_organization(context_of(memory), ExportOrganization(path=tmp_path / "export", vectors=False))
    assert not any("embedding" in line for line in table_lines(tmp_path / "export", "messages"))
    done = await import_organization(elsewhere.owner_url, ImportOrganization(path=tmp_path / "export", model="another"))
    assert done.to_embed == 7
    there = await elsewhere.memory.organization(done.slug)
    assert await embed_waiting(context_of(there)) == 7
    assert await embed_waiting(context_of(there)) == 0
    query = (
        "SELECT embedding::text, embedding_status, embedding_model FROM memories WHERE organization_id = $1 ORDER BY id"
    )
    assert await elsewhere.admin.fetch(query, own) == await admin.fetch(query, own)


async def test_an_export_is_of_one_moment(ctx: Context, admin: Any) -> None:
    own = ctx.principal.organization_id
    async with _snapshot(ctx) as connection:
        assert await connection.fetchval("SELECT count(*) FROM users WHERE organization_id = $1", own) == 0
        await admin.execute("INSERT INTO users (organization_id, external_id) VALUES ($1, 'late')", own)
        assert await connection.fetchval("SELECT count(*) FROM users WHERE organization_id = $1", own) == 0


async def test_nothing_of_others_is_in_it_and_not_everyone_may(
    new_memory: Callable[[], Awaitable[AsyncMemory]], limited: Context, tmp_path: Path
) -> None:
    memory, other, secret = await new_memory(), await new_memory(), f"xq{uuid4().hex}"
    await other.remember(f"Nobody knows {secret}.", user=secret)
    await memory.remember("Ada likes figs.", user="ada")
    await export_organization(context_of(memory), ExportOrganization(path=tmp_path / "export"))
    text = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "export").iterdir())
    assert "figs" in text
    assert secret not in text
    assert str(context_of(other).principal.organization_id) not in text
    with pytest.raises(Forbidden):
        await export_organization(limited, ExportOrganization(path=tmp_path / "another"))
    assert names(tmp_path) == ["export"]
    assert (tmp_path / "export").stat().st_mode & 0o077 == 0


async def test_where_an_export_cannot_go(ctx: Context, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file.tar").touch()
    for path, code in (("there", "conflict.exists"), ("file.tar", "conflict.exists"), ("no/where", "invalid.path")):
        with pytest.raises((Conflict, Invalid)) as caught:
            await export_organization(ctx, ExportOrganization(path=tmp_path / path))
        assert caught.value.code == code
    assert names(tmp_path) == ["file.tar", "there"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full, a file that is never written")
async def test_a_full_disk_leaves_nothing_and_says_so(
    new_memory: Callable[[], Awaitable[AsyncMemory]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = await new_memory()
    await talk(memory, 4)
    real = Path.open

    def full(self: Path, *arguments: Any, **more: Any) -> Any:
        return real(Path("/dev/full"), "wb") if self.name == "messages.ndjson" else real(self, *arguments, **more)

    monkeypatch.setattr(Path, "open", full)
    monkeypatch.setattr(archive, "CHUNK", 1)  # so that it shows in the middle of what the server sends
    with pytest.raises(Unavailable) as caught:
        await export_organization(context_of(memory), ExportOrganization(path=tmp_path / "export"))
    assert caught.value.code == "unavailable.export_file"
    assert "No space left" in caught.value.message
    assert names(tmp_path) == []
    monkeypatch.undo()
    await export_organization(context_of(memory), ExportOrganization(path=tmp_path / "export"))


async def test_of_two_imports_at_once_one_is_done(
    new_memory: Callable[[], Awaitable[AsyncMemory]], elsewhere: Elsewhere, tmp_path: Path
) -> None:
    memory = await new_memory()
    await talk(memory, 4)
    manifest = await export_organization(context_of(memory), ExportOrganization(path=tmp_path / "export"))
    request = ImportOrganization(path=tmp_path / "export")
    done = await asyncio.gather(
        *(import_organization(elsewhere.owner_url, request) for _ in range(3)), return_exceptions=True
    )
    refused = [one for one in done if isinstance(one, BaseException)]
    assert [type(one) for one in refused] == [Conflict, Conflict], refused
    own = manifest.organization.id
    assert await elsewhere.admin.fetchval("SELECT count(*) FROM messages WHERE organization_id = $1", own) == 4
    # Once it was here and was erased, it does not come back by itself.
    there = await elsewhere.memory.organization(manifest.organization.slug)
    await there.erase(organization=True)
    with pytest.raises(Conflict) as caught:
        await import_organization(elsewhere.owner_url, request)
    assert caught.value.code == "conflict.organization_erased"


async def test_the_owner_needs_to_be_no_superuser_and_the_application_is_refused(
    new_memory: Callable[[], Awaitable[AsyncMemory]], elsewhere: Elsewhere, server: Server, tmp_path: Path
) -> None:
    memory = await new_memory()
    await memory.remember("Ada likes figs.", user="ada")
    await export_organization(context_of(memory), ExportOrganization(path=tmp_path / "export"))
    request = ImportOrganization(path=tmp_path / "export")
    with pytest.raises(Forbidden) as caught:
        await import_organization(elsewhere.owner_url.replace(f"//{ADMIN}@", f"//{APP}@"), request)
    assert caught.value.code == "forbidden.owner"
    role = f"importer_{uuid4().hex[:8]}"
    await elsewhere.admin.execute(f"CREATE ROLE {role} LOGIN IN ROLE mnemon_owner")
    try:
        done = await import_organization(elsewhere.owner_url.replace(f"//{ADMIN}@", f"//{role}@"), request)
        assert done.rows["memories"] == 1
        assert done.rows["memory_log"] == 1
    finally:
        await elsewhere.admin.execute(f"DROP ROLE {role}")


async def test_the_application_cannot_pass_over_a_trigger(ctx: Context, admin: Any) -> None:
    own = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute("SET LOCAL app.importing = 'on'")
        assert await connection.fetchval("SELECT importing()") is False
        await connection.execute("INSERT INTO memories (organization_id, content) VALUES ($1, 'Unseen?')", own)
    assert await admin.fetchval("SELECT count(*) FROM memory_log WHERE organization_id = $1", own) == 1
    assert await admin.fetchval("SELECT count(*) FROM audit_logs WHERE organization_id = $1", own) == 2
    # Nor where the database acts as the owner on its behalf.
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute("SET LOCAL app.importing = 'on'")
        slug = new_slug()
        proof = ctx.database.prove(f"organization:{slug}")
        made = await connection.fetchval("SELECT ensure_organization($1, NULL, $2)", slug, proof)
    assert await admin.fetchval("SELECT count(*) FROM audit_logs WHERE organization_id = $1", made) == 1
