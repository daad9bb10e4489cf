"""What bounds the application's login: attack 10 of those that were once open, and the locks of others."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from mnemon.context import Context
from mnemon.db.errors import LOST
from mnemon.migrations import provision
from tests.conftest import APP, Server
from tests.factories import enter
from tests.patience import PATIENCE


async def test_a_session_begins_with_limits(server: Server, template: str) -> None:
    connection = await server.connect(APP)
    try:
        for name, value in provision.LIMITS.items():
            found = await connection.fetchval("SELECT current_setting($1)::interval = $2::text::interval", name, value)
            assert found, name
    finally:
        await connection.close()


async def test_a_lock_on_a_table_ends_with_the_transaction_that_idles(server: Server, ctx: Context) -> None:
    """LOCK goes with UPDATE and cannot be taken away; nobody waits for it longer than the limits say."""
    thief, other = await server.connect(APP), await server.connect(APP)
    try:
        await thief.execute("SET idle_in_transaction_session_timeout = '700ms'")  # the role's own is minutes
        await thief.execute("BEGIN")
        await thief.execute("LOCK TABLE teams IN ACCESS EXCLUSIVE MODE")
        await other.execute("SET lock_timeout = '100ms'")
        async with other.transaction():
            await enter(other, ctx.principal.organization_id)
            with pytest.raises(asyncpg.LockNotAvailableError):
                async with other.transaction():
                    await other.fetch("SELECT * FROM teams")
        await other.execute("SET lock_timeout = '20s'")
        async with other.transaction():
            await enter(other, ctx.principal.organization_id)
            await other.fetch("SELECT * FROM teams")  # it comes free
        with pytest.raises((*LOST, asyncpg.PostgresError)):  # what the driver says depends on how far it has read
            await thief.execute("SELECT 1")
    finally:
        thief.terminate()
        await other.close()


async def test_one_login_has_not_every_session_of_the_server(admin: Any) -> None:
    row = await admin.fetchrow(
        "SELECT rolconnlimit, current_setting('max_connections')::int AS most FROM pg_roles WHERE rolname = $1", APP
    )
    assert 0 < row["rolconnlimit"] < row["most"]


@pytest.mark.parametrize(
    "call",
    [
        "pg_advisory_lock(1)",
        "pg_advisory_xact_lock(1, 2)",
        "pg_try_advisory_lock_shared(1)",
        "pg_terminate_backend(1)",
        "pg_cancel_backend(1)",
        "lo_create(0)",
        "lo_from_bytea(0, 'x')",
        "lo_get(1)",
    ],
)
async def test_what_the_application_may_not_call(server: Server, template: str, call: str) -> None:
    connection = await server.connect(APP)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"SELECT {call}")
    finally:
        await connection.close()


async def test_a_lock_of_one_organisation_is_none_of_another(server: Server, ctx: Context, other: Context) -> None:
    mine, theirs = await server.connect(APP), await server.connect(APP)
    try:
        async with mine.transaction(), theirs.transaction():
            await enter(mine, ctx.principal.organization_id)
            await enter(theirs, other.principal.organization_id)
            await mine.execute("SELECT lock_tenant('graph:merge')")
            await asyncio.wait_for(theirs.execute("SELECT lock_tenant('graph:merge')"), PATIENCE)
    finally:
        await mine.close()
        await theirs.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TEMP VIEW pg_class AS SELECT 1",
        "CREATE TEMP TABLE t (x int)",
        "CREATE FUNCTION pg_temp.evil() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE FUNCTION public.evil() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE SCHEMA evil",
        "CREATE TABLE public.evil (x int)",
        "DO $$ BEGIN PERFORM 1; END $$",
        "SET SESSION AUTHORIZATION mnemon_owner",
        "SET ROLE mnemon_owner",
        "SET session_replication_role = replica",
    ],
)
async def test_what_the_application_may_not_make_or_become(server: Server, template: str, statement: str) -> None:
    connection = await server.connect(APP)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()
