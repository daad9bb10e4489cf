"""The audit trail: read, added to, sealed, verified (REQ-T106, REQ-T135)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

from mnemon.context import Context
from mnemon.core.pages import Page
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row
from mnemon.operations import repository
from mnemon.operations.models_audit import AuditLogORM
from mnemon.operations.schemas import (
    AuditAnchor,
    Audited,
    AuditEntry,
    AuditEvent,
    AuditQuery,
    AuditVerification,
    BrokenAudit,
    SealAudit,
    Sealed,
    VerifyAudit,
)
from mnemon.operations.service.shown import shown
from mnemon.operations.trail import Anchor, Anchors, verify
from mnemon.operations.trail.sealing import Signer
from mnemon.verbs import verb

_TRAIL = Listing.newest("operations.audit_trail")


async def note_origin(
    connection: Connection, *, ip: str | None = None, user_agent: str | None = None, session_id: UUID | None = None
) -> None:
    """Tell the trail where this transaction's request came from; for a session that a door began.

    Until the transaction ends, every change in it is recorded with these. What is no address is left out.
    """
    await repository.set_origin(connection, ip, user_agent, session_id)


@verb("audit:write")
async def record_event(ctx: Context, request: AuditEvent) -> Audited:
    """Add to the trail what no row change tells: a sign-in, a refused access."""
    async with ctx.database.transaction(ctx.principal) as connection:
        ip = str(request.ip_address) if request.ip_address else None
        await repository.set_origin(connection, ip, request.user_agent, request.session_id)
        found = await repository.record_audit(
            connection,
            (
                request.action,
                request.resource_type,
                request.resource_id,
                request.status.value,
                request.error_message,
                request.metadata,
                request.user_id,
            ),
        )
    return Audited(id=found)


@verb("audit:read")
async def audit_trail(ctx: Context, request: AuditQuery) -> Page[AuditEntry]:
    """List entries of the organisation's trail, newest first; what is private to others is not told with them."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        trail = repository.AuditLogRepository(session, ctx.principal.organization_id)
        page = await trail.page(_TRAIL, ctx.principal, request, _entry, query=trail.those(request))
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        return Page(items=await shown(connection, ctx.principal, page.items), next_cursor=page.next_cursor)


def _entry(row: AuditLogORM) -> AuditEntry:
    address = str(row.ip_address) if row.ip_address is not None else None
    return from_row(AuditEntry, row, ip_address=address, metadata=row.metadata_)


@verb("audit:seal")
async def seal_audit(ctx: Context, request: SealAudit | None = None) -> Sealed:
    """Seal the organisation's trail as far as transactions have ended; any number may call it, at any time.

    Writers never wait for it. What a running transaction wrote is sealed by a later call. After a restore from a
    logical dump, call it once before the application writes again. Each block is signed with a key of the installation,
    and the newest is written down outside.

    Raises:
        Unavailable: the anchor could not be written down; what is sealed is sealed.
    """
    size = (request or SealAudit()).block_size
    organization = ctx.principal.organization_id
    signer, anchors = _signing(ctx)
    async with ctx.database.transaction(ctx.principal) as connection:
        await signer.sign_older(connection, organization, anchors)
    total = 0
    while True:
        async with ctx.database.transaction(ctx.principal) as connection:
            made, sealed = await signer.seal(connection, organization, size)
        total += sealed
        if sealed < size:
            break
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        heads = await repository.trail_head(connection, organization)
    await asyncio.to_thread(anchors.write, made or heads)
    return Sealed(rows=total)


@verb("operations:maintain", installation=True)
async def seal_audits(ctx: Context, request: SealAudit | None = None) -> Sealed:
    """Seal every trail, also those of organisations that are gone and the installation's own; for the worker.

    Raises:
        Forbidden: the principal is an organisation's.
        Unavailable: the anchors could not be written down; what is sealed is sealed.
    """
    signer, anchors = _signing(ctx)
    async with ctx.database.transaction(ctx.principal) as connection:
        await signer.sign_older(connection, None, anchors)
        made, rows = await signer.seal_every(connection, (request or SealAudit()).block_size)
    if anchors.path not in _CAUGHT_UP:  # a process may have been killed between its seal and its anchor
        async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
            made = await repository.every_trail_head(connection)
    _CAUGHT_UP.discard(anchors.path)  # until it is written down, as when the disk was full
    await asyncio.to_thread(anchors.write, made)
    _CAUGHT_UP.add(anchors.path)
    return Sealed(rows=rows)


async def seal_receipt(ctx: Context, connection: Connection, receipt: UUID) -> None:
    """Sign what an erasure says it has blanked in the trail; in its transaction, after its last entry.

    Without, verification takes each blanked entry for a forged one.
    """
    await Signer(ctx.database.installation).erasure(connection, ctx.principal.organization_id, str(receipt))


@verb("audit:read")
async def verify_audit(ctx: Context, request: VerifyAudit | None = None) -> AuditVerification:
    """Verify the organisation's trail by its chain, the chain's signatures and the anchors that were written down.

    Who can rewrite rows and blocks alike has not the key that blocks are signed with. Who cuts blocks off, or brings
    back an older state of the tables, is found by the anchors: those of this machine, and one that the caller has, such
    as the ``head`` of an earlier verification.
    """
    own = ctx.principal.organization_id
    signer, file = _signing(ctx)
    anchors = [one for one in (await asyncio.to_thread(file.read)).anchors if one.organization == own]
    if request is not None and request.anchor is not None:
        anchors.append(Anchor(own, request.anchor.number, bytes.fromhex(request.anchor.hash), b"", ctx.clock.now()))
    async with ctx.database.transaction(ctx.principal, readonly=True, snapshot=True) as connection:
        found = await verify(connection, own, signer.sealer, anchors)
    first = None
    if found.problem is not None:
        first = BrokenAudit.model_validate({"problem": found.problem, "block": found.block, "row_id": found.row_id})
    head = None
    if found.head_number is not None and found.head_hash is not None:
        head = AuditAnchor(number=found.head_number, hash=found.head_hash.hex())
    return AuditVerification(
        valid=found.broken == 0,
        blocks=found.blocks,
        sealed=found.sealed,
        expired=found.expired,
        unsealed=found.unsealed,
        sealed_until=found.sealed_until,
        broken=found.broken,
        first_broken=first,
        head=head,
        anchors=len(anchors),
    )


def _signing(ctx: Context) -> tuple[Signer, Anchors]:
    """Return what signs, and what writes down."""
    installation = ctx.database.installation
    return Signer(installation), Anchors.of(ctx.settings, installation)


#: Files of anchors that this process has brought up to date once.
_CAUGHT_UP: set[Path] = set()
