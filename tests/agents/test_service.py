"""Agents by the caller's own strings, their slugs, and how they remember."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.agents import service as agents
from mnemon.agents.schemas import AgentMemoryConfig
from mnemon.context import Context
from mnemon.core.slugs import slugify


async def ensure(ctx: Context, names: list[str]) -> dict[str, Any]:
    async with ctx.database.transaction(ctx.principal) as connection:
        return dict(await agents.ensure_agents(connection, ctx.principal.organization_id, names))


async def test_agents_are_made_once(ctx: Context) -> None:
    assert await ensure(ctx, []) == {}
    found = await asyncio.gather(*(ensure(ctx, ["guide", "Night Guide", "cook"]) for _ in range(8)))
    assert all(one == found[0] for one in found)
    assert len(set(found[0].values())) == 3


async def test_names_that_look_alike_are_different_agents(ctx: Context) -> None:
    names = ["guide", "Guide", "GUIDE", "guide ", "gu-ide", "gu ide", slugify("Guide"), "东京", "東京", "é", "e"]
    made = await ensure(ctx, names)
    assert len(set(made.values())) == len(names)
    for name in names:  # one by one, too
        assert await ensure(ctx, [name]) == {name: made[name]}


@settings(max_examples=40)
@given(
    names=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20),
        max_size=4,
        unique=True,
    )
)
async def test_any_names_are_agents(app: Any, names: list[str]) -> None:
    assert len(set((await ensure(app.context, names)).values())) == len(names)


async def test_how_an_agent_remembers(ctx: Context) -> None:
    organization = ctx.principal.organization_id
    agent = (await ensure(ctx, ["guide"]))["guide"]
    async with ctx.database.transaction(ctx.principal) as connection:
        assert await agents.memory_config(connection, organization, agent) == AgentMemoryConfig()
        for stored, budget, semantic in (
            ({"token_budget": 7}, 7, 0.35),
            ({"retrieval_weights": {"semantic": 1}}, 2000, 1.0),
            ({"of": "another time"}, 2000, 0.35),
        ):
            await connection.execute("UPDATE agents SET memory_config = $1::text::jsonb", json.dumps(stored))
            config = await agents.memory_config(connection, organization, agent)
            assert (config.token_budget, config.retrieval_weights.semantic) == (budget, semantic)


async def test_the_defaults_of_the_database_are_those_of_the_schema(ctx: Context) -> None:
    await ensure(ctx, ["guide"])
    async with ctx.database.transaction(ctx.principal) as connection:
        stored = json.loads(await connection.fetchval("SELECT memory_config::text FROM agents"))
        status = await connection.fetchval("SELECT status::text FROM agents")
    assert stored == AgentMemoryConfig().model_dump()
    assert status == "active"


@pytest.mark.parametrize("config", [{"token_budget": 0}, {"retrieval_weights": {"semantic": 2}}])
def test_bounds_of_a_configuration(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"less than|greater than"):
        AgentMemoryConfig.model_validate(config)
