"""Writers of several organisations, a record of what they were told was kept, and the check of it afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from mnemon import AsyncMemory, Settings
from mnemon.core.errors import Conflict, Unavailable
from mnemon.db.errors import LOST
from tests.factories import context_of, enter, new_slug
from tests.patience import PATIENCE

ORGANIZATIONS = 3
WRITERS = 2  # of each
PAUSE = 0.05  # seconds after each memory, so that the processors have time for what happens meanwhile
#: What `FAULT_FIGURES` names is appended a line for each fault: `python -m bench faults` shows them.
FIGURES = "FAULT_FIGURES"


@dataclass
class Ledger:
    """What was acknowledged, to whom, and when.

    Attributes:
        owners: a memory for each organisation.
        kept: for each organisation, the content of each acknowledged id.
        refused: how often a call failed, by code.
        times: when each acknowledgement came (seconds, monotonic).
    """

    memories: list[AsyncMemory]
    slugs: list[str]
    kept: list[dict[UUID, str]]
    refused: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def count(self) -> int:
        """Acknowledged memories."""
        return sum(map(len, self.kept))

    async def write(self, organization: int, writer: int) -> None:
        """Remember one thing after the other until it is enough; what fails is tried again as something new."""
        turn = 0
        while not self.stop.is_set():
            turn += 1
            content = f"{self.slugs[organization]} writer {writer} turn {turn}"
            try:
                done = await self.memories[organization].remember(content, user="ada")
            except (Unavailable, Conflict) as error:
                self.refused[error.code] += 1
                await self._tell()
                await asyncio.sleep(0.05)
            else:
                self.kept[organization][done.ids[0]] = content
                self.times.append(time.monotonic())
                await self._tell()
                await asyncio.sleep(PAUSE)

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(condition)

    async def more(self, count: int, *, seconds: float = PATIENCE) -> None:
        """Wait until so many more were acknowledged."""
        wanted = self.count + count
        await self._until(lambda: self.count >= wanted, seconds)

    async def fails(self, *, seconds: float = PATIENCE) -> None:
        """Wait until a call failed."""
        before = self.refused.total()
        await self._until(lambda: self.refused.total() > before, seconds)

    def outage(self) -> float:
        """The longest time between two acknowledgements (seconds)."""
        return max((later - earlier for earlier, later in pairwise(sorted(self.times))), default=0.0)

    async def check(self, app_url: str) -> None:
        """Nothing acknowledged is lost or altered; nothing is there twice; nobody sees what is another's.

        Args:
            app_url: the database that is looked at, as the application role.
        """
        async with AsyncMemory(Settings(database_url=app_url, auto_maintenance=False)) as fresh:
            for number, slug in enumerate(self.slugs):
                memory = await fresh.organization(slug)
                found = await everything(memory)
                missing = self.kept[number].keys() - found.keys()
                assert not missing, f"{len(missing)} of {len(self.kept[number])} acknowledged memories are lost"
                assert all(found[one] == content for one, content in self.kept[number].items())
                assert all(content.startswith(f"{slug} ") for content in found.values()), "another organisation's"
                # What failed may have been kept: its answer was lost on the way. No more than that, and none twice.
                assert len(found) <= len(self.kept[number]) + self.refused.total() + WRITERS
                assert len(set(found.values())) == len(found)
                hits = await memory.search("writer turn", k=50)
                assert len(hits.hits) == min(50, len(found))
                assert {hit.id for hit in hits.hits} <= found.keys()
                await sees_only_its_own(app_url, context_of(memory).principal.organization_id)

    async def check_rows(self, app_url: str) -> None:
        """The same of a server that takes no writes, past the library."""
        for memory, kept in zip(self.memories, self.kept, strict=True):
            organization = context_of(memory).principal.organization_id
            await sees_only_its_own(app_url, organization)
            connection = await asyncpg.connect(app_url.replace("+asyncpg", ""))
            async with connection.transaction(readonly=True):
                await enter(connection, organization)
                rows = await connection.fetch("SELECT id, content FROM memories")
            await connection.close()
            assert kept.items() <= {row["id"]: row["content"] for row in rows}.items()

    def tell(self, fault: str, **figures: float | int | str) -> None:
        """Add a line of figures to the file of `python -m bench faults`, when that asks."""
        if path := os.environ.get(FIGURES):
            line = {"fault": fault, "acknowledged": self.count, "refused": self.refused.total(), **figures}
            with Path(path).open("a") as file:
                file.write(json.dumps(line) + "\n")


async def everything(memory: AsyncMemory) -> dict[UUID, str]:
    """All memories of an organisation: id to content."""
    found: dict[UUID, str] = {}
    cursor = None
    while True:
        page = await memory.list(limit=1000, cursor=cursor)
        found |= {item.id: item.content for item in page.items}
        cursor = page.next_cursor
        if cursor is None:
            return found


async def sees_only_its_own(app_url: str, organization: UUID) -> None:
    """The wall itself, past the library: with a tenant its own rows alone, without one none."""
    connection = await asyncpg.connect(app_url.replace("+asyncpg", ""))
    try:
        for table in ("memories", "memory_log", "users"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
            async with connection.transaction():
                await enter(connection, organization)
                owners = await connection.fetch(f"SELECT DISTINCT organization_id FROM {table}")
            assert [row[0] for row in owners] == [organization]
    finally:
        await connection.close()


@asynccontextmanager
async def ledger_on(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger with its writers at work; they end with the block."""
    async with AsyncMemory(settings) as memory:
        slugs = [new_slug() for _ in range(ORGANIZATIONS)]
        memories = [await memory.organization(slug) for slug in slugs]
        ledger = Ledger(memories, slugs, [{} for _ in slugs])
        writers = [
            asyncio.create_task(ledger.write(organization, writer))
            for organization in range(ORGANIZATIONS)
            for writer in range(WRITERS)
        ]
        try:
            yield ledger
            assert not [writer for writer in writers if writer.done()], "a writer met an error of another kind"
        finally:
            ledger.stop.set()
            done = await asyncio.gather(*writers, return_exceptions=True)
        errors = [error for error in done if error is not None]
        assert not errors, errors


async def doctor(**environment: str) -> dict[str, dict[str, Any]]:
    """What `mnemon doctor --json` says: finding by name."""

    def run() -> dict[str, dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "mnemon", "doctor", "--json"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        told = json.loads(done.stdout)
        assert (done.returncode == 0) is told["ok"], done.stderr
        return {finding["what"]: finding for finding in told["findings"]}

    return await asyncio.to_thread(run)


async def until(condition: Any, *, seconds: float = PATIENCE) -> None:
    """Wait for something that comes true, asked every 50 ms; an outage while asking counts as not yet."""
    async with asyncio.timeout(seconds):
        while True:
            with contextlib.suppress(asyncpg.PostgresError, *LOST, Unavailable):
                if await condition():
                    return
            await asyncio.sleep(0.05)
