"""Every table, partition and view: read, written, moved, copied, explained, locked, referred to, made over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

from tests.attacks.catalogue import Relation
from tests.attacks.tries import Field, Try

#: Ways to read everything that a relation has; ``{t}`` is its name.
_READS = {
    "select": "SELECT * FROM {t}",
    "count": "SELECT count(*), max({t}::text) FROM {t}",
    "text": "SELECT {t}::text FROM {t}",
    "json": "SELECT to_jsonb({t}) FROM {t}",
    "table": "TABLE {t}",
    "only": "SELECT * FROM ONLY {t}",
    "distinct": "SELECT DISTINCT {t}::text FROM {t} ORDER BY 1",
    "aggregate": "SELECT string_agg({t}::text, ',') FROM {t}",
    "grouping": "SELECT {t}::text, count(*) FROM {t} GROUP BY 1 HAVING count(*) > 0",
    "window": "SELECT first_value({t}::text) OVER (ORDER BY {t}::text DESC) FROM {t}",
    "cte": "WITH x AS MATERIALIZED (SELECT * FROM {t}) SELECT * FROM x",
    "cte inlined": "WITH x AS NOT MATERIALIZED (SELECT * FROM {t}) SELECT * FROM x",
    "recursive": "WITH RECURSIVE x AS (SELECT {t}::text v, 1 n FROM {t} UNION ALL SELECT v, n + 1 FROM x WHERE n < 2) "
    "TABLE x",
    "lateral": "SELECT y.* FROM generate_series(1, 2) g CROSS JOIN LATERAL (SELECT g, {t}::text FROM {t}) y",
    "scalar": "SELECT (SELECT string_agg({t}::text, ',') FROM {t})",
    "exists": "SELECT EXISTS (SELECT FROM {t} WHERE {t}::text ~ '{word}')",
    "set": "SELECT {t}::text FROM {t} UNION SELECT {t}::text FROM {t} EXCEPT SELECT ''",
    "join": "SELECT a::text, b::text FROM {t} a FULL JOIN {t} b ON a.ctid = b.ctid",
    "ctid": "SELECT ctid, tableoid, xmin, cmin, {t}::text FROM {t} WHERE ctid = ANY (ARRAY['(0,1)', '(0,2)']::tid[])",
    "ctid range": "SELECT {t}::text FROM {t} WHERE ctid < '(1000,1)'",
    "sample": "SELECT * FROM {t} TABLESAMPLE SYSTEM (100)",
    "sample rows": "SELECT * FROM {t} TABLESAMPLE BERNOULLI (100) REPEATABLE (1)",
    "update lock": "SELECT * FROM {t} FOR UPDATE NOWAIT",
    "share lock": "SELECT * FROM {t} FOR KEY SHARE SKIP LOCKED",
    "cast": "SELECT ({t}::text)::int FROM {t}",
    "cast where": "SELECT 1 FROM {t} WHERE ({t}::text)::int = 1",
    "cast order": "SELECT 1 FROM {t} ORDER BY ({t}::text)::uuid",
    "zero": "SELECT 1 FROM {t} WHERE 1 / (CASE WHEN {t}::text ~ '{word}' THEN 0 ELSE 1 END) = 1",
    "leak": "SELECT 1 FROM {t} WHERE to_regclass({t}::text) IS NULL AND pg_input_is_valid({t}::text, 'jsonpath')",
    "notice": "DO $x$ DECLARE r record; BEGIN FOR r IN SELECT {t}::text AS v FROM {t} LOOP RAISE NOTICE '%', r.v; "
    "END LOOP; END $x$",
    "raise": "DO $x$ BEGIN RAISE EXCEPTION '%', (SELECT string_agg({t}::text, ',') FROM {t}); END $x$",
    "execute": "DO $x$ DECLARE v text; BEGIN EXECUTE 'SELECT string_agg({t}::text, '','') FROM {t}' INTO v; "
    "RAISE WARNING '%', v; END $x$",
    "explain": "EXPLAIN (ANALYZE, VERBOSE, BUFFERS) SELECT * FROM {t} WHERE {t}::text ~ '{word}'",
    "explain json": "EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON, SETTINGS) SELECT {t}::text FROM {t}",
    "copy": "COPY {t} TO STDOUT",
    "copy query": "COPY (SELECT * FROM {t}) TO STDOUT",
    "copy csv": "COPY (SELECT {t} FROM {t}) TO STDOUT (FORMAT csv, HEADER)",
    "query_to_xml": "SELECT query_to_xml('SELECT {t}::text FROM {t}', true, true, '')",
    "table_to_xml": "SELECT table_to_xml('{t}', true, false, '')",
    "table_to_xml_and_xmlschema": "SELECT table_to_xml_and_xmlschema('{t}', true, false, '')",
    "xmltable": "SELECT * FROM xmltable('//row' PASSING query_to_xml('TABLE {t}', true, false, '') "
    "COLUMNS v xml PATH '.')",
    "ts_stat": "SELECT * FROM ts_stat('SELECT to_tsvector(''simple'', {t}::text) FROM {t}')",
    "ts_rewrite": "SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, plainto_tsquery({t}::text) FROM {t}')",
    "crosstab": "SELECT json_agg({t}) FROM {t}",
    "row security off": "SELECT set_config('row_security', 'off', true), {t}::text FROM {t}",
    "returning": "WITH d AS (DELETE FROM {t} RETURNING *) SELECT * FROM d",
    "returning update": "WITH d AS (UPDATE {t} SET {c} = {c} RETURNING *) SELECT * FROM d",
}
#: Several statements that read.
_LONGER = {
    "cursor": ("DECLARE c SCROLL CURSOR FOR SELECT * FROM {t}", "FETCH ALL FROM c", "MOVE BACKWARD ALL FROM c",
               "FETCH FORWARD 5 FROM c"),
    "cursor held": ("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM {t}", "COMMIT", "FETCH ALL FROM c", "CLOSE c"),
    "cursor xml": ("DECLARE c CURSOR FOR SELECT * FROM {t}", "SELECT cursor_to_xml('c', 100, true, false, '')"),
    "prepared": ("PREPARE x AS SELECT * FROM {t}", "EXECUTE x", "DEALLOCATE x"),
    "savepoint": ("SAVEPOINT s", "SELECT set_config('app.organization_id', '{b}', true)", "ROLLBACK TO s",
                  "SELECT * FROM {t}", "RELEASE s"),
    "current of": ("DECLARE c CURSOR FOR SELECT * FROM {t} FOR UPDATE", "FETCH c", "DELETE FROM {t} WHERE CURRENT OF c",
                   "SELECT * FROM {t}"),
    "reset": ("RESET ALL", "SELECT * FROM {t}"),
    "discard": ("RESET ROLE", "RESET SESSION AUTHORIZATION", "SELECT * FROM {t}"),
    "role owner": ("SET LOCAL ROLE mnemon_owner", "SELECT * FROM {t}"),
    "search first": ("SET LOCAL search_path = pg_temp, public, pg_catalog", "SELECT * FROM {t}"),
    "search last": ("SET LOCAL search_path = public, pg_catalog, pg_temp", "SELECT * FROM {t}"),
    "replica": ("SET LOCAL session_replication_role = replica", "DELETE FROM {t} RETURNING *"),
}  # fmt: skip
#: Only an owner may do these, or nobody; each must fail.
_OWNERS = {
    "truncate": "TRUNCATE {t}",
    "truncate cascade": "TRUNCATE {t} RESTART IDENTITY CASCADE",
    "drop": "DROP TABLE {t} CASCADE",
    "rls off": "ALTER TABLE {t} DISABLE ROW LEVEL SECURITY",
    "rls not forced": "ALTER TABLE {t} NO FORCE ROW LEVEL SECURITY",
    "owner": "ALTER TABLE {t} OWNER TO CURRENT_USER",
    "rename": "ALTER TABLE {t} RENAME TO taken_away",
    "schema": "ALTER TABLE {t} SET SCHEMA pg_temp",
    "column": "ALTER TABLE {t} ADD COLUMN evil text",
    "default": "ALTER TABLE {t} ALTER COLUMN {k} SET DEFAULT NULL",
    "type": "ALTER TABLE {t} ALTER COLUMN {k} TYPE text",
    "triggers": "ALTER TABLE {t} DISABLE TRIGGER ALL",
    "inherit": "CREATE TABLE evil () INHERITS ({t})",
    "policy": "CREATE POLICY evil ON {t} USING (true)",
    "drop policy": "DROP POLICY tenant ON {t}",
    "alter policy": "ALTER POLICY tenant ON {t} USING (true)",
    "trigger": "CREATE TRIGGER evil BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION touch_row()",
    "rule": "CREATE RULE evil AS ON INSERT TO {t} DO ALSO NOTIFY evil",
    "index": "CREATE INDEX evil ON {t} ({k})",
    "statistics": "CREATE STATISTICS evil ON (({t}.{k}::text)), (({t}.{k}::text || 'x')) FROM {t}",
    "grant": "GRANT ALL ON {t} TO PUBLIC WITH GRANT OPTION",
    "revoke": "REVOKE ALL ON {t} FROM mnemon_owner CASCADE",
    "comment": "COMMENT ON TABLE {t} IS 'evil'",
    "cluster": "CLUSTER {t}",
    "reindex": "REINDEX TABLE {t}",
    "view": "CREATE VIEW evil AS SELECT * FROM {t}",
    "temp view": "CREATE TEMP VIEW evil AS SELECT * FROM {t}",
    "matview": "CREATE MATERIALIZED VIEW evil AS SELECT * FROM {t}",
    "as": "CREATE TABLE evil AS SELECT * FROM {t}",
    "temp as": "CREATE TEMP TABLE evil AS SELECT * FROM {t}",
    "into": "SELECT * INTO evil FROM {t}",
    "into temp": "SELECT * INTO TEMP evil FROM {t}",
    "like": "CREATE TABLE evil (LIKE {t} INCLUDING ALL)",
    "references": "CREATE TABLE evil (x uuid REFERENCES {t})",
    "temp references": "CREATE TEMP TABLE evil (x uuid REFERENCES {t} ON DELETE CASCADE)",
    "copy file": "COPY {t} TO '/tmp/evil'",
    "copy program": "COPY {t} TO PROGRAM 'id'",
    "copy from file": "COPY {t} FROM '/etc/passwd'",
    "copy from program": "COPY {t} FROM PROGRAM 'id'",
    "publication": "CREATE PUBLICATION evil FOR TABLE {t}",
    "temp of this name": "CREATE TEMP TABLE {t} (x int)",
    "temp view of this name": "CREATE TEMP VIEW {t} AS SELECT 1 AS x",
    "temp sequence of this name": "CREATE TEMP SEQUENCE {t}",
}
LOCKS = ("ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE",
         "EXCLUSIVE", "ACCESS EXCLUSIVE")  # fmt: skip


def _fields(field: Field, relation: Relation) -> dict[str, str]:
    writable = [name for name, _ in relation.columns if name not in relation.generated and name != relation.tenant]
    return {
        "t": relation.name,
        "b": field.b,
        "word": field.theirs.prefix,
        "k": relation.key[-1] if relation.key else relation.columns[0][0],
        "c": writable[0] if writable else relation.columns[0][0],
    }


def core(field: Field) -> Iterator[Try]:
    """What is tried in every situation: read all, write into B, change B's rows, take them away."""
    for relation in field.catalogue.relations:
        if relation.partition:
            continue
        yield Try(f"read/{relation.name}/select", (f"SELECT * FROM {relation.name}",))
        if relation.tenant is None or relation.kind not in "rp":
            continue
        where = f"{relation.tenant} = '{field.b}'"
        yield Try(f"read/{relation.name}/theirs", (f"SELECT {relation.name}::text FROM {relation.name} WHERE {where}",))
        yield Try(f"write/{relation.name}/insert", (insertion(field, relation),), refused=True)
        yield Try(f"write/{relation.name}/update", (_update(field, relation) + f" WHERE {where}",), keep=True)
        yield Try(f"write/{relation.name}/delete", (f"DELETE FROM {relation.name} WHERE {where}",), keep=True)


def reads(field: Field) -> Iterator[Try]:
    """Each way of reading, of each table and view."""
    for relation in field.catalogue.relations:
        if relation.partition:
            continue
        values = _fields(field, relation)
        for verb, statement in _READS.items():
            if verb in {"leak"} and field.catalogue.version < 16:
                continue
            placeless = relation.kind == "v" and "ctid" in statement  # a view's rows have no place
            yield Try(f"read/{relation.name}/{verb}", (statement.format(**values),), vague=placeless)
        for verb, statements in _LONGER.items():
            yield Try(f"read/{relation.name}/{verb}", tuple(s.format(**values) for s in statements))


def partitions(field: Field) -> Iterator[Try]:
    """Partitions named themselves, past the table that has the policy."""
    for relation in field.catalogue.relations:
        if relation.partition:
            for verb in ("SELECT * FROM {t}", "DELETE FROM {t}", "COPY {t} TO STDOUT", "LOCK TABLE {t}"):
                name = f"partition/{relation.name}/{verb.split()[0].lower()}"
                yield Try(name, (verb.format(t=relation.name),), refused=True)


def insertion(field: Field, relation: Relation) -> str:
    """A row of B like the one that is there, and so good that nothing but the policy is in its way."""
    values = {}
    for name, kind in relation.columns:
        value = field.theirs.value(relation.name, name)
        if value is None or name in relation.generated or (relation.name, name) in _BY_DEFAULT:
            continue
        if name == "id" and kind == "uuid":
            value = "gen_random_uuid()"
        elif kind == "bytea":
            value = f"'\\x{uuid4().hex * 2}'::bytea"
        word = f"{field.theirs.prefix}(?:[0-9a-f]{{8}}|name|slug)"
        values[name] = re.sub(word, lambda _: field.theirs.prefix + uuid4().hex[:8], value)
    return f"INSERT INTO {relation.name} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


#: What a trigger insists on before the policy is asked.
_BY_DEFAULT = {("background_jobs", "status"), ("background_jobs", "states"), ("workflows", "dependencies")}


def _update(field: Field, relation: Relation) -> str:
    column = _fields(field, relation)["c"]
    return f"UPDATE {relation.name} SET {column} = {column}"


def writes(field: Field) -> Iterator[Try]:
    """Rows written into B, moved there, changed there, and taken away, in every way there is."""
    for relation in field.catalogue.tables:
        if relation.tenant is None:
            continue
        t, tenant, b = relation.name, relation.tenant, field.b
        where = f"{tenant} = '{b}'"
        key = ", ".join(relation.key)
        values = _fields(field, relation)
        column = values["c"]
        put = insertion(field, relation)
        again = put.replace("gen_random_uuid()", field.theirs.value(t, "id") or "gen_random_uuid()")
        verbs: dict[str, tuple[str, bool]] = {
            "upsert": (f"{again} ON CONFLICT ({key}) DO UPDATE SET {column} = excluded.{column} RETURNING *", True),
            "upsert nothing": (f"{again} ON CONFLICT DO NOTHING RETURNING *", True),
            "insert select": (put.replace(" VALUES (", " SELECT ")[:-1] + " RETURNING *", True),
            "insert cte": (f"WITH x AS ({put} RETURNING *) SELECT * FROM x", True),
            "move": (f"UPDATE {t} SET {tenant} = '{b}' RETURNING *", False),
            "move one": (f"UPDATE {t} SET {tenant} = '{b}' WHERE {tenant} = '{field.a}' RETURNING *", False),
            "take": (f"UPDATE {t} SET {tenant} = '{field.a}' WHERE {where} RETURNING *", False),
            "update all": (f"UPDATE {t} SET {column} = {column} RETURNING *", False),
            "update from": (
                f"UPDATE {t} x SET {column} = x.{column} FROM {t} y WHERE y.{tenant} = '{b}' RETURNING *", False),
            "update only": (f"UPDATE ONLY {t} SET {column} = {column} WHERE {where} RETURNING *", False),
            "delete all": (f"DELETE FROM {t} RETURNING *", False),
            "delete using": (f"DELETE FROM {t} x USING {t} y WHERE y.{tenant} = '{b}' RETURNING *", False),
            "merge": ((f"MERGE INTO {t} x USING (VALUES ('{b}'::uuid)) y(b) ON x.{tenant} = y.b "
                      f"WHEN MATCHED THEN DELETE"), False),
            "merge insert": (
                f"MERGE INTO {t} x USING (VALUES (1)) y(b) ON false WHEN NOT MATCHED THEN "
                + put.replace(f"INSERT INTO {t}", "INSERT"), True),
            "merge update": ((f"MERGE INTO {t} x USING {t} y ON x.{tenant} = y.{tenant} WHEN MATCHED THEN "
                             f"UPDATE SET {tenant} = '{b}'"), False),
            "explain": (f"EXPLAIN (ANALYZE) UPDATE {t} SET {column} = {column} WHERE {where}", False),
            "explain insert": (f"EXPLAIN (ANALYZE) {put}", True),
            "prepared": (f"DO $x$ BEGIN EXECUTE $y${put}$y$; END $x$", True),
        }  # fmt: skip
        for verb, (statement, refused) in verbs.items():
            yield Try(f"write/{t}/{verb}", (statement,), refused=refused)
        names = [name for name, _ in relation.columns if name not in relation.generated]
        row = "\t".join(_copied(field, t, name) for name in names)
        copy = f"COPY {t} ({', '.join(names)}) FROM STDIN"
        yield Try(f"write/{t}/copy", (copy,), refused=True, feed=row + "\n")


def _copied(field: Field, table: str, column: str) -> str:
    value = field.theirs.rows.get(table, {}).get(column)
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return f"\\\\x{value.hex()}"
    if isinstance(value, list):
        return "{" + ",".join(str(item) for item in value) + "}"
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def owners(field: Field) -> Iterator[Try]:
    """What only an owner may do, and objects made out of a table or under its name."""
    for relation in field.catalogue.relations:
        if relation.partition:
            continue
        values = _fields(field, relation)
        for verb, statement in _OWNERS.items():
            if relation.kind in "vm":
                statement = statement.replace("ALTER TABLE", "ALTER VIEW" if relation.kind == "v" else
                                              "ALTER MATERIALIZED VIEW")  # fmt: skip
            warned = verb in {"grant", "revoke"}  # a warning and nothing done, says PostgreSQL; so it is looked at
            yield Try(f"own/{relation.name}/{verb}", (statement.format(**values),), refused=not warned, keep=warned,
                      vague=True)  # fmt: skip


def locks(field: Field) -> Iterator[Try]:
    """Each mode of lock on each table; PostgreSQL gives most of them with UPDATE (see known)."""
    for relation in field.catalogue.relations:
        if not relation.partition and relation.kind != "m":
            for mode in LOCKS:
                statement = f"LOCK TABLE {relation.name} IN {mode} MODE NOWAIT"
                yield Try(f"lock/{relation.name}/{mode.lower()}", (statement,), refused=mode != "ACCESS SHARE")
