"""maintain: what keeps recall fast, off the writer's path; any number may call it at once."""

from __future__ import annotations

from mnemon.context import Context
from mnemon.db.connection import Connection
from mnemon.db.recallable import RecallTable
from mnemon.db.sql import statement
from mnemon.memory.columns import TABLES
from mnemon.memory.schemas import Maintained
from mnemon.memory.service.languages import find_languages
from mnemon.verbs import verb

#: Rows of one transaction: short enough that a writer never waits long for a lock on the statistics.
BATCH = 500


@verb("memories:write")
async def maintain(ctx: Context, *, max_rows: int | None = None) -> Maintained:
    """Put rows of a large organisation into the vector index and the term statistics, and find languages of old rows.

    Organisations small enough for exact search are left alone: their rows need no index. Several callers share the
    work: each takes rows that no other has taken (SKIP LOCKED). Killed in the middle, a batch is as if it had not
    begun. Rows from before rows had a language get theirs, once.

    Args:
        ctx: whose organisation it is done for.
        max_rows: stop after about this many rows of either kind.
    """
    await _analyse(ctx)
    looked_at, unread = await find_languages(ctx, max_rows=max_rows)
    indexed = 0
    while max_rows is None or indexed < max_rows:
        batch = sum([await _batch(ctx, table) for table in TABLES])
        if not batch:
            break
        indexed += batch
    if indexed:
        await _analyse(ctx)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        remaining = await _waiting(ctx, connection)
    return Maintained(indexed=indexed, remaining=remaining, looked_at=looked_at, unread=unread)


async def _analyse(ctx: Context) -> None:
    """Let the planner know what is there, where much has changed since it looked."""
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.fetchval("SELECT refresh_planner_statistics()")


async def _waiting(ctx: Context, connection: Connection) -> int:
    """Return rows to index, 0 while the organisation is small enough for exact search."""
    organization = ctx.principal.organization_id
    limit = ctx.settings.exact_search_limit
    row = await connection.fetchrow(statement("mnemon.memory", "maintain_waiting"), organization, limit + 1)
    if not row["indexed"] and row["waiting"] <= limit:
        return 0
    return int(row["waiting"])


async def _batch(ctx: Context, table: RecallTable) -> int:
    """Index one table a transaction: words are locked in their order, which a second table would begin anew."""
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        if not await _waiting(ctx, connection):
            return 0
        indexed: int = await connection.fetchval(
            statement("mnemon.memory", "maintain_index", table=table.name), organization, BATCH
        )
        if indexed:
            await connection.execute(statement("mnemon.memory", "maintain_statistics"), organization, indexed)
    return indexed
