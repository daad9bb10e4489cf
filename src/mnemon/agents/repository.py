"""SQL of agents."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from mnemon.agents.models import AgentORM
from mnemon.core.slugs import slugify
from mnemon.db.connection import Connection
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement


class AgentRepository(BaseRepository[AgentORM]):
    """Agents of one organisation."""

    model = AgentORM


async def find(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Ids of the agents known by these strings of the caller's."""
    rows = await connection.fetch(
        "SELECT external_id, id FROM agents "
        "WHERE organization_id = $1 AND external_id = ANY($2) AND deleted_at IS NULL",
        organization_id,
        list(names),
    )
    return {row["external_id"]: row["id"] for row in rows}


async def labels(connection: Connection, organization_id: UUID, ids: Collection[UUID]) -> list[Any]:
    """(id, external_id, name) of agents."""
    return await connection.fetch(
        "SELECT id, external_id, name FROM agents WHERE organization_id = $1 AND id = ANY($2)",
        organization_id,
        list(ids),
    )


async def add(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Make agents known by these strings; sorted against deadlock."""
    ordered = sorted(set(names))
    rows = await connection.fetch(
        statement("mnemon.agents", "add_agents"), organization_id, ordered, [slugify(name) for name in ordered]
    )
    return {row["external_id"]: row["id"] for row in rows}


async def memory_config(connection: Connection, organization_id: UUID, agent_id: UUID) -> str | None:
    """The agent's memory configuration as JSON text."""
    found: str | None = await connection.fetchval(
        "SELECT memory_config::text FROM agents WHERE organization_id = $1 AND id = $2", organization_id, agent_id
    )
    return found
