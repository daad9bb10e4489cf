"""What agents' states were (REQ-T113): snapshots that are never changed."""

from __future__ import annotations

import json
from typing import Any

from mnemon.agents import repository
from mnemon.agents.schemas import AgentState, StateCheckpoint, StateList, StateRef
from mnemon.agents.service.lifecycle import no_agent
from mnemon.core.context import Context
from mnemon.core.errors import NotFound
from mnemon.core.ids import new_id
from mnemon.db.types import dump_json


async def checkpoint_state(ctx: Context, request: StateCheckpoint) -> AgentState:
    """Keep what an agent's state is now.

    Raises:
        NotFound: the organisation has no such agent.
    """
    ctx.principal.require("agents:write")
    organization = ctx.principal.organization_id
    made = AgentState(id=new_id(), created_at=ctx.clock.now(), **request.model_dump())
    async with ctx.database.hot(ctx.principal) as connection:
        if not await repository.is_alive(connection, organization, request.agent_id):
            raise no_agent(request.agent_id)
        await repository.add_state(
            connection,
            [organization, made.id, made.agent_id, made.checkpoint_type, dump_json(made.state_data), made.created_at],
        )
    return made


async def list_states(ctx: Context, request: StateList) -> list[AgentState]:
    """Snapshots of an agent, the newest first; a page goes on ``before`` the last one's moment."""
    ctx.principal.require("agents:read")
    async with ctx.database.hot(ctx.principal, readonly=True) as connection:
        rows = await repository.states(
            connection,
            ctx.principal.organization_id,
            request.agent_id,
            kind=request.checkpoint_type,
            before=request.before,
            limit=request.limit,
        )
    return [_state(row) for row in rows]


async def latest_state(ctx: Context, request: StateRef) -> AgentState:
    """The latest snapshot of an agent, of one kind if given, as of a moment if given.

    Raises:
        NotFound: there is none.
    """
    ctx.principal.require("agents:read")
    async with ctx.database.hot(ctx.principal, readonly=True) as connection:
        rows = await repository.states(
            connection,
            ctx.principal.organization_id,
            request.agent_id,
            kind=request.checkpoint_type,
            at=request.at,
        )
    if not rows:
        raise NotFound("The agent has no such snapshot.", code="not_found.agent_state", field="agent_id")
    return _state(rows[0])


def _state(row: Any) -> AgentState:
    return AgentState(**{**dict(row), "state_data": json.loads(row["state_data"])})
