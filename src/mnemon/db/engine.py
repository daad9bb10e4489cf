"""The engine: a pool of connections as the application role, with what every connection must have set."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast
from weakref import WeakKeyDictionary

import asyncpg
from pgvector.asyncpg import register_vector
from sqlalchemy import URL, Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import greenlet_spawn
from sqlalchemy.util.concurrency import in_greenlet

from mnemon.core.errors import Unavailable
from mnemon.core.settings import Settings
from mnemon.db.address import Address, parse_address, setting_of
from mnemon.db.connection import LEAVES, Drivers
from mnemon.db.errors import LOST
from mnemon.db.reach import creator

#: Set on each connection. Generic plans shared by tenants of different size went from 0 rows to 4.6 s, and jit costs
#: more than these statements take; a filtered HNSW scan without iteration returns too few rows.
SESSION_SETTINGS = {
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "timezone": "UTC",
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": "200",
    "ivfflat.iterative_scan": "relaxed_order",
    "ivfflat.probes": "10",
    "application_name": "mnemon",
    # Said here because a login may change its own defaults, and whoever got at one might.
    "search_path": "public",
    "row_security": "on",
    "default_transaction_read_only": "off",
}

#: Of every connection that owns the schema or more. The catalogue's own names come first, since it is not listed, then
#: ours, in a schema where nobody else may make anything, and temporary ones last.
OWNER_PATH = {"search_path": "public, pg_temp"}
#: Where only the catalogue is read.
CATALOGUE_PATH = {"search_path": ""}

#: The only ones of these that a transaction pooler keeps apart for each client. The others its configuration sets on
#: every connection to the server: what one client set would reach others, or nobody.
POOLED_SETTINGS = frozenset({"timezone", "application_name"})

#: The connections that each engine has opened.
_DRIVERS: WeakKeyDictionary[Engine, Drivers] = WeakKeyDictionary()

#: Who may take a connection of each engine's pool: as many as it keeps.
_TURNS: WeakKeyDictionary[Engine, asyncio.Semaphore] = WeakKeyDictionary()
#: Seconds to wait for one of them before another is opened beyond the pool's size, which takes longer than most waits:
#: sixteen callers with five connections were half as fast as four.
_WAITS = 0.1

_DRIVER = "postgresql+asyncpg"


def engine_options(
    address: Address, *, timeout: float | None, server_settings: Mapping[str, str], **driver: Any
) -> dict[str, Any]:
    """Return what an engine is made with, to connect to where an address leads.

    Args:
        address: where to, and as whom.
        timeout: seconds for each host, where the address says nothing.
        server_settings: what is set on each connection.
        driver: further options of the driver and of SQLAlchemy's dialect, which win over the address's.

    Raises:
        Invalid: the address cannot be used.
    """
    address.settings(server_settings)  # refuses what it may not set, before anybody connects
    first = address.hosts[0]
    server_place = {"query": {"host": first.name}} if first.is_socket else {"host": first.name or None}
    url = URL.create(
        _DRIVER, address.user, address.password, port=first.port, database=address.database, **cast("Any", server_place)
    )
    cached = "prepared_statement_cache_size"
    own = {cached: int(address.parameters[cached])} if cached in address.parameters else {}
    return {
        "url": url,
        "hide_parameters": True,
        "connect_args": {
            **own,
            **driver,
            "timeout": timeout,
            "server_settings": dict(server_settings),
            "async_creator_fn": creator(address),
        },
    }


def create_engine(url: str, settings: Settings, *, within: float | None = None) -> AsyncEngine:
    """Return an engine over a QueuePool of asyncpg connections; no connection is opened yet.

    Args:
        url: ``postgresql://...`` as the application role.
        settings: pool size and overflow (FR-11), connect and statement time limits.
        within: seconds for a connection at most, whatever the URL says.

    Raises:
        Invalid: the URL cannot be read.
    """
    pooled = settings.database_pooler == "transaction"
    address = parse_address(url, setting_of(url, settings))
    if within is not None:
        address = address.within(within)
    timeout = address.timeout(settings.database_connect_timeout)
    engine = create_async_engine(
        **engine_options(address, timeout=timeout, **(_pooled() if pooled else _direct(settings))),
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_overflow,
        pool_pre_ping=False,  # a round trip per checkout; a dead connection is replaced when it shows
        pool_use_lifo=True,
        pool_timeout=30,
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    )
    register = _register_pooled if pooled else _register
    look_after(engine)
    _TURNS[engine.sync_engine] = asyncio.Semaphore(settings.database_pool_size)

    def prepare(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.run_async(partial(_in_time, register, timeout))

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "checkout", _still_open)
    return engine


def look_after(engine: AsyncEngine) -> None:
    """Know the engine's connections: a forked child leaves them to its parent, and no silent server keeps who closes.

    SQLAlchemy waits without end for a server's answer when it closes a connection. Before it does, the connection is
    closed here, with a limit.
    """
    drivers = _DRIVERS[engine.sync_engine] = Drivers()

    def note(dbapi_connection: Any, _record: object) -> None:
        drivers.add(dbapi_connection.driver_connection)

    def close(dbapi_connection: Any, _record: object) -> None:
        if in_greenlet():  # elsewhere nothing can be waited for, and nothing is
            dbapi_connection.run_async(drivers.close)

    event.listen(engine.sync_engine, "connect", note)
    event.listen(engine.sync_engine, "close", close)


def hang_up(engine: AsyncEngine) -> None:
    """End every connection of an engine whose event loop has ended, and begin with an empty pool."""
    _DRIVERS[engine.sync_engine].hang_up()
    engine.sync_engine.dispose(close=False)  # without a goodbye, which only their own loop could send
    _TURNS[engine.sync_engine] = asyncio.Semaphore(_pool(engine).size())  # who waited there waits no more


def give_up(engine: AsyncEngine) -> None:
    """End every connection of an engine whose server does not answer, and begin with an empty pool."""
    _DRIVERS[engine.sync_engine].terminate()
    engine.sync_engine.dispose(close=False)


@asynccontextmanager
async def pooled(engine: AsyncEngine) -> AsyncIterator[Any]:
    """Take the driver's own connection out of a pool for the length of the block; its errors come as they are."""
    turn = await _turn(engine)
    try:
        async with _taken(engine) as driver:
            yield driver
    finally:
        if turn is not None:
            turn.release()


async def _turn(engine: AsyncEngine) -> asyncio.Semaphore | None:
    """Wait a moment for a connection that the pool keeps; None: there was none, and one more is to be opened."""
    turns = _TURNS[engine.sync_engine]
    if not turns.locked():
        await turns.acquire()
        return turns
    try:
        async with asyncio.timeout(_WAITS):
            await turns.acquire()
    except TimeoutError:
        return None
    return turns


@asynccontextmanager
async def _taken(engine: AsyncEngine) -> AsyncIterator[Any]:
    # Out of the pool itself: SQLAlchemy's connection around it costs as much as a look-up by a key.
    taken = await engine.raw_connection()
    driver: Any = taken.driver_connection
    try:
        yield driver
    except (asyncio.CancelledError, *LOST) as error:
        # The server went away, or a statement was left half-way and may have left its transaction open: the
        # pool must not hand this connection out again.
        try:
            if isinstance(error, asyncio.CancelledError):
                await _acknowledged(driver)
        finally:
            taken.invalidate()
        raise
    finally:
        if _pool(engine).checkedin() < _pool(engine).size():
            taken.close()
        else:  # beyond the pool's size it is closed, which is a conversation with the server
            await greenlet_spawn(taken.close)
        await _give_way(engine)


async def _acknowledged(driver: Any) -> None:
    """Wait until the server has left a cancelled statement: it does not notice that its client has gone."""
    if not driver.is_closed():
        with contextlib.suppress(asyncpg.PostgresError, *LOST):
            async with asyncio.timeout(LEAVES):
                await driver.execute("SELECT")  # the driver sends it once the cancellation is through


async def _give_way(engine: AsyncEngine) -> None:
    """Let those who wait for a connection have the one that was just given back.

    Else a task that comes again at once takes it again and again, and they wait for as long as it does.
    """
    if _pool(engine).checkedin() <= 1:
        await asyncio.sleep(0)


def _pool(engine: AsyncEngine) -> QueuePool:
    return cast("QueuePool", engine.pool)  # which create_engine gave it


def session_settings(settings: Settings) -> dict[str, str]:
    """Return what every connection to the server must have set."""
    options = dict(SESSION_SETTINGS)
    if settings.database_statement_timeout:
        options["statement_timeout"] = str(int(settings.database_statement_timeout * 1000))
    if settings.database_idle_timeout:
        options["idle_in_transaction_session_timeout"] = str(int(settings.database_idle_timeout * 1000))
    return options


def _direct(settings: Settings) -> dict[str, Any]:
    return {"server_settings": session_settings(settings) | {"default_transaction_isolation": "read committed"}}


def _pooled() -> dict[str, Any]:
    """Return how to connect through a transaction pooler.

    The server behind it changes from transaction to transaction, so no prepared statement outlives one: they have no
    names. The driver ends no message between preparing and running such a statement, so the pooler keeps the server for
    it outside a transaction as well.
    """
    return {
        "server_settings": {name: value for name, value in SESSION_SETTINGS.items() if name in POOLED_SETTINGS},
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": str,  # called with nothing: an empty name
    }


def _still_open(dbapi_connection: Any, _record: object, _proxy: object) -> None:
    """Have the pool replace a connection whose end the driver has seen, as after a restart; no round trip."""
    if dbapi_connection.driver_connection.is_closed():
        raise DisconnectionError


async def _in_time(register: Callable[[Any], Awaitable[None]], seconds: float | None, connection: Any) -> None:
    """Give up on a server that hangs after it has let a connection in: it cannot be reached."""
    try:
        async with asyncio.timeout(seconds):
            await register(connection)
    except BaseException:
        connection.terminate()  # nobody else would close it
        raise


async def _register(connection: Any) -> None:
    """Teach a new connection the vector types, where the database has them."""
    try:
        await register_vector(connection)
    except ValueError:
        # The extension is not there yet: the migration makes it, and says so if it cannot.
        return


async def _register_pooled(connection: Any) -> None:
    """Register the types through a transaction pooler, and see that it sets what we cannot.

    Raises:
        Unavailable: the pooler leaves the server's own settings: filtered vector searches would return too few rows.
    """
    await _register(connection)
    setting = await connection.fetchval("SELECT current_setting('hnsw.iterative_scan', true)")
    if setting != SESSION_SETTINGS["hnsw.iterative_scan"]:
        raise Unavailable(
            "The pooler does not set what Mnemon's statements need.",
            code="unavailable.pooler_settings",
            hint="`mnemon ops pgbouncer` writes a configuration that does (connect_query).",
        )
