"""One PostgreSQL for the whole run, migrated once; every test in an organisation of its own.

Tenancy is the isolation: what a test remembers, no other test can see, and that is itself tested. A test that needs a
database of its own (migrations, roles) asks for ``make_database``.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from mnemon import AsyncMemory, Settings
from mnemon.app import App
from mnemon.context import Context
from mnemon.db import embedded
from mnemon.db.session import Database
from mnemon.migrations import runner
from tests.patience import PATIENCE

from .factories import KEY, copy_database, installation_of, new_slug, upgrade, worker_at
from .parallel import (  # noqa: F401 - pytest's hooks
    pytest_collection_modifyitems,
    pytest_terminal_summary,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)

ADMIN = embedded.ADMIN_ROLE
APP = "mnemon_app"
WORKER = "mnemon_worker"
TEMPLATE = "mnemon_template"
SHARED = "mnemon"

# Examples share a database and its fixtures: that is meant, each makes an organisation of its own. The machine may be
# busy, so an example's time says nothing.
hypothesis_settings.register_profile(
    "mnemon",
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
    database=None,
)
hypothesis_settings.load_profile("mnemon")


# A shell has what it starts in the background ignore Ctrl-C, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True, slots=True)
class Server:
    """A running PostgreSQL, and how to reach its databases."""

    endpoint: embedded.Endpoint

    def url(self, role: str = ADMIN, database: str = SHARED) -> str:
        """The URL as SQLAlchemy and the settings want it."""
        return self.endpoint.url(role, database)

    async def connect(self, role: str = ADMIN, database: str = SHARED) -> Any:
        """A connection of the driver's own, outside any pool."""
        return await asyncpg.connect(self.endpoint.url(role, database, driver="postgresql"), timeout=PATIENCE)


def place() -> Path:
    """A short directory that the server's account can reach; in memory where there is enough of it."""
    memory = Path("/dev/shm")  # noqa: S108 - made by mkdtemp
    where = None
    if memory.is_dir() and os.access(memory, os.W_OK):
        found = os.statvfs(memory)
        if found.f_bavail * found.f_frsize > 2 * 1024**3 and not found.f_flag & os.ST_NOEXEC:
            where = str(memory)
    path = Path(tempfile.mkdtemp(prefix="mnemon-", dir=where))
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_this_machine() -> Iterator[None]:
    """The environment of whoever runs the tests does not decide what they do."""
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        plain = name.upper().removeprefix("MNEMON_").lower()
        if name.upper().startswith("MNEMON_") or plain in Settings.model_fields:
            patch.delenv(name)
    patch.setenv("MNEMON_INSTALLATION_KEY", KEY.text())
    # Nor do the tests leave anything among the user's data.
    with tempfile.TemporaryDirectory(prefix="mnemon-anchors-") as anchors:
        patch.setenv("MNEMON_AUDIT_ANCHORS", anchors)
        yield
        patch.undo()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of this run; it stops at the end."""
    path = place()
    lease = embedded.acquire(path / "data", linger_seconds=0)
    yield Server(lease.endpoint)
    lease.close()
    embedded.stop(path / "data")
    shutil.rmtree(path)


@pytest_asyncio.fixture(scope="session")
async def template(server: Server) -> str:
    """A database at head that others are copied from; nobody connects to it."""
    connection = await server.connect(database="postgres")
    await connection.execute(f"CREATE DATABASE {TEMPLATE}")
    await upgrade(server.url(database=TEMPLATE))
    await runner.let_log_in(server.url(database=TEMPLATE))
    await copy_database(connection, SHARED, TEMPLATE)
    await connection.close()
    return TEMPLATE


@pytest_asyncio.fixture
async def make_database(server: Server, template: str) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Makes databases, at head, empty or like another, that are gone after the test; returns their names."""
    made: list[str] = []
    connection = await server.connect(database="postgres")

    async def make(*, empty: bool = False, like: str = template) -> str:
        name = f"test_{uuid4().hex[:12]}"
        await copy_database(connection, name, "template0" if empty else like)
        made.append(name)
        return name

    yield make
    for name in made:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await connection.close()


@pytest_asyncio.fixture(scope="session")
async def house(server: Server, template: str) -> AsyncIterator[AsyncMemory]:
    """The library over the shared database as the application role; tests use organisations of it."""
    async with AsyncMemory(database_url=server.url(APP), organization="house", auto_maintenance=False) as memory:
        yield memory


@pytest.fixture(scope="session")
def app(house: AsyncMemory) -> App:
    """What the library holds while it is open."""
    assert house._app is not None
    return house._app


@pytest.fixture(scope="session")
def database(app: App) -> Database:
    """The shared database as the application role."""
    return app.database


@pytest_asyncio.fixture(scope="session")
async def installation(server: Server, template: str) -> AsyncIterator[Context]:
    """The installation itself over the shared database, as a worker."""
    async with worker_at(server.url(WORKER), organization="house") as made:
        yield installation_of(made)


@pytest_asyncio.fixture
async def admin(server: Server, template: str) -> AsyncIterator[Any]:
    """A connection to the shared database as a superuser, whom no policy holds back."""
    connection = await server.connect()
    yield connection
    await connection.close()


@pytest.fixture
def new_memory(house: AsyncMemory) -> Callable[[], Awaitable[AsyncMemory]]:
    """Makes memories, each of a fresh organisation."""

    async def make() -> AsyncMemory:
        return await house.organization(new_slug())

    return make


@pytest_asyncio.fixture
async def memory(house: AsyncMemory) -> AsyncMemory:
    """The memory of a fresh organisation."""
    return await house.organization(new_slug())


@pytest_asyncio.fixture
async def ctx(app: App) -> Context:
    """The context of a fresh organisation, with the built-in embedder."""
    return await app.organization(new_slug())


@pytest_asyncio.fixture
async def other(app: App) -> Context:
    """The context of another fresh organisation."""
    return await app.organization(new_slug())
