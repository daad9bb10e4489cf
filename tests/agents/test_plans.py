"""The statements of agents use their indexes, under row-level security, in a large tenant and in a small one."""

from __future__ import annotations

import pytest

from tests.plans import SIZES, Case, Crowd, Key
from tests.plans import crowd as crowd

AGENT = Key("agent")

CASES = (
    Case("get_agent", (AGENT,), ("pk_agents",), kept=True),
    Case("find_capable", ("skill 1", 0.1, 10), ("ix_agent_capabilities_capability",)),
    Case("list_states", (AGENT, *[None] * 5, 10), ("ix_agent_states_agent",)),
    Case("add_agents", (["agent-1", "new"], ["agent-1", "new"]), ("uq_agents_organization_id_external_id",)),
    Case(
        "add_capability",
        (AGENT, "skill 1", 0.5),
        ("uq_agent_capabilities_organization_id_agent_id_capability",),
    ),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_statements_use_their_indexes(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.agents", case)
