"""What HTTP adds to a call of the library, and how many calls a second it answers beside a bare FastAPI route."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import Report
from bench.server import server
from mnemon import AsyncMemory
from mnemon.identity import service as identity
from mnemon.identity.schemas import UserCreate
from mnemon.identity.schemas_access import ApiKeyCreate, RoleAssign

MEMORIES = 2000
_BARE = """
from fastapi import FastAPI
import uvicorn
app = FastAPI()
@app.get("/memories/{item_id}")
async def get(item_id: str) -> dict[str, str]:
    return {"id": item_id, "content": "x" * 500}
uvicorn.run(app, port=PORT, log_level="critical", access_log=False)
"""


async def run(report: Report, *, calls: int, seconds: float, work: Path | None) -> None:
    """Measure one after the other: the library and HTTP by turns, then calls a second."""
    async with server(report, work=work) as own, own.memory(auto_maintenance=False) as memory:
        ids = await _fill(memory)
        key, port = await _key(memory), _free_port()
        command = ["-m", "mnemon", "--data-dir", str(own.data_dir), "serve", "--no-worker", "--per-minute", "0"]
        with _process(command, port):
            await _compare(report, memory, ids, key, port, calls)
            await _rates(report, ids[0], key, port, seconds)


async def _fill(memory: AsyncMemory) -> list[str]:
    texts = [f"Note {n}: box {n % 97} stands in room {n % 13} since week {n % 52}." for n in range(MEMORIES)]
    return [str(one) for one in (await memory.remember(texts, user="ada")).ids]


async def _key(memory: AsyncMemory) -> str:
    ctx = await memory.open()
    user = await identity.create_user(ctx, UserCreate(email="bench@example.org"))
    await identity.assign_role(ctx, RoleAssign(user_id=user.id, role="owner"))
    made = await identity.create_api_key(ctx, ApiKeyCreate(name="bench", user_id=user.id, scopes=("*",)))
    return made.key.get_secret_value()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def _process(command: list[str], port: int) -> Any:
    """Run a server for the length of the block; it listens when that begins."""
    own = ["--port", str(port)] if command[0] == "-m" else []
    process = subprocess.Popen([sys.executable, *command, *own], stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


class Client:
    """A client that costs little: one connection, kept open."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port)
        self._connection.connect()
        assert self._connection.sock is not None
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> bytes:
        """One call, which has to go well."""
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, content, self._headers)
        answer = self._connection.getresponse()
        told = answer.read()
        assert answer.status < 300, told
        return told


async def _compare(report: Report, memory: AsyncMemory, ids: list[str], key: str, port: int, calls: int) -> None:
    client = Client(port, key)
    numbers = iter(range(10**9))
    question = "Where does box 42 stand?"

    async def library(kind: str, n: int) -> None:
        if kind == "get":
            await memory.get(ids[n % len(ids)])
        elif kind == "remember":
            await memory.remember(f"Said {next(numbers)} in the library.", user="bo")
        else:
            await memory.recall(question, user="ada", k=10)

    def http(kind: str, n: int) -> None:
        if kind == "get":
            client.call("GET", f"/v1/memories/{ids[n % len(ids)]}")
        elif kind == "remember":
            client.call("POST", "/v1/memories", {"content": f"Said {next(numbers)} over HTTP.", "user": "bo"})
        else:
            client.call("POST", "/v1/recall", {"query": question, "user": "ada", "k": 10})

    rows = []
    for kind in ("get", "remember", "recall"):
        own, over = list[float](), list[float]()
        for n in range(calls + 50):  # the first of them warm both up
            began = time.perf_counter()
            await library(kind, n)
            middle = time.perf_counter()
            http(kind, n)
            own.append(middle - began)
            over.append(time.perf_counter() - middle)
        first, second = (float(np.median(one[50:])) * 1000 for one in (own, over))
        rows.append((kind, f"{first:.2f}", f"{second:.2f}", f"{second - first:+.2f}"))
        report.numbers[kind] = {"library_ms": first, "http_ms": second, "added_ms": second - first}
    report.table(f"Medians of {calls} calls by turns, ms", ("call", "library", "HTTP", "added"), rows)


async def _rates(report: Report, item: str, key: str, port: int, seconds: float) -> None:
    own = await asyncio.to_thread(_rate, port, key, f"/v1/memories/{item}", seconds)
    bare_port = _free_port()
    with _process(["-c", _BARE.replace("PORT", str(bare_port))], bare_port):
        bare = await asyncio.to_thread(_rate, bare_port, key, f"/memories/{item}", seconds)
    rows = [("GET /v1/memories/{id}", f"{own:,.0f}"), ("a bare FastAPI route", f"{bare:,.0f}")]
    report.table("Calls a second, one process, 8 connections on the same two cores", ("", "calls/s"), rows)
    report.numbers["rates"] = {"get": own, "bare": bare}


def _rate(port: int, key: str, path: str, seconds: float) -> float:
    """Calls a second of eight clients at once."""
    counts, ends = [0] * 8, time.perf_counter() + seconds

    def ask(place: int) -> None:
        client = Client(port, key)
        while time.perf_counter() < ends:
            client.call("GET", path)
            counts[place] += 1

    threads: list[threading.Thread] = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    work: list[Callable[[], None]] = [thread.start for thread in threads] + [thread.join for thread in threads]
    for step in work:
        step()
    return sum(counts) / seconds
