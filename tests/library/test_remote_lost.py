"""A server that goes away, comes back, or whose answer is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from mnemon import AsyncMemory, Invalid, Unavailable
from mnemon.core.settings import load_settings
from tests.conftest import APP, Server
from tests.serving import key_of, serving


class Line:
    """A line to the server, which can be cut: of the next answers nothing comes through."""

    def __init__(self, address: str) -> None:
        self._place = urlsplit(address)
        self.cut = 0
        self.calls = 0
        self.url = ""
        self._server: asyncio.Server | None = None

    async def open(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self._place.hostname, self._place.port)
        carrying = asyncio.create_task(self._up(reader, up_writer))
        with suppress(OSError):
            while answer := await up_reader.read(65536):
                if self.cut:
                    self.cut -= 1
                    break
                writer.write(answer)
                await writer.drain()
        carrying.cancel()
        for end in (writer, up_writer):
            end.close()

    async def _up(self, reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter) -> None:
        while asked := await reader.read(65536):
            self.calls += 1
            up_writer.write(asked)
            await up_writer.drain()


@pytest.fixture(scope="module")
def address(server: Server, template: str) -> Iterator[str]:
    with serving(load_settings(database_url=server.url(APP), organization="lost")) as url:
        yield url


@pytest_asyncio.fixture
async def line(address: str) -> AsyncIterator[Line]:
    one = Line(address)
    await one.open()
    yield one
    one.close()


async def test_a_question_is_asked_again(memory: AsyncMemory, line: Line) -> None:
    async with AsyncMemory(line.url, api_key=(await key_of(memory)).key) as remote:
        await remote.remember("Rosa likes green tea.", user="rosa")
        line.cut = 2
        assert len((await remote.list(user="rosa")).items) == 1
        line.cut = 1
        assert (await remote.search("green tea", user="rosa")).hits


async def test_a_change_whose_answer_is_lost_is_made_once(memory: AsyncMemory, line: Line) -> None:
    async with AsyncMemory(line.url, api_key=(await key_of(memory)).key) as remote:
        line.cut = 2
        task = await remote.tasks.create("Send it")
        assert [one.id for one in (await remote.tasks.list()).items] == [task.id]
        line.cut = 1
        (kept,) = (await remote.remember("It rained.", dedupe=False)).ids
        assert [item.id for item in (await remote.list()).items] == [kept]
        line.cut = 1
        assert (await remote.tasks.complete(task.id)).task.status == "done"
        line.cut = 1
        done = await remote.forget(kept)
        assert done.count == 1, "the answer of the first time"


async def test_many_changes_on_a_bad_line(memory: AsyncMemory, line: Line) -> None:
    async with AsyncMemory(line.url, api_key=(await key_of(memory)).key) as remote:
        line.cut = 8
        tasks = await asyncio.gather(*(remote.tasks.create(f"Task {n}") for n in range(12)))
        assert {one.id for one in (await remote.tasks.list()).items} == {task.id for task in tasks}


async def test_a_server_that_comes_back(memory: AsyncMemory, line: Line) -> None:
    async with AsyncMemory(line.url, api_key=(await key_of(memory)).key) as remote:
        port = urlsplit(line.url).port
        line.close()
        later = asyncio.create_task(remote.tasks.create("Send it"))
        await asyncio.sleep(0.25)
        await line.open(port or 0)
        assert (await later).title == "Send it"
        assert len((await remote.tasks.list()).items) == 1


async def test_a_server_that_is_not_there(line: Line) -> None:
    line.close()
    remote = AsyncMemory(line.url, api_key="mnk_x")
    for call in (remote.list(), remote.remember("x"), remote.tasks.create("x")):
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.code == "unavailable.server"
        assert "mnemon serve" in str(caught.value)
        assert "mnk_x" not in str(caught.value)


async def test_something_else_that_answers() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\nconnection: close\r\n\r\nnope\n")
        await writer.drain()
        writer.close()

    other = await asyncio.start_server(answer, "127.0.0.1", 0)
    remote = AsyncMemory(f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}")
    with pytest.raises(Invalid) as caught:
        await remote.list()
    assert caught.value.code == "invalid.server"
    other.close()
    await remote.close()
