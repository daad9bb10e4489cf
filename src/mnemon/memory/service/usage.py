"""The verbs of usage: which memories an answer was given, and why."""

from __future__ import annotations

import json

from mnemon.context import Context
from mnemon.db.params import Params
from mnemon.db.sql import statement
from mnemon.db.types import dump_json
from mnemon.memory.schemas_facts import Recorded, RecordUsage, Usage, UsageOf
from mnemon.memory.service.seen import require_seen
from mnemon.memory.visibility import visible_use

PACKAGE = "mnemon.memory"


async def record_usage(ctx: Context, request: RecordUsage) -> Recorded:
    """Note which memories an answer was given, with their scores; said again, it replaces them.

    Raises:
        NotFound: the message or a memory is not there, or not this principal's to see: nothing is noted.
    """
    ctx.principal.require("memories:write")
    organization = ctx.principal.organization_id
    used = sorted(request.memories, key=lambda one: one.memory_id)
    async with ctx.database.transaction(ctx.principal) as connection:
        await require_seen(ctx, connection, "message", [request.message_id], "message_id")
        await require_seen(ctx, connection, "memory", [one.memory_id for one in used], "memories")
        rows = await connection.fetch(
            statement(PACKAGE, "facts_record_usage"),
            organization,
            request.message_id,
            [one.memory_id for one in used],
            [one.relevance_score for one in used],
            [one.rank for one in used],
            [dump_json(one.signals) for one in used],
        )
    return Recorded(count=len(rows))


async def usage_of(ctx: Context, request: UsageOf) -> tuple[Usage, ...]:
    """The memories of an answer, best first, or the answers that a memory was used for, newest first.

    Of them those of which the principal sees both the answer and the memory.

    Raises:
        NotFound: the message or the memory is not there, or not this principal's to see.
    """
    ctx.principal.require("memories:read")
    async with ctx.database.read_transaction(ctx.principal) as connection:
        if request.message_id is not None:
            await require_seen(ctx, connection, "message", [request.message_id], "message_id")
            which, order, wanted = "u.message_id = $2", "u.rank NULLS LAST, u.relevance_score DESC", request.message_id
        else:
            assert request.memory_id is not None  # noqa: S101 - the schema has seen to it
            await require_seen(ctx, connection, "memory", [request.memory_id], "memory_id")
            which, order, wanted = "u.memory_id = $2", "u.created_at DESC", request.memory_id
        params = Params(ctx.principal.organization_id, wanted, request.limit)
        which += f" AND {visible_use(ctx.principal, params)}"
        rows = await connection.fetch(statement(PACKAGE, "facts_usage", which=which, order=order), *params.values)
    return tuple(Usage.model_construct(None, **{**dict(row), "signals": json.loads(row["signals"])}) for row in rows)
