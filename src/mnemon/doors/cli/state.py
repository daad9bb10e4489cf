"""What the options for every command said, and the memory that a command works on."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

    from mnemon.core.settings import Settings
    from mnemon.doors.library.asynchronous import AsyncMemory

T = TypeVar("T")


@dataclass(slots=True)
class State:
    """The options that hold for every command."""

    organization: str | None = None
    data_dir: Path | None = None
    env_file: Path | None = None
    json: bool = False
    quiet: bool = False
    debug: bool = False


state = State()
"""Those of this process: one command runs in it."""


def settings(**overrides: Any) -> Settings:
    """The settings of the environment, with what the command line says instead.

    A data directory on the command line means the embedded server, also where the environment names another.
    """
    from mnemon.core.settings import load_settings

    said: dict[str, Any] = {}
    if state.organization is not None:
        said["organization"] = state.organization
    if state.data_dir is not None:
        said |= {
            "data_dir": state.data_dir,
            "database_url": None,
            "database_worker_url": None,
            "database_owner_url": None,
        }
    return load_settings(env_file=state.env_file, **{**said, **overrides})


class Session:
    """An open memory, and the event loop it lives on.

    The loop runs only within :meth:`run`: between two calls Ctrl-C and a question to the user work as anywhere.
    """

    def __init__(self, memory: AsyncMemory, runner: asyncio.Runner) -> None:
        self.memory = memory
        self._runner = runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end; Ctrl-C cancels it and waits until it has tidied up."""
        return self._runner.run(work)


@contextmanager
def session(*, doing: str = "Opening the memory", **overrides: Any) -> Iterator[Session]:
    """Open the memory that the settings name; while that takes time, a terminal shows what is going on."""
    import asyncio

    from mnemon.doors.cli.output import working

    with asyncio.Runner() as runner:
        with working(doing):
            wanted = settings(**overrides)
            with _server_starts(wanted):
                from mnemon.doors.library.asynchronous import AsyncMemory

                memory = AsyncMemory(wanted)
                runner.run(_open(memory))
        try:
            yield Session(memory, runner)
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

    place = (wanted.data_dir or embedded.default_data_dir()).expanduser().absolute()
    with ThreadPoolExecutor(1) as pool:
        key = embedded.KeySource.of(wanted)
        start = pool.submit(embedded.acquire, place, version=wanted.embedded_version, key=key)
        try:
            yield
        finally:
            if start.exception() is None:  # if there is one, opening the memory has met it too
                start.result().close()


async def _open(memory: AsyncMemory) -> None:
    await memory.open()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run something that needs no memory."""
    import asyncio

    return asyncio.run(work)
