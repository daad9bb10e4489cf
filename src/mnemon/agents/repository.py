"""SQL of agents."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemon.agents.models import AgentCapabilityORM, AgentORM, AgentStatus
from mnemon.core.slugs import slugify
from mnemon.db.connection import Connection
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement

PACKAGE = "mnemon.agents"


class AgentRepository(BaseRepository[AgentORM]):
    """Agents of one organisation."""

    model = AgentORM

    def those(self, *, team_id: UUID | None, status: AgentStatus | None, kind: str | None) -> Any:
        """Return agents of a team, with a status, of a type. Index: ix_agents_organization_id_created_at."""
        query = self._alive()
        for column, value in ((AgentORM.team_id, team_id), (AgentORM.status, status), (AgentORM.type, kind)):
            if value is not None:
                query = query.where(column == value)
        return query


class CapabilityRepository(BaseRepository[AgentCapabilityORM]):
    """Capabilities of one organisation's agents."""

    model = AgentCapabilityORM

    def of(self, agent_id: UUID) -> Any:
        """Return what an agent can do. Index: uq_agent_capabilities_agent_id."""
        return self._alive().where(AgentCapabilityORM.agent_id == agent_id)

    async def find(self, agent_id: UUID, capability: str) -> AgentCapabilityORM | None:
        """Return one capability of an agent by its word."""
        query = self._alive().where(
            AgentCapabilityORM.agent_id == agent_id, AgentCapabilityORM.capability == capability
        )
        found: AgentCapabilityORM | None = (await self.session.execute(query)).scalar_one_or_none()
        return found


async def find(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Return ids of the agents known by these strings of the caller's."""
    rows = await connection.fetch(
        "SELECT external_id, id FROM agents "
        "WHERE organization_id = $1 AND external_id = ANY($2) AND deleted_at IS NULL",
        organization_id,
        list(names),
    )
    return {row["external_id"]: row["id"] for row in rows}


async def labels(connection: Connection, organization_id: UUID, ids: Collection[UUID]) -> list[Any]:
    """Return (id, external_id, name) of agents."""
    return await connection.fetch(
        "SELECT id, external_id, name FROM agents WHERE organization_id = $1 AND id = ANY($2)",
        organization_id,
        list(ids),
    )


async def add(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Make agents known by these strings; sorted against deadlock."""
    ordered = sorted(set(names))
    rows = await connection.fetch(
        statement(PACKAGE, "add_agents"), organization_id, ordered, [slugify(name) for name in ordered]
    )
    return {row["external_id"]: row["id"] for row in rows}


async def memory_config(connection: Connection, organization_id: UUID, agent_id: UUID) -> str | None:
    """Return the agent's memory configuration as JSON text."""
    found: str | None = await connection.fetchval(
        "SELECT memory_config::text FROM agents WHERE organization_id = $1 AND id = $2", organization_id, agent_id
    )
    return found


async def teams_of(connection: Connection, organization_id: UUID, agent_id: UUID) -> frozenset[UUID]:
    """Return the team of an agent, if it has one."""
    found = await connection.fetchval(
        "SELECT team_id FROM agents WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
        organization_id,
        agent_id,
    )
    return frozenset(() if found is None else (found,))


async def belonging(connection: Connection, organization_id: UUID, agent_id: UUID) -> Any:
    """Return (user_id, team_id) of an agent: whom it belongs to; None if there is none, removed ones included."""
    return await connection.fetchrow(
        "SELECT user_id, team_id FROM agents WHERE organization_id = $1 AND id = $2", organization_id, agent_id
    )


async def get(connection: Connection, organization_id: UUID, agent_id: UUID) -> str | None:
    """Return an agent's AgentDNA as JSON text, or None."""
    found: str | None = await connection.fetchval(statement(PACKAGE, "get_agent"), organization_id, agent_id)
    return found


async def is_alive(connection: Connection, organization_id: UUID, agent_id: UUID) -> bool:
    """Tell whether the organisation has this agent, not removed; it stays until the transaction ends."""
    found: bool | None = await connection.fetchval(
        "SELECT true FROM agents WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL FOR KEY SHARE",
        organization_id,
        agent_id,
    )
    return bool(found)


async def add_capability(
    connection: Connection, organization_id: UUID, agent_id: UUID, capability: str, level: float
) -> Any:
    """Add a capability to an agent, or give it another level; the row."""
    return await connection.fetchrow(statement(PACKAGE, "add_capability"), organization_id, agent_id, capability, level)


async def find_capable(
    connection: Connection, organization_id: UUID, capability: str, least: float, limit: int
) -> list[Any]:
    """Return (agent_id, name, status, proficiency_level) of agents that can do something well enough."""
    return await connection.fetch(statement(PACKAGE, "find_capable"), organization_id, capability, least, limit)


async def add_state(connection: Connection, row: Sequence[Any]) -> None:
    """Write a snapshot: organisation, id, agent, kind, JSON text, moment."""
    await connection.execute(
        "INSERT INTO agent_states (organization_id, id, agent_id, checkpoint_type, state_data, created_at) "
        "VALUES ($1, $2, $3, $4, $5::text::jsonb, $6)",
        *row,
    )


async def states(
    connection: Connection,
    organization_id: UUID,
    agent_id: UUID,
    *,
    kind: str | None = None,
    before: datetime | None = None,
    at: datetime | None = None,
    after: Sequence[Any] = (None, None),
    limit: int = 1,
) -> list[Any]:
    """Return snapshots of an agent, the newest first, after a place."""
    query = statement(PACKAGE, "list_states")
    return await connection.fetch(query, organization_id, agent_id, kind, before, at, *after, limit)
