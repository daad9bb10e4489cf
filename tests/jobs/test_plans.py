"""Statements of the queue use their indexes: claims whatever the planner knows, the others under row-level security."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from mnemon.app import App
from mnemon.context import Context
from mnemon.db.sql import statement
from tests.conftest import Server
from tests.factories import new_slug

from .conftest import DATABASE


@pytest_asyncio.fixture(scope="module")
async def owner(server: Server, queue_app: App) -> AsyncIterator[Any]:
    """A superuser's connection to the queue's database; what a statement does is rolled back."""
    connection = await server.connect(database=DATABASE)
    await connection.execute("DELETE FROM background_jobs")
    yield connection
    await connection.execute("DELETE FROM background_jobs")
    await connection.close()


@pytest_asyncio.fixture(scope="module")
async def crowded(queue_app: App, owner: Any) -> Context:
    """Thousands of jobs of two organisations: most are over, many are not due, some are of no use to this worker."""
    contexts = [await queue_app.organization(new_slug()) for _ in range(2)]
    for ctx in contexts:
        organization = ctx.principal.organization_id
        await owner.execute(
            "INSERT INTO background_jobs (organization_id, kind, queue, priority, run_at) SELECT $1, "
            "(ARRAY['a', 'b'])[1 + i % 2], (ARRAY['default', 'mail'])[1 + i % 2], i % 3, "
            "now() + (i - 1000) * interval '1 second' FROM generate_series(1, 4000) i",
            organization,
        )
        for status, fields in (
            ("running", "lease_id = gen_random_uuid(), lease_expires_at = now() + interval '1 hour', attempt = 1"),
            ("succeeded", "lease_id = NULL, lease_expires_at = NULL, finished_at = now() - interval '1 hour'"),
        ):
            await owner.execute(
                f"UPDATE background_jobs SET status = '{status}', {fields} WHERE organization_id = $1 "
                "AND run_at > now() + interval '20 minutes'",
                organization,
            )
    return contexts[0]


def _plan(rows: list[Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    told = rows[0][0]
    stack = [(json.loads(told) if isinstance(told, str) else told)[0]["Plan"]]
    while stack:
        node = stack.pop()
        found.append(node)
        stack += node.get("Plans", [])
    return found


async def explained(connection: Any, query: str) -> list[dict[str, Any]]:
    """The plan of a statement that is run and rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        return _plan(await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}"))
    finally:
        await transaction.rollback()


def _turn(organization: UUID) -> str:
    """The statement of one turn, as it stands in claim_jobs, with its variables filled in."""
    text = files("mnemon.jobs").joinpath("sql/objects/20_workers.sql").read_text(encoding="utf-8")
    found = re.search(r"RETURN QUERY\n(    WITH RECURSIVE level.*?);\n", text, re.DOTALL)
    assert found is not None
    query = found.group(1)
    for name, value in {
        "p_organization": f"'{organization}'::uuid",
        "p_kinds": "'{a}'::text[]",
        "p_queues": "NULL::text[]",
        "p_share": "3",
        "p_limit": "3",
        "total": "0",
        "p_worker": "'w'",
        "p_lease": "60",
    }.items():
        query = re.sub(rf"\b{name}\b", value, query)
    return query


@pytest.mark.parametrize("analysed", [False, True])
async def test_a_turn_reads_what_it_takes_by_its_index(owner: Any, crowded: Context, analysed: bool) -> None:
    """Also when the planner knows nothing of the table yet, or looked when it was empty."""
    if analysed:
        await owner.execute("ANALYZE background_jobs")
    await owner.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")  # as the function has it
    nodes = await explained(owner, _turn(crowded.principal.organization_id))
    assert {node["Index Name"] for node in nodes if "Index Name" in node} == {"ix_background_jobs_due"}
    assert "Tid Scan" in {node["Node Type"] for node in nodes}
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}
    # Levels are stepped over, not walked along; what is not due or of another kind is not read.
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes if "Index Name" in node) < 200
    assert sum(node.get("Rows Removed by Filter", 0) * node["Actual Loops"] for node in nodes) < 10
    assert sum(node.get("Rows Removed by Join Filter", 0) * node["Actual Loops"] for node in nodes) < 10
    taken = next(node for node in nodes if node["Node Type"] == "ModifyTable")
    assert taken["Actual Rows"] == 3


#: In another order than any statement's parameters, so that none is taken for another.
JOB, LEASE = uuid4(), uuid4()


@dataclass(frozen=True, slots=True)
class Case:
    """A statement, what it is asked after the organisation, and the index that serves it."""

    name: str
    args: tuple[Any, ...]
    index: str

    def __str__(self) -> str:
        return self.name


ENQUEUE = ("a", "{}", "default", 0, None, 0.0, "key", 10, None, None, ["*"])
SCHEDULE = ("s", "a", "{}", "default", 0, 10, 60, None, True, None, None, None, ["*"], True)
CASES = (
    Case("enqueue", ENQUEUE, "uq_background_jobs_idempotency_key"),
    Case("find_by_key", ("a", "key"), "uq_background_jobs_idempotency_key"),
    Case("cancel", (JOB,), "pk_background_jobs"),
    Case("retry", (JOB,), "pk_background_jobs"),
    Case("progress", (JOB, LEASE, 50, None), "pk_background_jobs|ix_background_jobs_lease"),
    Case("succeed", (JOB, LEASE, None), "pk_background_jobs|ix_background_jobs_lease"),
    Case(
        "fail",
        (JOB, LEASE, "code", "error", False, 2.0),
        "pk_background_jobs|ix_background_jobs_lease",
    ),
    Case("give_back", (JOB, LEASE, False), "pk_background_jobs|ix_background_jobs_lease"),
    Case("set_schedule", SCHEDULE, "uq_job_schedules_organization_id_name"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_statements_use_their_indexes(owner: Any, crowded: Context, case: Case) -> None:
    await owner.execute("ANALYZE background_jobs")
    async with crowded.database.transaction(crowded.principal) as connection:
        rows = await connection.fetch(
            f"EXPLAIN (FORMAT JSON) {statement('mnemon.jobs', case.name)}",
            crowded.principal.organization_id,
            *case.args,
        )
    nodes = _plan(rows)
    used = {node["Index Name"] for node in nodes if "Index Name" in node}
    used |= {name for node in nodes for name in node.get("Conflict Arbiter Indexes", ())}
    assert used & set(case.index.split("|")), (used, nodes)
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}


LOOKS = (
    ("id = '{job}' AND organization_id = '{organization}'", "pk_background_jobs"),
    ("organization_id = '{organization}' ORDER BY created_at DESC LIMIT 9", "ix_background_jobs_created"),
    ("lease_id = ANY('{{{job}}}')", "ix_background_jobs_lease"),
    ("status = 'running' AND lease_expires_at < now() ORDER BY lease_expires_at LIMIT 9", "ix_background_jobs_expiry"),
    ("finished_at < now() - interval '1 day' ORDER BY finished_at LIMIT 9", "ix_background_jobs_finished"),
)


@pytest.mark.parametrize(("condition", "index"), LOOKS, ids=[index for _, index in LOOKS])
async def test_looks_use_their_indexes(owner: Any, crowded: Context, condition: str, index: str) -> None:
    await owner.execute("ANALYZE background_jobs")
    where = condition.format(job=JOB, organization=crowded.principal.organization_id)
    nodes = await explained(owner, f"SELECT * FROM background_jobs WHERE {where}")
    assert index in {node.get("Index Name") for node in nodes}, nodes
