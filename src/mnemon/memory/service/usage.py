"""The verbs of uses: which messages and memories an answer was given, why, and whether they helped."""

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
from mnemon.memory.schemas_facts import Noted, NoteUse, Usage, UsageOf
from mnemon.memory.service.seen import kinds_seen, require_seen
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
#: Uses of one thing, by its kind.
_OF_USED = Listing.newest("memory.usage_of:used")
PARTS_OF_USED = {
    kind: {
        "which": f"u.{column} = $2 AND ($4::timestamptz IS NULL OR (u.created_at, u.id) < ($4, $5::uuid))",
        "order": "u.created_at DESC, u.id DESC",
    }
    for kind, column in (("memory", "memory_id"), ("message", "used_message_id"))
}


@verb("memories:write")
async def note_use(ctx: Context, request: NoteUse) -> Noted:
    """Note which messages and memories an answer was given; said again, it replaces what was said of each.

    What is not said this time stays: a score, a place, the signals, whether it helped.

    Raises:
        NotFound: the answer, or something used, is not there or not this principal's to see: nothing is noted.
    """
    used = sorted(request.used, key=lambda use: use.id)
    async with ctx.database.transaction(ctx.principal) as connection:
        await require_seen(ctx, connection, "message", [request.message_id], "message_id")
        kinds = await kinds_seen(ctx, connection, [use.id for use in used], "used")
        rows = await connection.fetch(
            statement(PACKAGE, "note_use"),
            ctx.principal.organization_id,
            request.message_id,
            [use.id if kinds[use.id] == "memory" else None for use in used],
            [use.id if kinds[use.id] == "message" else None for use in used],
            [use.relevance_score for use in used],
            [use.rank for use in used],
            [dump_json(use.signals) for use in used],
            request.helpful,
        )
    return Noted(count=len(rows))


@verb("memories:read")
async def usage_of(ctx: Context, request: UsageOf) -> Page[Usage]:
    """List what an answer was given, best first, or the answers that a message or memory was used for, newest first.

    Of them those of which the principal sees both the answer and what was used.

    Raises:
        NotFound: the message or the memory is not there, or not this principal's to see.
    """
    listing = _OF_ANSWER if request.message_id is not None else _OF_USED
    after = listing.after(ctx.principal, request)
    async with ctx.database.read_transaction(ctx.principal) as connection:
        if request.message_id is not None:
            await require_seen(ctx, connection, "message", [request.message_id], "message_id")
            asked_id, parts = request.message_id, PARTS_OF_ANSWER
        else:
            assert request.used_id is not None  # noqa: S101 - the schema has seen to it
            kinds = await kinds_seen(ctx, connection, [request.used_id], "used_id")
            asked_id, parts = request.used_id, PARTS_OF_USED[kinds[request.used_id]]
        params = Params(ctx.principal.organization_id, asked_id, request.limit + 1, *after)
        seen = visible_use(ctx.principal, params)
        rows = await connection.fetch(statement(PACKAGE, "usage_of", seen=seen, **parts), *params.values)
    return listing.page(ctx.principal, request, rows, _use)


def _use(row: Any) -> Usage:
    return from_row(Usage, {name: row[name] for name in Usage.model_fields}, "signals")
