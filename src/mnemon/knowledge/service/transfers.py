"""Passing knowledge from one agent to another."""

from __future__ import annotations

from functools import partial

from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid
from mnemon.core.pages import Page
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.knowledge import repository
from mnemon.knowledge.schemas import FinishTransfer, Transfer, TransferKnowledge, TransferQuery
from mnemon.verbs import verb

_TRANSFERS = Listing.newest("knowledge.transfers_of")


@verb("knowledge:write")
async def transfer_knowledge(ctx: Context, request: TransferKnowledge) -> Transfer:
    """Begin to pass an item on; it has arrived once :func:`finish_transfer` says so (REQ-T115).

    Raises:
        NotFound: there is no such item or agent.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        made = await repository.add_transfer(
            connection,
            organization,
            request.knowledge_id,
            request.source_agent_id,
            request.target_agent_id,
            request.transfer_method,
        )
        if made is None:
            raise missing("knowledge", request.knowledge_id)
        return from_row(Transfer, await repository.transfer(connection, organization, made))


@verb("knowledge:write")
async def finish_transfer(ctx: Context, request: FinishTransfer) -> Transfer:
    """Say how a transfer ended; it ends once.

    Raises:
        NotFound: there is no such transfer.
        Conflict: it has ended already.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        done = await repository.finish_transfer(
            connection, organization, request.id, success=request.success, error_message=request.error_message
        )
        row = await repository.transfer(connection, organization, request.id)
    if row is None:
        raise missing("transfer", request.id)
    if not done:
        raise Conflict(
            "The transfer has ended already.",
            code="conflict.finished",
            completed_at=row["completed_at"].isoformat(),
            success=row["success"],
        )
    return from_row(Transfer, row)


@verb("knowledge:read")
async def transfers_of(ctx: Context, request: TransferQuery) -> Page[Transfer]:
    """List transfers of an item, or those an agent gave or got, newest first (REQ-T115).

    Raises:
        Invalid: neither an item nor an agent is named, or the cursor is not one that a page gave.
    """
    if request.knowledge_id is None and request.agent_id is None:
        raise Invalid("Name an item or an agent.", code="invalid.required", field="knowledge_id")
    after = _TRANSFERS.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.transfers(
            connection,
            ctx.principal.organization_id,
            knowledge_id=request.knowledge_id,
            agent_id=request.agent_id,
            after=after,
            limit=request.limit + 1,
        )
    return _TRANSFERS.page(ctx.principal, request, rows, partial(from_row, Transfer))
