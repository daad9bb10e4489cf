"""The memory of a server in threads, on several event loops, and in forked children."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mnemon import AsyncMemory, Invalid, Memory
from mnemon.core.settings import load_settings
from tests.conftest import APP, Server
from tests.factories import new_slug
from tests.processes.script import told
from tests.serving import serving


@pytest.fixture(scope="module")
def address(server: Server, template: str) -> Iterator[str]:
    opened = load_settings(database_url=server.url(APP), organization=new_slug())
    with serving(opened, trust_loopback=True) as url:
        yield url


async def test_a_forked_child_opens_connections_of_its_own(address: str) -> None:
    script = """
m = Memory(os.environ["ADDRESS"])
m.remember("Rosa likes green tea", user="fork")
def sockets():
    found = 0
    for number in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as copy:
                    found += copy.family == socket.AF_INET
        except OSError:
            pass
    return found
def work():
    m.remember("Rosa likes black coffee", user="fork")
    return sorted(hit.content for hit in m.search("What does Rosa like?", user="fork").hits)
children = [heard(*child(work)) for _ in range(2)]
m.remember("Rosa likes water", user="fork")
tell([children, len(m.list(user="fork").items), sockets()])
"""
    children, kept, sockets = await told(script, ADDRESS=address)
    assert children == [{"said": ["Rosa likes black coffee", "Rosa likes green tea"], "code": 0}] * 2
    assert kept == 3
    assert sockets == 1, "the parent goes on with the connection that it had"


def test_one_loop_after_another(address: str) -> None:
    memory = AsyncMemory(address)

    async def once(number: int) -> int:
        await memory.remember(f"Loop {number}", user="loops")
        return len((await memory.list(user="loops")).items)

    assert [asyncio.run(once(number)) for number in range(3)] == [1, 2, 3]

    async def closing() -> None:
        await memory.close()

    asyncio.run(closing())


def test_two_loops_at_once_are_refused(address: str) -> None:
    memory = AsyncMemory(address)

    async def held() -> None:
        await memory.list()
        with ThreadPoolExecutor(1) as other, pytest.raises(Invalid, match="another event loop"):
            other.submit(lambda: asyncio.run(memory.list(limit=1))).result()
        await memory.close()

    asyncio.run(held())


def test_threads_share_one(address: str) -> None:
    with Memory(address) as memory, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: memory.remember(f"Thread {number}", user="threads"), range(40)))
        assert len(memory.list(user="threads", limit=100).items) == 40
