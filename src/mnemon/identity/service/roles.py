"""Roles and permissions (REQ-T125 to T128): who may do what, by roles that inherit and may end."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any
from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.pages import Page, PageRequest
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row
from mnemon.db.session import driver_of
from mnemon.identity import repository_access
from mnemon.identity.repository_access import RoleRepository
from mnemon.identity.schemas import ListOfUser
from mnemon.identity.schemas_access import (
    PermissionCheck,
    Role,
    RoleAssign,
    RoleCreate,
    RoleGrant,
    RoleRef,
    RoleUpdate,
    UserRole,
)
from mnemon.identity.service.people import no_user
from mnemon.identity.service.rights import OWN, hold, may, outrank, spare_last_owner
from mnemon.identity.session_cache import forgets
from mnemon.verbs import verb

_PERMISSIONS = Listing("identity.list_permissions", {"name": str})
_ROLES = Listing("identity.list_roles", {"name": str})
_ROLES_OF = Listing("identity.roles_of", {"role": str})


@verb("account:read", "roles:read", rule=OWN)
async def permissions_of(ctx: Context, user_id: UUID) -> frozenset[str]:
    """List what a person may do now: by every role that has not expired, and what those inherit; one statement.

    Raises:
        Forbidden: somebody else's, without ``roles:read``.
    """
    may(ctx, user_id, own="account:read", others="roles:read")
    async with ctx.database.transaction(ctx.principal, readonly=True, by_key=True) as connection:
        return await repository_access.permissions_of(
            connection, ctx.principal.organization_id, user_id, ctx.clock.now()
        )


@verb("account:read", "roles:read", rule=OWN)
async def has_permission(ctx: Context, request: PermissionCheck) -> bool:
    """Tell whether a person may do something now; one statement (REQ-T126)."""
    may(ctx, request.user_id, own="account:read", others="roles:read")
    async with ctx.database.transaction(ctx.principal, readonly=True, by_key=True) as connection:
        return await repository_access.has_permission(
            connection, ctx.principal.organization_id, request.user_id, ctx.clock.now(), request.permission
        )


@verb("roles:read")
async def list_permissions(ctx: Context, request: PageRequest) -> Page[str]:
    """List the names of all permissions there are, in their order."""
    after = _PERMISSIONS.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository_access.list_permissions(connection, after, request.limit + 1)
    return _PERMISSIONS.page(ctx.principal, request, rows, lambda row: str(row["name"]))


@verb("roles:read")
async def list_roles(ctx: Context, request: PageRequest) -> Page[Role]:
    """List the organisation's roles with their own permissions, by name; the system's four among them."""
    organization = ctx.principal.organization_id
    after = _ROLES.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal) as connection:
        await repository_access.make_system_roles(connection, organization)
        rows = await repository_access.list_roles(connection, organization, None, after, request.limit + 1)
    return _ROLES.page(ctx.principal, request, rows, partial(from_row, Role))


@verb("roles:write")
async def create_role(ctx: Context, request: RoleCreate) -> Role:
    """Make a role.

    Raises:
        Conflict: the name is taken.
        NotFound: there is no role of the parent's name.
        Invalid: a permission is none there is.
        Forbidden: the role would have what the principal has not.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.session(ctx.principal) as session:
        connection = await driver_of(session)
        await repository_access.make_system_roles(connection, organization)
        permissions = await _known(ctx, connection, request.permissions)
        parent = None
        if request.parent is not None:
            parent = await _parent(ctx, connection, request.parent)
        row = await RoleRepository(session, organization).create(
            name=request.name, description=request.description, parent_role_id=parent
        )
        await repository_access.add_role_permissions(connection, organization, row.id, permissions)
        return await _read(connection, organization, row.id)


@verb("roles:write")
@forgets
async def update_role(ctx: Context, request: RoleUpdate) -> Role:
    """Change a role's name, description or parent.

    Raises:
        NotFound: there is no such role, or no role of the parent's name.
        Conflict: it has another version than the one expected, the name is taken, or it is the system's own.
        Invalid: it would inherit from itself (``invalid.role_cycle``).
    """
    organization = ctx.principal.organization_id
    fields: dict[str, Any] = request.model_dump(include={"name", "description"}, exclude_none=True)
    async with ctx.database.session(ctx.principal) as session:
        connection = await driver_of(session)
        roles = RoleRepository(session, organization)
        before = await roles.get_by_id(request.id)
        if before is not None and before.is_system:
            raise _systems_own(before.name)
        if before is not None:
            await _hold_role(ctx, connection, before.id)
        if request.parent is not None:
            fields["parent_role_id"] = await _parent(ctx, connection, request.parent) if request.parent else None
        await roles.update(request.id, expected_version=request.expected_version, **fields)
        return await _read(connection, organization, request.id)


@verb("roles:delete")
@forgets
async def delete_role(ctx: Context, request: RoleRef) -> None:
    """Remove a role, softly: who had it, and the roles that inherit from it, have its permissions no more.

    Raises:
        NotFound: there is no role of that name.
        Conflict: it is the system's own.
    """
    async with ctx.database.session(ctx.principal) as session:
        connection = await driver_of(session)
        role = await _changeable(ctx, connection, request.role)
        await _hold_role(ctx, connection, role["id"])
        await RoleRepository(session, ctx.principal.organization_id).delete(role["id"])


@verb("roles:write")
@forgets
async def grant(ctx: Context, request: RoleGrant) -> Role:
    """Give permissions to a role.

    Raises:
        NotFound: there is no role of that name.
        Invalid: a permission is none there is.
        Forbidden: one of them is not the principal's to give.
        Conflict: the role is the system's own.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        role = await _changeable(ctx, connection, request.role)
        permissions = await _known(ctx, connection, request.permissions)
        await repository_access.add_role_permissions(connection, organization, role["id"], permissions)
        return await _read(connection, organization, role["id"])


@verb("roles:write")
@forgets
async def revoke(ctx: Context, request: RoleGrant) -> Role:
    """Take permissions from a role; those it has not are no error.

    Raises:
        NotFound: there is no role of that name.
        Conflict: the role is the system's own.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        role = await _changeable(ctx, connection, request.role)
        await _hold_role(ctx, connection, role["id"])
        permissions = await repository_access.known_permissions(connection, request.permissions)
        await repository_access.remove_role_permissions(connection, organization, role["id"], permissions.values())
        return await _read(connection, organization, role["id"])


@verb("roles:assign")
@forgets
async def assign_role(ctx: Context, request: RoleAssign) -> UserRole:
    """Give a role to a person, until a moment or for good; the same role again has the new end.

    Raises:
        NotFound: the organisation has not the person, or no role of that name.
        Forbidden: the role, or the person, has what the principal has not.
        Conflict: the only owner would be one until a moment.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        await repository_access.make_system_roles(connection, organization)
        role = await _find(ctx, connection, request.role)
        await _hold_role(ctx, connection, role["id"])
        await outrank(ctx, connection, request.user_id)
        if role["is_system"] and role["name"] == "owner" and request.expires_at is not None:
            await spare_last_owner(ctx, connection, request.user_id)
        if not await repository_access.is_alive(connection, organization, request.user_id):
            raise no_user(request.user_id)
        row = await repository_access.assign_role(
            connection, organization, request.user_id, role["id"], ctx.principal.user_id, request.expires_at
        )
    return UserRole(user_id=request.user_id, role=request.role, **dict(row))


@verb("roles:assign")
@forgets
async def unassign_role(ctx: Context, request: RoleAssign) -> None:
    """Take a role from a person.

    Raises:
        NotFound: there is no role of that name, or the person has it not.
        Forbidden: the role, or the person, has what the principal has not.
        Conflict: it is the only owner's.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        role = await _find(ctx, connection, request.role)
        await _hold_role(ctx, connection, role["id"])
        await outrank(ctx, connection, request.user_id)
        if role["is_system"] and role["name"] == "owner":
            await spare_last_owner(ctx, connection, request.user_id)
        if not await repository_access.unassign_role(connection, organization, request.user_id, role["id"]):
            raise NotFound(f"That person has not the role {request.role!r}.", code="not_found.user_role", field="role")


@verb("account:read", "roles:read", rule=OWN)
async def roles_of(ctx: Context, request: ListOfUser) -> Page[UserRole]:
    """List the roles a person was given, by name, those that have ended too."""
    may(ctx, request.user_id, own="account:read", others="roles:read")
    organization = ctx.principal.organization_id
    after = _ROLES_OF.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository_access.roles_of(connection, organization, request.user_id, after, request.limit + 1)
    return _ROLES_OF.page(ctx.principal, request, rows, partial(from_row, UserRole))


async def _find(ctx: Context, connection: Connection, name: str) -> Any:
    role = await repository_access.lock_role(connection, ctx.principal.organization_id, name)
    if role is None:
        raise NotFound(f"There is no role {name!r}.", code="not_found.role", field="role")
    return role


async def _changeable(ctx: Context, connection: Connection, name: str) -> Any:
    role = await _find(ctx, connection, name)
    if role["is_system"]:
        raise _systems_own(name)
    return role


async def _parent(ctx: Context, connection: Connection, name: str) -> UUID:
    """Return the id of a role that another is to inherit from: what it has must be the principal's to give."""
    organization = ctx.principal.organization_id
    role = await repository_access.lock_role(connection, organization, name)
    if role is None:
        raise NotFound(f"There is no role {name!r}.", code="not_found.role", field="parent")
    await _hold_role(ctx, connection, role["id"])
    found: UUID = role["id"]
    return found


async def _hold_role(ctx: Context, connection: Connection, role_id: UUID) -> None:
    """Let a principal at a role only if it has nothing that they have not: who has it would outrank them."""
    hold(ctx, await repository_access.permissions_of_role(connection, ctx.principal.organization_id, role_id))


async def _known(ctx: Context, connection: Connection, names: Collection[str]) -> list[UUID]:
    """Return ids of permissions that there are and that are the principal's to give."""
    permissions = await repository_access.known_permissions(connection, names)
    for name in names:
        if name not in permissions:
            raise Invalid(
                f"permissions: there is no permission {name}.",
                code="invalid.permission",
                hint="list_permissions names them.",
                field="permissions",
            )
    hold(ctx, names)
    return list(permissions.values())


async def _read(connection: Connection, organization_id: UUID, role_id: UUID) -> Role:
    return from_row(Role, (await repository_access.list_roles(connection, organization_id, role_id))[0])


def _systems_own(name: str) -> Conflict:
    return Conflict(
        f"The role {name!r} is the system's own.",
        code="conflict.system_role",
        hint="Make a role of your own that inherits from it.",
        field="role",
    )
