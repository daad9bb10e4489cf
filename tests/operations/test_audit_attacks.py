"""Seen 14: what the application says in the trail cannot pass for what the database says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Forbidden, NotFound
from mnemon.operations import repository, service
from mnemon.operations.schemas import AuditEvent
from mnemon.operations.schemas.erasure import Erase, ErasureKind
from tests.operations.test_audit import run, trail

#: Always the same: it is part of a test's name.
SOMEBODY = UUID(int=1)
FORGED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("erasure", {}),
    ("erasure:done", {}),
    ("retention", {}),
    ("retention:audit_logs", {}),
    ("audit_logs:delete", {}),
    ("audit:seal", {}),
    ("organizations:import", {}),
    ("users:erase", {}),
    ("users:create", {}),
    ("users:update", {}),
    ("users:delete", {}),
    ("memories:restore", {}),
    ("role_permissions:create", {}),
    ("Users:create", {}),
    ("users:create ", {}),
    ("users :create", {}),
    ("no colon", {}),
    ("a:b:c", {}),
    ("test:write", {"metadata": {"erased": {"by": str(SOMEBODY), "hash": "0" * 64}}}),
    ("test:write", {"metadata": {"blanked": []}}),
    ("test:write", {"metadata": {"receipt": "x"}}),
    ("test:write", {"metadata": {"seal": {}}}),
    ("test:write", {"user": SOMEBODY}),
    ("users:read", {"user": SOMEBODY}),
)


@pytest.mark.parametrize(("action", "more"), FORGED, ids=str)
async def test_the_application_cannot_say_what_the_database_says(
    ctx: Context, action: str, more: dict[str, Any]
) -> None:
    """Seen 14: `record_audit()` forged an erasure that `erase` believed."""
    before = len(await trail(ctx))
    values = (action, "user", str(uuid4()), "success", None, more.get("metadata", {}), more.get("user"))
    with pytest.raises(Forbidden) as caught:
        async with ctx.database.transaction(ctx.principal) as connection:
            await repository.record_audit(connection, values)
    assert caught.value.code == "forbidden.audit_event"
    assert caught.value.hint
    assert len(await trail(ctx)) == before


async def test_erase_believes_no_forged_erasure(ctx: Context) -> None:
    name, nothing = str(uuid4()), "ARRAY['{}'::jsonb]"
    for statement in (
        f"SELECT record_audit('erasure', 'user', '{name}')",
        f"SELECT audit_write('erasure', 'user', ARRAY[$org]::uuid[], ARRAY['{name}'], {nothing}, {nothing})",
        "SELECT write_receipt('user', gen_random_uuid(), '{}', '[]')",
        f"SELECT sign_erasure('{name}', 0, '', '', '', '')",
        "SELECT sign_retention($org::uuid, now(), 1, now(), '', '', '')",
        "SELECT sign_trails(ARRAY[$org]::uuid[], ARRAY[1]::bigint[], ARRAY[''::bytea], '', '')",
    ):
        with pytest.raises(Forbidden):
            await run(ctx, statement)
    with pytest.raises(NotFound):
        await service.erase(ctx, Erase(kind=ErasureKind.USER, name=name))


async def test_who_is_signed_in_is_who_did_it(ctx: Context, make_agent: Callable[..., Awaitable[UUID]]) -> None:
    person, another = uuid4(), uuid4()
    signed_in = ctx.as_principal(replace(ctx.principal, user_id=person))
    with pytest.raises(Forbidden):
        await service.record_event(signed_in, AuditEvent(action="sign_in:password", user_id=another))
    await service.record_event(signed_in, AuditEvent(action="sign_in:password", user_id=person))
    assert (await trail(ctx))[-1].user_id == person
    assert (await trail(ctx))[-1].metadata == {}
    agent = ctx.as_principal(replace(ctx.principal, agent_id=await make_agent(ctx)))
    with pytest.raises(Forbidden):
        await service.record_event(agent, AuditEvent(action="sign_in:password", user_id=another))


async def test_a_refused_change_can_be_told(ctx: Context) -> None:
    """That a change was refused, or failed, services alone know; no trigger writes such an entry."""
    for status in ("denied", "failure"):
        event = AuditEvent.model_validate({"action": "users:delete", "status": status})
        assert (await service.record_event(ctx, event)).id == (await trail(ctx))[-1].id


async def test_no_block_without_a_signature(ctx: Context, admin: Any) -> None:
    """Who has the application's connection could else spoil the trail: an unsigned block looks forged for ever."""
    own = ctx.principal.organization_id
    with pytest.raises(Forbidden):
        await run(ctx, "SELECT * FROM seal_trail($org::uuid)")
    with pytest.raises(Forbidden):
        await run(
            ctx,
            "SELECT * FROM seal_trail($org::uuid); SELECT sign_trails(ARRAY[$org]::uuid[], ARRAY[1]::bigint[], "
            "ARRAY[sha256('x')], '\\x00000000', sha256('x'))",
        )
    assert await admin.fetchval("SELECT count(*) FROM audit_blocks WHERE organization_id = $1", own) == 0
    await service.seal_audit(ctx)
    assert (await service.verify_audit(ctx)).valid


async def test_others_trails_are_neither_sealed_nor_told(ctx: Context, other: Context, admin: Any) -> None:
    theirs = other.principal.organization_id
    with pytest.raises(Forbidden):
        await run(ctx, f"SELECT * FROM seal_trail('{theirs}')")
    async with ctx.database.transaction(ctx.principal) as connection:
        assert await connection.fetch("SELECT * FROM unsigned_trail($1)", theirs) == []
        assert await connection.fetch("SELECT * FROM audit_retentions($1)", theirs) == []
    assert await admin.fetchval("SELECT count(*) FROM audit_blocks WHERE organization_id = $1", theirs) == 0
