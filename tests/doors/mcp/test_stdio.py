"""The process that a client starts: what it writes, and what is left when it is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

from mcp import Client, StdioServerParameters

from mnemon import AsyncMemory
from mnemon.core.settings import load_settings
from tests.conftest import APP, Server
from tests.doors.mcp.test_tools import call
from tests.patience import PATIENCE
from tests.serving import key_of, serving


async def started(parameters: StdioServerParameters) -> Process:
    return await asyncio.create_subprocess_exec(
        parameters.command, *parameters.args, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=parameters.env
    )


def line(number: int, method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


HELLO = (
    line(0, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "a test", "version": "1"})
    + json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode()
    + b"\n"
)


async def test_nothing_but_the_protocol_is_written_and_the_end_is_clean(stdio: StdioServerParameters) -> None:
    process = await started(stdio)
    said, complaints = await asyncio.wait_for(
        process.communicate(HELLO + line(1, "tools/call", name="remember", arguments={"content": "It rained."})),
        PATIENCE,
    )
    answers = [json.loads(one) for one in said.decode().splitlines()]
    assert {one["id"] for one in answers} >= {0}
    assert all(one["jsonrpc"] == "2.0" for one in answers)
    assert b"Traceback" not in complaints, complaints
    assert process.returncode == 0


async def test_a_process_that_is_killed_keeps_what_it_acknowledged(stdio: StdioServerParameters) -> None:
    process = await started(stdio)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(HELLO)
    acknowledged: list[str] = []
    for number in range(1, 400):
        content = f"Thing number {number}."
        process.stdin.write(line(number, "tools/call", name="remember", arguments={"content": content}))
    while len(acknowledged) < 20:
        answer = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))
        if answer["id"]:
            assert not answer["result"].get("isError"), answer
            acknowledged.append(f"Thing number {answer['id']}.")
    os.kill(process.pid, signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    async with Client(stdio) as client:
        kept: list[str] = []
        cursor = None
        while True:
            page = await call(client, "timeline", limit=100, cursor=cursor, token_budget=100_000)
            kept += [one["content"] for one in page["memories"]]
            if (cursor := page.get("next_cursor")) is None:
                break
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept)), "nothing is there twice"


async def test_a_server_through_standard_input(server: Server, template: str, memory: AsyncMemory) -> None:
    key = (await key_of(memory)).key.get_secret_value()
    with serving(load_settings(database_url=server.url(APP), organization="through")) as address:
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["-m", "mnemon", "mcp", "--server", address],
            env={"MNEMON_API_KEY": key, "PATH": os.environ["PATH"]},
        )
        async with Client(parameters) as client:
            await call(client, "remember", content="It rained.")
            assert (await call(client, "timeline"))["memories"][0]["content"] == "It rained."
    assert [item.content for item in (await memory.list()).items] == ["It rained."]
