"""A DELETE by the application sets deleted_at (REQ-T105), read off the catalogue: a new table is covered by itself."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from mnemon.context import Context
from mnemon.db.session import Database
from tests.conftest import APP, Server
from tests.factories import Rows, Table, enter, tables

#: Tables with a deleted_at whose rows are not deleted softly by the guard, and why that is right.
EXCEPTIONS = {
    "organizations": "the application has no right to delete one; it is the tenant itself",
}


@pytest_asyncio.fixture
async def soft(admin: Any) -> list[Table]:
    """The tables that have a deleted_at."""
    found = [table for table in await tables(admin) if "deleted_at" in {column.name for column in table.columns}]
    assert {"memories", "messages", "users", "workflow_executions"} <= {table.name for table in found}
    return [table for table in found if table.name not in EXCEPTIONS]


async def test_every_table_with_a_deleted_at_has_the_guard(admin: Any, soft: list[Table]) -> None:
    guarded = await admin.fetch(
        "SELECT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname = 'soften_delete' AND tgenabled = 'O' "
        "AND tgparentid = 0"
    )
    assert {row["name"] for row in guarded} == {table.name for table in soft}, (
        "list the table in operations/sql/objects/12_soft_deletes.sql, or give a reason here"
    )


async def test_a_delete_by_the_application_is_soft_and_by_the_owner_is_not(
    server: Server, admin: Any, soft: list[Table], ctx: Context
) -> None:
    organization = ctx.principal.organization_id
    rows = Rows(admin, await tables(admin), organization)
    connection = await server.connect(APP)
    try:
        for table in soft:
            row = await rows.another(table.name)
            where = f"organization_id = '{organization}' AND id = '{row['id']}'"
            kept = "to_jsonb(t) - '{deleted_at,updated_at,version,changed}'::text[]"
            read = f"SELECT deleted_at, {kept} FROM {table.name} t"
            before = await admin.fetchrow(f"{read} WHERE {where}")
            async with connection.transaction():
                await enter(connection, organization)
                assert await connection.execute(f"DELETE FROM {table.name} WHERE {where}") == "DELETE 0", table.name
            after = await admin.fetchrow(f"{read} WHERE {where}")
            assert after is not None, table.name
            assert after[0] is not None, table.name
            assert after[1] == before[1], table.name
            async with connection.transaction():  # deleted again, it keeps the time of the first
                await enter(connection, organization)
                await connection.execute(f"DELETE FROM {table.name} WHERE {where}")
            assert (await admin.fetchrow(f"{read} WHERE {where}"))[0] == after[0], table.name
            assert await admin.execute(f"DELETE FROM {table.name} WHERE {where}") == "DELETE 1", table.name
    finally:
        await connection.close()


async def test_the_owner_itself_removes_rows_with_what_belongs_to_them(admin: Any, ctx: Context) -> None:
    """Not only a superuser: the role that owns the tables, in the tenant, as an erasure or a retention would."""
    organization = ctx.principal.organization_id
    rows = Rows(admin, await tables(admin), organization)
    await rows.row("messages")
    conversation = (await rows.row("conversations"))["id"]
    async with admin.transaction():
        await admin.execute("SET LOCAL ROLE mnemon_owner")
        await enter(admin, organization)
        assert await admin.execute("DELETE FROM conversations WHERE id = $1", conversation) == "DELETE 1"
    count = "SELECT count(*) FROM {} WHERE organization_id = $1"
    assert await admin.fetchval(count.format("conversations"), organization) == 0
    assert await admin.fetchval(count.format("messages"), organization) == 0


async def test_what_is_deleted_by_hand_is_a_deletion_to_everybody(database: Database, ctx: Context, admin: Any) -> None:
    """The trail, the log, the version and the reader cannot tell it from the repository's."""
    organization = ctx.principal.organization_id
    async with database.transaction(ctx.principal) as connection:
        made = await connection.fetchval(
            "INSERT INTO memories (organization_id, content) VALUES ($1, 'the ferry leaves at noon') RETURNING id",
            organization,
        )
        await connection.execute("DELETE FROM memories")
    row = await admin.fetchrow("SELECT version, deleted_at FROM memories WHERE id = $1", made)
    assert (row["version"], row["deleted_at"] is not None) == (2, True)
    log = await admin.fetch("SELECT action FROM memory_log WHERE memory_id = $1 ORDER BY created_at", made)
    assert [entry["action"] for entry in log] == ["created", "forgotten"]
    trail = await admin.fetch(
        "SELECT action FROM audit_logs WHERE organization_id = $1 AND resource_type = 'memories' ORDER BY created_at",
        organization,
    )
    assert {entry["action"] for entry in trail} == {"memories:create", "memories:delete"}


async def test_a_row_that_would_change_its_partition_is_refused_and_not_deleted(
    server: Server, admin: Any, ctx: Context
) -> None:
    """PostgreSQL would move it by a DELETE, which the guard must not take for one."""
    organization = ctx.principal.organization_id
    rows = Rows(admin, await tables(admin), organization)
    connection = await server.connect(APP)
    try:
        for table in ("memories", "messages", "workflow_executions"):
            made = (await rows.row(table))["id"]
            moves = ["organization_id = gen_random_uuid()"]
            moves += ["started_at = started_at - interval '1 year'"] * (table == "workflow_executions")
            for move in moves:
                transaction = connection.transaction()
                await transaction.start()
                await enter(connection, organization)
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(f"UPDATE {table} SET {move} WHERE id = '{made}'")
                await transaction.rollback()
            assert await admin.fetchval(f"SELECT deleted_at IS NULL FROM {table} WHERE id = '{made}'"), table
    finally:
        await connection.close()


async def test_every_partitioned_table_with_the_guard_keeps_its_rows_where_they_are(admin: Any) -> None:
    moving = await admin.fetch(
        "SELECT t.tgrelid::regclass::text AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE t.tgname = 'soften_delete' AND c.relkind = 'p' AND NOT c.relispartition AND NOT EXISTS "
        "(SELECT FROM pg_trigger m WHERE m.tgrelid = t.tgrelid AND m.tgname = 'refuse_move')"
    )
    assert not moving, "a row that moves is deleted and inserted: give the table refuse_move() as well"


async def test_a_whole_organisation_is_removed_by_its_owner_alone(admin: Any, ctx: Context) -> None:
    organization = ctx.principal.organization_id
    known = await tables(admin)
    rows = Rows(admin, known, organization)
    for name in ("messages", "memories", "tasks", "workflow_executions", "webhook_deliveries"):
        await rows.row(name)
    assert await admin.execute("DELETE FROM organizations WHERE id = $1", organization) == "DELETE 1"
    for table in known:
        if table.tenant_column == "organization_id" and table.name not in {"audit_logs", "audit_blocks"}:
            left = await admin.fetchval(f"SELECT count(*) FROM {table.name} WHERE organization_id = $1", organization)
            assert left == 0, table.name
