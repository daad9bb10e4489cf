"""The wall between organisations: row-level security on every tenant table, and no right beside it."""

from __future__ import annotations

import asyncpg

from mnemon.core.errors import MnemonError
from mnemon.core.settings import Settings
from mnemon.db.startup import Facts, refuse_unsafe
from mnemon.db.tenant import PARAMETER, PLAIN, SEALED
from mnemon.installation.doctor.model import Finding
from mnemon.installation.doctor.words import some

APP_ROLE = "mnemon_app"

# Tables of an organisation (and organizations itself), whose rows no other may see. Partitions are reached through
# their table, whose policy holds; directly nobody may reach them.
_OPEN = """
SELECT c.relname::text AS name,
  CASE WHEN NOT c.relrowsecurity THEN 'row-level security is off'
    WHEN NOT c.relforcerowsecurity THEN 'row-level security does not hold for its owner (not FORCED)'
    WHEN NOT EXISTS (
      SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polpermissive
        AND pg_get_expr(p.polqual, p.polrelid) = format('(%s = %s)', k.key, $2::text)
        AND pg_get_expr(p.polwithcheck, p.polrelid) = format('(%s = %s)', k.key, $2::text)
    ) THEN 'the tenant policy is missing'
    ELSE (
      SELECT 'the policy ' || p.polname || ' opens it to ' || CASE WHEN p.polroles = '{0}' THEN 'everybody'
        ELSE array_to_string(p.polroles::regrole[], ', ') END
      FROM pg_policy p
      WHERE p.polrelid = c.oid AND p.polpermissive
        AND coalesce(pg_get_expr(p.polqual, p.polrelid), '') <> format('(%s = %s)', k.key, $2::text)
        AND (p.polroles = '{0}' OR EXISTS (
          SELECT FROM unnest(p.polroles) r WHERE pg_has_role(coalesce(to_regrole($1), 0::regrole)::oid, r, 'MEMBER')))
      LIMIT 1)
  END AS problem
FROM pg_class c
CROSS JOIN LATERAL (SELECT CASE c.relname WHEN 'organizations' THEN 'id' ELSE 'organization_id' END) k(key)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND (c.relname = 'organizations' OR EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped))
ORDER BY 1
"""
_GRANTS = """
SELECT c.relname::text AS name, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee,
  string_agg(DISTINCT a.privilege_type, ', ') AS rights
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'm', 'v')
  AND a.grantee <> c.relowner
  AND (a.grantee = 0 OR c.relispartition
    OR a.grantee = to_regrole($1) AND a.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN'))
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
GROUP BY 1, 2 ORDER BY 1, 2
"""
# What would let the application's login make something that others might run. Each with what takes it away.
_MAKES = """
SELECT what, cure FROM (VALUES
  (has_schema_privilege(to_regrole($1), 'public', 'CREATE'), 'create objects in the schema',
    'REVOKE CREATE ON SCHEMA public FROM PUBLIC, ' || $1),
  (has_database_privilege(to_regrole($1), current_database(), 'TEMPORARY'), 'create temporary objects',
    format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC, %s', current_database(), $1)),
  (has_database_privilege(to_regrole($1), current_database(), 'CREATE'), 'create schemas',
    format('REVOKE CREATE ON DATABASE %I FROM PUBLIC, %s', current_database(), $1))
) v(may, what, cure) WHERE may
"""
# Functions that look names up where their caller says; and objects in the schema of who is neither the owner nor more.
_LOOSE = """
SELECT p.oid::regprocedure::text AS name FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prosqlbody IS NULL AND p.prokind IN ('f', 'p')
  AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, public, pg_temp'], false)
  AND p.prolang <> (SELECT oid FROM pg_language WHERE lanname = 'internal')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1
"""
# Defaults of the application's and the workers' logins: each may change its own, and they stay for later sessions.
_DEFAULTS = """
SELECT r.rolname::text AS login, split_part(c.setting, '=', 1) AS name, c.setting
FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole CROSS JOIN LATERAL unnest(s.setconfig) c(setting)
WHERE pg_has_role(r.oid, coalesce(to_regrole($1), 0::regrole)::oid, 'MEMBER') AND NOT r.rolsuper
  AND split_part(c.setting, '=', 1) <> ALL ($2::text[])
ORDER BY 1, 2
"""
#: Those that `mnemon db upgrade` sets or says how to.
_USUAL = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"]
_SEALED = """
SELECT coalesce(pg_get_functiondef(to_regprocedure('current_tenant()')) LIKE '%sealed_who%', false)
"""


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Check every tenant table: forced, with its policy, and nothing granted that goes around it."""
    sealed = bool(await connection.fetchval(_SEALED))
    rows = await connection.fetch(_OPEN, APP_ROLE, SEALED if sealed else PLAIN)
    if not rows:
        return []  # no schema yet; that is said elsewhere
    findings = [
        Finding(
            f"table {row['name']}",
            "wrong",
            f"{row['problem']}: organisations may see each other's rows",
            "Run `mnemon db check`, put back what it names, and find out who changed it.",
        )
        for row in rows
        if row["problem"] is not None
    ]
    if not findings:
        findings = [Finding("policies", "ok", f"{len(rows)} tables, each forced and with its policy")]
    if sealed:
        do = f"Let an administrator run GRANT SET ON PARAMETER {PARAMETER} TO the owner, then `mnemon db upgrade`."
        findings.append(Finding("proof", "note", "each read checks the seal of its organisation, which takes time", do))
    return findings + await _functions(connection) + await _granted(connection) + await _defaults(connection)


async def _defaults(connection: asyncpg.Connection) -> list[Finding]:
    rows = await connection.fetch(_DEFAULTS, APP_ROLE, _USUAL)
    if not rows:
        return []
    told = some([f"{row['setting']} for {row['login']}" for row in rows])
    do = f"If nobody meant it: ALTER ROLE {rows[0]['login']} RESET {rows[0]['name']}; and change its password."
    return [Finding("logins", "note", f"a login has defaults of its own: {told}", do)]


async def _functions(connection: asyncpg.Connection) -> list[Finding]:
    loose = [row["name"] for row in await connection.fetch(_LOOSE)]
    if not loose:
        return [Finding("functions", "ok", "every function looks names up in its own search path")]
    told = f"looks names up where its caller says, perhaps with the owner's rights: {some(loose)}"
    do = "Find out who made it; what is Mnemon's `mnemon db upgrade` puts right, anything else is to be dropped."
    return [Finding("functions", "wrong", told, do)]


async def _granted(connection: asyncpg.Connection) -> list[Finding]:
    grants = await connection.fetch(_GRANTS, APP_ROLE)
    makes = await connection.fetch(_MAKES, APP_ROLE)
    if makes:
        listed = " and ".join(row["what"] for row in makes)
        do = " ".join(f"{row['cure']};" for row in makes)
        return [Finding("grants", "wrong", f"the application's role may {listed}", do)]
    if not grants:
        return [Finding("grants", "ok", "the application's role has what it needs and no more")]
    listed = some([f"{row['rights']} on {row['name']} to {row['grantee']}" for row in grants])
    first = grants[0]
    do = f"REVOKE {first['rights']} ON {first['name']} FROM {first['grantee']}; and so on."
    return [Finding("grants", "wrong", f"more than is needed: {listed}", do)]


def role(facts: Facts, wanted: Settings) -> Finding:
    """Tell whether row-level security holds for the role that the application connects as."""
    try:
        refuse_unsafe(facts, allowed=False)
    except MnemonError as error:
        if facts.unsafe and wanted.allow_unsafe_role:
            return Finding("role", "note", f"{error.message} It is allowed by the settings.", error.hint)
        return Finding("role", "wrong", error.message, error.hint)
    return Finding("role", "ok", f"{facts.role} cannot get around row-level security")
