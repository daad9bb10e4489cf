"""The server's clock jumps, months ahead and a day back, while people write."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from mnemon import AsyncMemory
from mnemon.doors.worker.process import work
from mnemon.jobs.worker import WorkerOptions
from mnemon.operations import service as operations
from tests.db.own_server import OwnServer
from tests.factories import context_of
from tests.faults.conftest import Site, site_on
from tests.faults.ledger import ORGANIZATIONS, WRITERS, doctor, ledger_on

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
needs_faketime = pytest.mark.skipif(
    LIBRARY is None, reason="libfaketime is not installed; `make test` as root installs Debian's package"
)


class Clock:
    """The clock of a server: real time and an offset that can be changed while it runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(timedelta())

    def set(self, offset: timedelta) -> None:
        """Jump."""
        new = self.path.with_suffix(".new")
        new.write_text(f"{offset.total_seconds():+.0f}\n")
        new.chmod(0o644)
        new.replace(self.path)


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    with tempfile.TemporaryDirectory(prefix="mn-clock-", dir="/tmp") as place:
        Path(place).chmod(0o755)
        yield Clock(Path(place) / "offset")


@pytest_asyncio.fixture(scope="module")
async def astray(clock: Clock) -> AsyncIterator[Site]:
    environment = {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(clock.path),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    server = OwnServer(environment=environment)
    try:
        yield await site_on(server)
    finally:
        server.close()


async def offset(site: Site) -> float:
    """How far the server's clock is from ours (seconds)."""
    connection = await asyncpg.connect(site.app_url)
    theirs: datetime = await connection.fetchval("SELECT clock_timestamp()")
    await connection.close()
    return (theirs - datetime.now(UTC)).total_seconds()


@needs_faketime
@pytest.mark.parametrize("jump", [timedelta(days=100), timedelta(days=-1)], ids=str)
async def test_the_clock_jumps(clock: Clock, astray: Site, jump: timedelta) -> None:
    clock.set(timedelta())
    async with ledger_on(astray.settings()) as ledger:
        await ledger.more(20)
        memory = ledger.memories[0]
        first = await memory.remember({"content": f"{ledger.slugs[0]} lives in Porto", "importance": 9}, user="ada")
        clock.set(jump)
        assert abs(await offset(astray) - jump.total_seconds()) < 60
        await ledger.more(20)
        second = await memory.update(first.ids[0], f"{ledger.slugs[0]} lives in Lisbon")
        told = await doctor(**astray.environment)
        # What the installation does by itself goes on: partitions, seals, schedules, the queue.
        await work(astray.settings(organization=ledger.slugs[0]), WorkerOptions(concurrency=2, poll=0.1), once=True)
        clock.set(timedelta())
        await ledger.more(20)
        versions = (await memory.history(first.ids[0])).versions
    # The server's time limits go by its clock: a jump ahead ends what is in the middle of something.
    assert set(ledger.refused) <= {"unavailable.database", "unavailable.timeout"}
    assert ledger.refused.total() <= 2 * WRITERS * ORGANIZATIONS
    assert [version.content.removeprefix(f"{ledger.slugs[0]} ") for version in versions] == [
        "lives in Porto",
        "lives in Lisbon",
    ]
    ledger.kept[0][second.id] = second.content
    await ledger.check(astray.app_url)
    ledger.tell(f"the server's clock jumps by {jump.days:+d} days, and back", outage_seconds=round(ledger.outage(), 2))
    assert told["clock"]["level"] == "wrong"
    assert (await doctor(**astray.environment))["clock"]["level"] == "ok"
    async with AsyncMemory(astray.settings(organization=ledger.slugs[0])) as fresh:
        verified = await operations.verify_audit(context_of(fresh))
        assert verified.valid
