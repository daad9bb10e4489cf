"""Every setting a login may change, changed inside every kind of statement, and then B is looked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from tests.attacks.tries import Field, Try

PROBE = (
    "SELECT email FROM users UNION ALL SELECT o::text FROM organizations o UNION ALL SELECT j::text FROM "
    "background_jobs j UNION ALL SELECT title FROM knowledge_usage"
)
#: Places inside a statement where a setting can be changed; ``{s}`` is the call, ``{t}`` a table.
PLACES = {
    "list": "SELECT {s}, {t}::text FROM {t}",
    "list behind": "SELECT {t}::text, {s} FROM {t}",
    "where": "SELECT {t}::text FROM {t} WHERE {s} IS NOT NULL",
    "where first": "SELECT {t}::text FROM (SELECT {s} AS x OFFSET 0) y, {t} WHERE y.x <> ''",
    "cte": "WITH x AS MATERIALIZED (SELECT {s} AS v) SELECT {t}::text FROM x, {t}",
    "cte of rows": "WITH x AS MATERIALIZED (SELECT {s} AS v FROM generate_series(1, 3)) "
    "SELECT y.v FROM x CROSS JOIN LATERAL (SELECT {t}::text v FROM {t} WHERE x.v IS NOT NULL) y",
    "lateral": "SELECT y.* FROM (SELECT {s} AS v FROM generate_series(1, 2)) x CROSS JOIN LATERAL "
    "(SELECT {t}::text FROM {t} WHERE x.v IS NOT NULL OFFSET 0) y",
    "function": "SELECT * FROM set_config(coalesce({s}, ''), '', true) x, {t}",
    "from": "SELECT {t}::text FROM {s} x CROSS JOIN {t}",
    "order": "SELECT {t}::text FROM {t} ORDER BY {s}",
    "group": "SELECT {s}, string_agg({t}::text, '') FROM {t} GROUP BY 1",
    "having": "SELECT string_agg({t}::text, '') FROM {t} HAVING {s} IS NOT NULL",
    "limit": "SELECT {t}::text FROM {t} LIMIT length({s})",
    "case": "SELECT CASE WHEN {s} IS NOT NULL THEN (SELECT string_agg({t}::text, '') FROM {t}) END",
    "scalar": "SELECT (SELECT string_agg({t}::text, '') FROM {t} WHERE x.v IS NOT NULL) FROM (SELECT {s} AS v) x",
    "values": "WITH x(v) AS (VALUES ({s})) SELECT {t}::text FROM x LEFT JOIN {t} ON x.v IS NOT NULL",
    "ts_stat": "SELECT * FROM ts_stat('SELECT to_tsvector(''simple'', {t}::text) FROM {t} WHERE ''' || {s} || ''' <> "
    "''''')",
    "ts_stat later": "SELECT y.* FROM (SELECT {s} AS v OFFSET 0) x CROSS JOIN LATERAL "
    "ts_stat('SELECT to_tsvector(''simple'', {t}::text) FROM {t} WHERE ''' || x.v || ''' <> ''''') y",
    "query_to_xml": "SELECT {s}, query_to_xml('SELECT {t}::text FROM {t}', true, true, '')",
    "query_to_xml inside": "SELECT query_to_xml('SELECT ' || quote_literal({s}) || ', {t}::text FROM {t}', true, true, "
    "'')",
    "table_to_xml": "SELECT table_to_xml(CASE WHEN {s} IS NOT NULL THEN '{t}' END::regclass, true, true, '')",
    "ts_rewrite": "SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, plainto_tsquery({t}::text) FROM {t} WHERE "
    "''' || {s} || ''' <> ''''')",
    "recursive": "WITH RECURSIVE x(n, v) AS (SELECT 1, {s} UNION ALL SELECT n + 1, (SELECT string_agg({t}::text, '') "
    "FROM {t}) FROM x WHERE n < 3) SELECT * FROM x",
    "explain": "EXPLAIN (ANALYZE, VERBOSE) SELECT {t}::text FROM {t} WHERE {s} IS NOT NULL",
    "insert": "INSERT INTO user_preferences (organization_id) SELECT '{b}' WHERE {s} IS NOT NULL",
    "update": "UPDATE {t} SET {c} = {c} WHERE {s} IS NOT NULL RETURNING *",
    "delete": "DELETE FROM {t} WHERE {s} IS NOT NULL RETURNING *",
    "returning": "UPDATE {t} SET {c} = {c} RETURNING {s}, *",
    "merge": "MERGE INTO {t} x USING (SELECT {s} AS v) y ON y.v IS NOT NULL WHEN MATCHED THEN DELETE",
    "copy": "COPY (SELECT {s}, {t}::text FROM {t}) TO STDOUT",
    "do": "DO $x$ BEGIN PERFORM {s}; RAISE NOTICE '%', (SELECT string_agg({t}::text, '') FROM {t}); END $x$",
    "do later": "DO $x$ DECLARE r record; BEGIN FOR r IN SELECT {t}::text AS v, {s} FROM {t} LOOP "
    "RAISE NOTICE '%', r.v; END LOOP; FOR r IN SELECT {t}::text AS v FROM {t} LOOP RAISE NOTICE '%', r.v; END LOOP; "
    "END $x$",
}


def _calls(field: Field, name: str) -> Iterator[tuple[str, str]]:
    for how, value in (("b", f"'{field.b}'"), ("triple", f"'{field.b},,'")):
        for local in ("true", "false"):
            yield f"{how} {local}", f"set_config('{name}', {value}, {local})"


def inside(field: Field) -> Iterator[Try]:
    """``set_config`` of what names the tenant, in every place of every kind of statement, on tables of each shape."""
    columns = {"memories": "importance", "users": "email", "background_jobs": "payload", "organizations": "name"}
    known = {relation.name: {name for name, _ in relation.columns} for relation in field.catalogue.relations}
    turns = cycle((table, column) for table, column in columns.items() if column in known[table])
    for setting in field.catalogue.ours:
        for how, call in _calls(field, setting):
            for place, statement in PLACES.items():
                table, column = next(turns)
                said = statement.format(s=call, t=table, c=column, b=field.b)
                yield Try(f"inside/{setting}/{table} {place} {how}", (said, PROBE), vague=True)


def each(field: Field) -> Iterator[Try]:
    """Every setting with each of its values, set in three ways, and B looked for behind it."""
    for setting in field.catalogue.settings:
        for value in setting.values:
            quoted = "'" + value.replace("'", "''") + "'"
            name = f"setting/{setting.name}"
            yield Try(f"{name}/set local", (f"SET LOCAL {setting.name} = {quoted}", PROBE), vague=True)
            yield Try(f"{name}/set_config", (f"SELECT set_config('{setting.name}', {quoted}, true)", PROBE), vague=True)
        yield Try(f"{name}/theirs", (f"SELECT set_config('{setting.name}', '{field.b}', true)", PROBE), vague=True)
        for verb in ("ALTER ROLE CURRENT_USER SET", "ALTER SYSTEM SET", "ALTER ROLE ALL SET"):
            statement = f"{verb} {setting.name} = DEFAULT"
            plain = verb.startswith("ALTER SYSTEM")
            where = verb.partition(" SET")[0].lower()
            yield Try(f"{name}/{where}", (statement,), plain=plain, refused=True, vague=True)


def paths(field: Field) -> Iterator[Try]:
    """The search path with what is not the server's own in front, at the end and alone, before each probe."""
    temporary = "pg_temp"
    for path in (temporary, f"{temporary}, pg_catalog, public", f"public, {temporary}, pg_catalog", '""', "public",
                 f"information_schema, {temporary}, public, pg_catalog", '"$user", public', "pg_toast, public",
                 f"pg_catalog, public, {temporary}"):  # fmt: skip
        for verb, statement in {
            "read": PROBE,
            "delete": "DELETE FROM public.users RETURNING *",
            "insert": f"INSERT INTO public.teams (organization_id, name) VALUES ('{field.b}', 'x')",
            "cascade": "DELETE FROM public.conversations RETURNING *",
            "update": "UPDATE public.memories SET importance = importance RETURNING *",
        }.items():
            for scope in ("LOCAL", "SESSION"):
                yield Try(f"path/{path}/{verb} {scope.lower()}", (f"SET {scope} search_path = {path}", statement),
                          vague=True)  # fmt: skip


def powers(field: Field) -> Iterator[Try]:
    """Becoming somebody else, and objects that only somebody else may make."""
    for role in (*field.catalogue.roles, "none", "evil"):
        for verb, statement in {
            "set role": f"SET ROLE {role}",
            "session authorization": f"SET SESSION AUTHORIZATION {role}",
            "config role": f"SELECT set_config('role', '{role}', false)",
            "config session": f"SELECT set_config('session_authorization', '{role}', false)",
            "grant": f"GRANT {role} TO CURRENT_USER",
            "grant us": f"GRANT mnemon_app TO {role} WITH ADMIN OPTION",
            "password": f"ALTER ROLE {role} PASSWORD 'x'",
            "power": f"ALTER ROLE {role} SUPERUSER BYPASSRLS CREATEROLE",
            "drop": f"DROP ROLE {role}",
            "reassign": f"REASSIGN OWNED BY {role} TO mnemon_app",
            "drop owned": f"DROP OWNED BY {role} CASCADE",
            "defaults": f"ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT ALL ON TABLES TO PUBLIC",
            "settings": f"ALTER ROLE {role} SET row_security = off",
        }.items():
            yield Try(f"power/{role}/{verb}", (statement,), refused=True, vague=True)
            yield Try(f"power/{role}/{verb} and read", (statement, PROBE), vague=True)
