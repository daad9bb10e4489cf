"""Callers that share transactions, and a client or a server that is killed in the middle of one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import asyncpg

from mnemon import AsyncMemory, Unavailable
from tests.factories import new_slug
from tests.faults.conftest import Site
from tests.faults.ledger import everything, until

CLIENT = """
import asyncio, sys
from mnemon import AsyncMemory, Settings

async def main():
    settings = Settings(database_url=sys.argv[1], organization=sys.argv[2], auto_maintenance=False)
    async with AsyncMemory(settings) as memory:

        async def call(caller):
            for turn in range(100_000):
                done = await memory.remember(f"caller {caller} turn {turn}")
                print(done.id, flush=True)

        await asyncio.gather(*map(call, range(12)))

asyncio.run(main())
"""


def client(site: Site, slug: str) -> subprocess.Popen[str]:
    """A process in which twelve callers remember, each of which says what it was told was kept."""
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, site.app_url, slug], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )


async def test_a_client_is_killed_while_many_of_it_write(site: Site) -> None:
    slug = new_slug()
    process = client(site, slug)
    assert process.stdout is not None
    said = [await asyncio.to_thread(process.stdout.readline) for _ in range(150)]
    process.kill()
    said += process.stdout.read().splitlines(keepends=True)
    process.wait()
    acknowledged = {line.strip() for line in said if line.endswith("\n")}
    owner = await asyncpg.connect(site.owner_url)

    async def gone() -> bool:
        return not await owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = 'faults_app'")

    await until(gone)
    await owner.close()
    async with AsyncMemory(site.settings(organization=slug)) as memory:
        found = await everything(memory)
        assert acknowledged <= {str(one) for one in found}
        assert len(acknowledged) >= 150
        assert len(found) <= len(acknowledged) + 12  # each caller may have been in the middle of one
        assert len(set(found.values())) == len(found)


async def test_the_server_is_killed_while_many_write(site: Site) -> None:
    kept: dict[str, str] = {}
    refused = 0
    async with AsyncMemory(site.settings(organization=new_slug())) as memory:
        enough = asyncio.Event()

        async def call(caller: int) -> None:
            nonlocal refused
            turn = 0
            while not enough.is_set():
                turn += 1
                content = f"caller {caller} turn {turn}"
                try:
                    kept[str((await memory.remember(content)).id)] = content
                except Unavailable:
                    refused += 1
                    await asyncio.sleep(0.05)

        callers = [asyncio.create_task(call(number)) for number in range(12)]

        async def more(count: int) -> None:
            wanted = len(kept) + count

            async def there() -> bool:
                return len(kept) >= wanted

            await until(there)

        await more(100)
        site.server.kill()

        async def met() -> bool:
            return refused > 0

        await until(met)
        site.server.start()
        await more(100)
        enough.set()
        await asyncio.gather(*callers)
        found = {str(one): content for one, content in (await everything(memory)).items()}
    assert kept.items() <= found.items()
    # What failed may have been kept: its answer was lost on the way. None is there twice.
    assert len(found) <= len(kept) + refused
    assert len(set(found.values())) == len(found)
