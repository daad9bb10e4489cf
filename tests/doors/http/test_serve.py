"""`mnemon serve` as a process: how it begins, what it refuses, how it ends, and what is left when it is killed."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from mnemon.core.errors import Invalid
from mnemon.doors.http.options import ServeOptions
from mnemon.doors.http.serve import Tls, refuse_open
from tests.conftest import APP, Server
from tests.factories import new_slug
from tests.patience import PATIENCE

from .serving import Process, first_key, free_port, served


@pytest.fixture
def environment(server: Server, template: str) -> dict[str, str]:
    """The shared database, and an organisation that nobody has come into."""
    return {"DATABASE_URL": server.url(APP), "MNEMON_ORGANIZATION": new_slug(), "NO_COLOR": "1"}


def client_for(running: Process, key: str) -> httpx.AsyncClient:
    """A client of a server, with a key."""
    headers = {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=f"{running.url}/v1", headers=headers, timeout=PATIENCE)


async def test_the_first_administrator_comes_in_once(environment: dict[str, str]) -> None:
    async with served(environment) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as nobody:
            form = await nobody.get(f"/setup?token={running.token}")
            assert form.status_code == 200
            assert running.token in form.text
            assert "default-src 'none'" in form.headers["content-security-policy"]
            assert (await nobody.get("/setup?token=guessed")).status_code == 404
            assert (await nobody.get("/v1/memories")).status_code == 401
        key = await first_key(running)
        async with client_for(running, key) as client:
            made = await client.post("/memories", json={"content": "I moved to Lisbon in May", "user": "ada"})
            assert made.status_code == 201
            assert (await client.get("/roles")).status_code == 200
            again = await client.post("/setup", json={"token": running.token, "email": "two@example.org"})
            assert again.status_code == 404
        assert await running.stop() == 0
    async with served(environment) as running:
        assert not any("setup" in line for line in running.said)


async def test_it_stops_when_what_runs_is_finished(environment: dict[str, str], admin: Any) -> None:
    async with served(environment) as running:
        key = await first_key(running)
        async with client_for(running, key) as client:
            await client.post("/memories", json={"content": "warm"})
            await admin.execute("BEGIN")
            await admin.execute("LOCK TABLE memories IN SHARE MODE")
            writing = asyncio.create_task(client.post("/memories", json={"content": "while it stops"}))
            await _waits(admin)
            stopping = asyncio.create_task(running.stop())
            await asyncio.sleep(0.5)
            assert not writing.done()
            await admin.execute("COMMIT")
            assert (await writing).status_code == 201
            assert await stopping == 0


async def _waits(admin: Any) -> None:
    """Wait until somebody waits for the table that is locked."""
    async with asyncio.timeout(PATIENCE):
        while not await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _count(client: httpx.AsyncClient, content: str) -> int:
    page = await client.get("/memories", params={"limit": 1000})
    return sum(item["content"] == content for item in page.json()["items"])


async def test_killed_in_the_middle_it_is_done_once(environment: dict[str, str], admin: Any) -> None:
    headers, content = {"idempotency-key": uuid4().hex}, f"once {uuid4()}"
    body = {"content": content, "dedupe": False}
    async with served(environment) as running:
        key = await first_key(running)
        async with client_for(running, key) as client:
            await client.post("/memories", json={"content": "warm"})
            await admin.execute("BEGIN")
            await admin.execute("LOCK TABLE memories IN SHARE MODE")
            writing = asyncio.create_task(client.post("/memories", json=body, headers=headers))
            await _waits(admin)
            running.kill()
            with pytest.raises(httpx.TransportError):
                await writing
            await admin.execute("COMMIT")
    async with served(environment) as running, client_for(running, key) as client:
        first = await client.post("/memories", json=body, headers=headers)
        again = await client.post("/memories", json=body, headers=headers)
        assert first.status_code == again.status_code == 201
        assert first.json() == again.json()
        assert await _count(client, content) == 1


async def test_killed_at_any_moment_it_is_done_once(environment: dict[str, str]) -> None:
    calls, answers = {uuid4().hex: f"any {uuid4()}" for _ in range(40)}, dict[str, Any]()
    key = ""
    chance = random.Random(7)
    for _ in range(3):
        async with served(environment) as running:
            key = key or await first_key(running)
            async with client_for(running, key) as client:

                async def remember(name: str, client: httpx.AsyncClient = client) -> None:
                    body = {"content": calls[name], "dedupe": False}
                    try:
                        answer = await client.post("/memories", json=body, headers={"idempotency-key": name})
                    except httpx.TransportError:
                        return
                    assert answer.status_code == 201
                    assert answers.setdefault(name, answer.json()) == answer.json()

                writing = [asyncio.create_task(remember(name)) for name in calls]
                await asyncio.sleep(chance.uniform(0.05, 0.6))
                running.kill()
                await asyncio.gather(*writing)
    async with served(environment) as running, client_for(running, key) as client:
        for name, content in calls.items():
            body = {"content": content, "dedupe": False}
            answer = await client.post("/memories", json=body, headers={"idempotency-key": name})
            assert answers.setdefault(name, answer.json()) == answer.json()
        page = await client.get("/memories", params={"limit": 1000})
        contents = [item["content"] for item in page.json()["items"]]
        assert sorted(contents) == sorted(calls.values())


async def test_restarted_under_its_clients_it_loses_nothing(environment: dict[str, str]) -> None:
    port, clients, each = free_port(), 100, 3
    over = asyncio.Event()

    async def remember(client: httpx.AsyncClient, content: str) -> None:
        headers, body = {"idempotency-key": uuid4().hex}, {"content": content, "dedupe": False}
        while True:  # as a client does: the same call again until it has its answer
            try:
                answer = await client.post("/memories", json=body, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code == 201:
                return
            assert answer.status_code in {429, 503}, answer.text
            await asyncio.sleep(0.1)

    async def work(client: httpx.AsyncClient, name: int) -> None:
        for n in range(each):
            await remember(client, f"client {name}, {n}")
            if n == 0 and name == clients // 2:
                over.set()

    async with served(environment, port=port) as running:
        key = await first_key(running)
        limits = httpx.Limits(max_connections=clients)
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(
            base_url=f"{running.url}/v1", headers=headers, timeout=PATIENCE, limits=limits
        ) as client:
            working = [asyncio.create_task(work(client, name)) for name in range(clients)]
            await over.wait()
            assert await running.stop() == 0
            async with served(environment, port=port):
                await asyncio.gather(*working)
                page = await client.get("/memories", params={"limit": 1000})
                contents = [item["content"] for item in page.json()["items"]]
                assert sorted(contents) == sorted(f"client {a}, {n}" for a in range(clients) for n in range(each))


@pytest.mark.parametrize(
    ("options", "tls", "code"),
    [
        ({"host": "::"}, Tls(), "invalid.no_tls"),
        ({"host": "192.0.2.1", "trust_loopback": True}, Tls(in_front=True), "invalid.trust_loopback"),
        ({"trust_loopback": True}, Tls(in_front=True), "invalid.trust_loopback"),
        ({}, Tls(certificate=Path("a.pem")), "invalid.certificate"),
    ],
)
def test_it_refuses_to_listen_where_it_must_not(options: dict[str, Any], tls: Tls, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        refuse_open(ServeOptions(**options), tls)
    assert caught.value.code == code


def test_it_listens_where_it_may() -> None:
    refuse_open(ServeOptions(), Tls())
    refuse_open(ServeOptions(trust_loopback=True), Tls())
    refuse_open(ServeOptions(host="::"), Tls(in_front=True))


async def test_several_processes_serve_one_port(environment: dict[str, str]) -> None:
    async with served(environment, "--workers", "2") as running:
        key = await first_key(running)
        async with client_for(running, key) as client:
            answers = await asyncio.gather(*(client.post("/memories", json={"content": f"n {n}"}) for n in range(20)))
            assert {answer.status_code for answer in answers} == {201}
        assert await running.stop() == 0
