"""The composition root: settings to engines, embedder and context; nothing else makes them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mnemon.ai.embedders import Embedder
from mnemon.ai.registry import configured_embedder
from mnemon.context import Context
from mnemon.core.cache import Copies
from mnemon.core.clock import Clock, SystemClock
from mnemon.core.errors import Invalid, Unavailable
from mnemon.core.installation import InstallationKey, read_or_make, refuse_unmakeable
from mnemon.core.principal import Principal
from mnemon.core.settings import Settings, load_settings
from mnemon.core.shared import SharedCache
from mnemon.db import embedded
from mnemon.db.address import EMBEDDED
from mnemon.db.connection import connect
from mnemon.db.embedded.directory import explained
from mnemon.db.engine import CATALOGUE_PATH
from mnemon.db.session import Database
from mnemon.db.startup import Facts, inspect_database, refuse_unsafe, refuse_wrong_login
from mnemon.db.versions import refuse_server, server_problem
from mnemon.identity import service as identity
from mnemon.installation import replicas
from mnemon.memory import service as memory
from mnemon.memory.space import settle_space
from mnemon.migrations import runner

logger = logging.getLogger(__name__)

DATABASE = "mnemon"
ADMIN_ROLE = "mnemon_admin"
APP_ROLE = "mnemon_app"
WORKER_ROLE = "mnemon_worker"
OWNER_ROLE = "mnemon_owner"


@dataclass(slots=True)
class App:
    """A running Mnemon: what a door holds while it is open."""

    settings: Settings
    context: Context
    database: Database
    embedder: Embedder
    accesses: memory.AccessCounter
    facts: Facts
    lease: embedded.Lease | None

    async def organization(self, slug: str) -> Context:
        """Return the context of another organisation, made on first use; for a trusted process that serves several."""
        found = await identity.ensure_organization(self.database, slug)
        return self.context.as_principal(Principal(organization_id=found))

    async def close(self) -> None:
        """Write what is pending, close every connection, let go of the embedded server."""
        await self.context.groups.close()
        await self.context.background.close()
        await self.accesses.close()
        await self.embedder.aclose()
        if self.context.shared is not None:
            await self.context.shared.close()
        await self.database.close()
        if self.lease is not None:
            self.lease.close()


def data_dir(settings: Settings) -> Path:
    """Return where the embedded server keeps its data."""
    return (settings.data_dir or embedded.default_data_dir()).expanduser().absolute()


def installation_key(settings: Settings) -> InstallationKey | None:
    """Return the installation's key: the one of the settings, else the embedded server's own, made on first use.

    Raises:
        Invalid: the file that is named, or the one beside the data directory, cannot be used.
        Unavailable: there is none, and it cannot be made.
    """
    key = InstallationKey.of(settings)
    if key is not None or settings.database_url is not None:
        return key
    return read_or_make(_key_file(settings))


def _key_file(settings: Settings) -> Path:
    """Return where the embedded server's key lies: beside the data directory, which backups copy whole."""
    directory = data_dir(settings).resolve()
    return directory.with_name(directory.name + ".key")


async def start_embedded(settings: Settings) -> embedded.Lease:
    """Return the embedded server with the database at head: started if it does not run, shared if it does.

    Raises:
        Conflict: one of its replicas has taken its place.
        Unavailable: it does not start, or its installation's key cannot be kept.
    """
    with explained(data_dir(settings)):  # a HOME that may not be entered, as a container's other user has
        replicas.refuse_promoted(data_dir(settings))
    if InstallationKey.of(settings) is None:
        refuse_unmakeable(_key_file(settings))
    key = embedded.KeySource.of(settings)
    lease = await _acquire(data_dir(settings), settings.embedded_version, key)
    try:
        # Before anything is written: with synchronous replicas a commit waits for one of them.
        replicas.wake(lease.endpoint.data_dir, lease.endpoint.version)
        await _prepare_embedded(lease, settings)
    except BaseException:
        lease.close()
        raise
    return lease


async def _acquire(directory: Path, version: int, key: embedded.KeySource | None) -> embedded.Lease:
    """Take a lease in a thread; if nobody waits for it any more, the thread gives up, or its lease is let go."""
    given_up = threading.Event()
    taken: list[embedded.Lease] = []

    def take() -> embedded.Lease:
        lease = embedded.acquire(directory, version=version, key=key, given_up=given_up)
        taken.append(lease)
        if given_up.is_set():
            lease.close()
        return lease

    try:
        return await asyncio.to_thread(take)
    except BaseException:
        given_up.set()
        for lease in taken:
            lease.close()
        raise


async def _prepare_embedded(lease: embedded.Lease, settings: Settings) -> None:
    import asyncpg

    endpoint = lease.endpoint
    connection = await connect(
        host=str(endpoint.socket_dir),
        port=endpoint.port,
        user=ADMIN_ROLE,
        database="postgres",
        server_settings=CATALOGUE_PATH,
    )
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DATABASE):
            # another process may be first
            with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
    url = endpoint.url(ADMIN_ROLE, DATABASE)
    key = installation_key(settings)
    if await runner.is_current(url, key):
        return
    await runner.upgrade(
        url,
        dimensions=configured_embedder(settings).dimensions,
        vector_index=settings.vector_index,
        installation=key,
        owner_url=endpoint.url(OWNER_ROLE, DATABASE),
        setting=EMBEDDED,
    )
    await runner.let_log_in(url, setting=EMBEDDED)


@asynccontextmanager
async def _closing_lease(lease: embedded.Lease | None) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        if lease is not None:
            lease.close()
        raise


def _of_worker(settings: Settings) -> Settings:
    """Return the settings of a process that logs in as a worker; without a login for it, what it finds is checked."""
    url = settings.database_worker_url or settings.database_url
    return settings.model_copy(update={"database_url": url})


def _require_application(settings: Settings) -> None:
    if settings.database_url is None and settings.database_worker_url is not None:
        raise Invalid(
            "DATABASE_WORKER_URL is set and DATABASE_URL is not: the first is for `mnemon worker` alone.",
            code="invalid.database_url",
            hint="Set DATABASE_URL to the application's login at the same server.",
            field="database_url",
        )


async def start(settings: Settings | None = None, *, clock: Clock | None = None, worker: bool = False) -> App:
    """Start Mnemon: the database checked, the embedder ready, the organisation of the settings there.

    Args:
        settings: where and how; read from the environment when left out.
        clock: what time it is.
        worker: log in as a worker, who may do what goes across organisations; not for what serves callers.

    Raises:
        Invalid: a setting is wrong, or the embedder is not the one that made the database's vectors.
        Unavailable: the database cannot be reached, is not migrated, or its role could bypass row-level security.
    """
    settings = settings or load_settings()
    if worker:
        settings = _of_worker(settings)
    else:
        _require_application(settings)
    role = WORKER_ROLE if worker else APP_ROLE
    embedder = configured_embedder(settings)
    shared = SharedCache(settings.redis_url) if settings.redis_url is not None else None
    lease = None if settings.database_url else await start_embedded(settings)
    async with _closing_lease(lease):
        url = lease.endpoint.url(role, DATABASE) if lease else ""
        if settings.database_url is not None:
            url = settings.database_url.get_secret_value()
        database = Database(url, settings, installation_key(settings))
        try:
            facts = await inspect_database(database)
            _check(facts, settings, embedder, worker=worker)
            await settle_space(database, embedder)
            database.match_operator = facts.match_operator
            organization = await identity.ensure_organization(database, settings.organization)
            await database.use_replicas(replicas.addresses(settings, lease.endpoint.data_dir if lease else None, role))
        except BaseException:
            await database.close()
            raise
    context = Context(
        Principal(organization),
        database,
        embedder,
        settings,
        clock or SystemClock(),
        copies=Copies(settings.recall_copy_mb << 20),
        shared=shared,
    )
    return App(settings, context, database, embedder, memory.AccessCounter(context), facts, lease)


def _check(facts: Facts, settings: Settings, embedder: Embedder, *, worker: bool) -> None:
    if (too_old := server_problem(facts.server_version)) is not None:
        raise too_old  # before it is sent to `mnemon db upgrade`, which could not help
    if facts.revision is None:
        raise Unavailable(
            "The database has no Mnemon schema yet.",
            code="unavailable.schema",
            hint="Run `mnemon db upgrade` with DATABASE_OWNER_URL set to the role that may create it.",
        )
    refuse_server(facts.server_version, facts.vector_version)
    refuse_unsafe(facts, allowed=settings.allow_unsafe_role)
    if facts.revision != runner.head():
        raise Unavailable(
            f"The database is at revision {facts.revision}; this version of Mnemon needs {runner.head()}.",
            code="unavailable.schema",
            hint="Run `mnemon db upgrade`, or install the version of Mnemon that fits the database.",
        )
    refuse_wrong_login(facts, worker=worker, allowed=settings.allow_unsafe_role)
    if facts.dimensions != embedder.dimensions:
        raise Invalid(
            f"The embedder {embedder.name} makes vectors of {embedder.dimensions} dimensions; the database was made "
            f"for {facts.dimensions}.",
            code="invalid.dimensions",
            hint="Set EMBEDDING_MODEL (or EMBEDDING_DIMENSIONS) to what the database was made with.",
            embedder=embedder.dimensions,
            database=facts.dimensions,
        )
