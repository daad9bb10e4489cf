"""What agents can do, and how well (REQ-T112)."""

from __future__ import annotations

from functools import partial

from mnemon.agents import repository
from mnemon.agents.repository import CapabilityRepository
from mnemon.agents.schemas import Capability, CapabilityAdd, CapabilityList, CapabilityRef, CapableAgent, CapableSearch
from mnemon.agents.service.lifecycle import no_agent
from mnemon.context import Context
from mnemon.core.errors import NotFound
from mnemon.core.pages import Page
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row
from mnemon.verbs import verb

_CAPABILITIES = Listing("agents.list_capabilities", {"capability": str})


@verb("agents:write")
async def add_capability(ctx: Context, request: CapabilityAdd) -> Capability:
    """Add a capability to an agent; one it has already gets the new level.

    Raises:
        NotFound: the organisation has no such agent.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        if not await repository.is_alive(connection, organization, request.agent_id):
            raise no_agent(request.agent_id)
        row = await repository.add_capability(
            connection, organization, request.agent_id, request.capability, request.proficiency_level
        )
    return from_row(Capability, row)


@verb("agents:read")
async def list_capabilities(ctx: Context, request: CapabilityList) -> Page[Capability]:
    """List what an agent can do, by its words."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        capabilities = CapabilityRepository(session, ctx.principal.organization_id)
        query = capabilities.of(request.agent_id)
        return await capabilities.page(
            _CAPABILITIES, ctx.principal, request, partial(from_row, Capability), query=query
        )


@verb("agents:write")
async def remove_capability(ctx: Context, request: CapabilityRef) -> None:
    """Take a capability from an agent.

    Raises:
        NotFound: the organisation has no such agent, or it has not the capability.
    """
    async with ctx.database.session(ctx.principal) as session:
        capabilities = CapabilityRepository(session, ctx.principal.organization_id)
        row = await capabilities.find(request.agent_id, request.capability)
        if row is None or not await capabilities.delete(row.id):
            raise NotFound(
                f"The agent has not the capability {request.capability!r}.",
                code="not_found.capability",
                field="capability",
            )


@verb("agents:read")
async def find_agents_by_capability(ctx: Context, request: CapableSearch) -> tuple[CapableAgent, ...]:
    """Find agents that can do something at least so well, the best first."""
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.find_capable(
            connection, ctx.principal.organization_id, request.capability, request.min_proficiency, request.limit
        )
    return tuple(from_row(CapableAgent, row) for row in rows)
