"""A process that works until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from mnemon.app import start
from mnemon.core.errors import Invalid
from mnemon.core.settings import Settings
from mnemon.doors.worker import backup_tasks
from mnemon.doors.worker.tasks import install_schedules, registry
from mnemon.jobs.registry import Registry
from mnemon.jobs.worker import Tally, Worker, WorkerOptions

#: Connections of a worker beside those of its jobs: heartbeats, claims, listening.
BESIDE = 4


async def work(
    settings: Settings,
    options: WorkerOptions,
    *,
    handlers: Sequence[str] = (),
    once: bool = False,
    schedules: bool = True,
    ready: Callable[[Worker], None] | None = None,
) -> Tally:
    """Run a worker until SIGTERM or Ctrl-C; a second one gives running jobs back at once.

    Args:
        settings: the database, by ``database_worker_url``, and the providers.
        options: how the worker works.
        handlers: further registries, as ``package.module:name``.
        once: end when nothing is due.
        schedules: make the installation's schedules that are not there yet.
        ready: called when the worker is about to take its first job.

    Raises:
        Invalid: a registry of ``handlers`` cannot be found.
        Unavailable: the database cannot be reached at the start, or the login is not a worker's.
    """
    async with prepared(settings, options, handlers=handlers, schedules=schedules) as worker:
        with _signals(worker.stop):
            if ready is not None:
                ready(worker)
            return await worker.run(once=once)


@contextlib.asynccontextmanager
async def prepared(
    settings: Settings, options: WorkerOptions, *, handlers: Sequence[str] = (), schedules: bool = True
) -> AsyncIterator[Worker]:
    """Make a worker that has not begun, over connections of its own that are closed at the end.

    Raises:
        Invalid: a registry of ``handlers`` cannot be found.
        Unavailable: the database cannot be reached, or the login is not a worker's.
    """
    known_handlers = Registry()
    known_handlers.include(registry)
    known_handlers.include(backup_tasks.handlers(settings))
    for name in handlers:
        known_handlers.include(load_registry(name))
    enough = max(settings.database_pool_size, min(50, options.concurrency + BESIDE))
    # A job was enqueued by another process: what it is about may not have reached a replica yet.
    changed = {"database_pool_size": enough, "database_replica_reads": False}
    app = await start(settings.model_copy(update=changed), worker=True)
    try:
        if schedules:
            await install_schedules(app.context)
        yield Worker(app.context, known_handlers, options)
    finally:
        await app.close()


def load_registry(name: str) -> Registry:
    """Import the registry at ``package.module:name``.

    Raises:
        Invalid: there is none.
    """
    module, _, attribute = name.partition(":")
    target: object = None
    with contextlib.suppress(ImportError, ValueError):
        target = getattr(importlib.import_module(module), attribute or "registry", None)
    if not isinstance(target, Registry):
        raise Invalid(
            f"There is no registry of handlers at {name!r}.",
            code="invalid.handlers",
            hint="Name it as package.module:attribute, and let Python find the package.",
            field="handlers",
        )
    return target


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Stop on SIGTERM and Ctrl-C while the block runs."""
    loop = asyncio.get_running_loop()
    caught = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):  # Windows; not the main thread
            loop.add_signal_handler(number, stop)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
