"""One of the peers in a process of its own: ``python -m bench.peers_child NAME PLACE``, asked line by line.

A line in is a JSON object with ``do`` and what that needs; the line out is what was measured, here and not where it was
asked, so that the way between the two is in no figure. It needs what its side needs and Mnemon's built-in embedder.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from bench.peers_sides import SIDES, Row, Side, one

#: Every so many of the writes beside readers is looked for at once by who has written it.
_LOOKED_FOR = 5
_LIMIT = 1 << 26  # bytes of a line


class Asked:
    """What the parent may ask for.

    Args:
        side: who is measured.
    """

    def __init__(self, side: Side) -> None:
        self.side = side

    async def open(self) -> Row:
        """Make ready."""
        await self.side.open()
        return {"version": self.side.version}

    async def bulk(self, path: str) -> Row:
        """Keep all rows of a file."""
        rows = [json.loads(line) for line in await asyncio.to_thread(_lines, path)]
        return await _timed(self.side.bulk(rows))

    async def ready(self) -> Row:
        """Do what is done in the background otherwise."""
        return await _timed(self.side.ready())

    async def ask(self, query: Row) -> Row:
        """Search once."""
        began = time.perf_counter()
        found = await self.side.search(query)
        return {"seconds": time.perf_counter() - began, "found": found}

    async def add(self, rows: list[Row], callers: int) -> Row:
        """Keep rows one by one, by so many callers at once."""
        return await self._by(callers, self.side.add, rows)

    async def searches(self, queries: list[Row], callers: int) -> Row:
        """Ask questions, by so many callers at once."""
        return await self._by(callers, self.side.search, queries)

    async def beside(self, queries: list[Row], rows: list[Row], rate: float) -> Row:
        """Ask while nothing is written, and while rows are written into what is searched."""
        self.side.threads = True
        alone = await self._read(queries, lambda n: n < len(queries))
        writing = asyncio.create_task(self._write(rows, rate))
        beside = await self._read(queries, lambda _: not writing.done())
        self.side.threads = False
        return {"alone": alone, "beside": beside, **await writing}

    async def close(self) -> Row:
        """Let go of everything."""
        await self.side.close()
        return {}

    async def _read(self, queries: list[Row], goes_on: Callable[[int], bool]) -> list[float]:
        times: list[float] = []
        while goes_on(len(times)):
            began = time.perf_counter()
            await self.side.search(queries[len(times) % len(queries)])
            times.append(time.perf_counter() - began)
            await asyncio.sleep(0)
        return times

    async def _write(self, rows: list[Row], rate: float) -> Row:
        began, stale, checked = time.perf_counter(), 0, 0
        for n, row in enumerate(rows):
            await asyncio.sleep(max(0.0, began + n / rate - time.perf_counter()))
            await self.side.add(row)
            if n % _LOOKED_FOR == 0:
                checked += 1
                stale += row["id"] not in await self.side.search({"user": row["user"], "text": row["said"]})
        return {"writes": len(rows) / (time.perf_counter() - began), "stale": stale, "checked": checked}

    async def _by(self, callers: int, work: Callable[[Row], Awaitable[Any]], given: list[Row]) -> Row:
        waiting: Iterator[Row] = iter(given)
        self.side.threads = callers > 1

        async def call() -> None:
            for row in waiting:
                await work(row)

        done = await _timed(asyncio.gather(*(call() for _ in range(callers))))
        self.side.threads = False
        return done


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


async def _timed(work: Awaitable[Any]) -> Row:
    began = time.perf_counter()
    await work
    return {"seconds": time.perf_counter() - began}


async def main(name: str, place: str) -> None:
    """Answer until there is nothing more to read."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    logging.disable(logging.WARNING)
    one("the weights are read before anything is timed")
    lines = asyncio.StreamReader(limit=_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    asked = Asked(SIDES[name](json.loads(place)))
    while line := await lines.readline():
        command = json.loads(line)
        answer = await getattr(asked, command.pop("do"))(**command)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
