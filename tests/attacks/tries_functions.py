"""Every function called with B's ids and words, sequences, operators, and what PostgreSQL's own functions read."""

from __future__ import annotations

from collections.abc import Iterator

from tests.attacks.catalogue import Function
from tests.attacks.tries import Field, Try
from tests.attacks.tries_tables import LOCKS

#: How often each function is called, with other arguments each time.
CALLS = 10
#: PostgreSQL's own functions that would do something to the run itself, and what is tried of them elsewhere.
_NOT_CALLED = frozenset(
    [
        "pg_sleep", "pg_sleep_for", "pg_sleep_until",  # nothing but time
        "pg_terminate_backend", "pg_cancel_backend",  # tried in known: they end sessions of the same login
        "pg_notify",
    ]
)  # fmt: skip


def _texts(field: Field) -> list[str]:
    theirs = field.theirs
    found = [f"{theirs.prefix}slug", field.b, "memories", f"SELECT {field.theirs.prefix} FROM memories",
             "SELECT * FROM memories", "organization_id", "pg_catalog.pg_authid", "../../../etc/passwd", "",
             "mnemon_owner", "'; DROP TABLE memories; --", "day"]  # fmt: skip
    return [f"'{text.replace(chr(39), chr(39) * 2)}'" for text in found] + ["NULL"]


def _ids(field: Field) -> list[str]:
    tables = ("users", "memories", "messages", "conversations", "agents", "background_jobs", "knowledge_items",
              "patterns", "entities", "teams")  # fmt: skip
    rows = [field.theirs.value(table, "id") for table in tables]
    everyone = [value for value in rows if value is not None]
    return [f"'{field.b}'", *everyone, "NULL", "'00000000-0000-0000-0000-000000000000'", "gen_random_uuid()"]


def values(field: Field, kind: str) -> list[str]:
    """Values of a type that an attacker would try, as SQL."""
    ids = _ids(field)
    by_type = {
        "uuid": ids,
        "uuid[]": [f"ARRAY[{', '.join(ids[:6])}]::uuid[]", f"ARRAY[{field.b!r}]::uuid[]", "'{}'", "NULL"],
        "text": _texts(field),
        "character varying": _texts(field),
        "name": _texts(field),
        "text[]": ["ARRAY['memories', 'users']", "NULL", "'{}'", f"ARRAY['{field.b}']",
                   "ARRAY['mail.send', 'value-1', 'text 1']"],
        "integer": ["1", "NULL", "-1", "0", "2147483647", "1000"],
        "bigint": ["1", "NULL", "-1", "9223372036854775807", "0"],
        "smallint": ["1", "0", "NULL"],
        "boolean": ["true", "false", "NULL"],
        "jsonb": ["'{}'", f"'{{\"organization_id\": \"{field.b}\"}}'", "'[]'", "'null'", "NULL"],
        "jsonb[]": ["ARRAY['{}'::jsonb]", "NULL"],
        "bytea": ["sha256('x')", "''", "NULL", "convert_to('SELECT 1', 'UTF8')"],
        "double precision": ["0.5", "'NaN'", "'Infinity'", "1e300", "NULL"],
        "real": ["0.5", "NULL"],
        "numeric": ["1", "NULL", "1e100"],
        "timestamp with time zone": ["now()", "'infinity'", "'-infinity'", "NULL"],
        "timestamp without time zone": ["now()::timestamp", "NULL"],
        "time without time zone": ["'12:00'", "NULL"],
        "date": ["current_date", "NULL"],
        "interval": ["'1 day'", "NULL"],
        "tsvector": [f"to_tsvector('simple', '{field.theirs.prefix}')", "NULL"],
        "tsquery": ["'a'", "NULL"],
        "regtype": ["'users'", "'text'"],
        "regclass": ["'memories'", "'pg_authid'", "NULL"],
        "oid": ["'memories'::regclass", "'pg_authid'::regclass", "0", "NULL"],
        "xml": ["'<a/>'", "NULL"],
        "json": ["'{}'", "NULL"],
        "inet": ["'127.0.0.1'", "NULL"],
        "tid": ["'(0,1)'"],
        "refcursor": ["'c'"],
        "pg_lsn": ["'0/0'"],
        '"char"': ["'r'"],
        "anyelement": ["1"],
        "anyarray": ["ARRAY[1]"],
        '"any"': ["1"],
        "record": ["ROW(1)"],
        "cstring": ["'x'"],
    }  # fmt: skip
    return by_type.get(kind, ["NULL", "''", "'x'"])


def calls(field: Field, function: Function, times: int = CALLS) -> Iterator[str]:
    """Calls of a function, each with other arguments; each argument goes its own way through its values."""
    made = set()
    for turn in range(times if function.arguments else 1):
        arguments = []
        for place, kind in enumerate(function.arguments):
            options = values(field, kind)
            value = options[(turn * (place + 1) + place) % len(options)]
            arguments.append(value if kind.startswith(("any", '"any')) else f"{value}::{kind}")
        made.add(f"{function.schema}.{_quoted(function.name)}({', '.join(arguments)})")
    yield from sorted(made)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def ours(field: Field) -> Iterator[Try]:
    """Every function of schema public, with B's ids in every place, alone and inside other statements."""
    for function in field.catalogue.functions:
        if function.aggregate:
            continue
        name = f"call/{function.signature}"
        cross = function.by_worker and not function.by_app  # the worker's own: see known
        for call in calls(field, function):
            if function.kind == "p":
                yield Try(f"{name}/call", (f"CALL {call}",), vague=True, keep=True)
                continue
            if cross:
                yield Try(f"{name}/worker", (f"SELECT * FROM {call}",), refused=True, vague=True)
                continue
            yield Try(f"{name}/select", (f"SELECT * FROM {call}",), vague=True, keep=True, refused=function.trigger)
            if function.ours and not function.trigger:
                yield Try(f"{name}/where", (f"SELECT 1 FROM users WHERE {call} IS NULL",), vague=True)
                yield Try(f"{name}/nested", (f"SELECT query_to_xml($q$SELECT {call}$q$, true, true, '')",), vague=True)
                yield Try(f"{name}/explain", (f"EXPLAIN (ANALYZE, VERBOSE) SELECT {call}",), vague=True)


def replaced(field: Field) -> Iterator[Try]:
    """Functions made, changed, taken over, and called as what they are not."""
    for function in field.catalogue.functions:
        signature, name = f"{_quoted(function.name)}({', '.join(function.arguments)})", f"function/{function.signature}"
        if function.aggregate or not function.ours:
            continue
        for verb, statement in {
            "owner": f"ALTER FUNCTION {signature} OWNER TO CURRENT_USER",
            "definer": f"ALTER FUNCTION {signature} SECURITY DEFINER",
            "path": f"ALTER FUNCTION {signature} RESET ALL",
            "path first": f"ALTER FUNCTION {signature} SET search_path = pg_temp, public",
            "leakproof": f"ALTER FUNCTION {signature} LEAKPROOF",
            "cost": f"ALTER FUNCTION {signature} COST 1",
            "drop": f"DROP FUNCTION {signature} CASCADE",
            "grant": f"GRANT EXECUTE ON FUNCTION {signature} TO PUBLIC WITH GRANT OPTION",
            "rename": f"ALTER FUNCTION {signature} RENAME TO evil",
            "schema": f"ALTER FUNCTION {signature} SET SCHEMA pg_temp",
            "temp": f"CREATE FUNCTION pg_temp.{signature} RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "temp definer": f"CREATE FUNCTION pg_temp.{signature} RETURNS int LANGUAGE plpgsql SECURITY DEFINER "
            "AS 'BEGIN RETURN 1; END'",
            "public": f"CREATE OR REPLACE FUNCTION public.{signature} RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "aggregate": f"CREATE AGGREGATE pg_temp.{_quoted(function.name)} (int) (SFUNC = int4pl, STYPE = int)",
        }.items():
            yield Try(f"{name}/{verb}", (statement,), refused=True, vague=True)


def sequences(field: Field) -> Iterator[Try]:
    """Sequences are all tenants': nobody reads them, moves them or pushes them to their end."""
    for sequence in field.catalogue.sequences:
        name = f"sequence/{sequence}"
        for verb, statement in {
            "select": f"SELECT * FROM {sequence}",
            "setval": f"SELECT setval('{sequence}', 9223372036854775807)",
            "setval uncalled": f"SELECT setval('{sequence}', 1, false)",
            "nextval": f"SELECT nextval('{sequence}') FROM generate_series(1, 1000)",
            "currval": f"SELECT currval('{sequence}')",
            "alter": f"ALTER SEQUENCE {sequence} RESTART 1",
            "owner": f"ALTER SEQUENCE {sequence} OWNER TO CURRENT_USER",
            "owned": f"ALTER SEQUENCE {sequence} OWNED BY NONE",
            "drop": f"DROP SEQUENCE {sequence} CASCADE",
            "grant": f"GRANT ALL ON SEQUENCE {sequence} TO PUBLIC",
            "lock": f"LOCK TABLE {sequence} IN {LOCKS[-1]} MODE",
            "temp": f"CREATE TEMP SEQUENCE {sequence}",
        }.items():
            warned = verb == "grant"  # a warning and nothing done, says PostgreSQL; so it is looked at
            yield Try(f"{name}/{verb}", (statement,), refused=not warned and verb != "currval", keep=warned, vague=True)
        yield Try(f"{name}/currval", (f"SELECT currval('{sequence}'), lastval()",), vague=True)


def builtin(field: Field) -> Iterator[Try]:
    """Every function of PostgreSQL's that can be called, twice: whatever it reads, it reads nothing of B."""
    for function in field.catalogue.builtin:
        if function.name in _NOT_CALLED:
            continue
        for call in calls(field, function, times=2):
            yield Try(f"builtin/{function.signature}/select", (f"SELECT * FROM {call}",), vague=True)


def operators(field: Field) -> Iterator[Try]:
    """Operators of schema public against each column that they take."""
    for relation in field.catalogue.tables:
        for name, kind in relation.columns:
            if kind == "tsvector":
                for operator in ("@@", "OPERATOR(public.@~@)"):
                    asked = f"{name} {operator} to_tsquery('simple', '{field.theirs.prefix}:*')"
                    yield Try(f"operator/{relation.name}.{name}/{operator}",
                              (f"SELECT * FROM {relation.name} WHERE {asked}",))  # fmt: skip
            if kind in {"halfvec", "vector"}:
                for operator in ("<->", "<=>", "<#>", "<+>"):
                    asked = f"{name} OPERATOR(public.{operator}) (SELECT {name} FROM {relation.name} LIMIT 1)"
                    yield Try(f"operator/{relation.name}.{name}/{operator}",
                              (f"SELECT *, {asked} FROM {relation.name} ORDER BY {asked}",))  # fmt: skip
