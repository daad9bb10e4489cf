"""A writer for streams of measurements: collects, writes in batches, never holds more than it may."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from types import TracebackType
from typing import Any, Self

from mnemon.context import Context
from mnemon.core import forks
from mnemon.core.backoff import Backoff
from mnemon.core.errors import Conflict, Forbidden, Invalid, MnemonError, Unavailable
from mnemon.core.loops import Home
from mnemon.operations.schemas import METRICS_AT_ONCE
from mnemon.operations.service.kinds import KINDS, Columns, Metric, MetricKind

logger = logging.getLogger(__name__)

#: Between two attempts while the database is away.
BACKOFF = Backoff(0.05, 5.0)
#: Characters of documents (metadata, context) of one batch, and of all that waits: the bounds where they are large.
BATCH_CHARACTERS = 8_000_000
HELD_CHARACTERS = 64_000_000


class _Batch:
    """Measurements that wait: the values of each kind one after the other in one list.

    Kept as they came, a hundred thousand objects would be looked at by the garbage collector again and again: that
    took half of the writer's time.
    """

    __slots__ = ("characters", "count", "rows")

    def __init__(self) -> None:
        self.rows: dict[type[Metric], list[Any]] = {}
        self.count = 0
        self.characters = 0


class MetricWriter:
    """Collects measurements of one organisation and writes them when there are enough, or after a while.

    It takes all five kinds: AgentMetric, SystemMetric, KnowledgeUse, PatternRun and PatternUse, in any order; those
    that say no time are of when they were taken. Memory is bounded: while ``limit`` measurements wait, or fewer with
    64 million characters of documents, ``add`` waits too, which is the back-pressure. While the database is away the
    writer keeps what it has and tries again. A measurement that the database refuses (of an agent that is gone) is
    handed to ``on_refused`` and does not hold up the others. A clean close loses nothing; a process that is killed
    loses what it held, at most ``limit``. Written at least once: if a connection dies in the moment of its commit, a
    batch may be there twice.
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
        self._home = Home("writer of metrics")
        self._begin()
        forks.in_child(self)

    def _begin(self) -> None:
        self._open = _Batch()
        self._full: deque[_Batch] = deque()
        self._held = 0
        self._characters = 0
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._urgent = False
        self.written = 0
        self.refused = 0

    def forked(self) -> None:
        """Begin with nothing: what waits is the parent's to write."""
        forks.leave(self._changed, self._tasks)
        self._home.leave()
        self._begin()

    def _move(self) -> None:
        """Belong to the running event loop; what waits goes along.

        Raises:
            Invalid: it is in use on another one, which has not ended.
        """
        if self._home.moved():
            self._changed, self._tasks = asyncio.Condition(), []  # the tasks ended with their loop

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
            Invalid: something is no measurement; those before it were taken.
        """
        self._move()
        iterator = iter(metrics)
        while True:
            if self._closing:
                raise Unavailable("The writer is closed.", code="unavailable.closed", hint="Make a new one.")
            room = self._room()
            if not room:
                async with self._changed:
                    self._changed.notify_all()
                    await self._changed.wait_for(lambda: self._room() or self._closing)
                continue
            self._start()
            if not self._take(islice(iterator, min(room, self._batch - self._open.count))):
                return
            if self._open.count >= self._batch or self._open.characters >= BATCH_CHARACTERS:
                self._full.append(self._open)
                self._open = _Batch()
                async with self._changed:
                    self._changed.notify_all()
                await asyncio.sleep(0)  # let the writers begin

    def _room(self) -> int:
        return max(0, self._limit - self._held) if self._characters < HELD_CHARACTERS else 0

    def _take(self, metrics: Iterable[Metric]) -> int:
        """Put measurements into the open batch, until it is large; how many."""
        batch, now, before, small = self._open, self._ctx.clock.now(), self._open.count, self._open.characters
        try:
            for metric in metrics:
                kind = KINDS.get(type(metric))
                if kind is None:
                    raise Invalid(
                        f"{type(metric).__name__} is no measurement.",
                        code="invalid.metric",
                        hint=f"Give one of {', '.join(schema.__name__ for schema in KINDS)}.",
                    )
                values = kind.values(metric)
                if values[-1] is None:
                    values = (*values[:-1], now)
                try:
                    batch.rows[kind.schema].extend(values)
                except KeyError:
                    batch.rows[kind.schema] = list(values)
                batch.count += 1
                document = values[-2]
                if document and isinstance(document, dict):
                    batch.characters += len(str(document))
                    if batch.characters >= BATCH_CHARACTERS:
                        break
        finally:
            self._held += batch.count - before
            self._characters += batch.characters - small
        return batch.count - before

    def _start(self) -> None:
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._run(), name=f"mnemon-metrics-{n}") for n in range(self._writers)]

    async def _run(self) -> None:
        while True:
            if not self._enough():
                async with self._changed:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait_for(self._enough), self._interval)
            if self._full:
                await self._write(self._full.popleft())
            elif self._open.count:
                taken, self._open = self._open, _Batch()
                await self._write(taken)
            elif self._closing:
                return
            async with self._changed:
                if not self._full and not self._open.count:
                    self._urgent = False
                self._changed.notify_all()

    def _enough(self) -> bool:
        return bool(self._full) or self._closing or self._urgent

    async def _write(self, batch: _Batch) -> None:
        """Write a batch, whatever comes: try again while the database is away, leave out what it refuses.

        Cancelled, it gives back what it has not written.
        """
        left, pauses = [(KINDS[schema], values) for schema, values in batch.rows.items()], BACKOFF.delays()
        try:
            while left:
                kind, values = left[-1]
                width = len(kind.fields)
                count = len(values) // width
                try:
                    await write(self._ctx, kind, [values[column::width] for column in range(width)])
                except (Unavailable, Conflict) as error:
                    logger.warning("metrics_kept: count=%d, code=%s", count, error.code)
                    await asyncio.sleep(next(pauses))
                    continue
                except MnemonError as error:
                    left.pop()
                    if count > 1 and not isinstance(error, Forbidden):  # which of them it was, the halves will tell
                        middle = count // 2 * width
                        left += [(kind, values[middle:]), (kind, values[:middle])]
                        continue
                    self._refuse(kind, values, error)
                else:
                    left.pop()
                    self.written += count
                self._held -= count
        finally:
            self._characters -= batch.characters
            if left:
                self._give_back(left, batch.characters)

    def _refuse(self, kind: MetricKind, values: list[Any], error: MnemonError) -> None:
        width = len(kind.fields)
        for place in range(0, len(values), width):
            self.refused += 1
            try:
                self._on_refused(kind.made(values[place : place + width]), error)
            except Exception:  # the caller's own: the others are to be written all the same
                logger.exception("on_refused_failed")

    def _give_back(self, left: list[tuple[MetricKind, list[Any]]], characters: int) -> None:
        batch = _Batch()
        batch.characters = characters
        self._characters += characters
        for kind, values in reversed(left):
            batch.rows.setdefault(kind.schema, []).extend(values)
            batch.count += len(values) // len(kind.fields)
        self._full.appendleft(batch)

    async def flush(self) -> None:
        """Write what was taken so far, and wait until it is written."""
        self._move()
        if self._held:
            self._start()
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
        self._move()
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
            raise Unavailable(
                f"{self._held:,} measurements could not be written.",
                code="unavailable.metrics",
                hint="They are held still: close the writer again when the database is back.",
                left=self._held,
            )

    async def __aenter__(self) -> Self:
        """Return the writer itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the rest and stop."""
        await self.close()


async def write(ctx: Context, kind: MetricKind, columns: Columns) -> None:
    """Write measurements of one kind, all or none."""
    await kind.write(ctx, columns)


def _log_refused(metric: Metric, error: MnemonError) -> None:
    logger.warning("metric_refused: kind=%s, code=%s", type(metric).__name__, error.code)
