"""A trail from before blocks were signed: signed once as it is found, and held to that from then on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.core.installation import InstallationKey
from mnemon.migrations import runner
from mnemon.operations import service
from mnemon.operations.schemas import AuditEvent
from mnemon.operations.schemas.erasure import Erase, ErasureKind
from tests.conftest import APP, Server
from tests.factories import KEY, context_of, settings_of, upgrade
from tests.operations.tampering import seal_every, tampering

#: The functions that sealed before, as they were released.
BEFORE = Path(__file__).with_name("chain_before_signatures.sql")
#: The revision before blocks were signed.
UNSIGNED = "0011"
#: Who did what stands in the trail.
PERSON = uuid4()

#: What an erasure left before its receipt listed the entries: one digest over them all.
ERASED = """
WITH done AS (
  UPDATE audit_logs a SET old_value = '{}', new_value = '{}', error_message = NULL, resource_id = NULL,
    metadata = jsonb_build_object('erased', jsonb_build_object('by', $2::uuid,
      'hash', encode(audit_digest(a), 'hex')))
  WHERE a.organization_id = $1 AND a.action = 'test:said' RETURNING a.id, audit_digest(a) AS hash
)
INSERT INTO audit_logs (organization_id, action, resource_type, resource_id, metadata)
SELECT $1, 'erasure', 'user', gen_random_uuid()::text, jsonb_build_object('receipt', $2::uuid, 'blanked', count(*),
  'counts', '{}'::jsonb, 'digest', encode(sha256(string_agg(d.hash, ''::bytea ORDER BY d.id)), 'hex')) FROM done d
"""


class Old:
    """An upgraded installation with a trail from before."""

    def __init__(self, ctx: Context, admin: Any) -> None:
        self.ctx = ctx
        self.admin = admin
        self.own: UUID = ctx.principal.organization_id


@pytest_asyncio.fixture
async def old(server: Server, make_database: Callable[..., Awaitable[str]], tmp_path: Path) -> AsyncIterator[Old]:
    name = await make_database()
    url = server.url(database=name)
    settings = settings_of(server.url(APP, name), organization="own", audit_anchors=tmp_path / "anchors.jsonl")
    async with AsyncMemory(settings) as memory:
        own = context_of(memory).principal.organization_id
    await runner.downgrade(url, revision=UNSIGNED)
    admin = await server.connect(database=name)
    await admin.execute("SET search_path = public")
    await admin.execute(f"SET ROLE mnemon_owner; {BEFORE.read_text()}; RESET ROLE")
    for action in ("test:write", "test:said", "test:said", "test:write"):
        await admin.execute(
            "INSERT INTO audit_logs (organization_id, action, user_id) VALUES ($1, $2, $3)", own, action, PERSON
        )
        await admin.execute("SELECT seal_every_audit(1)")
    await admin.execute(
        "INSERT INTO audit_logs (organization_id, action, created_at) "
        "VALUES ($1, 'test:old', now() - interval '9 years')",
        own,
    )
    await admin.execute("SELECT seal_every_audit(1)")
    async with tampering(admin):
        await admin.execute(ERASED, own, uuid4())
        await admin.execute("DELETE FROM audit_logs WHERE action = 'test:old'")
        await admin.execute(
            "UPDATE partition_policies SET kept_since = now() - interval '8 years' WHERE table_name = 'audit_logs'"
        )
    await upgrade(url)
    async with AsyncMemory(settings) as memory:
        yield Old(context_of(memory), admin)
    await admin.close()


async def test_it_is_signed_once(old: Old) -> None:
    unsealed = await old.admin.fetchval(
        "SELECT count(*) FROM audit_logs a WHERE NOT EXISTS (SELECT FROM audit_blocks b WHERE a.id = ANY (b.row_ids))"
    )
    assert unsealed == 0, "what was written before is sealed as it was, by the migration"
    before = await service.verify_audit(old.ctx)
    assert before.first_broken is not None
    assert (before.valid, before.first_broken.problem) == (False, "unsigned")
    await seal_every(old.ctx)
    found = await service.verify_audit(old.ctx)
    assert (found.valid, found.broken, found.expired) == (True, 0, 1), found
    assert found.blocks >= 6
    # An erasure from now on finds entries that were sealed before, and says what it blanked.
    async with old.ctx.database.transaction(old.ctx.principal) as connection:
        user = await connection.fetchval(
            "INSERT INTO users (id, organization_id, external_id) VALUES ($2, $1, 'ada') RETURNING id", old.own, PERSON
        )
    done = await service.erase(old.ctx, Erase(kind=ErasureKind.USER, name=str(user)))
    assert done.blanked >= 2
    await seal_every(old.ctx)
    assert (await service.verify_audit(old.ctx)).valid
    async with tampering(old.admin):
        changed = await old.admin.execute(
            "UPDATE audit_logs SET user_id = gen_random_uuid() WHERE action = 'test:write' AND metadata ? 'erased'"
        )
    assert changed == "UPDATE 2"
    assert not (await service.verify_audit(old.ctx)).valid


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE audit_logs SET user_id = NULL WHERE action = 'test:said'",
        "UPDATE audit_logs SET action = 'test:else' WHERE action = 'test:said'",
        "UPDATE audit_logs SET action = 'test:else' WHERE action = 'test:write'",
        "DELETE FROM audit_logs WHERE action = 'test:write'",
        "DELETE FROM audit_logs WHERE action = 'erasure'",
        "UPDATE audit_logs SET metadata = metadata || '{\"digest\": \"00\"}' WHERE action = 'erasure'",
        "UPDATE audit_blocks SET mac = NULL, mac_key = NULL WHERE number = 2 AND organization_id = '{own}'",
        "UPDATE audit_blocks SET sealed_at = now() WHERE number = 2 AND organization_id = '{own}'",
        "UPDATE audit_blocks SET row_kept_hashes = '{{}}' WHERE number = 2 AND organization_id = '{own}'",
        "DELETE FROM audit_logs WHERE action = 'retention'",
        "UPDATE audit_logs SET metadata = metadata || '{{\"until_us\": 1}}' WHERE action = 'retention'",
    ],
)
async def test_it_is_held_to_what_was_signed(old: Old, harm: str) -> None:
    await seal_every(old.ctx)
    assert (await service.verify_audit(old.ctx)).valid
    async with tampering(old.admin):
        done = await old.admin.execute(harm.replace("{own}", str(old.own)).replace("{{", "{").replace("}}", "}"))
        assert not done.endswith(" 0")
    assert not (await service.verify_audit(old.ctx)).valid
    await seal_every(old.ctx)
    assert not (await service.verify_audit(old.ctx)).valid


async def test_it_is_not_signed_twice(old: Old) -> None:
    """A trail whose signatures were taken away is not one from before: an anchor knows it."""
    await seal_every(old.ctx)
    async with tampering(old.admin):
        await old.admin.execute("UPDATE audit_logs SET action = 'test:else' WHERE action = 'test:write'")
        await old.admin.execute("UPDATE audit_blocks SET mac = NULL, mac_key = NULL")
    await seal_every(old.ctx)
    assert not (await service.verify_audit(old.ctx)).valid
    assert await old.admin.fetchval("SELECT count(*) FROM audit_blocks WHERE mac IS NULL") > 0


async def test_keys_are_changed(old: Old, server: Server) -> None:
    """The newest signs, every one that is named is recognised; without an old one its blocks are nobody's."""
    await seal_every(old.ctx)
    ctx = old.ctx
    newer = InstallationKey((b"n" * 32, b"k" * 32))
    for installation, valid in ((newer, True), (InstallationKey((b"n" * 32,)), False)):
        database_name = await old.admin.fetchval("SELECT current_database()")
        await upgrade(server.url(database=database_name), installation=installation)
        settings = ctx.settings.model_copy(update={"installation_key": installation_text(installation)})
        async with AsyncMemory(settings) as memory:
            now = context_of(memory)
            await service.record_event(now, AuditEvent(action="test:write"))
            await service.seal_audit(now)
            found = await service.verify_audit(now)
            assert found.valid is valid
            if not valid:
                assert found.first_broken is not None
                assert found.first_broken.problem == "key"
    keys = await old.admin.fetch("SELECT DISTINCT mac_key FROM audit_blocks")
    assert {row[0] for row in keys} == {KEY.newest, newer.newest}


def installation_text(key: InstallationKey) -> Any:
    from pydantic import SecretStr

    return SecretStr(key.text())
