"""Who may come in over HTTP, and whose memory they see."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from mcp import Client, MCPError

from mnemon import AsyncMemory
from mnemon.doors.mcp.server import TOOLS
from tests.doors.mcp.conftest import http
from tests.doors.mcp.test_tools import call, refused
from tests.factories import new_slug
from tests.serving import key_of

ASKED = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "timeline", "arguments": {}},
}
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


async def raw(address: str, key: str | None, **headers: str) -> httpx.Response:
    sent = HEADERS | ({"Authorization": f"Bearer {key}"} if key else {}) | headers
    async with httpx.AsyncClient() as client:
        return await client.post(f"{address}/mcp", json=ASKED, headers=sent)


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


async def test_without_the_permission_nothing_is_done(memory: AsyncMemory, address: str) -> None:
    key = (await key_of(memory, "agents:read")).key.get_secret_value()
    arguments: dict[str, dict[str, Any]] = {
        "remember": {"content": "x"},
        "recall": {"query": "x"},
        "search": {"query": "x"},
        "facts_about": {"subject": "x"},
        "entity": {"name": "x"},
        "correct": {"id": "00000000-0000-0000-0000-000000000001", "content": "x"},
        "forget": {"ids": ["00000000-0000-0000-0000-000000000001"]},
    }
    async with Client(http(address, key)) as client:
        for tool in TOOLS:
            assert "forbidden.permission" in await refused(client, tool, **arguments.get(tool, {})), tool


async def test_a_page_of_somewhere_else_is_nobody(address: str, memory: AsyncMemory) -> None:
    """Not by its address, nor by a session of MCP: each call brings its key."""
    key = (await key_of(memory)).key.get_secret_value()
    assert (await raw(address, None, Origin="https://evil.example")).status_code == 401
    good = await raw(address, key)
    assert good.status_code == 200
    session = good.headers.get("mcp-session-id")
    assert session is None
    assert (await raw(address, None, **{"Mcp-Session-Id": "1"})).status_code == 401


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
