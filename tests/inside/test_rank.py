"""Who acts on whom: nobody on a superior's account, credentials, devices, sessions, keys, roles and teams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from mnemon.agents import service as agents
from mnemon.agents.schemas import AgentCreate, AgentRef, AgentStatusSet, AgentUpdate
from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, MnemonError, Unauthenticated
from mnemon.core.pages import PageRequest
from mnemon.core.principal import Principal
from mnemon.identity import service as identity
from mnemon.identity.schemas import (
    DeviceRef,
    DeviceRegister,
    ListOfUser,
    PreferencesSet,
    TeamCreate,
    TeamMember,
    TeamRef,
    TeamUpdate,
    TimezoneSet,
    UserRef,
    UserUpdate,
)
from mnemon.identity.schemas_access import (
    ApiKeyCreate,
    ApiKeyRef,
    MfaDeviceRef,
    OAuthTokenRef,
    OAuthTokenStore,
    PasswordSet,
    RoleAssign,
    RoleCreate,
    RoleGrant,
    RoleRef,
    RoleUpdate,
    SessionRef,
    SessionStart,
    TotpCheck,
    TotpEnrol,
)
from mnemon.integrations import service as integrations
from mnemon.integrations.schemas_webhooks import ClaimDeliveries
from tests.factories import new_slug
from tests.identity.access import PASSWORD, address, keyed, person
from tests.inside.verbs import EXCEPTIONS, RANK
from tests.inside.world import rendered

SECRET = "zqsecret"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody with everything that can be acted on."""

    ctx: Context
    user: UUID
    team: UUID
    session: UUID
    key: UUID
    factor: UUID
    device: UUID
    agent: UUID
    name: str


async def account(ctx: Context, role: str) -> Account:
    """A person with a role, a team, a session, a key, a second factor, a device and an agent."""
    called = new_slug("person")
    user = (await person(ctx, password=SecretStr(PASSWORD), external_id=called)).id
    for name in {role, "member"}:
        await identity.assign_role(ctx, RoleAssign(user_id=user, role=name))
    team = (await identity.create_team(ctx, TeamCreate(name="T", slug=new_slug("team"), owner_id=user))).id
    session = await identity.start_session(ctx, SessionStart(user_id=user))
    key = await identity.create_api_key(ctx, ApiKeyCreate(name="k", user_id=user))
    factor = await identity.enrol_totp(ctx, TotpEnrol(user_id=user))
    device = await identity.register_device(
        ctx, DeviceRegister(user_id=user, device_token=new_slug("device"), platform="ios")
    )
    agent = await agents.create_agent(ctx, AgentCreate(name=new_slug("agent"), user_id=user))
    await identity.store_oauth_token(
        ctx, OAuthTokenStore(user_id=user, provider="github", access_token=SecretStr(SECRET))
    )
    permissions = await identity.permissions_of(ctx, user) | {"account:read", "account:write"}
    eyes = ctx.as_principal(Principal(ctx.principal.organization_id, user, None, frozenset({team}), permissions))
    return Account(eyes, user, team, session.session_id, key.id, factor.device_id, device.id, agent.id, called)


Act = Callable[[Context, Account], Awaitable[Any]]

#: Everything that acts on somebody's account, by its verb; what takes the account away stands last.
ACTS: tuple[tuple[str, Act], ...] = (
    ("set_preferences", lambda c, a: identity.set_preferences(c, PreferencesSet(user_id=a.user, theme="dark"))),
    (
        "register_device",
        lambda c, a: identity.register_device(
            c, DeviceRegister(user_id=a.user, device_token=new_slug("d"), platform="ios")
        ),
    ),
    ("list_devices", lambda c, a: identity.list_devices(c, ListOfUser(user_id=a.user))),
    ("deactivate_device", lambda c, a: identity.deactivate_device(c, DeviceRef(device_id=a.device))),
    ("verify_totp", lambda c, a: identity.verify_totp(c, TotpCheck(user_id=a.user, code="000000"))),
    ("enrol_totp", lambda c, a: identity.enrol_totp(c, TotpEnrol(user_id=a.user, name="second"))),
    ("remove_mfa_device", lambda c, a: identity.remove_mfa_device(c, MfaDeviceRef(device_id=a.factor))),
    ("create_api_key", lambda c, a: identity.create_api_key(c, ApiKeyCreate(name="n", user_id=a.user))),
    ("revoke_api_key", lambda c, a: identity.revoke_api_key(c, ApiKeyRef(api_key_id=a.key))),
    ("revoke_session", lambda c, a: identity.revoke_session(c, SessionRef(session_id=a.session))),
    ("revoke_sessions", lambda c, a: identity.revoke_sessions(c, UserRef(user_id=a.user))),
    ("assign_role", lambda c, a: identity.assign_role(c, RoleAssign(user_id=a.user, role="viewer"))),
    ("unassign_role", lambda c, a: identity.unassign_role(c, RoleAssign(user_id=a.user, role="member"))),
    ("add_team_member", lambda c, a: identity.add_team_member(c, TeamMember(team_id=a.team, user_id=a.user))),
    ("remove_team_member", lambda c, a: identity.remove_team_member(c, TeamMember(team_id=a.team, user_id=a.user))),
    ("update_team", lambda c, a: identity.update_team(c, TeamUpdate(id=a.team, name="Mine"))),
    ("delete_team", lambda c, a: identity.delete_team(c, TeamRef(team_id=a.team))),
    ("create_agent", lambda c, a: agents.create_agent(c, AgentCreate(name=new_slug("a"), user_id=a.user))),
    ("update_agent", lambda c, a: agents.update_agent(c, AgentUpdate(id=a.agent, tagline="x"))),
    ("set_status", lambda c, a: agents.set_status(c, AgentStatusSet(agent_id=a.agent, status="archived"))),
    ("delete_agent", lambda c, a: agents.delete_agent(c, AgentRef(agent_id=a.agent))),
    ("set_timezone", lambda c, a: identity.set_timezone(c, TimezoneSet(user=a.name, timezone="Asia/Tokyo"))),
    ("update_user", lambda c, a: identity.update_user(c, UserUpdate(id=a.user, display_name="X"))),
    ("update_user", lambda c, a: identity.update_user(c, UserUpdate(id=a.user, email=address()))),
    (
        "set_password",
        lambda c, a: identity.set_password(c, PasswordSet(user_id=a.user, password=SecretStr("another one 1"))),
    ),
    ("update_user", lambda c, a: identity.update_user(c, UserUpdate(id=a.user, status="suspended"))),
    ("delete_user", lambda c, a: identity.delete_user(c, UserRef(user_id=a.user))),
)


def test_every_verb_that_rank_decides_is_tried() -> None:
    tried = {name for name, _ in ACTS}
    #: Tried below: they act on roles, or are for the organisation's own process.
    tried |= {"create_role", "update_role", "delete_role", "grant", "revoke", "start_session", "claim_deliveries"}
    #: They make what is new.
    tried |= {"create_user", "create_team"}
    assert {name.partition(".")[2] for name, why in EXCEPTIONS.items() if why == RANK} == tried


async def _everything(admin: Any, organization: UUID) -> dict[str, list[str]]:
    found = {}
    for table in await admin.fetch(
        "SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE a.attname = 'organization_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
    ):
        rows = await admin.fetch(
            f"SELECT to_jsonb(t)::text AS row FROM {table['name']} t WHERE organization_id = $1 ORDER BY 1",
            organization,
        )
        found[table["name"]] = [row["row"] for row in rows]
    return found


async def test_an_administrator_does_nothing_to_an_owner(ctx: Context, admin: Any) -> None:
    ctx = keyed(ctx)
    owner, boss = await account(ctx, "owner"), await account(ctx, "admin")
    before = await _everything(admin, ctx.principal.organization_id)
    for name, act in ACTS:
        with pytest.raises(Forbidden) as caught:
            await act(boss.ctx, owner)
        assert caught.value.code in ("forbidden.escalation", "forbidden.owner"), name
    assert await _everything(admin, ctx.principal.organization_id) == before


@pytest.mark.parametrize(("who", "whom"), [("owner", "admin"), ("admin", "admin"), ("owner", "owner")])
async def test_a_superior_and_an_equal_may(ctx: Context, who: str, whom: str) -> None:
    ctx = keyed(ctx)
    actor, other = await account(ctx, who), await account(ctx, whom)
    for name, act in ACTS:
        refused: MnemonError | None = None
        try:
            await act(actor.ctx, other)
        except Unauthenticated as error:  # no code of theirs: it was asked, and that is what rank decides
            refused = error
        assert refused is None or name == "verify_totp", (name, refused)


async def test_what_is_stored_in_secret_is_read_by_whose_it_is_and_by_the_process(ctx: Context) -> None:
    ctx = keyed(ctx)
    owner, boss = await account(ctx, "owner"), await account(ctx, "admin")
    spy = (await agents.create_agent(ctx, AgentCreate(name="Spy"))).id
    everything = frozenset((await identity.list_permissions(ctx, PageRequest(limit=1000))).items)
    key = ctx.as_principal(Principal(ctx.principal.organization_id, None, spy, permissions=everything))
    for eyes, whose in ((boss, owner), (owner, boss)):  # whatever the rank
        for actor in (eyes.ctx, key):
            store = OAuthTokenStore(user_id=whose.user, provider="github", access_token=SecretStr("x"))
            for refused in (
                identity.read_oauth_token(actor, OAuthTokenRef(user_id=whose.user, provider="github")),
                identity.store_oauth_token(actor, store),
            ):
                with pytest.raises(Forbidden) as caught:
                    await refused
                assert caught.value.code == "forbidden.secret"
                assert SECRET not in rendered(caught.value.data)
    for reader in (owner.ctx, ctx):
        found = await identity.read_oauth_token(reader, OAuthTokenRef(user_id=owner.user, provider="github"))
        assert found.access_token.get_secret_value() == SECRET
    with pytest.raises(Forbidden):
        await integrations.claim_deliveries(owner.ctx, ClaimDeliveries())
    with pytest.raises(Forbidden):
        await identity.start_session(owner.ctx, SessionStart(user_id=boss.user))


async def test_nobody_raises_themself(ctx: Context) -> None:
    ctx = keyed(ctx)
    await account(ctx, "owner")
    boss = await account(ctx, "admin")
    await identity.create_role(ctx, RoleCreate(name="regent", parent="owner"))
    await identity.create_role(boss.ctx, RoleCreate(name="deputy", parent="member"))
    deputy = next(role for role in (await identity.list_roles(ctx, PageRequest())).items if role.name == "deputy")
    regent = next(role for role in (await identity.list_roles(ctx, PageRequest())).items if role.name == "regent")
    for refused in (
        identity.assign_role(boss.ctx, RoleAssign(user_id=boss.user, role="owner")),
        identity.assign_role(boss.ctx, RoleAssign(user_id=boss.user, role="regent")),
        identity.create_role(boss.ctx, RoleCreate(name="mine", parent="regent")),
        identity.update_role(boss.ctx, RoleUpdate(id=deputy.id, parent="owner")),
        identity.grant(boss.ctx, RoleGrant(role="deputy", permissions=("organizations:delete",))),
        # and nobody takes from those above what they have
        identity.update_role(boss.ctx, RoleUpdate(id=regent.id, parent="viewer")),
        identity.update_role(boss.ctx, RoleUpdate(id=regent.id, name="peasant")),
        identity.revoke(boss.ctx, RoleGrant(role="regent", permissions=("memories:read",))),
        identity.delete_role(boss.ctx, RoleRef(role="regent")),
    ):
        with pytest.raises(Forbidden) as caught:
            await refused
        assert caught.value.code == "forbidden.escalation"
    assert "organizations:delete" not in await identity.permissions_of(ctx, boss.user)


async def test_the_last_owner_stays(ctx: Context) -> None:
    ctx = keyed(ctx)
    owner = await account(ctx, "owner")
    role = RoleAssign(user_id=owner.user, role="owner")
    soon = ctx.clock.now().replace(year=ctx.clock.now().year + 1)
    for refused in (
        identity.unassign_role(owner.ctx, role),
        identity.assign_role(owner.ctx, RoleAssign(user_id=owner.user, role="owner", expires_at=soon)),
        identity.delete_user(owner.ctx, UserRef(user_id=owner.user)),
        identity.update_user(owner.ctx, UserUpdate(id=owner.user, status="suspended")),
    ):
        with pytest.raises(Conflict) as caught:
            await refused
        assert caught.value.code == "conflict.last_owner"
    await account(ctx, "owner")
    await identity.unassign_role(owner.ctx, role)
    await identity.assign_role(ctx, role)
    await identity.unassign_role(ctx, role)  # the organisation's own process can make another


async def test_of_two_owners_who_remove_each_other_at_once_one_stays(ctx: Context) -> None:
    ctx = keyed(ctx)
    one, two = await account(ctx, "owner"), await account(ctx, "owner")
    done = await asyncio.gather(
        identity.unassign_role(one.ctx, RoleAssign(user_id=two.user, role="owner")),
        identity.unassign_role(two.ctx, RoleAssign(user_id=one.user, role="owner")),
        return_exceptions=True,
    )
    codes = sorted(getattr(error, "code", "done") for error in done)
    assert codes in (["conflict.last_owner", "done"], ["done", "forbidden.escalation"])
    left = [user for user in (one.user, two.user) if "organizations:delete" in await identity.permissions_of(ctx, user)]
    assert len(left) == 1


async def test_nobody_takes_an_agent_into_another_team(ctx: Context) -> None:
    """An agent sees its team's memories: to put one there is to look in there."""
    ctx = keyed(ctx)
    owner, member = await account(ctx, "owner"), await account(ctx, "member")
    theirs = (await agents.create_agent(ctx, AgentCreate(name="Theirs", team_id=owner.team))).id
    for refused in (
        agents.create_agent(member.ctx, AgentCreate(name="Spy", team_id=owner.team)),
        agents.create_agent(member.ctx, AgentCreate(name="Spy", user_id=owner.user)),
        agents.update_agent(member.ctx, AgentUpdate(id=theirs, tagline="x")),
        agents.delete_agent(member.ctx, AgentRef(agent_id=owner.agent)),
    ):
        with pytest.raises(Forbidden):
            await refused
    everything = frozenset((await identity.list_permissions(ctx, PageRequest(limit=1000))).items)
    key = ctx.as_principal(Principal(ctx.principal.organization_id, None, member.agent, permissions=everything))
    for refused in (
        agents.create_agent(key, AgentCreate(name="Spy", team_id=owner.team)),
        agents.update_agent(key, AgentUpdate(id=theirs, tagline="x")),
        agents.delete_agent(key, AgentRef(agent_id=owner.agent)),
    ):
        with pytest.raises(Forbidden):
            await refused
    assert (await agents.create_agent(member.ctx, AgentCreate(name="Mine", team_id=member.team))).team_id == member.team
