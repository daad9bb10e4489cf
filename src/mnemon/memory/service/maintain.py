"""maintain: what keeps recall fast, off the writer's path; any number may call it at once."""

from __future__ import annotations

from mnemon.core.context import Context
from mnemon.db.connection import Connection
from mnemon.db.sql import statement
from mnemon.memory.schemas import Maintained
from mnemon.memory.scope import TABLES

#: Rows of one transaction: short enough that a writer never waits long for a lock on the statistics.
BATCH = 500


async def maintain(ctx: Context, *, max_rows: int | None = None) -> Maintained:
    """Put rows of a large organisation into the vector index and the term statistics.

    Organisations small enough for exact search are left alone: their rows need no index. Several callers share the
    work: each takes rows that no other has taken (SKIP LOCKED). Killed in the middle, a batch is as if it had not
    begun.

    Args:
        ctx: whose organisation it is done for.
        max_rows: stop after about this many rows.
    """
    ctx.principal.require("memories:write")
    done = 0
    while max_rows is None or done < max_rows:
        batch = await _batch(ctx)
        if not batch:
            break
        done += batch
    async with ctx.database.hot(ctx.principal, readonly=True) as connection:
        remaining = await _waiting(ctx, connection)
    return Maintained(indexed=done, remaining=remaining)


async def _waiting(ctx: Context, connection: Connection) -> int:
    """Rows to index, 0 while the organisation is small enough for exact search."""
    organization = ctx.principal.organization_id
    limit = ctx.settings.exact_search_limit
    row = await connection.fetchrow(statement("mnemon.memory", "maintain_waiting"), organization, limit + 1)
    if not row["indexed"] and row["waiting"] <= limit:
        return 0
    return int(row["waiting"])


async def _batch(ctx: Context) -> int:
    organization = ctx.principal.organization_id
    async with ctx.database.hot(ctx.principal) as connection:
        if not await _waiting(ctx, connection):
            return 0
        done = 0
        for table in TABLES:
            done += await connection.fetchval(
                statement("mnemon.memory", "maintain_index", table=table.name), organization, BATCH
            )
        if done:
            await connection.execute(statement("mnemon.memory", "maintain_statistics"), organization, done)
    return done
