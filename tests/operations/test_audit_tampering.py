"""Seen 7: whatever who owns the database does to a sealed trail, verification or the doctor notices it.

Each kind is done as a superuser whom no trigger stops, to a trail that verified whole a moment before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon.app import App
from mnemon.context import Context
from mnemon.core.installation import InstallationKey
from mnemon.operations import service
from mnemon.operations.schemas import AuditEvent, AuditVerification, SealAudit
from mnemon.operations.schemas.erasure import Erase, ErasureKind
from mnemon.operations.trail.seals import Sealer
from tests.factories import new_slug, with_settings
from tests.operations.tampering import Harm, recompute, seal_every, sign, tampering

BLANK = (
    "old_value = '{}', new_value = '{}', error_message = NULL, ip_address = NULL, user_agent = NULL, "
    "resource_id = audit_lasting_id(resource_id), metadata = jsonb_build_object('erased', "
    "jsonb_build_object('by', '{receipt}'::uuid, 'hash', encode(audit_digest(a), 'hex')))"
)


async def trail(ctx: Context, entries: int = 11, size: int = 4) -> AuditVerification:
    """A trail of three blocks: entries of a transaction each."""
    for number in range(entries):
        await service.record_event(ctx, AuditEvent(action="test:write", resource_id=str(number)))
    await service.seal_audit(ctx, SealAudit(block_size=size))
    return await whole(ctx)


async def whole(ctx: Context) -> AuditVerification:
    found = await service.verify_audit(ctx)
    assert (found.valid, found.broken, found.first_broken) == (True, 0, None), found
    assert found.anchors >= 1
    return found


def unanchored(ctx: Context, place: Path) -> Context:
    """The same without anything that was written down: what the chain and its signatures alone show."""
    return with_settings(ctx, audit_anchors=place / f"{uuid4().hex}.jsonl")


ENTRY = "UPDATE audit_logs a SET {change} WHERE organization_id = {own} AND id = {entry}"
BLOCK = "UPDATE audit_blocks SET {change} WHERE organization_id = {own} AND number = 2"
OF_BLOCK = (
    "DELETE FROM audit_logs a USING audit_blocks b WHERE a.organization_id = {own} AND b.organization_id = {own} "
    "AND b.number = {number} AND a.id = ANY (b.row_ids)"
)

#: What is done, by name; `{own}`, `{entry}` (in the second block), `{other}` are filled.
STATEMENTS: dict[str, tuple[str, ...]] = {
    **{
        f"entry: {column}": (ENTRY.replace("{change}", f"{column} = {value}"),)
        for column, value in {
            "id": "gen_random_uuid()",
            "created_at": "created_at - interval '1 microsecond'",
            "transaction_id": "transaction_id + 1",
            "user_id": "gen_random_uuid()",
            "agent_id": "gen_random_uuid()",
            "session_id": "gen_random_uuid()",
            "action": "'test:forged'",
            "resource_type": "'x'",
            "resource_id": "NULL",
            "ip_address": "'192.0.2.9'",
            "user_agent": "''",
            "old_value": "'{{\"a\": 1}}'",
            "new_value": "'{{\"a\": 1}}'",
            "status": "'failure'",
            "error_message": "'x'",
            "metadata": "'{{\"a\": 1}}'",
            "organization_id": "'{other}'",
        }.items()
    },
    **{
        f"block: {column}": (BLOCK.replace("{change}", f"{column} = {value}"),)
        for column, value in {
            "era": "era + 1",
            "number": "number + 100",
            "upper_transaction": "upper_transaction + 1",
            "previous_hash": "sha256('x')",
            "hash": "sha256('x')",
            "row_ids": "array_reverse_of(row_ids)",
            "row_hashes": "array_reverse_of(row_hashes)",
            "row_times": "ARRAY(SELECT t - interval '1 day' FROM unnest(row_times) t)",
            "row_kept_hashes": "array_reverse_of(row_kept_hashes)",
            "sealed_at": "sealed_at - interval '1 day'",
            "mac": "sha256('x')",
            "mac of none": "mac",
            "mac_key": "decode('00000000', 'hex')",
            "organization_id": "'{other}'",
        }.items()
        if column != "mac of none"
    },
    "block: no signature": (BLOCK.replace("{change}", "mac = NULL, mac_key = NULL"),),
    "block: another's signature": (
        BLOCK.replace(
            "{change}", "mac = (SELECT mac FROM audit_blocks b WHERE b.organization_id = {own} AND b.number = 1)"
        ),
    ),
    "entry deleted": ("DELETE FROM audit_logs WHERE organization_id = {own} AND id = {entry}",),
    "entries of a block deleted": (OF_BLOCK.replace("{number}", "2"),),
    "entry put into an old block": (
        (
            "INSERT INTO audit_logs (organization_id, created_at, transaction_id, action) SELECT organization_id, "
            "created_at, transaction_id, 'test:forged' FROM audit_logs WHERE organization_id = {own} AND id = {entry}"
        ),
    ),
    "entry put before the first": (
        (
            "INSERT INTO audit_logs (organization_id, created_at, transaction_id, action) "
            "VALUES ({own}, now() - interval '3 days', 3, 'test:forged')"
        ),
    ),
    "two entries changed places": (
        (
            "UPDATE audit_logs a SET resource_id = (SELECT b.resource_id FROM audit_logs b "
            "WHERE b.organization_id = {own} AND b.id <> a.id AND b.id = ANY (ARRAY[{entry}, {last}]::uuid[])) "
            "WHERE a.organization_id = {own} AND a.id = ANY (ARRAY[{entry}, {last}]::uuid[])"
        ),
    ),
    "entry taken from another organisation": (
        "UPDATE audit_logs a SET organization_id = {own}, transaction_id = 5 WHERE a.organization_id = '{other}'",
    ),
    "first block deleted": ("DELETE FROM audit_blocks WHERE organization_id = {own} AND number = 1",),
    "middle block deleted": ("DELETE FROM audit_blocks WHERE organization_id = {own} AND number = 2",),
    "last block deleted": ("DELETE FROM audit_blocks WHERE organization_id = {own} AND number = 3",),
    "last block deleted with its entries": (
        OF_BLOCK.replace("{number}", "3"),
        "DELETE FROM audit_blocks WHERE organization_id = {own} AND number = 3",
    ),
    "all blocks deleted": ("DELETE FROM audit_blocks WHERE organization_id = {own}",),
    "all entries deleted": ("DELETE FROM audit_logs WHERE organization_id = {own}",),
    "all entries and blocks deleted": (
        "DELETE FROM audit_logs WHERE organization_id = {own}",
        "DELETE FROM audit_blocks WHERE organization_id = {own}",
    ),
    "one entry marked as erased": (ENTRY.replace("{change}", BLANK),),
    "one entry marked as erased, by another": (ENTRY.replace("{change}", BLANK + ", user_id = gen_random_uuid()"),),
    "one entry marked as erased, another thing": (ENTRY.replace("{change}", BLANK + ", action = 'test:read'"),),
    "all entries marked as erased": (f"UPDATE audit_logs a SET {BLANK} WHERE organization_id = {{own}}",),
    "all entries marked as erased, by others": (
        f"UPDATE audit_logs a SET {BLANK}, user_id = gen_random_uuid() WHERE organization_id = {{own}}",
    ),
    "an entry that is not sealed marked as erased": (
        (
            "INSERT INTO audit_logs (organization_id, action, metadata) VALUES ({own}, 'test:new', jsonb_build_object("
            "'erased', jsonb_build_object('by', '{receipt}', 'hash', repeat('0', 64))))"
        ),
    ),
}
REVERSE = """
CREATE OR REPLACE FUNCTION pg_temp.array_reverse_of(p anyarray) RETURNS anyarray LANGUAGE sql AS $$
  SELECT array_agg(e ORDER BY place DESC) FROM unnest(p) WITH ORDINALITY u(e, place) $$
"""


@pytest.mark.parametrize("kind", STATEMENTS)
async def test_a_statement_of_the_owner_is_noticed(kind: str, ctx: Context, other: Context, admin: Any) -> None:
    await trail(ctx)
    own = ctx.principal.organization_id
    row = await admin.fetchrow(
        "SELECT (SELECT row_ids[2] FROM audit_blocks WHERE organization_id = $1 AND number = 2) AS entry, "
        "(SELECT row_ids[1] FROM audit_blocks WHERE organization_id = $1 AND number = 3) AS last",
        own,
    )
    await admin.execute(REVERSE)
    async with tampering(admin):
        for statement in STATEMENTS[kind]:
            filled = statement.replace("array_reverse_of", "pg_temp.array_reverse_of").replace(
                "{receipt}", str(uuid4())
            )
            for name, value in {
                "{own}": f"'{own}'",
                "{entry}": f"'{row['entry']}'",
                "{last}": f"'{row['last']}'",
                "{other}": str(other.principal.organization_id),
                "{{": "{",
                "}}": "}",
            }.items():
                filled = filled.replace(name, value)
            assert not (await admin.execute(filled)).endswith(" 0"), filled
    found = await service.verify_audit(ctx)
    assert not found.valid
    assert found.first_broken is not None
    # Nor does sealing make it good.
    await service.seal_audit(ctx)
    assert not (await service.verify_audit(ctx)).valid


# -- what takes more than a statement ------------------------------------------------------------------------------


async def recomputed(harm: Harm) -> None:
    """The action of a sealed entry is another, and every hash after it is made anew; signatures stay."""
    await harm.run("UPDATE audit_logs SET action = 'test:forged' WHERE id = $1", harm.entry)
    await recompute(harm.admin, harm.own)


async def recomputed_without_signatures(harm: Harm) -> None:
    """As before blocks were signed."""
    await recomputed(harm)
    await harm.run("UPDATE audit_blocks SET mac = NULL, mac_key = NULL WHERE organization_id = $1", harm.own)


async def recomputed_and_signed_with_another_key(harm: Harm) -> None:
    await recomputed(harm)
    await sign(harm.admin, harm.own, Sealer(InstallationKey.new()))


async def begun_anew(harm: Harm) -> None:
    """Entries are changed, all blocks go, and the next sealing makes a chain of what is there."""
    await harm.run("UPDATE audit_logs SET action = 'test:forged' WHERE id = $1", harm.entry)
    await harm.run("DELETE FROM audit_blocks WHERE organization_id = $1", harm.own)


async def cut_off_and_grown(harm: Harm) -> None:
    """The end is cut off, and the trail grows beyond where it had been."""
    await harm.run(
        "DELETE FROM audit_logs a USING audit_blocks b WHERE a.organization_id = $1 AND b.organization_id = $1 "
        "AND b.number = 3 AND a.id = ANY (b.row_ids)",
        harm.own,
    )
    await harm.run("DELETE FROM audit_blocks WHERE organization_id = $1 AND number = 3", harm.own)
    await harm.then(grow)


async def grow(ctx: Context) -> None:
    for _ in range(9):
        await service.record_event(ctx, AuditEvent(action="test:later"))
    await service.seal_audit(ctx, SealAudit(block_size=2))


async def brought_back(harm: Harm) -> None:
    """The tables as they were an hour ago."""
    await harm.run(
        "DELETE FROM audit_logs a USING audit_blocks b WHERE a.organization_id = $1 AND b.organization_id = $1 "
        "AND b.number > 1 AND a.id = ANY (b.row_ids)",
        harm.own,
    )
    await harm.run("DELETE FROM audit_blocks WHERE organization_id = $1 AND number > 1", harm.own)


async def retention_shortened(harm: Harm) -> None:
    """The rule is changed, and what it would now let go is deleted by hand."""
    await harm.run(
        "UPDATE partition_policies SET retention_days = 1, kept_since = now() + interval '1 day' "
        "WHERE table_name = 'audit_logs'"
    )
    await harm.run("DELETE FROM audit_logs WHERE id = $1", harm.entry)


async def retention_forged(harm: Harm) -> None:
    """A record that says that it might go, with a signature that nobody made, sealed with the rest."""
    await harm.run(
        "INSERT INTO audit_logs (organization_id, action, resource_type, resource_id, metadata) VALUES ("
        "'00000000-0000-0000-0000-000000000000', 'retention', 'audit_logs', $1::text, jsonb_build_object("
        "'table', 'audit_logs', 'until', now(), 'until_us', (extract(epoch FROM now()) * 1000000)::bigint, 'days', 1, "
        "'made_us', (extract(epoch FROM now()) * 1000000)::bigint, 'mac', repeat('ab', 32), "
        "'key', (SELECT encode(mac_key, 'hex') FROM audit_blocks WHERE mac_key IS NOT NULL LIMIT 1)))",
        str(harm.own),
    )
    await harm.run("DELETE FROM audit_logs WHERE id = $1", harm.entry)


def receipt_of(harm: Harm, receipt: UUID) -> str:
    return (
        "INSERT INTO audit_logs (organization_id, action, resource_type, resource_id, metadata) "
        f"SELECT '{harm.own}', 'erasure', 'user', gen_random_uuid()::text, jsonb_build_object('receipt', '{receipt}', "
        "'blanked', jsonb_build_array(jsonb_build_object('id', a.id, 'hash', encode(audit_digest(a), 'hex')))) "
        f"FROM audit_logs a WHERE a.id = '{harm.entry}'"
    )


async def receipt_forged(harm: Harm) -> None:
    """A receipt in the right form, which the next sealing seals as it does everything."""
    receipt = uuid4()
    await harm.run(receipt_of(harm, receipt))
    await harm.run(f"UPDATE audit_logs a SET {BLANK.replace('{receipt}', str(receipt))} WHERE id = $1", harm.entry)


async def receipt_forged_with_anothers_signature(harm: Harm) -> None:
    """A receipt of another organisation's erasure is signed; its signature is copied."""
    receipt = uuid4()
    await harm.run(receipt_of(harm, receipt))
    await harm.run(
        "INSERT INTO audit_logs (organization_id, action, resource_type, resource_id, metadata) SELECT $1, action, "
        "resource_type, $2::text, metadata || jsonb_build_object('receipt', $2::text) FROM audit_logs "
        "WHERE action = 'erasure' AND metadata ? 'seal' AND organization_id <> $1 LIMIT 1",
        *(harm.own, str(receipt)),
    )
    await harm.run(f"UPDATE audit_logs a SET {BLANK.replace('{receipt}', str(receipt))} WHERE id = $1", harm.entry)


MORE: tuple[Callable[[Harm], Awaitable[None]], ...] = (
    recomputed,
    recomputed_without_signatures,
    recomputed_and_signed_with_another_key,
    begun_anew,
    cut_off_and_grown,
    brought_back,
    retention_shortened,
    retention_forged,
    receipt_forged,
    receipt_forged_with_anothers_signature,
)


@pytest.mark.parametrize("sealed", [False, True], ids=["at once", "after the next sealing"])
@pytest.mark.parametrize("kind", MORE, ids=lambda kind: kind.__name__)
async def test_more_of_the_owner_is_noticed(
    kind: Callable[[Harm], Awaitable[None]], sealed: bool, own: tuple[App, Any]
) -> None:
    app, admin = own
    ctx = await app.organization(new_slug())
    theirs = await app.organization(new_slug())
    await erased(theirs)
    await trail(ctx)
    harm = await Harm.of(ctx, admin)
    async with tampering(admin):
        await kind(harm)
    await harm.afterwards(ctx)
    if sealed:
        await seal_every(app.context)
    assert not (await service.verify_audit(ctx)).valid
    assert (await service.verify_audit(theirs)).valid, "nothing was done to it"


#: What needs no anchor: the key alone shows it.
BY_KEY = (
    recomputed,
    recomputed_and_signed_with_another_key,
    retention_shortened,
    retention_forged,
    receipt_forged,
    receipt_forged_with_anothers_signature,
)


@pytest.mark.parametrize("kind", BY_KEY, ids=lambda kind: kind.__name__)
async def test_the_key_alone_shows_it(
    kind: Callable[[Harm], Awaitable[None]], own: tuple[App, Any], tmp_path: Path
) -> None:
    app, admin = own
    ctx = await app.organization(new_slug())
    await erased(await app.organization(new_slug()))
    await trail(ctx)
    harm = await Harm.of(ctx, admin)
    async with tampering(admin):
        await kind(harm)
    found = await service.verify_audit(unanchored(ctx, tmp_path))
    assert (found.valid, found.anchors) == (False, 0)


@pytest.mark.parametrize(
    "harm",
    [
        "DROP TABLE audit_logs_{month}",
        "ALTER TABLE audit_logs DETACH PARTITION audit_logs_{month}",
        "TRUNCATE audit_logs_{month}",
        "TRUNCATE audit_logs, audit_blocks",
        "TRUNCATE audit_blocks",
    ],
)
async def test_whole_tables_are_missed(own: tuple[App, Any], harm: str) -> None:
    app, admin = own
    ctx = await app.organization(new_slug())
    await trail(ctx)
    month = await admin.fetchval("SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC'), 'YYYYMMDD')")
    await admin.execute("ALTER TABLE audit_blocks DISABLE TRIGGER USER; ALTER TABLE audit_logs DISABLE TRIGGER USER")
    await admin.execute(harm.replace("{month}", month))
    assert not (await service.verify_audit(ctx)).valid
    await seal_every(app.context)
    assert not (await service.verify_audit(ctx)).valid


# -- erased entries ------------------------------------------------------------------------------------------------


async def erased(ctx: Context) -> UUID:
    """A person with entries in the trail, which is sealed, and erased; verification takes it for what it is."""
    async with ctx.database.transaction(ctx.principal) as connection:
        user: UUID = await connection.fetchval(
            "INSERT INTO users (organization_id, external_id, full_name) VALUES ($1, 'ada', 'Ada') RETURNING id",
            ctx.principal.organization_id,
        )
        await connection.execute("UPDATE users SET full_name = 'Ada L.' WHERE id = $1", user)
    await service.seal_audit(ctx)
    await service.erase(ctx, Erase(kind=ErasureKind.USER, name=str(user)))
    await whole(ctx)
    await service.seal_audit(ctx)
    found = await whole(ctx)
    assert found.unsealed == 0
    return user


@pytest.mark.parametrize(
    "change",
    [
        "user_id = gen_random_uuid()",
        "agent_id = gen_random_uuid()",
        "action = 'users:read'",
        "resource_type = 'agents'",
        "resource_id = gen_random_uuid()::text",
        "resource_id = NULL",
        "status = 'failure'",
        "transaction_id = transaction_id - 1",
        'new_value = \'{"full_name": "Eve"}\'',
        "error_message = 'x'",
        "ip_address = '192.0.2.9'",
        "metadata = jsonb_set(metadata, '{erased,by}', to_jsonb(gen_random_uuid()))",
        "metadata = jsonb_set(metadata, '{erased,hash}', to_jsonb(repeat('0', 64)))",
        "metadata = metadata || '{\"x\": 1}'",
        "metadata = '{}'",
    ],
)
async def test_an_erased_entry_stays_what_it_is(change: str, ctx: Context, admin: Any) -> None:
    user = await erased(ctx)
    async with tampering(admin):
        done = await admin.execute(
            f"UPDATE audit_logs SET {change} WHERE organization_id = $1 AND resource_id = $2 "
            "AND action = 'users:update'",
            *(ctx.principal.organization_id, str(user)),
        )
    assert done == "UPDATE 1"
    assert not (await service.verify_audit(ctx)).valid


@pytest.mark.parametrize(
    "change",
    [
        # The receipt lists one more, or one less, or is another's.
        (
            "metadata = jsonb_set(metadata, '{blanked}', metadata -> 'blanked' || jsonb_build_array("
            "jsonb_build_object('id', gen_random_uuid(), 'hash', repeat('0', 64))))"
        ),
        "metadata = jsonb_set(metadata, '{blanked}', (metadata -> 'blanked') - 0)",
        "metadata = jsonb_set(metadata, '{receipt}', to_jsonb(gen_random_uuid()))",
    ],
)
async def test_a_receipt_stays_what_it_is(change: str, ctx: Context, admin: Any) -> None:
    await erased(ctx)
    async with tampering(admin):
        done = await admin.execute(
            f"UPDATE audit_logs SET {change} WHERE organization_id = $1 AND metadata ? 'blanked'",
            ctx.principal.organization_id,
        )
    assert done == "UPDATE 1"
    assert not (await service.verify_audit(ctx)).valid


async def test_a_receipt_that_is_not_sealed_yet_cannot_be_extended(ctx: Context, admin: Any) -> None:
    """Between the erasure and its sealing no block holds the receipt: its signature does."""
    await trail(ctx)
    harm = await Harm.of(ctx, admin)
    async with ctx.database.transaction(ctx.principal) as connection:
        user = await connection.fetchval(
            "INSERT INTO users (organization_id, external_id) VALUES ($1, 'ben') RETURNING id",
            ctx.principal.organization_id,
        )
    done = await service.erase(ctx, Erase(kind=ErasureKind.USER, name=str(user)))
    assert done.blanked > 0
    async with tampering(admin):
        await admin.execute(receipt_of(harm, done.id or uuid4()))
        await admin.execute(
            f"UPDATE audit_logs a SET {BLANK.replace('{receipt}', str(done.id))} WHERE id = $1", harm.entry
        )
    assert not (await service.verify_audit(ctx)).valid
    await service.seal_audit(ctx)
    assert not (await service.verify_audit(ctx)).valid


# -- what the owner has made of our functions ------------------------------------------------------------------------

LIES = {
    "the digest is what was sealed": """
        CREATE OR REPLACE FUNCTION public.audit_digest(p_row audit_logs) RETURNS bytea LANGUAGE sql STABLE AS $$
          SELECT h.hash FROM audit_blocks b, unnest(b.row_ids, b.row_hashes) h(id, hash) WHERE h.id = p_row.id $$""",
    "a hash function that fits better": """
        CREATE FUNCTION public.sha256(text) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$;
        CREATE FUNCTION public.jsonb_build_array(uuid, uuid, numeric, bigint, uuid, uuid, uuid, varchar, varchar,
          varchar, text, text, jsonb, jsonb, audit_status, text, jsonb)
          RETURNS jsonb LANGUAGE sql AS $$ SELECT '[]'::jsonb $$;
        CREATE FUNCTION public.differ(bytea, bytea) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
        CREATE OPERATOR public.<> (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = public.differ)""",
    "retention took it": """
        DROP FUNCTION audit_retentions(uuid);
        CREATE FUNCTION audit_retentions(p uuid) RETURNS TABLE (organization_id uuid, until_us bigint, days integer,
          made_us bigint, mac bytea, key bytea) LANGUAGE sql SET search_path = public, pg_catalog AS $$
          SELECT p, 9000000000000000, 1, 1::bigint,
          sha256('x'), (SELECT mac_key FROM audit_blocks WHERE mac_key IS NOT NULL LIMIT 1) $$;
        GRANT EXECUTE ON FUNCTION audit_retentions(uuid) TO mnemon_app""",
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize(
    "harm", ["UPDATE audit_logs SET action = 'x:y' WHERE id = $1", "DELETE FROM audit_logs WHERE id = $1"]
)
async def test_functions_of_the_owner_are_not_asked(lie: str, harm: str, own: tuple[App, Any]) -> None:
    app, admin = own
    ctx = await app.organization(new_slug())
    await trail(ctx)
    entry = (await Harm.of(ctx, admin)).entry
    await admin.execute(LIES[lie])
    await whole(ctx)
    async with tampering(admin):
        await admin.execute(harm, entry)
    assert not (await service.verify_audit(ctx)).valid
