"""Bring a database to a revision: provision, migrate, apply replaceable objects; one at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from mnemon.core.errors import Invalid
from mnemon.core.installation import InstallationKey
from mnemon.db.address import EMBEDDED, parse_address
from mnemon.db.engine import CATALOGUE_PATH, OWNER_PATH, engine_options, look_after
from mnemon.db.errors import translated
from mnemon.migrations import wall
from mnemon.migrations.provision import (
    APP_ROLE,
    OWNER_ROLE,
    WORKER_ROLE,
    act_as_owner,
    forget_samples,
    limits,
    provision,
    trust_words,
    unprovision,
)
from mnemon.migrations.turns import PATIENCE, let_take_long, take_turn

#: Domains in rank order, lowest first: a function may use what a lower domain made.
RANKS = (
    "db",
    "jobs",
    "identity",
    "agents",
    "conversations",
    "graph",
    "workspace",
    "knowledge",
    "memory",
    "workflow",
    "integrations",
    "operations",
)
_DROPS = re.compile(r"^-- object: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Check:
    """What ``mnemon db check`` found.

    Attributes:
        revision: where the database is, None before the first migration.
        head: where this version of the package wants it.
        differences: what the models have and the database has not, or the other way round; empty when they agree.
        stale_objects: replaceable SQL objects whose text changed since they were applied.
    """

    revision: str | None
    head: str
    differences: tuple[str, ...]
    stale_objects: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True when nothing is to be done."""
        return self.revision == self.head and not self.differences and not self.stale_objects


def _engine(url: str, settings: dict[str, str], setting: str) -> AsyncEngine:
    """Make an engine with a connection for each use, and the settings of the server."""
    address = parse_address(url, setting)
    options = engine_options(address, timeout=20, server_settings=settings)
    engine = create_async_engine(options.pop("url"), poolclass=NullPool, **options)
    look_after(engine)
    return engine


def head() -> str:
    """Return the newest revision that this package knows: they are a line, and a file's name begins with its own."""
    names = (path.name for path in Path(__file__).with_name("versions").glob("[0-9]*.py"))
    return max(name.partition("_")[0] for name in names)


@asynccontextmanager
async def _connection(
    url: str, *, lock_timeout: float, setting: str, patience: float = PATIENCE
) -> AsyncIterator[AsyncConnection]:
    """Connect as the owner, alone: a second migrator waits until the first is done."""
    async with _session(url, lock_timeout=lock_timeout, setting=setting) as connection:
        await take_turn(connection, patience)
        yield connection


@asynccontextmanager
async def _session(url: str, *, lock_timeout: float, setting: str) -> AsyncIterator[AsyncConnection]:
    engine = _engine(url, {"jit": "off", "application_name": "mnemon migration"} | OWNER_PATH, setting)
    try:
        with translated():
            async with engine.connect() as connection:
                await let_take_long(connection)
                await connection.exec_driver_sql(f"SET lock_timeout = '{int(lock_timeout * 1000)}ms'")
                await connection.commit()
                yield connection
    finally:
        await engine.dispose()


async def upgrade(
    url: str,
    *,
    revision: str = "head",
    dimensions: int | None = None,
    vector_index: str | None = None,
    lock_timeout: float = 10.0,
    installation: InstallationKey | None = None,
    owner_url: str | None = None,
    setting: str = "DATABASE_OWNER_URL",
    patience: float = PATIENCE,
) -> str:
    """Bring the database to a revision, and its functions, triggers and views to this version's text.

    Safe to run twice and from two places at once: the second waits, and finds nothing left to do.

    Args:
        url: ``postgresql+asyncpg://`` as a superuser or as the role that owns the schema.
        revision: Alembic's name of the target.
        dimensions: width of the embedding columns when they are made.
        vector_index: ``hnsw`` or ``ivfflat``; an index of the other kind is built anew, and nobody writes memories or
            messages meanwhile. None: what the database has, HNSW in a new one.
        lock_timeout: seconds a statement may wait for a lock that a running application holds.
        installation: the key that processes prove themselves with; None: those that the database knows already.
        owner_url: the same database as the schema's owner, where ``url`` is a superuser and the owner may log in: then
            nothing that the owner could have made is run with more rights than its own.
        setting: the variable that ``url`` came from, to be named in errors.
        patience: seconds to wait for another who migrates.

    Returns:
        The revision the database has now.

    Raises:
        Unavailable: the server cannot be reached, has no pgvector, a lock was not to be had, or another went on
            migrating (``unavailable.migrating``).
    """
    from mnemon.migrations import steps

    if vector_index not in {None, "hnsw", "ivfflat"}:
        raise Invalid("vector_index is hnsw or ivfflat.", code="invalid.vector_index", field="vector_index")
    async with _connection(url, lock_timeout=lock_timeout, setting=setting, patience=patience) as connection:
        as_owner = await provision(connection)
        if as_owner and owner_url is not None:
            await connection.exec_driver_sql(f"ALTER ROLE {OWNER_ROLE} LOGIN")
        await connection.commit()
        cfg = steps.config(dimensions=dimensions, vector_index=vector_index)
        if as_owner and owner_url is not None:
            async with _session(owner_url, lock_timeout=lock_timeout, setting=setting) as own:
                reached = await _bring(own, cfg, revision, installation)
        else:
            if as_owner:
                await act_as_owner(connection)
                await connection.commit()
            reached = await _bring(connection, cfg, revision, installation)
        if as_owner:
            await forget_samples(connection)
            await trust_words(connection)
            await connection.commit()
        return reached


async def _bring(connection: AsyncConnection, cfg: Any, revision: str, installation: InstallationKey | None) -> str:
    """Migrate as the schema's owner, apply the objects, set the policies and the key; return the revision reached."""
    from mnemon.migrations import indexes, steps

    await connection.run_sync(steps.upgrade, cfg, revision)
    await connection.commit()
    reached = await connection.run_sync(steps.current) or "base"
    if reached == head():  # they are written for its tables
        await _apply_objects(connection)
        await indexes.rebuild_search(connection)
        # What people write is sampled by no planner, also in tables and summaries that were made just now.
        await connection.exec_driver_sql("SELECT public.hide_from_statistics()")
        await wall.set_policies(connection, await wall.is_granted(connection))
        if installation is not None:
            await wall.keep_key(connection, installation)
        await connection.commit()
        if cfg.attributes["vector_index"] is not None:
            await indexes.rebuild_vectors(connection, cfg.attributes["vector_index"])
            await connection.commit()
    return reached


async def downgrade(
    url: str,
    *,
    revision: str = "base",
    lock_timeout: float = 10.0,
    setting: str = "DATABASE_OWNER_URL",
    patience: float = PATIENCE,
) -> str:
    """Take the database back to a revision; to ``base``, nothing of ours is left but roles and extensions."""
    from mnemon.migrations import steps

    async with _connection(url, lock_timeout=lock_timeout, setting=setting, patience=patience) as connection:
        as_owner = await provision(connection)
        if as_owner:
            await act_as_owner(connection)
        await connection.commit()
        to_base = revision == "base"
        if to_base:
            bodies = [body for granted in (True, False) for _, body in _objects(granted)]
            names = list(dict.fromkeys(name for body in bodies for name in _DROPS.findall(body)))
            routines = [name.split(" ", 1)[1] for name in reversed(names) if name.startswith(("function", "procedure"))]
        await connection.run_sync(steps.downgrade, steps.config(), revision)
        await connection.commit()
        if to_base:
            for name in routines:
                await connection.exec_driver_sql(f"DROP ROUTINE IF EXISTS {name} CASCADE")
            await connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
            if as_owner:
                await unprovision(connection)
            await connection.commit()
            return "base"
        return await connection.run_sync(steps.current) or "base"


async def is_current(url: str, installation: InstallationKey | None = None) -> bool:
    """Tell whether the database is at head with every object applied and knows the key; cheap, changes nothing.

    It may be asked as a superuser, so it reads ordinary tables only: a view in the place of one would be somebody
    else's code, run with a superuser's rights.
    """
    engine = _engine(url, CATALOGUE_PATH, EMBEDDED)
    try:
        with translated():
            async with engine.connect() as connection:
                if not await _are_tables(connection, "schema_objects", "alembic_version", "installation_keys"):
                    return False
                revision = (await connection.exec_driver_sql("SELECT version_num FROM public.alembic_version")).scalar()
                if revision != head():
                    return False
                granted = await wall.is_granted(connection)
                applied = await _applied(connection)
                if any(applied.get(name) != _digest(body) for name, body in _objects(granted)):
                    return False
                return installation is None or await wall.knows_key(connection, installation)
    finally:
        await engine.dispose()


async def _are_tables(connection: AsyncConnection, *names: str) -> bool:
    """Tell whether these are ordinary tables, which stay so until the transaction ends."""
    for name in names:
        if not (
            await connection.execute(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": f"public.{name}"})
        ).scalar():
            return False
        await connection.exec_driver_sql(f"LOCK TABLE ONLY public.{name} IN ACCESS SHARE MODE")
    question = "SELECT bool_and(relkind = 'r') FROM pg_class WHERE oid = ANY (CAST(:names AS regclass[]))"
    return bool((await connection.execute(text(question), {"names": [f"public.{name}" for name in names]})).scalar())


async def has_key(url: str, *, setting: str = "DATABASE_OWNER_URL") -> bool:
    """Tell whether the database knows an installation key; False before the first migration."""
    async with _connection(url, lock_timeout=10, setting=setting) as connection:
        if not await _are_tables(connection, "installation_keys"):
            return False
        return await wall.has_key(connection)


async def let_log_in(url: str, *, setting: str = "DATABASE_OWNER_URL") -> None:
    """Let the roles log in by themselves: on the embedded server, whose door is its socket's directory."""
    async with _connection(url, lock_timeout=10, setting=setting) as connection:
        for role in (APP_ROLE, WORKER_ROLE, OWNER_ROLE):
            await connection.exec_driver_sql(f"ALTER ROLE {role} LOGIN")
        for statement in limits(APP_ROLE):
            await connection.exec_driver_sql(statement)
        await connection.commit()


async def check(url: str, *, setting: str = "DATABASE_OWNER_URL") -> Check:
    """Compare the database with this package: revision, tables, replaceable objects. Changes nothing."""
    from mnemon.migrations import steps

    async with _connection(url, lock_timeout=10, setting=setting) as connection:
        revision = await connection.run_sync(steps.current)
        differences = await connection.run_sync(steps.differences) if revision else ()
        applied = await _applied(connection) if revision else {}
        granted = bool(revision) and await wall.is_granted(connection)
        stale = [name for name, body in _objects(granted) if applied.get(name) != _digest(body)]
        if revision:
            stale += [f"policy of {table}" for table, _ in await wall.stale_policies(connection, granted)]
        return Check(revision, head(), differences, tuple(stale))


def _objects(granted: bool) -> list[tuple[str, str]]:
    """Return (name, text) of every replaceable object, in the order they are applied."""
    from mnemon.memory.columns import ADJUST

    objects = [wall.objects(granted)]
    for domain in RANKS:
        folder = files(f"mnemon.{domain}").joinpath("sql", "objects")
        if not folder.is_dir():  # a domain without replaceable objects
            continue
        names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
        for name in names:
            body = folder.joinpath(name).read_text(encoding="utf-8")
            objects.append((f"{domain}/{name}", body.replace("{memory_changed}", ADJUST.happened)))
    return objects


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


async def _applied(connection: AsyncConnection) -> dict[str, str]:
    rows = await connection.exec_driver_sql("SELECT name, digest FROM public.schema_objects")
    return {row.name: row.digest for row in rows}


async def _apply_objects(connection: AsyncConnection) -> None:
    """Apply the objects whose text changed; a script of several statements goes as one simple query."""
    if not (await connection.exec_driver_sql("SELECT to_regclass('schema_objects') IS NOT NULL")).scalar():
        return
    applied = await _applied(connection)
    for name, body in _objects(await wall.is_granted(connection)):
        if applied.get(name) == _digest(body):
            continue
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        await driver.execute(body)
        await connection.execute(
            text(
                "INSERT INTO schema_objects (name, digest) VALUES (:name, :digest) "
                "ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, applied_at = now()"
            ),
            {"name": name, "digest": _digest(body)},
        )
