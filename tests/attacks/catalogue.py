"""What there is to attack, read off the catalogue: what a later migration adds is attacked without a change here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.attacks.wire import Wire


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, partition, view or materialized view of ours."""

    name: str
    kind: str  # r table, p partitioned, v view, m materialized view
    partition: bool
    columns: tuple[tuple[str, str], ...]  # name, type
    granted: frozenset[str]
    key: tuple[str, ...]
    generated: frozenset[str]

    @property
    def tenant(self) -> str | None:
        """The column that says whose a row is."""
        if self.name == "organizations":
            return "id"
        return "organization_id" if any(name == "organization_id" for name, _ in self.columns) else None


@dataclass(frozen=True, slots=True)
class Function:
    """A function, ours or PostgreSQL's."""

    schema: str
    name: str
    arguments: tuple[str, ...]  # types
    definer: bool
    ours: bool
    by_app: bool
    by_worker: bool
    trigger: bool
    aggregate: bool
    config: str
    bound: bool  # a body whose names were bound when it was made
    public: bool  # PUBLIC may call it
    owner: str
    superuser: bool  # its owner is one
    kind: str
    language: str

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


@dataclass(frozen=True, slots=True)
class Index:
    """A unique index, or any index that the organisation does not lead."""

    table: str
    name: str
    unique: bool
    columns: tuple[str, ...]  # expressions included, as they are written


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that a login may change, with values that are worth a try."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of it."""

    version: int
    relations: tuple[Relation, ...]
    functions: tuple[Function, ...]  # of schema public
    builtin: tuple[Function, ...]  # of pg_catalog, those that PUBLIC may call with arguments that can be written
    sequences: tuple[str, ...]
    settings: tuple[Setting, ...]
    ours: tuple[str, ...]  # settings that only our functions know
    roles: tuple[str, ...]
    system: tuple[str, ...]  # relations of pg_catalog and information_schema
    types: tuple[str, ...]
    indexes: tuple[Index, ...]
    read_by_functions: tuple[str, ...]  # names of catalogues, tables and functions that our functions mention

    @property
    def tables(self) -> tuple[Relation, ...]:
        return tuple(r for r in self.relations if r.kind in "rp" and not r.partition)


_RELATIONS = """
SELECT c.relname, c.relkind, c.relispartition,
  (SELECT string_agg(a.attname || chr(1) || format_type(a.atttypid, NULL) || chr(1)
    || (a.attgenerated <> '' OR a.attidentity = 'a'), chr(2) ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  array_to_string(ARRAY(SELECT v FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
    'TRIGGER']) v WHERE has_table_privilege('mnemon_app', c.oid, v)), ' '),
  coalesce((SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_constraint k
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
    WHERE k.conrelid = c.oid AND k.contype = 'p'), '')
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname
"""
_FUNCTIONS = """
SELECT n.nspname, p.proname,
  array_to_string(ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY u(t, place)
    ORDER BY place), chr(2)),
  p.prosecdef, NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    AND n.nspname = 'public', has_function_privilege('mnemon_app', p.oid, 'EXECUTE'),
  coalesce(has_function_privilege(to_regrole('mnemon_worker'), p.oid, 'EXECUTE'), false),
  p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype), p.prokind = 'a',
  array_to_string(p.proconfig, chr(2)), p.prosqlbody IS NOT NULL,
  EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
    WHERE x.grantee = 0 AND x.privilege_type = 'EXECUTE'),
  r.rolname, r.rolsuper, p.prokind, (SELECT lanname FROM pg_language l WHERE l.oid = p.prolang)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles r ON r.oid = p.proowner
WHERE n.nspname = '{schema}' AND {where} ORDER BY 2, 3
"""
#: Arguments that no statement can write.
_UNWRITABLE = (
    "('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype, 'language_handler'::regtype, "
    "'fdw_handler'::regtype, 'table_am_handler'::regtype, 'index_am_handler'::regtype, 'tsm_handler'::regtype)"
)
_INDEXES = """
SELECT t.relname, i.relname, x.indisunique,
  (SELECT string_agg(pg_get_indexdef(x.indexrelid, n, true), chr(2) ORDER BY n)
   FROM generate_series(1, x.indnkeyatts) n)
FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition AND t.relkind IN ('r', 'p') ORDER BY 1, 2
"""


def _text(value: str | None) -> str:
    return value or ""


def _relations(admin: Wire) -> tuple[Relation, ...]:
    found = []
    for name, kind, partition, columns, granted, key in admin.one(_RELATIONS).rows:
        pairs = [tuple(part.split("\x01")) for part in _text(columns).split("\x02")]
        found.append(
            Relation(
                _text(name),
                _text(kind),
                partition == "t",
                tuple((pair[0], pair[1]) for pair in pairs),
                frozenset(_text(granted).split()),
                tuple(_text(key).split()),
                frozenset(pair[0] for pair in pairs if pair[2] == "true"),
            )
        )
    return tuple(found)


def functions(admin: Wire, schema: str = "public", where: str = "true") -> tuple[Function, ...]:
    """The functions of a schema."""
    found = []
    for row in admin.one(_FUNCTIONS.format(schema=schema, where=where)).rows:
        name, arguments, config = _text(row[1]), _text(row[2]), _text(row[9])
        flags = [value == "t" for value in row]
        found.append(
            Function(
                _text(row[0]),
                name,
                tuple(a for a in arguments.split("\x02") if a),
                flags[3],
                flags[4],
                flags[5],
                flags[6],
                flags[7],
                flags[8],
                config,
                flags[10],
                flags[11],
                _text(row[12]),
                flags[13],
                _text(row[14]),
                _text(row[15]),
            )
        )
    return tuple(found)


def _settings(admin: Wire) -> tuple[Setting, ...]:
    rows = admin.one(
        "SELECT name, vartype, setting, min_val, max_val, array_to_string(enumvals, ' ') FROM pg_settings "
        "WHERE context IN ('user', 'superuser') AND name <> 'search_path' ORDER BY name"
    ).rows
    found = []
    for name, kind, setting, least, most, words in rows:
        values = {
            "bool": ["on", "off"],
            "enum": _text(words).split(),
            "integer": [_text(least), _text(most)],
            "real": [_text(least), _text(most)],
        }.get(_text(kind), ["", "mnemon_owner", "'"])
        found.append(Setting(_text(name), tuple(dict.fromkeys([*values, _text(setting)]))))
    return tuple(found)


def _mentioned(admin: Wire) -> tuple[set[str], set[str]]:
    """Names that the texts of our functions and policies have, and settings that they read or write."""
    rows = admin.one(
        "SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace "
        "AND p.prokind = 'f' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') "
        "UNION ALL SELECT concat_ws(' ', qual, with_check) FROM pg_policies WHERE schemaname = 'public' "
        "UNION ALL SELECT definition FROM pg_views WHERE schemaname = 'public'"
    ).rows
    text = "\n".join(_text(row[0]) for row in rows)
    words = set(re.findall(r"[a-z_][a-z0-9_]{2,62}", text))
    named = set(re.findall(r"current_setting\('([^']+)'", text)) | set(re.findall(r"\b(app\.[a-z_]+)", text))
    return words, named | {"app.organization_id", "app.user_id", "app.agent_id", "app.importing", "app.erasing"}


def read(admin: Wire) -> Catalogue:
    """Everything, by a superuser's connection to a migrated database."""
    relations = _relations(admin)
    words, ours = _mentioned(admin)
    system = admin.one(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
        "n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v') ORDER BY 1"
    ).rows
    types = admin.one(
        "SELECT t.typname FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'b') "
        "AND t.typelem = 0 ORDER BY 1"
    ).rows
    names = {_text(row[0]).partition(".")[2] for row in system} | {r.name for r in relations if not r.partition}
    catalogued = admin.one("SELECT DISTINCT proname FROM pg_proc").rows
    written = f"NOT (p.proargtypes::oid[] && ARRAY{_UNWRITABLE.replace('(', '[').replace(')', ']')}::oid[])"
    ruled = f"{written} AND p.prorettype NOT IN {_UNWRITABLE} AND p.prorettype <> 'cstring'::regtype"
    ruled += " AND NOT (p.prorettype = 'record'::regtype AND p.proargmodes IS NULL)"
    indexes = admin.one(_INDEXES).rows
    return Catalogue(
        version=int(_text(admin.value("SHOW server_version_num"))) // 10000,
        relations=relations,
        functions=functions(admin),
        builtin=functions(admin, "pg_catalog", f"p.prokind IN ('f', 'p') AND {ruled}"),
        sequences=tuple(
            _text(row[0]) for row in admin.one("SELECT sequencename FROM pg_sequences WHERE schemaname='public'").rows
        ),
        settings=_settings(admin),
        ours=tuple(sorted(ours)),
        roles=tuple(_text(row[0]) for row in admin.one("SELECT rolname FROM pg_roles ORDER BY 1").rows),
        system=tuple(_text(row[0]) for row in system),
        types=tuple(_text(row[0]) for row in types),
        indexes=tuple(
            Index(_text(t), _text(i), unique == "t", tuple(_text(c).split("\x02"))) for t, i, unique, c in indexes
        ),
        read_by_functions=tuple(sorted(words & (names | {_text(row[0]) for row in catalogued}))),
    )
