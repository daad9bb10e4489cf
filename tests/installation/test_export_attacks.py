"""Exports that are damaged, forged, of another version, or cut off: nothing of them is ever half there."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from mnemon import AsyncMemory
from mnemon.core.errors import Invalid, MnemonError
from mnemon.installation.export import (
    ExportOrganization,
    ImportOrganization,
    Manifest,
    export_organization,
    import_organization,
    verify_export,
)
from mnemon.installation.export.rules import INCLUDED
from mnemon.operations import service
from tests.conftest import APP, Server
from tests.factories import context_of, new_slug
from tests.installation.exports import Elsewhere, forge, gone, names, table_lines, talk, waits
from tests.operations.test_erasure import snapshot


@pytest_asyncio.fixture(scope="module")
async def original(house: AsyncMemory, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A good export, as a directory, of an organisation whose trail is partly sealed."""
    memory = await house.organization(new_slug())
    await talk(memory, 4)
    await service.seal_audit(context_of(memory))
    await memory.remember("This is not sealed.", user="ada")
    path = tmp_path_factory.mktemp("original") / "export"
    return path, await export_organization(context_of(memory), ExportOrganization(path=path))


@pytest_asyncio.fixture
async def exported(new_memory: Callable[[], Awaitable[AsyncMemory]], tmp_path: Path) -> tuple[Path, Manifest]:
    """A good export of an organisation of the test's own, which can be imported."""
    memory = await new_memory()
    await talk(memory, 4)
    await service.seal_audit(context_of(memory))
    manifest = await export_organization(context_of(memory), ExportOrganization(path=tmp_path / "export"))
    return tmp_path / "export", manifest


async def refusal(elsewhere: Elsewhere, path: Path, **more: Any) -> MnemonError:
    """How an import is refused; nothing of it may be there afterwards."""
    before = await elsewhere.admin.fetch("SELECT id FROM organizations ORDER BY id")
    with pytest.raises(MnemonError) as caught:
        await import_organization(elsewhere.owner_url, ImportOrganization(path=path, **more))
    assert await elsewhere.admin.fetch("SELECT id FROM organizations ORDER BY id") == before
    return caught.value


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rewrite(path: Path, **fields: Any) -> None:
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    (path / "manifest.json").write_text(json.dumps(manifest | fields), encoding="utf-8")


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/null")


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a bit of a row": (lambda path: flip(path / "messages.ndjson"), "invalid.export_damaged"),
    "a row less": (
        lambda path: (path / "users.ndjson").write_bytes((path / "users.ndjson").read_bytes().partition(b"\n")[2]),
        "invalid.export_damaged",
    ),
    "a file less": (lambda path: (path / "teams.ndjson").unlink(), "invalid.export_damaged"),
    "a file more": (lambda path: (path / "extra.ndjson").touch(), "invalid.export_damaged"),
    "a link for a file": (lambda path: link(path / "teams.ndjson"), "invalid.export_damaged"),
    "a changed manifest": (lambda path: rewrite(path, product="9"), "invalid.export_damaged"),
    "no manifest": (lambda path: (path / "manifest.json").unlink(), "invalid.export"),
    "a manifest that is no JSON": (lambda path: (path / "manifest.json").write_text("{"), "invalid.export_damaged"),
    "another program's": (lambda path: rewrite(path, format="other"), "invalid.export"),
    "a newer format": (lambda path: forge(path, lambda m: m.update(format_version=2)), "invalid.export_format"),
    "a newer schema": (lambda path: forge(path, lambda m: m.update(schema_revision="9999")), "invalid.export_revision"),
    "other vectors": (lambda path: forge(path, lambda m: m["embedding"].update(dimensions=8)), "invalid.dimensions"),
    "a field unknown": (lambda path: forge(path, lambda m: m.update(surprise=1)), "invalid.export_damaged"),
    "a table unknown": (
        lambda path: forge(path, lambda m: m["tables"].append(m["tables"][0] | {"name": "sessions"})),
        "invalid.export_damaged",
    ),
    "a column unknown": (
        lambda path: forge(path, lambda m: m["tables"][0].update(columns=["organization_id"])),
        "invalid.export_columns",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_is_damaged_is_refused(
    elsewhere: Elsewhere, original: tuple[Path, Manifest], tmp_path: Path, damage: str
) -> None:
    spoil, code = DAMAGES[damage]
    copy = shutil.copytree(original[0], tmp_path / "copy")
    spoil(copy)
    error = await refusal(elsewhere, copy)
    assert (error.code, bool(error.hint or code == "invalid.export")) == (code, True)


async def test_what_was_asked_for(elsewhere: Elsewhere, exported: tuple[Path, Manifest], tmp_path: Path) -> None:
    path, manifest = exported
    assert (await refusal(elsewhere, path, sha256="0" * 64)).code == "invalid.export_damaged"
    assert (await refusal(elsewhere, path, model="another")).code == "invalid.export_model"
    assert (await refusal(elsewhere, path, slug="No slug")).code == "invalid.slug"
    assert (await refusal(elsewhere, tmp_path / "nothing")).code == "invalid.path"
    (tmp_path / "text").write_text("no tar", encoding="utf-8")
    assert (await refusal(elsewhere, tmp_path / "text")).code == "invalid.export"
    request = ImportOrganization(path=path, sha256=manifest.sha256.upper(), model="mnemon-static-256")
    assert (await import_organization(elsewhere.owner_url, request)).rows["messages"] == 4
    assert (await refusal(elsewhere, path)).code == "conflict.organization"


async def test_a_tar_is_read_by_its_own_names_alone(
    elsewhere: Elsewhere, new_memory: Callable[[], Awaitable[AsyncMemory]], tmp_path: Path
) -> None:
    ctx = context_of(await new_memory())
    await export_organization(ctx, ExportOrganization(path=tmp_path / "good.tar", compress=True))
    good = tmp_path / "good.tar"
    for evil in ("../outside", "/etc/outside", "teams.ndjson.gz"):
        shutil.copy(good, tmp_path / "evil.tar")
        with tarfile.open(tmp_path / "evil.tar", "a") as packed:
            link = tarfile.TarInfo(evil)
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            packed.addfile(link)
        assert (await refusal(elsewhere, tmp_path / "evil.tar")).code.startswith("invalid.export")
    data = good.read_bytes()
    (tmp_path / "short.tar").write_bytes(data[: len(data) // 2])
    assert (await refusal(elsewhere, tmp_path / "short.tar")).code.startswith("invalid.export")
    assert not (tmp_path.parent / "outside").exists()
    await verify_export(good)


async def test_no_archive_pushes_what_all_share_to_its_end(
    elsewhere: Elsewhere, exported: tuple[Path, Manifest], tmp_path: Path
) -> None:
    """Numbers at their limit, negative ones, all over the place: they become this installation's, one for each."""
    path, _ = exported
    sessions, messages, memories = (table_lines(path, n) for n in ("conversation_sessions", "messages", "memories"))
    highest = 2**47 - 1
    old = {line["number"]: highest - place for place, line in enumerate(sessions)}
    for line in sessions:
        line["number"] = old[line["number"]]
    for line in messages:
        line["ordinal"] = old[line["ordinal"] >> 16] << 16 | line["ordinal"] & 65535
    for place, line in enumerate(memories):
        line["ordinal"] = (-(2**63) + (place << 16)) if place % 2 else ((highest - 1000 - place) << 16)
    forge(path, conversation_sessions=sessions, messages=messages, memories=memories)
    last = "SELECT last_value FROM session_numbers"
    before = await elsewhere.admin.fetchval(last)
    done = await import_organization(elsewhere.owner_url, ImportOrganization(path=path))
    numbers = await elsewhere.admin.fetchrow(
        "SELECT (SELECT count(*) FROM conversation_sessions WHERE organization_id = $1) AS sessions, "
        "(SELECT count(*) FROM messages m JOIN conversation_sessions s ON s.organization_id = m.organization_id "
        "AND s.number = m.ordinal >> 16 AND s.conversation_id = m.conversation_id "
        "WHERE m.organization_id = $1) AS said, "
        "(SELECT count(DISTINCT ordinal) FROM memories WHERE organization_id = $1) AS kept",
        done.organization_id,
    )
    assert tuple(numbers) == (len(sessions), len(messages), len(memories))
    assert 0 < await elsewhere.admin.fetchval(last) - before <= len(sessions) + len(memories)
    # What others export afterwards can be imported, and what they say next comes after what they said before.
    victim = await elsewhere.memory.organization(new_slug("victim"))
    await talk(victim, 4)
    await export_organization(context_of(victim), ExportOrganization(path=tmp_path / "theirs"))
    copy = ImportOrganization(path=tmp_path / "theirs", slug=new_slug("copy"))
    assert (await import_organization(elsewhere.owner_url, copy)).rows["messages"] == 4
    there = await elsewhere.memory.organization(done.slug)
    await there.remember("One more line.", user="ada", conversation="talk", role="user", sender="ada")
    assert await elsewhere.admin.fetchval(last) < 2**32


async def test_no_row_reaches_another_organisation(elsewhere: Elsewhere, exported: tuple[Path, Manifest]) -> None:
    """A forger who knows the format and makes every hash right writes into an organisation of their own at most."""
    path, manifest = exported
    victim = await elsewhere.memory.organization(new_slug("victim"))
    await talk(victim, 4)
    theirs = context_of(victim).principal.organization_id
    before = await snapshot(elsewhere.admin, theirs)
    person = await elsewhere.admin.fetchval("SELECT id FROM users WHERE organization_id = $1 LIMIT 1", theirs)
    memories, users, messages = (table_lines(path, name) for name in ("memories", "users", "messages"))
    roles = [{"id": str(uuid4()), "name": "r", "is_system": False}]
    grants = [{"role_id": roles[0]["id"], "permission": "no:such", "created_at": "2026-01-01"}]
    logs = table_lines(path, "audit_logs")
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("invalid.export_row", {"memories": [memories[0] | {"user_id": str(person)}]}),
        ("invalid.export_row", {"messages": [messages[0] | {"role": "nobody"}]}),
        ("invalid.export_row", {"messages": [messages[0] | {"content": " "}]}),
        ("invalid.export_row", {"messages": [messages[0] | {"content": "a\u0000b"}]}),
        ("invalid.export_row", {"messages": ["{\n"]}),
        ("invalid.export_row", {"messages": ["\n"]}),
        ("invalid.export_row", {"messages": ["[" * 200_000 + "]" * 200_000 + "\n"]}),
        ("invalid.export_row", {"messages": [messages[0], messages[0]]}),
        ("invalid.export_row", {"roles": roles, "role_permissions": grants}),
        ("invalid.export_damaged", {"organizations": []}),
        ("conflict.people", {"users": [users[0], users[1] | {"id": str(person)}]}),
        ("invalid.export_trail", {"audit_logs": [logs[0] | {"action": "users:read"}, *logs[1:]]}),
    ]
    for code, files in attempts:
        forged = path.with_name("forged")
        shutil.copytree(path, forged)
        forge(forged, **files)
        assert (await refusal(elsewhere, forged)).code == code, files
        shutil.rmtree(forged)
    # A row that names an organisation is not heard: the manifest alone says whose rows these are.
    said = [line | {"organization_id": str(theirs)} for line in memories]
    forge(path, memories=said, organizations=[table_lines(path, "organizations")[0] | {"id": str(theirs)}])
    done = await import_organization(elsewhere.owner_url, ImportOrganization(path=path))
    assert done.organization_id == manifest.organization.id
    assert await snapshot(elsewhere.admin, theirs) == before
    # Nobody becomes the installation itself, whose trail and jobs have the id of nobody.
    forge(path, lambda m: m["organization"].update(id=str(UUID(int=0)), slug=new_slug()))
    assert (await refusal(elsewhere, path)).code == "invalid.export_organization"
    # And a manifest that names theirs finds it there.
    forge(path, lambda m: m["organization"].update(id=str(theirs), slug=new_slug()))
    assert (await refusal(elsewhere, path)).code == "conflict.organization"
    assert await snapshot(elsewhere.admin, theirs) == before


_CHILD = """
import asyncio, sys
from pathlib import Path
from mnemon import AsyncMemory
from mnemon.installation.export import *

async def main(what, url, path, organization):
    if what == "import":
        await import_organization(url, ImportOrganization(path=Path(path)))
        return
    async with AsyncMemory(database_url=url, organization=organization, auto_maintenance=False) as memory:
        await export_organization(await memory.open(), ExportOrganization(path=Path(path)))

asyncio.run(main(*sys.argv[1:]))
"""


def child(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """An export or an import in a process that can be killed."""
    return subprocess.Popen([sys.executable, "-c", _CHILD, *map(str, arguments)], stderr=subprocess.DEVNULL)


async def test_killed_in_the_middle_an_export_is_none(
    server: Server, new_memory: Callable[[], Awaitable[AsyncMemory]], admin: Any, tmp_path: Path
) -> None:
    memory = await new_memory()
    await talk(memory, 4)
    slug = await admin.fetchval(
        "SELECT slug FROM organizations WHERE id = $1", context_of(memory).principal.organization_id
    )
    async with admin.transaction():
        await admin.execute("LOCK TABLE memory_facts IN ACCESS EXCLUSIVE MODE")  # one of the last to be read
        running = child("export", server.url(APP), tmp_path / "export", slug)
        try:
            pid = await waits(admin, "mnemon")
        finally:
            running.send_signal(signal.SIGKILL)
            await asyncio.to_thread(running.wait)
    await gone(admin, pid)
    left = [tmp_path / name for name in names(tmp_path)]
    assert [path.name.startswith(".export.partial-") for path in left] == [True]
    half = left[0] / "export"
    assert len(names(half)) > len(INCLUDED) // 2
    with pytest.raises(Invalid) as caught:
        await verify_export(half)
    assert caught.value.code == "invalid.export"
    await export_organization(context_of(memory), ExportOrganization(path=tmp_path / "export"))


async def test_killed_in_the_middle_an_import_has_left_nothing(
    elsewhere: Elsewhere, exported: tuple[Path, Manifest]
) -> None:
    path, manifest = exported
    own = manifest.organization.id
    async with elsewhere.admin.transaction():
        await elsewhere.admin.execute("LOCK TABLE memory_facts IN ACCESS EXCLUSIVE MODE")
        # A row of the table that waits, so that the others are written when it does.
        forge(path, memory_facts=[{"id": str(uuid4()), "subject": "a", "predicate": "b", "object": "c"}])
        running = child("import", elsewhere.owner_url, path, "-")
        try:
            pid = await waits(elsewhere.admin, "mnemon import")
        finally:
            running.send_signal(signal.SIGKILL)
            await asyncio.to_thread(running.wait)
    await gone(elsewhere.admin, pid)
    assert {t for t, rows in (await snapshot(elsewhere.admin, own)).items() if rows} == set()
    facts = {"id": str(uuid4()), "subject": "a", "predicate": "b", "object": "c", "confidence": 1}
    forge(path, memory_facts=[facts | {"valid_from": "2026-01-01", "recorded_at": "2026-01-01"}])
    done = await import_organization(elsewhere.owner_url, ImportOrganization(path=path))
    assert (done.rows["memory_facts"], done.rows["messages"]) == (1, 4)
