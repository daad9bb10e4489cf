"""The wall between organisations, read off the catalogue: a new table is covered without touching this file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from mnemon.app import App
from mnemon.context import Context
from mnemon.core.principal import Principal
from mnemon.db.session import Database
from mnemon.db.tenant import PLAIN
from tests.conftest import APP, Server
from tests.factories import Rows, Table, enter, insert, new_slug, settings_of, tables

#: Tables without row-level security, and why that is right.
EXCEPTIONS = {
    "alembic_version": "one row, the revision: read at start-up, before there is an organisation",
    "sign_in_attempts": "guesses, also for addresses that nobody has: the owner's alone, nothing is granted",
    "upkeep_locks": "rows that upkeep locks; the owner's alone, nothing is granted",
    "installation_keys": "what proofs are checked with: the owner's alone, nothing is granted",
    "search_salts": "what an organisation's words stand behind in an index: the owner's alone, nothing is granted",
    "directory": "whose an e-mail address or a slug is, as digests: the owner's alone, nothing is granted",
    "embedding_space": "which model made the vectors: one row, read at start-up; the application may only read it",
    "schema_objects": "digests of the SQL objects that were applied; holds nothing of anybody's",
    "partition_policies": "how long each table's partitions are kept: the installation's; may only be read",
    "permissions": "the fixed catalogue, the same for everybody; the application may only read it",
}
#: Tables of which the application may not do everything, whatever else changes. Of user_credentials it reads all
#: columns but the hash, each by a grant of its own.
LESS = {
    "organizations": {"SELECT", "UPDATE"},
    "memory_log": {"SELECT", "INSERT"},
    "user_credentials": {"INSERT", "UPDATE", "DELETE"},
}


@pytest_asyncio.fixture
async def known(admin: Any) -> list[Table]:
    return await tables(admin)


@pytest_asyncio.fixture
async def filled(admin: Any, known: list[Table], ctx: Context) -> Rows:
    """One row of every tenant table, of the first organisation."""
    rows = Rows(admin, known, ctx.principal.organization_id)
    for table in known:
        if table.name not in EXCEPTIONS:
            await rows.row(table.name)
    return rows


@asynccontextmanager
async def acting(server: Server, organization: UUID | None) -> AsyncIterator[Any]:
    """A transaction as the application role, rolled back: in an organisation, or in none."""
    connection = await server.connect(APP)
    transaction = connection.transaction()
    await transaction.start()
    if organization is not None:
        await enter(connection, organization)
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


async def refused(connection: Any, query: str) -> type[Exception] | None:
    """The error that a statement meets, None if it works; leaves the transaction usable."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(query)
    except asyncpg.PostgresError as error:
        return type(error)
    else:
        return None
    finally:
        await transaction.rollback()


def writing(table: str, values: dict[str, str]) -> str:
    """An INSERT that returns nothing: what may be written is not always what may be read."""
    return insert(table, values).removesuffix(" RETURNING *")


async def test_every_table_has_a_policy_or_a_reason(known: list[Table]) -> None:
    open_tables = {t.name for t in known if not (t.secured and t.forced and t.policies)}
    assert open_tables == set(EXCEPTIONS), "call ddl.protect() for the table in its migration, or give a reason here"


async def test_every_table_but_the_exceptions_says_whose_a_row_is(known: list[Table]) -> None:
    assert {t.name for t in known if t.tenant_column is None} == set(EXCEPTIONS)


async def test_what_the_application_may_do_to_a_table(known: list[Table]) -> None:
    for table in known:
        if table.name in EXCEPTIONS:
            assert table.granted <= {"SELECT"}, table.name
        elif table.name in LESS:
            assert table.granted == LESS[table.name]
        else:
            assert "SELECT" in table.granted, f"{table.name}: say what the application may do in ddl.protect()"


async def test_references_between_tenant_tables_carry_the_organisation(known: list[Table]) -> None:
    loose = [
        f"{table.name}.{key.name}"
        for table in known
        for key in table.foreign
        if key.table not in {"organizations", *EXCEPTIONS} and "organization_id" not in key.columns
    ]
    assert not loose, "use db.base.belongs_to(): a reference that carries organization_id cannot leave the tenant"


async def test_policies_compare_with_the_setting_in_the_plain_form(admin: Any) -> None:
    """The planner keeps its row estimate with this form only; both clauses are the same."""
    for row in await admin.fetch(
        "SELECT tablename, policyname, qual, with_check, roles, cmd FROM pg_policies WHERE schemaname = 'public'"
    ):
        if row["policyname"] == "owner":
            assert row["roles"] == ["mnemon_owner"], row
            continue
        key = "id" if row["tablename"] == "organizations" else "organization_id"
        plain = f"({key} = {PLAIN})"
        assert row["qual"] == plain, row["tablename"]
        assert row["with_check"] == plain, row["tablename"]
        assert row["cmd"] == "ALL"


async def test_others_see_and_change_nothing(
    server: Server, known: list[Table], filled: Rows, ctx: Context, other: Context
) -> None:
    mine = ctx.principal.organization_id
    for organization in (other.principal.organization_id, None):
        async with acting(server, organization) as connection:
            for table in known:
                if table.name in EXCEPTIONS:
                    continue
                column = table.tenant_column
                where = f"{column} = '{mine}'"
                assert await connection.fetchval(f"SELECT count(*) FROM {table.name} WHERE {where}") == 0, table.name
                foreign = f"SELECT count(*) FROM {table.name} WHERE {column} IS DISTINCT FROM $1"
                assert await connection.fetchval(foreign, organization) == 0, table.name
                for verb, statement in (
                    ("UPDATE", f"UPDATE {table.name} SET {column} = {column} WHERE {where}"),
                    ("DELETE", f"DELETE FROM {table.name} WHERE {where}"),
                ):
                    if verb in table.granted:
                        assert await connection.execute(statement) == f"{verb} 0", (table.name, verb)
                    else:
                        error = await refused(connection, statement)
                        assert error is asyncpg.InsufficientPrivilegeError, (table.name, verb)


async def test_the_owner_of_the_rows_does_see_them(
    server: Server, known: list[Table], filled: Rows, ctx: Context
) -> None:
    """Or the test above would pass on empty tables."""
    async with acting(server, ctx.principal.organization_id) as connection:
        for table in known:
            if table.name not in EXCEPTIONS:
                assert await connection.fetchval(f"SELECT count(*) FROM {table.name}") >= 1, table.name


async def test_nobody_can_write_into_another_organisation(
    server: Server, admin: Any, known: list[Table], filled: Rows, ctx: Context, other: Context
) -> None:
    for table in known:
        if table.name in EXCEPTIONS:
            continue
        values = await filled.values(table.name)
        if table.name == "organizations":
            values = {"id": "gen_random_uuid()", "name": "'x'", "slug": f"'{new_slug()}'"}
        for organization in (other.principal.organization_id, None):
            async with acting(server, organization) as connection:
                error = await refused(connection, writing(table.name, values))
                assert error is asyncpg.InsufficientPrivilegeError, (table.name, organization, error)
    # The same values are good ones: as the organisation itself they are taken, where inserting is allowed at all.
    async with acting(server, ctx.principal.organization_id) as connection:
        for table in known:
            if table.name in EXCEPTIONS or "INSERT" not in table.granted:
                continue
            values = await filled.values(table.name)
            if table.name == "users":  # an address is taken with a proof, whatever the policy says
                values = {**values, "email": "NULL", "external_id": f"'{new_slug()}'"}
            error = await refused(connection, writing(table.name, values))
            # The policy comes first: some tables already have the only such row that there can be.
            assert error in (None, asyncpg.UniqueViolationError), (table.name, error)


async def test_a_row_cannot_be_moved_into_another_organisation(
    server: Server, known: list[Table], filled: Rows, ctx: Context, other: Context
) -> None:
    async with acting(server, ctx.principal.organization_id) as connection:
        for table in known:
            if table.name in EXCEPTIONS or "UPDATE" not in table.granted:
                continue
            error = await refused(
                connection, f"UPDATE {table.name} SET {table.tenant_column} = '{other.principal.organization_id}'"
            )
            assert error is asyncpg.InsufficientPrivilegeError, (table.name, error)


async def test_the_database_itself_refuses_a_reference_into_another_organisation(
    admin: Any, known: list[Table], filled: Rows, other: Context
) -> None:
    """Even a superuser, whom no policy holds back, cannot make one."""
    theirs = Rows(admin, known, other.principal.organization_id)
    tried = 0
    for table in known:
        for key in table.foreign:
            if "organization_id" not in key.columns or len(key.columns) < 2:
                continue
            values = await theirs.values(table.name)
            foreign_row = await filled.another(key.table)
            for optional in {k.columns[-1] for k in table.foreign} & {c.name for c in table.columns if not c.not_null}:
                if (table.name, key.columns[-1], optional) != ("message_memory_usage", "message_id", "memory_id"):
                    values.pop(optional, None)  # of two owners a CHECK may allow one only; of what is used it wants one
            for here, there in zip(key.columns, key.target, strict=True):
                if here != "organization_id":
                    values[here] = f"'{foreign_row[there]}'::uuid"
            if "whole_id" in key.columns:  # what refers to a whole is a part of it
                values |= {"part": "2", "parts": "2"}
            assert await refused(admin, insert(table.name, values)) is asyncpg.ForeignKeyViolationError, (
                table.name,
                key.name,
            )
            tried += 1
    assert tried > 20


async def test_the_application_role_can_do_no_more_than_it_needs(admin: Any) -> None:
    role = await admin.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", APP)
    for power in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication"):
        assert not role[power], power
    owned = await admin.fetch("SELECT * FROM pg_shdepend WHERE refobjid = $1 AND deptype = 'o'", role["oid"])
    assert not owned, "the application role owns something"
    assert not await admin.fetch("SELECT * FROM pg_auth_members WHERE member = $1", role["oid"])
    extra = await admin.fetch(
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants "
        "WHERE grantee = $1 AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')",
        APP,
    )
    assert not extra
    assert not await admin.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", APP)


async def test_partitions_are_closed_to_the_application(server: Server, admin: Any) -> None:
    partitions = [
        row["name"]
        for row in await admin.fetch(
            "SELECT c.oid::regclass::text AS name FROM pg_class c "
            "WHERE c.relispartition AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
        )
    ]
    assert len(partitions) >= 32  # of messages and memories alone
    for name in partitions:
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            assert not await admin.fetchval("SELECT has_table_privilege($1, $2, $3)", APP, name, privilege), name
    async with acting(server, None) as connection:
        assert await refused(connection, f"SELECT * FROM {partitions[0]}") is asyncpg.InsufficientPrivilegeError


async def test_the_application_cannot_become_somebody_else(server: Server) -> None:
    async with acting(server, None) as connection:
        for statement in (
            "SET ROLE mnemon_owner",
            "SET ROLE mnemon_admin",
            "SET SESSION AUTHORIZATION mnemon_owner",
            "ALTER TABLE memories DISABLE ROW LEVEL SECURITY",
            "DROP POLICY tenant ON memories",
            "CREATE TABLE public.mine (id int)",
            "GRANT mnemon_owner TO mnemon_app",
            "TRUNCATE memories",
            "UPDATE alembic_version SET version_num = 'x'",
            "UPDATE schema_objects SET digest = 'x'",
            "INSERT INTO embedding_space (model, dimensions) VALUES ('x', 256)",
            "UPDATE embedding_space SET model = 'x'",
            "DELETE FROM embedding_space",
        ):
            assert await refused(connection, statement) is asyncpg.InsufficientPrivilegeError, statement
        await connection.execute("SET LOCAL row_security = off")
        # `off` does not switch the policies off: it makes a query fail that they would have filtered.
        assert await refused(connection, "SELECT * FROM memories") is asyncpg.InsufficientPrivilegeError


async def test_the_log_of_memories_is_append_only(server: Server, admin: Any, filled: Rows, ctx: Context) -> None:
    async with acting(server, ctx.principal.organization_id) as connection:
        assert await connection.fetchval("SELECT count(*) FROM memory_log") >= 1
        for statement in ("UPDATE memory_log SET reason = 'x'", "DELETE FROM memory_log"):
            assert await refused(connection, statement) is asyncpg.InsufficientPrivilegeError
    # Not even who owns the table: a trigger refuses it.
    where = f"WHERE organization_id = '{ctx.principal.organization_id}'"
    for statement in (f"UPDATE memory_log SET reason = 'x' {where}", f"DELETE FROM memory_log {where}"):
        assert await refused(admin, statement) is asyncpg.InsufficientPrivilegeError


async def test_a_tenant_ends_with_its_transaction(database: Database, ctx: Context) -> None:
    async with database.transaction(ctx.principal) as connection:
        assert await connection.fetchval("SELECT current_tenant()::text") == str(ctx.principal.organization_id)
    for _ in range(10):  # whichever connection of the pool it is
        async with database.untenanted() as connection:
            assert await connection.fetchval("SELECT current_tenant()::text") in (None, "")


async def test_a_tenant_ends_with_a_transaction_that_failed(database: Database, ctx: Context) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction(ctx.principal):
            raise ZeroDivisionError
    for _ in range(10):
        async with database.untenanted() as connection:
            assert await connection.fetchval("SELECT current_tenant()::text") in (None, "")


@pytest.mark.parametrize("begin", ["transaction", "session"])
async def test_two_organisations_over_two_connections_never_meet(
    server: Server, app: App, ctx: Context, other: Context, begin: str
) -> None:
    database = Database(server.url(APP), settings_of(server.url(APP), database_pool_size=2, database_pool_overflow=0))
    try:
        principals = [ctx.principal, other.principal]
        for principal in principals:
            async with database.transaction(principal) as connection:
                await connection.execute(
                    "INSERT INTO users (organization_id, external_id) VALUES ($1, 'somebody')",
                    principal.organization_id,
                )

        async def look(principal: Principal) -> set[UUID]:
            query = "SELECT organization_id FROM users"
            if begin == "transaction":
                async with database.transaction(principal) as connection:
                    await asyncio.sleep(0)
                    return {row["organization_id"] for row in await connection.fetch(query)}
            async with database.session(principal) as session:
                await asyncio.sleep(0)
                rows = await (await session.connection()).exec_driver_sql(query)
                return {row.organization_id for row in rows}

        async def many(number: int) -> None:
            for turn in range(15):
                principal = principals[(number + turn) % 2]
                assert await look(principal) == {principal.organization_id}

        await asyncio.gather(*(many(number) for number in range(20)))
    finally:
        await database.close()


async def test_without_an_organisation_there_are_no_rows_and_no_writes(database: Database, ctx: Context) -> None:
    async with database.transaction(ctx.principal) as connection:
        await connection.execute(
            "INSERT INTO users (organization_id, external_id) VALUES ($1, 'ada')", ctx.principal.organization_id
        )
    async with database.untenanted() as connection:
        assert await connection.fetchval("SELECT count(*) FROM users") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("INSERT INTO users (external_id) VALUES ('nobody')")


async def test_security_definer_functions_are_pinned_and_not_for_everybody(admin: Any) -> None:
    """Each runs as the owner of the tables: its search_path is pinned, and only who needs it may call it."""
    rows = await admin.fetch(
        "SELECT p.proname, p.proconfig, p.prorettype <> 'trigger'::regtype "
        "AND has_function_privilege('public', p.oid, 'EXECUTE') AS open "
        "FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef "
        "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    )
    for row in rows:
        assert any(item.startswith("search_path=") for item in row["proconfig"] or ()), row["proname"]
        assert not row["open"], f"REVOKE ALL ON FUNCTION {row['proname']} FROM PUBLIC"
    assert "ensure_organization" in {row["proname"] for row in rows}
