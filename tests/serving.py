"""A real server of HTTP over the tests' database, in a thread with an event loop of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from mnemon import AsyncMemory, Settings
from mnemon.doors.http.app import create
from mnemon.doors.http.options import ServeOptions
from mnemon.identity import service as identity
from mnemon.identity.schemas_access import NewApiKey, Token
from tests.factories import context_of, new_slug
from tests.patience import PATIENCE


@contextmanager
def serving(settings: Settings, **options: Any) -> Iterator[str]:
    """Serve until the end of the block; gives the address."""
    api = create(settings, ServeOptions(**{"worker": False, "per_minute": 0, **options}))
    server = uvicorn.Server(uvicorn.Config(api, host="127.0.0.1", port=0, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, name="server of the tests", daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start in time"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


async def key_of(memory: AsyncMemory, *scopes: str, role: str = "admin", **fields: Any) -> NewApiKey:
    """A key of a new person of this organisation, who has a role."""
    person = await memory.people.create(f"{new_slug('person')}@example.org")
    await memory.roles.assign(person.id, role=role)
    return await memory.keys.create("tests", user_id=person.id, scopes=scopes or ("*",), **fields)


async def acting(memory: AsyncMemory, key: NewApiKey) -> AsyncMemory:
    """The same memory on behalf of whom a key belongs to, without HTTP."""
    ctx = context_of(memory)
    known = await identity.authenticate_api_key(ctx, Token(token=key.key))
    app = (memory._parent or memory)._app
    assert app is not None
    return AsyncMemory.over(app, ctx.as_principal(known.principal))
