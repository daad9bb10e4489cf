"""What measurements refer to: as a foreign key would, though it is checked once for a statement."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from mnemon.context import Context
from mnemon.core.errors import NotFound
from mnemon.operations import service
from mnemon.operations.schemas import Erase, ErasureKind
from tests.conftest import Server
from tests.factories import new_slug

MakeAgent = Callable[..., Awaitable[UUID]]
ADD = "INSERT INTO agent_metrics (organization_id, agent_id, metric_type, value) VALUES ($1, $2, 'n', 1)"
ADD_SYSTEM = "INSERT INTO system_metrics (organization_id, component, metric_type, value) VALUES ($1, 'api', 'n', 1)"
DELETE = "DELETE FROM agents WHERE id = $1"


async def count(admin: Any, table: str, organization: UUID) -> int:
    found: int = await admin.fetchval(f"SELECT count(*) FROM {table} WHERE organization_id = $1", organization)
    return found


async def blocked(admin: Any, connection: Any) -> None:
    """Wait until a connection's statement waits for somebody's lock."""
    query = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1"
    until = datetime.now(UTC) + timedelta(seconds=60)
    while await admin.fetchval(query, connection.get_server_pid()) != "Lock":
        assert datetime.now(UTC) < until, "it does not wait"
        await asyncio.sleep(0.01)


@pytest.fixture
async def two(server: Server, template: str) -> Any:
    """Two connections of a superuser, whom no policy holds back."""
    pair = [await server.connect(), await server.connect()]
    yield pair
    for connection in pair:
        connection.terminate()


async def test_who_deletes_an_agent_waits_for_who_measures_it(
    ctx: Context, make_agent: MakeAgent, admin: Any, two: Any
) -> None:
    organization, agent = ctx.principal.organization_id, await make_agent(ctx)
    writing, deleting = two
    transaction = writing.transaction()
    await transaction.start()
    await writing.execute(ADD, organization, agent)
    deletion = asyncio.create_task(deleting.execute(DELETE, agent))
    await blocked(admin, deleting)
    await transaction.commit()
    assert await deletion == "DELETE 1"
    assert await count(admin, "agent_metrics", organization) == 0


async def test_who_measures_an_agent_waits_for_who_deletes_it(
    ctx: Context, make_agent: MakeAgent, admin: Any, two: Any
) -> None:
    organization = ctx.principal.organization_id
    writing, deleting = two
    for kept in (True, False):
        agent = await make_agent(ctx, new_slug())
        transaction = deleting.transaction()
        await transaction.start()
        await deleting.execute(DELETE, agent)
        measuring = asyncio.create_task(writing.execute(ADD, organization, agent))
        await blocked(admin, writing)
        if kept:
            await transaction.rollback()
            assert await measuring == "INSERT 0 1"
        else:
            await transaction.commit()
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                await measuring
    assert await count(admin, "agent_metrics", organization) == 1
    assert await count(admin, "metric_partials", organization) == 1


async def test_who_deletes_an_organisation_waits_for_who_measures(ctx: Context, admin: Any, two: Any) -> None:
    organization = ctx.principal.organization_id
    writing, deleting = two
    transaction = writing.transaction()
    await transaction.start()
    await writing.execute(ADD_SYSTEM, organization)
    deletion = asyncio.create_task(deleting.execute("DELETE FROM organizations WHERE id = $1", organization))
    await blocked(admin, deleting)
    await transaction.commit()
    assert await deletion == "DELETE 1"
    for table in ("system_metrics", "metric_partials"):
        assert await count(admin, table, organization) == 0
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await writing.execute(ADD_SYSTEM, organization)


async def test_many_write_while_agents_are_deleted_and_none_is_left_behind(
    ctx: Context, make_agent: MakeAgent, admin: Any
) -> None:
    agents = [await make_agent(ctx, new_slug()) for _ in range(12)]
    organization, gone = ctx.principal.organization_id, set(agents[:6])

    async def writing(turn: int) -> None:
        for agent in agents[turn:] + agents[:turn]:
            with contextlib.suppress(NotFound):
                async with ctx.database.transaction(ctx.principal) as connection:
                    await connection.execute(ADD, organization, agent)

    async def deleting() -> None:
        for agent in gone:
            assert await admin.execute(DELETE, agent) == "DELETE 1"

    await asyncio.gather(*(writing(turn) for turn in range(4)), deleting())
    rows = await admin.fetch("SELECT DISTINCT agent_id FROM agent_metrics WHERE organization_id = $1", organization)
    assert {row["agent_id"] for row in rows} == set(agents) - gone


async def test_a_snapshot_of_before_cannot_delete(ctx: Context, make_agent: MakeAgent, two: Any) -> None:
    """It would not see what was measured meanwhile."""
    agent = await make_agent(ctx)
    connection = two[0]
    for isolation in ("repeatable_read", "serializable"):
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="read committed"):
            async with connection.transaction(isolation=isolation):
                await connection.execute(DELETE, agent)


async def test_what_is_referred_to_keeps_its_id(ctx: Context, make_agent: MakeAgent, two: Any) -> None:
    bare = await two[0].fetchval("INSERT INTO organizations (name, slug) VALUES ('bare', $1) RETURNING id", new_slug())
    for table, row in (("agents", await make_agent(ctx)), ("organizations", bare)):
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="keep their ids"):
            await two[0].execute(f"UPDATE {table} SET id = $2 WHERE id = $1", row, uuid4())


async def test_a_measurement_is_not_changed_by_anybody(ctx: Context, make_agent: MakeAgent, admin: Any) -> None:
    organization = ctx.principal.organization_id
    await admin.execute(ADD, organization, await make_agent(ctx))
    for table in ("agent_metrics", "system_metrics"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await admin.execute(f"UPDATE {table} SET value = 2 WHERE organization_id = $1", organization)


async def test_rows_of_two_organisations_are_told_apart(
    ctx: Context, other: Context, make_agent: MakeAgent, admin: Any
) -> None:
    """In one statement of a superuser: the right agents of the right organisations, and then the wrong way round."""
    mine, theirs = await make_agent(ctx), await make_agent(other)
    here, there = ctx.principal.organization_id, other.principal.organization_id
    both = (
        "INSERT INTO agent_metrics (organization_id, agent_id, metric_type, value) "
        "VALUES ($1, $2, 'n', 1), ($3, $4, 'n', 1)"
    )
    await admin.execute(both, here, mine, there, theirs)
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="2 agents"):
        await admin.execute(both, here, theirs, there, mine)
    assert await count(admin, "agent_metrics", here) == 1


async def test_with_an_erased_person_go_the_measurements_of_their_agent(ctx: Context, admin: Any) -> None:
    organization = ctx.principal.organization_id
    user = await admin.fetchval(
        "INSERT INTO users (organization_id, external_id) VALUES ($1, $2) RETURNING id", organization, new_slug()
    )
    agents = [
        await admin.fetchval(
            "INSERT INTO agents (organization_id, name, slug, user_id) VALUES ($1, $2, $2, $3) RETURNING id",
            *(organization, new_slug(), owner),
        )
        for owner in (user, None)
    ]
    for agent in agents:
        await admin.execute(ADD, organization, agent)
    await service.erase(ctx, Erase(kind=ErasureKind.USER, name=str(user)))
    left = await admin.fetch("SELECT agent_id FROM agent_metrics WHERE organization_id = $1", organization)
    assert [row["agent_id"] for row in left] == [agents[1]]
