"""The audit trail: sealed in time, signed, unchanged since, and as long as what was written down outside says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import asyncpg

from mnemon.core.errors import MnemonError
from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding
from mnemon.installation.doctor.words import SEE_MORE, age, some
from mnemon.operations.trail import Anchor, Anchors, Sealer, verify
from mnemon.operations.trail.anchors import Written
from mnemon.operations.trail.keys import installation_of

#: Seconds after which a row should be sealed; a worker does it every minute.
LATE = 900
#: Verifying reads a whole trail: so many organisations, and trails of so many rows altogether.
MOST, LONGEST = 200, 200_000
#: Days that the trail is kept by the rule that comes with the schema.
KEPT = 2555

_LAG = """
SELECT count(*) AS rows, coalesce(extract(epoch FROM clock_timestamp() - min(a.created_at)), 0)::float8 AS oldest
FROM audit_logs a
LEFT JOIN LATERAL (
  SELECT b.upper_transaction FROM audit_blocks b WHERE b.organization_id = a.organization_id
  ORDER BY b.number DESC LIMIT 1
) last ON true
WHERE a.transaction_id >= coalesce(last.upper_transaction, 0)
"""
_CHAINS = "SELECT organization_id, sum(row_count) AS rows FROM audit_blocks GROUP BY 1 ORDER BY max(sealed_at) DESC"
_THERE = """
SELECT w.organization_id, w.number, b.hash
FROM unnest($1::uuid[], $2::bigint[]) w(organization_id, number)
LEFT JOIN audit_blocks b ON b.organization_id = w.organization_id AND b.number = w.number
"""
_SIGNED = (
    "SELECT count(*) FROM audit_blocks WHERE mac IS NOT NULL AND sealed_at < clock_timestamp() - interval '15 min'"
)
_CHANGED = "Somebody changed what is sealed. Keep the database as it is, and compare with a backup."
_BEFORE = (
    "Entries are gone that were there. If this database was brought back from a backup, move {path} away; if not, keep "
    "the database as it is, and compare with a backup."
)


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Check how long rows wait for their seal, and the chains: of all organisations if the role may see them."""
    if await connection.fetchval("SELECT to_regclass('audit_blocks') IS NULL"):
        return []
    lag = await connection.fetchrow(_LAG)
    if lag["oldest"] > LATE:
        waiting = f"{lag['rows']:,} rows wait for it, the oldest for {age(lag['oldest'])}"
        do = "Let a worker run (`mnemon worker`): what is not sealed can be changed without a trace."
        findings = [Finding("audit seal", "note", waiting, do)]
    else:
        findings = [Finding("audit seal", "ok", f"{lag['rows']:,} rows wait for it")]
    installation = installation_of(wanted)
    if installation is None:
        do = "Set MNEMON_INSTALLATION_KEY: without it nobody can tell a forged chain from ours."
        return [*findings, await _verified(connection, None), Finding("audit signatures", "note", "not looked at", do)]
    anchors = Anchors.of(wanted, installation)
    findings.append(await _verified(connection, Sealer(installation), anchors))
    findings += await _anchored(connection, anchors)
    return [*findings, *await _kept(connection)]


async def _verified(connection: asyncpg.Connection, sealer: Sealer | None, anchors: Anchors | None = None) -> Finding:
    broken: list[str] = []
    rows = chains = older = 0
    left = 0
    for chain in await connection.fetch(_CHAINS):
        if chains == MOST or rows + chain["rows"] > LONGEST:
            left += 1
            continue
        organization: UUID = chain["organization_id"]
        verification = await verify(connection, organization, sealer)
        for _ in range(2):  # somebody may have sealed or erased between two statements of it
            if verification.broken:
                verification = await verify(connection, organization, sealer)
        rows, chains = rows + chain["rows"], chains + 1
        if verification.problem == "unsigned" and anchors and await _is_older(connection, organization, anchors):
            older += 1
        elif verification.broken:
            broken.append(f"{organization} (block {verification.block}: {verification.problem})")
    if broken:
        return Finding("audit chain", "wrong", f"broken for {some(broken)}", _CHANGED)
    if older:
        text = f"{older} trail{'s' if older != 1 else ''} of before there were signatures, whole but for those"
        return Finding("audit chain", "note", text, "The next sealing signs them: run `mnemon worker --once`.")
    unread = f"; {left} too long to verify here" if left else ""
    if chains == 0 and not left:
        return Finding("audit chain", "ok", "nothing is sealed yet")
    whose = None if await _sees_all(connection) else SEE_MORE
    counted = f"{rows:,} rows of {chains} organisation{'s' if chains != 1 else ''} are as they were sealed{unread}"
    return Finding("audit chain", "ok", counted, whose)


async def _is_older(connection: asyncpg.Connection, organization: UUID, anchors: Anchors) -> bool:
    """Tell whether a trail has no signature because it is of before there were any: nothing says that it had one."""
    try:
        written = await asyncio.to_thread(anchors.read)
    except MnemonError:
        return False
    if any(anchor.organization == organization for anchor in written.anchors):
        return False
    signed = "SELECT EXISTS (SELECT FROM audit_blocks WHERE organization_id = $1 AND mac IS NOT NULL)"
    if await connection.fetchval(signed, organization):
        return False
    return not (await verify(connection, organization, None)).broken


async def _sees_all(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval("SELECT NOT row_security_active('audit_blocks')"))


async def _anchored(connection: asyncpg.Connection, file: Anchors) -> list[Finding]:
    """Check that what was written down outside is in the chains."""
    try:
        written = await asyncio.to_thread(file.read)
    except MnemonError as error:
        return [Finding("audit anchors", "wrong", error.message, error.hint)]
    if not written.there:
        return await _missing(connection, file)
    anchors = written.anchors
    if not await _sees_all(connection):
        own = set(await connection.fetchval("SELECT array_agg(DISTINCT organization_id) FROM audit_logs") or ())
        anchors = tuple(anchor for anchor in anchors if anchor.organization in own)
    lost = await _lost(connection, anchors)
    if lost:
        blocks = sorted({f"{anchor.organization} (block {anchor.number})" for anchor in lost})
        text = f"of {some(blocks)} the chain has no more"
        return [Finding("audit anchors", "wrong", f"what was written down {text}", _BEFORE.format(path=file.path))]
    return [_told(written, anchors, file)]


def _told(written: Written, anchors: Sequence[Anchor], file: Anchors) -> Finding:
    if written.damaged:
        do = f"Look at {file.path}: Mnemon writes a whole line of JSON for each."
        return Finding("audit anchors", "note", f"{written.damaged} lines cannot be read", do)
    trails = len({one.organization for one in anchors})
    return Finding("audit anchors", "ok", f"{len(anchors):,} of {trails} trails, all in the chains")


async def _missing(connection: asyncpg.Connection, file: Anchors) -> list[Finding]:
    if not await connection.fetchval(_SIGNED):
        return [Finding("audit anchors", "ok", "nothing is written down yet")]
    found = f"there are sealed trails, and nothing is written down in {file.path}"
    do = "If it was lost, look for who removed it. The next sealing begins it anew; `mnemon worker` seals."
    return [Finding("audit anchors", "note", found, do)]


async def _lost(connection: asyncpg.Connection, anchors: Sequence[Anchor]) -> list[Anchor]:
    lost: list[Anchor] = []
    for start in range(0, len(anchors), 10_000):
        part = anchors[start : start + 10_000]
        rows = await connection.fetch(_THERE, [one.organization for one in part], [one.number for one in part])
        there = {(row["organization_id"], row["number"]): row["hash"] for row in rows}
        lost += [one for one in part if there.get((one.organization, one.number)) != one.hash]
    return lost


async def _kept(connection: asyncpg.Connection) -> list[Finding]:
    """Tell whether somebody shortened the time for which the trail is kept."""
    days = await connection.fetchval("SELECT retention_days FROM partition_policies WHERE table_name = 'audit_logs'")
    if days is None or days >= KEPT:
        return []
    do = f"If nobody meant it, set retention_days of audit_logs in partition_policies to {KEPT} again."
    return [Finding("audit retention", "note", f"the trail is kept for {days} days, not {KEPT}", do)]
