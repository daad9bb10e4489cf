"""What a process learns of its database before it serves anybody, and when it refuses to."""

from __future__ import annotations

from dataclasses import dataclass

from mnemon.core.errors import Forbidden, Unavailable
from mnemon.db.session import Database

_FACTS = """
SELECT current_user::text AS role, r.rolsuper, r.rolbypassrls,
  to_regclass('alembic_version') IS NOT NULL AS migrated,
  has_table_privilege(r.oid, to_regclass('alembic_version'), 'SELECT') AS readable,
  EXISTS (
    SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity
      AND pg_has_role(r.oid, c.relowner, 'MEMBER') AND NOT r.rolsuper
  ) AS owns_tables,
  EXISTS (
    SELECT FROM pg_roles o WHERE (o.rolsuper OR o.rolbypassrls) AND o.oid <> r.oid
      AND pg_has_role(r.oid, o.oid, 'MEMBER') AND NOT r.rolsuper
  ) AS may_become_unsafe,
  current_setting('server_version_num')::int AS server_version,
  (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector_version,
  (SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass('memories') AND attname = 'embedding') AS dimensions,
  EXISTS (SELECT FROM pg_opclass WHERE opcname = 'recall_words_ops')
    AND EXISTS (
      SELECT FROM pg_proc WHERE oid = to_regprocedure('public.search_words(uuid, tsvector)') AND proleakproof
    ) AS leakproof,
  has_function_privilege(r.oid, to_regprocedure('set_tenant(uuid, uuid, uuid, bytea)'), 'EXECUTE') AS granted,
  pg_has_role(r.oid, to_regrole('mnemon_worker')::oid, 'MEMBER') AS worker,
  pg_has_role(r.oid, to_regrole('mnemon_worker')::oid, 'USAGE') AS works
FROM pg_roles r WHERE r.rolname = current_user
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database says of itself and of the role that asks.

    Attributes:
        unsafe: why row-level security would not hold for this role, None if it holds.
        match_operator: the full-text operator to use: a leakproof one of ours where a superuser could make it.
        revision: None before the first migration; ``unknown`` to a role that may not read it.
        dimensions: width of the embedding columns, None before the first migration.
        granted: it has the application's rights.
        worker: it is a worker's login, which may do work across organisations; ``works``: without changing its role.
    """

    role: str
    unsafe: str | None
    revision: str | None
    server_version: int
    vector_version: str | None
    dimensions: int | None
    match_operator: str
    granted: bool
    worker: bool
    works: bool


async def inspect_database(database: Database) -> Facts:
    """Ask the database what a start needs to know, in one statement.

    Raises:
        Unavailable: it cannot be reached.
    """
    async with database.untenanted() as connection:
        row = await connection.fetchrow(_FACTS)
        revision = None
        if row["migrated"]:
            revision = "unknown"
        if row["readable"]:
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
    unsafe = None
    if row["rolsuper"]:
        unsafe = "is a superuser"
    elif row["rolbypassrls"]:
        unsafe = "has BYPASSRLS"
    elif row["owns_tables"]:
        unsafe = "owns the tables"
    elif row["may_become_unsafe"]:
        unsafe = "may become a role that bypasses row-level security"
    return Facts(
        role=row["role"],
        unsafe=unsafe,
        revision=revision,
        server_version=row["server_version"],
        vector_version=row["vector_version"],
        dimensions=row["dimensions"],
        match_operator="@~@" if row["leakproof"] else "@@",
        granted=bool(row["granted"]),
        worker=bool(row["worker"]),
        works=bool(row["works"]),
    )


def refuse_unsafe(facts: Facts, *, allowed: bool) -> None:
    """Refuse to serve as a role for which row-level security would not hold, or that may do nothing.

    Raises:
        Forbidden: the role could see other organisations' rows.
        Unavailable: the role has not been granted the application's rights.
    """
    if facts.unsafe and not allowed:
        raise Forbidden(
            f"The role {facts.role} {facts.unsafe}: the wall between organisations would not hold.",
            code="forbidden.unsafe_role",
            hint="Connect as a role of its own: CREATE ROLE app LOGIN PASSWORD '...' IN ROLE mnemon_app. "
            "For development only, MNEMON_ALLOW_UNSAFE_ROLE=true starts all the same.",
            role=facts.role,
        )
    if not facts.granted and not facts.unsafe:
        raise Unavailable(
            f"The role {facts.role} has not the application's rights.",
            code="unavailable.grants",
            hint=f"Run as an administrator: GRANT mnemon_app TO {facts.role}.",
        )


def refuse_wrong_login(facts: Facts, *, worker: bool, allowed: bool) -> None:
    """Refuse to work for everybody without a worker's login, and to serve callers with one.

    A process that answers callers is the one that is attacked: what it cannot do, nobody makes it do.

    Raises:
        Forbidden: an ordinary process, and the role may do what only workers may.
        Unavailable: a worker, and the role may not do a worker's work.
    """
    if facts.unsafe:  # the owner or a superuser: refused before, or allowed for development
        return
    if worker and not facts.works:
        raise Unavailable(
            f"The role {facts.role} is the application's and may not do a worker's work.",
            code="unavailable.worker_role",
            hint="A worker logs in as a role of its own. Let an administrator run CREATE ROLE my_worker LOGIN PASSWORD "
            "'...' IN ROLE mnemon_worker, then set DATABASE_WORKER_URL=postgresql://my_worker:...@host/database.",
            role=facts.role,
        )
    if not worker and facts.worker and not allowed:
        raise Forbidden(
            f"The role {facts.role} is a worker's: it may do work across organisations.",
            code="forbidden.worker_role",
            hint="Name it in DATABASE_WORKER_URL, for `mnemon worker` alone; DATABASE_URL has a role of its own: "
            "CREATE ROLE my_app LOGIN PASSWORD '...' IN ROLE mnemon_app.",
            role=facts.role,
        )
