"""Every route as everybody: nobody, a key that ended, no permission, another organisation, the owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from mnemon import verbs
from mnemon.app import App
from mnemon.doors import routes
from mnemon.doors.http.calls import OPEN
from mnemon.doors.routes.table import Route
from mnemon.identity import service as identity
from mnemon.identity.schemas_access import ApiKeyRef, ListApiKeys
from tests.conftest import Server

from .asked import asked
from .world import Town, call, found, new_key, path_of, settle

ROUTES = routes.every()
#: Verbs that ask for no permission: who is known may call them, and is told of nobody else.
FREE = {route.verb for route in ROUTES if not verbs.find(route.verb).permissions}
#: What a person may do to their own account with any key of theirs.
OWN = {"account:read", "account:write"}


@dataclass(slots=True)
class Street:
    """Two organisations that are asked about, one that uses itself up, and keys that are worth nothing."""

    here: Town
    there: Town
    used: Town
    revoked: str
    expired: str


@pytest_asyncio.fixture(scope="session")
async def street(api: httpx.AsyncClient, opened: App, server: Server) -> Street:
    """The street."""
    towns = [await found(opened) for _ in range(3)]
    for town in towns:
        await settle(town, api)
    here = towns[0]
    revoked = await new_key(here.ctx, "*", user=here.owner_id)
    expired = await new_key(here.ctx, "*", user=here.owner_id)
    page = await identity.list_api_keys(here.ctx, ListApiKeys(user_id=here.owner_id))
    keys = {key.prefix: key.id for key in page.items}
    await identity.revoke_api_key(here.ctx, ApiKeyRef(api_key_id=keys[revoked[:12]]))
    connection = await server.connect()
    await connection.execute(
        "UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = $1", keys[expired[:12]]
    )
    await connection.close()
    return Street(here, towns[1], towns[2], revoked, expired)


async def tried(api: httpx.AsyncClient, route: Route, about: Town, key: str | None) -> httpx.Response:
    """The answer to a call of a route that means what a town has."""
    return await call(api, route.method, path_of(route, about.ids), key, asked(route, about))


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: one.verb)
async def test_who_is_nobody_gets_nothing(api: httpx.AsyncClient, street: Street, route: Route) -> None:
    keys = {"nobody": None, "a key of nobody": "mnk_" + "x" * 43, "revoked": street.revoked, "expired": street.expired}
    for who, key in keys.items():
        answer = await tried(api, route, street.here, key)
        assert answer.status_code == 401, (who, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        if route.verb not in OPEN:
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", [one for one in ROUTES if one.verb not in OPEN | FREE], ids=lambda one: one.verb)
async def test_who_has_not_the_permission_gets_nothing(api: httpx.AsyncClient, street: Street, route: Route) -> None:
    answer = await tried(api, route, street.here, street.here.bare)
    is_own = not OWN.isdisjoint(verbs.find(route.verb).permissions)
    about_self = route.verb == "integrations.read_tokens"
    assert answer.status_code == 403 or (is_own and answer.status_code == 404) or about_self, answer.text
    assert street.here.mark not in answer.text


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: one.verb)
async def test_another_organisation_gets_nothing(api: httpx.AsyncClient, street: Street, route: Route) -> None:
    answer = await tried(api, route, street.here, street.there.owner)
    assert answer.status_code < 500, answer.text
    said = answer.text.replace(f"role {street.here.mark}", "")  # a name that the call gave itself
    if route.verb not in ECHOED:
        assert street.here.mark not in said
    if route.names:
        refused = {400, 401, 403, 404} if route.verb in CODES else {400, 403, 404}
        assert answer.status_code in refused or answer.json() in NOTHING, (answer.status_code, answer.text)


#: Verbs that answer with the words that they were asked.
ECHOED = {"memory.search", "memory.recall"}
#: Verbs that compare a code, and say so with 401.
CODES = {"identity.verify_totp"}
#: Answers that say that there is nothing, and that nothing was done.
NOTHING: tuple[Any, ...] = ([], False, 0, {"items": [], "next_cursor": None})


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: one.verb)
async def test_who_may_is_let_in(api: httpx.AsyncClient, street: Street, route: Route) -> None:
    if route.verb in OPEN:
        return
    answer = await tried(api, route, street.used, street.used.owner)
    if (
        route.verb not in CODES and '"forbidden.secret"' not in answer.text
    ):  # what only the organisation's process reads
        assert answer.status_code not in {401, 403}, answer.text
    assert answer.status_code < 500, answer.text
    if route.status == answer.status_code == 204:
        assert not answer.content


async def test_nothing_of_the_town_was_changed(api: httpx.AsyncClient, street: Street) -> None:
    for place, path in (("tasks", "/tasks/{}"), ("memories", "/memories/{}"), ("agents", "/agents/{}")):
        answer = await call(api, "GET", path.format(street.here.ids[place]), street.here.owner)
        assert street.here.mark in answer.text, place
