"""Who may come in over HTTP, and whose memory they see."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from mcp import Client, MCPError

from mnemon import AsyncMemory
from mnemon.core.settings import load_settings
from mnemon.doors.mcp.server import TOOLS
from tests.conftest import APP, Server
from tests.doors.mcp.conftest import http
from tests.doors.mcp.test_tools import call, refused
from tests.factories import new_slug
from tests.serving import acting, key_of, serving

ASKED: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "timeline", "arguments": {}},
}
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


async def raw(address: str, key: str | None, *, headers: dict[str, str] | None = None, **asked: Any) -> httpx.Response:
    sent = HEADERS | ({"Authorization": f"Bearer {key}"} if key else {}) | (headers or {})
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(f"{address}/mcp", json=ASKED | asked, headers=sent)


async def test_whoever_is_not_known_is_told_what_to_bring(memory: AsyncMemory, address: str) -> None:
    ended = await key_of(memory)
    await memory.keys.revoke(ended.id)
    over = await key_of(memory, expires_at=datetime.now(UTC) + timedelta(seconds=0.05))
    for key in (None, "mnk_" + "x" * 43, ended.key.get_secret_value(), over.key.get_secret_value(), "password"):
        if key == over.key.get_secret_value():
            await asyncio.sleep(0.1)
        response = await raw(address, key)
        assert response.status_code == 401
        assert response.headers["content-type"] == "application/problem+json"
        where = response.headers["www-authenticate"].partition('resource_metadata="')[2].rstrip('"')
        async with httpx.AsyncClient() as client:
            told = (await client.get(where)).json()
        assert told["resource"] == f"{address}/mcp"
        assert told["bearer_methods_supported"] == ["header"]


async def test_nobody_sees_another_organisations(house: AsyncMemory, memory: AsyncMemory, address: str) -> None:
    mine = (await key_of(memory)).key.get_secret_value()
    other = (await key_of(await house.organization(new_slug()))).key.get_secret_value()
    async with Client(http(address, mine)) as me, Client(http(address, other)) as stranger:
        (secret,) = (await call(me, "remember", content="The safe opens with 4711."))["ids"]
        assert (await call(stranger, "search", query="How does the safe open?"))["memories"] == []
        assert (await call(stranger, "timeline"))["memories"] == []
        assert "not_found" in await refused(stranger, "correct", id=secret, content="Mine.")
        assert "not_found" in await refused(stranger, "forget", ids=[secret])
        with pytest.raises(MCPError, match="no message or memory"):
            await stranger.read_resource(f"mnemon://memory/{secret}")
        assert len((await call(me, "timeline"))["memories"]) == 1


async def test_each_tool_as_everybody(house: AsyncMemory, memory: AsyncMemory, address: str) -> None:
    """Each tool, resource and prompt as six callers: those of the organisation alone get anywhere."""
    entity = (await memory.graph.ensure("person", name="Rosa")).entity
    mine = await key_of(memory)
    (kept,) = (await (await acting(memory, mine)).remember("The safe opens with 4711.", conversation="safe")).ids
    await memory.facts.record("Rosa", predicate="knows", object="the number 4711")
    arguments: dict[str, dict[str, Any]] = {
        "remember": {"content": "x"},
        "recall": {"query": "How does the safe open?"},
        "search": {"query": "How does the safe open?"},
        "facts_about": {"subject": "Rosa"},
        "entity": {"name": entity.name},
        "correct": {"id": str(kept), "content": "Mine."},
        "forget": {"ids": [str(kept)]},
    }
    ended = await key_of(memory)
    await memory.keys.revoke(ended.id)
    over = await key_of(memory, expires_at=datetime.now(UTC) + timedelta(seconds=0.05))
    await asyncio.sleep(0.1)
    stranger = (await key_of(await house.organization(new_slug()))).key
    callers = {
        "nobody": None,
        "a stranger": stranger.get_secret_value(),
        "without the permission": (await key_of(memory, "notifications:read")).key.get_secret_value(),
        "revoked": ended.key.get_secret_value(),
        "expired": over.key.get_secret_value(),
    }
    resources = (f"mnemon://memory/{kept}", "mnemon://conversation/safe")
    asked = [("tools/call", {"name": tool, "arguments": arguments.get(tool, {})}) for tool in TOOLS]
    asked += [("resources/read", {"uri": uri}) for uri in resources]
    through = []
    for who, key in callers.items():
        for method, params in asked:
            response = await raw(address, key, method=method, params=params)
            if "4711" in response.text or str(entity.id) in response.text:
                through.append((who, params))
            if who == "without the permission" and method == "tools/call":
                assert "forbidden.permission" in response.text, params
            elif who != "a stranger":
                assert response.status_code == 401 or "forbidden.permission" in response.text, (who, params)
    assert through == [], f"{len(through)} of {len(callers) * len(asked)} attempts"
    assert [item.content for item in (await memory.list()).items] == ["The safe opens with 4711."]
    own = mine.key.get_secret_value()
    for method, params in asked:
        if params.get("name") not in {"correct", "forget"}:
            response = await raw(address, own, method=method, params=params)
            assert response.status_code == 200, params
            assert "error" not in response.json(), params
            assert not response.json()["result"].get("isError"), params


async def test_a_page_of_somewhere_else_is_nobody(address: str, memory: AsyncMemory) -> None:
    """Not by its address, nor by a session of MCP: each call brings its key."""
    key = (await key_of(memory)).key.get_secret_value()
    assert (await raw(address, None, headers={"Origin": "https://evil.example"})).status_code == 401
    good = await raw(address, key)
    assert good.status_code == 200
    session = good.headers.get("mcp-session-id")
    assert session is None
    assert (await raw(address, None, headers={"Mcp-Session-Id": "1"})).status_code == 401


async def test_what_is_no_call_is_refused(address: str, memory: AsyncMemory) -> None:
    key = (await key_of(memory)).key.get_secret_value()
    sent = HEADERS | {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(headers=sent) as client:
        for content in (b"", b"{", b"[]", b'{"jsonrpc": "2.0"}', b"\xff" * 100, b"[" * 100_000):
            response = await client.post(f"{address}/mcp", content=content)
            assert 400 <= response.status_code < 500, content[:20]
        big = await client.post(f"{address}/mcp", content=b" " * 9_000_000)
        assert big.status_code == 413
        assert (await client.put(f"{address}/mcp", content=b"{}")).status_code in {404, 405}
        assert (await client.post(f"{address}/mcp", json=ASKED)).status_code == 200


async def test_calls_are_counted_and_noted_as_those_of_http_are(
    server: Server, template: str, memory: AsyncMemory
) -> None:
    key = (await key_of(memory)).key.get_secret_value()
    opened = load_settings(database_url=server.url(APP), organization="paced")
    with serving(opened, per_minute=3) as address:
        statuses = [(await raw(address, key)).status_code for _ in range(5)]
        assert statuses[:3] == [200, 200, 200]
        assert 429 in statuses
        late = await raw(address, key)
        assert int(late.headers["retry-after"]) > 0
        assert (await raw(address, None)).status_code == 401
    noted = {(one.method, one.route): one for one in (await memory.logs.requests()).routes}
    assert noted["POST", "/mcp"].count == 6
    assert noted["POST", "/mcp"].client_errors >= 1
