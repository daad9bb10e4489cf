"""SQL of identity: the ORM's part, and the hot look-ups on the driver's connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from mnemon.db.connection import Connection
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement
from mnemon.identity.models import TeamMembershipORM, TeamORM, UserORM


class UserRepository(BaseRepository[UserORM]):
    """People of one organisation."""

    model = UserORM


class TeamRepository(BaseRepository[TeamORM]):
    """Teams of one organisation."""

    model = TeamORM


class MembershipRepository(BaseRepository[TeamMembershipORM]):
    """Who is in which team of one organisation."""

    model = TeamMembershipORM

    def of_team(self, team_id: UUID) -> Any:
        """Return members of a team that is alive. Index: ix_team_memberships_organization_id_team_id."""
        of_team = (TeamORM.organization_id == TeamMembershipORM.organization_id) & (TeamORM.id == team_id)
        return (
            self._alive()
            .join(TeamORM, of_team)
            .where(TeamMembershipORM.team_id == team_id, TeamORM.deleted_at.is_(None))
        )


async def ensure_organization(connection: Connection, slug: str, name: str | None, proof: bytes) -> UUID | None:
    """Return the organisation's id, made on first use, None if it was deleted; needs no tenant."""
    found: UUID | None = await connection.fetchval("SELECT ensure_organization($1, $2, $3)", slug, name, proof)
    return found


async def take_address(connection: Connection, email: str, proof: bytes) -> None:
    """Let the transaction give its organisation's people this e-mail address; without it the database refuses."""
    await connection.fetchval("SELECT take_address($1, $2)", email, proof)


async def find_users(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Return ids of the people known by these strings of the caller's."""
    rows = await connection.fetch(
        "SELECT external_id, id FROM users WHERE organization_id = $1 AND external_id = ANY($2) AND deleted_at IS NULL",
        organization_id,
        list(names),
    )
    return {row["external_id"]: row["id"] for row in rows}


async def zones_of(
    connection: Connection, organization_id: UUID, names: Collection[str], *, only: UUID | None = None
) -> dict[str, str]:
    """Return the time zones of people who have one, by these strings of the caller's; of one person only, if given."""
    rows = await connection.fetch(
        "SELECT external_id, timezone FROM users WHERE organization_id = $1 AND external_id = ANY($2) "
        "AND ($3::uuid IS NULL OR id = $3) AND timezone <> '' AND deleted_at IS NULL",
        organization_id,
        list(names),
        only,
    )
    return {row["external_id"]: row["timezone"] for row in rows}


async def zone_of(connection: Connection, organization_id: UUID, user_id: UUID) -> str | None:
    """Return the time zone of a person; None if they have none."""
    zone: str | None = await connection.fetchval(
        "SELECT timezone FROM users WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
        organization_id,
        user_id,
    )
    return zone


async def labels(connection: Connection, organization_id: UUID, ids: Collection[UUID]) -> list[Any]:
    """Return (id, external_id, display_name) of people."""
    return await connection.fetch(
        "SELECT id, external_id, display_name FROM users WHERE organization_id = $1 AND id = ANY($2)",
        organization_id,
        list(ids),
    )


async def add_users(connection: Connection, organization_id: UUID, names: Iterable[str]) -> dict[str, UUID]:
    """Make people known by these strings; who is there already (even deleted) keeps the id and is alive again.

    Sorted, so that two writers who make the same people at once wait for each other and do not deadlock.
    """
    rows = await connection.fetch(statement("mnemon.identity", "add_users"), organization_id, sorted(set(names)))
    return {row["external_id"]: row["id"] for row in rows}


async def add_names(
    connection: Connection, organization_id: UUID, words: Collection[tuple[str, UUID]], *, of_agents: bool
) -> None:
    """Let recall know participants by the words of their names."""
    column = "agent_id" if of_agents else "user_id"
    await connection.execute(
        f"INSERT INTO participant_names (organization_id, name, {column}) "  # noqa: S608 - one of two constants
        "SELECT $1, n.name, n.id FROM unnest($2::text[], $3::uuid[]) AS n(name, id) "
        "ON CONFLICT DO NOTHING",
        organization_id,
        [word for word, _ in words],
        [participant for _, participant in words],
    )


async def add_speaker_names(connection: Connection, organization_id: UUID, words: Collection[tuple[str, str]]) -> None:
    """Let recall know speakers, by their whole names, by the words of them: (word, name)."""
    await connection.execute(
        "INSERT INTO participant_names (organization_id, name, speaker) "
        "SELECT $1, n.name, n.speaker FROM unnest($2::text[], $3::text[]) AS n(name, speaker) "
        "ORDER BY n.name, n.speaker ON CONFLICT DO NOTHING",
        organization_id,
        [word for word, _ in words],
        [name for _, name in words],
    )


async def find_speaking(connection: Connection, organization_id: UUID, name: str) -> list[UUID]:
    """Return ids of users who speak under a name: that of the caller's, or the one shown.

    Indexes: uq_users_organization_id_external_id, ix_users_display_name.
    """
    rows = await connection.fetch(
        "SELECT id FROM users WHERE organization_id = $1 AND (external_id = $2 OR display_name = $2)",
        organization_id,
        name,
    )
    return [row["id"] for row in rows]


async def find_team(connection: Connection, organization_id: UUID, slug: str) -> UUID | None:
    """Return the team's id by its slug."""
    found: UUID | None = await connection.fetchval(
        "SELECT id FROM teams WHERE organization_id = $1 AND slug = $2 AND deleted_at IS NULL", organization_id, slug
    )
    return found


async def teams_of(connection: Connection, organization_id: UUID, user_id: UUID) -> frozenset[UUID]:
    """Return teams a person belongs to."""
    rows = await connection.fetch(
        "SELECT team_id FROM team_memberships WHERE organization_id = $1 AND user_id = $2", organization_id, user_id
    )
    return frozenset(row["team_id"] for row in rows)
