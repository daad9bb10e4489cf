"""What agents' states were (REQ-T113): snapshots that are never changed, and an agent's own.

They are read and written by the agent itself, by the person it belongs to, by its team, and by the organisation's own
process; those of an agent that belongs to nobody by every person of the organisation. No agent sees another's.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mnemon.agents import repository
from mnemon.agents.schemas import AgentState, StateCheckpoint, StateList, StateRef
from mnemon.agents.service.lifecycle import no_agent
from mnemon.context import Context
from mnemon.core.errors import NotFound
from mnemon.core.ids import new_id
from mnemon.core.pages import Page
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row
from mnemon.db.types import dump_json
from mnemon.verbs import verb

_STATES = Listing.newest("agents.list_states")


@verb("agents:write")
async def checkpoint_state(ctx: Context, request: StateCheckpoint) -> AgentState:
    """Keep what an agent's state is now.

    Raises:
        NotFound: the organisation has no such agent.
    """
    organization = ctx.principal.organization_id
    made = AgentState(id=new_id(), created_at=ctx.clock.now(), **request.model_dump())
    async with ctx.database.transaction(ctx.principal) as connection:
        if not await repository.is_alive(connection, organization, request.agent_id):
            raise no_agent(request.agent_id)
        if not await _may(ctx, connection, request.agent_id):
            raise no_agent(request.agent_id)
        await repository.add_state(
            connection,
            [organization, made.id, made.agent_id, made.checkpoint_type, dump_json(made.state_data), made.created_at],
        )
    return made


@verb("agents:read")
async def list_states(ctx: Context, request: StateList) -> Page[AgentState]:
    """List the snapshots of an agent, the newest first."""
    after = _STATES.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        if not await _may(ctx, connection, request.agent_id):
            return Page(items=())
        rows = await repository.states(
            connection,
            ctx.principal.organization_id,
            request.agent_id,
            kind=request.checkpoint_type,
            before=request.before,
            after=after,
            limit=request.limit + 1,
        )
    return _STATES.page(ctx.principal, request, rows, _state)


@verb("agents:read")
async def latest_state(ctx: Context, request: StateRef) -> AgentState:
    """Read the latest snapshot of an agent, of one kind if given, as of a moment if given.

    Raises:
        NotFound: there is none.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = []
        if await _may(ctx, connection, request.agent_id):
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


async def _may(ctx: Context, connection: Connection, agent_id: UUID) -> bool:
    """Tell whether an agent's states are this principal's to see; one that there is not has none."""
    principal = ctx.principal
    if principal.is_organization or agent_id == principal.agent_id:
        return True
    row = await repository.belonging(connection, principal.organization_id, agent_id)
    if row is None or principal.user_id is None or principal.agent_id is not None:
        return False
    if row["user_id"] is None and row["team_id"] is None:
        return True
    return row["user_id"] == principal.user_id or row["team_id"] in principal.team_ids


def _state(row: Any) -> AgentState:
    return from_row(AgentState, row, "state_data")
