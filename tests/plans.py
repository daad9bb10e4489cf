"""Plans of statements as the application role has them: in a large tenant and in a small one of the same tables.

One database for the whole run, filled once. A statement is held to the indexes it names and may not read a table that
has rows from one end to the other; under row-level security, and for a kept plan as well where one is kept.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest_asyncio
from bench.statements_data import FILL, PIECES, ROWS, filled, pieces, prepare
from sqlalchemy import event

from mnemon import AsyncMemory
from mnemon.app import App
from mnemon.context import Context
from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.sql import statement
from tests.conftest import APP, TEMPLATE, Server
from tests.factories import copy_database
from tests.plans_data import MORE

LARGE, MIDDLE, SMALL = 5000, 600, 5
LARGEST = 1
#: Rows from which on a relation is not to be read from one end to the other.
BUSY = 50
#: Tables of which an organisation has few, however large it is.
FEW = {"agents": 500, "knowledge_transfers": 2000}


@dataclass(frozen=True, slots=True)
class Key:
    """The id of the i-th row of a kind, in whatever tenant is asked."""

    kind: str
    i: int = 1


OWN = Key("organization")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a plan does: indexes it uses (of a partition: those they belong to), tables that it reads through."""

    indexes: frozenset[str]
    scanned: frozenset[str]
    relations: frozenset[str]
    text: str

    def uses(self, names: str) -> bool:
        """Whether one of these indexes (``a|b``) is used."""
        return not self.indexes.isdisjoint(names.split("|"))


@dataclass(frozen=True, slots=True)
class Case:
    """A named statement with what it is asked.

    Attributes:
        name: the file.
        args: after the organisation; keys become ids of the tenant.
        uses: indexes it must use; ``a|b`` for either of two that serve it as well.
        parts: what the file's places are filled with.
        small: what it uses in a small tenant, where another index of the tenant's does as well.
        scans: tables that it reads through on purpose in a large tenant.
        kept: it runs with ``by_key``, so the plan for any tenant must be as good.
        tenant: it names the organisation as its first parameter.
    """

    name: str
    args: tuple[Any, ...] = ()
    uses: tuple[str, ...] = ()
    parts: dict[str, str] = field(default_factory=dict)
    small: tuple[str, ...] | None = None
    scans: frozenset[str] = frozenset()
    kept: bool = False
    tenant: bool = True

    def __str__(self) -> str:
        return self.name


class Listener:
    """The driver's connection, which notes what is sent on it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.sent: list[tuple[str, tuple[Any, ...]]] = []

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Every row."""
        self.sent.append((query, args))
        return await self._connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """The first row, or None."""
        self.sent.append((query, args))
        return await self._connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first column of the first row, or None."""
        self.sent.append((query, args))
        return await self._connection.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> str:
        """The command's tag."""
        self.sent.append((query, args))
        return await self._connection.execute(query, *args)


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organisation of the filled database."""

    n: int
    ctx: Context
    crowd: Crowd

    def key(self, one: Any) -> Any:
        """A parameter as it is sent."""
        if isinstance(one, Key):
            return self.ctx.principal.organization_id if one == OWN else _id(one.kind, self.n, one.i)
        return [self.key(each) for each in one] if isinstance(one, list) else one

    async def plan(self, query: str, *args: Any, kept: bool = False) -> Plan:
        """The plan of a statement; ``kept``: the one for whatever it is asked next time."""
        async with self.ctx.database.transaction(self.ctx.principal) as connection:
            if kept:
                await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
                await connection.execute(f"PREPARE kept AS {query}")
                query, args = f"EXECUTE kept({', '.join(['NULL'] * len(args))})", ()
            found = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *args)
            if kept:
                await connection.execute("DEALLOCATE kept")
        return self.crowd.read(found)

    async def look(self, call: Callable[[Connection, UUID], Awaitable[Any]], uses: tuple[str, ...]) -> None:
        """Hold what a repository's function sends on the driver's connection to its indexes."""
        organization = self.ctx.principal.organization_id
        async with self.ctx.database.transaction(self.ctx.principal) as connection:
            heard = Listener(connection)
            await call(heard, organization)
        await self._hold(heard.sent, uses)

    async def verb(self, call: Callable[[Context], Awaitable[Any]], uses: tuple[str, ...]) -> None:
        """Hold what a verb's session sends to its indexes."""
        sent: list[tuple[str, tuple[Any, ...]]] = []

        def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
            if "set_tenant" not in statement:
                sent.append((statement, tuple(parameters or ())))

        engine = self.ctx.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            await call(self.ctx)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        await self._hold(sent, uses)

    async def _hold(self, sent: list[tuple[str, tuple[Any, ...]]], uses: tuple[str, ...]) -> None:
        assert sent
        plans = [await self.plan(query, *args) for query, args in sent]
        for names in uses:
            assert any(plan.uses(names) for plan in plans), f"{names}\n" + "\n".join(plan.text for plan in plans)
        assert not [plan for plan in plans if plan.scanned], "\n".join(plan.text for plan in plans)

    def statement(self, package: str, name: str, **parts: str) -> str:
        """The text of a named statement."""
        return statement(package, name, **parts)

    async def hold(self, package: str, case: Case) -> None:
        """Hold a named statement to its indexes."""
        query = statement(package, case.name, **case.parts)
        args = [self.key(one) for one in ((OWN, *case.args) if case.tenant else case.args)]
        plans = [await self.plan(query, *args)]
        if case.kept:
            plans.append(await self.plan(query, *args, kept=True))
        large = self.n == LARGEST
        wanted = case.uses if large or case.small is None else case.small
        for plan in plans:
            for names in wanted:
                assert plan.uses(names), f"{case.name} does not use {names}: {sorted(plan.indexes)}\n{plan.text}"
            more = plan.scanned - case.scans if large or case.kept else plan.scanned
            assert not more, f"{case.name} reads all of {sorted(more)}\n{plan.text}"


@dataclass(frozen=True, slots=True)
class Crowd:
    """The filled database.

    Attributes:
        admin: a superuser's connection.
        roots: partitions and their indexes, and what they belong to.
        rows: of each relation, as the planner knows.
    """

    memory: AsyncMemory
    admin: Any
    roots: dict[str, str]
    rows: dict[str, int]

    def read(self, explained: Any) -> Plan:
        """A plan as EXPLAIN has it in JSON."""
        raw = explained if isinstance(explained, str) else json.dumps(explained)
        nodes = list(_nodes(json.loads(raw)))
        used = {node["Index Name"] for node in nodes if "Index Name" in node}
        used |= {name for node in nodes for name in node.get("Conflict Arbiter Indexes", ())}
        relations = {node["Relation Name"] for node in nodes if "Relation Name" in node}
        through = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
        return Plan(
            indexes=frozenset(self.roots.get(name, name) for name in used),
            scanned=frozenset(self.roots.get(name, name) for name in through if self.rows.get(name, 0) >= BUSY),
            relations=frozenset(relations),
            text=_outline(json.loads(raw)),
        )

    async def owners_plan(self, query: str) -> Plan:
        """The plan of a statement inside a function that runs as the owner of the tables."""
        async with self.admin.transaction():
            await self.admin.execute("SET LOCAL ROLE mnemon_owner")
            return self.read(await self.admin.fetchval(f"EXPLAIN (FORMAT JSON) {query}"))

    def tenant(self, size: str) -> Tenant:
        """The ``large`` or the ``small`` one."""
        n = {"large": LARGEST, "small": 3}[size]
        app = self.app
        return Tenant(n, app.context.as_principal(Principal(_id("organization", n))), self)

    @property
    def app(self) -> App:
        """What the library holds while it is open."""
        app = self.memory._app
        assert app is not None
        return app


SIZES = ("large", "small")
_made: dict[int, Crowd] = {}


@pytest_asyncio.fixture(scope="session")
async def crowd(server: Server, template: str) -> AsyncIterator[Crowd]:
    """The filled database, the same for every module that asks."""
    if server.endpoint.port not in _made:
        _made[server.endpoint.port] = await _make(server)
    yield _made[server.endpoint.port]
    if (made := _made.pop(server.endpoint.port, None)) is not None:
        await made.memory.close()
        await made.admin.close()


async def _make(server: Server) -> Crowd:
    name = "test_plans"
    connection = await server.connect(database="postgres")
    await copy_database(connection, name, TEMPLATE)
    await connection.close()
    admin = await server.connect(database=name)
    await _fill(admin)
    roots = await admin.fetch(
        "SELECT relname::text AS name, pg_partition_root(oid)::regclass::text AS root FROM pg_class "
        "WHERE relispartition"
    )
    rows = await admin.fetch(
        "SELECT relname::text AS name, reltuples::bigint AS rows FROM pg_class "
        "WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace"
    )
    await admin.execute("RESET ALL")
    memory = AsyncMemory(
        database_url=server.url(APP, name),
        organization="plans",
        auto_maintenance=False,
        exact_search_limit=1000,
        recall_copy_rows=0,
    )
    await memory.__aenter__()
    return Crowd(memory, admin, {one["name"]: one["root"] for one in roots}, {one["name"]: one["rows"] for one in rows})


async def _fill(admin: Any) -> None:
    tables = dict.fromkeys((*ROWS, *MORE))
    tenants = [
        (n, _id("organization", n), f"tenant-{n}", {table: min(size, FEW.get(table, size)) for table in tables})
        for n, size in ((1, LARGE), (2, MIDDLE), (3, SMALL))
    ]
    await prepare(admin, tenants)
    await admin.execute(
        "CREATE TEMP TABLE bench_vectors AS SELECT n::bigint, "
        "(SELECT array_agg(sin(n * 37 + x * x)) FROM generate_series(1, 256) x)::halfvec AS vector "
        "FROM generate_series(0, 499) n"
    )
    indexes = ("ix_messages_embedding", "ix_memories_embedding")
    again = [await admin.fetchval("SELECT pg_get_indexdef($1::text::regclass)", name) for name in indexes]
    await admin.execute(f"DROP INDEX {', '.join(indexes)}")
    for table, query in {**FILL, **MORE}.items():
        await admin.execute(filled(table, query, measured=FEW["agents"]))
    for definition in again:
        await admin.execute(definition.replace(" ON ONLY ", " ON "))
    await admin.execute("SELECT refresh_knowledge_summaries(), refresh_dashboard()")
    await admin.execute("VACUUM (ANALYZE)")


def _id(kind: str, n: int, i: int | None = None) -> UUID:
    name = f"{kind}-{n}" if i is None else f"{kind}-{n}-{i}"
    return UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())


def words(count: int = 2) -> str:
    """Words that some rows have and most have not."""
    phrases = list(pieces(PIECES))
    often = Counter(word for phrase in phrases for word in phrase.split())
    found = [word for phrase in phrases[:40] for word in phrase.split() if often[word] < 20]
    return " ".join(found[:count])


def _outline(plan: Any) -> str:
    """A plan in as many lines as it has nodes."""
    return "\n".join(
        " ".join(str(node[name]) for name in ("Node Type", "Relation Name", "Index Name", "Index Cond") if name in node)
        for node in _nodes(plan)
    )


def _nodes(plan: Any) -> Iterator[dict[str, Any]]:
    if isinstance(plan, dict):
        if "Node Type" in plan:
            yield plan
        for value in plan.values():
            yield from _nodes(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from _nodes(value)
