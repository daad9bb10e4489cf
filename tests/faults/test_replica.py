"""A replica is killed under load, with all that would start it again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from mnemon.app import APP_ROLE, DATABASE
from mnemon.db import embedded
from mnemon.installation import replicas
from tests.faults.ledger import Ledger, doctor, everything, ledger_on
from tests.installation.replica_cluster import Cluster, add, caught_up, serving


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.close()


async def test_a_replica_is_killed(cluster: Cluster) -> None:
    environment = {"MNEMON_DATA_DIR": str(cluster.data)}
    async with cluster.memory():
        await add(cluster, "one")
        async with ledger_on(cluster.settings()) as ledger:
            await serving(ledger.memories[0]._parent or ledger.memories[0], "one")
            reads = asyncio.create_task(_read(ledger))
            await ledger.more(40)
            await asyncio.to_thread(cluster.kill, cluster.replica("one").data_dir)
            await ledger.more(40)
            told = await doctor(**environment)
            await replicas.start(cluster.settings(), cluster.data, "one")
            await ledger.more(40)
            reads.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reads  # no read failed
        assert not ledger.refused
        assert [one["found"] for one in told.values() if one["subject"] == "replication" and one["level"] != "ok"]
        await caught_up(cluster, "one")
        # Each of them has everything that was acknowledged, and the wall is there too.
        await ledger.check_rows(cluster.replica("one").url(APP_ROLE, DATABASE))
        primary = embedded.status(cluster.data).endpoint
        assert primary is not None
        await ledger.check(primary.url(APP_ROLE, DATABASE))
    ledger.tell("kill -9 of a replica, started again", outage_seconds=round(ledger.outage(), 2))


async def _read(ledger: Ledger) -> None:
    """Each organisation reads all the while, and never less than what it was told is kept."""
    while True:
        for memory, kept in zip(ledger.memories, ledger.kept, strict=True):
            known = set(kept)
            assert known <= (await everything(memory)).keys()
