"""What PostgreSQL refuses when the schemas are passed by: one kind each, a stable code, no row's values."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import sqlalchemy.exc

from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, Invalid, MnemonError, NotFound, Unavailable
from mnemon.db.errors import translate
from mnemon.db.session import Database
from tests.factories import take_address

SECRET = "the-content-of-a-row"


async def refusal(database: Database, ctx: Context, table: str, **values: Any) -> MnemonError:
    """What an insert of these values (SQL) meets."""
    row = {"organization_id": f"'{ctx.principal.organization_id}'", **values}
    with pytest.raises(MnemonError) as caught:  # noqa: PT012 - what raises comes at its end
        async with database.transaction(ctx.principal) as connection:
            if "email" in values:
                await take_address(database, connection, ctx.principal, values["email"].strip("'"))
            await connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})")
    assert SECRET not in str(caught.value)
    return caught.value


TEXT = f"'{SECRET}'"


@pytest.mark.parametrize(
    ("values", "kind", "code"),
    [
        ({"content": TEXT, "importance": "11"}, Invalid, "invalid.importance"),
        ({"content": TEXT, "importance": "0"}, Invalid, "invalid.importance"),
        ({"content": TEXT, "confidence": "2"}, Invalid, "invalid.confidence"),
        ({"content": TEXT, "confidence": "'NaN'"}, Invalid, "invalid.confidence"),
        ({"content": "''"}, Invalid, "invalid.content_empty"),
        ({"content": r"E' \n\t '"}, Invalid, "invalid.content_empty"),
        ({"content": "repeat('x', 50001)"}, Invalid, "invalid.content_too_long"),
        ({"content": "NULL"}, Invalid, "invalid.required"),
        ({"content": TEXT, "memory_type": "'dream'"}, Invalid, "invalid.enum"),
        ({"content": TEXT, "tier": "'lukewarm'"}, Invalid, "invalid.enum"),
        ({"content": TEXT, "embedding": "'[1,2,3]'"}, Invalid, "invalid.dimensions"),
        ({"content": TEXT, "embedding_status": "'perhaps'"}, Invalid, "invalid.embedding_status"),
        ({"content": TEXT, "memory_type": "'agent_private'"}, Invalid, "invalid.private_has_agent"),
        ({"content": TEXT, "memory_type": "'user_profile'"}, Invalid, "invalid.profile_has_user"),
        ({"content": TEXT, "valid_until": "now() - interval '1 day'"}, Invalid, "invalid.validity"),
        ({"content": TEXT, "category": "repeat('x', 51)"}, Invalid, "invalid.value"),
        ({"content": TEXT, "metadata": "'{'"}, Invalid, "invalid.value"),
        ({"content": TEXT, "metadata": r"""'{"a": "\u0000"}'"""}, Invalid, "invalid.characters"),
        ({"content": TEXT, "importance": "99999999999"}, Invalid, "invalid.value"),
        ({"content": TEXT, "user_id": f"'{uuid4()}'"}, NotFound, "not_found.reference"),
        ({"content": TEXT, "nothing": "1"}, Unavailable, "unavailable.schema"),
    ],
)
async def test_what_the_database_refuses_of_a_memory(
    database: Database, ctx: Context, values: dict[str, str], kind: type[MnemonError], code: str
) -> None:
    error = await refusal(database, ctx, "memories", **values)
    assert type(error) is kind
    assert error.code == code


async def test_the_longest_content_is_kept(database: Database, ctx: Context) -> None:
    async with database.transaction(ctx.principal) as connection:
        await connection.execute(
            "INSERT INTO memories (organization_id, content) VALUES ($1, repeat('é', 50000))",
            ctx.principal.organization_id,
        )


async def test_the_same_name_twice_is_a_conflict_that_names_the_field(database: Database, ctx: Context) -> None:
    async with database.transaction(ctx.principal) as connection:
        await connection.execute(
            "INSERT INTO users (organization_id, external_id) VALUES ($1, 'ada')", ctx.principal.organization_id
        )
    error = await refusal(database, ctx, "users", external_id="'ada'")
    assert (type(error), error.code) == (Conflict, "conflict.exists")
    assert error.data == {
        "table": "users",
        "constraint": "uq_users_organization_id_external_id",
        "field": "external_id",
    }


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"email": "'nonsense'"}, "invalid.email"),
        ({"external_id": "'x'", "tier": "'gold'"}, "invalid.tier"),
        ({"external_id": "'x'", "status": "'gone'"}, "invalid.status"),
        ({"display_name": "'x'"}, "invalid.identified"),
    ],
)
async def test_what_the_database_refuses_of_a_person(
    database: Database, ctx: Context, values: dict[str, str], code: str
) -> None:
    assert (await refusal(database, ctx, "users", **values)).code == code


async def test_a_slug_is_checked_by_the_database_too(database: Database, ctx: Context) -> None:
    for slug in ("UPPER", "-begins", "ends-", "a", "with space", "ünder"):
        assert (await refusal(database, ctx, "teams", name="'x'", slug=f"'{slug}'")).code == "invalid.slug", slug


async def test_content_is_never_overwritten(database: Database, ctx: Context) -> None:
    async with database.transaction(ctx.principal) as connection:
        await connection.execute(
            "INSERT INTO memories (organization_id, content) VALUES ($1, 'as it was')", ctx.principal.organization_id
        )
    with pytest.raises(Invalid) as caught:
        async with database.transaction(ctx.principal) as connection:
            await connection.execute("UPDATE memories SET content = 'otherwise'")
    assert caught.value.code == "invalid.content_immutable"


async def test_a_deadlock_asks_to_try_again(database: Database, ctx: Context) -> None:
    organization = ctx.principal.organization_id
    async with database.transaction(ctx.principal) as connection:
        for name in "ab":
            await connection.execute(
                "INSERT INTO users (organization_id, external_id) VALUES ($1, $2)", organization, name
            )
    ready = asyncio.Barrier(2)

    async def touch(first: str, second: str) -> None:
        async with database.transaction(ctx.principal) as connection:
            await connection.execute("UPDATE users SET timezone = 'UTC' WHERE external_id = $1", first)
            await ready.wait()
            await connection.execute("UPDATE users SET timezone = 'UTC' WHERE external_id = $1", second)

    results = await asyncio.gather(touch("a", "b"), touch("b", "a"), return_exceptions=True)
    errors = [error for error in results if error is not None]
    assert [type(error) for error in errors] == [Conflict]
    assert isinstance(errors[0], Conflict)
    assert errors[0].code == "conflict.retry"


async def test_what_the_application_may_not_do_is_forbidden(database: Database, ctx: Context) -> None:
    with pytest.raises(Forbidden) as caught:
        async with database.transaction(ctx.principal) as connection:
            await connection.execute("DELETE FROM memory_log")
    assert caught.value.code == "forbidden.database"


async def test_a_parameter_that_does_not_fit_is_invalid(database: Database, ctx: Context) -> None:
    """The driver refuses it before the server sees it: that is no lost connection."""
    for value in (2**70, "text", [1]):
        with pytest.raises(Invalid) as caught:
            async with database.transaction(ctx.principal) as connection:
                await connection.fetchval("SELECT $1::int", value)
        assert caught.value.code == "invalid.value"


def test_every_error_of_the_driver_has_a_kind() -> None:
    assert translate(ValueError("of nobody's")) is None
    for error, code in (
        (asyncpg.AdminShutdownError("x"), "unavailable.database"),
        (asyncpg.CrashShutdownError("x"), "unavailable.database"),
        (asyncpg.CannotConnectNowError("x"), "unavailable.database"),
        (asyncpg.ConnectionDoesNotExistError("x"), "unavailable.database"),
        (asyncpg.InterfaceError("x"), "unavailable.database"),
        (ConnectionRefusedError("x"), "unavailable.database"),
        (TimeoutError("x"), "unavailable.database"),
        (sqlalchemy.exc.TimeoutError("QueuePool limit reached"), "unavailable.connections"),
        (asyncpg.TooManyConnectionsError("x"), "unavailable.connections"),
        (asyncpg.LockNotAvailableError("x"), "unavailable.lock"),
        (asyncpg.DiskFullError("x"), "unavailable.disk_full"),
        (asyncpg.OutOfMemoryError("x"), "unavailable.resources"),
        (asyncpg.SerializationError("x"), "conflict.retry"),
        (asyncpg.ReadOnlySQLTransactionError("x"), "unavailable.read_only"),
        (asyncpg.InvalidPasswordError("x"), "unavailable.credentials"),
        (asyncpg.UndefinedColumnError("x"), "unavailable.schema"),
    ):
        found = translate(error)
        assert found is not None, error
        assert found.code == code, error


def test_our_own_errors_stay_as_they_are() -> None:
    error = NotFound("x")
    assert translate(error) is error
