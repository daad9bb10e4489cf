"""A client of the SDK's own over each transport, as whoever a test says."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from mnemon import AsyncMemory
from mnemon.core.settings import load_settings
from tests.conftest import APP, Server
from tests.factories import KEY, new_slug
from tests.serving import key_of, serving

#: For tests that are run over each transport.
OVER_BOTH = pytest.mark.parametrize("client", ["http", "stdio"], indirect=True)


@pytest.fixture(scope="session")
def address(server: Server, template: str) -> Iterator[str]:
    with serving(load_settings(database_url=server.url(APP), organization="agents")) as url:
        yield url


def http(url: str, key: str | None, **more: Any) -> Any:
    """The transport to a server, with a key."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return streamable_http_client(f"{url}/mcp", http_client=httpx2.AsyncClient(headers=headers, timeout=60), **more)


@pytest.fixture
def stdio(server: Server, template: str) -> StdioServerParameters:
    """`mnemon mcp` on an organisation of its own, as a client starts it."""
    environment = {
        "DATABASE_URL": server.url(APP),
        "MNEMON_ORGANIZATION": new_slug(),
        "MNEMON_INSTALLATION_KEY": KEY.text(),
        "PATH": os.environ["PATH"],
    }
    arguments = ["-m", "mnemon", "mcp", "--user", "rosa", "--agent", "claude"]
    return StdioServerParameters(command=sys.executable, args=arguments, env=environment)


@pytest_asyncio.fixture
async def client(
    request: pytest.FixtureRequest, memory: AsyncMemory, address: str, stdio: StdioServerParameters
) -> AsyncIterator[Client]:
    """A client over HTTP, or over what a test says (OVER_BOTH), with a memory that is empty."""
    transport: Any = stdio
    if getattr(request, "param", "http") == "http":
        transport = http(address, (await key_of(memory)).key.get_secret_value())
    connected: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def live() -> None:
        """Come and go in one task, as the SDK's client wants it."""
        async with Client(transport) as one:
            connected.set_result(one)
            await over.wait()

    living = asyncio.create_task(live())
    living.add_done_callback(lambda task: connected.cancel() if not connected.done() else None)
    try:
        one = await connected
    except asyncio.CancelledError:
        await living  # says why it could not come
        raise
    yield one
    over.set()
    await living
