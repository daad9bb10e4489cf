"""What the database says of itself: sizes, index use, slow statements (seed 003)."""

from __future__ import annotations

from typing import Any

import asyncpg

from mnemon.context import Context
from mnemon.core.errors import Invalid
from mnemon.db.connection import Connection
from mnemon.db.errors import translated
from mnemon.operations import repository
from mnemon.operations.schemas import IndexUse, IndexUses, SlowQueries, SlowQuery, TableSize, TableSizes
from mnemon.verbs import verb

LIMIT = 1000


@verb("operations:read", installation=True)
async def table_sizes(ctx: Context, *, limit: int = LIMIT) -> TableSizes:
    """List tables of the installation with their partitions, the largest first.

    Raises:
        Forbidden: the principal is an organisation's, and these are not one organisation's figures.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.table_sizes(connection, _checked(limit))
    return TableSizes(tables=tuple(TableSize(**dict(row)) for row in rows))


@verb("operations:read", installation=True)
async def index_usage(ctx: Context, *, limit: int = LIMIT) -> IndexUses:
    """List indexes of the installation with those of their partitions, the most used first.

    Raises:
        Forbidden: the principal is an organisation's.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.index_usage(connection, _checked(limit))
    return IndexUses(indexes=tuple(IndexUse(**dict(row)) for row in rows))


@verb("operations:read", installation=True)
async def slow_queries(ctx: Context, *, limit: int = 10) -> SlowQueries:
    """List statements of the database, the slowest on average first, where the server keeps them.

    Raises:
        Forbidden: the principal is an organisation's, and these are everybody's statements.
    """
    wanted = _checked(limit)
    with translated():
        try:
            async with ctx.database.untenanted() as connection:
                rows = await repository.slow_queries(connection, wanted)
        except asyncpg.ObjectNotInPrerequisiteStateError:
            rows = None  # the extension is there, but the server was not started with its library
    if rows is None:
        return SlowQueries(available=False)
    return SlowQueries(available=True, queries=tuple(SlowQuery(**dict(row)) for row in rows))


async def slow_statements(connection: Connection, limit: int) -> list[Any] | None:
    """Read the same by a connection that may see more; None where the server keeps no account of statements."""
    return await repository.slow_queries(connection, limit)


def _checked(limit: int) -> int:
    if not 1 <= limit <= LIMIT:
        raise Invalid(f"limit must be from 1 to {LIMIT:,}.", code="invalid.limit", field="limit")
    return limit
