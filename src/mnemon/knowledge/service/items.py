"""Items of knowledge: add, find, read, change, delete, and how they are used."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from mnemon.ai.languages import detect
from mnemon.context import Context
from mnemon.core.changes import some_changes
from mnemon.core.pages import Page
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.db.types import dump_json
from mnemon.knowledge import repository
from mnemon.knowledge.repository import KnowledgeItemRepository
from mnemon.knowledge.schemas import (
    AddKnowledge,
    DeleteKnowledge,
    FoundKnowledge,
    KnowledgeItem,
    KnowledgeSummary,
    RecordUses,
    SearchKnowledge,
    SummaryQuery,
    UpdateKnowledge,
    Usage,
    UsageBucket,
    UsageQuery,
)
from mnemon.knowledge.service.common import acting_agent
from mnemon.verbs import verb

_KNOWLEDGE = Listing.newest("knowledge.search_knowledge")


@verb("knowledge:write")
async def add_knowledge(ctx: Context, request: AddKnowledge) -> KnowledgeItem:
    """Keep something that an agent knows (REQ-T114).

    Raises:
        Invalid: no agent is named and none acts.
        NotFound: there is no such agent.
    """
    agent = acting_agent(ctx, request.source_agent_id, "source_agent_id")
    values = request.model_dump(exclude={"source_agent_id", "tags"})
    values["language"] = request.language or await _language(request.content)
    async with ctx.database.session(ctx.principal) as session:
        items = KnowledgeItemRepository(session, ctx.principal.organization_id)
        row = await items.create(source_agent_id=agent, tags=list(request.tags), **values)
        return from_row(KnowledgeItem, row)


async def _language(content: dict[str, Any]) -> str | None:
    """Return what an item is written in, None where its words do not show it."""
    text = " ".join(content[name] for name in ("title", "description") if content.get(name))
    (code,) = await asyncio.to_thread(detect, [text], [None])
    return code


@verb("knowledge:read")
async def get_knowledge(ctx: Context, knowledge_id: UUID) -> KnowledgeItem:
    """Read an item by its id.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True, by_key=True) as connection:
        row = await repository.get_item(connection, ctx.principal.organization_id, knowledge_id)
    if row is None:
        raise missing("knowledge", knowledge_id)
    return from_row(KnowledgeItem, row)


@verb("knowledge:read")
async def search_knowledge(ctx: Context, request: SearchKnowledge) -> Page[FoundKnowledge]:
    """Find items by words, best first; without words, newest first, page by page (REQ-T114).

    Raises:
        Invalid: the cursor is not one that a page gave.
    """
    organization = ctx.principal.organization_id
    after = _KNOWLEDGE.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        if request.query is not None:
            rows = await repository.search(connection, organization, request, match=ctx.database.match_operator)
        else:
            rows = await repository.listing(connection, organization, request, after)
    return _KNOWLEDGE.page(ctx.principal, request, rows, _found)


def _found(row: dict[str, Any]) -> FoundKnowledge:
    item = {name: value for name, value in row.items() if name != "rank"}
    return FoundKnowledge(item=from_row(KnowledgeItem, item), rank=row["rank"])


@verb("knowledge:write")
async def update_knowledge(ctx: Context, request: UpdateKnowledge) -> KnowledgeItem:
    """Change an item.

    Raises:
        Invalid: nothing is given to change.
        NotFound: there is no such item.
        Conflict: another change came first; both versions are in ``data`` (REQ-T107).
    """
    values = some_changes(request)
    if request.content is not None and request.language is None:
        values["language"] = await _language(request.content)
    async with ctx.database.session(ctx.principal) as session:
        items = KnowledgeItemRepository(session, ctx.principal.organization_id)
        row = await items.update(request.id, expected_version=request.expected_version, **values)
        return from_row(KnowledgeItem, row)


@verb("knowledge:delete")
async def delete_knowledge(ctx: Context, request: DeleteKnowledge) -> None:
    """Delete an item softly: its transfers and its usage stay (REQ-T105).

    Raises:
        NotFound: there is no such item.
        Conflict: another change came first.
    """
    async with ctx.database.session(ctx.principal) as session:
        items = KnowledgeItemRepository(session, ctx.principal.organization_id)
        await items.update(request.id, expected_version=request.expected_version, deleted_at=ctx.clock.now())


@verb("knowledge:write")
async def record_knowledge_use(ctx: Context, request: RecordUses) -> int:
    """Note what happened to items, all of it or nothing; returns how many notes were written (REQ-T132).

    Raises:
        NotFound: one of the items or agents does not exist.
    """
    rows = [
        (
            use.knowledge_id,
            use.agent_id or ctx.principal.agent_id,
            use.event.value,
            use.value,
            dump_json(use.metadata),
            use.at,
        )
        for use in request.uses
    ]
    async with ctx.database.transaction(ctx.principal) as connection:
        return await repository.record_uses(connection, ctx.principal.organization_id, rows)


@verb("knowledge:read")
async def knowledge_usage(ctx: Context, request: UsageQuery) -> Usage:
    """Count what happened to items in a window, by day, week or month (REQ-T132)."""
    until = request.until or ctx.clock.now()
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.usage(connection, ctx.principal.organization_id, request, until)
    return Usage(buckets=tuple(from_row(UsageBucket, row) for row in rows))


@verb("knowledge:read")
async def knowledge_summaries(ctx: Context, request: SummaryQuery) -> tuple[KnowledgeSummary, ...]:
    """Read how much items were used over all time, as of the last refresh, most used first (REQ-T149)."""
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.summaries(connection, ctx.principal.organization_id, "knowledge", request.limit)
    return tuple(from_row(KnowledgeSummary, row) for row in rows)
