"""Erasure: a person, a conversation or the organisation is removed for good, and that is shown."""

from __future__ import annotations

from uuid import UUID

from mnemon.core.context import Context
from mnemon.core.errors import Conflict, NotFound
from mnemon.db.connection import Connection
from mnemon.operations import repository_erasure as repository
from mnemon.operations.schemas.erasure import Erase, ErasureKind, ErasureReceipt, Remnant
from mnemon.operations.service.audit import seal_receipt


async def erase(ctx: Context, request: Erase) -> ErasureReceipt:
    """Erase for good, in one transaction: what fails or is interrupted has changed nothing.

    The audit trail keeps that it happened, when and by whom, and loses what it said of the erased rows.

    Raises:
        NotFound: the organisation has nothing of this name.
        Forbidden: the principal has not ``users:delete``, or for the organisation ``organizations:delete``.
        Conflict: something would still name it; nothing was erased.
    """
    whole = request.kind is ErasureKind.ORGANIZATION
    ctx.principal.require("organizations:delete" if whole else "users:delete")
    organization = ctx.principal.organization_id
    async with ctx.database.hot(ctx.principal, bulk=True) as connection:
        subject = await repository.find_subject(connection, organization, request.kind, request.name)
        done = await repository.erase(connection, request.kind, subject) if subject is not None else None
        if subject is None or done is None:
            return await _earlier(ctx, connection, request)
        remnants = await _remnants(connection, subject)
        if remnants:
            raise Conflict(
                f"Rows would still name the {request.kind}; nothing was erased.",
                code="conflict.erasure_incomplete",
                remnants=[one.model_dump() for one in remnants],
            )
        await seal_receipt(ctx, connection, UUID(done["id"]))
    ctx.cache.clear()  # of this process; those of others are no older than a minute
    return ErasureReceipt(
        id=UUID(done["id"]),
        kind=request.kind,
        subject_id=subject,
        erased_at=ctx.clock.now(),
        counts=dict(sorted((name, count) for name, count in done["counts"].items() if count)),
        blanked=done["blanked"],
        digest=done["digest"],
        verification=_query(subject),
    )


async def _earlier(ctx: Context, connection: Connection, request: Erase) -> ErasureReceipt:
    """What a second erasure by the id says: there is nothing left."""
    name = request.name.lower()
    if not await repository.was_erased(connection, ctx.principal.organization_id, request.kind, name):
        raise NotFound(
            f"There is no {request.kind} of this name to erase.",
            code=f"not_found.{request.kind}",
            hint="Once erased, it is known by its id only.",
        )
    subject = UUID(name)
    return ErasureReceipt(
        id=None,
        kind=request.kind,
        subject_id=subject,
        erased_at=ctx.clock.now(),
        already_erased=True,
        counts={},
        blanked=0,
        verification=_query(subject),
        remnants=await _remnants(connection, subject),
    )


async def _remnants(connection: Connection, subject: UUID) -> tuple[Remnant, ...]:
    rows = await repository.remains(connection, subject)
    return tuple(Remnant(table=table, column=column, rows=count) for table, column, count in rows)


def _query(subject: UUID) -> str:
    return f"SELECT * FROM erasure_remains('{subject}')"  # noqa: S608 - a UUID, to be read by people
