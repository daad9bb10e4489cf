"""Every verb as another organisation: it finds nothing and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from mnemon import AsyncMemory, NotFound
from mnemon.memory.schemas import Remembered
from tests.factories import context_of


@pytest_asyncio.fixture
async def theirs(new_memory: Any) -> AsyncMemory:
    memory: AsyncMemory = await new_memory()
    return memory


@pytest_asyncio.fixture
async def filled(memory: AsyncMemory) -> Remembered:
    return await memory.remember(
        [
            {"content": "Ada moved to Lisbon in May", "user": "ada", "tags": ["trip"], "metadata": {"n": 1}},
            {"content": "The lighthouse is red", "agent": "guide", "memory_type": "agent_private"},
            {"content": "Shall we meet at the lighthouse?", "conversation": "plans", "user": "ada", "agent": "guide"},
            {"content": "At noon", "conversation": "plans", "role": "assistant", "agent": "guide", "user": "ada"},
        ]
    )


async def everything(memory: AsyncMemory, admin: Any) -> dict[str, list[Any]]:
    """Every row of the organisation, as a superuser sees it."""
    organization = context_of(memory).principal.organization_id
    found = {}
    for table in await admin.fetch(
        "SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE a.attname = 'organization_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
    ):
        rows = await admin.fetch(
            f"SELECT to_jsonb(t)::text AS row FROM {table['name']} t WHERE organization_id = $1 ORDER BY 1",
            organization,
        )
        found[table["name"]] = [row["row"] for row in rows]
    return found


async def test_reads_find_nothing(theirs: AsyncMemory, filled: Remembered) -> None:
    for conditions in ({}, {"user": "ada"}, {"agent": "guide"}, {"conversation": "plans"}, {"tags": ["trip"]}):
        for verb in (theirs.search, theirs.recall):
            found = await verb("lighthouse Lisbon Ada", k=1000, **conditions)
            assert not found.hits, (verb, conditions)
            assert found.left_out == 0
        page = await theirs.list(include_past=True, **conditions)
        assert (page.items, page.next_cursor) == ((), None)
    for one in filled.ids:
        with pytest.raises(NotFound):
            await theirs.get(one)
        with pytest.raises(NotFound):
            await theirs.history(one)


async def test_writes_change_nothing(
    memory: AsyncMemory, theirs: AsyncMemory, filled: Remembered, admin: Any, tmp_path: Path
) -> None:
    await theirs.open()
    before = await everything(memory, admin)
    assert len(before["messages"]) == len(before["memories"]) == 2
    for one in filled.ids:
        with pytest.raises(NotFound):
            await theirs.update(one, "mine now")
        with pytest.raises(NotFound):
            await theirs.update(one, importance=1)
        with pytest.raises(NotFound):
            await theirs.forget(one)
    for conditions in ({"user": "ada"}, {"agent": "guide"}, {"conversation": "plans"}, {"tags": ["trip"]}):
        assert (await theirs.forget(**conditions)).count == 0
    await theirs.maintain()
    await theirs.remember("Ada lives in Turin", user="ada", agent="guide")
    await theirs.remember("Never mind", user="ada", agent="guide", conversation="plans")
    file = tmp_path / "log.jsonl"
    file.write_text(json.dumps({"text": "hello", "speaker": "ada", "conversation": "plans"}))
    assert (await theirs.import_file(file)).imported == 1
    assert await everything(memory, admin) == before


async def test_the_same_names_are_other_people(
    memory: AsyncMemory, theirs: AsyncMemory, filled: Remembered, admin: Any
) -> None:
    await theirs.remember("Ada lives in Turin", user="ada", agent="guide")
    await theirs.remember("Never mind", user="ada", agent="guide", conversation="plans")
    for table in ("users", "agents", "conversations"):
        name = {"users": "ada", "agents": "guide", "conversations": "plans"}[table]
        ids: list[UUID] = [
            row["id"]
            for row in await admin.fetch(
                f"SELECT id FROM {table} WHERE external_id = $1 AND organization_id = ANY($2)",
                name,
                [context_of(one).principal.organization_id for one in (memory, theirs)],
            )
        ]
        assert len(set(ids)) == 2, table
    assert [hit.content for hit in await memory.search("Where does Ada live?", user="ada", kinds=["memory"])] == [
        "Ada moved to Lisbon in May"
    ]
    assert [hit.content for hit in await theirs.search("Where does Ada live?", user="ada", kinds=["memory"])] == [
        "Ada lives in Turin"
    ]


async def test_the_same_source_id_is_another_item(memory: AsyncMemory, theirs: AsyncMemory) -> None:
    some: list[dict[str, Any]] = [{}, {"conversation": "plans"}]
    for fields in some:
        mine = await memory.remember("mine", source="mail", source_id="1", **fields)
        other = await theirs.remember("theirs", source="mail", source_id="1", **fields)
        assert mine.created == other.created == 1
        assert mine.id != other.id
        assert (await theirs.get(other.id)).content == "theirs"


async def test_access_counts_of_others_are_not_touched(
    memory: AsyncMemory, theirs: AsyncMemory, filled: Remembered, admin: Any
) -> None:
    ctx = context_of(theirs)
    async with ctx.database.transaction(ctx.principal) as connection:
        assert await connection.fetchval("SELECT update_memory_access($1)", list(filled.ids)) == 0
    assert await admin.fetchval("SELECT sum(access_count) FROM memories WHERE id = ANY($1)", list(filled.ids)) == 0


async def test_a_checkpoint_of_others_is_not_seen(memory: AsyncMemory, theirs: AsyncMemory, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(json.dumps({"text": f"line {n}", "id": str(n)}) for n in range(5)))
    for one in (memory, theirs):
        report = await one.import_file(file)
        assert (report.imported, report.resumed_after) == (5, 0)
