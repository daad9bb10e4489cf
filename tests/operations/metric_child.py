"""A process that measures without end and says how far it is; made to be killed.

``python -m tests.operations.metric_child URL ORGANISATION LIMIT`` prints, again and again, how many measurements it has
made, how many its writer has written and how many it holds.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from mnemon import AsyncMemory
from mnemon.operations.schemas import SystemMetric
from mnemon.operations.service import MetricWriter
from tests.factories import context_of


async def main(url: str, organization: str, limit: int) -> None:
    """Measure until killed, or until told to stop by a line on standard input: then close cleanly."""
    async with AsyncMemory(database_url=url, organization=organization, auto_maintenance=False) as memory:
        async with MetricWriter(context_of(memory), batch=limit // 10, interval=0.02, limit=limit) as writer:
            made = 0

            def say() -> None:
                sys.stdout.write(f"{made} {writer.written} {writer.held}\n")
                sys.stdout.flush()

            async def tell() -> None:
                while True:
                    say()
                    await asyncio.sleep(0.01)

            telling = asyncio.create_task(tell())
            stop = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
            for number in count():
                if stop.done():
                    break
                await writer.add(SystemMetric(component="child", metric_type="n", value=number))
                made += 1
                if number % 50 == 0:
                    await asyncio.sleep(0.001)
            telling.cancel()
        say()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
