"""The audit trail: read, added to, sealed, verified (REQ-T106, REQ-T135)."""

from __future__ import annotations

from uuid import UUID

from mnemon.core.context import Context
from mnemon.db.connection import Connection
from mnemon.jobs.service import require_installation
from mnemon.operations import repository
from mnemon.operations.models import AuditLogORM
from mnemon.operations.schemas import (
    AuditAnchor,
    Audited,
    AuditEntry,
    AuditEvent,
    AuditPage,
    AuditQuery,
    AuditVerification,
    BrokenAudit,
    SealAudit,
    Sealed,
    VerifyAudit,
)
from mnemon.operations.service.shown import shown


async def note_origin(
    connection: Connection, *, ip: str | None = None, user_agent: str | None = None, session_id: UUID | None = None
) -> None:
    """Tell the trail where this transaction's request came from; for a unit of work that a door began.

    Until the transaction ends, every change in it is recorded with these. What is no address is left out.
    """
    await repository.set_origin(connection, ip, user_agent, session_id)


async def record_event(ctx: Context, event: AuditEvent) -> Audited:
    """Add to the trail what no row change tells: a sign-in, a refused access."""
    ctx.principal.require("audit:write")
    async with ctx.database.hot(ctx.principal) as connection:
        ip = str(event.ip_address) if event.ip_address else None
        await repository.set_origin(connection, ip, event.user_agent, event.session_id)
        found = await repository.record_audit(
            connection,
            (
                event.action,
                event.resource_type,
                event.resource_id,
                event.status.value,
                event.error_message,
                event.metadata,
                event.user_id,
            ),
        )
    return Audited(id=found)


async def audit_trail(ctx: Context, query: AuditQuery) -> AuditPage:
    """Entries of the organisation's trail, newest first; what is private to others is not told with them."""
    ctx.principal.require("audit:read")
    async with ctx.database.unit(ctx.principal) as session:
        rows = await repository.AuditLogRepository(session, ctx.principal.organization_id).find(query)
        entries = [_entry(row) for row in rows]
    async with ctx.database.hot(ctx.principal, readonly=True) as connection:
        return AuditPage(entries=await shown(connection, ctx.principal, entries))


def _entry(row: AuditLogORM) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        created_at=row.created_at,
        user_id=row.user_id,
        agent_id=row.agent_id,
        session_id=row.session_id,
        action=row.action,
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        ip_address=str(row.ip_address) if row.ip_address is not None else None,
        user_agent=row.user_agent,
        old_value=row.old_value,
        new_value=row.new_value,
        status=row.status,
        error_message=row.error_message,
        metadata=row.metadata_,
    )


async def seal_audit(ctx: Context, request: SealAudit | None = None) -> Sealed:
    """Seal the organisation's trail as far as transactions have ended; any number may call it, at any time.

    Writers never wait for it. What a running transaction wrote is sealed by a later call. After a restore from a
    logical dump, call it once before the application writes again.
    """
    ctx.principal.require("audit:seal")
    size = (request or SealAudit()).block_size
    total = 0
    while True:
        async with ctx.database.hot(ctx.principal) as connection:
            sealed = await repository.seal_own_audit(connection, size)
        total += sealed
        if sealed < size:
            return Sealed(rows=total)


async def seal_audits(ctx: Context, request: SealAudit | None = None) -> Sealed:
    """Seal every trail, also those of organisations that are gone and the installation's own; for the worker.

    Raises:
        Forbidden: the principal is an organisation's.
    """
    require_installation(ctx)
    async with ctx.database.hot(ctx.principal) as connection:
        return Sealed(rows=await repository.seal_every_audit(connection, (request or SealAudit()).block_size))


async def verify_audit(ctx: Context, request: VerifyAudit | None = None) -> AuditVerification:
    """Hold the organisation's trail against its chain: what is sealed, what is not yet, and the first broken row.

    Who can rewrite rows and blocks alike can rewrite the whole chain: against that helps an anchor, the ``head`` of
    an earlier verification, kept where they cannot reach it.
    """
    ctx.principal.require("audit:read")
    anchor = request.anchor if request is not None else None
    async with ctx.database.hot(ctx.principal, readonly=True) as connection:
        row = await repository.verify_audit(
            connection,
            ctx.principal.organization_id,
            anchor.number if anchor else None,
            bytes.fromhex(anchor.hash) if anchor else None,
        )
    first = None
    if row["problem"] is not None:
        first = BrokenAudit(problem=row["problem"], block=row["block"], row_id=row["row_id"])
    head = None
    if row["head_number"] is not None:
        head = AuditAnchor(number=row["head_number"], hash=bytes(row["head_hash"]).hex())
    return AuditVerification(
        valid=row["broken"] == 0,
        blocks=row["blocks"],
        sealed=row["sealed"],
        expired=row["expired"],
        unsealed=row["unsealed"],
        sealed_until=row["sealed_until"],
        broken=row["broken"],
        first_broken=first,
        head=head,
    )
