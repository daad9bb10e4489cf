"""An application over the shared database, called as HTTP calls it, and two organisations of people with keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from pydantic import SecretStr

from mnemon.app import App
from mnemon.core.crypto import new_secret_key
from mnemon.doors.http.app import create
from mnemon.doors.http.options import ServeOptions

BASE = "http://127.0.0.1"


@pytest.fixture(scope="session")
def opened(app: App, tmp_path_factory: pytest.TempPathFactory) -> App:
    """The open application over the shared database, with a key for secrets, and places for what it sends."""
    folder = tmp_path_factory.mktemp("sent")
    changed = {
        "secret_key": SecretStr(new_secret_key()),
        "public_url": "https://memory.example.org",
        "mail_from": "memory@example.org",
        "mail_url": SecretStr(f"file://{folder}/mail"),
        "sms_url": SecretStr(f"file://{folder}/sms"),
        "asset_store": f"{folder}/assets",
    }
    settings = app.settings.model_copy(update=changed)
    return replace(app, settings=settings, context=replace(app.context, settings=settings))


async def client_of(api: FastAPI, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application in this process, which is started and stopped as a server does."""
    carrier = httpx.ASGITransport(app=api, raise_app_exceptions=False)
    async with (
        api.router.lifespan_context(api),
        httpx.AsyncClient(transport=carrier, base_url=BASE, headers=headers, timeout=60) as client,
    ):
        yield client


@pytest_asyncio.fixture(scope="session")
async def api(opened: App) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose calls name nobody."""
    async for client in client_of(create(opened.settings, ServeOptions(per_minute=0, mcp=False), app=opened)):
        yield client


@pytest_asyncio.fixture(scope="session")
async def near(opened: App) -> AsyncIterator[httpx.AsyncClient]:
    """A client of this machine, which is trusted: it acts as the organisation `house`."""
    options = ServeOptions(per_minute=0, trust_loopback=True, mcp=False)
    async for client in client_of(create(opened.settings, options, app=opened)):
        yield client


Calling = Callable[..., Awaitable[httpx.Response]]
