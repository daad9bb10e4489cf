"""What must be there before the first migration: roles, the vector extension, an operator that policies trust.

A superuser (the embedded server's, or an administrator once) gets all of it. A plain owner gets what the server allows
and a clear error for what cannot be done without.
"""

from __future__ import annotations

import contextlib
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from mnemon.core.errors import Unavailable
from mnemon.db.tenant import PARAMETER
from mnemon.db.versions import missing_vector, refuse_server, server_problem
from mnemon.migrations import wall

OWNER_ROLE = "mnemon_owner"
APP_ROLE = "mnemon_app"
WORKER_ROLE = "mnemon_worker"
OPTIONAL_EXTENSIONS = ("pg_trgm", "pgcrypto", "uuid-ossp", "pg_stat_statements")

#: Of the application's logins: how long a statement may run, wait for a lock, and a transaction wait for its process.
LIMITS = {"statement_timeout": "60s", "lock_timeout": "30s", "idle_in_transaction_session_timeout": "300s"}
#: Sessions that one login of the application may have: some of the server's hundred are left for who must mend things.
MOST_SESSIONS = 80

# Functions of the server that everybody may call and no application needs. Large objects belong to no table and have no
# policy; a lock by a number can stop another organisation's work (lock_tenant() takes one that cannot); and sessions of
# one login may end each other.
_CLOSED = """
DO $$
DECLARE closed regprocedure;
BEGIN
  FOR closed IN
    SELECT p.oid FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND (
      p.proname ~ '^(lo_|lo(read|write)$|pg_(try_)?advisory_(xact_)?lock)'
      OR p.proname IN ('pg_cancel_backend', 'pg_terminate_backend'))
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', closed);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mnemon_owner', closed);
  END LOOP;
END $$
"""

# `@@` may leak what it sees in an error, says the catalogue, so a policy keeps it from any index: 423 ms instead of
# 0.8. ts_match_vq raises nothing that depends on a row's value; the same function under a name of ours may say so.
_LEAKPROOF = """
CREATE FUNCTION public.recall_match(tsvector, tsquery) RETURNS boolean
  LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF AS 'ts_match_vq';
CREATE OPERATOR public.@~@ (
  LEFTARG = tsvector, RIGHTARG = tsquery, FUNCTION = public.recall_match,
  RESTRICT = tsmatchsel, JOIN = tsmatchjoinsel
);
CREATE OPERATOR CLASS public.recall_tsvector_ops FOR TYPE tsvector USING gin AS
  OPERATOR 1 public.@~@ (tsvector, tsquery),
  OPERATOR 2 pg_catalog.@@ (tsvector, tsquery),
  FUNCTION 1 gin_cmp_tslexeme(text, text),
  FUNCTION 2 gin_extract_tsvector(tsvector, internal, internal),
  FUNCTION 3 gin_extract_tsquery(tsvector, internal, int2, internal, internal, internal, internal),
  FUNCTION 4 gin_tsquery_consistent(internal, int2, tsvector, int4, internal, internal, internal, internal),
  FUNCTION 5 gin_cmp_prefix(text, text, int2, internal),
  FUNCTION 6 gin_tsquery_triconsistent(internal, int2, tsvector, int4, internal, internal, internal),
  STORAGE text;
"""

# Its like for words behind an organisation's salt. Words that begin somehow are not found by it (it has no function to
# compare beginnings): letter by letter, they would tell salts and words of everybody in an index.
_WORDS = """
CREATE OPERATOR CLASS public.recall_words_ops FOR TYPE tsvector USING gin AS
  OPERATOR 1 public.@~@ (tsvector, tsquery),
  FUNCTION 1 gin_cmp_tslexeme(text, text),
  FUNCTION 2 gin_extract_tsvector(tsvector, internal, internal),
  FUNCTION 3 gin_extract_tsquery(tsvector, internal, int2, internal, internal, internal, internal),
  FUNCTION 4 gin_tsquery_consistent(internal, int2, tsvector, int4, internal, internal, internal, internal),
  FUNCTION 6 gin_tsquery_triconsistent(internal, int2, tsvector, int4, internal, internal, internal),
  STORAGE text
"""

_DROP_LEAKPROOF = """
DROP OPERATOR FAMILY IF EXISTS public.recall_words_ops USING gin CASCADE;
DROP OPERATOR FAMILY IF EXISTS public.recall_tsvector_ops USING gin CASCADE;
DROP OPERATOR IF EXISTS public.@~@ (tsvector, tsquery);
DROP FUNCTION IF EXISTS public.recall_match(tsvector, tsquery);
"""

_WORKS = (
    f"SELECT coalesce(pg_has_role(to_regrole('{WORKER_ROLE}')::oid, to_regrole('{APP_ROLE}')::oid, 'USAGE'), false)"
)


async def provision(connection: AsyncConnection) -> bool:
    """Make roles and extensions; then act as the schema's owner. Runs in the caller's transaction.

    Returns:
        True if the rest runs as ``mnemon_owner``; False if the connected login owns the schema itself.

    Raises:
        Unavailable: the server is too old; the vector extension is not there and cannot be made, or is too old; or a
            role cannot be made.
    """
    version = int(await _value(connection, "SELECT current_setting('server_version_num')"))
    if (too_old := server_problem(version)) is not None:
        raise too_old
    superuser = await _value(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    await wall.refuse_planted(connection)
    await _vector(connection)
    vector = await _value(connection, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    refuse_server(version, vector)
    if superuser:
        await _superuser(connection)
        return True
    await _app_role(connection)
    await _worker_role(connection)
    await _close_as_owner(connection)
    return False


def limits(login: str) -> list[str]:
    """Return what bounds a login of the application's where its sessions say nothing else, and how many there are."""
    return [
        f"ALTER ROLE {login} CONNECTION LIMIT {MOST_SESSIONS}",
        *(f"ALTER ROLE {login} SET {name} = '{value}'" for name, value in LIMITS.items()),
    ]


async def act_as_owner(connection: AsyncConnection) -> None:
    """Let what is made from here on belong to the owner role and not to the superuser."""
    await connection.exec_driver_sql(f"SET ROLE {OWNER_ROLE}")


async def forget_samples(connection: AsyncConnection) -> None:
    """Remove, as the superuser again, what the planner sampled of columns that it is to sample no more.

    ANALYZE leaves those as they are, and before PostgreSQL 18 an owner has no way to remove them.
    """
    await connection.exec_driver_sql("RESET ROLE")
    await connection.exec_driver_sql(
        "DELETE FROM pg_catalog.pg_statistic s USING pg_catalog.pg_attribute a "
        "WHERE a.attrelid = s.starelid AND a.attnum = s.staattnum AND a.attstattarget = 0"
    )


async def trust_words(connection: AsyncConnection) -> None:
    """Let policies trust the function that full-text indexes are made over; as the superuser again.

    It says nothing of a row that is not the transaction's organisation's, and raises nothing that depends on a word.
    """
    await connection.exec_driver_sql("RESET ROLE")
    if await _value(connection, "SELECT to_regprocedure('public.search_words(uuid, tsvector)') IS NOT NULL"):
        await connection.exec_driver_sql("ALTER FUNCTION public.search_words(uuid, tsvector) LEAKPROOF")


async def unprovision(connection: AsyncConnection) -> None:
    """Take away what a superuser's :func:`provision` made in this database; roles and extensions stay."""
    await connection.exec_driver_sql("RESET ROLE")
    for part in _DROP_LEAKPROOF.strip().split(";\n"):
        await connection.exec_driver_sql(part.removesuffix(";"))


async def _vector(connection: AsyncConnection) -> None:
    if await _value(connection, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')"):
        return
    if not await _value(connection, "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')"):
        raise missing_vector(offered=False)
    try:
        await connection.exec_driver_sql("CREATE EXTENSION vector")
    except DBAPIError as error:
        raise missing_vector() from error


async def _superuser(connection: AsyncConnection) -> None:
    for role, options in ((OWNER_ROLE, "NOLOGIN"), (APP_ROLE, "NOLOGIN"), (WORKER_ROLE, "NOLOGIN")):
        await connection.exec_driver_sql(
            f"DO $$ BEGIN CREATE ROLE {role} {options} NOSUPERUSER NOBYPASSRLS; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
    if not await _value(connection, _WORKS):
        await connection.exec_driver_sql(f"GRANT {APP_ROLE} TO {WORKER_ROLE}")
    await connection.exec_driver_sql(f"GRANT CREATE, USAGE ON SCHEMA public TO {OWNER_ROLE}")
    await _close(connection)
    if not await _value(connection, "SELECT to_regprocedure('public.recall_match(tsvector, tsquery)') IS NOT NULL"):
        for part in _LEAKPROOF.strip().split(";\n"):
            await connection.exec_driver_sql(part.removesuffix(";"))
    if not await _value(connection, "SELECT EXISTS (SELECT FROM pg_opclass WHERE opcname = 'recall_words_ops')"):
        await connection.exec_driver_sql(_WORDS)
    for name in OPTIONAL_EXTENSIONS:
        query = f"SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = '{name}')"  # noqa: S608 - ours
        offered = await _value(connection, query)
        if offered:
            await connection.exec_driver_sql(f'CREATE EXTENSION IF NOT EXISTS "{name}"')


async def _close(connection: AsyncConnection) -> None:
    """Take from everybody what lets a login make objects that others might run, and let the owner note tenants."""
    database = await _value(connection, "SELECT quote_ident(current_database())")
    for statement in (
        f"GRANT CREATE, TEMPORARY ON DATABASE {database} TO {OWNER_ROLE}",
        f"REVOKE TEMPORARY, CREATE ON DATABASE {database} FROM PUBLIC, {APP_ROLE}",
        f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {APP_ROLE}",
        "REVOKE USAGE ON LANGUAGE plpgsql, sql FROM PUBLIC",
        f"GRANT USAGE ON LANGUAGE plpgsql, sql TO {OWNER_ROLE}",
        f"GRANT SET ON PARAMETER {PARAMETER} TO {OWNER_ROLE}",
        _CLOSED,
    ):
        await connection.exec_driver_sql(statement)


async def _close_as_owner(connection: AsyncConnection) -> None:
    """Do the part of :func:`_close` that a plain owner can do; what is left, `mnemon doctor` names."""
    for statement in (
        "REVOKE TEMPORARY, CREATE ON DATABASE {database} FROM PUBLIC, " + APP_ROLE,
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC, " + APP_ROLE,
    ):
        database = await _value(connection, "SELECT quote_ident(current_database())")
        with contextlib.suppress(DBAPIError):
            async with connection.begin_nested():
                await connection.exec_driver_sql(statement.format(database=database))


async def _app_role(connection: AsyncConnection) -> None:
    if await _value(connection, f"SELECT to_regrole('{APP_ROLE}') IS NOT NULL"):
        return
    try:
        async with connection.begin_nested():
            await connection.exec_driver_sql(f"CREATE ROLE {APP_ROLE} NOLOGIN")
    except DBAPIError as error:
        raise Unavailable(
            f"The role {APP_ROLE} does not exist and this role may not create it.",
            code="unavailable.role",
            hint=f"Let an administrator run CREATE ROLE {APP_ROLE} NOLOGIN; "
            f"CREATE ROLE {WORKER_ROLE} NOLOGIN IN ROLE {APP_ROLE}, then run this again.",
        ) from error


async def _worker_role(connection: AsyncConnection) -> None:
    """Make the workers' role: it may do what the application may, and alone what goes across organisations."""
    if await _value(connection, _WORKS):
        return
    exists = await _value(connection, f"SELECT to_regrole('{WORKER_ROLE}') IS NOT NULL")
    grant = f"GRANT {APP_ROLE} TO {WORKER_ROLE}"
    try:
        async with connection.begin_nested():
            if not exists:
                await connection.exec_driver_sql(f"CREATE ROLE {WORKER_ROLE} NOLOGIN")
            await connection.exec_driver_sql(grant)
    except DBAPIError as error:
        missing = f"is no member of {APP_ROLE}" if exists else "does not exist"
        statement = grant if exists else f"CREATE ROLE {WORKER_ROLE} NOLOGIN IN ROLE {APP_ROLE}"
        raise Unavailable(
            f"The role {WORKER_ROLE} {missing} and this role may not change that.",
            code="unavailable.role",
            hint=f"Let an administrator run {statement}, then run this again.",
        ) from error


async def _value(connection: AsyncConnection, query: str) -> Any:
    return (await connection.exec_driver_sql(query)).scalar()
