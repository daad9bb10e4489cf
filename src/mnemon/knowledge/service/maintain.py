"""What keeps counts, accuracies and summaries true, off the caller's path; any number may call it at once."""

from __future__ import annotations

from datetime import timedelta

from mnemon.context import Context
from mnemon.knowledge import repository
from mnemon.knowledge.schemas import RecomputeAccuracy
from mnemon.verbs import verb

#: Uses counted in one transaction: short enough that nobody waits long for a pattern's row.
BATCH = 5000


@verb("patterns:write")
async def count_pattern_uses(ctx: Context) -> int:
    """Bring uses that :func:`record_pattern_use` left uncounted into ``usage_count``; returns how many (REQ-T133)."""
    done = 0
    while True:
        async with ctx.database.transaction(ctx.principal) as connection:
            batch = await repository.count_usage(connection, ctx.principal.organization_id, BATCH)
        done += batch
        if batch < BATCH:
            return done


@verb("patterns:write")
async def recompute_pattern_accuracy(ctx: Context, request: RecomputeAccuracy) -> int:
    """Set the accuracy of every pattern of the organisation to the share of its runs that succeeded (REQ-T147).

    One stored procedure does it for all patterns; a pattern with too few runs keeps the accuracy it has.

    Returns:
        How many patterns changed.
    """
    since = ctx.clock.now() - timedelta(days=request.days)
    async with ctx.database.transaction(ctx.principal) as connection:
        return await repository.recompute_accuracy(
            connection, ctx.principal.organization_id, since, request.minimum_runs
        )


@verb("operations:write", installation=True)
async def refresh_knowledge_summaries(ctx: Context) -> bool:
    """Compute the summaries of patterns and of usage anew, for every organisation; readers are not kept out (REQ-T149).

    The installation's own work, which workers do on schedule.

    Returns:
        False, and nothing was done, while somebody else is at it.

    Raises:
        Forbidden: the principal is an organisation's.
    """
    async with ctx.database.transaction(ctx.principal) as connection:
        return await repository.refresh(connection)
