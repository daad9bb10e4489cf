"""A writer for streams of measurements: collects, writes in batches, never holds more than it may."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from types import TracebackType
from typing import Self

from mnemon.core.context import Context
from mnemon.core.errors import Conflict, Invalid, MnemonError, Unavailable
from mnemon.operations.schemas import METRICS_AT_ONCE, AgentMetric, IngestMetrics, SystemMetric
from mnemon.operations.service.metrics import ingest_metrics

logger = logging.getLogger(__name__)

Metric = AgentMetric | SystemMetric

#: Seconds between two attempts while the database is away: the first pause, and the longest.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0


class MetricWriter:
    """Collects measurements of one organisation and writes them when there are enough, or after a while.

    Memory is bounded: while ``limit`` measurements wait, ``add`` waits too, which is the back-pressure. While the
    database is away the writer keeps what it has and tries again. A measurement that the database refuses (of an
    agent that is gone) is handed to ``on_refused`` and does not hold up the others. A clean close loses nothing.
    Written at least once: if a connection dies in the moment of its commit, a batch may be there twice.
    """

    def __init__(
        self,
        ctx: Context,
        *,
        batch: int = 10_000,
        interval: float = 1.0,
        limit: int = 100_000,
        writers: int = 2,
        on_refused: Callable[[Metric, MnemonError], None] | None = None,
    ) -> None:
        """Make a writer; it begins to write with the first measurement.

        Args:
            ctx: on whose behalf.
            batch: measurements of one transaction; that many are written at once.
            interval: seconds after which fewer are written too.
            limit: measurements that may wait, those being written among them.
            writers: transactions at a time.
            on_refused: told of each measurement that the database refused; by default it is logged.

        Raises:
            Invalid: a number is out of its bounds.
        """
        ctx.principal.require("metrics:write")
        if not 1 <= batch <= min(limit, METRICS_AT_ONCE) or interval <= 0 or not 1 <= writers <= 16:
            raise Invalid(
                f"batch is from 1 to limit and {METRICS_AT_ONCE:,}, interval above 0, writers from 1 to 16.",
                code="invalid.metric_writer",
            )
        self._ctx = ctx
        self._batch, self._interval, self._limit, self._writers = batch, interval, limit, writers
        self._on_refused = on_refused or _log_refused
        self._waiting: deque[Metric] = deque()
        self._held = 0
        self._unannounced = 0
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._urgent = False
        self.written = 0
        self.refused = 0

    @property
    def held(self) -> int:
        """Measurements that are not written yet."""
        return self._held

    async def add(self, metric: Metric) -> None:
        """Take one measurement; waits while as many wait as may."""
        await self.add_all((metric,))

    async def add_all(self, metrics: Iterable[Metric]) -> None:
        """Take measurements in order; waits while as many wait as may.

        Raises:
            Unavailable: the writer is closed.
        """
        iterator = iter(metrics)
        while True:
            if self._closing:
                raise Unavailable("The writer is closed.", code="unavailable.closed")
            room = self._limit - self._held
            if room <= 0:
                async with self._changed:
                    self._changed.notify_all()
                    await self._changed.wait_for(lambda: self._held < self._limit or self._closing)
                continue
            taken = list(islice(iterator, min(room, self._batch)))
            if not taken:
                return
            self._start()
            self._waiting.extend(taken)
            self._held += len(taken)
            self._unannounced += len(taken)
            if self._unannounced >= self._batch:
                self._unannounced = 0
                async with self._changed:
                    self._changed.notify_all()
                await asyncio.sleep(0)  # let the writers begin

    def _start(self) -> None:
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._run(), name=f"mnemon-metrics-{n}") for n in range(self._writers)]

    async def _run(self) -> None:
        while True:
            if len(self._waiting) < self._batch and not self._closing and not self._urgent:
                async with self._changed:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait_for(self._enough), self._interval)
            taken = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            if taken:
                await self._write(taken)
            elif self._closing:
                return
            async with self._changed:
                if not self._waiting:
                    self._urgent = False
                self._changed.notify_all()

    def _enough(self) -> bool:
        return len(self._waiting) >= self._batch or self._closing or self._urgent

    async def _write(self, taken: list[Metric]) -> None:
        """Write a batch, whatever comes: try again while the database is away, leave out what it refuses.

        Cancelled, it gives back what it has not written.
        """
        left, pause = [taken], FIRST_PAUSE
        try:
            while left:
                batch = left[-1]
                try:
                    await ingest_metrics(self._ctx, IngestMetrics.model_construct(metrics=tuple(batch)))
                except (Unavailable, Conflict) as error:
                    logger.warning("metrics_kept: count=%d, code=%s", len(batch), error.code)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                    continue
                except MnemonError as error:
                    left.pop()
                    if len(batch) > 1:  # which of them it was, the halves will tell
                        left += [batch[len(batch) // 2 :], batch[: len(batch) // 2]]
                        continue
                    self.refused += 1
                    self._on_refused(batch[0], error)
                else:
                    left.pop()
                    self.written += len(batch)
                self._held -= len(batch)
        finally:
            self._waiting.extendleft(metric for batch in left for metric in reversed(batch))

    async def flush(self) -> None:
        """Write what was taken so far, and wait until it is written."""
        self._urgent = True
        async with self._changed:
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._held == 0)

    async def close(self, timeout: float | None = 30.0) -> None:  # noqa: ASYNC109 - what is left is reported
        """Write the rest and stop. Safe to call twice: what was left is tried again.

        Args:
            timeout: seconds to wait for the database, None for ever.

        Raises:
            Unavailable: the database stayed away; ``data["left"]`` measurements are not written and still held.
        """
        self._closing = True
        async with self._changed:
            self._changed.notify_all()
        if self._held:
            self._tasks = [task for task in self._tasks if not task.done()]
            self._start()
        tasks, self._tasks = self._tasks, []
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._held:
            raise Unavailable("Measurements could not be written.", code="unavailable.metrics", left=self._held)

    async def __aenter__(self) -> Self:
        """The writer itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the rest and stop."""
        await self.close()


def _log_refused(metric: Metric, error: MnemonError) -> None:
    logger.warning("metric_refused: type=%s, code=%s", metric.metric_type, error.code)
