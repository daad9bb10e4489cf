"""API keys: of people and of agents, with scopes, found by their hashes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from mnemon import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from mnemon.agents import service as agents
from mnemon.agents.models import AgentStatus
from mnemon.agents.schemas import AgentCreate, AgentRef, AgentStatusSet
from mnemon.context import Context
from mnemon.core.cache import Cache
from mnemon.core.clock import FixedClock
from mnemon.core.text import parse
from mnemon.db.session import Database
from mnemon.identity import service as identity
from mnemon.identity.schemas import UserRef, UserUpdate
from mnemon.identity.schemas_access import ApiKeyCreate, ApiKeyRef, ListApiKeys, RoleAssign, Token

from .access import acting, person

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def shown(key: SecretStr) -> Token:
    return Token(token=key)


async def test_a_key_works_for_its_person_within_its_scopes(ctx: Context, other: Context, admin: Any) -> None:
    user = await person(ctx)
    await identity.assign_role(ctx, RoleAssign(user_id=user.id, role="viewer"))
    made = await identity.create_api_key(
        ctx, ApiKeyCreate(name="script", user_id=user.id, scopes=("memories:read", "memories:write"))
    )
    assert made.key.get_secret_value().startswith(made.prefix)
    found = await identity.authenticate_api_key(other, shown(made.key))
    assert found.principal.organization_id == ctx.principal.organization_id
    assert (found.user_id, found.agent_id, found.api_key_id, found.session_id) == (user.id, None, made.id, None)
    # A scope gives nothing that the person has not, and the person's own account only if it is named.
    assert found.permissions == {"memories:read"}
    raw = await admin.fetchval("SELECT k::text FROM api_keys k WHERE id = $1", made.id)
    assert made.key.get_secret_value() not in raw
    assert made.key.get_secret_value() not in repr(made)


async def test_a_star_is_all_that_the_owner_may_and_nothing_is_nothing(ctx: Context) -> None:
    user = await person(ctx)
    await identity.assign_role(ctx, RoleAssign(user_id=user.id, role="member"))
    star = await identity.create_api_key(ctx, ApiKeyCreate(name="all", user_id=user.id, scopes=("*",)))
    none = await identity.create_api_key(ctx, ApiKeyCreate(name="none", user_id=user.id))
    everything = await identity.permissions_of(ctx, user.id)
    found = await identity.authenticate_api_key(ctx, shown(star.key))
    assert found.permissions == everything | {"account:read", "account:write"}
    assert (await identity.authenticate_api_key(ctx, shown(none.key))).permissions == frozenset()
    await identity.unassign_role(ctx, RoleAssign(user_id=user.id, role="member"))
    assert (await identity.authenticate_api_key(ctx, shown(star.key))).permissions == {"account:read", "account:write"}


async def test_a_key_of_an_agent_ends_with_it(ctx: Context, other: Context) -> None:
    agent = await agents.create_agent(ctx, AgentCreate(name="Scout"))
    request = ApiKeyCreate(name="scout", agent_id=agent.id, scopes=("memories:read",))
    key = await identity.create_api_key(ctx, request)
    found = await identity.authenticate_api_key(ctx, shown(key.key))
    assert (found.user_id, found.agent_id) == (None, agent.id)
    assert found.permissions == {"memories:read"}
    star = await identity.create_api_key(ctx, ApiKeyCreate(name="all", agent_id=agent.id, scopes=("*",)))
    everything = (await identity.authenticate_api_key(ctx, shown(star.key))).permissions
    assert "*" not in everything
    assert {"memories:write", "workflows:execute"} <= everything
    with pytest.raises(NotFound) as caught:
        await identity.create_api_key(other, request)
    assert caught.value.data["field"] == "agent_id"
    await agents.set_status(ctx, AgentStatusSet(agent_id=agent.id, status=AgentStatus.ARCHIVED))
    for made in (key, star):
        with pytest.raises(Unauthenticated):
            await identity.authenticate_api_key(ctx, shown(made.key))
    second = await agents.create_agent(ctx, AgentCreate(name="Second"))
    key = await identity.create_api_key(ctx, request.model_copy(update={"agent_id": second.id}))
    await agents.delete_agent(ctx, AgentRef(agent_id=second.id))
    with pytest.raises(Unauthenticated):
        await identity.authenticate_api_key(ctx, shown(key.key))


async def test_a_key_expires_and_is_revoked(ctx: Context) -> None:
    user = await person(ctx)
    now = replace(ctx, clock=FixedClock(T0))
    key = await identity.create_api_key(
        now, ApiKeyCreate(name="short", user_id=user.id, expires_at=T0 + timedelta(days=1))
    )
    await identity.authenticate_api_key(now, shown(key.key))
    with pytest.raises(Unauthenticated) as caught:
        await identity.authenticate_api_key(replace(ctx, clock=FixedClock(T0 + timedelta(days=1))), shown(key.key))
    assert caught.value.code == "unauthenticated.expired"
    with pytest.raises(Invalid) as late:
        await identity.create_api_key(now, ApiKeyCreate(name="late", user_id=user.id, expires_at=T0))
    assert late.value.data["field"] == "expires_at"
    ended = await identity.revoke_api_key(now, ApiKeyRef(api_key_id=key.id))
    assert ended.revoked_at == T0
    again = await identity.revoke_api_key(
        replace(ctx, clock=FixedClock(T0 + timedelta(days=2))), ApiKeyRef(api_key_id=key.id)
    )
    assert again.revoked_at == T0
    with pytest.raises(Unauthenticated) as caught:
        await identity.authenticate_api_key(now, shown(key.key))
    assert caught.value.code == "unauthenticated.api_key"
    with pytest.raises(Unauthenticated):
        await identity.authenticate_api_key(now, Token(token=SecretStr("mnk_nothing")))


async def test_a_suspended_persons_key_finds_nobody_until_they_are_back(ctx: Context) -> None:
    user = await person(ctx)
    key = await identity.create_api_key(ctx, ApiKeyCreate(name="k", user_id=user.id))
    await identity.update_user(ctx, UserUpdate(id=user.id, status="suspended"))
    with pytest.raises(Unauthenticated):
        await identity.authenticate_api_key(ctx, shown(key.key))
    await identity.update_user(ctx, UserUpdate(id=user.id, status="active"))
    await identity.authenticate_api_key(ctx, shown(key.key))
    await identity.delete_user(ctx, UserRef(user_id=user.id))
    with pytest.raises(Unauthenticated):
        await identity.authenticate_api_key(ctx, shown(key.key))


async def test_the_last_use_is_written_once_a_minute_and_not_on_the_key(ctx: Context, admin: Any) -> None:
    user = await person(ctx)
    key = await identity.create_api_key(ctx, ApiKeyCreate(name="k", user_id=user.id))

    async def use(moment: datetime) -> datetime:
        # A cache of its own: another process.
        await identity.authenticate_api_key(replace(ctx, clock=FixedClock(moment), cache=Cache()), shown(key.key))
        found: datetime = await admin.fetchval("SELECT last_used_at FROM api_key_uses WHERE api_key_id = $1", key.id)
        return found

    before = await admin.fetchval("SELECT xmin::text FROM api_keys WHERE id = $1", key.id)
    assert await use(T0) == T0
    assert await use(T0 + timedelta(seconds=59)) == T0
    assert await use(T0 + timedelta(seconds=61)) == T0 + timedelta(seconds=61)
    assert await admin.fetchval("SELECT xmin::text FROM api_keys WHERE id = $1", key.id) == before
    (listed,) = (await identity.list_api_keys(ctx, ListApiKeys(user_id=user.id))).items
    assert listed.last_used_at == T0 + timedelta(seconds=61)


async def test_nobody_makes_a_key_that_may_do_more_than_they(ctx: Context) -> None:
    boss, clerk = await person(ctx), await person(ctx)
    await identity.assign_role(ctx, RoleAssign(user_id=boss.id, role="owner"))
    mine = acting(ctx, clerk, "memories:read")
    own = ApiKeyCreate(name="mine", user_id=clerk.id, scopes=("memories:read",))
    await identity.create_api_key(mine, own)
    for scopes in (("memories:write",),):
        with pytest.raises(Forbidden) as caught:
            await identity.create_api_key(mine, own.model_copy(update={"scopes": scopes}))
        assert caught.value.code == "forbidden.escalation"
    with pytest.raises(Forbidden) as caught:
        await identity.create_api_key(mine, ApiKeyCreate(name="theirs", user_id=boss.id))
    assert caught.value.code == "forbidden.permission"
    manager = acting(ctx, clerk, "api_keys:write", "memories:read")
    with pytest.raises(Forbidden) as caught:
        await identity.create_api_key(manager, ApiKeyCreate(name="theirs", user_id=boss.id, scopes=("*",)))
    assert caught.value.code == "forbidden.escalation"


async def test_keys_are_nobody_elses(ctx: Context, other: Context) -> None:
    user, colleague = await person(ctx), await person(ctx)
    key = await identity.create_api_key(ctx, ApiKeyCreate(name="k", user_id=user.id))
    assert (await identity.list_api_keys(other, ListApiKeys())).items == ()
    for missing in (
        identity.revoke_api_key(other, ApiKeyRef(api_key_id=key.id)),
        identity.create_api_key(other, ApiKeyCreate(name="k", user_id=user.id)),
    ):
        with pytest.raises(NotFound):
            await missing
    stranger = acting(ctx, colleague)
    for refused in (
        identity.revoke_api_key(stranger, ApiKeyRef(api_key_id=key.id)),
        identity.list_api_keys(stranger, ListApiKeys()),
        identity.list_api_keys(stranger, ListApiKeys(user_id=user.id)),
    ):
        with pytest.raises(Forbidden):
            await refused
    await identity.authenticate_api_key(ctx, shown(key.key))
    await identity.revoke_api_key(acting(ctx, user), ApiKeyRef(api_key_id=key.id))


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        ({"name": "k"}, "invalid.one_owner", ""),
        ({"name": "k", "user_id": uuid4(), "agent_id": uuid4()}, "invalid.one_owner", ""),
        ({"name": " ", "user_id": uuid4()}, "invalid.blank", "name"),
        ({"name": "k", "user_id": uuid4(), "scopes": ["everything"]}, "invalid.string_pattern_mismatch", "scopes.0"),
        ({"name": "k", "user_id": uuid4(), "colour": "red"}, "invalid.unknown_field", "colour"),
    ],
)
def test_a_request_out_of_bounds_names_the_field(data: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(ApiKeyCreate, data)
    assert (caught.value.code, caught.value.data["field"]) == (code, field)


async def test_a_scope_must_be_a_permission_there_is(ctx: Context) -> None:
    user = await person(ctx)
    with pytest.raises(Invalid) as caught:
        await identity.create_api_key(ctx, ApiKeyCreate(name="k", user_id=user.id, scopes=("coffee:make",)))
    assert (caught.value.code, caught.value.data["field"]) == ("invalid.permission", "scopes")


async def test_the_database_wants_one_owner_and_one_key_once(ctx: Context, database: Database) -> None:
    user = await person(ctx)
    organization, raw = ctx.principal.organization_id, uuid4().bytes

    async def add(user_id: Any) -> None:
        async with database.transaction(ctx.principal) as connection:
            await connection.execute(
                "INSERT INTO api_keys (organization_id, user_id, name, prefix, key_hash) "
                "VALUES ($1, $2, 'k', 'p', sha256($3))",
                organization,
                user_id,
                raw,
            )

    with pytest.raises(Invalid) as caught:
        await add(None)
    assert caught.value.code == "invalid.one_owner"
    await add(user.id)
    with pytest.raises(Conflict) as twice:
        await add(user.id)
    assert (twice.value.code, twice.value.data["field"]) == ("conflict.exists", "key_hash")
