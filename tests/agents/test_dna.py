"""AgentDNA and an agent's life: made, read, changed, listed, removed."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemon import Conflict, NotFound
from mnemon.agents import service as agents
from mnemon.agents.models import AgentStatus
from mnemon.agents.schemas import (
    AgentBoundaries,
    AgentCreate,
    AgentDNA,
    AgentList,
    AgentMemoryConfig,
    AgentModelConfig,
    AgentPersonality,
    AgentRef,
    AgentStatusSet,
    AgentUpdate,
    RetrievalWeights,
    VoiceExample,
)
from mnemon.context import Context
from mnemon.core.principal import Principal
from mnemon.identity import service as identity
from mnemon.identity.schemas import TeamCreate
from tests.factories import new_slug
from tests.identity.access import person

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def scout(ctx: Context, **fields: Any) -> AgentDNA:
    return await agents.create_agent(ctx, AgentCreate(**{"name": f"Scout {uuid4().hex[:8]}", **fields}))


_NAMES = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=6)


@given(shared=_NAMES, custom=_NAMES, disabled=_NAMES)
def test_effective_skills_are_shared_and_custom_less_disabled(
    shared: list[str], custom: list[str], disabled: list[str]
) -> None:
    dna = AgentDNA.model_validate(
        {
            "id": uuid4(),
            "organization_id": uuid4(),
            "name": "x",
            "slug": "xx",
            "created_at": T0,
            "updated_at": T0,
            "shared_skill_names": shared,
            "custom_skill_names": custom,
            "disabled_skill_names": disabled,
        }
    )
    assert set(dna.effective_skills) == (set(shared) | set(custom)) - set(disabled)
    assert len(dna.effective_skills) == len(set(dna.effective_skills))
    assert list(dna.effective_skills) == sorted(dna.effective_skills, key=(shared + custom).index)
    assert json.loads(dna.model_dump_json())["effective_skills"] == list(dna.effective_skills)


async def test_the_schemas_defaults_are_the_databases(ctx: Context, admin: Any) -> None:
    """Seed 002 FR-3.4: an agent made by raw SQL is the agent that the schema would have made."""
    agent_id = await admin.fetchval(
        "INSERT INTO agents (organization_id, name, slug) VALUES ($1, 'Raw', 'raw') RETURNING id",
        ctx.principal.organization_id,
    )
    raw = await agents.get_agent(ctx, AgentRef(agent_id=agent_id))
    made = await scout(ctx)
    for field in ("model", "memory_config", "boundaries", "personality", "status", "cognitive_pattern", "type"):
        assert getattr(raw, field) == getattr(made, field), field
    assert raw.memory_config.retrieval_weights == RetrievalWeights()
    assert sum(raw.memory_config.retrieval_weights.model_dump().values()) == pytest.approx(1)


async def test_an_agent_is_made_with_its_dna_and_read_back(ctx: Context, admin: Any) -> None:
    user = await person(ctx)
    team = await identity.create_team(ctx, TeamCreate(name="Crew", slug=new_slug("team")))
    eyes = Principal(
        ctx.principal.organization_id, user.id, team_ids=frozenset({team.id}), permissions=frozenset({"agents:write"})
    )
    mine = ctx.as_principal(eyes)
    made = await agents.create_agent(
        mine,
        AgentCreate(
            name="Marvin the Scout",
            team_id=team.id,
            tagline="Finds things",
            avatar_emoji="🔭",
            personality=AgentPersonality(
                tone="dry",
                verbosity=0.2,
                traits=("patient",),
                voice_examples=(VoiceExample(situation="Hello", response="If I must."),),
                rules=("Never guess",),
            ),
            shared_skill_names=("search",),
            custom_skill_names=("sigh",),
            disabled_skill_names=("search",),
            model=AgentModelConfig(model_name="x/y", temperature=0.1),
            memory_config=AgentMemoryConfig(retrieval_weights=RetrievalWeights(semantic=1)),
            boundaries=AgentBoundaries(max_autonomy="ask"),
            learning_rate=0.25,
            metadata={"kind": "robot"},
        ),
    )
    assert (made.created_by, made.status, made.version) == (user.id, AgentStatus.DRAFT, 1)
    assert made.effective_skills == ("sigh",)
    found = await agents.get_agent(ctx, AgentRef(agent_id=made.id))
    assert found == made
    assert found.personality.voice_examples[0].response == "If I must."
    words = await admin.fetch("SELECT name FROM participant_names WHERE agent_id = $1", made.id)
    assert {row["name"] for row in words} == {"marvin", "scout"}
    raw = await admin.fetchrow("SELECT model_config::text, boundaries::text FROM agents WHERE id = $1", made.id)
    assert json.loads(raw["model_config"])["temperature"] == 0.1
    assert json.loads(raw["boundaries"])["max_autonomy"] == "ask"


async def test_an_agent_is_changed_by_its_version(ctx: Context) -> None:
    made = await scout(ctx, tagline="old")
    changed = await agents.update_agent(
        ctx,
        AgentUpdate(
            id=made.id, expected_version=1, tagline="new", boundaries=AgentBoundaries(max_tool_calls_per_turn=1)
        ),
    )
    assert (changed.tagline, changed.version, changed.boundaries.max_tool_calls_per_turn) == ("new", 2, 1)
    assert changed.name == made.name
    results = await asyncio.gather(
        *(
            agents.update_agent(ctx, AgentUpdate(id=made.id, expected_version=2, tagline=tagline))
            for tagline in ("one", "two")
        ),
        return_exceptions=True,
    )
    (lost,) = [result for result in results if isinstance(result, Conflict)]
    assert lost.data == {"expected_version": 2, "current_version": 3}
    with pytest.raises(Conflict):
        await agents.set_status(ctx, AgentStatusSet(agent_id=made.id, status=AgentStatus.ACTIVE, expected_version=1))


@pytest.mark.parametrize("status", list(AgentStatus))
async def test_an_agent_may_have_every_status(ctx: Context, status: AgentStatus) -> None:
    made = await scout(ctx)
    assert (await agents.set_status(ctx, AgentStatusSet(agent_id=made.id, status=status))).status is status


async def test_agents_are_listed_by_team_status_and_type_and_removed(ctx: Context) -> None:
    team = await identity.create_team(ctx, TeamCreate(name="Crew", slug=new_slug("team")))
    one = await scout(ctx, team_id=team.id, status=AgentStatus.ACTIVE)
    two = await scout(ctx, type="coder")
    assert [found.id for found in (await agents.list_agents(ctx, AgentList())).items] == [one.id, two.id]
    first = await agents.list_agents(ctx, AgentList(limit=1))
    rest = await agents.list_agents(ctx, AgentList(limit=1, cursor=first.next_cursor))
    assert ([found.id for found in rest.items], rest.next_cursor) == ([two.id], None)
    assert [found.id for found in (await agents.list_agents(ctx, AgentList(team_id=team.id))).items] == [one.id]
    assert [found.id for found in (await agents.list_agents(ctx, AgentList(status=AgentStatus.DRAFT))).items] == [
        two.id
    ]
    assert [found.id for found in (await agents.list_agents(ctx, AgentList(type="coder"))).items] == [two.id]
    await agents.delete_agent(ctx, AgentRef(agent_id=one.id))
    with pytest.raises(NotFound):
        await agents.delete_agent(ctx, AgentRef(agent_id=one.id))
    with pytest.raises(NotFound):
        await agents.get_agent(ctx, AgentRef(agent_id=one.id))
    assert [found.id for found in (await agents.list_agents(ctx, AgentList())).items] == [two.id]


async def test_a_slug_is_unique_in_the_team_or_without_one(ctx: Context) -> None:
    team = await identity.create_team(ctx, TeamCreate(name="Crew", slug=new_slug("team")))
    await scout(ctx, slug="scout")
    await scout(ctx, slug="scout", team_id=team.id)
    for team_id in (None, team.id):
        with pytest.raises(Conflict) as caught:
            await scout(ctx, slug="scout", team_id=team_id)
        assert caught.value.code == "conflict.exists"
