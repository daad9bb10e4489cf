"""What workers get out of the queue across organisations, and how a claim goes round among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from mnemon.app import App
from mnemon.context import Context
from mnemon.jobs import service
from mnemon.jobs.schemas import Enqueue
from tests.conftest import WORKER, Server
from tests.factories import new_slug

from .conftest import DATABASE


@pytest_asyncio.fixture
async def nobody(server: Server, owner: Any) -> AsyncIterator[Any]:
    """A worker in no organisation, as it claims."""
    connection = await server.connect(WORKER, DATABASE)
    yield connection
    await connection.close()


async def claim(connection: Any, *, kinds: tuple[str, ...] = ("a",), limit: int = 10, after: UUID | None = None) -> Any:
    return await connection.fetch("SELECT * FROM claim_jobs('w', $1, NULL, $2, $3, 60)", kinds, after, limit)


async def test_without_an_organisation_only_claimed_jobs_are_seen(nobody: Any, ctx: Context, other: Context) -> None:
    wanted = {(await service.enqueue(one, Enqueue(kind="a"))).id for one in (ctx, other)}
    await service.enqueue(ctx, Enqueue(kind="b", payload={"secret": 1}))
    await service.enqueue(ctx, Enqueue(kind="a", delay_seconds=60))
    for table in ("background_jobs", "job_schedules"):
        assert await nobody.fetchval(f"SELECT count(*) FROM {table}") == 0
    claimed = await claim(nobody)
    assert {row["id"] for row in claimed} == wanted
    assert await nobody.fetchval("SELECT count(*) FROM background_jobs") == 0, "the claim left no organisation behind"
    assert not await claim(nobody)
    # A lease is found by its token, which nobody can guess; what it tells is whether it holds.
    leases = [row["lease_id"] for row in claimed]
    renewed = await nobody.fetch("SELECT * FROM renew_leases($1, 60)", [*leases, uuid4()])
    assert {row["lease_id"] for row in renewed} == set(leases)
    assert all(set(row.keys()) == {"lease_id", "cancel_requested"} for row in renewed)
    assert await nobody.execute("UPDATE background_jobs SET status = 'queued'") == "UPDATE 0"
    for change in ("DELETE FROM background_jobs", "TRUNCATE background_jobs"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await nobody.execute(change)


async def test_functions_across_organisations_are_the_workers_alone(owner: Any) -> None:
    rows = await owner.fetch(
        "SELECT p.oid::regprocedure::text AS name, p.proconfig, has_function_privilege('mnemon_app', p.oid, 'EXECUTE') "
        "AS open FROM pg_proc p WHERE p.prosecdef AND p.prosrc ~ 'background_jobs|job_schedules'"
    )
    assert {row["name"].split("(")[0] for row in rows} >= {
        "claim_jobs",
        "renew_leases",
        "release_expired_jobs",
        "prune_jobs",
        "fire_schedules",
    }
    for row in rows:
        assert not row["open"], row["name"]
        assert any(one.startswith("search_path=") for one in row["proconfig"]), row["name"]


async def test_turns_go_round_from_where_the_last_claim_ended(nobody: Any, queue_app: App, owner: Any) -> None:
    contexts = [await queue_app.organization(new_slug()) for _ in range(4)]
    for ctx in contexts:
        for _ in range(5):
            await service.enqueue(ctx, Enqueue(kind="a"))
    ids = sorted(ctx.principal.organization_id for ctx in contexts)
    order, after = [], ids[2]
    for _ in range(8):
        (row,) = await claim(nobody, limit=1, after=after)
        after = row["organization_id"]
        order.append(after)
    assert order == [ids[3], ids[0], ids[1], ids[2]] * 2
    rest = await claim(nobody, limit=100, after=after)
    assert len(rest) == 12, "who has more gets more when everybody had a turn"
    assert [row["organization_id"] for row in rest[:4]] == [ids[3], ids[0], ids[1], ids[2]]
    for count in (7, 2, 1):
        for _ in range(count):
            await service.enqueue(contexts[count % 4], Enqueue(kind="a"))
    shared = await claim(nobody, limit=9)
    assert len({row["id"] for row in shared}) == 9
    found = Counter(row["organization_id"] for row in shared)
    assert [found[contexts[count % 4].principal.organization_id] for count in (7, 2, 1)] == [6, 2, 1]


async def test_a_claim_passes_over_what_another_one_is_taking(server: Server, nobody: Any, ctx: Context) -> None:
    for _ in range(6):
        await service.enqueue(ctx, Enqueue(kind="a"))
    second = await server.connect(WORKER, DATABASE)
    try:
        async with nobody.transaction():
            first = await claim(nobody, limit=4)
            rest = await claim(second, limit=4)  # does not wait
            assert (len(first), len(rest)) == (4, 2)
            assert not {row["id"] for row in first} & {row["id"] for row in rest}
    finally:
        await second.close()


async def test_leases_that_ended_are_taken_back(nobody: Any, ctx: Context) -> None:
    again, last, unwanted = [
        (await service.enqueue(ctx, Enqueue(kind="a", max_attempts=attempts))).id for attempts in (2, 1, 2)
    ]
    await nobody.fetch("SELECT * FROM claim_jobs('w', '{a}', NULL, NULL, 10, -1)")
    await service.cancel_job(ctx, unwanted)
    assert await nobody.fetchval("SELECT release_expired_jobs()") == 3
    jobs = {one: await service.get_job(ctx, one) for one in (again, last, unwanted)}
    assert [job.status for job in jobs.values()] == ["queued", "dead", "cancelled"]
    assert {job.error_code for job in jobs.values()} == {"jobs.lease_expired"}
    assert await nobody.fetchval("SELECT release_expired_jobs()") == 0
