"""Access counts, written in batches behind the caller."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from uuid import UUID

from mnemon.context import Context
from mnemon.core import forks
from mnemon.core.errors import MnemonError
from mnemon.core.principal import Principal
from mnemon.memory import repository
from mnemon.memory.schemas import Hit

logger = logging.getLogger(__name__)

#: Seconds between two writes, and accesses from which they are not waited for.
INTERVAL = 2.0
BATCH = 500
#: Memories of one transaction, which holds their rows: whoever changes one of them waits for some milliseconds.
_ROWS = 25
#: Accesses held at most while the database is away; the oldest go first, they are counts and not memories.
HELD = 50_000


class AccessCounter:
    """Collects which memories were recalled and writes the counts now and then.

    What is not written when the process is killed is lost: at most INTERVAL seconds of counts. A clean close loses
    none.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._pending: dict[UUID, list[UUID]] = defaultdict(list)
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._closing = False
        forks.in_child(self)

    def forked(self) -> None:
        """Count from nothing: what the parent has counted is the parent's to write."""
        forks.leave(self._task, self._wake)
        self._pending, self._task, self._wake = defaultdict(list), None, asyncio.Event()

    def count(self, principal: Principal, hits: Iterable[Hit]) -> None:
        """Note that these hits were given to somebody; costs nothing but a list."""
        ids = [hit.item.id for hit in hits if hit.item.kind == "memory"]
        if not ids:
            return
        pending = self._pending[principal.organization_id]
        pending += ids
        del pending[: max(len(pending) - HELD, 0)]
        if not self._is_writing():
            self._wake = asyncio.Event()  # of this event loop
            self._task = asyncio.get_running_loop().create_task(self._run(), name="mnemon-access-counts")
        if len(pending) >= BATCH:
            self._wake.set()

    def _is_writing(self) -> bool:
        """Tell whether the task that writes is under way; one of another event loop ended with that."""
        task = self._task
        return task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop()

    async def _run(self) -> None:
        while self._pending and not self._closing:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), INTERVAL)
            self._wake.clear()
            await self.flush()

    async def flush(self, *, waiting: bool = False) -> None:
        """Write what has been counted so far.

        Args:
            waiting: for memories that somebody else is changing, too; else they are counted the next time.
        """
        for organization in list(self._pending):
            left = self._pending.pop(organization)
            principal = replace(self._ctx.principal, organization_id=organization, user_id=None, agent_id=None)
            times = Counter(left)
            held: list[UUID] = []
            try:
                for some in _batched(times, _ROWS):
                    ids = [memory for memory in some for _ in range(times[memory])]
                    # Not waiting for the disk, which would hold the rows that long: they are counts.
                    async with self._ctx.database.transaction(principal, lazy=True) as connection:
                        held += await repository.count_accesses(connection, ids, waiting=waiting)
                    for memory in some:
                        del times[memory]
            except MnemonError as error:
                logger.warning("access_counts_kept: count=%d, code=%s", times.total(), error.code)
                self._pending[organization][:0] = [*held, *times.elements()]
                return
            if held:
                self._pending[organization][:0] = held

    async def close(self) -> None:
        """Write the rest and stop."""
        self._closing = True
        if self._task is not None and self._is_writing():  # not cancelled: what it is writing would be lost
            self._wake.set()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush(waiting=True)


def _batched(ids: Iterable[UUID], size: int) -> Iterator[list[UUID]]:
    """Yield lists of so many at most."""
    left = iter(list(ids))
    while some := list(islice(left, size)):
        yield some
