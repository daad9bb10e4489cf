from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from mnemon import AsyncMemory
from mnemon.app import App
from mnemon.context import Context
from tests.conftest import ADMIN, APP, TEMPLATE, WORKER, Server
from tests.factories import copy_database, installation_of, worker_at
from tests.installation.exports import Elsewhere


@pytest.fixture
def limited(ctx: Context) -> Context:
    """The same organisation without a single permission."""
    return ctx.as_principal(replace(ctx.principal, permissions=frozenset()))


@pytest.fixture
def make_agent() -> Callable[..., Awaitable[UUID]]:
    """Makes an agent of a context's organisation."""

    async def make(ctx: Context, slug: str = "scout") -> UUID:
        async with ctx.database.transaction(ctx.principal) as connection:
            found: UUID = await connection.fetchval(
                "INSERT INTO agents (organization_id, name, slug) VALUES ($1, $2, $2) RETURNING id",
                ctx.principal.organization_id,
                slug,
            )
        return found

    return make


@pytest_asyncio.fixture
async def own(server: Server, make_database: Callable[..., Awaitable[str]]) -> AsyncIterator[tuple[App, Any]]:
    """A database of the test's own: the application over it, and a superuser's connection."""
    name = await make_database()
    async with AsyncMemory(database_url=server.url(APP, name), organization="own", auto_maintenance=False) as memory:
        assert memory._app is not None
        admin = await server.connect(database=name)
        try:
            yield memory._app, admin
        finally:
            await admin.close()


@pytest_asyncio.fixture
async def upkeep(own: tuple[App, Any]) -> AsyncIterator[Context]:
    """The installation itself over the database of the test's own, as a worker."""
    url = own[0].settings.database_url
    assert url is not None
    async with worker_at(url.get_secret_value().replace(APP, WORKER), organization="own") as made:
        yield installation_of(made)


@pytest_asyncio.fixture(scope="module")
async def elsewhere(server: Server, template: str) -> AsyncIterator[Elsewhere]:
    """Another installation, where exports of this one are imported."""
    name = f"elsewhere_{uuid4().hex[:8]}"
    postgres = await server.connect(database="postgres")
    await copy_database(postgres, name, TEMPLATE)
    admin = await server.connect(database=name)
    try:
        async with AsyncMemory(
            database_url=server.url(APP, name), organization="there", auto_maintenance=False
        ) as memory:
            yield Elsewhere(server.url(ADMIN, name), memory, admin)
    finally:
        await admin.close()
        await postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await postgres.close()
