"""SQL of access: the hot look-ups and writes on the driver's connection, and the ORM's part of roles."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemon.db.connection import Connection
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement
from mnemon.identity.models import DeviceORM, RoleORM, UserPreferencesORM

PACKAGE = "mnemon.identity"

_NAMES = {"names": statement(PACKAGE, "parts/names_of_held")}
#: What statements about a person's roles begin with, and what those about one role begin with.
OF_PERSON = {
    "held": statement(PACKAGE, "parts/held_roles", given=statement(PACKAGE, "parts/given_to_person")),
    **_NAMES,
}
OF_ROLE = {"held": statement(PACKAGE, "parts/held_roles", given=statement(PACKAGE, "parts/one_role")), **_NAMES}


class RoleRepository(BaseRepository[RoleORM]):
    """Roles of one organisation."""

    model = RoleORM


class DeviceRepository(BaseRepository[DeviceORM]):
    """Devices of one organisation's people."""

    model = DeviceORM

    def of(self, user_id: UUID) -> Any:
        """Return a person's devices. Index: uq_devices_organization_id_user_id_device_token."""
        return self._alive().where(DeviceORM.user_id == user_id)


class PreferencesRepository(BaseRepository[UserPreferencesORM]):
    """Preferences of one organisation's people."""

    model = UserPreferencesORM

    async def of(self, user_id: UUID) -> UserPreferencesORM | None:
        """Return what a person prefers, None if nothing was ever set."""
        query = self._alive().where(UserPreferencesORM.user_id == user_id)
        found: UserPreferencesORM | None = (await self.session.execute(query)).scalar_one_or_none()
        return found


# Before an organisation is known: through SECURITY DEFINER functions.


async def find_user_by_email(connection: Connection, email: str, proof: bytes, address: str | None) -> Any:
    """Return (user_id, organization_id, status, password_hash, mfa_enabled, is_familiar), or None."""
    return await connection.fetchrow(statement(PACKAGE, "find_user"), email, proof, address)


async def find_session(connection: Connection, token_hash: bytes) -> Any:
    """Return (session_id, organization_id, user_id, expires_at) by the access token, or None."""
    return await connection.fetchrow(statement(PACKAGE, "find_session"), token_hash)


async def find_refresh(connection: Connection, token_hash: bytes, session_id: UUID | None, proof: bytes | None) -> Any:
    """Return (session_id, organization_id, user_id, refresh_expires_at, is_current) by the refresh token, or None."""
    return await connection.fetchrow(statement(PACKAGE, "find_refresh"), token_hash, session_id, proof)


async def find_api_key(connection: Connection, key_hash: bytes) -> Any:
    """Return (api_key_id, organization_id, user_id, agent_id, scopes, expires_at), or None."""
    return await connection.fetchrow(statement(PACKAGE, "find_api_key"), key_hash)


# Permissions.


async def permissions_of(connection: Connection, organization_id: UUID, user_id: UUID, at: datetime) -> frozenset[str]:
    """Return names of the permissions a person has, in one statement."""
    rows = await connection.fetch(statement(PACKAGE, "permissions_of", **OF_PERSON), organization_id, user_id, at)
    return frozenset(row["name"] for row in rows)


async def rights_of(
    connection: Connection, organization_id: UUID, user_id: UUID, at: datetime
) -> tuple[frozenset[str], frozenset[UUID]]:
    """Return names of the permissions a person has, and the teams they belong to, in one statement."""
    row = await connection.fetchrow(statement(PACKAGE, "rights_of", **OF_PERSON), organization_id, user_id, at)
    return frozenset(row["permissions"]), frozenset(row["team_ids"])


async def has_permission(
    connection: Connection, organization_id: UUID, user_id: UUID, at: datetime, permission: str
) -> bool:
    """Tell whether a person has a permission, in one statement."""
    resource, _, action = permission.partition(":")
    found: bool = await connection.fetchval(
        statement(PACKAGE, "has_permission", **OF_PERSON), organization_id, user_id, at, resource, action
    )
    return found


async def permissions_of_role(connection: Connection, organization_id: UUID, role_id: UUID) -> frozenset[str]:
    """Return names of a role's permissions, with those it inherits."""
    rows = await connection.fetch(statement(PACKAGE, "permissions_of_role", **OF_ROLE), organization_id, role_id)
    return frozenset(row["name"] for row in rows)


async def list_permissions(connection: Connection, after: Sequence[Any], limit: int) -> list[Any]:
    """Return permissions that there are, by name, after one of them."""
    return await connection.fetch(
        "SELECT name FROM permissions WHERE ($1::text IS NULL OR name > $1) ORDER BY name LIMIT $2", *after, limit
    )


async def catalogue(connection: Connection) -> frozenset[str]:
    """Return names of all permissions there are."""
    return frozenset(row["name"] for row in await connection.fetch("SELECT name FROM permissions"))


async def known_permissions(connection: Connection, names: Collection[str]) -> dict[str, UUID]:
    """Return ids of those of these permissions that are in the catalogue."""
    rows = await connection.fetch(
        "SELECT p.name, p.id FROM unnest($1::text[], $2::text[]) AS n(resource, action) "
        "JOIN permissions p ON p.resource = n.resource AND p.action = n.action",
        [name.partition(":")[0] for name in names],
        [name.partition(":")[2] for name in names],
    )
    return {row["name"]: row["id"] for row in rows}


# Roles.


async def make_system_roles(connection: Connection, organization_id: UUID) -> None:
    """Make owner, admin, member and viewer, where they are not there yet."""
    there = await connection.fetchval(
        "SELECT count(*) FROM roles WHERE organization_id = $1 AND is_system AND deleted_at IS NULL", organization_id
    )
    if there < 4:
        await connection.execute("SELECT make_system_roles($1)", organization_id)


async def lock_role(connection: Connection, organization_id: UUID, name: str) -> Any:
    """Return (id, name, is_system) of a living role by its name, or None; locked until the transaction ends."""
    return await connection.fetchrow(
        "SELECT id, name, is_system FROM roles "
        "WHERE organization_id = $1 AND name = $2 AND deleted_at IS NULL FOR SHARE",
        organization_id,
        name,
    )


async def list_roles(
    connection: Connection,
    organization_id: UUID,
    role_id: UUID | None = None,
    after: Sequence[Any] = (None,),
    limit: int = 1,
) -> list[Any]:
    """Return living roles with their own permissions, by name, after one of them; or one of them by its id."""
    return await connection.fetch(
        "SELECT r.id, r.name, r.description, r.is_system, r.parent_role_id, v.permissions, r.version FROM roles r "
        "JOIN role_permission_names v ON v.organization_id = r.organization_id AND v.role_id = r.id "
        "WHERE r.organization_id = $1 AND v.organization_id = $1 AND ($2::uuid IS NULL OR r.id = $2) "
        "AND ($3::text IS NULL OR r.name > $3) AND r.deleted_at IS NULL ORDER BY r.name LIMIT $4",
        organization_id,
        role_id,
        *after,
        limit,
    )


async def add_role_permissions(
    connection: Connection, organization_id: UUID, role_id: UUID, permission_ids: Collection[UUID]
) -> None:
    """Give permissions to a role; those it has stay."""
    await connection.execute(
        "INSERT INTO role_permissions (organization_id, role_id, permission_id) "
        "SELECT $1, $2, p.id FROM unnest($3::uuid[]) AS p(id) ON CONFLICT DO NOTHING",
        organization_id,
        role_id,
        list(permission_ids),
    )


async def remove_role_permissions(
    connection: Connection, organization_id: UUID, role_id: UUID, permission_ids: Collection[UUID]
) -> None:
    """Take permissions from a role; those it has not are no error."""
    await connection.execute(
        "DELETE FROM role_permissions WHERE organization_id = $1 AND role_id = $2 AND permission_id = ANY($3)",
        organization_id,
        role_id,
        list(permission_ids),
    )


async def assign_role(
    connection: Connection,
    organization_id: UUID,
    user_id: UUID,
    role_id: UUID,
    granted_by: UUID | None,
    expires_at: datetime | None,
) -> Any:
    """Give a role to a person; the same role again: with the new end."""
    return await connection.fetchrow(
        "INSERT INTO user_roles (organization_id, user_id, role_id, granted_by, expires_at) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organization_id, user_id, role_id) DO UPDATE "
        "SET granted_by = excluded.granted_by, granted_at = now(), expires_at = excluded.expires_at "
        "RETURNING granted_by, granted_at, expires_at",
        organization_id,
        user_id,
        role_id,
        granted_by,
        expires_at,
    )


async def lock_owners(connection: Connection, organization_id: UUID, at: datetime) -> set[UUID]:
    """Return ids of those who are owners now, active and not removed; nobody else asks until the transaction ends.

    Indexes: uq_roles_organization_id_name, ix_user_roles_role, uq_users_organization_id_id.
    """
    await connection.fetchval("SELECT lock_tenant('owners')")
    rows = await connection.fetch(
        "SELECT ur.user_id FROM roles r JOIN user_roles ur ON ur.organization_id = $1 AND ur.role_id = r.id "
        "JOIN users u ON u.organization_id = $1 AND u.id = ur.user_id AND u.status = 'active' AND u.deleted_at IS NULL "
        "WHERE r.organization_id = $1 AND r.is_system AND r.name = 'owner' AND r.deleted_at IS NULL "
        "AND (ur.expires_at IS NULL OR ur.expires_at > $2)",
        organization_id,
        at,
    )
    return {row["user_id"] for row in rows}


async def unassign_role(connection: Connection, organization_id: UUID, user_id: UUID, role_id: UUID) -> bool:
    """Take a role from a person; False if they had it not."""
    done = await connection.execute(
        "DELETE FROM user_roles WHERE organization_id = $1 AND user_id = $2 AND role_id = $3",
        organization_id,
        user_id,
        role_id,
    )
    return done != "DELETE 0"


async def roles_of(
    connection: Connection, organization_id: UUID, user_id: UUID, after: Sequence[Any], limit: int
) -> list[Any]:
    """Return (user_id, role, granted_by, granted_at, expires_at) of a person, by the role's name, expired ones too."""
    return await connection.fetch(
        "SELECT ur.user_id, r.name AS role, ur.granted_by, ur.granted_at, ur.expires_at FROM user_roles ur "
        "JOIN roles r ON r.organization_id = ur.organization_id AND r.id = ur.role_id "
        "WHERE ur.organization_id = $1 AND ur.user_id = $2 AND r.deleted_at IS NULL "
        "AND ($3::text IS NULL OR r.name > $3) ORDER BY r.name LIMIT $4",
        organization_id,
        user_id,
        *after,
        limit,
    )


async def get_user(connection: Connection, organization_id: UUID, user_id: UUID) -> dict[str, Any] | None:
    """Return a person of the organisation, not removed, with every column of theirs."""
    row = await connection.fetchrow(statement(PACKAGE, "get_user"), organization_id, user_id)
    return None if row is None else {**row, "metadata_": json.loads(row["metadata_"])}


async def is_alive(connection: Connection, organization_id: UUID, user_id: UUID) -> bool:
    """Tell whether the organisation has this person, active."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM users WHERE organization_id = $1 AND id = $2 "
        "AND deleted_at IS NULL AND status = 'active')",
        organization_id,
        user_id,
    )
    return found
