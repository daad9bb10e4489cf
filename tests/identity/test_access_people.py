"""People, teams, preferences and devices."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from mnemon import Conflict, Forbidden, Invalid, NotFound, Unavailable
from mnemon.context import Context
from mnemon.core.pages import PageRequest
from mnemon.core.text import parse
from mnemon.db.session import Database
from mnemon.identity import repository
from mnemon.identity import service as identity
from mnemon.identity.models import DevicePlatform, UserRole
from mnemon.identity.schemas import (
    Device,
    DeviceRef,
    DeviceRegister,
    ListOfUser,
    ListTeamMembers,
    Preferences,
    PreferencesSet,
    TeamCreate,
    TeamMember,
    TeamRef,
    TeamUpdate,
    UserCreate,
    UserRef,
    UserUpdate,
)
from tests.factories import new_slug

from .access import acting, address, keyed, person


async def test_a_person_is_made_read_changed_and_removed(ctx: Context, admin: Any) -> None:
    email = address()
    user = await identity.create_user(
        ctx,
        UserCreate(
            email=email,
            display_name="Ada Lovelace",
            timezone="Europe/London",
            external_id="ada",
            tier="pro",
            metadata={"floor": 3},
        ),
    )
    assert (user.email, user.status, user.tier, user.version, user.metadata) == (
        email,
        "active",
        "pro",
        1,
        {"floor": 3},
    )
    assert await identity.get_user(ctx, UserRef(user_id=user.id)) == user
    changed = await identity.update_user(
        ctx, UserUpdate(id=user.id, expected_version=1, display_name="Ada King", metadata={})
    )
    assert (changed.display_name, changed.metadata, changed.version, changed.email) == ("Ada King", {}, 2, email)
    words = {row["name"] for row in await admin.fetch("SELECT name FROM participant_names WHERE user_id = $1", user.id)}
    assert {"ada", "lovelace", "king"} <= words
    assert [found.id for found in (await identity.list_users(ctx, PageRequest())).items] == [user.id]
    await identity.delete_user(ctx, UserRef(user_id=user.id))
    assert await admin.fetchval("SELECT deleted_at IS NOT NULL FROM users WHERE id = $1", user.id)
    for missing in (
        identity.get_user(ctx, UserRef(user_id=user.id)),
        identity.delete_user(ctx, UserRef(user_id=user.id)),
    ):
        with pytest.raises(NotFound):
            await missing
    assert (await identity.list_users(ctx, PageRequest())).items == ()


async def test_an_address_is_unique_in_the_installation_whatever_its_case(ctx: Context, other: Context) -> None:
    email = address()
    await person(ctx, email=email)
    with pytest.raises(Conflict) as caught:
        await person(other, email=email.upper())
    assert (caught.value.code, caught.value.data["field"]) == ("conflict.exists", "email")
    await person(ctx, external_id="same")
    await person(other, external_id="same")
    with pytest.raises(Conflict) as caught:
        await person(ctx, external_id="same")
    assert caught.value.data["field"] == "external_id"


async def test_of_two_changes_one_is_lost_and_told(ctx: Context) -> None:
    user = await person(ctx)
    results = await asyncio.gather(
        *(
            identity.update_user(ctx, UserUpdate(id=user.id, expected_version=1, display_name=name))
            for name in ("One", "Two")
        ),
        return_exceptions=True,
    )
    (lost,) = [result for result in results if isinstance(result, Conflict)]
    assert lost.data == {"expected_version": 1, "current_version": 2}


async def test_people_change_themselves_but_not_their_standing(ctx: Context, other: Context) -> None:
    user, colleague = await person(ctx), await person(ctx)
    mine = acting(ctx, user)
    assert (await identity.update_user(mine, UserUpdate(id=user.id, display_name="Me"))).display_name == "Me"
    for change in ({"tier": "enterprise"}, {"status": "deleted"}, {"email": address()}):
        with pytest.raises(Forbidden):
            await identity.update_user(mine, parse(UserUpdate, {"id": user.id, **change}))
    for refused in (
        identity.update_user(mine, UserUpdate(id=colleague.id, display_name="Not me")),
        identity.get_user(mine, UserRef(user_id=colleague.id)),
        identity.list_users(mine, PageRequest()),
        identity.delete_user(mine, UserRef(user_id=user.id)),
        person(mine),
    ):
        with pytest.raises(Forbidden):
            await refused
    for missing in (
        identity.get_user(other, UserRef(user_id=user.id)),
        identity.update_user(other, UserUpdate(id=user.id, display_name="x")),
        identity.delete_user(other, UserRef(user_id=user.id)),
    ):
        with pytest.raises(NotFound):
            await missing
    assert (await identity.list_users(other, PageRequest())).items == ()


@pytest.mark.parametrize(
    ("model", "data", "code", "field"),
    [
        (UserCreate, {"email": "nobody"}, "invalid.email", "email"),
        (UserCreate, {"email": "a b@x.org"}, "invalid.email", "email"),
        (UserCreate, {"email": "a@x.org", "display_name": "  "}, "invalid.blank", "display_name"),
        (UserCreate, {"email": "a@x.org", "tier": "gold"}, "invalid.literal_error", "tier"),
        (UserCreate, {"email": "a@x.org", "password": "x"}, "invalid.password_too_short", "password"),
        (UserCreate, {"email": "a@x.org", "is_admin": True}, "invalid.unknown_field", "is_admin"),
        (
            UserCreate,
            {"email": "a@x.org", "avatar_url": "javascript:x"},
            "invalid.string_pattern_mismatch",
            "avatar_url",
        ),
        (TeamCreate, {"name": "T", "slug": "-t"}, "invalid.slug", "slug"),
        (TeamCreate, {"name": "", "slug": "team"}, "invalid.string_too_short", "name"),
        (
            TeamCreate,
            {"name": "T", "slug": "team", "conversation_retention_days": 0},
            "invalid.greater_than_equal",
            "conversation_retention_days",
        ),
        (
            PreferencesSet,
            {"user_id": uuid4(), "max_memories_per_request": 101},
            "invalid.less_than_equal",
            "max_memories_per_request",
        ),
        (PreferencesSet, {"user_id": uuid4(), "theme": "pink"}, "invalid.literal_error", "theme"),
        (
            DeviceRegister,
            {"user_id": uuid4(), "device_token": "", "platform": "ios"},
            "invalid.string_too_short",
            "device_token",
        ),
        (DeviceRegister, {"user_id": uuid4(), "device_token": "t", "platform": "vms"}, "invalid.enum", "platform"),
    ],
)
def test_a_request_out_of_bounds_names_the_field(model: Any, data: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(model, data)
    assert (caught.value.code, caught.value.data["field"]) == (code, field)


@pytest.mark.parametrize(
    ("statement", "code", "field"),
    [
        ("INSERT INTO teams (organization_id, name, slug) VALUES ($1, 'T', '-t')", "invalid.slug", "slug"),
        ("INSERT INTO teams (organization_id, name, slug) VALUES ($1, ' ', 'team')", "invalid.name_not_blank", "name"),
        ("INSERT INTO roles (organization_id, name) VALUES ($1, ' ')", "invalid.name_not_blank", "name"),
    ],
)
async def test_the_database_refuses_it_with_the_same_code(
    ctx: Context, database: Database, statement: str, code: str, field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        async with database.transaction(ctx.principal) as connection:
            await connection.execute(statement, ctx.principal.organization_id)
    assert (caught.value.code, caught.value.data["field"]) == (code, field)


async def test_the_database_refuses_what_is_no_address(ctx: Context, database: Database) -> None:
    organization = ctx.principal.organization_id

    async def add() -> None:
        async with database.transaction(ctx.principal) as connection:
            await repository.take_address(connection, "nobody", database.prove(f"address:{organization}:nobody"))
            await connection.execute("INSERT INTO users (organization_id, email) VALUES ($1, 'nobody')", organization)

    with pytest.raises(Invalid) as caught:
        await add()
    assert (caught.value.code, caught.value.data["field"]) == ("invalid.email", "email")


# Teams.


async def test_a_team_and_its_people(ctx: Context, other: Context) -> None:
    owner, member = await person(ctx), await person(ctx)
    team = await identity.create_team(
        ctx, TeamCreate(name="Crew", slug="crew", owner_id=owner.id, shared_skill_names=("search", "plan"))
    )
    assert (team.shared_skill_names, team.conversation_retention_days, team.version) == (("search", "plan"), 90, 1)
    joined = await identity.add_team_member(ctx, TeamMember(team_id=team.id, user_id=member.id))
    assert joined.role is UserRole.MEMBER
    again = await identity.add_team_member(ctx, TeamMember(team_id=team.id, user_id=member.id, role=UserRole.ADMIN))
    assert (again.id, again.role) == (joined.id, UserRole.ADMIN)
    ref = TeamRef(team_id=team.id)
    assert {
        (m.user_id, m.role) for m in (await identity.list_team_members(ctx, ListTeamMembers(team_id=ref.team_id))).items
    } == {
        (owner.id, UserRole.OWNER),
        (member.id, UserRole.ADMIN),
    }
    changed = await identity.update_team(ctx, TeamUpdate(id=team.id, expected_version=1, name="The crew"))
    assert (changed.name, changed.version, changed.slug) == ("The crew", 2, "crew")
    with pytest.raises(Conflict) as caught:
        await identity.update_team(ctx, TeamUpdate(id=team.id, expected_version=1, name="Late"))
    assert caught.value.data == {"expected_version": 1, "current_version": 2}
    with pytest.raises(Conflict) as caught:
        await identity.create_team(ctx, TeamCreate(name="Crew", slug="crew"))
    assert caught.value.data["field"] == "slug"
    await identity.create_team(other, TeamCreate(name="Crew", slug="crew"))
    await identity.remove_team_member(ctx, TeamMember(team_id=team.id, user_id=member.id))
    with pytest.raises(NotFound):
        await identity.remove_team_member(ctx, TeamMember(team_id=team.id, user_id=member.id))
    await identity.delete_team(ctx, ref)
    assert (await identity.list_teams(ctx, PageRequest())).items == ()
    assert (await identity.list_team_members(ctx, ListTeamMembers(team_id=ref.team_id))).items == ()


async def test_teams_are_nobody_elses(ctx: Context, other: Context) -> None:
    team = await identity.create_team(ctx, TeamCreate(name="Crew", slug=new_slug("team")))
    user, stranger = await person(ctx), await person(other)
    theirs = TeamMember(team_id=team.id, user_id=stranger.id)
    for missing in (
        identity.add_team_member(other, theirs),
        identity.add_team_member(ctx, theirs),
        identity.remove_team_member(other, TeamMember(team_id=team.id, user_id=user.id)),
        identity.update_team(other, TeamUpdate(id=team.id, name="x")),
        identity.delete_team(other, TeamRef(team_id=team.id)),
        identity.create_team(ctx, TeamCreate(name="x", slug=new_slug("team"), owner_id=stranger.id)),
    ):
        with pytest.raises(NotFound):
            await missing
    assert (await identity.list_team_members(other, ListTeamMembers(team_id=team.id))).items == ()
    assert (await identity.list_teams(other, PageRequest())).items == ()
    mine = acting(ctx, user)
    for refused in (
        identity.create_team(mine, TeamCreate(name="x", slug="xx")),
        identity.update_team(mine, TeamUpdate(id=team.id, name="x")),
        identity.delete_team(mine, TeamRef(team_id=team.id)),
        identity.add_team_member(mine, TeamMember(team_id=team.id, user_id=user.id)),
        identity.remove_team_member(mine, TeamMember(team_id=team.id, user_id=user.id)),
        identity.list_teams(mine, PageRequest()),
        identity.list_team_members(mine, ListTeamMembers(team_id=team.id)),
    ):
        with pytest.raises(Forbidden):
            await refused


async def test_a_webhooks_secret_is_kept_encrypted_and_never_shown(ctx: Context, admin: Any) -> None:
    request = TeamCreate(name="Crew", slug="crew", webhook_secret=SecretStr("whsec"), webhook_url="https://x.org/h")
    with pytest.raises(Unavailable):
        await identity.create_team(ctx, request)
    team = await identity.create_team(keyed(ctx), request)
    kept = await admin.fetchval("SELECT webhook_secret FROM teams WHERE id = $1", team.id)
    assert kept.startswith("v1.")
    assert "webhook_secret" not in team.model_dump()
    assert "whsec" not in repr(request)


# Preferences.


async def test_preferences_have_defaults_and_keep_what_is_not_given(ctx: Context) -> None:
    user = await person(ctx)
    mine = acting(ctx, user)
    ref = UserRef(user_id=user.id)
    assert await identity.get_preferences(mine, ref) == Preferences(user_id=user.id)
    await identity.set_preferences(mine, PreferencesSet(user_id=user.id, theme="dark"))
    found = await identity.set_preferences(
        mine, PreferencesSet(user_id=user.id, language="pt-BR", excluded_memory_types=("agent_private",))
    )
    assert (found.theme, found.language, found.excluded_memory_types) == ("dark", "pt-BR", ("agent_private",))
    assert await identity.get_preferences(mine, ref) == found
    with pytest.raises(Conflict) as caught:
        await identity.set_preferences(mine, PreferencesSet(user_id=user.id, theme="light", expected_version=1))
    assert caught.value.data["current_version"] == found.version


async def test_preferences_are_set_by_two_at_once(ctx: Context) -> None:
    user = await person(ctx)
    await asyncio.gather(
        identity.set_preferences(ctx, PreferencesSet(user_id=user.id, theme="dark")),
        identity.set_preferences(ctx, PreferencesSet(user_id=user.id, language="de")),
    )
    found = await identity.get_preferences(ctx, UserRef(user_id=user.id))
    assert (found.theme, found.language) == ("dark", "de")


# Devices.


async def test_a_device_is_registered_put_away_and_back(ctx: Context) -> None:
    user = await person(ctx)
    mine = acting(ctx, user)
    request = DeviceRegister(user_id=user.id, device_token="abc", platform=DevicePlatform.IOS, device_name="Phone")
    device = await identity.register_device(mine, request)
    assert (device.is_active, device.device_name) == (True, "Phone")
    away = await identity.deactivate_device(mine, DeviceRef(device_id=device.id))
    assert not away.is_active
    back = await identity.register_device(mine, request.model_copy(update={"device_name": None}))
    assert (back.id, back.is_active, back.device_name) == (device.id, True, "Phone")
    many = await asyncio.gather(*(identity.register_device(mine, request) for _ in range(4)))
    assert {isinstance(one, Device) and one.id for one in many} == {device.id}
    assert [one.id for one in (await identity.list_devices(mine, ListOfUser(user_id=user.id))).items] == [device.id]


async def test_preferences_and_devices_are_nobody_elses(ctx: Context, other: Context) -> None:
    user, colleague = await person(ctx), await person(ctx)
    ref = UserRef(user_id=user.id)
    request = DeviceRegister(user_id=user.id, device_token="abc", platform=DevicePlatform.WEB)
    device = await identity.register_device(ctx, request)
    for missing in (
        identity.get_preferences(other, ref),
        identity.set_preferences(other, PreferencesSet(user_id=user.id, theme="dark")),
        identity.register_device(other, request),
        identity.deactivate_device(other, DeviceRef(device_id=device.id)),
    ):
        with pytest.raises(NotFound):
            await missing
    assert (await identity.list_devices(other, ListOfUser(user_id=ref.user_id))).items == ()
    stranger = acting(ctx, colleague)
    for refused in (
        identity.get_preferences(stranger, ref),
        identity.set_preferences(stranger, PreferencesSet(user_id=user.id, theme="dark")),
        identity.register_device(stranger, request),
        identity.list_devices(stranger, ListOfUser(user_id=ref.user_id)),
        identity.deactivate_device(stranger, DeviceRef(device_id=device.id)),
    ):
        with pytest.raises(Forbidden):
            await refused
