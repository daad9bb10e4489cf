"""The look-ups of agents that are no files use their indexes too, for a large tenant and for a small one."""

from __future__ import annotations

import pytest

from mnemon.agents import repository
from mnemon.agents import service as agents
from mnemon.agents.schemas import AgentList, CapabilityList
from tests.plans import SIZES, Crowd, Key
from tests.plans import crowd as crowd


@pytest.mark.parametrize("size", SIZES)
async def test_look_ups_use_their_indexes(crowd: Crowd, size: str) -> None:
    tenant = crowd.tenant(size)
    agent = tenant.key(Key("agent"))
    await tenant.look(
        lambda c, o: repository.find(c, o, ["agent-1", "nobody"]), ("uq_agents_organization_id_external_id",)
    )
    await tenant.look(lambda c, o: repository.labels(c, o, [agent]), ("pk_agents",))
    await tenant.look(lambda c, o: repository.memory_config(c, o, agent), ("pk_agents",))
    await tenant.look(lambda c, o: repository.is_alive(c, o, agent), ("pk_agents",))


@pytest.mark.parametrize("size", SIZES)
async def test_listings_use_their_indexes(crowd: Crowd, size: str) -> None:
    tenant = crowd.tenant(size)
    found = "uq_agent_capabilities_organization_id_agent_id_capability|ix_agent_capabilities_capability"
    await tenant.verb(
        lambda ctx: agents.list_capabilities(ctx, CapabilityList(agent_id=tenant.key(Key("agent")))), (found,)
    )
    begins = (
        "ix_agents_organization_id_created_at|ix_agents_organization_id_type|ix_agents_organization_id_team_id_status"
    )
    await tenant.verb(lambda ctx: agents.list_agents(ctx, AgentList(type="assistant", limit=20)), (begins,))
