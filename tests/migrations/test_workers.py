"""A database of one login gets two: what goes across organisations is taken from the application, and rows stay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mnemon import AsyncMemory
from mnemon.core.errors import Forbidden
from mnemon.jobs import service
from mnemon.jobs.schemas import Enqueue
from mnemon.migrations import runner
from tests.conftest import APP, WORKER, Server
from tests.factories import context_of, installation_of, upgrade, worker_at
from tests.jobs.test_attacks import WORKERS


@pytest.mark.parametrize("pushed", [1000, 2**62])
async def test_a_database_of_one_login(
    server: Server, make_database: Callable[..., Awaitable[str]], pushed: int
) -> None:
    name = await make_database()
    async with AsyncMemory(database_url=server.url(APP, name), auto_maintenance=False) as memory:
        await memory.remember("the harbour is open", user="ada", conversation="talk", role="user")
        made = await service.enqueue(context_of(memory), Enqueue(kind="a"))
    await runner.downgrade(server.url(database=name), revision="0008")
    admin = await server.connect(database=name)
    functions = await admin.fetch(
        "SELECT oid::regprocedure::text AS name FROM pg_proc WHERE proname = ANY ($1)", list(WORKERS)
    )
    assert len(functions) >= len(WORKERS) - 4, "those that came later are not there yet"
    for row in functions:  # as they were, and the objects' texts with them
        await admin.execute(f"GRANT EXECUTE ON FUNCTION {row['name']} TO mnemon_app")
    await admin.execute("UPDATE schema_objects SET digest = 'of before'")
    await admin.execute("SELECT setval('session_numbers', $1::bigint)", pushed)
    assert await upgrade(server.url(database=name)) == runner.head()
    assert (await runner.check(server.url(database=name))).ok
    for row in functions:
        assert not await admin.fetchval("SELECT has_function_privilege($1, $2, 'EXECUTE')", APP, row["name"]), row
    await admin.close()
    async with AsyncMemory(database_url=server.url(APP, name), auto_maintenance=False) as memory:
        ctx = context_of(memory)
        await memory.remember("the market is closed", user="ada", conversation="talk", role="user")
        assert len((await memory.list()).items) == 2
        assert (await service.get_job(ctx, made.id)).status == "queued"
        with pytest.raises(Forbidden):
            async with ctx.database.transaction(ctx.principal) as connection:
                await connection.fetch("SELECT * FROM claim_jobs('evil', '{a}', NULL, NULL, 1, 60)")
    async with worker_at(server.url(WORKER, name)) as app, app.database.untenanted() as worker:
        claimed: list[Any] = await worker.fetch("SELECT id FROM claim_jobs('w', '{a}', NULL, NULL, 1, 60)")
        assert [row["id"] for row in claimed] == [made.id]
        assert await service.prune_jobs(installation_of(app)) == 0
