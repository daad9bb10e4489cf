"""A worker process that is killed while it sends: every delivery arrives, under one id, and none is lost."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core.crypto import new_secret_key
from mnemon.integrations import service
from mnemon.integrations.schemas_webhooks import ListDeliveries, RegisterWebhook
from mnemon.memory import service as memory
from mnemon.memory.schemas import NewMemory, Remember
from tests.conftest import WORKER, Server
from tests.factories import with_settings
from tests.integrations.receivers import Receiver, receiving, says

from .conftest import DATABASE, until

ROOT = Path(__file__).resolve().parents[2]
MEMORIES = 30


@pytest.fixture
def keyed(ctx: Context) -> Context:
    return with_settings(ctx, secret_key=SecretStr(new_secret_key()))


def spawn(url: str, key: SecretStr) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mnemon", "worker", "--no-schedules", "--lease", "6", "--poll", "0.1"]
    environment = {
        **os.environ,
        "DATABASE_WORKER_URL": url,
        "MNEMON_SECRET_KEY": key.get_secret_value(),
        "MNEMON_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "MNEMON_WEBHOOK_TIMEOUT": "2",
    }
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


async def test_killed_in_the_middle_each_is_told_at_least_once(server: Server, keyed: Context) -> None:
    reached, hold = asyncio.Event(), asyncio.Event()
    good = says("200 OK")

    async def held(receiver: Receiver, writer: asyncio.StreamWriter) -> None:
        if len(receiver.received) > 5 and not hold.is_set():
            reached.set()
            await hold.wait()
        await good(receiver, writer)

    key = keyed.settings.secret_key
    assert key is not None
    url = server.url(WORKER, DATABASE)
    async with receiving(held) as receiver:
        request = RegisterWebhook(url=f"http://127.0.0.1:{receiver.port}/", events=("memory.created",))
        await service.register_webhook(keyed, request)
        items = tuple(NewMemory(content=f"Note number {n}") for n in range(MEMORIES))
        made = (await memory.remember(keyed, Remember(items=items))).ids
        first = spawn(url, key)
        try:
            await asyncio.wait_for(reached.wait(), 60)
        finally:
            first.kill()
            first.wait()
        hold.set()
        second = spawn(url, key)
        try:
            await until(lambda: _all_delivered(keyed), seconds=120)
        finally:
            second.kill()
            second.wait()
    ids: dict[str, set[str]] = {}
    for one in receiver.received:
        ids.setdefault(one.told["data"]["memory_id"], set()).add(one.headers["webhook-id"])
    assert ids.keys() == {str(one) for one in made}
    assert all(len(those) == 1 for those in ids.values())
    assert len(receiver.received) > MEMORIES, "nothing was being sent when the worker was killed"


async def _all_delivered(ctx: Context) -> Any:
    listed = (await service.list_deliveries(ctx, ListDeliveries(limit=1000))).items
    return len(listed) == MEMORIES and all(one.status == "delivered" for one in listed)
