"""Roles and permissions: inheritance, expiry, cycles, and what the plan of the one statement is."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import mnemon
from mnemon import Conflict, Forbidden, Invalid, NotFound, verbs
from mnemon.context import Context
from mnemon.core.clock import FixedClock
from mnemon.core.pages import PageRequest
from mnemon.core.text import parse
from mnemon.db.session import Database
from mnemon.db.sql import statement
from mnemon.identity import service as identity
from mnemon.identity.repository_access import OF_PERSON
from mnemon.identity.schemas import ListOfUser
from mnemon.identity.schemas_access import (
    PermissionCheck,
    RoleAssign,
    RoleCreate,
    RoleGrant,
    RoleRef,
    RoleUpdate,
)
from tests.conftest import APP, Server
from tests.factories import enter

from .access import acting, person

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOME = ("memories:read", "memories:write", "tasks:read", "tasks:write", "teams:read", "roles:read")


async def test_a_role_has_its_parents_permissions_as_well(ctx: Context) -> None:
    user = await person(ctx)
    await identity.create_role(ctx, RoleCreate(name="reader", permissions=("memories:read",)))
    await identity.create_role(ctx, RoleCreate(name="writer", parent="reader", permissions=("memories:write",)))
    chief = await identity.create_role(ctx, RoleCreate(name="chief", parent="writer"))
    assert chief.permissions == ()
    assert await identity.permissions_of(ctx, user.id) == frozenset()
    given = await identity.assign_role(ctx, RoleAssign(user_id=user.id, role="chief"))
    assert given.granted_by is None
    assert await identity.permissions_of(ctx, user.id) == {"memories:read", "memories:write"}
    assert await identity.has_permission(ctx, PermissionCheck(user_id=user.id, permission="memories:read"))
    assert not await identity.has_permission(ctx, PermissionCheck(user_id=user.id, permission="tasks:read"))
    assert not await identity.has_permission(ctx, PermissionCheck(user_id=user.id, permission="no:such"))
    await identity.grant(ctx, RoleGrant(role="reader", permissions=("tasks:read",)))
    granted = await identity.grant(ctx, RoleGrant(role="reader", permissions=("tasks:read",)))
    assert granted.permissions == ("memories:read", "tasks:read")
    assert await identity.has_permission(ctx, PermissionCheck(user_id=user.id, permission="tasks:read"))
    await identity.revoke(ctx, RoleGrant(role="reader", permissions=("memories:read", "tasks:write")))
    assert await identity.permissions_of(ctx, user.id) == {"memories:write", "tasks:read"}
    await identity.delete_role(ctx, RoleRef(role="reader"))
    assert await identity.permissions_of(ctx, user.id) == {"memories:write"}
    await identity.create_role(ctx, RoleCreate(name="reader"))  # the name is free again
    await identity.unassign_role(ctx, RoleAssign(user_id=user.id, role="chief"))
    assert await identity.permissions_of(ctx, user.id) == frozenset()
    with pytest.raises(NotFound):
        await identity.unassign_role(ctx, RoleAssign(user_id=user.id, role="chief"))


async def test_a_role_that_was_given_until_then_ends_then(ctx: Context) -> None:
    user = await person(ctx)
    await identity.create_role(ctx, RoleCreate(name="guest", permissions=("memories:read",)))
    await identity.assign_role(ctx, RoleAssign(user_id=user.id, role="guest", expires_at=T0))
    check = PermissionCheck(user_id=user.id, permission="memories:read")
    for moment, held in ((T0 - timedelta(seconds=1), True), (T0, False)):
        now = replace(ctx, clock=FixedClock(moment))
        assert bool(await identity.permissions_of(now, user.id)) is held
        assert await identity.has_permission(now, check) is held
    await identity.assign_role(ctx, RoleAssign(user_id=user.id, role="guest", expires_at=T0 + timedelta(days=1)))
    assert await identity.has_permission(replace(ctx, clock=FixedClock(T0)), check)
    (listed,) = (await identity.roles_of(ctx, ListOfUser(user_id=user.id))).items
    assert (listed.role, listed.expires_at) == ("guest", T0 + timedelta(days=1))


async def test_the_systems_roles_are_there_and_stay_as_they_are(ctx: Context) -> None:
    roles = {role.name: role for role in (await identity.list_roles(ctx, PageRequest())).items}
    assert set(roles) == {"owner", "admin", "member", "viewer"}
    assert all(role.is_system for role in roles.values())
    held = {}
    for name in roles:
        user = await person(ctx)
        await identity.assign_role(ctx, RoleAssign(user_id=user.id, role=name))
        held[name] = await identity.permissions_of(ctx, user.id)
    assert held["viewer"] < held["member"] < held["admin"] < held["owner"]
    assert all(name.endswith(":read") or name.startswith("account:") for name in held["viewer"])
    assert "organizations:delete" not in held["admin"]
    assert not {"roles:write", "users:write", "api_keys:read", "integrations:use"} & held["member"]
    assert {"memories:write", "workflows:execute"} <= held["member"]
    for refused in (
        identity.grant(ctx, RoleGrant(role="viewer", permissions=("memories:write",))),
        identity.revoke(ctx, RoleGrant(role="viewer", permissions=("memories:read",))),
        identity.delete_role(ctx, RoleRef(role="owner")),
        identity.update_role(ctx, RoleUpdate(id=roles["viewer"].id, parent="owner")),
    ):
        with pytest.raises(Conflict) as caught:
            await refused
        assert caught.value.code == "conflict.system_role"
    await asyncio.gather(*(identity.list_roles(ctx, PageRequest()) for _ in range(4)))
    assert {role.name: role for role in (await identity.list_roles(ctx, PageRequest())).items} == roles


async def test_the_systems_roles_are_made_once_by_many_at_once(ctx: Context) -> None:
    found = await asyncio.gather(*(identity.list_roles(ctx, PageRequest()) for _ in range(5)))
    assert all(len(roles.items) == 4 for roles in found)
    assert len({tuple(role.id for role in roles.items) for roles in found}) == 1


async def test_a_role_does_not_inherit_from_itself(ctx: Context, database: Database) -> None:
    one = await identity.create_role(ctx, RoleCreate(name="one"))
    await identity.create_role(ctx, RoleCreate(name="two", parent="one"))
    three = await identity.create_role(ctx, RoleCreate(name="three", parent="two"))
    for parent in ("one", "two", "three"):
        with pytest.raises(Invalid) as caught:
            await identity.update_role(ctx, RoleUpdate(id=one.id, parent=parent))
        assert (caught.value.code, caught.value.data["field"]) == ("invalid.role_cycle", "parent_role_id")
    with pytest.raises(Invalid) as caught:
        async with database.transaction(ctx.principal) as connection:
            await connection.execute(
                "UPDATE roles SET parent_role_id = $3 WHERE organization_id = $1 AND id = $2",
                ctx.principal.organization_id,
                one.id,
                three.id,
            )
    assert caught.value.code == "invalid.role_cycle"
    freed = await identity.update_role(ctx, RoleUpdate(id=three.id, expected_version=1, parent="", name="3"))
    assert (freed.parent_role_id, freed.name, freed.version) == (None, "3", 2)
    await identity.update_role(ctx, RoleUpdate(id=one.id, parent="3"))
    with pytest.raises(Conflict) as lost:
        await identity.update_role(ctx, RoleUpdate(id=three.id, expected_version=1, name="four"))
    assert lost.value.data == {"expected_version": 1, "current_version": 2}


async def test_two_who_would_close_a_circle_together_do_not(ctx: Context) -> None:
    for number in range(3):
        left = await identity.create_role(ctx, RoleCreate(name=f"left {number}"))
        right = await identity.create_role(ctx, RoleCreate(name=f"right {number}"))
        results = await asyncio.gather(
            identity.update_role(ctx, RoleUpdate(id=left.id, parent=f"right {number}")),
            identity.update_role(ctx, RoleUpdate(id=right.id, parent=f"left {number}")),
            return_exceptions=True,
        )
        # One closes no circle; the other is refused, or gives way to it.
        refused = [result for result in results if isinstance(result, Invalid | Conflict)]
        assert len(refused) >= 1, results


@given(edges=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
@examples(max_examples=12)
async def test_however_parents_are_changed_there_is_no_circle(edges: list[tuple[int, int]], app: Any) -> None:
    from tests.factories import new_slug

    ctx = await app.organization(new_slug())
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        ids = [
            await connection.fetchval(
                "INSERT INTO roles (organization_id, name) VALUES ($1, $2) RETURNING id", organization, f"role {n}"
            )
            for n in range(6)
        ]
    parents: dict[int, int] = {}
    for child, parent in edges:
        above, circle = parent, parent == child
        while not circle and above in parents:
            above = parents[above]
            circle = above == child
        refused = ""
        try:
            async with ctx.database.transaction(ctx.principal) as connection:
                await connection.execute(
                    "UPDATE roles SET parent_role_id = $3 WHERE organization_id = $1 AND id = $2",
                    organization,
                    ids[child],
                    ids[parent],
                )
            parents[child] = parent
        except Invalid as error:
            refused = error.code
        assert refused == ("invalid.role_cycle" if circle else "")


async def test_nobody_gives_what_they_have_not(ctx: Context) -> None:
    boss, user = await person(ctx), await person(ctx)
    manager = acting(ctx, boss, "roles:write", "roles:assign", "roles:read", "memories:read")
    await identity.create_role(ctx, RoleCreate(name="strong", permissions=("memories:write",)))
    await identity.create_role(manager, RoleCreate(name="weak", permissions=("memories:read",)))
    strong = next(role for role in (await identity.list_roles(ctx, PageRequest())).items if role.name == "strong")
    for refused in (
        identity.create_role(manager, RoleCreate(name="mine", permissions=("memories:write",))),
        identity.create_role(manager, RoleCreate(name="mine", parent="strong")),
        identity.grant(manager, RoleGrant(role="weak", permissions=("tasks:read",))),
        identity.assign_role(manager, RoleAssign(user_id=boss.id, role="owner")),
        identity.unassign_role(manager, RoleAssign(user_id=boss.id, role="strong")),
    ):
        with pytest.raises(Forbidden) as caught:
            await refused
        assert caught.value.code == "forbidden.escalation"
    given = await identity.assign_role(manager, RoleAssign(user_id=user.id, role="weak"))
    assert given.granted_by == boss.id
    nobody = acting(ctx, user)
    for forbidden in (
        identity.create_role(nobody, RoleCreate(name="x")),
        identity.update_role(nobody, RoleUpdate(id=strong.id, name="x")),
        identity.delete_role(nobody, RoleRef(role="weak")),
        identity.grant(nobody, RoleGrant(role="weak", permissions=("tasks:read",))),
        identity.revoke(nobody, RoleGrant(role="weak", permissions=("tasks:read",))),
        identity.assign_role(nobody, RoleAssign(user_id=user.id, role="weak")),
        identity.unassign_role(nobody, RoleAssign(user_id=user.id, role="weak")),
        identity.list_roles(nobody, PageRequest()),
        identity.list_permissions(nobody, PageRequest(limit=1000)),
        identity.permissions_of(nobody, boss.id),
        identity.has_permission(nobody, PermissionCheck(user_id=boss.id, permission="tasks:read")),
        identity.roles_of(nobody, ListOfUser(user_id=boss.id)),
    ):
        with pytest.raises(Forbidden):
            await forbidden
    assert await identity.permissions_of(nobody, user.id) == {"memories:read"}


async def test_roles_are_nobody_elses(ctx: Context, other: Context) -> None:
    user, stranger = await person(ctx), await person(other)
    role = await identity.create_role(ctx, RoleCreate(name="secret", permissions=SOME))
    await identity.assign_role(ctx, RoleAssign(user_id=user.id, role="secret"))
    for missing in (
        identity.assign_role(ctx, RoleAssign(user_id=stranger.id, role="secret")),
        identity.assign_role(other, RoleAssign(user_id=stranger.id, role="secret")),
        identity.unassign_role(other, RoleAssign(user_id=user.id, role="secret")),
        identity.update_role(other, RoleUpdate(id=role.id, name="x")),
        identity.delete_role(other, RoleRef(role="secret")),
        identity.grant(other, RoleGrant(role="secret", permissions=SOME)),
        identity.revoke(other, RoleGrant(role="secret", permissions=SOME)),
        identity.create_role(other, RoleCreate(name="child", parent="secret")),
    ):
        with pytest.raises(NotFound):
            await missing
    assert "secret" not in {found.name for found in (await identity.list_roles(other, PageRequest())).items}
    assert await identity.permissions_of(other, user.id) == frozenset()
    assert (await identity.roles_of(other, ListOfUser(user_id=user.id))).items == ()
    check = PermissionCheck(user_id=user.id, permission=SOME[0])
    assert not await identity.has_permission(other, check)
    assert await identity.has_permission(ctx, check)
    async with other.database.transaction(other.principal) as connection:
        names = await connection.fetch("SELECT role_name FROM role_permission_names")
        assert "secret" not in {row["role_name"] for row in names}


@pytest.mark.parametrize(
    ("model", "data", "field"),
    [
        (RoleCreate, {"name": ""}, "name"),
        (RoleCreate, {"name": "x" * 101}, "name"),
        (RoleCreate, {"name": "r", "permissions": ["everything"]}, "permissions.0"),
        (RoleGrant, {"role": "r", "permissions": []}, "permissions"),
        (RoleAssign, {"user_id": uuid4(), "role": "r", "expires_at": "tomorrow"}, "expires_at"),
        (PermissionCheck, {"user_id": uuid4(), "permission": "memories"}, "permission"),
    ],
)
def test_a_request_out_of_bounds_names_the_field(model: Any, data: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(model, data)
    assert caught.value.data["field"] == field


async def test_unknown_permissions_and_names_taken_are_told(ctx: Context) -> None:
    with pytest.raises(Invalid) as caught:
        await identity.create_role(ctx, RoleCreate(name="x", permissions=("coffee:make",)))
    assert (caught.value.code, caught.value.data["field"]) == ("invalid.permission", "permissions")
    await identity.create_role(ctx, RoleCreate(name="taken"))
    with pytest.raises(Conflict) as taken:
        await identity.create_role(ctx, RoleCreate(name="taken"))
    assert (taken.value.code, taken.value.data["field"]) == ("conflict.exists", "name")
    with pytest.raises(NotFound) as missing:
        await identity.create_role(ctx, RoleCreate(name="y", parent="nobody"))
    assert missing.value.data["field"] == "parent"


async def test_the_view_shows_what_000_kept_in_an_array(ctx: Context) -> None:
    made = await identity.create_role(ctx, RoleCreate(name="reader", permissions=("tasks:read", "memories:read")))
    empty = await identity.create_role(ctx, RoleCreate(name="empty"))
    async with ctx.database.transaction(ctx.principal) as connection:
        rows = await connection.fetch("SELECT role_id, permissions FROM role_permission_names")
    found = {row["role_id"]: row["permissions"] for row in rows}
    assert found[made.id] == ["memories:read", "tasks:read"]
    assert found[empty.id] == []


async def test_every_permission_that_the_code_asks_for_is_in_the_catalogue(ctx: Context) -> None:
    """A verb whose permission no role can have is a verb for nobody."""
    asked = {permission for verb in verbs.every() for permission in verb.permissions} - {verbs.TRUSTED}
    assert len(asked) > 60
    for path in Path(mnemon.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r'\brequire\(\s*"([a-z_]+:[a-z_]+)"', text))
        asked |= set(re.findall(r'\b(?:own|others)="([a-z_]+:[a-z_]+)"', text))
    assert asked <= set((await identity.list_permissions(ctx, PageRequest(limit=1000))).items), (
        "add the permission to the catalogue (the table `permissions`) in a migration"
    )


async def test_the_catalogue_is_read_only(ctx: Context, database: Database) -> None:
    for change in (
        "INSERT INTO permissions (resource, action) VALUES ('coffee', 'make')",
        "UPDATE permissions SET description = 'x'",
        "DELETE FROM permissions",
    ):
        with pytest.raises(Forbidden):
            async with database.transaction(ctx.principal) as connection:
                await connection.execute(change)


async def test_permissions_are_resolved_by_indexes(ctx: Context, server: Server, admin: Any) -> None:
    """REQ-T125, T126, T128: as the application, under its policies."""
    organization = ctx.principal.organization_id
    user = await person(ctx)
    await identity.assign_role(ctx, RoleAssign(user_id=user.id, role="owner"))
    await admin.execute(
        "INSERT INTO roles (organization_id, name) SELECT $1, 'role ' || n FROM generate_series(1, 800) n", organization
    )
    await admin.execute(
        "INSERT INTO role_permissions (organization_id, role_id, permission_id) "
        "SELECT $1, r.id, p.id FROM roles r, (SELECT id FROM permissions ORDER BY name LIMIT 8) p "
        "WHERE r.organization_id = $1 AND r.name LIKE 'role %'",
        organization,
    )
    await admin.execute(
        "WITH people AS (INSERT INTO users (organization_id, external_id) "
        "SELECT $1, 'p' || n FROM generate_series(1, 1200) n RETURNING id) "
        "INSERT INTO user_roles (organization_id, user_id, role_id) SELECT $1, people.id, r.id FROM people, "
        "LATERAL (SELECT id FROM roles WHERE organization_id = $1 AND people.id IS NOT NULL LIMIT 1) r",
        organization,
    )
    await admin.execute("ANALYZE roles, role_permissions, user_roles, permissions, users")
    connection = await server.connect(APP)
    try:
        await connection.execute("BEGIN")
        await enter(connection, organization)
        for name, extra in (("permissions_of", ()), ("has_permission", ("memories", "read"))):
            query = "EXPLAIN " + statement("mnemon.identity", name, **OF_PERSON)
            plan = "\n".join(row[0] for row in await connection.fetch(query, organization, user.id, T0, *extra))
            for index in ("pk_user_roles", "pk_roles", "pk_role_permissions"):
                assert index in plan, plan
            for table in ("user_roles", "roles", "role_permissions"):
                assert not re.search(rf"Seq Scan on {table}\b", plan), plan
    finally:
        await connection.close()
