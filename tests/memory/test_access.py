"""Access counts: written behind the caller, in nobody's way."""

from __future__ import annotations

import asyncio
from typing import Any

from mnemon import AsyncMemory
from tests.factories import context_of

#: Rows of memories that this connection has changed, and those of them that no index was told of.
UPDATED = """
SELECT sum(n_tup_upd)::int AS updated, sum(n_tup_hot_upd)::int AS in_place FROM pg_stat_xact_all_tables
WHERE relname ~ '^memories_p[0-9]+$'
"""


async def test_a_memory_that_somebody_is_changing_is_counted_later_and_nobody_waits(
    admin: Any, memory: AsyncMemory, app: Any
) -> None:
    done = await memory.remember([f"the harbour of town {n}" for n in range(60)])
    held = done.ids[7]
    found = await memory.recall("harbour", k=60)
    assert len(found) == 60
    await memory.recall("town 7", k=60)
    async with admin.transaction():
        await admin.execute("SELECT FROM memories WHERE id = $1 FOR UPDATE", held)
        async with asyncio.timeout(10):
            await app.accesses.flush()
        counts = await _counts(admin, done.ids)
        assert counts.pop(held) == 0
        assert set(counts.values()) == {2}
    await app.accesses.flush()
    assert set((await _counts(admin, done.ids)).values()) == {2}


async def test_counting_an_access_writes_no_index(memory: AsyncMemory) -> None:
    done = await memory.remember([f"the harbour of town {n} is closed" for n in range(240)])
    ctx = context_of(memory)
    async with ctx.database.transaction(ctx.principal) as connection:
        before = await connection.fetchrow(UPDATED)
        assert await connection.fetchval("SELECT count_accesses($1)", list(done.ids[::12])) == []
        after = await connection.fetchrow(UPDATED)
    assert after["updated"] - before["updated"] == 20
    assert after["in_place"] - before["in_place"] == 20


async def _counts(admin: Any, ids: Any) -> dict[Any, int]:
    rows = await admin.fetch("SELECT id, access_count FROM memories WHERE id = ANY($1)", list(ids))
    return {row["id"]: row["access_count"] for row in rows}
