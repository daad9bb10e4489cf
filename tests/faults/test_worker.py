"""A worker is killed in the middle of its jobs; another takes them up."""

from __future__ import annotations

import os
import subprocess
import sys

import asyncpg

from mnemon import AsyncMemory
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import Enqueue
from tests.factories import context_of, new_slug
from tests.faults.conftest import Site
from tests.faults.ledger import doctor, ledger_on, until
from tests.patience import PATIENCE


def worker(site: Site, *options: str) -> subprocess.Popen[bytes]:
    """A worker with the workload of the queue's own tests: a row for each job, slowly."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "mnemon", "worker", "--handlers", "tests.jobs.workload:registry"),
            *("--no-schedules", "--lease", "2", "--poll", "0.1", "--concurrency", "2", *options),
        ],
        env={**os.environ, **site.environment},
        stdout=subprocess.DEVNULL,
    )


async def test_a_worker_is_killed(site: Site) -> None:
    slug = new_slug()
    owner = await asyncpg.connect(site.owner_url)
    async with AsyncMemory(site.settings(organization=slug)) as memory, ledger_on(site.settings()) as ledger:
        ctx = context_of(memory)
        made = [await jobs.enqueue(ctx, Enqueue(kind="count", payload={"seconds": 0.2})) for _ in range(8)]
        running = "SELECT count(*) FROM background_jobs WHERE status = 'running'"
        first = worker(site)
        await until(lambda: owner.fetchval(running))
        first.kill()
        first.wait()
        await owner.execute(
            "UPDATE background_jobs SET lease_expires_at = now() - interval '2 minutes' WHERE status = 'running'"
        )
        told = await doctor(**site.environment, MNEMON_ORGANIZATION=slug)
        second = worker(site)
        try:
            left = "SELECT count(*) = 0 FROM background_jobs WHERE status IN ('queued', 'running')"
            await until(lambda: owner.fetchval(left))
        finally:
            second.terminate()
            second.wait(PATIENCE)
        await ledger.more(20)
        assert "lost their worker" in told["jobs"]["found"]
        assert {(await jobs.get_job(ctx, one.id)).status for one in made} == {"succeeded"}
        # Each effect once: the write of a job and its end are one transaction.
        effects = "SELECT count(*), count(DISTINCT message) FROM error_logs WHERE code = 'effect'"
        assert tuple(await owner.fetchrow(effects)) == (8, 8)
    await owner.close()
    assert not ledger.refused
    await ledger.check(site.app_url)
    ledger.tell("kill -9 of a worker, another takes over", outage_seconds=round(ledger.outage(), 2))
