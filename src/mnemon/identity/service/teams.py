"""Teams and who is in them."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from mnemon.context import Context
from mnemon.core.errors import NotFound
from mnemon.core.pages import Page, PageRequest
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.db.session import driver_of
from mnemon.identity.models import TeamMembershipORM, TeamORM
from mnemon.identity.models import UserRole as TeamRole
from mnemon.identity.repository import MembershipRepository, TeamRepository
from mnemon.identity.schemas import (
    ListTeamMembers,
    Team,
    TeamCreate,
    TeamMember,
    TeamMembership,
    TeamRef,
    TeamUpdate,
)
from mnemon.identity.service.rights import outrank, secret_box
from mnemon.identity.session_cache import forgets
from mnemon.verbs import verb

_TEAMS = Listing.oldest("identity.list_teams")
_MEMBERS = Listing.oldest("identity.list_team_members")


def _columns(ctx: Context, request: TeamCreate | TeamUpdate, team_id: UUID) -> dict[str, Any]:
    fields = request.model_dump(exclude={"id", "expected_version", "webhook_secret"}, exclude_none=True)
    if "shared_skill_names" in fields:
        fields["shared_skill_names"] = list(fields["shared_skill_names"])
    if request.webhook_secret is not None:
        fields["webhook_secret"] = secret_box(ctx).encrypt(
            request.webhook_secret.get_secret_value(), purpose=f"teams:{team_id}:webhook_secret"
        )
    return fields


@verb("teams:write")
async def create_team(ctx: Context, request: TeamCreate) -> Team:
    """Make a team; its owner is its first member.

    Raises:
        Conflict: the slug is taken.
        NotFound: the organisation has not the owner.
        Unavailable: a webhook's secret is given and there is no key to encrypt it with.
    """
    organization = ctx.principal.organization_id
    team_id = uuid4()
    async with ctx.database.session(ctx.principal) as session:
        row = await TeamRepository(session, organization).create(id=team_id, **_columns(ctx, request, team_id))
        if request.owner_id is not None:
            session.add(
                TeamMembershipORM(
                    organization_id=organization, team_id=team_id, user_id=request.owner_id, role=TeamRole.OWNER
                )
            )
            await session.flush()
        return from_row(Team, row)


@verb("teams:read")
async def list_teams(ctx: Context, request: PageRequest) -> Page[Team]:
    """List the organisation's teams, in the order they were made."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        teams = TeamRepository(session, ctx.principal.organization_id)
        return await teams.page(_TEAMS, ctx.principal, request, partial(from_row, Team))


@verb("teams:write")
@forgets
async def update_team(ctx: Context, request: TeamUpdate) -> Team:
    """Change a team.

    Raises:
        NotFound: the organisation has no such team, or not the owner.
        Conflict: the team has another version than the one expected.
    """
    async with ctx.database.session(ctx.principal) as session:
        await _led_by_no_superior(ctx, session, request.id)
        row = await TeamRepository(session, ctx.principal.organization_id).update(
            request.id, expected_version=request.expected_version, **_columns(ctx, request, request.id)
        )
        return from_row(Team, row)


@verb("teams:delete")
@forgets
async def delete_team(ctx: Context, request: TeamRef) -> None:
    """Remove a team, softly.

    Raises:
        NotFound: the organisation has no such team.
    """
    async with ctx.database.session(ctx.principal) as session:
        await _led_by_no_superior(ctx, session, request.team_id)
        if not await TeamRepository(session, ctx.principal.organization_id).delete(request.team_id):
            raise _no_team(request.team_id)


@verb("teams:write")
@forgets
async def add_team_member(ctx: Context, request: TeamMember) -> TeamMembership:
    """Make a person a member of a team; who is one already has the new role.

    Raises:
        NotFound: the organisation has not the team or the person.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.session(ctx.principal) as session:
        if await _led_by_no_superior(ctx, session, request.team_id) is None:
            raise _no_team(request.team_id)
        await outrank(ctx, await driver_of(session), request.user_id)
        row = (
            await session.execute(
                insert(TeamMembershipORM)
                .values(organization_id=organization, **request.model_dump())
                .on_conflict_do_update(
                    index_elements=["organization_id", "user_id", "team_id"], set_={"role": request.role}
                )
                .returning(TeamMembershipORM)
            )
        ).scalar_one()
        return from_row(TeamMembership, row)


@verb("teams:write")
@forgets
async def remove_team_member(ctx: Context, request: TeamMember) -> None:
    """Take a person out of a team.

    Raises:
        NotFound: they are not in it.
    """
    async with ctx.database.session(ctx.principal) as session:
        await _led_by_no_superior(ctx, session, request.team_id)
        await outrank(ctx, await driver_of(session), request.user_id)
        gone = await session.execute(
            delete(TeamMembershipORM)
            .where(
                TeamMembershipORM.organization_id == ctx.principal.organization_id,
                TeamMembershipORM.team_id == request.team_id,
                TeamMembershipORM.user_id == request.user_id,
            )
            .returning(TeamMembershipORM.id)
        )
        if gone.first() is None:
            raise NotFound("That person is not in that team.", code="not_found.team_member", field="user_id")


@verb("teams:read")
async def list_team_members(ctx: Context, request: ListTeamMembers) -> Page[TeamMembership]:
    """List who is in a team, in the order they joined."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        members = MembershipRepository(session, ctx.principal.organization_id)
        query = members.of_team(request.team_id)
        return await members.page(_MEMBERS, ctx.principal, request, partial(from_row, TeamMembership), query=query)


async def _led_by_no_superior(ctx: Context, session: AsyncSession, team_id: UUID) -> TeamORM | None:
    """Return the team, if who is responsible for it may do nothing that the principal may not; None if there is none.

    Raises:
        Forbidden: its owner has a permission that the principal has not.
    """
    row = await TeamRepository(session, ctx.principal.organization_id).get_by_id(team_id)
    if row is not None and row.owner_id is not None:
        await outrank(ctx, await driver_of(session), row.owner_id)
    return row


def _no_team(team_id: UUID) -> NotFound:
    return missing("team", team_id, field="team_id")
