"""A forked child opens anew, touches nothing of its parent's, and ends nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mnemon.db import embedded
from tests.conftest import APP, Server, place
from tests.factories import new_slug
from tests.processes.script import at, told


@pytest.fixture
def database(server: Server, template: str) -> dict[str, str]:
    return dict(at(server.url(APP), new_slug()))


@pytest.fixture
def data_dir() -> Iterator[Path]:
    path = place()
    yield path / "data"
    embedded.stop(path / "data")


async def test_a_child_opens_anew_and_its_parent_goes_on(database: dict[str, str]) -> None:
    script = """
m = Memory()
m.remember("Rosa likes green tea", user="u")
def server():
    async def ask():
        async with (await m._memory.open()).database.untenanted() as connection:
            return await connection.fetchval("SELECT pg_backend_pid()")
    from mnemon.doors.library.synchronous import _LOOP
    return _LOOP.run(ask())
before = server()
def work():
    m.remember("Rosa likes black coffee", user="u")
    return [server(), sorted(hit.content for hit in m.search("What does Rosa like?", user="u").hits)]
children = [heard(*child(work)) for _ in range(2)]
tell([before, server(), children, len(m.list(user="u").items)])
"""
    before, after, children, kept = await told(script, **database)
    assert before == after, "the parent's connection was ended"
    assert [one["code"] for one in children] == [0, 0], children
    first, second = (one["said"] for one in children)
    assert first[1] == ["Rosa likes black coffee", "Rosa likes green tea"]
    assert len({before, first[0], second[0]}) == 3, "a child used a connection of another process"
    assert kept == 2, "the second child said what the first had said"


async def test_a_child_has_no_socket_of_its_parent(database: dict[str, str]) -> None:
    script = """
m = Memory()
m.remember("x", user="u")
def sockets():
    found = 0
    for number in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as copy:
                    found += bool(copy.getpeername())  # a pair within a process has no names
        except OSError:
            pass
    return found
tell([sockets(), heard(*child(sockets))])
"""
    parents, child = await told(script, **database)
    assert parents > 0
    assert child == {"said": 0, "code": 0}


async def test_children_of_a_parent_that_is_busy(database: dict[str, str]) -> None:
    """Whatever the other threads hold at the moment of the fork: locks, connections, transactions."""
    script = """
m = Memory()
m.remember("Rosa likes green tea", user="u")
ended, calls, errors = threading.Event(), [], []
def busy(number):
    while not ended.is_set():
        try:
            m.remember([f"number {number}: {len(calls)} {n}" for n in range(20)], user=f"busy-{number}")
            m.search("green tea", user="u")
            calls.append(1)
        except BaseException as error:
            errors.append(repr(error))
threads = [threading.Thread(target=busy, args=(number,)) for number in range(3)]
for thread in threads: thread.start()
def work():
    return len(m.search("green tea", user="u").hits)
children = []
for _ in range(6):
    time.sleep(0.07)
    children.append(child(work))
told_by = [heard(*one) for one in children]
before = len(calls)
while len(calls) < before + 6 and not errors: time.sleep(0.01)
ended.set()
for thread in threads: thread.join(60)
tell([told_by, errors, any(thread.is_alive() for thread in threads)])
"""
    children, errors, alive = await told(script, **database)
    assert children == [{"said": 1, "code": 0}] * 6
    assert errors == []
    assert not alive


async def test_what_the_parent_has_not_written_yet_is_written_once(database: dict[str, str], admin: Any) -> None:
    script = """
from mnemon.doors.library.synchronous import _LOOP
from mnemon.operations.schemas import SystemMetric
from mnemon.operations.service import MetricWriter
m = Memory()
m.remember("Rosa likes green tea", user="u")
async def begin():
    made = MetricWriter(await m._memory.open(), interval=600)
    await made.add(SystemMetric(component="parent", metric_type="n", value=1))
    return made
writer = _LOOP.run(begin())
m.search("green tea", user="u")
def work():
    async def more():
        await writer.add(SystemMetric(component="child", metric_type="n", value=2))
        await writer.close()
    asyncio.run(more())
    m.search("green tea", user="u")
    return writer.written
first = heard(*child(work))
_LOOP.run(writer.close())
m.close()
tell([first, writer.written])
"""
    child, written = await told(script, **database)
    assert child == {"said": 1, "code": 0}
    assert written == 1
    slug = database["MNEMON_ORGANIZATION"]
    owner = await admin.fetchval("SELECT id FROM organizations WHERE slug = $1", slug)
    rows = await admin.fetch(
        "SELECT component, count(*) AS n FROM system_metrics WHERE organization_id = $1 GROUP BY 1 ORDER BY 1", owner
    )
    assert [tuple(row) for row in rows] == [("child", 1), ("parent", 1)]
    counted = await admin.fetchval("SELECT sum(access_count) FROM memories WHERE organization_id = $1", owner)
    assert counted == 2, "one access by the parent and one by the child"


async def test_a_child_of_an_import(database: dict[str, str], tmp_path: Path) -> None:
    """A child made while its parent imports does not go on with it, and imports by itself."""
    for name, count in (("long", 20_000), ("short", 3)):
        lines = (f'{{"text": "{name} {n}", "speaker": "ada", "at": "2026-01-01T00:00:00Z"}}\n' for n in range(count))
        (tmp_path / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    script = f"""
m = Memory()
m.open()
before = gc.get_threshold()
reports = []
thread = threading.Thread(target=lambda: reports.append(m.import_file({str(tmp_path / "long.jsonl")!r}).imported))
thread.start()
while gc.get_threshold() == before: time.sleep(0.001)
def work():
    return [gc.get_threshold() == before, m.import_file({str(tmp_path / "short.jsonl")!r}).imported]
first = heard(*child(work))
thread.join()
tell([first, reports])
"""
    child, reports = await told(script, **database)
    assert child == {"said": [True, 3], "code": 0}
    assert reports == [20_000]


async def test_a_memory_of_an_event_loop_in_a_process_that_a_coroutine_starts(database: dict[str, str]) -> None:
    script = """
import multiprocessing
m = AsyncMemory()
async def main():
    await m.remember("Rosa likes green tea", user="u")
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    def work():
        answers.put(len(asyncio.run(m.search("green tea", user="u")).hits))
    process = context.Process(target=work)
    process.start()
    found = await asyncio.to_thread(answers.get)
    process.join()
    again = await m.search("green tea", user="u")
    await m.close()
    return [found, process.exitcode, len(again.hits)]
tell(asyncio.run(main()))
"""
    assert await told(script, **database) == [1, 0, 1]


async def test_an_embedder_with_a_thread_has_one_in_the_child() -> None:
    script = """
import numpy as np
from mnemon.ai.threads import ThreadedEmbedder
embedder = ThreadedEmbedder("test/threaded", 2, lambda texts: np.ones((len(texts), 2), dtype=np.float32))
def work():
    return asyncio.run(embedder.embed(["a"])).shape
asyncio.run(embedder.embed(["a"]))
tell([heard(*child(work)), work()])
"""
    child, parent = await told(script)
    assert child == {"said": [1, 2], "code": 0}
    assert parent == [1, 2]


async def test_the_embedded_server_stays_for_whoever_needs_it(data_dir: Path) -> None:
    """It outlives a child's end for its parent, and a parent's death for its child."""
    script = """
m = Memory()
m.remember("Rosa likes green tea", user="u")
first = heard(*child(lambda: len(m.search("green tea", user="u").hits)))
time.sleep(4)  # longer than a server without a client stays
goes_on = len(m.search("green tea", user="u").hits)
told, tells = os.pipe()
if (pid := os.fork()) == 0:  # a parent that is killed, and a child that is not
    grandchild = os.fork()
    if grandchild == 0:
        m.search("green tea", user="u")
        os.write(tells, b"open")
        time.sleep(5)
        os.write(tells, str(len(m.search("green tea", user="u").hits)).encode())
        os._exit(0)
    m.search("green tea", user="u")
    time.sleep(600)
os.read(told, 4)
m.close()
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
tell([first, goes_on, os.read(told, 4).decode()])
"""
    child, goes_on, orphan = await told(script, MNEMON_DATA_DIR=str(data_dir))
    assert child == {"said": 1, "code": 0}
    assert goes_on == 1
    assert orphan == "1"
