"""Ctrl-C, SystemExit, cancelled tasks and time limits in the middle of each verb leave nothing behind."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mnemon import AsyncMemory
from mnemon.db import embedded
from tests.conftest import APP, Server, place
from tests.patience import PATIENCE
from tests.processes.script import at, start, told

LOCK = "LOCK TABLE organizations, memories, messages, import_checkpoints, users IN ACCESS EXCLUSIVE MODE"
BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND usename = $2 AND "
    "(state LIKE 'idle in transaction%' OR state = 'active')"
)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND usename = $2 AND wait_event_type = 'Lock'"
VERBS = (
    'm.remember("x", user="u")',
    'm.remember("x", user="u", conversation="c")',
    'm.search("x", user="u")',
    'm.recall("x", user="u")',
    "m.get(known)",
    "m.list()",
    'm.update(known, "y")',
    "m.forget(known)",
    "m.history(known)",
    'm.preview_erasure(user="u")',
    'm.erase(user="u")',
    "m.maintain()",
    "m.import_file(path)",
    'm.organization("another")',
)


async def nobody_in_a_transaction(connection: Any, database: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while busy := await connection.fetchval(BUSY, database, APP):
        assert time.monotonic() < until, f"{busy} connections are left in a transaction"
        await asyncio.sleep(0.02)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.jsonl"
    path.write_text('{"text": "hello", "speaker": "ada", "at": "2026-01-01T00:00:00Z"}\n', encoding="utf-8")
    return path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "system-exit"])
async def test_an_interrupted_verb(
    number: signal.Signals, server: Server, make_database: Callable[..., Awaitable[str]], talk: Path
) -> None:
    database = await make_database()
    script = f"""
def end(number, frame): raise SystemExit(3)
signal.signal(signal.SIGTERM, end)
path = {str(talk)!r}
m = Memory()
known = m.remember("known", user="u").id
tell("open")
for verb in [{", ".join("lambda: " + verb for verb in VERBS)}]:
    sys.stdin.readline()
    tell("begun")
    try:
        verb()
        tell("ended")
    except (KeyboardInterrupt, SystemExit) as interrupt:
        tell(type(interrupt).__name__)
sys.stdin.readline()
tell(len(m.search("known", user="u").hits))
sys.stdin.readline()
"""
    process = await start(script, **at(server.url(APP, database), "interrupted"))
    assert process.stdin is not None
    assert process.stdout is not None

    async def said() -> Any:
        return json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))  # type: ignore[union-attr]

    assert await said() == "open"
    watcher, blocker = await server.connect(), await server.connect(database=database)
    blocked = blocker.transaction()
    await blocked.start()
    await blocker.execute(LOCK)
    for verb in VERBS:
        process.stdin.write(b"\n")
        assert await said() == "begun"
        until = time.monotonic() + PATIENCE
        while not await watcher.fetchval(WAITING, database, APP):
            assert time.monotonic() < until, f"{verb} waits for no lock"
            await asyncio.sleep(0.01)
        process.send_signal(number)
        assert await said() == ("KeyboardInterrupt" if number is signal.SIGINT else "SystemExit"), verb
        # What was cancelled at the server ends a moment after its client has gone.
        await nobody_in_a_transaction(watcher, database, 5.0)
    await blocked.rollback()
    process.stdin.write(b"\n")
    assert await said() == 1, "it goes on to be used"
    process.stdin.write(b"\n")
    process.stdin.close()
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, errors.decode()
    assert b"never awaited" not in errors
    await watcher.close()
    await blocker.close()


async def test_a_cancelled_verb_and_one_out_of_time(
    server: Server, make_database: Callable[..., Awaitable[str]], talk: Path
) -> None:
    database = await make_database()
    watcher, blocker = await server.connect(), await server.connect(database=database)
    async with AsyncMemory(database_url=server.url(APP, database), auto_maintenance=False) as memory:
        known = (await memory.remember("known", user="u")).id
        blocked = blocker.transaction()
        await blocked.start()
        await blocker.execute(LOCK)
        for verb in VERBS:
            names = {"m": memory, "known": known, "path": talk}
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await eval(verb, names)  # noqa: S307 - written above
            await nobody_in_a_transaction(watcher, database, 5.0)
            task = asyncio.create_task(eval(verb, names))  # noqa: S307 - written above
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await nobody_in_a_transaction(watcher, database, 5.0)
        await blocked.rollback()
        assert len((await memory.search("known", user="u")).hits) == 1
    await watcher.close()
    await blocker.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "system-exit"])
async def test_an_interrupted_start_of_the_embedded_server(number: signal.Signals) -> None:
    """The process ends at once, nothing runs on, and the next one starts a whole server."""
    path = place()
    script = """
def end(number, frame): raise SystemExit(3)
signal.signal(signal.SIGTERM, end)
m = Memory()
tell("begun")
try:
    m.remember("x", user="u")
except (KeyboardInterrupt, SystemExit) as interrupt:
    tell(type(interrupt).__name__)
"""
    try:
        for seconds in (0.05, 0.4, 1.2):
            data_dir = path / uuid4().hex[:8]
            process = await start(script, MNEMON_DATA_DIR=str(data_dir))
            assert process.stdout is not None
            assert await asyncio.wait_for(process.stdout.readline(), PATIENCE) == b'"begun"\n'
            await asyncio.sleep(seconds)
            process.send_signal(number)
            began = time.monotonic()
            _, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
            assert process.returncode == 0, errors.decode()
            assert time.monotonic() - began < 20, "a thread kept the process"
            until = time.monotonic() + PATIENCE
            while (status := embedded.status(data_dir)).running or status.supervisor_pid or status.clients:
                assert time.monotonic() < until, f"still there: {status}"
                await asyncio.sleep(0.1)
        again = 'm = Memory(); m.remember("x", user="u"); tell(len(m.search("x", user="u").hits))'
        assert await told(again, MNEMON_DATA_DIR=str(data_dir)) == 1
    finally:
        for data_dir in path.iterdir():
            embedded.stop(data_dir)
        shutil.rmtree(path, ignore_errors=True)


async def test_a_memory_called_by_its_own_progress_says_so(server: Server, template: str, talk: Path) -> None:
    script = f"""
m = Memory()
def progress(report): m.search("x")
try:
    m.import_file({str(talk)!r}, on_progress=progress)
except Exception as error:
    tell([getattr(error, "code", ""), error.hint])
"""
    code, hint = await told(script, **at(server.url(APP), f"progress-{uuid4().hex[:8]}"))
    assert code == "invalid.event_loop"
    assert "another thread" in hint
