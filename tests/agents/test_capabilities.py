"""What agents can do, and what their states were."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from mnemon import Forbidden, Invalid, NotFound
from mnemon.agents import service as agents
from mnemon.agents.models import AgentStatus
from mnemon.agents.schemas import (
    AgentCreate,
    AgentDNA,
    AgentList,
    AgentRef,
    AgentStatusSet,
    AgentUpdate,
    CapabilityAdd,
    CapabilityList,
    CapabilityRef,
    CapableSearch,
    StateCheckpoint,
    StateList,
    StateRef,
)
from mnemon.context import Context
from mnemon.core.clock import FixedClock
from mnemon.core.principal import Principal
from mnemon.core.text import parse
from mnemon.db.session import Database
from mnemon.db.sql import statement
from tests.conftest import APP, Server
from tests.factories import enter
from tests.identity.access import person

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def scout(ctx: Context, **fields: Any) -> AgentDNA:
    return await agents.create_agent(ctx, AgentCreate(**{"name": f"Scout {uuid4().hex[:8]}", **fields}))


def at(ctx: Context, moment: datetime) -> Context:
    return replace(ctx, clock=FixedClock(moment))


# Capabilities.


async def test_capabilities_are_added_once_and_ranked(ctx: Context) -> None:
    one, two, three = await scout(ctx), await scout(ctx), await scout(ctx)
    for agent, level in ((one, 0.4), (two, 0.9), (three, 0.7)):
        await agents.add_capability(ctx, CapabilityAdd(agent_id=agent.id, capability="search", proficiency_level=level))
    await agents.add_capability(ctx, CapabilityAdd(agent_id=one.id, capability="plan"))
    again = await agents.add_capability(ctx, CapabilityAdd(agent_id=one.id, capability="search", proficiency_level=0.7))
    assert (again.proficiency_level, again.version) == (0.7, 2)
    listed = (await agents.list_capabilities(ctx, CapabilityList(agent_id=one.id))).items
    assert [(found.capability, found.proficiency_level) for found in listed] == [("plan", 0.5), ("search", 0.7)]
    able = await agents.find_agents_by_capability(ctx, CapableSearch(capability="search", min_proficiency=0.7))
    assert able[0].agent_id == two.id
    assert {found.agent_id for found in able} == {one.id, two.id, three.id}
    best = await agents.find_agents_by_capability(ctx, CapableSearch(capability="search", min_proficiency=0.71))
    assert [(found.agent_id, found.name) for found in best] == [(two.id, two.name)]
    await agents.remove_capability(ctx, CapabilityRef(agent_id=two.id, capability="search"))
    with pytest.raises(NotFound):
        await agents.remove_capability(ctx, CapabilityRef(agent_id=two.id, capability="search"))
    await agents.delete_agent(ctx, AgentRef(agent_id=three.id))
    left = await agents.find_agents_by_capability(ctx, CapableSearch(capability="search"))
    assert [found.agent_id for found in left] == [one.id]
    back = await agents.add_capability(ctx, CapabilityAdd(agent_id=two.id, capability="search"))
    assert back.proficiency_level == 0.5


async def test_the_same_capability_is_added_by_many_at_once(ctx: Context) -> None:
    agent = await scout(ctx)
    request = CapabilityAdd(agent_id=agent.id, capability="search", proficiency_level=0.8)
    made = await asyncio.gather(*(agents.add_capability(ctx, request) for _ in range(6)))
    assert len({one.id for one in made}) == 1


# States.


async def test_states_are_kept_and_read_back_as_of_a_moment(ctx: Context) -> None:
    agent = await scout(ctx)
    moments = [T0 + timedelta(days=31 * number) for number in range(4)]  # over partitions there are and are not
    for number, moment in enumerate(moments):
        await agents.checkpoint_state(
            at(ctx, moment),
            StateCheckpoint(
                agent_id=agent.id,
                state_data={"step": number, "notes": ["ä", None]},
                checkpoint_type="manual" if number % 2 else "scheduled",
            ),
        )
    listed = (await agents.list_states(ctx, StateList(agent_id=agent.id))).items
    assert [state.state_data["step"] for state in listed] == [3, 2, 1, 0]
    assert listed[0].created_at == moments[3]
    page = (await agents.list_states(ctx, StateList(agent_id=agent.id, before=moments[2], limit=1))).items
    assert [state.state_data["step"] for state in page] == [1]
    scheduled = (await agents.list_states(ctx, StateList(agent_id=agent.id, checkpoint_type="scheduled"))).items
    assert [state.state_data["step"] for state in scheduled] == [2, 0]
    assert (await agents.latest_state(ctx, StateRef(agent_id=agent.id))).state_data["step"] == 3
    then = await agents.latest_state(ctx, StateRef(agent_id=agent.id, at=moments[2]))
    assert then.state_data == {"step": 2, "notes": ["ä", None]}
    manual = await agents.latest_state(ctx, StateRef(agent_id=agent.id, at=moments[2], checkpoint_type="manual"))
    assert manual.state_data["step"] == 1
    with pytest.raises(NotFound) as caught:
        await agents.latest_state(ctx, StateRef(agent_id=agent.id, at=T0 - timedelta(seconds=1)))
    assert caught.value.code == "not_found.agent_state"


async def test_a_state_of_this_month_has_a_partition_of_its_own(ctx: Context, admin: Any) -> None:
    agent = await scout(ctx)
    now = await agents.checkpoint_state(ctx, StateCheckpoint(agent_id=agent.id, state_data={}))
    old = await agents.checkpoint_state(at(ctx, T0), StateCheckpoint(agent_id=agent.id, state_data={}))
    place = "SELECT tableoid::regclass::text FROM agent_states WHERE id = $1"
    assert re.fullmatch(r"agent_states_\d{8}", await admin.fetchval(place, now.id))
    assert await admin.fetchval(place, old.id) == "agent_states_default"


# Refusals.


async def test_agents_are_nobody_elses(ctx: Context, other: Context) -> None:
    agent = await scout(ctx)
    await agents.add_capability(ctx, CapabilityAdd(agent_id=agent.id, capability="search"))
    await agents.checkpoint_state(ctx, StateCheckpoint(agent_id=agent.id, state_data={}))
    ref = AgentRef(agent_id=agent.id)
    stranger = await person(other)
    for missing in (
        agents.get_agent(other, ref),
        agents.update_agent(other, AgentUpdate(id=agent.id, tagline="x")),
        agents.set_status(other, AgentStatusSet(agent_id=agent.id, status=AgentStatus.STOPPED)),
        agents.delete_agent(other, ref),
        agents.add_capability(other, CapabilityAdd(agent_id=agent.id, capability="spy")),
        agents.remove_capability(other, CapabilityRef(agent_id=agent.id, capability="search")),
        agents.checkpoint_state(other, StateCheckpoint(agent_id=agent.id, state_data={})),
        agents.latest_state(other, StateRef(agent_id=agent.id)),
        scout(ctx, user_id=stranger.id),
        scout(ctx, team_id=uuid4()),
    ):
        with pytest.raises(NotFound):
            await missing
    assert (await agents.list_agents(other, AgentList())).items == ()
    assert (await agents.list_capabilities(other, CapabilityList(agent_id=agent.id))).items == ()
    assert await agents.find_agents_by_capability(other, CapableSearch(capability="search")) == ()
    assert (await agents.list_states(other, StateList(agent_id=agent.id))).items == ()


async def test_every_verb_wants_its_permission(ctx: Context) -> None:
    agent = await scout(ctx)
    nobody = ctx.as_principal(Principal(ctx.principal.organization_id, uuid4(), permissions=frozenset()))
    ref = AgentRef(agent_id=agent.id)
    for refused in (
        scout(nobody),
        agents.get_agent(nobody, ref),
        agents.list_agents(nobody, AgentList()),
        agents.update_agent(nobody, AgentUpdate(id=agent.id, tagline="x")),
        agents.set_status(nobody, AgentStatusSet(agent_id=agent.id, status=AgentStatus.STOPPED)),
        agents.delete_agent(nobody, ref),
        agents.add_capability(nobody, CapabilityAdd(agent_id=agent.id, capability="x")),
        agents.list_capabilities(nobody, CapabilityList(agent_id=agent.id)),
        agents.remove_capability(nobody, CapabilityRef(agent_id=agent.id, capability="x")),
        agents.find_agents_by_capability(nobody, CapableSearch(capability="x")),
        agents.checkpoint_state(nobody, StateCheckpoint(agent_id=agent.id, state_data={})),
        agents.list_states(nobody, StateList(agent_id=agent.id)),
        agents.latest_state(nobody, StateRef(agent_id=agent.id)),
    ):
        with pytest.raises(Forbidden):
            await refused


@pytest.mark.parametrize(
    ("model", "data", "field"),
    [
        (AgentCreate, {"name": " "}, "name"),
        (AgentCreate, {"name": "x", "slug": "No Slug"}, "slug"),
        (AgentCreate, {"name": "x", "learning_rate": 1.5}, "learning_rate"),
        (AgentCreate, {"name": "x", "cognitive_pattern": "sideways"}, "cognitive_pattern"),
        (AgentCreate, {"name": "x", "status": "asleep"}, "status"),
        (AgentCreate, {"name": "x", "model": {"temperature": 3}}, "model.temperature"),
        (AgentCreate, {"name": "x", "personality": {"verbosity": -1}}, "personality.verbosity"),
        (AgentCreate, {"name": "x", "memory_config": {"token_budget": 0}}, "memory_config.token_budget"),
        (AgentCreate, {"name": "x", "boundaries": {"max_autonomy": "rule"}}, "boundaries.max_autonomy"),
        (AgentUpdate, {"id": uuid4(), "version": 3}, "version"),
        (CapabilityAdd, {"agent_id": uuid4(), "capability": "x", "proficiency_level": 1.01}, "proficiency_level"),
        (CapabilityAdd, {"agent_id": uuid4(), "capability": " "}, "capability"),
        (StateCheckpoint, {"agent_id": uuid4(), "state_data": {"x": float("nan")}}, "state_data"),
        (StateCheckpoint, {"agent_id": uuid4(), "state_data": {}, "checkpoint_type": "No!"}, "checkpoint_type"),
    ],
)
def test_a_request_out_of_bounds_names_the_field(model: Any, data: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(model, data)
    assert caught.value.data["field"] == field


@pytest.mark.parametrize(
    ("table", "columns", "values", "field"),
    [
        ("agent_capabilities", "agent_id, capability, proficiency_level", "$2, 'x', 1.01", "proficiency_level"),
        ("agent_capabilities", "agent_id, capability", "$2, ' '", "capability"),
        ("agent_states", "agent_id, checkpoint_type", "$2, 'No!'", "checkpoint_type"),
        ("agent_states", "agent_id, checkpoint_type, created_at", "$2, 'No!', '2001-01-01'", "checkpoint_type"),
    ],
)
async def test_what_the_schemas_refuse_the_database_refuses_too(
    ctx: Context, database: Database, table: str, columns: str, values: str, field: str
) -> None:
    agent = await scout(ctx)
    with pytest.raises(Invalid) as caught:
        async with database.transaction(ctx.principal) as connection:
            await connection.execute(
                f"INSERT INTO {table} (organization_id, {columns}) VALUES ($1, {values})",
                ctx.principal.organization_id,
                agent.id,
            )
    assert (caught.value.data["table"], caught.value.data["field"]) == (table, field)


async def test_the_hot_statements_use_their_indexes(ctx: Context, server: Server, admin: Any) -> None:
    organization = ctx.principal.organization_id
    agent = await scout(ctx)
    await admin.execute(
        "WITH made AS (INSERT INTO agents (organization_id, name, slug) "
        "SELECT $1, 'a' || n, 'a-' || n FROM generate_series(1, 800) n RETURNING id) "
        "INSERT INTO agent_capabilities (organization_id, agent_id, capability, proficiency_level) "
        "SELECT $1, made.id, 'skill ' || (n % 50), 0.5 FROM made, generate_series(1, 3) n",
        organization,
    )
    await admin.execute(
        "INSERT INTO agent_states (organization_id, agent_id, checkpoint_type, created_at) "
        "SELECT $1, a.id, 'x', now() - n * interval '1 second' FROM generate_series(1, 3) n, agents a "
        "WHERE a.organization_id = $1",
        organization,
    )
    await admin.execute("ANALYZE agents, agent_capabilities, agent_states")
    cases: tuple[tuple[str, tuple[Any, ...], str, str], ...] = (
        ("get_agent", (agent.id,), "pk_agents", "agents"),
        ("find_capable", ("skill 1", 0.1, 10), "ix_agent_capabilities_capability", "agent_capabilities"),
        (
            "list_states",
            (agent.id, None, None, None, None, None, 1),
            "agent_id_created_at_idx",
            "agent_states",
        ),
    )
    connection = await server.connect(APP)
    try:
        await connection.execute("BEGIN")
        await enter(connection, organization)
        for name, arguments, index, table in cases:
            query = "EXPLAIN " + statement("mnemon.agents", name)
            plan = "\n".join(row[0] for row in await connection.fetch(query, organization, *arguments))
            assert re.search(index, plan), plan
            busy = r"_\d{8}" if table == "agent_states" else ""
            assert len(re.findall(rf"Seq Scan on {table}{busy}\b", plan)) <= (3 if busy else 0), plan
    finally:
        await connection.close()
