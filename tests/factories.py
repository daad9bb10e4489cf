"""What tests are made of: fresh names, and rows for any table that the catalogue knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg

from mnemon import AsyncMemory, Settings
from mnemon.app import App, start
from mnemon.context import Context
from mnemon.core.installation import InstallationKey
from mnemon.core.pages import PageRequest
from mnemon.core.principal import INSTALLATION, Principal
from mnemon.db.base import Base
from mnemon.db.listing import Listing
from mnemon.db.repository import BaseRepository
from mnemon.db.session import Database
from mnemon.db.tenant import SET_TENANT, Prover
from mnemon.migrations import runner

T = TypeVar("T", bound=Base)

#: The installation key of every database that tests make; also in the environment of the whole run.
KEY = InstallationKey((b"k" * 32,))
PROVER = Prover(KEY)


def new_slug(prefix: str = "org") -> str:
    """A slug that nothing has yet."""
    return f"{prefix}-{uuid4().hex[:12]}"


async def rows_of(repository: BaseRepository[T], column: str = "created_at") -> tuple[T, ...]:
    """The first thousand living rows of a repository, in the order they were recorded."""
    listing = Listing.oldest("tests.rows", column)
    return (await repository.page(listing, Principal(repository.organization_id), PageRequest(limit=1000), _row)).items


def _row(row: T) -> T:
    return row


def with_settings(ctx: Context, **changes: Any) -> Context:
    """The same context under other settings."""
    return replace(ctx, settings=ctx.settings.model_copy(update=changes))


def context_of(memory: AsyncMemory) -> Context:
    """The context of an open memory."""
    assert memory._ctx is not None
    return memory._ctx


async def upgrade(url: str, **options: Any) -> str:
    """Bring a database to head (or where the options say), with the tests' installation key."""
    return await runner.upgrade(url, **{"installation": KEY, **options})


async def copy_database(connection: Any, name: str, template: str) -> None:
    """Make a database like another; PostgreSQL copies all but who may do what in it."""
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    if template != "template0":
        await connection.execute(f"REVOKE TEMPORARY, CREATE ON DATABASE {name} FROM PUBLIC")
        await connection.execute(f"GRANT TEMPORARY, CREATE ON DATABASE {name} TO mnemon_owner")


async def enter(
    connection: Any, organization: UUID | None, user: UUID | None = None, agent: UUID | None = None
) -> None:
    """Begin to act for an organisation in a raw connection's transaction, as the application does; None: for nobody."""
    if organization is None:
        await connection.execute("SELECT set_tenant(NULL)")
    else:
        await connection.execute(SET_TENANT, *PROVER.arguments(Principal(organization, user, agent)))


def settings_of(url: str, **changes: Any) -> Settings:
    """Settings for a database by its URL."""
    return Settings(**{"database_url": url, "auto_maintenance": False, **changes})


@asynccontextmanager
async def worker_at(url: str, **changes: Any) -> AsyncIterator[App]:
    """What a worker process holds that logs in by this URL."""
    made = await start(settings_of(url, **changes), worker=True)
    try:
        yield made
    finally:
        await made.close()


async def take_address(database: Database, connection: Any, principal: Principal, email: str) -> None:
    """Prove that this transaction may take an address, as the verbs do."""
    proof = database.prove(f"address:{principal.organization_id}:{email}")
    await connection.fetchval("SELECT take_address($1, $2)", email, proof)


def installation_of(app: App) -> Context:
    """The installation itself, whose work a worker does."""
    return app.context.as_principal(Principal(INSTALLATION))


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the catalogue has it."""

    name: str
    type: str
    not_null: bool
    has_default: bool
    generated: bool
    label: str | None  # the first label of an enum, or the first of the words that a CHECK allows


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key: columns here, table and columns there."""

    name: str
    columns: tuple[str, ...]
    table: str
    target: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of schema public that is not a partition."""

    name: str
    kind: str
    secured: bool
    forced: bool
    policies: int
    granted: frozenset[str]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    foreign: tuple[ForeignKey, ...]

    @property
    def tenant_column(self) -> str | None:
        """The column that says whose a row is."""
        names = {column.name for column in self.columns}
        if self.name == "organizations":
            return "id"
        return "organization_id" if "organization_id" in names else None


_TABLES = """
SELECT c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS secured, c.relforcerowsecurity AS forced,
  (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
  ARRAY(SELECT v FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS v
        WHERE has_table_privilege('mnemon_app', c.oid, v)) AS granted
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition
ORDER BY c.relname
"""
_COLUMNS = r"""
SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
  a.atthasdef AS has_default, a.attgenerated <> '' OR a.attidentity <> '' AS generated,
  coalesce(
    (SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = a.atttypid ORDER BY e.enumsortorder LIMIT 1),
    (SELECT substring(pg_get_constraintdef(k.oid) FROM $$= ANY \(\(?ARRAY\['([^']+)'$$) FROM pg_constraint k
     WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum]
       AND pg_get_constraintdef(k.oid) LIKE '%= ANY (%ARRAY[%' LIMIT 1)
  ) AS label
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum
"""
_CONSTRAINTS = """
SELECT c.conrelid::regclass::text AS table, c.conname AS name, c.contype::text AS type,
  c.confrelid::regclass::text AS target_table,
  ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(n, place)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.place) AS columns,
  ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(n, place)
        JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.place) AS target
FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
WHERE r.relnamespace = 'public'::regnamespace AND NOT r.relispartition AND c.contype IN ('p', 'f')
  AND c.conparentid = 0
ORDER BY 1, 2
"""


#: References that triggers check and follow, once for a statement: all that a foreign key does, which the catalogue
#: does not know of (operations/sql/objects/30_metrics.sql). Each removes the row with what it refers to.
BY_TRIGGER = {
    "agent_metrics": ForeignKey("by_trigger", ("organization_id", "agent_id"), "agents", ("organization_id", "id")),
    "system_metrics": ForeignKey("by_trigger", ("organization_id",), "organizations", ("id",)),
    "metric_partials": ForeignKey("by_trigger", ("organization_id",), "organizations", ("id",)),
}


async def tables(admin: Any) -> list[Table]:
    """Every table of ours with its columns, its key and what it refers to."""
    columns = await admin.fetch(_COLUMNS)
    constraints = await admin.fetch(_CONSTRAINTS)
    found = []
    for row in await admin.fetch(_TABLES):
        mine = [c for c in constraints if c["table"] == row["name"]]
        found.append(
            Table(
                **{**dict(row), "granted": frozenset(row["granted"])},
                columns=tuple(
                    Column(c["name"], c["type"], c["not_null"], c["has_default"], c["generated"], c["label"])
                    for c in columns
                    if c["table"] == row["name"]
                ),
                key=next((tuple(c["columns"]) for c in mine if c["type"] == "p"), ()),
                foreign=tuple(
                    ForeignKey(c["name"], tuple(c["columns"]), c["target_table"], tuple(c["target"]))
                    for c in mine
                    if c["type"] == "f"
                )
                + tuple(key for name, key in BY_TRIGGER.items() if name == row["name"]),
            )
        )
    return found


#: A plausible value of each type, as SQL; ``{n}`` is a number that grows.
_VALUES = {
    "uuid": "gen_random_uuid()",
    "text": "'text {n}'",
    "character varying": "'value-{n}'",
    "boolean": "false",
    "integer": "1",
    "bigint": "{n}",
    "smallint": "1",
    "double precision": "0.5",
    "real": "0.5",
    "numeric": "0.5",
    "jsonb": "'{{}}'::jsonb",
    "json": "'{{}}'::json",
    "timestamp with time zone": "now()",
    "date": "current_date",
    "bytea": "sha256('{n}'::bytea)",
    "inet": "'127.0.0.1'::inet",
    "tsvector": "''::tsvector",
}

#: What a CHECK wants that neither a type nor a default tells: column or table.column, to SQL.
_SPECIAL: dict[str, str] = {
    "slug": "'slug-{n}'",
    "email": "'person{n}@example.org'",
    "audit_blocks.mac": "sha256('{n}'::bytea)",
    "audit_blocks.mac_key": "sha256('{n}'::bytea)",
    "participant_names.user_id": "{reference}",
    "message_memory_usage.memory_id": "{reference}",
    "api_keys.user_id": "{reference}",
    "api_keys.key_hash": "sha256('{n}'::bytea)",
    "sessions.token_hash": "sha256('{n}'::bytea)",
    "user_credentials.password_hash": "'$2b$12$' || repeat('x', 53)",
    "mfa_devices.secret_encrypted": "'v1.00000000.x'",
    "oauth_tokens.access_token_encrypted": "'v1.00000000.x'",
    "integrations.provider": "'google'",
    "calendar_events.provider": "'google'",
    "drive_files.provider": "'google'",
    "webhook_endpoints.url": "'https://example.org/{n}'",
    "assets.media_type": "'image/png'",
    "assets.size_bytes": "1",
    "webhook_deliveries.event": "'memory.created'",
    "entity_mentions.source_type": "'memory'",
    "entity_relationships.target_entity_id": "{another}",  # not the source itself
    "entities.deleted_at": "now()",  # what is merged into another is gone
    "memories.superseded_at": "now()",  # what supersedes a memory does so at a time
    "patterns.type": "'adaptive'",
    "job_schedules.every_seconds": "3600",  # or a time of day
    "sample_count": "1",
    "workflows.steps": '\'[{{"name": "one"}}]\'::jsonb',
}


class Rows:
    """Makes one row of any table for an organisation, and the rows that it refers to, as a superuser."""

    def __init__(self, admin: Any, known: list[Table], organization: UUID) -> None:
        self.admin = admin
        self.known = {table.name: table for table in known}
        self.organization = organization
        self.made: dict[str, dict[str, Any]] = {}
        self._number = uuid4().int % 10**15

    async def row(self, name: str) -> dict[str, Any]:
        """The organisation's row of this table; made once."""
        if name in self.made:
            return self.made[name]
        if name == "organizations":
            found = await self.admin.fetchrow("SELECT * FROM organizations WHERE id = $1", self.organization)
            self.made[name] = dict(found)
            return self.made[name]
        values = await self.values(name)
        made = await self.admin.fetchrow(insert(name, values))
        self.made[name] = dict(made)
        return self.made[name]

    async def another(self, name: str) -> dict[str, Any]:
        """One more row of this table; the first one again where there can be only one."""
        values = await self.values(name)
        try:
            async with self.admin.transaction():  # a savepoint, if the caller is in a transaction
                return dict(await self.admin.fetchrow(insert(name, values)))
        except asyncpg.UniqueViolationError:
            return await self.row(name)

    async def values(self, name: str) -> dict[str, str]:
        """SQL of each value that a row of this table needs."""
        table = self.known[name]
        self._number += 1
        values: dict[str, str] = {}
        for key in table.foreign:
            pointer = key.columns[-1]
            wanted = next(c for c in table.columns if c.name == pointer).not_null
            if pointer == table.tenant_column or not (wanted or f"{name}.{pointer}" in _SPECIAL):
                continue
            target = await self.row(key.table)
            if _SPECIAL.get(f"{name}.{pointer}") == "{another}":
                target = dict(await self.admin.fetchrow(insert(key.table, await self.values(key.table))))
            for here, there in zip(key.columns, key.target, strict=True):
                values[here] = f"'{target[there]}'::uuid"
        if table.tenant_column is not None:
            values[table.tenant_column] = f"'{self.organization}'::uuid"
        for column in table.columns:
            if column.name in values or column.generated:
                continue
            special = _SPECIAL.get(f"{name}.{column.name}") or _SPECIAL.get(column.name)
            if special is not None and "{reference}" not in special:
                values[column.name] = special.format(n=self._number)
            elif column.not_null and not column.has_default:
                values[column.name] = self._plausible(column)
        return values

    def _plausible(self, column: Column) -> str:
        if column.label is not None:
            return f"'{column.label}'"
        kind, _, width = column.type.rstrip(")").partition("(")
        if kind == "character varying" and width.isdigit():
            return f"'{f'v{self._number}'[-int(width) :]}'"
        if column.type.endswith("[]"):
            return "'{}'"
        if kind not in _VALUES:
            raise LookupError(f"tests/factories.py: no value for a column of type {column.type}: add one to _VALUES")
        return _VALUES[kind].format(n=self._number)


def insert(table: str, values: dict[str, str]) -> str:
    """An INSERT of these values that returns the row."""
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())}) RETURNING *"
