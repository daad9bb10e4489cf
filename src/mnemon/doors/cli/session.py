"""The memory that a command works on."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from mnemon.core import times
from mnemon.doors.cli.output import working
from mnemon.doors.cli.state import settings, state

if TYPE_CHECKING:
    import asyncio

    from mnemon.core.settings import Settings
    from mnemon.doors.library.asynchronous import AsyncMemory

T = TypeVar("T")


class OpenedMemory:
    """An open memory, and the event loop it lives on.

    The loop runs only within :meth:`run`: between two calls Ctrl-C and a question to the user work as anywhere.
    """

    def __init__(self, memory: AsyncMemory, runner: asyncio.Runner) -> None:
        self.memory = memory
        self._runner = runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end; Ctrl-C cancels it and waits until it has tidied up."""
        return self._runner.run(work)

    def show_times_of(self, user: str | None) -> None:
        """Show times in the zone of a person, if they have one of their own."""
        if user:
            state.zone = self.run(self.memory.zone(user))


@contextmanager
def session(*, doing: str = "Opening the memory", **overrides: Any) -> Iterator[OpenedMemory]:
    """Open the memory that the settings name; while that takes time, a terminal shows what is going on."""
    import asyncio

    with asyncio.Runner() as runner:
        with working(doing):
            configured = settings(**overrides)
            state.zone = times.zone(configured.timezone)
            with _server_starts(configured):
                from mnemon.doors.library.asynchronous import AsyncMemory

                memory = AsyncMemory(configured)
                runner.run(_open(memory))
        try:
            yield OpenedMemory(memory, runner)
        finally:
            runner.run(memory.close())


@contextmanager
def _server_starts(wanted: Settings) -> Iterator[None]:
    """Let the embedded server start while Python is still importing: both take some tenths of a second."""
    if wanted.database_url is not None:
        yield
        return
    from concurrent.futures import ThreadPoolExecutor

    from mnemon.db import embedded

    directory = (wanted.data_dir or embedded.default_data_dir()).expanduser().absolute()
    with ThreadPoolExecutor(1) as pool:
        key = embedded.KeySource.of(wanted)
        start = pool.submit(embedded.acquire, directory, version=wanted.embedded_version, key=key)
        try:
            yield
        finally:
            if start.exception() is None:  # if there is one, opening the memory has met it too
                start.result().close()


async def _open(memory: AsyncMemory) -> None:
    await memory.open()
