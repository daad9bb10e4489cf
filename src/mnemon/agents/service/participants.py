"""Agents by the caller's own strings: made on first use, known by the words of their names."""

from __future__ import annotations

import json
from collections.abc import Collection
from uuid import UUID

from mnemon.agents import repository
from mnemon.agents.schemas import AgentMemoryConfig
from mnemon.core.errors import Forbidden
from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.identity import service as identity


async def ensure_agents(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Return ids of agents by the caller's own strings; made, with the words of their names, on first use."""
    if not names:
        return {}
    found = await repository.find(connection, organization_id, names)
    missing = [name for name in names if name not in found]
    if missing:
        made = await repository.add(connection, organization_id, missing)
        await identity.add_agent_names(connection, organization_id, made)
        found.update(made)
    return found


async def find_agents(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Return ids of the agents that exist, by the caller's own strings."""
    return await repository.find(connection, organization_id, names)


async def labels(
    connection: Connection, organization_id: UUID, ids: Collection[UUID]
) -> dict[UUID, tuple[str | None, str | None]]:
    """Return (the caller's own string, the name shown) of agents, by id."""
    rows = await repository.labels(connection, organization_id, ids)
    return {row["id"]: (row["external_id"], row["name"]) for row in rows}


async def memory_config(connection: Connection, organization_id: UUID, agent_id: UUID) -> AgentMemoryConfig:
    """Return how the agent remembers: token budget and the five retrieval weights, with defaults."""
    raw = await repository.memory_config(connection, organization_id, agent_id)
    return AgentMemoryConfig.model_validate(json.loads(raw) if raw else {})


async def require_team(connection: Connection, principal: Principal, team_ids: Collection[UUID]) -> None:
    """Let a principal share with their own teams only: a person's, or an agent's that acts by itself.

    Raises:
        Forbidden: one of the teams is another's.
    """
    if principal.is_organization or not team_ids:
        return
    own = principal.team_ids
    if principal.user_id is None and principal.agent_id is not None:
        own = await repository.teams_of(connection, principal.organization_id, principal.agent_id)
    if not own.issuperset(team_ids):
        raise Forbidden("This is another team's.", code="forbidden.team", field="team")
