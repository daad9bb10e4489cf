"""A memory as it was at any moment, out of its log, against a plain replay (seed 002 FR-6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.core.errors import Forbidden, NotFound
from mnemon.memory.schemas_facts import Reconstruct, Reconstructed
from mnemon.memory.service.facts import reconstruct
from tests.factories import context_of, new_slug
from tests.workspace.helpers import acting, people, without_rights

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class State:
    """What a memory is at a moment."""

    content: str
    importance: int = 5
    tier: str = "warm"
    status: str = "active"
    is_forgotten: bool = False
    superseded_by: UUID | None = None
    changes: int = 0


async def then(ctx: Context, memory_id: UUID, at: datetime) -> Reconstructed | None:
    try:
        return await reconstruct(ctx, Reconstruct(memory_id=memory_id, at=at))
    except NotFound:
        return None


def seen(found: Reconstructed | None) -> State | None:
    if found is None:
        return None
    return State(
        found.content,
        found.importance,
        found.tier,
        found.status,
        found.is_forgotten,
        found.superseded_by,
        found.changes,
    )


async def moments(admin: Any, memory_id: UUID) -> list[datetime]:
    rows = await admin.fetch(
        "SELECT created_at FROM memory_log WHERE memory_id = $1 ORDER BY created_at, action <> 'created'", memory_id
    )
    return [row["created_at"] for row in rows]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("importance"), st.integers(1, 10)),
        st.tuples(st.just("tier"), st.sampled_from(["hot", "warm", "cold"])),
        st.tuples(st.just("pin"), st.booleans()),
        st.tuples(st.just("correct"), st.sampled_from(["second", "third", "fourth"])),
        st.tuples(st.just("forget"), st.none()),
        st.tuples(st.just("restore"), st.none()),
        st.tuples(st.just("dispute"), st.booleans()),
    ),
    max_size=8,
)


@hypothesis_settings(max_examples=40)
@given(STEPS)
async def test_it_is_what_a_replay_says_at_every_moment_and_between(
    house: AsyncMemory, admin: Any, steps: list[tuple[str, Any]]
) -> None:
    memory = await house.organization(new_slug())
    await memory.open()
    ctx = context_of(memory)
    first = (await memory.remember("first")).id
    current, pinned = first, {first: False}
    states: dict[UUID, list[State]] = {first: [State("first")]}

    def changed(**values: Any) -> None:
        last = states[current][-1]
        states[current].append(replace(last, changes=last.changes + 1, **values))

    for kind, value in steps:
        last = states[current][-1]
        if kind == "restore" or kind == "dispute":
            column, wanted = ("deleted_at", "NULL") if kind == "restore" else ("status", "'disputed'")
            if kind == "dispute" and not value:
                wanted = "'active'"
            async with ctx.database.transaction(ctx.principal) as connection:
                await connection.execute(f"UPDATE memories SET {column} = {wanted} WHERE id = $1", current)
            status = wanted.strip("'")
            if kind == "restore" and last.is_forgotten:
                changed(is_forgotten=False)
            elif kind == "dispute" and status != last.status:
                changed(status=status)
        elif last.is_forgotten:
            continue
        elif kind == "forget":
            await memory.forget(current)
            changed(is_forgotten=True)
        elif kind == "correct" and value != last.content:
            successor = (await memory.update(current, value)).id
            changed(status="superseded", superseded_by=successor)
            current = successor
            pinned[current] = pinned[list(states)[-1]]
            states[current] = [State(value, last.importance, last.tier)]
        elif kind == "importance":
            await memory.update(current, importance=value)
            if value != last.importance:
                changed(importance=value)
        elif kind == "tier":
            await memory.update(current, tier=value)
            if value != last.tier:
                changed(tier=value)
        elif kind == "pin":
            await memory.update(current, is_pinned=value)
            if value != pinned[current]:
                pinned[current] = value
                changed()
    for memory_id, expected in states.items():
        at = await moments(admin, memory_id)
        assert len(at) == len(expected)
        assert await then(ctx, memory_id, at[0] - INSTANT) is None
        for number, state in enumerate(expected):
            following = at[number + 1] if number + 1 < len(at) else at[number] + timedelta(days=400)
            for moment in (at[number], at[number] + (following - at[number]) / 2, following - INSTANT):
                if at[number] <= moment < following:
                    assert seen(await then(ctx, memory_id, moment)) == state


async def test_it_answers_when_the_memory_itself_is_gone(memory: AsyncMemory, admin: Any) -> None:
    ctx = context_of(memory)
    made = (await memory.remember("gone soon", importance=7)).id
    await memory.update(made, importance=3, reason="less so")
    begun, changed = await moments(admin, made)
    assert await admin.execute("DELETE FROM memories WHERE id = $1", made) == "DELETE 1"
    found = await then(ctx, made, changed)
    assert found is not None
    assert (found.content, found.importance, found.reason, found.changed_by) == ("gone soon", 3, "less so", "system")
    assert (found.recorded_at, found.changed_at) == (begun, changed)
    assert seen(await then(ctx, made, begun)) == State("gone soon", 7)
    assert await then(ctx, uuid4(), changed) is None


async def test_others_reach_nothing(memory: AsyncMemory, other: Context, admin: Any) -> None:
    ctx = context_of(memory)
    made = (await memory.remember("mine", user="ada", memory_type="user_profile")).id
    (at,) = await moments(admin, made)
    ada, bo = await people(ctx, "ada", "bo")
    assert await then(other, made, at) is None
    assert await then(acting(ctx, bo), made, at) is None
    assert await then(acting(ctx, ada), made, at) is not None
    with pytest.raises(Forbidden):
        await then(without_rights(ctx), made, at)
    async with ctx.database.untenanted() as connection:
        assert await connection.fetch("SELECT * FROM reconstruct_memory_at($1, now())", made) == []
