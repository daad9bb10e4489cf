"""What calls get: pages, versions, texts, lines, problems that tell nothing they should not, and notes of each."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from mnemon.app import App
from mnemon.doors.http.app import create
from mnemon.doors.http.options import ServeOptions
from mnemon.operations import service as operations
from tests.patience import PATIENCE

from .conftest import client_of
from .world import Town, call, found


@pytest_asyncio.fixture(scope="session")
async def town(opened: App) -> Town:
    """An organisation."""
    return await found(opened)


async def test_the_memory_in_three_calls(api: httpx.AsyncClient, town: Town) -> None:
    made = await call(api, "POST", "/memories", town.owner, {"content": "I moved to Lisbon in May", "user": "ada"})
    assert made.status_code == 201
    hits = await call(api, "POST", "/recall", town.owner, {"query": "Where does Ada live?", "user": "ada"})
    assert hits.json()["hits"][0]["item"]["id"] == made.json()["ids"][0]
    text = await call(api, "POST", "/recall", town.owner, {"query": "Where?", "user": "ada"}, accept="text/plain")
    assert text.headers["content-type"].startswith("text/plain")
    assert "I moved to Lisbon in May" in text.text


async def test_shapes_of_the_library_are_taken(api: httpx.AsyncClient, town: Town) -> None:
    body: dict[str, Any] = {
        "content": [{"role": "user", "content": "We ship on Friday."}, {"role": "assistant", "content": "Noted."}],
        "conversation": "standup",
        "user": "bo",
    }
    made = await call(api, "POST", "/memories", town.owner, body)
    assert made.json()["created"] == 2
    page = await call(api, "GET", "/memories", town.owner, {"conversation": "standup", "kinds": ["message"]})
    assert {item["role"] for item in page.json()["items"]} == {"assistant", "user"}


async def test_times_without_a_zone_are_the_persons(api: httpx.AsyncClient, town: Town) -> None:
    zone = {"user": "kei", "timezone": "Asia/Tokyo"}
    assert (await call(api, "PUT", "/timezones", town.owner, zone)).status_code == 204
    body = {"content": "tea", "user": "kei", "at": "2026-05-01 09:00"}
    made = await call(api, "POST", "/memories", town.owner, body)
    item = await call(api, "GET", f"/memories/{made.json()['ids'][0]}", town.owner)
    assert item.json()["at"] == "2026-05-01T00:00:00Z"


async def test_pages_lead_to_each_other(api: httpx.AsyncClient, town: Town) -> None:
    for n in range(5):
        await call(api, "POST", "/memories", town.owner, {"content": f"page {n}", "user": "pat"})
    seen, path = [], "/v1/memories?user=pat&limit=2"
    while path:
        answer = await api.get(path, headers={"authorization": f"Bearer {town.owner}"})
        seen += [item["content"] for item in answer.json()["items"]]
        link = answer.links.get("next")
        path = str(link["url"]) if link else ""
    assert seen == [f"page {n}" for n in reversed(range(5))]


async def test_a_version_guards_a_change(api: httpx.AsyncClient, town: Town) -> None:
    made = await call(api, "POST", "/tasks", town.owner, {"title": "one", "user_id": str(town.owner_id)})
    path, tag = f"/tasks/{made.json()['id']}", made.headers["etag"]
    assert (await call(api, "GET", path, town.owner, **{"if-none-match": tag})).status_code == 304
    changed = await call(api, "PATCH", path, town.owner, {"title": "two"}, **{"if-match": tag})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    late = await call(api, "PATCH", path, town.owner, {"title": "three"}, **{"if-match": tag})
    assert late.status_code == 412
    assert late.json()["code"] == "conflict.precondition"
    assert (late.json()["expected_version"], late.json()["current_version"]) == (1, 2)
    wrong = await call(api, "PATCH", path, town.owner, {"title": "three"}, **{"if-match": "two"})
    assert wrong.json()["code"] == "invalid.if_match"


async def test_lines_have_an_answer_each(api: httpx.AsyncClient, town: Town) -> None:
    lines: list[Any] = [{"content": f"line {n}", "user": "lin"} for n in range(700)]
    lines[3] = {"content": ""}
    lines[4] = {"content": "said", "role": "user", "conversation": "lines"}
    content = b"\n".join(json.dumps(line).encode() for line in lines) + b"\n{not json\n\n"
    answer = await api.post(
        "/v1/memories",
        content=content,
        headers={"authorization": f"Bearer {town.owner}", "content-type": "application/x-ndjson"},
    )
    assert answer.status_code == 200
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["line"] for line in told] == list(range(1, 702))
    assert [line["line"] for line in told if "error" in line] == [4, 701]
    assert told[3]["error"]["code"] == "invalid.content_empty"
    assert len({line["id"] for line in told if "id" in line}) == 699


@pytest.mark.parametrize(
    ("method", "path", "content", "kind", "status", "code"),
    [
        ("POST", "/memories", b"{", "application/json", 400, "invalid.json"),
        ("POST", "/memories", b'{"content": NaN}', "application/json", 400, "invalid.json"),
        ("POST", "/memories", b"[" * 100_000, "application/json", 400, "invalid.json"),
        ("POST", "/memories", b'{"metadata": ' + b"[" * 80 + b"]" * 80 + b"}", "", 400, "invalid.json_too_deep"),
        ("POST", "/memories", b"<a/>", "application/xml", 415, "invalid.media_type"),
        ("POST", "/memories", b"{}", "application/json", 400, "invalid.content"),
        (
            "POST",
            "/memories",
            b'{"content": "' + b"x" * 2**23 + b'"}',
            "application/json",
            413,
            "invalid.too_large",
        ),
        ("POST", "/memories", b'{"content": "x", "colour": 1}', "application/json", 400, "invalid.unknown_field"),
        ("POST", "/recall", b'{"query": "x", "usr": "a"}', "application/json", 400, "invalid.unknown_field"),
        ("GET", "/memories?limit=0", b"", "", 400, "invalid.greater_than_equal"),
        ("GET", "/memories?cursor=zzz", b"", "", 400, "invalid.cursor"),
        ("GET", "/nothing", b"", "", 404, "not_found.path"),
        ("GET", "/memories/", b"", "", 404, "not_found.path"),
        ("GET", f"/memories/{UUID(int=7)}", b"", "", 404, "not_found.memory"),
        ("PUT", "/memories", b"", "", 405, "invalid.method"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_what_is_wrong_is_said(
    api: httpx.AsyncClient, town: Town, method: str, path: str, content: bytes, kind: str, status: int, code: str
) -> None:
    headers = {"authorization": f"Bearer {town.owner}", "content-type": kind}
    answer = await api.request(method, f"/v1{path}", content=content, headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["status"] == status
    if status == 405:
        assert answer.headers["allow"] == "GET, POST"


async def test_an_id_of_the_callers_own_is_kept(api: httpx.AsyncClient, town: Town) -> None:
    answer = await call(api, "GET", "/memories", town.owner, **{"x-request-id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    odd = await call(api, "GET", "/memories", town.owner, **{"x-request-id": "a b<c>"})
    assert odd.headers["x-request-id"] != "a b<c>"


SECRET = uuid4().hex


def failing(opened: App) -> FastAPI:
    """An application with a route that breaks in a way that nobody expected."""
    api = create(opened.settings, ServeOptions(per_minute=0, request_seconds=0.5), app=opened)

    async def broken() -> None:
        raise RuntimeError(f"postgresql://owner:{SECRET}@db/house SELECT * FROM users")

    async def slow() -> None:
        await asyncio.sleep(PATIENCE)

    api.add_api_route("/broken", broken)
    api.add_api_route("/slow", slow)
    return api


async def test_what_nobody_expected_tells_nothing(opened: App) -> None:
    async for client in client_of(failing(opened)):
        broken = await client.get("/broken")
        assert broken.status_code == 500
        assert broken.json()["code"] == "unexpected"
        assert not any(word in broken.text for word in (SECRET, "SELECT", "Traceback", "RuntimeError"))
        slow = await client.get("/slow")
        assert (slow.status_code, slow.json()["code"]) == (503, "unavailable.time_limit")


async def test_calls_are_noted_by_their_route(opened: App, admin: Any) -> None:
    town = await found(opened)
    api = create(opened.settings, ServeOptions(per_minute=0), app=opened)
    async for client in client_of(api):
        await call(client, "GET", f"/memories/{uuid4()}", town.owner, {"as_of": "2026-01-01T00:00:00Z"})
        await call(client, "POST", "/memories", town.owner, {"content": "noted"})
        await client.get("/v1/memories", headers={"authorization": "Bearer mnk_none"})
    rows = await admin.fetch(
        "SELECT method, route, status_code, error_code, api_key_id, user_id, response_bytes FROM api_requests "
        "WHERE organization_id = $1 ORDER BY timestamp",
        town.ctx.principal.organization_id,
    )
    assert [tuple(row)[:4] for row in rows] == [
        ("GET", "/v1/memories/{item_id}", 404, "not_found.memory"),
        ("POST", "/v1/memories", 201, None),
    ]
    assert all(row["api_key_id"] and row["user_id"] == town.owner_id and row["response_bytes"] for row in rows)
    statistics = await operations.request_statistics(town.ctx)
    assert sum(route.count for route in statistics.routes) == 2


async def test_errors_that_nobody_expected_are_noted(opened: App, admin: Any) -> None:
    async for client in client_of(failing(opened)):
        answer = await client.get("/broken")
    rows = await admin.fetch("SELECT * FROM error_logs WHERE request_id = $1", answer.headers["x-request-id"])
    assert len(rows) == 1
    assert rows[0]["message"] == "RuntimeError"
    assert "broken" in rows[0]["stack_trace"]
    assert SECRET not in str(dict(rows[0]))


async def test_too_many_calls_are_told_to_wait(opened: App) -> None:
    town = await found(opened)
    async for client in client_of(create(opened.settings, ServeOptions(per_minute=5), app=opened)):
        answers = [await call(client, "GET", "/memories", town.owner) for _ in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert answers[-1].json()["code"] == "invalid.too_many"
        other = await found(opened)
        assert (await call(client, "GET", "/memories", other.owner)).status_code == 200


async def test_measurements_have_routes_and_no_ids(api: httpx.AsyncClient, town: Town) -> None:
    own = uuid4()
    await call(api, "GET", f"/memories/{own}", town.owner)
    text = (await api.get("/metrics")).text
    assert 'route="/v1/memories/{item_id}"' in text
    assert str(own) not in text
    assert (await api.get("/livez")).json() == {"status": "ok"}
    assert (await api.get("/readyz")).json() == {"status": "ok", "database": True}


async def test_this_machine_is_trusted_only_where_that_is_said(near: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    assert (await near.get("/v1/memories")).status_code == 200
    assert (await api.get("/v1/memories")).status_code == 401
    for header, value in (
        ("x-forwarded-for", "192.0.2.1"),
        ("origin", "https://evil.example"),
        ("host", "evil.example"),
        ("sec-fetch-site", "cross-site"),
    ):
        answer = await near.get("/v1/memories", headers={header: value})
        assert answer.status_code == 401, header


async def test_the_progress_of_a_job_is_told(api: httpx.AsyncClient, opened: App, town: Town) -> None:
    made = await call(api, "POST", "/jobs", town.owner, {"kind": "tests.none"})
    assert made.status_code == 202
    path = made.headers["location"]
    assert (await api.get(path, headers={"authorization": f"Bearer {town.owner}"})).json()["status"] == "queued"
    await call(api, "POST", f"{path.removeprefix('/v1')}/cancel", town.owner)
    events = await api.get(f"{path}/events", headers={"authorization": f"Bearer {town.owner}"})
    assert events.headers["content-type"].startswith("text/event-stream")
    assert '"status":"cancelled"' in events.text
    stranger = await found(opened)
    refused = await api.get(f"{path}/events", headers={"authorization": f"Bearer {stranger.owner}"})
    assert refused.status_code == 404
