"""A key that is worth nothing any more is worth nothing at once, also to a process that has just served it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from mnemon.app import App
from mnemon.doors.http.options import ServeOptions
from mnemon.doors.http.serving import FRESH, Serving
from mnemon.identity import service as identity
from mnemon.identity.schemas_access import (
    ApiKeyRef,
    ListApiKeys,
    RoleAssign,
    SessionRef,
    SessionStart,
)

from .world import Town, call, found, new_key


@pytest_asyncio.fixture
async def town(opened: App) -> AsyncIterator[Town]:
    """An organisation of its own."""
    yield await found(opened)


async def test_a_revoked_key_is_refused_at_once(api: httpx.AsyncClient, town: Town) -> None:
    key = await new_key(town.ctx, "*", user=town.owner_id)
    assert (await call(api, "GET", "/tasks", key)).status_code == 200
    page = await identity.list_api_keys(town.ctx, ListApiKeys(user_id=town.owner_id))
    (row,) = [one for one in page.items if key.startswith(one.prefix)]
    await identity.revoke_api_key(town.ctx, ApiKeyRef(api_key_id=row.id))  # not through the server
    assert (await call(api, "GET", "/tasks", key)).status_code == 401


async def test_a_session_that_ended_is_refused_at_once(api: httpx.AsyncClient, town: Town) -> None:
    tokens = await identity.start_session(town.ctx, SessionStart(user_id=town.owner_id))
    token = tokens.access_token.get_secret_value()
    assert (await call(api, "GET", "/tasks", token)).status_code == 200
    await identity.revoke_session(town.ctx, SessionRef(session_id=tokens.session_id))
    assert (await call(api, "GET", "/tasks", token)).status_code == 401


async def test_a_role_that_is_taken_over_http_is_gone_at_once(api: httpx.AsyncClient, town: Town) -> None:
    other = await call(api, "POST", "/users", town.owner, {"email": f"x{town.slug}@example.org"})
    user = other.json()["id"]
    await identity.assign_role(town.ctx, RoleAssign(user_id=user, role="admin"))
    key = await new_key(town.ctx, "*", user=user)
    assert (await call(api, "GET", "/tasks", key)).status_code == 200
    assert (await call(api, "DELETE", f"/users/{user}/roles", town.owner, {"role": "admin"})).status_code == 204
    assert (await call(api, "GET", "/tasks", key)).status_code == 403


def test_what_is_known_of_callers_is_bounded() -> None:
    callers = Serving(ServeOptions()).callers
    for n in range(10_100):
        callers.put(b"%d" % n, "known")
    assert callers.get(b"0") is None
    assert len(callers) <= 10_000
    assert FRESH <= 1.0
