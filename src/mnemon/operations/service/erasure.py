"""Erasure: a person, a conversation or the organisation is removed for good, and that is shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, NotFound
from mnemon.db.connection import Connection
from mnemon.identity.session_cache import forgets
from mnemon.operations import repository_erasure as repository
from mnemon.operations.schemas.erasure import Erase, ErasureKind, ErasurePreview, ErasureReceipt, Remnant
from mnemon.operations.service.audit import seal_receipt
from mnemon.verbs import verb

#: What erasure_refusal() says, as a sentence and what to do.
_REFUSALS = {
    "agent": ("An agent erases nothing.", "Let a person or a process of the organisation do it."),
    "self": ("Nobody erases themselves.", "Ask another owner of the organisation."),
    "right": (
        "The right to erase is not yours, or only by your own grant or by that of somebody concerned.",
        "Ask an owner of the organisation.",
    ),
    "rank": ("Somebody concerned may do what you may not.", "Ask an owner of the organisation."),
    "last_owner": (
        "This is the organisation's last owner.",
        "Give the role owner to somebody else first, or erase the organisation.",
    ),
}
#: Which right erasure asks for.
_RULE = "the first for a person or a conversation, the second for the organisation"


@verb("users:erase", "organizations:delete", rule=_RULE, changes=False)
async def preview_erasure(ctx: Context, request: Erase) -> ErasurePreview:
    """Count what :func:`erase` would do now, by doing it in a transaction that is taken back.

    Raises:
        NotFound: the organisation has nothing of this name.
        Conflict: the name means more than one (``conflict.ambiguous``, with the candidates).
        Forbidden: as for :func:`erase`.
    """
    _require(ctx, request.kind)
    async with ctx.database.transaction(ctx.principal, bulk=True) as connection:
        subject = await _subject(ctx, connection, request)
        if subject is not None:
            await _let(connection, request.kind, subject["id"])
        shown = None if subject is None else await repository.preview(connection, request.kind, subject["id"])
        if subject is None or shown is None:
            raise _nothing(request)
    return ErasurePreview(
        kind=request.kind,
        subject_id=subject["id"],
        label=subject["label"],
        counts=_counted(shown["counts"]),
        detached=_counted(shown["detached"]),
        blanked=shown["blanked"],
    )


@verb("users:erase", "organizations:delete", rule=_RULE)
@forgets
async def erase(ctx: Context, request: Erase) -> ErasureReceipt:
    """Erase for good, in one transaction: what fails or is interrupted has changed nothing.

    The audit trail keeps that it happened, when and by whom, and loses what it said of the erased rows.

    Raises:
        NotFound: the organisation has nothing of this name.
        Forbidden: the principal has not ``users:erase``, or for the organisation ``organizations:delete``; has it only
            from themselves or from somebody concerned; is the one, or does not outrank everybody concerned.
        Conflict: the name means more than one (``conflict.ambiguous``, with the candidates), or something else than
            the preview showed; or something would still name it. Nothing was erased.
    """
    _require(ctx, request.kind)
    async with ctx.database.transaction(ctx.principal, bulk=True) as connection:
        named_subject = await _subject(ctx, connection, request)
        receipt = None
        if named_subject is not None:
            await _let(connection, request.kind, named_subject["id"])
            receipt = await repository.erase(connection, request.kind, named_subject["id"])
        if named_subject is None or receipt is None:
            return await _earlier(ctx, connection, request)
        subject: UUID = named_subject["id"]
        remnants = await _remnants(connection, subject)
        if remnants:
            raise Conflict(
                f"Rows would still name the {request.kind}; nothing was erased.",
                code="conflict.erasure_incomplete",
                hint="docs/erasure.md says what each of them is.",
                remnants=[remnant.model_dump() for remnant in remnants],
            )
        await seal_receipt(ctx, connection, UUID(receipt["id"]))
    ctx.cache.clear()  # of this process; those of others are no older than a minute
    counts = _counted(receipt["counts"])
    return ErasureReceipt(
        id=UUID(receipt["id"]),
        kind=request.kind,
        subject_id=subject,
        erased_at=ctx.clock.now(),
        counts=counts,
        detached=_counted(receipt["detached"]),
        grown=_grown(request.preview, counts),
        blanked=receipt["blanked"],
        digest=receipt["digest"],
        verification=_query(subject),
    )


def _require(ctx: Context, kind: ErasureKind) -> None:
    ctx.principal.require("organizations:delete" if kind is ErasureKind.ORGANIZATION else "users:erase")


async def _subject(ctx: Context, connection: Connection, request: Erase) -> Any:
    """Return (id, label) of the one that the name means, also where it is softly deleted; None if there is none."""
    rows = await repository.candidates(connection, ctx.principal.organization_id, request.kind, request.name)
    if request.by is not None:
        rows = [row for row in rows if request.by in row["matched"]]
    if request.preview is not None and [row["id"] for row in rows] not in ([], [request.preview.subject_id]):
        raise Conflict(
            "The name means something else now than the preview showed; nothing was erased.",
            code="conflict.erasure_subject",
            hint="Look at a new preview.",
        )
    if len(rows) > 1:
        raise Conflict(
            f"{request.name!r} means more than one {request.kind}: "
            + "; ".join(f"{row['id']} ({row['label']}) by {', '.join(row['matched'])}" for row in rows)
            + ".",
            code="conflict.ambiguous",
            hint="Say which of these the name is: by=, or --by on the command line; by id there is one at most.",
            candidates=[
                {
                    "id": str(row["id"]),
                    "label": row["label"],
                    "matched": list(row["matched"]),
                    "deleted": row["deleted_at"] is not None,
                }
                for row in rows
            ],
        )
    return rows[0] if rows else None


async def _let(connection: Connection, kind: ErasureKind, subject: UUID) -> None:
    refused = await repository.refusal(connection, kind, subject)
    if refused is not None:
        sentence, hint = _REFUSALS[refused]
        raise Forbidden(sentence, code=f"forbidden.erasure_{refused}", hint=hint)


async def _earlier(ctx: Context, connection: Connection, request: Erase) -> ErasureReceipt:
    """Return what a second erasure by the id says: there is nothing left."""
    name = request.name.lower()
    if not await repository.was_erased(connection, ctx.principal.organization_id, request.kind, name):
        raise _nothing(request)
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


def _nothing(request: Erase) -> NotFound:
    return NotFound(
        f"There is no {request.kind} of this name to erase.",
        code=f"not_found.{request.kind}",
        hint="Once erased, it is known by its id only.",
    )


def _counted(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted((name, count) for name, count in counts.items() if count))


def _grown(preview: ErasurePreview | None, counts: dict[str, int]) -> dict[str, int]:
    if preview is None:
        return {}
    more = {name: count - preview.counts.get(name, 0) for name, count in counts.items()}
    return {name: count for name, count in more.items() if count > 0}


async def _remnants(connection: Connection, subject: UUID) -> tuple[Remnant, ...]:
    rows = await repository.remains(connection, subject)
    return tuple(Remnant(table=table, column=column, rows=count) for table, column, count in rows)


def _query(subject: UUID) -> str:
    return f"SELECT * FROM erasure_remains('{subject}')"  # noqa: S608 - a UUID, to be read by people
