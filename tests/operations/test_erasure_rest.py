"""Erasure: counts that recall plans with, work that waits, other processes, and being killed in the middle."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.core.errors import Forbidden, MnemonError, NotFound
from mnemon.db import embedded
from mnemon.memory import service as memories
from mnemon.operations import repository_erasure, service
from mnemon.operations.schemas import Erase, ErasureKind, ErasureReceipt
from tests.conftest import ADMIN, APP, Server, place
from tests.factories import context_of, with_settings
from tests.installation.exports import gone, talk, waits
from tests.operations.test_erasure import make_user, snapshot
from tests.patience import PATIENCE

#: What recall should plan with, counted anew from the rows that are indexed.
_COUNTED = """
SELECT w.lexeme, count(*) AS documents FROM (
  SELECT search_vector FROM messages WHERE organization_id = $1 AND is_indexed
  UNION ALL SELECT search_vector FROM memories WHERE organization_id = $1 AND is_indexed) t, unnest(t.search_vector) w
GROUP BY 1 ORDER BY 1
"""


async def test_words_are_counted_down(new_memory: Callable[[], Awaitable[AsyncMemory]], admin: Any) -> None:
    memory = await new_memory()
    ctx = with_settings(context_of(memory), exact_search_limit=1)
    own = ctx.principal.organization_id
    for n in range(12):
        await memory.remember(
            f"Line {n} is about bees.", conversation="talk", role="user", sender=("ada", "ben")[n % 2]
        )
    await memory.remember("Only Ada says zyzzyva.", user="ada")
    await memory.remember("Ben keeps bees.", user="ben")
    assert (await memories.maintain(ctx)).indexed == 14
    await memory.remember("Not indexed: Ada likes figs.", user="ada")
    terms = "SELECT lexeme, documents FROM recall_terms WHERE organization_id = $1 ORDER BY 1"
    before = dict(await admin.fetch(terms, own))
    assert before == dict(await admin.fetch(_COUNTED, own))
    length = await admin.fetchval("SELECT term_count FROM conversation_sessions WHERE organization_id = $1", own)

    receipt = await memory.erase(user="ada")

    after = dict(await admin.fetch(terms, own))
    assert after == dict(await admin.fetch(_COUNTED, own))
    assert (after["bee"], before["bee"]) == (7, 13)
    assert "zyzzyva" in before.keys() - after.keys()
    assert receipt.counts["recall_terms"] == len(before) - len(after)
    left = await admin.fetchrow("SELECT indexed, session_terms FROM recall_statistics WHERE organization_id = $1", own)
    words = await admin.fetchval("SELECT sum(length(search_vector)) FROM messages WHERE organization_id = $1", own)
    assert (left["indexed"], left["session_terms"]) == (7, words)
    assert words < length
    talked = await admin.fetchrow("SELECT message_count FROM conversations WHERE organization_id = $1", own)
    assert talked["message_count"] == 6
    await memory.erase(user="ben")
    assert await admin.fetch(terms, own) == []


async def test_work_about_the_person_does_not_wait_for_them(ctx: Context, admin: Any) -> None:
    """By their id as what it is about; an address or a name in a document is a word, and means nothing."""
    own = ctx.principal.organization_id
    user = await make_user(ctx, "ada-k", email="Ada@Example.org")
    nobody = UUID(int=0)
    payloads = (
        f'{{"user_id": "{user}"}}',
        f'{{"users": ["{user}"], "{user}": 1}}',
        '{"to": ["ada@example.org"]}',
        '{"user": "ada-k"}',
    )
    for payload in payloads:
        await admin.execute(
            "INSERT INTO background_jobs (organization_id, kind, payload) VALUES ($1, 'test.work', $2)", own, payload
        )
    for file, position in (("ada-k.jsonl", "{}"), ("ben.jsonl", f'{{"said": "{user}"}}')):
        await admin.execute(
            "INSERT INTO import_checkpoints (organization_id, source, position, imported) "
            "VALUES ($1, $2, $3::jsonb || jsonb_build_object('file', $4::text), 9)",
            own,
            f"jsonl:{uuid4()}",
            position,
            file,
        )
    receipt = await service.erase(ctx, Erase(kind=ErasureKind.USER, name="ada-k"))
    assert receipt.counts["background_jobs"] == 1
    assert receipt.detached == {"background_jobs": 1, "import_checkpoints": 1}
    left = await admin.fetch("SELECT payload FROM background_jobs WHERE organization_id = $1 ORDER BY 1", own)
    assert {row[0] for row in left} == {f'{{"users": ["{nobody}"], "{nobody}": 1}}', *payloads[2:]}
    # How far a file was read stays, or it would be read again, and what was erased with it.
    rows = await admin.fetch("SELECT position, imported FROM import_checkpoints WHERE organization_id = $1", own)
    assert {tuple(row) for row in rows} == {
        ('{"file": "ada-k.jsonl"}', 9),
        (f'{{"file": "ben.jsonl", "said": "{nobody}"}}', 9),
    }


async def test_an_erasure_may_take_its_time(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of other statements would stop a large one each time at the same place."""
    seen = []
    real = repository_erasure.remains

    async def remains(connection: Any, subject: UUID) -> list[Any]:
        seen.append(await connection.fetchval("SELECT current_setting('statement_timeout')"))
        return await real(connection, subject)

    monkeypatch.setattr(repository_erasure, "remains", remains)
    await make_user(ctx, "ada")
    await service.erase(ctx, Erase(kind=ErasureKind.USER, name="ada"))
    async with ctx.database.transaction(ctx.principal) as connection:
        seen.append(await connection.fetchval("SELECT current_setting('statement_timeout')"))
    assert seen[0] == "0" != seen[1]


async def test_of_two_erasures_at_once_one_is_done(ctx: Context) -> None:
    await make_user(ctx, "ada")
    request = Erase(kind=ErasureKind.USER, name="ada")
    done = await asyncio.gather(*(service.erase(ctx, request) for _ in range(3)), return_exceptions=True)
    receipts = [one for one in done if isinstance(one, ErasureReceipt)]
    assert [one.counts["users"] for one in receipts] == [1]
    assert [type(one) for one in done if one not in receipts] == [NotFound, NotFound]


async def test_another_process_believes_its_cache_a_minute_at_most(
    server: Server, new_memory: Callable[[], Awaitable[AsyncMemory]], admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = await new_memory()
    own = context_of(memory).principal.organization_id
    slug = await admin.fetchval("SELECT slug FROM organizations WHERE id = $1", own)
    async with AsyncMemory(database_url=server.url(APP), organization=slug, auto_maintenance=False) as other:
        await other.remember("Ada likes figs.", user="ada")
        known = await admin.fetchval("SELECT id FROM users WHERE organization_id = $1 AND external_id = 'ada'", own)
        cache = context_of(other).cache
        entries = cache._entries
        assert known in entries.values()
        await memory.erase(user="ada")
        # The other process still has the id in mind; it finds nothing by it, and writes nothing with it.
        assert known in entries.values()
        assert list((await other.recall("figs", user="ada")).hits) == []
        keys, late = list(entries), time.monotonic() + PATIENCE
        monkeypatch.setattr(cache, "_clock", lambda: late)
        assert [key for key in keys if cache.get(key) is not None] == []
        monkeypatch.undo()
        await other.remember("Ada is new here.", user="ada")
    assert await admin.fetchval("SELECT count(*) FROM users WHERE organization_id = $1 AND id = $2", own, known) == 0
    assert (await service.erase(context_of(memory), Erase(kind=ErasureKind.USER, name=str(known)))).remaining == 0


async def test_the_permission_is_asked_for_by_the_service_and_the_organisation_by_the_database(
    ctx: Context, other: Context, admin: Any
) -> None:
    """What docs/erasure.md says of an application that was taken over."""
    user = await make_user(ctx, "ada")
    may_not = ctx.as_principal(replace(ctx.principal, permissions=frozenset({"memories:write"})))
    with pytest.raises(Forbidden):
        await service.erase(may_not, Erase(kind=ErasureKind.USER, name="ada"))
    async with other.database.transaction(other.principal) as connection:
        assert await connection.fetchval("SELECT erase_subject('user', $1)", user) is None
    # Within its organisation the database lets it, and writes down that it did; that entry it cannot take back.
    async with ctx.database.transaction(may_not.principal) as connection:
        assert await connection.fetchval("SELECT erase_subject('user', $1) IS NOT NULL", user)
    own = ctx.principal.organization_id
    query = "SELECT count(*) FROM audit_logs WHERE organization_id = $1 AND action = 'erasure' AND resource_id = $2"
    assert await admin.fetchval(query, own, str(user)) == 1
    with pytest.raises(MnemonError):
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.execute("DELETE FROM audit_logs WHERE organization_id = $1", own)


def child(data_dir: Path, organization: str) -> subprocess.Popen[bytes]:
    """An erasure in a process that can be killed."""
    options = ("--data-dir", str(data_dir), "-o", organization)
    return subprocess.Popen(
        [sys.executable, "-m", "mnemon", *options, "erase", "--user", "ada", "--yes"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


async def test_killed_in_the_middle_nothing_is_erased(
    server: Server, new_memory: Callable[[], Awaitable[AsyncMemory]], admin: Any
) -> None:
    memory = await new_memory()
    own = context_of(memory).principal.organization_id
    await talk(memory, 6)
    slug = await admin.fetchval("SELECT slug FROM organizations WHERE id = $1", own)
    before = await snapshot(admin, own)
    async with admin.transaction():
        # One of the last steps: by then the person is gone, for the transaction.
        await admin.execute("LOCK TABLE document_templates, audit_logs IN SHARE MODE")
        running = child(server.endpoint.data_dir, slug)
        try:
            pid = await waits(admin, "mnemon")
        finally:
            running.send_signal(signal.SIGKILL)
            await asyncio.to_thread(running.communicate)
    await gone(admin, pid)
    assert await snapshot(admin, own) == before
    assert (await memory.erase(user="ada")).counts["users"] == 1


@pytest_asyncio.fixture
async def fragile() -> AsyncIterator[Path]:
    """The data directory of a server of the test's own, which may be killed."""
    path = place()
    try:
        yield path / "data"
    finally:
        await asyncio.to_thread(embedded.stop, path / "data")
        shutil.rmtree(path)


async def test_the_server_killed_in_the_middle_has_erased_nothing(fragile: Path) -> None:
    async with AsyncMemory(data_dir=fragile, organization="acme", auto_maintenance=False) as memory:
        await talk(memory, 6)
        own = context_of(memory).principal.organization_id
        assert memory._app is not None
        assert memory._app.lease is not None
        endpoint = memory._app.lease.endpoint
        admin = await asyncpg.connect(endpoint.url(ADMIN, "mnemon", driver="postgresql"))
        before = await snapshot(admin, own)
        transaction = admin.transaction()
        await transaction.start()
        await admin.execute("LOCK TABLE audit_logs IN SHARE MODE")
        erasing = asyncio.create_task(memory.erase(user="ada"))
        await waits(admin, "mnemon")
        postmaster = int((fragile / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        os.kill(postmaster, signal.SIGKILL)  # its processes end as they wait, also the one that holds the lock
        with pytest.raises(MnemonError) as caught:
            await erasing
        admin.terminate()
        assert caught.value.kind == "unavailable"
    async with AsyncMemory(data_dir=fragile, organization="acme", auto_maintenance=False) as memory:
        assert memory._app is not None
        assert memory._app.lease is not None
        endpoint = memory._app.lease.endpoint
        admin = await asyncpg.connect(endpoint.url(ADMIN, "mnemon", driver="postgresql"))
        try:
            assert await snapshot(admin, own) == before
            receipt = await memory.erase(user="ada")
            assert (receipt.counts["users"], receipt.remaining) == (1, 0)
        finally:
            await admin.close()
