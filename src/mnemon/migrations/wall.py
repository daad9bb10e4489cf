"""The wall's own pieces: where a transaction's organisation stands, and the policies that read it.

PostgreSQL lets an administrator grant who may set a parameter. Where the schema's owner was granted one, who a
transaction is for stands there, where the application cannot write, and policies read it as cheaply as any setting.
Where no administrator does that (some hosted servers), it stands in a setting with a seal, which policies check.
"""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from mnemon.core.errors import Conflict
from mnemon.core.installation import InstallationKey
from mnemon.db.tenant import PARAMETER, PLAIN, SEALED, stored

_POLICIES = """
SELECT c.oid::regclass::text AS name, a.attname AS column,
  pg_get_expr(p.polqual, p.polrelid) AS expression, pg_get_expr(p.polwithcheck, p.polrelid) AS checked
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = CASE c.relname WHEN 'organizations' THEN 'id'
  ELSE 'organization_id' END
WHERE p.polname = 'tenant' AND c.relnamespace = 'public'::regnamespace
ORDER BY 1
"""
# What a lower role could have put where the schema's names are looked up. Of roles, those count as ours that are
# superusers, the schema's owner, or the one who connects.
_PLANTED = """
SELECT o.kind || ' ' || o.name AS name, pg_get_userbyid(o.owner) AS owner
FROM (
  SELECT 'relation' AS kind, oid::regclass::text AS name, relowner AS owner FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT 'function', oid::regprocedure::text, proowner FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT 'type', oid::regtype::text, typowner FROM pg_type WHERE typnamespace = 'public'::regnamespace
  UNION ALL SELECT 'operator', oid::regoperator::text, oprowner FROM pg_operator
    WHERE oprnamespace = 'public'::regnamespace
  UNION ALL SELECT 'operator class', opcname, opcowner FROM pg_opclass WHERE opcnamespace = 'public'::regnamespace
  UNION ALL SELECT 'schema', nspname, nspowner FROM pg_namespace WHERE nspname = 'public'
) o JOIN pg_roles r ON r.oid = o.owner
WHERE NOT r.rolsuper AND r.rolname NOT IN ('mnemon_owner', current_user, 'pg_database_owner')
ORDER BY 1 LIMIT 1
"""
_GRANTED = f"""
SELECT has_parameter_privilege(relowner, '{PARAMETER}', 'SET') FROM pg_class
WHERE oid = to_regclass('public.schema_objects')
"""  # noqa: S608 - ours


async def refuse_planted(connection: AsyncConnection) -> None:
    """Refuse a schema in which somebody else may have made what our statements would run.

    Raises:
        Conflict: an object in it is neither the owner's nor a superuser's.
    """
    planted = (await connection.execute(text(_PLANTED))).first()
    if planted is not None:
        raise Conflict(
            f"The schema public holds an object of somebody else: {planted.name}, of {planted.owner}.",
            code="conflict.foreign_object",
            hint="What lies there could be run with the owner's rights. Find out who made it, and drop it or move it "
            "to a schema of its own; or give Mnemon a database of its own.",
            object=planted.name,
            owner=planted.owner,
        )


async def is_granted(connection: AsyncConnection) -> bool:
    """Tell whether the schema's owner may set the parameter; else the setting with a seal is used."""
    return bool((await connection.exec_driver_sql(_GRANTED)).scalar())


def objects(granted: bool) -> tuple[str, str]:
    """Name and text of the functions that know who a transaction is for."""
    name = "parameter" if granted else "sealed"
    return f"db/wall/{name}.sql", files("mnemon.db").joinpath("sql", "wall", f"{name}.sql").read_text("utf-8")


async def stale_policies(connection: AsyncConnection, granted: bool) -> list[tuple[str, str]]:
    """Tenant policies that read something else: the table and its column."""
    wanted = PLAIN if granted else SEALED
    rows = (await connection.execute(text(_POLICIES))).all()
    return [(r.name, r.column) for r in rows if {r.expression, r.checked} != {f"({r.column} = {wanted})"}]


async def set_policies(connection: AsyncConnection, granted: bool) -> None:
    """Have every tenant policy read who the transaction is for."""
    wanted = PLAIN if granted else SEALED
    for table, column in await stale_policies(connection, granted):
        condition = f"({column} = {wanted})"
        await connection.exec_driver_sql(f"ALTER POLICY tenant ON {table} USING {condition} WITH CHECK {condition}")


async def keep_key(connection: AsyncConnection, key: InstallationKey) -> None:
    """Have the database know the installation's keys, and no others."""
    await connection.execute(text("DELETE FROM installation_keys WHERE key_id <> ALL (:ids)"), {"ids": list(key.ids)})
    for name, inner, outer in stored(key):
        await connection.execute(
            text(
                "INSERT INTO installation_keys (key_id, inner_block, outer_block) VALUES (:id, :inner, :outer) "
                "ON CONFLICT (key_id) DO UPDATE SET inner_block = excluded.inner_block, "
                "outer_block = excluded.outer_block"
            ),
            {"id": name, "inner": inner, "outer": outer},
        )


async def knows_key(connection: AsyncConnection, key: InstallationKey) -> bool:
    """Tell whether the database knows exactly these keys."""
    rows = await connection.exec_driver_sql("SELECT key_id, inner_block FROM public.installation_keys")
    return {(bytes(r.key_id), bytes(r.inner_block)) for r in rows} == {(i, inner) for i, inner, _ in stored(key)}


async def has_key(connection: AsyncConnection) -> bool:
    """Tell whether the database knows any installation key."""
    return bool((await connection.exec_driver_sql("SELECT EXISTS (SELECT FROM public.installation_keys)")).scalar())
