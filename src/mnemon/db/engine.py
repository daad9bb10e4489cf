"""The engine: a pool of connections as the application role, with what every connection must have set."""

from __future__ import annotations

import inspect
import json
from typing import Any

import asyncpg
from pgvector.asyncpg import register_vector
from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from mnemon.core.errors import Invalid
from mnemon.core.settings import Settings

#: Set on each connection. Generic plans shared by tenants of different size went from 0 rows to 4.6 s, and jit costs
#: more than these statements take; a filtered HNSW scan without iteration returns too few rows.
SESSION_SETTINGS = {
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "timezone": "UTC",
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": "200",
    "application_name": "mnemon",
}

_URL_OPTIONS = {*inspect.signature(asyncpg.connect).parameters, "prepared_statement_cache_size"}


def parse_url(url: str) -> URL:
    """A database URL, with libpq's ``sslmode`` in the driver's words.

    Raises:
        Invalid: it is no URL, or has an option that the driver does not know; the URL itself is not repeated.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise Invalid(
            "The database URL cannot be read.",
            code="invalid.database_url",
            hint="It has the form postgresql://role:password@host:port/database; special characters in the password "
            "are percent-encoded.",
            field="database_url",
        ) from None
    query = {"ssl" if name == "sslmode" else name: value for name, value in parsed.query.items()}
    unknown = sorted(set(query) - _URL_OPTIONS)
    if unknown:
        raise Invalid(
            f"The database URL has an option that is not known: {unknown[0][:40]}.",
            code="invalid.database_url",
            hint="Remove it from the URL.",
            field="database_url",
        )
    return parsed.set(query=query)


def create_engine(url: str, settings: Settings) -> AsyncEngine:
    """An engine over a QueuePool of asyncpg connections; no connection is opened yet.

    Args:
        url: ``postgresql+asyncpg://...`` as the application role.
        settings: pool size and overflow (FR-11), connect and statement time limits.

    Raises:
        Invalid: the URL cannot be read.
    """
    options = dict(SESSION_SETTINGS)
    if settings.database_statement_timeout:
        options["statement_timeout"] = str(int(settings.database_statement_timeout * 1000))
    engine = create_async_engine(
        parse_url(url),
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_overflow,
        pool_pre_ping=False,  # a round trip per checkout; a dead connection is replaced when it shows
        pool_use_lifo=True,
        pool_timeout=30,
        hide_parameters=True,
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        connect_args={"timeout": settings.database_connect_timeout, "server_settings": options},
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "checkout", _still_open)
    return engine


def _still_open(dbapi_connection: Any, _record: object, _proxy: object) -> None:
    """Have the pool replace a connection whose end the driver has seen, as after a restart; no round trip."""
    if dbapi_connection.driver_connection.is_closed():
        raise DisconnectionError


def _prepare(dbapi_connection: Any, _record: object) -> None:
    """Teach a new connection the vector types, where the database has them."""
    dbapi_connection.run_async(_register)


async def _register(connection: Any) -> None:
    try:
        await register_vector(connection)
    except ValueError:
        # The extension is not there yet: the migration makes it, and says so if it cannot.
        return
