"""A worker of the queue inside the process that serves HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from mnemon.core.errors import MnemonError
from mnemon.core.settings import Settings
from mnemon.doors.worker.process import prepared
from mnemon.jobs.worker import WorkerOptions

logger = logging.getLogger(__name__)

#: Jobs at a time: calls come first.
_CONCURRENCY = 2


@contextlib.asynccontextmanager
async def worker_inside(settings: Settings) -> AsyncIterator[bool]:
    """Run a worker for the length of the block; yields whether there is one.

    Where the process has no login of a worker, there is none: jobs wait for another.
    """
    if settings.database_url is not None and settings.database_worker_url is None:
        logger.warning("no_worker: DATABASE_WORKER_URL is not set; jobs wait for `mnemon worker`")
        yield False
        return
    async with contextlib.AsyncExitStack() as stack:
        try:
            worker = await stack.enter_async_context(prepared(settings, WorkerOptions(_CONCURRENCY)))
        except MnemonError as error:
            logger.warning("no_worker: %s", error.code)
            yield False
            return
        running = asyncio.create_task(worker.run(), name="mnemon-worker")
        try:
            yield True
        finally:
            worker.stop()
            await asyncio.gather(running, return_exceptions=True)
