"""Agents: made, read, changed and put away."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from uuid import UUID

from mnemon.agents import repository
from mnemon.agents.models import AgentORM, AgentStatus
from mnemon.agents.repository import AgentRepository
from mnemon.agents.schemas import AgentCreate, AgentDNA, AgentList, AgentRef, AgentStatusSet, AgentUpdate
from mnemon.agents.service.participants import require_team
from mnemon.context import Context
from mnemon.core.errors import Forbidden, NotFound
from mnemon.core.pages import Page
from mnemon.core.slugs import slugify
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.db.session import driver_of
from mnemon.identity import service as identity
from mnemon.identity.service.rights import outrank
from mnemon.verbs import verb

_AGENTS = Listing.oldest("agents.list_agents")


def _columns(request: AgentCreate | AgentUpdate) -> dict[str, Any]:
    """Return the request's fields as the table's columns."""
    fields = request.model_dump(mode="json", exclude={"id", "expected_version"}, exclude_none=True)
    for name in ("team_id", "user_id", "status"):
        if name in fields:
            fields[name] = getattr(request, name)
    for ours, column in (("model", "model_config_json"), ("metadata", "metadata_")):
        if ours in fields:
            fields[column] = fields.pop(ours)
    return fields


@verb("agents:write")
async def create_agent(ctx: Context, request: AgentCreate) -> AgentDNA:
    """Make an agent; recall knows it by the words of its name.

    Raises:
        Conflict: the slug is taken in the team (or in the organisation, without one), or the external id.
        NotFound: the organisation has not the team or the person.
        Forbidden: the principal has not ``agents:write``, or it would be another person's or team's.
    """
    organization = ctx.principal.organization_id
    fields = {"slug": slugify(request.name), **_columns(request)}
    async with ctx.database.session(ctx.principal) as session:
        await _require_own(ctx, await driver_of(session), request.user_id, request.team_id)
        row = await AgentRepository(session, organization).create(created_by=ctx.principal.user_id, **fields)
        await identity.add_agent_names(await driver_of(session), organization, {row.name: row.id})
        return from_row(AgentDNA, row)


@verb("agents:read")
async def get_agent(ctx: Context, request: AgentRef) -> AgentDNA:
    """Read an agent by its id (REQ-T111), in one statement on the driver's connection.

    Raises:
        NotFound: the organisation has no such agent.
    """
    async with ctx.database.transaction(ctx.principal, readonly=True, by_key=True) as connection:
        agent = await repository.get(connection, ctx.principal.organization_id, request.agent_id)
    if agent is None:
        raise no_agent(request.agent_id)
    return from_row(AgentDNA, json.loads(agent))


@verb("agents:read")
async def list_agents(ctx: Context, request: AgentList) -> Page[AgentDNA]:
    """List agents of the organisation, of a team, with a status, of a type; in the order they were made."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        agents = AgentRepository(session, ctx.principal.organization_id)
        query = agents.those(team_id=request.team_id, status=request.status, kind=request.type)
        return await agents.page(_AGENTS, ctx.principal, request, partial(from_row, AgentDNA), query=query)


@verb("agents:write")
async def update_agent(ctx: Context, request: AgentUpdate) -> AgentDNA:
    """Change an agent.

    Raises:
        NotFound: the organisation has no such agent.
        Forbidden: it is another person's or team's.
        Conflict: it has another version than the one expected (``data`` has both), or the slug is taken.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.session(ctx.principal) as session:
        await _require_changeable(ctx, await driver_of(session), request.id)
        row = await AgentRepository(session, organization).update(
            request.id, expected_version=request.expected_version, **_columns(request)
        )
        if request.name is not None:
            await identity.add_agent_names(await driver_of(session), organization, {row.name: row.id})
        return from_row(AgentDNA, row)


@verb("agents:write")
async def set_status(ctx: Context, request: AgentStatusSet) -> AgentDNA:
    """Give an agent another status; archiving one ends its keys.

    Raises:
        NotFound: the organisation has no such agent.
        Conflict: it has another version than the one expected.
    """
    async with ctx.database.session(ctx.principal) as session:
        await _require_changeable(ctx, await driver_of(session), request.agent_id)
        row: AgentORM = await AgentRepository(session, ctx.principal.organization_id).update(
            request.agent_id, expected_version=request.expected_version, status=request.status
        )
        if request.status is AgentStatus.ARCHIVED:
            await identity.revoke_agent_keys(await driver_of(session), ctx, row.id)
        return from_row(AgentDNA, row)


@verb("agents:delete")
async def delete_agent(ctx: Context, request: AgentRef) -> None:
    """Remove an agent, softly: its keys end, what it said and keeps stays.

    Raises:
        NotFound: the organisation has no such agent.
    """
    async with ctx.database.session(ctx.principal) as session:
        await _require_changeable(ctx, await driver_of(session), request.agent_id)
        if not await AgentRepository(session, ctx.principal.organization_id).delete(request.agent_id):
            raise no_agent(request.agent_id)
        await identity.revoke_agent_keys(await driver_of(session), ctx, request.agent_id)


async def _require_changeable(ctx: Context, connection: Connection, agent_id: UUID) -> None:
    """Let a principal at an agent that is theirs, their team's or nobody's; by itself an agent changes itself alone.

    Raises:
        Forbidden: it is somebody else's.
    """
    principal = ctx.principal
    if principal.is_organization:
        return
    row = await repository.belonging(connection, principal.organization_id, agent_id)
    if row is None:
        return  # it will not be found
    if principal.user_id is not None:
        await _require_own(ctx, connection, row["user_id"], row["team_id"])
    elif agent_id != principal.agent_id:
        raise _another()


async def _require_own(ctx: Context, connection: Connection, user_id: UUID | None, team_id: UUID | None) -> None:
    """Let an agent belong to a principal's own person and team only: it sees what they see and share.

    Who manages people or teams may name others, if those may do nothing that they may not.

    Raises:
        Forbidden: it would be somebody else's.
    """
    principal = ctx.principal
    if principal.is_organization:
        return
    if user_id not in (None, principal.user_id):
        if not principal.holds("users:write"):
            raise _another()
        await outrank(ctx, connection, user_id)
    if team_id is not None and not (principal.user_id is not None and principal.holds("teams:write")):
        await require_team(connection, principal, [team_id])


def _another() -> Forbidden:
    return Forbidden("This is somebody else's agent.", code="forbidden.owner", field="user_id")


def no_agent(agent_id: UUID) -> NotFound:
    """Make the error that the organisation has no such agent."""
    return missing("agent", agent_id, field="agent_id")
