"""wall: what it costs that the database has who a transaction is for proven, beside a setting that anybody may write.

Four copies of one database on one server, asked the same by turns: one as it was before there was a proof, one as the
product is, one in the way for servers whose owner may set no parameter, and one that checks the seal once a statement.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.locomo import read_samples
from bench.measure import Question, Timing, number, read_questions
from bench.replay import Sent, listening, record
from bench.report import Report
from bench.server import Server, server
from mnemon import AsyncMemory
from mnemon.app import APP_ROLE, DATABASE, installation_key
from mnemon.core.settings import Settings
from mnemon.db.tenant import PLAIN, SEALED
from mnemon.migrations import wall

BEFORE, PARAMETER, SEAL, ONCE = "a plain setting (before)", "parameter (as it is)", "seal", "seal, once a statement"
WAYS = (BEFORE, PARAMETER, SEAL, ONCE)
_OLD = "(NULLIF(current_setting('app.organization_id'::text, true), ''::text))::uuid"
#: Who a transaction is for as it was kept before: three settings, nothing proven.
_BEFORE = """
CREATE OR REPLACE FUNCTION set_tenant(
  p_organization uuid, p_user uuid DEFAULT NULL, p_agent uuid DEFAULT NULL, p_proof bytea DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL app.organization_id = %L', coalesce(p_organization::text, ''));
  EXECUTE format('SET LOCAL app.user_id = %L', coalesce(p_user::text, ''));
  EXECUTE format('SET LOCAL app.agent_id = %L', coalesce(p_agent::text, ''));
END $$;
CREATE OR REPLACE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE BEGIN ATOMIC
  SELECT nullif(current_setting('app.organization_id', true), '')::uuid; END;
CREATE OR REPLACE FUNCTION current_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE BEGIN ATOMIC
  SELECT nullif(current_setting('app.user_id', true), '')::uuid; END;
CREATE OR REPLACE FUNCTION current_agent_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE BEGIN ATOMIC
  SELECT nullif(current_setting('app.agent_id', true), '')::uuid; END;
"""
_POLICIES = {BEFORE: _OLD, PARAMETER: PLAIN, SEAL: SEALED, ONCE: "(SELECT current_tenant())"}
_TABLES = "SELECT polrelid::regclass::text AS name FROM pg_policy WHERE polname = 'tenant'"
Call = Callable[[AsyncMemory], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Ask:
    """Something that is measured."""

    name: str
    calls: Sequence[Call]


async def run(report: Report, data: Path, *, queries: int = 60, rounds: int = 3, work: Path | None = None) -> None:
    """Load one conversation, copy the database, ask each copy the same.

    Args:
        report: takes the results.
        data: the directory with conv-*.json.
        queries: questions of each kind.
        rounds: times each of them is asked.
        work: where the server's directory is made.
    """
    path, sample = next(iter(read_samples(data).items()))
    questions = read_questions(sample).kept[:queries]
    async with server(report, work=work) as place:
        async with place.memory() as memory:
            await memory.import_file(path, format="locomo")
            await memory.maintain()
        names = await _copies(place)
        async with AsyncExitStack() as stack:
            memories = {way: await stack.enter_async_context(_memory(place, names[way])) for way in WAYS}
            asks = _asks(questions)
            await _plans(report, memories, asks)
            times = await _measure(memories, asks, rounds)
    _tell(report, times)


def _memory(place: Server, name: str) -> AsyncMemory:
    key = installation_key(place.settings())
    assert key is not None
    return AsyncMemory(
        Settings(database_url=place.endpoint.url(APP_ROLE, name), installation_key=key.text(), auto_maintenance=False)
    )


async def _copies(place: Server) -> dict[str, str]:
    names = {way: f"wall_{n}" for n, way in enumerate(WAYS)}
    admin = await place.admin("postgres")
    for name in names.values():
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE}")
    await admin.close()
    for way, name in names.items():
        connection = await place.admin(name)
        await connection.execute("SET ROLE mnemon_owner")
        if way == BEFORE:
            await connection.execute(_BEFORE)
        elif way != PARAMETER:
            await connection.execute(wall.objects(granted=False)[1])
        for row in await connection.fetch(_TABLES):
            key = "id" if row["name"] == "organizations" else "organization_id"
            condition = f"({key} = {_POLICIES[way]})"
            await connection.execute(f"ALTER POLICY tenant ON {row['name']} USING {condition} WITH CHECK {condition}")
        await connection.execute("RESET ROLE; ANALYZE")
        await connection.close()
    return names


def _asks(questions: Sequence[Question]) -> list[Ask]:
    def search(one: Question) -> Call:
        return lambda memory: memory.search(one.text, k=10)

    def recall(one: Question) -> Call:
        return lambda memory: memory.recall(one.text, k=10)

    def remember(one: Question) -> Call:
        return lambda memory: memory.remember(one.text, user="ada")

    async def enter(memory: AsyncMemory) -> None:
        assert memory._ctx is not None  # noqa: SLF001 - what a door holds
        async with memory._ctx.database.transaction(memory._ctx.principal) as connection:  # noqa: SLF001
            await connection.fetchval("SELECT 1")

    return [
        Ask("search", [search(one) for one in questions]),
        Ask("recall", [recall(one) for one in questions]),
        Ask("remember", [remember(one) for one in questions]),
        Ask("list", [lambda memory: memory.list(limit=20)] * len(questions)),
        Ask("a transaction with one look-up", [enter] * (4 * len(questions))),
    ]


async def _measure(
    memories: dict[str, AsyncMemory], asks: Sequence[Ask], rounds: int
) -> dict[str, dict[str, list[float]]]:
    times: dict[str, dict[str, list[float]]] = {ask.name: {way: [] for way in WAYS} for ask in asks}
    for turn in range(rounds + 1):
        for ask in asks:
            for n, call in enumerate(ask.calls):
                for way in (*WAYS[n % len(WAYS) :], *WAYS[: n % len(WAYS)]):  # nobody is always first
                    began = time.perf_counter()
                    await call(memories[way])
                    if turn:  # the first round warms caches up
                        times[ask.name][way].append(time.perf_counter() - began)
    return times


async def _plans(report: Report, memories: dict[str, AsyncMemory], asks: Sequence[Ask]) -> None:
    """Every statement of these calls: is its plan the same with the policies as they are and as they were?"""
    seen: dict[str, Sent] = {}
    app = memories[PARAMETER]._app  # noqa: SLF001 - what a door holds
    assert app is not None
    with listening(app):
        for ask in asks:
            for call in ask.calls[:5]:
                for one in (await record(lambda call=call: call(memories[PARAMETER])))[1]:  # type: ignore[misc]
                    if re.match(r"\s*(--.*\n\s*)*(WITH|SELECT (?!set_tenant)|INSERT|UPDATE|DELETE)", one.query):
                        seen.setdefault(one.query, one)
    changed = []
    for sent in seen.values():
        shapes = {way: await _shape(memories[way], sent) for way in (BEFORE, PARAMETER, SEAL, ONCE)}
        if shapes[BEFORE] != shapes[PARAMETER]:
            changed.append(sent.query)
    report.numbers["plans"] = {"statements": len(seen), "changed": changed}
    report.say(f"{len(seen)} statements, of which {len(changed)} are planned otherwise than before.")


async def _shape(memory: AsyncMemory, sent: Sent) -> str:
    """The nodes of a plan with what they read and by which index; no costs, and no words of the policy."""
    assert memory._ctx is not None  # noqa: SLF001 - what a door holds
    async with memory._ctx.database.transaction(memory._ctx.principal) as connection:  # noqa: SLF001
        told = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sent.query}", *sent.args)
    kept = re.findall(r'"(Node Type|Index Name|Relation Name|Join Type|Plan Rows)": ("[^"]*"|\d+)', json.dumps(told))
    return str(kept)


def _tell(report: Report, times: dict[str, dict[str, list[float]]]) -> None:
    rows = []
    report.numbers["milliseconds"] = {}
    for name, by_way in times.items():
        median = {way: Timing.of(found).median for way, found in by_way.items()}
        report.numbers["milliseconds"][name] = median
        ratios = [number(median[way] / median[BEFORE]) for way in WAYS[1:]]
        rows.append((name, *(number(median[way]) for way in WAYS), *ratios))
    report.table(
        "Medians in milliseconds, and how many times as long as before:",
        ("what", *WAYS, *(f"{way.split(' (')[0]}, ratio" for way in WAYS[1:])),
        rows,
    )
