"""Units of work: all or nothing, one kind of error, and a lost connection costs one call at most."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from mnemon.context import Context
from mnemon.core.errors import Unavailable
from mnemon.db.engine import SESSION_SETTINGS
from mnemon.db.session import Database, after_commit
from tests.conftest import APP, Server
from tests.factories import settings_of

ADD = "INSERT INTO users (organization_id, external_id) VALUES ($1, $2)"
COUNT = "SELECT count(*) FROM users WHERE organization_id = $1"


@pytest_asyncio.fixture
async def own(server: Server, template: str) -> AsyncIterator[Database]:
    """A database of the test's own pool, so that its connections can be killed."""
    database = Database(server.url(APP), settings_of(server.url(APP), database_pool_size=3, database_pool_overflow=0))
    yield database
    await database.close()


async def count(database: Database, ctx: Context) -> int:
    async with database.transaction(ctx.principal) as connection:
        return int(await connection.fetchval(COUNT, ctx.principal.organization_id))


async def test_a_connection_has_what_recall_needs(database: Database) -> None:
    async with database.untenanted() as connection:
        for name, value in SESSION_SETTINGS.items():
            found = await connection.fetchval("SELECT current_setting($1)", name)
            assert found == value, name
        assert await connection.fetchval("SHOW statement_timeout") == "1min"


async def test_what_waits_for_the_commit_is_done_after_it(own: Database, ctx: Context) -> None:
    done: list[int] = []

    async def note() -> None:
        async with own.transaction(ctx.principal, readonly=True) as another:
            done.append(await another.fetchval(COUNT, ctx.principal.organization_id))

    async with own.transaction(ctx.principal) as connection:
        await connection.execute(ADD, ctx.principal.organization_id, "ada")
        tasks: list[asyncio.Task[None]] = []
        after_commit(connection, lambda: tasks.append(asyncio.create_task(note())))
        await asyncio.sleep(0)
        assert not tasks
    await asyncio.gather(*tasks)
    assert done == [1]


async def test_what_waits_for_a_commit_that_does_not_come_is_not_done(own: Database, ctx: Context, admin: Any) -> None:
    done: list[str] = []
    with pytest.raises(LookupError):  # noqa: PT012 - what raises comes at its end
        async with own.transaction(ctx.principal) as connection:
            after_commit(connection, lambda: done.append("rolled back"))
            raise LookupError
    with pytest.raises(Unavailable):  # noqa: PT012 - the commit is what fails
        async with own.transaction(ctx.principal) as connection:
            after_commit(connection, lambda: done.append("lost"))
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await admin.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    async with own.transaction(ctx.principal) as connection:
        after_commit(connection, lambda: done.append("committed"))
    assert done == ["committed"]


async def test_only_a_transaction_is_waited_for(own: Database) -> None:
    async with own.untenanted() as connection:
        with pytest.raises(LookupError):
            after_commit(connection, lambda: None)


@pytest.mark.parametrize("begin", ["transaction", "session"])
async def test_an_error_inside_keeps_nothing(own: Database, ctx: Context, begin: str) -> None:
    organization = ctx.principal.organization_id
    with pytest.raises(LookupError):  # noqa: PT012 - what raises comes at its end
        if begin == "transaction":
            async with own.transaction(ctx.principal) as connection:
                await connection.execute(ADD, organization, "ada")
                raise LookupError
        async with own.session(ctx.principal) as session:
            await session.execute(
                text("INSERT INTO users (organization_id, external_id) VALUES (:o, 'ada')"), {"o": organization}
            )
            raise LookupError
    assert await count(own, ctx) == 0


async def test_a_session_commits_once_at_its_end(own: Database, ctx: Context) -> None:
    async with own.session(ctx.principal) as session:
        await session.execute(
            text("INSERT INTO users (organization_id, external_id) VALUES (:o, 'ada')"),
            {"o": ctx.principal.organization_id},
        )
        assert await count(own, ctx) == 0
    assert await count(own, ctx) == 1


async def test_a_session_tells_the_log_who_acts(own: Database, ctx: Context) -> None:
    async with own.session(ctx.principal) as session:
        assert (await session.execute(text("SELECT current_actor()"))).scalar() == "system"


async def test_a_readonly_transaction_refuses_writes(own: Database, ctx: Context) -> None:
    with pytest.raises(Unavailable) as caught:
        async with own.transaction(ctx.principal, readonly=True) as connection:
            await connection.execute(ADD, ctx.principal.organization_id, "ada")
    assert caught.value.code == "unavailable.read_only"


@pytest.mark.parametrize("begin", ["session", "read_session"])
async def test_a_readonly_session_refuses_writes_and_leaves_its_connection_as_it_was(
    server: Server, template: str, ctx: Context, begin: str
) -> None:
    add, values = (
        text("INSERT INTO users (organization_id, external_id) VALUES (:o, 'ada')"),
        {"o": ctx.principal.organization_id},
    )
    url = server.url(APP)
    one = Database(url, settings_of(url, database_pool_size=1, database_pool_overflow=0))
    try:
        with pytest.raises(Unavailable) as caught:  # noqa: PT012 - one of two ways
            if begin == "read_session":
                await one.read_session(ctx.principal, lambda session: session.execute(add, values))
            async with one.session(ctx.principal, readonly=True) as session:
                await session.execute(add, values)
        assert caught.value.code == "unavailable.read_only"
        async with one.session(ctx.principal) as session:  # on the same connection
            await session.execute(add, values)
        assert await count(one, ctx) == 1
    finally:
        await one.close()


@pytest.mark.parametrize("begin", ["transaction", "session"])
async def test_a_backend_killed_in_the_middle_keeps_nothing_and_the_next_call_works(
    own: Database, admin: Any, ctx: Context, begin: str
) -> None:
    with pytest.raises(Unavailable) as caught:  # noqa: PT012 - what raises comes at its end
        if begin == "transaction":
            async with own.transaction(ctx.principal) as connection:
                await connection.execute(ADD, ctx.principal.organization_id, "ada")
                await admin.fetchval(
                    "SELECT pg_terminate_backend($1, 5000)", await connection.fetchval("SELECT pg_backend_pid()")
                )
                await connection.execute(ADD, ctx.principal.organization_id, "bob")
        async with own.session(ctx.principal) as session:
            await session.execute(
                text("INSERT INTO users (organization_id, external_id) VALUES (:o, 'ada')"),
                {"o": ctx.principal.organization_id},
            )
            pid = (await session.execute(text("SELECT pg_backend_pid()"))).scalar()
            await admin.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
            await session.execute(text("SELECT 1"))
    assert caught.value.code == "unavailable.database"
    assert await count(own, ctx) == 0
    async with own.transaction(ctx.principal) as connection:
        await connection.execute(ADD, ctx.principal.organization_id, "ada")
    assert await count(own, ctx) == 1


async def test_a_backend_killed_under_a_running_statement_is_unavailable(
    own: Database, admin: Any, ctx: Context
) -> None:
    async def kill(pid: int) -> None:
        await asyncio.sleep(0.1)
        await admin.execute("SELECT pg_terminate_backend($1)", pid)

    with pytest.raises(Unavailable) as caught:  # noqa: PT012 - what raises comes at its end
        async with own.transaction(ctx.principal) as connection:
            killing = asyncio.create_task(kill(await connection.fetchval("SELECT pg_backend_pid()")))
            await connection.fetchval("SELECT pg_sleep(20)")
    await killing
    assert caught.value.code == "unavailable.database"
    assert await count(own, ctx) == 0


async def test_idle_connections_that_were_killed_cost_nobody_a_call(own: Database, admin: Any, ctx: Context) -> None:
    """As after a restart of the server: every connection of the pool is dead at once."""

    async def pid() -> int:
        async with own.untenanted() as connection:
            found: int = await connection.fetchval("SELECT pg_backend_pid() FROM pg_sleep(0.05)")
            return found

    pids = set(await asyncio.gather(pid(), pid(), pid()))
    assert len(pids) == 3
    for one in pids:
        await admin.fetchval("SELECT pg_terminate_backend($1, 5000)", one)
    await asyncio.sleep(0.05)  # until the sockets' ends have been noticed
    for _ in range(3):
        assert await count(own, ctx) == 0


async def test_a_statement_that_runs_too_long_is_stopped(server: Server, ctx: Context) -> None:
    url = server.url(APP)
    database = Database(url, settings_of(url, database_statement_timeout=0.1))
    try:
        with pytest.raises(Unavailable) as caught:
            async with database.transaction(ctx.principal) as connection:
                await connection.fetchval("SELECT pg_sleep(5)")
        assert caught.value.code == "unavailable.timeout"
        assert await count(database, ctx) == 0
    finally:
        await database.close()


async def test_a_cancelled_session_keeps_nothing_and_gives_its_connection_back(own: Database, ctx: Context) -> None:
    async def slow() -> None:
        async with own.transaction(ctx.principal) as connection:
            await connection.execute(ADD, ctx.principal.organization_id, "ada")
            await connection.fetchval("SELECT pg_sleep(20)")

    tasks = [asyncio.create_task(slow()) for _ in range(1)]
    await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [await count(own, ctx) for _ in range(4)] == [0] * 4


async def test_a_server_that_has_no_free_connection_says_so(server: Server, admin: Any, ctx: Context) -> None:
    await admin.execute(f"ALTER ROLE {APP} CONNECTION LIMIT 0")
    url = server.url(APP)
    database = Database(url, settings_of(url))
    try:
        with pytest.raises(Unavailable) as caught:
            await count(database, ctx)
        assert caught.value.code == "unavailable.connections"
    finally:
        await admin.execute(f"ALTER ROLE {APP} CONNECTION LIMIT -1")
        await database.close()


async def test_connections_beyond_the_pool_are_closed_when_they_come_back(
    server: Server, admin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(server.url(APP), database_pool_size=2, database_pool_overflow=8)
    database = Database(server.url(APP), settings)
    try:
        together = asyncio.Barrier(10)

        async def ask() -> None:
            async with database.untenanted():
                await together.wait()

        before = await admin.fetch("SELECT pid FROM pg_stat_activity WHERE usename = 'mnemon_app'")
        await asyncio.gather(*(ask() for _ in range(10)))
        known = [row["pid"] for row in before]
        ours = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'mnemon_app' AND pid <> ALL ($1)"
        for _ in range(400):  # the server notices an end a moment later
            if await admin.fetchval(ours, known) == 2:
                break
            await asyncio.sleep(0.05)
        assert await admin.fetchval(ours, known) == 2
        assert not caplog.records
    finally:
        await database.close()


@pytest.mark.parametrize("session", [False, True])
async def test_nobody_waits_while_others_come_again_and_again(server: Server, ctx: Context, session: bool) -> None:
    """More tasks than connections, each coming back at once: all have their turns."""
    database = Database(server.url(APP), settings_of(server.url(APP), database_pool_size=2, database_pool_overflow=0))
    turns = [0] * 20
    try:

        async def come(number: int) -> None:
            while sum(turns) < 600:
                if session:
                    async with database.session(ctx.principal) as opened:
                        await opened.execute(text("SELECT 1"))
                else:
                    async with database.transaction(ctx.principal) as connection:
                        await connection.fetchval("SELECT 1")
                turns[number] += 1

        await asyncio.gather(*(come(number) for number in range(len(turns))))
        assert min(turns) >= 6, turns
    finally:
        await database.close()
