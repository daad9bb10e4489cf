"""The wall between organisations: row-level security on every tenant table, and no right beside it."""

from __future__ import annotations

import asyncpg

from mnemon.core.errors import MnemonError
from mnemon.core.settings import Settings
from mnemon.db.startup import Facts, refuse_unsafe
from mnemon.operations.doctor.model import Finding
from mnemon.operations.doctor.words import some

APP_ROLE = "mnemon_app"

# Tables of an organisation (and organizations itself), whose rows no other may see. Partitions are reached through
# their table, whose policy holds; directly nobody may reach them.
_OPEN = """
SELECT c.relname::text AS name,
  CASE WHEN NOT c.relrowsecurity THEN 'row-level security is off'
    WHEN NOT c.relforcerowsecurity THEN 'row-level security does not hold for its owner (not FORCED)'
    WHEN NOT EXISTS (
      SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polpermissive
        AND pg_get_expr(p.polqual, p.polrelid) LIKE '%app.organization_id%'
        AND pg_get_expr(p.polwithcheck, p.polrelid) LIKE '%app.organization_id%'
    ) THEN 'the tenant policy is missing'
    ELSE (
      SELECT 'the policy ' || p.polname || ' opens it to ' || CASE WHEN p.polroles = '{0}' THEN 'everybody'
        ELSE array_to_string(p.polroles::regrole[], ', ') END
      FROM pg_policy p
      WHERE p.polrelid = c.oid AND p.polpermissive
        AND coalesce(pg_get_expr(p.polqual, p.polrelid), '') NOT LIKE '%app.organization_id%'
        AND (p.polroles = '{0}' OR EXISTS (
          SELECT FROM unnest(p.polroles) r WHERE pg_has_role(coalesce(to_regrole($1), 0::regrole)::oid, r, 'MEMBER')))
      LIMIT 1)
  END AS problem
FROM pg_class c
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
_CREATES = """
SELECT coalesce(has_schema_privilege(to_regrole($1), 'public', 'CREATE'), false)
"""


async def look(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Every tenant table: forced, with its policy, and nothing granted that goes around it."""
    rows = await connection.fetch(_OPEN, APP_ROLE)
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
    return findings + await _granted(connection)


async def _granted(connection: asyncpg.Connection) -> list[Finding]:
    grants = await connection.fetch(_GRANTS, APP_ROLE)
    if await connection.fetchval(_CREATES, APP_ROLE):
        do = f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {APP_ROLE};"
        return [Finding("grants", "wrong", "the application's role may create objects in the schema", do)]
    if not grants:
        return [Finding("grants", "ok", "the application's role has what it needs and no more")]
    told = some([f"{row['rights']} on {row['name']} to {row['grantee']}" for row in grants])
    first = grants[0]
    do = f"REVOKE {first['rights']} ON {first['name']} FROM {first['grantee']}; and so on."
    return [Finding("grants", "wrong", f"more than is needed: {told}", do)]


def role(facts: Facts, wanted: Settings) -> Finding:
    """Whether row-level security holds for the role that the application connects as."""
    try:
        refuse_unsafe(facts, allowed=False)
    except MnemonError as error:
        if facts.unsafe and wanted.allow_unsafe_role:
            return Finding("role", "note", f"{error.message} It is allowed by the settings.", error.hint)
        return Finding("role", "wrong", error.message, error.hint)
    return Finding("role", "ok", f"{facts.role} cannot get around row-level security")
