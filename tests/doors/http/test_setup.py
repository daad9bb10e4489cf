"""The one-time link: it makes one administrator, however many come by it at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from mnemon.app import App
from mnemon.doors.http.app import create
from mnemon.doors.http.options import ServeOptions
from mnemon.identity import service as identity
from mnemon.identity.schemas_access import ListApiKeys
from tests.factories import new_slug

from .conftest import client_of


async def test_two_who_come_at_once_are_one_administrator(opened: App) -> None:
    empty = await opened.organization(new_slug())
    app = replace(opened, context=empty)
    options = ServeOptions(per_minute=0, setup="link", mcp=False)
    async for client in client_of(create(opened.settings, options, app=app)):
        bodies = [{"token": "link", "email": f"{new_slug()}@example.org"} for _ in range(5)]
        answers = await asyncio.gather(*(client.post("/v1/setup", json=body) for body in bodies))
        assert sorted(answer.status_code for answer in answers) == [201, 404, 404, 404, 404]
    assert len((await identity.list_api_keys(empty, ListApiKeys())).items) == 1


async def test_after_a_refusal_the_link_is_still_there(opened: App) -> None:
    empty = await opened.organization(new_slug())
    options = ServeOptions(per_minute=0, setup="link", mcp=False)
    async for client in client_of(create(opened.settings, options, app=replace(opened, context=empty))):
        assert (await client.post("/v1/setup", json={"token": "link", "email": "no address"})).status_code == 400
        body = {"token": "link", "email": f"{new_slug()}@example.org"}
        assert (await client.post("/v1/setup", json=body)).status_code == 201
