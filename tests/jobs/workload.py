"""Handlers for worker processes that are killed: each job leaves one row, in its organisation."""

from __future__ import annotations

import asyncio

from mnemon.jobs.registry import Registry
from mnemon.jobs.run import Run

registry = Registry()


@registry.handler("count", base_delay=0.05, longest_delay=0.2)
async def count(run: Run) -> None:
    """A row before the wait, so that an attempt that is killed has done something to undo."""
    async with run.effects() as connection:
        await connection.execute(
            "INSERT INTO error_logs (organization_id, kind, code, message) VALUES ($1, 'internal', 'effect', $2)",
            run.job.organization_id,
            run.key,
        )
        await asyncio.sleep(run.job.payload["seconds"])
        run.result = {"attempt": run.job.attempt}
