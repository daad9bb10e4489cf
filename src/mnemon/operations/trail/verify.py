"""Holding a trail against its chain, its signatures and its anchors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemon.db.connection import Connection
from mnemon.db.sql import statement
from mnemon.operations.trail.anchors import Anchor
from mnemon.operations.trail.seals import Block, Receipt, Retention, Sealer, SealKind, moment_of

_BLOCKS = """
SELECT b.number, b.hash, b.mac, b.mac_key, (extract(epoch FROM b.sealed_at) * 1000000)::bigint AS sealed_us,
  sha256(coalesce((SELECT string_agg(int4send(length(k.hash)) || k.hash, ''::bytea ORDER BY k.place)
    FROM unnest(b.row_kept_hashes) WITH ORDINALITY k(hash, place)), ''::bytea)) AS kept
FROM public.audit_blocks b WHERE b.organization_id = $1 ORDER BY b.number
"""
_RECEIPTS = """
SELECT a.metadata ->> 'receipt' AS receipt, count(b.value) AS rows,
  sha256(coalesce(string_agg(convert_to(format(E'%s:%s\\n', b.value ->> 'id', b.value ->> 'hash'), 'UTF8'), ''::bytea
    ORDER BY b.value ->> 'id', b.value ->> 'hash') FILTER (WHERE b.value IS NOT NULL), ''::bytea)) AS digest
FROM public.audit_logs a LEFT JOIN LATERAL jsonb_array_elements(
  CASE jsonb_typeof(a.metadata -> 'blanked') WHEN 'array' THEN a.metadata -> 'blanked' ELSE '[]' END) b ON true
WHERE a.organization_id = $1 AND a.action = 'erasure' AND ($2::text IS NULL OR a.metadata ->> 'receipt' = $2)
GROUP BY 1
"""
_SIGNED = """
SELECT a.metadata ->> 'receipt' AS receipt, a.metadata #>> '{seal,mac}' AS mac, a.metadata #>> '{seal,key}' AS key
FROM public.audit_logs a
WHERE a.organization_id = $1 AND a.action = 'erasure' AND jsonb_typeof(a.metadata -> 'seal') = 'object'
"""
_RETENTIONS = "SELECT r.organization_id, r.until_us, r.days, r.made_us, r.mac, r.key FROM public.audit_retentions($1) r"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Attributes:
        broken: how many things are wrong.
        problem: the first of them.
        block: where.
        row_id: which row, None where a whole block is concerned.
        signed: blocks whose signature was checked and is good.
        retained_since: rows before it may be gone by retention, which was signed.
    """

    blocks: int
    sealed: int
    expired: int
    unsealed: int
    sealed_until: datetime | None
    broken: int
    problem: str | None
    block: int | None
    row_id: UUID | None
    head_number: int | None
    head_hash: bytes | None
    signed: int
    retained_since: datetime | None


async def verify(
    connection: Connection, organization: UUID, sealer: Sealer | None, anchors: Sequence[Anchor] = ()
) -> Verdict:
    """Hold one organisation's trail against its chain, in a transaction.

    One that sees one moment (repeatable read) is exact. In another, what is sealed or erased between the statements may
    look broken, once.

    Args:
        connection: as a role that sees the organisation's trail.
        organization: whose.
        sealer: None where the installation's key is not at hand: then signatures are not checked, and what they would
            excuse is believed.
        anchors: what was written down elsewhere; those of other trails are passed over. They count by number and hash:
            whether a signature is good is seen without them.
    """
    async with _only_the_catalogue(connection):
        blocks = await connection.fetch(_BLOCKS, organization)
        bad, legacy = _blocks(organization, blocks, sealer)
        until = await _retained(connection, organization, sealer)
        receipts = await _receipts(connection, organization, sealer)
        own = [anchor for anchor in anchors if anchor.organization == organization]
        row = await connection.fetchrow(
            statement("mnemon.operations", "verify_audit"),
            organization,
            [anchor.number for anchor in own],
            [anchor.hash for anchor in own],
            until,
            receipts,
            legacy,
        )
    return _verdict(row, sorted(bad), len(blocks) - len(bad) if sealer else 0, until)


@asynccontextmanager
async def _only_the_catalogue(connection: Connection) -> AsyncIterator[None]:
    """Let names mean PostgreSQL's own functions and operators, whatever the schema's owner made beside them."""
    before = await connection.fetchval("SELECT current_setting('search_path')")
    await connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
    yield
    await connection.fetchval("SELECT pg_catalog.set_config('search_path', $1, true)", before)


def _blocks(organization: UUID, blocks: Sequence[Any], sealer: Sealer | None) -> tuple[list[tuple[int, str]], int]:
    """Blocks whose signature is missing or wrong, and the number of the last one from before blocks were signed."""
    if sealer is None:
        return [], max((block["number"] for block in blocks), default=0)
    bad: list[tuple[int, str]] = []
    legacy = 0
    begun = False  # after the first block that was signed as it was sealed, none is from before
    for row in blocks:
        block = Block(organization, row["number"], row["hash"], row["kept"], row["sealed_us"])
        mac, key = row["mac"], row["mac_key"]
        if sealer.signed(SealKind.BLOCK, block, mac, key):
            begun = True
        elif not begun and sealer.signed(SealKind.LEGACY, block, mac, key):
            legacy = row["number"]
        elif mac is None:
            bad.append((row["number"], "unsigned"))
        else:
            bad.append((row["number"], "signature" if sealer.knows(key) else "key"))
    return bad, legacy


async def _retained(connection: Connection, organization: UUID, sealer: Sealer | None) -> datetime | None:
    """Return the time before which rows may be gone, None where nothing may."""
    until: datetime | None = None
    for row in await connection.fetch(_RETENTIONS, organization):
        record = Retention(row["organization_id"], row["until_us"], row["days"], row["made_us"])
        if record.organization not in {organization, UUID(int=0)}:
            continue
        if sealer is not None and not sealer.signed(SealKind.RETENTION, record, row["mac"], row["key"]):
            continue
        with suppress(OverflowError):  # of what nobody signed
            moment = moment_of(record.until_us)
            until = moment if until is None else max(until, moment)
    return until


async def listed(connection: Connection, organization: UUID, receipt: str | None = None) -> list[Receipt]:
    """Return what erasures of an organisation say they have blanked; of one receipt, or of all."""
    rows = await connection.fetch(_RECEIPTS, organization, receipt)
    return [
        Receipt(organization, row["receipt"], row["rows"], row["digest"]) for row in rows if row["receipt"] is not None
    ]


async def _receipts(connection: Connection, organization: UUID, sealer: Sealer | None) -> list[str]:
    """Return the receipts whose signature covers what they list."""
    receipts = {receipt.receipt: receipt for receipt in await listed(connection, organization)}
    if sealer is None:
        return list(receipts)
    return [
        row["receipt"]
        for row in await connection.fetch(_SIGNED, organization)
        if row["receipt"] in receipts
        and sealer.signed(SealKind.ERASURE, receipts[row["receipt"]], _bytes(row["mac"]), _bytes(row["key"]))
    ]


def _bytes(text: str | None) -> bytes | None:
    try:
        return bytes.fromhex(text) if text else None
    except ValueError:
        return None


def _verdict(row: Any, bad: list[tuple[int, str]], signed: int, until: datetime | None) -> Verdict:
    """Return what the database found and what the signatures show, the earliest first."""
    block, problem, row_id = row["block"], row["problem"], row["row_id"]
    if bad and (problem is None or block is None or bad[0][0] < block):
        block, problem, row_id = bad[0][0], bad[0][1], None
    return Verdict(
        blocks=row["blocks"],
        sealed=row["sealed"],
        expired=row["expired"],
        unsealed=row["unsealed"],
        sealed_until=row["sealed_until"],
        broken=row["broken"] + len(bad),
        problem=problem,
        block=block,
        row_id=row_id,
        head_number=row["head_number"],
        head_hash=bytes(row["head_hash"]) if row["head_hash"] is not None else None,
        signed=signed,
        retained_since=until,
    )
