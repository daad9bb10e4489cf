"""REQ-T135: the trail is tamper-evident. Whatever is done to a sealed row, verification finds it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.app import App
from mnemon.context import Context
from mnemon.operations import service
from mnemon.operations.schemas import (
    AuditAnchor,
    AuditEvent,
    AuditVerification,
    MaintainPartitions,
    SealAudit,
    VerifyAudit,
)
from mnemon.operations.trail.seals import Sealer
from tests.conftest import APP, Server
from tests.factories import KEY, enter, new_slug, with_settings
from tests.operations.tampering import at_work, recompute, seal_every, sign, tampering


async def write(ctx: Context, count: int) -> None:
    """That many entries, each in a transaction of its own."""
    for number in range(count):
        await service.record_event(ctx, AuditEvent(action="test:write", resource_id=str(number)))


async def sealed_in_blocks(ctx: Context, count: int = 12, size: int = 4) -> AuditVerification:
    await write(ctx, count)
    await service.seal_audit(ctx, SealAudit(block_size=size))
    return await service.verify_audit(ctx)


async def test_what_is_sealed_and_what_is_not_yet(ctx: Context) -> None:
    before = await service.verify_audit(ctx)
    assert (before.valid, before.blocks, before.sealed, before.unsealed) == (True, 0, 0, 1)
    assert before.head is None
    found = await sealed_in_blocks(ctx)
    assert (found.valid, found.broken, found.first_broken) == (True, 0, None)
    assert (found.blocks, found.sealed, found.unsealed, found.expired) == (4, 13, 0, 0)
    assert found.head is not None
    assert found.head.number == 4
    await write(ctx, 2)
    assert (await service.verify_audit(ctx)).unsealed == 2
    assert (await service.seal_audit(ctx)).rows == 2
    assert (await service.seal_audit(ctx)).rows == 0
    later = await service.verify_audit(ctx, VerifyAudit(anchor=found.head))
    assert (later.valid, later.blocks, later.sealed) == (True, 5, 15)


async def third(ctx: Context, admin: Any) -> UUID:
    """A row in the middle of the chain: the first of the second block."""
    found: UUID = await admin.fetchval(
        "SELECT row_ids[1] FROM audit_blocks WHERE organization_id = $1 AND number = 2", ctx.principal.organization_id
    )
    return found


@pytest.mark.parametrize(
    "change",
    [
        "action = 'test:forged'",
        "user_id = gen_random_uuid()",
        "new_value = '{\"a\": 1}'",
        "old_value = '{\"a\": 1}'",
        "metadata = '{\"a\": 1}'",
        "status = 'failure'",
        "ip_address = '192.0.2.9'",
        "user_agent = ''",
        "resource_id = NULL",
        "session_id = gen_random_uuid()",
        "agent_id = gen_random_uuid()",
        "error_message = 'x'",
        "resource_type = 'x'",
        "transaction_id = transaction_id + 1",
    ],
)
async def test_a_changed_row_is_found(ctx: Context, admin: Any, change: str) -> None:
    await sealed_in_blocks(ctx)
    row = await third(ctx, admin)
    async with tampering(admin):
        await admin.execute(
            f"UPDATE audit_logs SET {change} WHERE organization_id = $1 AND id = $2", ctx.principal.organization_id, row
        )
    found = await service.verify_audit(ctx)
    assert found.first_broken is not None
    assert (found.valid, found.broken) == (False, 1)
    assert (found.first_broken.problem, found.first_broken.block, found.first_broken.row_id) == ("changed", 2, row)


async def test_a_row_at_another_time_is_found(ctx: Context, admin: Any) -> None:
    await sealed_in_blocks(ctx)
    row = await third(ctx, admin)
    async with tampering(admin):
        await admin.execute("UPDATE audit_logs SET created_at = created_at - interval '40 days' WHERE id = $1", row)
    found = await service.verify_audit(ctx)
    assert found.first_broken is not None
    assert not found.valid
    assert found.first_broken.row_id == row


async def test_a_deleted_row_is_found(ctx: Context, admin: Any) -> None:
    await sealed_in_blocks(ctx)
    row = await third(ctx, admin)
    async with tampering(admin):
        await admin.execute("DELETE FROM audit_logs WHERE id = $1", row)
    found = await service.verify_audit(ctx)
    assert found.first_broken is not None
    assert (found.first_broken.problem, found.first_broken.block, found.first_broken.row_id) == ("missing", 2, row)
    assert found.expired == 0


async def test_a_row_put_in_between_is_found(ctx: Context, admin: Any) -> None:
    await sealed_in_blocks(ctx)
    row = await third(ctx, admin)
    forged = uuid4()
    async with tampering(admin):
        await admin.execute(
            "INSERT INTO audit_logs (organization_id, id, created_at, transaction_id, action) "
            "SELECT organization_id, $2, created_at, transaction_id, 'test:forged' FROM audit_logs WHERE id = $1",
            *(row, forged),
        )
    found = await service.verify_audit(ctx)
    assert found.first_broken is not None
    assert (found.first_broken.problem, found.first_broken.block, found.first_broken.row_id) == ("inserted", 2, forged)
    # Nor does sealing make it good.
    await service.seal_audit(ctx)
    assert not (await service.verify_audit(ctx)).valid


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE audit_blocks SET row_hashes[1] = row_hashes[2] WHERE {own} AND number = 2", "block"),
        ("UPDATE audit_blocks SET row_times[1] = row_times[2] WHERE {own} AND number = 2", "block"),
        ("UPDATE audit_blocks SET upper_transaction = upper_transaction + 1 WHERE {own} AND number = 2", "block"),
        ("UPDATE audit_blocks SET hash = sha256('x') WHERE {own} AND number = 2", "block"),
        ("DELETE FROM audit_blocks WHERE {own} AND number = 2", "chain"),
        ("UPDATE audit_blocks SET previous_hash = sha256('x') WHERE {own} AND number = 2", "chain"),
    ],
)
async def test_a_changed_chain_is_found(ctx: Context, admin: Any, change: str, problem: str) -> None:
    await sealed_in_blocks(ctx)
    async with tampering(admin):
        await admin.execute(change.format(own=f"organization_id = '{ctx.principal.organization_id}'"))
    found = await service.verify_audit(ctx)
    assert not found.valid
    assert found.first_broken is not None
    assert found.first_broken.problem in {problem, "inserted"}
    assert found.first_broken.block in {2, 3}


async def test_an_end_that_was_cut_off_is_found_by_its_anchor(ctx: Context, admin: Any, tmp_path: Path) -> None:
    whole = await sealed_in_blocks(ctx)
    assert whole.head is not None
    async with tampering(admin):
        await admin.execute(
            "DELETE FROM audit_logs a USING audit_blocks b WHERE a.organization_id = $1 AND b.organization_id = $1 "
            "AND b.number = 4 AND a.id = ANY (b.row_ids)",
            ctx.principal.organization_id,
        )
        await admin.execute(
            "DELETE FROM audit_blocks WHERE organization_id = $1 AND number = 4", ctx.principal.organization_id
        )
    elsewhere = with_settings(ctx, audit_anchors=tmp_path / "none.jsonl")
    assert (await service.verify_audit(elsewhere)).valid, "of itself a shorter chain is whole"
    found = await service.verify_audit(elsewhere, VerifyAudit(anchor=whole.head))
    assert found.first_broken is not None
    assert (found.valid, found.first_broken.problem) == (False, "anchor")
    forged = AuditAnchor(number=1, hash="0" * 64)
    assert not (await service.verify_audit(elsewhere, VerifyAudit(anchor=forged))).valid


async def test_a_rewritten_chain_is_found_by_its_anchor(ctx: Context, admin: Any, tmp_path: Path) -> None:
    ctx = with_settings(ctx, audit_anchors=tmp_path / "first.jsonl")
    whole = await sealed_in_blocks(ctx)
    ctx = with_settings(ctx, audit_anchors=tmp_path / "second.jsonl")
    async with tampering(admin):
        await admin.execute("UPDATE audit_logs SET action = 'x:y' WHERE id = $1", await third(ctx, admin))
        await admin.execute("DELETE FROM audit_blocks WHERE organization_id = $1", ctx.principal.organization_id)
    await service.seal_audit(ctx, SealAudit(block_size=4))
    assert (await service.verify_audit(ctx)).valid
    assert not (await service.verify_audit(ctx, VerifyAudit(anchor=whole.head))).valid


async def test_a_running_transaction_is_sealed_when_it_has_ended(ctx: Context, server: Server) -> None:
    writer = await server.connect(APP)
    transaction = writer.transaction()
    await transaction.start()
    await enter(writer, ctx.principal.organization_id)
    await writer.fetchval("SELECT record_audit('test:slow')")
    await write(ctx, 3)
    await service.seal_audit(ctx)
    assert (await service.verify_audit(ctx)).valid
    await transaction.commit()
    await writer.close()
    await service.seal_audit(ctx)
    found = await service.verify_audit(ctx)
    assert (found.valid, found.unsealed, found.sealed) == (True, 0, 5)


async def test_concurrent_writers_and_sealers_lose_no_row(ctx: Context, admin: Any) -> None:
    done = asyncio.Event()

    async def writing(number: int) -> None:
        for turn in range(25):
            async with ctx.database.transaction(ctx.principal) as connection:
                await connection.fetchval("SELECT record_audit('test:write', 'x', $1)", f"{number}-{turn}")
                if turn % 5 == number % 5:
                    await asyncio.sleep(0.005)
                await connection.fetchval("SELECT record_audit('test:again', 'x', $1)", f"{number}-{turn}")

    async def sealing() -> None:
        while not done.is_set():
            await service.seal_audit(ctx, SealAudit(block_size=7))

    sealers = [asyncio.create_task(sealing()) for _ in range(3)]
    await asyncio.gather(*(writing(number) for number in range(6)))
    done.set()
    await asyncio.gather(*sealers)
    await service.seal_audit(ctx)
    found = await service.verify_audit(ctx)
    assert (found.valid, found.unsealed, found.sealed) == (True, 0, 6 * 25 * 2 + 1)
    twice = await admin.fetchval(
        "SELECT count(*) - count(DISTINCT r) FROM audit_blocks b, unnest(b.row_ids) r WHERE organization_id = $1",
        ctx.principal.organization_id,
    )
    assert twice == 0


async def test_a_large_transaction_is_one_block(ctx: Context) -> None:
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute("SELECT record_audit('test:many') FROM generate_series(1, 300)")
    await service.seal_audit(ctx, SealAudit(block_size=10))
    found = await service.verify_audit(ctx)
    assert (found.valid, found.sealed, found.unsealed) == (True, 301, 0)


async def test_every_trail_is_sealed_at_once(own: tuple[App, Any], upkeep: Context) -> None:
    app, admin = own
    contexts = [await app.organization(new_slug()) for _ in range(3)]
    await admin.execute("DELETE FROM organizations WHERE id = $1", contexts[2].principal.organization_id)
    async with app.database.untenanted() as connection:
        await connection.fetchval("SELECT record_audit('sign_in:password')")
    assert await seal_every(app.context) == await admin.fetchval("SELECT count(*) FROM audit_logs")
    assert await admin.fetchval("SELECT count(*) FROM audit_blocks") == 5  # with the app's own and the installation
    for ctx in contexts:
        assert (await service.verify_audit(ctx)).valid
    assert await seal_every(app.context) == 0


async def test_the_chain_survives_retention(own: tuple[App, Any]) -> None:
    app, admin = own
    ctx = await app.organization(new_slug())
    await admin.execute(
        "INSERT INTO audit_logs (organization_id, action, created_at) "
        "SELECT $1, 'test:old', now() - interval '3000 days' FROM generate_series(1, 5)",
        ctx.principal.organization_id,
    )
    await sealed_in_blocks(ctx)
    count = "SELECT count(*) FROM audit_logs WHERE action = 'test:old'"
    # Without a signed record nothing of the trail goes, whoever asks for it, and whatever the time is said to be.
    await admin.execute("SELECT maintain_partitions('audit_logs')")
    await admin.execute("SELECT maintain_partitions_at('audit_logs', now() + interval '9 years')")
    assert await admin.fetchval(count) == 5
    only = MaintainPartitions(tables=("audit_logs",))
    early = replace(app.context, clock=At(datetime.now(UTC) - timedelta(days=2000)))
    async with at_work(early) as upkeep:
        await service.maintain_partitions(upkeep, only)
    assert await admin.fetchval(count) == 5, "by the clock that is behind"
    late = replace(app.context, clock=At(datetime.now(UTC) + timedelta(days=4000)))
    async with at_work(late) as upkeep:
        await service.maintain_partitions(upkeep, only)
    assert await admin.fetchval(count) == 0
    assert await admin.fetchval("SELECT count(*) FROM audit_logs WHERE action = 'test:write'") == 12
    # What has gone has gone by the rule, which is signed; the hashes of its rows hold the chain together.
    found = await service.verify_audit(ctx)
    assert (found.valid, found.expired, found.sealed) == (True, 5, 13)
    await seal_every(app.context)
    async with at_work(app.context) as upkeep:
        await service.maintain_partitions(upkeep, only)
    records = await admin.fetch("SELECT metadata::text FROM audit_logs WHERE action = 'retention'")
    assert len(records) == 1
    assert '"days": 2555' in records[0][0]
    assert (await service.verify_audit(ctx)).valid


@dataclass(frozen=True)
class At:
    """A clock that stands."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


async def test_a_server_that_counts_anew_is_a_new_era(ctx: Context, admin: Any, tmp_path: Path) -> None:
    """As after a logical restore: the rows carry numbers of transactions that this server has not come to yet."""
    ctx = with_settings(ctx, audit_anchors=tmp_path / "first.jsonl")
    await sealed_in_blocks(ctx)
    await write(ctx, 2)
    own = ctx.principal.organization_id
    async with tampering(admin):
        await admin.execute(
            "UPDATE audit_logs SET transaction_id = transaction_id + 1e9 WHERE organization_id = $1", own
        )
        await admin.execute(
            "UPDATE audit_blocks SET upper_transaction = upper_transaction + 1e9 WHERE organization_id = $1", own
        )
        await recompute(admin, own)
        await sign(admin, own, Sealer(KEY))
    ctx = with_settings(ctx, audit_anchors=tmp_path / "second.jsonl")
    assert (await service.verify_audit(ctx)).valid
    assert (await service.seal_audit(ctx)).rows == 2
    await write(ctx, 3)
    assert (await service.seal_audit(ctx)).rows == 3
    found = await service.verify_audit(ctx)
    assert (found.valid, found.sealed, found.unsealed) == (True, 18, 0)
    eras = [
        row[0]
        for row in await admin.fetch("SELECT era FROM audit_blocks WHERE organization_id = $1 ORDER BY number", own)
    ]
    assert eras == [0, 0, 0, 0, 1, 1]


async def test_others_neither_verify_nor_seal_for_us(ctx: Context, other: Context) -> None:
    await sealed_in_blocks(ctx)
    await service.seal_audit(other)
    theirs = await service.verify_audit(other)
    assert (theirs.blocks, theirs.sealed) == (1, 1)
    async with other.database.transaction(other.principal) as connection:
        assert await connection.fetchval("SELECT count(*) FROM audit_blocks") == 1


@settings(max_examples=8)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(1, 9))
async def test_however_it_is_cut_every_row_is_in_one_block(app: App, sizes: list[int], block: int) -> None:
    ctx = await app.organization(new_slug())
    for size in sizes:
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.execute(f"SELECT record_audit('test:many') FROM generate_series(1, {size})")
    await service.seal_audit(ctx, SealAudit(block_size=block))
    found = await service.verify_audit(ctx)
    assert (found.valid, found.unsealed, found.sealed) == (True, 0, sum(sizes) + 1)


async def test_the_digest_is_the_same_in_every_session(
    ctx: Context, admin: Any, make_agent: Callable[..., Awaitable[UUID]]
) -> None:
    await make_agent(ctx)
    query = "SELECT audit_digest(a) FROM audit_logs a WHERE organization_id = $1 ORDER BY id"
    digests = []
    for zone, style, floats in (("UTC", "ISO", 1), ("Asia/Kolkata", "German", 0), ("America/New_York", "SQL, DMY", -5)):
        async with admin.transaction():
            await admin.execute(f"SET LOCAL timezone = '{zone}'")
            await admin.execute(f"SET LOCAL datestyle = '{style}'")
            await admin.execute(f"SET LOCAL extra_float_digits = {floats}")
            digests.append([row[0] for row in await admin.fetch(query, ctx.principal.organization_id)])
    assert digests[0] == digests[1] == digests[2]
