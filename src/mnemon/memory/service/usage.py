"""The verbs of usage: which memories an answer was given, and why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mnemon.context import Context
from mnemon.core.pages import Page
from mnemon.db.listing import Listing
from mnemon.db.params import Params
from mnemon.db.rows import from_row
from mnemon.db.sql import statement
from mnemon.db.types import dump_json
from mnemon.memory.schemas_facts import Recorded, RecordUsage, Usage, UsageOf
from mnemon.memory.service.seen import require_seen
from mnemon.memory.visibility import visible_use
from mnemon.verbs import verb

PACKAGE = "mnemon.memory"

#: Uses in one answer, in the order of what was recalled; those without a place, and without a score, last.
_OF_ANSWER = Listing("memory.usage_of:answer", {"place": int, "against": float, "id": UUID})
_PLACE = "COALESCE(u.rank, 2147483647), COALESCE(-u.relevance_score, 1)"
PARTS_OF_ANSWER = {
    "which": f"u.message_id = $2 AND ($4::int IS NULL OR ({_PLACE}, u.id) > ($4, $5::float8, $6::uuid))",
    "order": f"{_PLACE}, u.id",
}
_OF_MEMORY = Listing.newest("memory.usage_of:memory")
PARTS_OF_MEMORY = {
    "which": "u.memory_id = $2 AND ($4::timestamptz IS NULL OR (u.created_at, u.id) < ($4, $5::uuid))",
    "order": "u.created_at DESC, u.id DESC",
}


@verb("memories:write")
async def record_usage(ctx: Context, request: RecordUsage) -> Recorded:
    """Note which memories an answer was given, with their scores; said again, it replaces them.

    Raises:
        NotFound: the message or a memory is not there, or not this principal's to see: nothing is noted.
    """
    organization = ctx.principal.organization_id
    used = sorted(request.memories, key=lambda used_memory: used_memory.memory_id)
    async with ctx.database.transaction(ctx.principal) as connection:
        await require_seen(ctx, connection, "message", [request.message_id], "message_id")
        await require_seen(ctx, connection, "memory", [used_memory.memory_id for used_memory in used], "memories")
        rows = await connection.fetch(
            statement(PACKAGE, "facts_record_usage"),
            organization,
            request.message_id,
            [used_memory.memory_id for used_memory in used],
            [used_memory.relevance_score for used_memory in used],
            [used_memory.rank for used_memory in used],
            [dump_json(used_memory.signals) for used_memory in used],
        )
    return Recorded(count=len(rows))


@verb("memories:read")
async def usage_of(ctx: Context, request: UsageOf) -> Page[Usage]:
    """List the memories of an answer, best first, or the answers that a memory was used for, newest first.

    Of them those of which the principal sees both the answer and the memory.

    Raises:
        NotFound: the message or the memory is not there, or not this principal's to see.
    """
    listing = _OF_ANSWER if request.message_id is not None else _OF_MEMORY
    after = listing.after(ctx.principal, request)
    async with ctx.database.read_transaction(ctx.principal) as connection:
        if request.message_id is not None:
            await require_seen(ctx, connection, "message", [request.message_id], "message_id")
            asked_id, parts = request.message_id, PARTS_OF_ANSWER
        else:
            assert request.memory_id is not None  # noqa: S101 - the schema has seen to it
            await require_seen(ctx, connection, "memory", [request.memory_id], "memory_id")
            asked_id, parts = request.memory_id, PARTS_OF_MEMORY
        params = Params(ctx.principal.organization_id, asked_id, request.limit + 1, *after)
        seen = visible_use(ctx.principal, params)
        rows = await connection.fetch(statement(PACKAGE, "facts_usage", seen=seen, **parts), *params.values)
    return listing.page(ctx.principal, request, rows, _use)


def _use(row: Any) -> Usage:
    return from_row(Usage, {name: row[name] for name in Usage.model_fields}, "signals")
