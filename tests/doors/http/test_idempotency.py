"""A call with an Idempotency-Key is done once and has one answer, whatever happens in between."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from mnemon import verbs
from mnemon.app import App
from mnemon.doors import routes
from mnemon.doors.http.calls import OPEN
from mnemon.doors.routes.table import Route

from .asked import asked
from .world import Town, call, found, path_of, settle

CHANGES = [one for one in routes.every() if verbs.find(one.verb).changes and one.method != "GET"]
KEY = "idempotency-key"


@pytest_asyncio.fixture(scope="session")
async def town(api: httpx.AsyncClient, opened: App) -> Town:
    """An organisation with one of everything."""
    made = await found(opened)
    await settle(made, api)
    return made


@pytest_asyncio.fixture(scope="session")
async def other(opened: App) -> Town:
    """Another one."""
    return await found(opened)


async def remembered(api: httpx.AsyncClient, town: Town, key: str, content: str) -> httpx.Response:
    """The answer to a call to remember, with a key."""
    body = {"content": content, "dedupe": False}
    return await call(api, "POST", "/memories", town.owner, body, **{KEY: key})


async def count(api: httpx.AsyncClient, town: Town, content: str) -> int:
    """How many memories say exactly this."""
    page = await call(api, "GET", "/memories", town.owner, {"limit": 1000})
    return sum(item["content"] == content for item in page.json()["items"])


async def test_a_repetition_has_the_first_answer(api: httpx.AsyncClient, town: Town) -> None:
    key, content = uuid4().hex, f"once {uuid4()}"
    first = await remembered(api, town, key, content)
    again = await remembered(api, town, key, content)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert await count(api, town, content) == 1


async def test_another_request_with_the_same_key_is_refused(api: httpx.AsyncClient, town: Town) -> None:
    key = uuid4().hex
    await remembered(api, town, key, "one")
    refused = await remembered(api, town, key, "two")
    assert refused.status_code == 422
    assert refused.json()["code"] == "invalid.idempotency_key_reused"
    assert await count(api, town, "two") == 0


async def test_calls_at_the_same_time_are_one(api: httpx.AsyncClient, town: Town) -> None:
    key, content = uuid4().hex, f"at once {uuid4()}"
    answers = await asyncio.gather(*(remembered(api, town, key, content) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await count(api, town, content) == 1


async def test_a_key_is_its_callers_own(api: httpx.AsyncClient, town: Town, other: Town) -> None:
    key = uuid4().hex
    here = await remembered(api, town, key, "mine")
    there = await remembered(api, other, key, "theirs")
    assert there.status_code == 201
    assert here.json() != there.json()


async def test_what_was_refused_may_come_again(api: httpx.AsyncClient, town: Town) -> None:
    key = uuid4().hex
    bad = await call(api, "POST", "/memories", town.owner, {"content": ""}, **{KEY: key})
    assert bad.status_code == 400
    assert (await remembered(api, town, key, "now right")).status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256])
async def test_a_key_that_cannot_be_one_is_refused(api: httpx.AsyncClient, town: Town, key: str) -> None:
    answer = await api.post(
        "/v1/memories",
        json={"content": "x"},
        headers={b"authorization": f"Bearer {town.owner}".encode(), KEY.encode(): key.encode()},
    )
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid.idempotency_key"


async def test_the_answer_is_kept_sealed(api: httpx.AsyncClient, town: Town, admin: Any) -> None:
    key = uuid4().hex
    body = {"name": "kept", "user_id": str(town.owner_id), "scopes": ["memories:read"]}
    first = await call(api, "POST", "/api-keys", town.owner, body, **{KEY: key})
    again = await call(api, "POST", "/api-keys", town.owner, body, **{KEY: key})
    assert first.status_code == 201
    assert again.json()["key"] == first.json()["key"]
    kept = await admin.fetch(
        "SELECT answer FROM idempotency_keys WHERE organization_id = $1", town.ctx.principal.organization_id
    )
    assert kept
    assert not any(first.json()["key"] in row["answer"] or key in row["answer"] for row in kept)


async def test_an_answer_is_kept_for_a_day(api: httpx.AsyncClient, town: Town, admin: Any) -> None:
    key, content = uuid4().hex, f"a day {uuid4()}"
    first = await remembered(api, town, key, content)
    await admin.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '25 h' WHERE organization_id = $1",
        town.ctx.principal.organization_id,
    )
    again = await remembered(api, town, key, content)
    assert again.json() != first.json()
    assert await count(api, town, content) == 2


async def test_etags_travel_with_the_answer(api: httpx.AsyncClient, town: Town) -> None:
    key, body = uuid4().hex, {"title": "kept", "user_id": str(town.owner_id)}
    first = await call(api, "POST", "/tasks", town.owner, body, **{KEY: key})
    again = await call(api, "POST", "/tasks", town.owner, body, **{KEY: key})
    assert first.headers["etag"] == again.headers["etag"] == '"1"'


@pytest.mark.parametrize("route", [one for one in CHANGES if one.verb not in OPEN], ids=lambda one: one.verb)
async def test_every_verb_that_changes_can_be_called_so(api: httpx.AsyncClient, town: Town, route: Route) -> None:
    headers, path, fields = {KEY: uuid4().hex}, path_of(route, town.ids), asked(route, town)
    first = await call(api, route.method, path, town.owner, fields, **headers)
    again = await call(api, route.method, path, town.owner, fields, **headers)
    assert first.status_code < 500, first.text
    if first.status_code < 300:
        assert (again.status_code, again.text) == (first.status_code, first.text)
        assert again.headers["idempotency-replayed"] == "true"
