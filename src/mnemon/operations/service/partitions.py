"""maintain_partitions: partitions made ahead, the default partition drained, retention kept."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta

from mnemon.context import Context
from mnemon.core.backoff import Backoff
from mnemon.core.errors import Conflict, Invalid, MnemonError, Unavailable
from mnemon.core.principal import INSTALLATION
from mnemon.db.connection import Connection
from mnemon.operations import repository
from mnemon.operations.schemas import MaintainedTable, MaintainPartitions, PartitionReport
from mnemon.operations.trail.sealing import Signer
from mnemon.verbs import verb

#: How often, and how soon, a table that was in use is tried again.
ATTEMPTS = 5
BACKOFF = Backoff(0.2, 3.2)


@verb("operations:maintain", installation=True)
async def maintain_partitions(ctx: Context, request: MaintainPartitions | None = None) -> PartitionReport:
    """Make every time series' partitions ahead, drain its default partition, drop what is past retention.

    At any time, twice, from two places: each table is one short transaction behind a lock of its own, and gives way
    when somebody uses the table. A table that is always in use is reported as busy, the others are done.

    Raises:
        Forbidden: the principal is an organisation's: every organisation's rows are in these tables.
        Invalid: a table that was named is not a partitioned time series.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        known = await repository.partitioned_tables(connection)
    wanted = request.tables if request is not None and request.tables else tuple(known)
    for table in wanted:
        if table not in known:
            raise Invalid(f"{table} is not a time series.", code="invalid.time_series", field="tables", known=known)
    done = [await _maintain(ctx, table) for table in wanted]
    return PartitionReport(tables=tuple(one for one in done if one is not None))


async def _maintain(ctx: Context, table: str) -> MaintainedTable | None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with ctx.database.transaction(ctx.principal) as connection:
                if table == "audit_logs":
                    await _record_retention(ctx, connection)
                found = await repository.maintain_partitions(connection, table)
        except MnemonError as error:
            if not _in_use(error):
                raise
            await asyncio.sleep(BACKOFF.after(attempt))
        else:
            return None if found is None else MaintainedTable(table=table, **found)
    return MaintainedTable(table=table, busy=True)


async def _record_retention(ctx: Context, connection: Connection) -> None:
    """Sign what of the trail may go, before it goes: verification excuses nothing else.

    By the clock that is behind, of the two: neither a server nor a process that is ahead lets go what is to be kept.
    """
    rule = await repository.retention_of_trail(connection)
    if rule is None:
        return
    days, server = rule
    now = ctx.clock.now()
    until = (min(now, server) - timedelta(days=days)).astimezone(UTC)
    until = until.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if await repository.retention_due(connection, until):
        await Signer(ctx.database.installation).retention(connection, INSTALLATION, until, days, now)


def _in_use(error: MnemonError) -> bool:
    return (isinstance(error, Unavailable) and error.code == "unavailable.lock") or (
        isinstance(error, Conflict) and error.code == "conflict.retry"
    )
