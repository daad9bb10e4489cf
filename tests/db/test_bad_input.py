"""What is wrong has an error of one kind, a stable code and the field's name: from the schema, and from the database.

Each case gives both: what a caller passes, and what somebody writes who goes around the schemas.
"""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import numpy as np
import pytest
from pydantic import BaseModel
from sqlalchemy import CheckConstraint

from mnemon.catalog import metadata
from mnemon.context import Context
from mnemon.core.errors import Invalid, MnemonError, NotFound
from mnemon.core.text import parse
from mnemon.db.errors import _field
from mnemon.db.session import Database
from mnemon.graph.schemas import Relate
from mnemon.identity import service as identity
from mnemon.identity.schemas import TeamCreate, UserCreate
from mnemon.identity.schemas_access import RoleCreate, RoleUpdate
from mnemon.knowledge.schemas import AddKnowledge
from mnemon.memory import service as memory
from mnemon.memory.schemas import NewMemory, Remember
from tests.factories import take_address

LONG = "x" * 50_001
NUL = "a\x00b"


def nested(levels: int) -> Any:
    """An object this many levels deep."""
    value: Any = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


class Case(NamedTuple):
    """A bad value: of which schema and which table, and what both say of it."""

    schema: type[BaseModel]
    data: dict[str, Any]
    said: tuple[str, str]
    table: str
    row: dict[str, Any]
    answered: tuple[str, str | None]


CONTENT = {"content": "x"}
CASES = {
    "importance beyond ten": Case(
        NewMemory,
        {**CONTENT, "importance": 11},
        ("invalid.less_than_equal", "importance"),
        "memories",
        {**CONTENT, "importance": 11},
        ("invalid.importance", "importance"),
    ),
    "confidence below nought": Case(
        NewMemory,
        {**CONTENT, "confidence": -0.1},
        ("invalid.greater_than_equal", "confidence"),
        "memories",
        {**CONTENT, "confidence": -0.1},
        ("invalid.confidence", "confidence"),
    ),
    "a strength that is no number": Case(
        Relate,
        {
            "source_entity_id": uuid4(),
            "target_entity_id": uuid4(),
            "relationship_type": "knows",
            "strength": float("nan"),
        },
        ("invalid.finite_number", "strength"),
        "entity_relationships",
        {"source_entity_id": uuid4(), "target_entity_id": uuid4(), "relationship_type": "k", "strength": float("nan")},
        ("invalid.strength", "strength"),
    ),
    "a kind of memory that is none": Case(
        NewMemory,
        {**CONTENT, "memory_type": "dream"},
        ("invalid.enum", "memory_type"),
        "memories",
        {**CONTENT, "memory_type": "dream"},
        ("invalid.enum", "memory_type"),
    ),
    "a malformed address": Case(
        UserCreate,
        {"email": "no address"},
        ("invalid.email", "email"),
        "users",
        {"email": "no address"},
        ("invalid.email", "email"),
    ),
    "a malformed slug": Case(
        TeamCreate,
        {"name": "x", "slug": "No Slug"},
        ("invalid.slug", "slug"),
        "teams",
        {"name": "x", "slug": "No Slug"},
        ("invalid.slug", "slug"),
    ),
    "50,001 characters": Case(
        NewMemory,
        {"content": "x" * 4_194_305},
        ("invalid.content_too_long", "content"),
        "memories",
        {"content": LONG},
        ("invalid.content_too_long", "content"),
    ),
    "a NUL byte": Case(
        NewMemory,
        {"content": NUL},
        ("invalid.characters", "content"),
        "memories",
        {"content": NUL},
        ("invalid.characters", None),  # PostgreSQL does not say where
    ),
    "JSON too deep": Case(
        NewMemory,
        {**CONTENT, "metadata": nested(33)},
        ("invalid.json_too_deep", "metadata"),
        "memories",
        {**CONTENT, "metadata": json.dumps(nested(41))},
        ("invalid.json_too_deep", "metadata"),
    ),
    "knowledge that is sure beyond certainty": Case(
        AddKnowledge,
        {"domain": "x", "content": {"title": "x"}, "confidence": 1.1},
        ("invalid.less_than_equal", "confidence"),
        "knowledge_items",
        {"domain": "x", "content": '{"title": "x"}', "confidence": 1.1, "source_agent_id": uuid4()},
        ("invalid.confidence", "confidence"),
    ),
}


async def memories(ctx: Context, *contents: str) -> list[UUID]:
    """Memories with these contents; their ids."""
    done = await memory.remember(ctx, parse(Remember, {"items": [NewMemory(content=one) for one in contents]}))
    return list(done.ids)


async def answer(database: Database, ctx: Context, table: str, row: dict[str, Any]) -> MnemonError:
    """What the database says to a row that no schema has seen."""
    casts = {
        one["attname"]: one["type"]
        for one in await _columns(database, ctx, table)
        if one["attname"] in row or one["attname"] == "organization_id"
    }
    values = {"organization_id": ctx.principal.organization_id, **row}
    places = ", ".join(f"(${n}::text)::{casts[name]}" for n, name in enumerate(values, 1))
    with pytest.raises(MnemonError) as caught:  # noqa: PT012 - what raises comes at its end
        async with database.transaction(ctx.principal) as connection:
            if "email" in row:
                await take_address(database, connection, ctx.principal, row["email"])
            await connection.execute(
                f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *map(str, values.values())
            )
    return caught.value


async def _columns(database: Database, ctx: Context, table: str) -> list[Any]:
    async with database.transaction(ctx.principal) as connection:
        return await connection.fetch(
            "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
            "WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
            table,
        )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_schema_and_database_refuse_it(database: Database, ctx: Context, case: Case) -> None:
    with pytest.raises(Invalid) as caught:
        parse(case.schema, case.data)
    assert (caught.value.code, caught.value.data["field"]) == case.said
    error = await answer(database, ctx, case.table, case.row)
    assert type(error) is Invalid
    assert (error.code, error.data.get("field")) == case.answered


@pytest.mark.parametrize(
    ("vector", "code"), [([0.0] * 3, "invalid.dimensions"), ([float("nan")] * 256, "invalid.vector")]
)
async def test_vectors(database: Database, ctx: Context, vector: list[float], code: str) -> None:
    """An embedder's answer is checked before it is stored (tests/ai); here is what stands behind that."""
    width = ctx.embedder.dimensions
    values = vector if len(vector) == 3 else [float("nan")] * width
    error = await answer(database, ctx, "memories", {**CONTENT, "embedding": str(np.array(values).tolist())})
    assert (type(error), error.code, error.data["field"]) == (Invalid, code, "embedding")


async def test_what_is_nested_beyond_reading_is_refused_too(database: Database, ctx: Context) -> None:
    error = await answer(database, ctx, "memories", {**CONTENT, "metadata": "[" * 200_000})
    assert (type(error), error.code) == (Invalid, "invalid.too_complex")


async def test_references_to_nothing(database: Database, ctx: Context) -> None:
    with pytest.raises(NotFound) as caught:
        await identity.create_role(ctx, parse(RoleCreate, {"name": "heir", "parent": "nobody"}))
    assert caught.value.code.startswith("not_found.")
    error = await answer(database, ctx, "memories", {**CONTENT, "user_id": uuid4()})
    assert (type(error), error.code, error.data["field"]) == (NotFound, "not_found.reference", "user_id")


async def test_a_role_that_inherits_from_itself(database: Database, ctx: Context) -> None:
    first = await identity.create_role(ctx, parse(RoleCreate, {"name": "first"}))
    second = await identity.create_role(ctx, parse(RoleCreate, {"name": "second", "parent": "first"}))
    with pytest.raises(Invalid) as caught:
        await identity.update_role(ctx, parse(RoleUpdate, {"id": first.id, "parent": "second"}))
    assert (caught.value.code, caught.value.data["field"]) == ("invalid.role_cycle", "parent_role_id")
    with pytest.raises(Invalid) as caught:
        async with database.transaction(ctx.principal) as connection:
            await connection.execute("UPDATE roles SET parent_role_id = $1 WHERE id = $2", second.id, first.id)
    assert (caught.value.code, caught.value.data["field"]) == ("invalid.role_cycle", "parent_role_id")


@pytest.mark.parametrize("length", [1, 2, 3])
async def test_a_memory_that_supersedes_itself(database: Database, ctx: Context, length: int) -> None:
    """No verb can: a correction is always new. The database refuses it to whoever goes around them."""
    ids = await memories(ctx, *(f"version {n}" for n in range(length)))
    supersede = "UPDATE memories SET superseded_by = $1, superseded_at = now() WHERE id = $2"
    async with database.transaction(ctx.principal) as connection:
        for old, new in pairwise(ids):
            await connection.execute(supersede, new, old)
    with pytest.raises(Invalid) as caught:
        async with database.transaction(ctx.principal) as connection:
            await connection.execute(supersede, ids[0], ids[-1])
    assert (caught.value.code, caught.value.data["field"]) == ("invalid.supersession_cycle", "superseded_by")


async def test_two_corrections_that_would_close_a_circle_together(database: Database, ctx: Context) -> None:
    first, second = await memories(ctx, "one", "two")
    ready = asyncio.Barrier(2)

    async def supersede(old: Any, new: Any) -> None:
        async with database.transaction(ctx.principal) as connection:
            await connection.execute("SELECT FROM memories WHERE id = $1 FOR UPDATE", old)
            await ready.wait()
            await connection.execute(
                "UPDATE memories SET superseded_by = $1, superseded_at = now() WHERE id = $2", new, old
            )

    results = await asyncio.gather(supersede(first, second), supersede(second, first), return_exceptions=True)
    codes = [error.code for error in results if isinstance(error, MnemonError)]
    assert len([error for error in results if error is not None]) == len(codes)
    assert codes in (["conflict.retry"], ["invalid.supersession_cycle"])


async def test_every_check_names_a_column(admin: Any) -> None:
    """So that whoever is refused learns of which field."""
    found = await admin.fetch(
        """
        SELECT c.relname, k.conname, ARRAY(
          SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey)) AS columns
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.contype = 'c' AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
        """
    )
    assert len(found) > 200
    # Counters are the database's own: nobody passes them.
    nameless = [
        row["conname"]
        for row in found
        if not row["conname"].endswith("_counters") and _field(row["relname"], row["conname"]) not in row["columns"]
    ]
    assert nameless == []


async def test_the_checks_of_the_database_are_those_of_the_models(admin: Any) -> None:
    """Alembic does not compare them."""
    rows = await admin.fetch(
        """
        SELECT k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.contype = 'c' AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
          AND c.relname NOT IN ('schema_objects', 'embedding_space')  -- of migrations alone
        """
    )
    modelled = {
        str(constraint.name)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert {row["conname"] for row in rows} == modelled
