"""Sign-in sessions: tokens found by their hashes before any organisation is known."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from mnemon import Forbidden, Invalid, NotFound, Unauthenticated
from mnemon.context import Context
from mnemon.core import crypto
from mnemon.core.text import parse
from mnemon.identity import service as identity
from mnemon.identity.schemas import ListOfUser, TeamCreate, UserRef, UserUpdate
from mnemon.identity.schemas_access import (
    RoleAssign,
    SessionRef,
    SessionRefresh,
    SessionStart,
    SessionTokens,
    Token,
)
from tests.conftest import APP, Server
from tests.factories import new_slug

from .access import acting, at, person

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def shown(secret: SecretStr) -> Token:
    return Token(token=secret)


async def signed_in(ctx: Context, user_id: Any) -> SessionTokens:
    return await identity.start_session(ctx, SessionStart(user_id=user_id, ip_address="192.0.2.7", user_agent="test"))


async def test_a_token_says_who_and_what_they_may(ctx: Context, other: Context, admin: Any) -> None:
    user = await person(ctx)
    team = await identity.create_team(ctx, TeamCreate(name="Crew", slug=new_slug("team"), owner_id=user.id))
    await identity.assign_role(ctx, RoleAssign(user_id=user.id, role="viewer"))
    tokens = await signed_in(ctx, user.id)
    # Whatever organisation the one who asks is for: the token says it.
    found = await identity.find_session(other, shown(tokens.access_token))
    assert found.principal.organization_id == ctx.principal.organization_id
    assert found.principal.user_id == user.id
    assert found.principal.team_ids == {team.id}
    assert {"memories:read", "account:write"} <= found.principal.permissions
    assert not {"memories:write", "*"} & found.principal.permissions
    raw = await admin.fetchval("SELECT s::text FROM sessions s WHERE id = $1", tokens.session_id)
    for secret in (tokens.access_token, tokens.refresh_token):
        assert secret.get_secret_value() not in raw
        assert secret.get_secret_value() not in repr(tokens)
    kept = await admin.fetchrow("SELECT * FROM sessions WHERE id = $1", tokens.session_id)
    assert kept["token_hash"] == crypto.token_hash(tokens.access_token.get_secret_value())


async def test_signing_in_is_no_change_of_the_person(ctx: Context) -> None:
    user = await person(ctx)
    await signed_in(ctx, user.id)
    after = await identity.get_user(ctx, UserRef(user_id=user.id))
    assert after.last_login_at is not None
    assert (after.version, after.updated_at) == (user.version, user.updated_at)


async def test_tokens_expire(ctx: Context) -> None:
    user = await person(ctx)
    tokens = await signed_in(at(ctx, T0), user.id)
    assert tokens.expires_at == T0 + timedelta(hours=1)
    await identity.find_session(at(ctx, T0 + timedelta(minutes=59)), shown(tokens.access_token))
    with pytest.raises(Unauthenticated) as caught:
        await identity.find_session(at(ctx, T0 + timedelta(minutes=60)), shown(tokens.access_token))
    assert caught.value.code == "unauthenticated.expired"
    with pytest.raises(Unauthenticated) as caught:
        await identity.refresh_session(at(ctx, T0 + timedelta(days=30)), SessionRefresh(token=tokens.refresh_token))
    assert caught.value.code == "unauthenticated.expired"


async def test_a_refresh_token_is_exchanged_once_and_its_copy_ends_the_session(ctx: Context) -> None:
    user = await person(ctx)
    first = await signed_in(ctx, user.id)
    second = await identity.refresh_session(ctx, SessionRefresh(token=first.refresh_token))
    assert second.session_id == first.session_id
    await identity.find_session(ctx, shown(second.access_token))
    with pytest.raises(Unauthenticated):
        await identity.find_session(ctx, shown(first.access_token))
    with pytest.raises(Unauthenticated) as caught:
        await identity.refresh_session(ctx, SessionRefresh(token=first.refresh_token))
    assert caught.value.code == "unauthenticated.refresh_reused"
    for token in (second.access_token, second.refresh_token):
        with pytest.raises(Unauthenticated) as caught:
            await identity.find_session(ctx, shown(token))
        assert caught.value.code == "unauthenticated.token"
    with pytest.raises(Unauthenticated):
        await identity.refresh_session(ctx, SessionRefresh(token=second.refresh_token))


async def test_of_two_who_refresh_at_once_one_gets_tokens(ctx: Context) -> None:
    user = await person(ctx)
    tokens = await signed_in(ctx, user.id)
    results = await asyncio.gather(
        *(identity.refresh_session(ctx, SessionRefresh(token=tokens.refresh_token)) for _ in range(4)),
        return_exceptions=True,
    )
    assert len([result for result in results if isinstance(result, SessionTokens)]) == 1
    assert len([result for result in results if isinstance(result, Unauthenticated)]) == 3


async def test_a_revoked_session_is_over(ctx: Context) -> None:
    user = await person(ctx)
    one, two, three = [await signed_in(ctx, user.id) for _ in range(3)]
    await identity.revoke_session(acting(ctx, user), SessionRef(session_id=one.session_id))
    await identity.revoke_session(acting(ctx, user), SessionRef(session_id=one.session_id))
    with pytest.raises(Unauthenticated):
        await identity.find_session(ctx, shown(one.access_token))
    await identity.find_session(ctx, shown(two.access_token))
    listed = (await identity.list_sessions(ctx, ListOfUser(user_id=user.id))).items
    assert {session.id for session in listed} == {one.session_id, two.session_id, three.session_id}
    assert {session.ip_address for session in listed} == {"192.0.2.7"}
    assert await identity.revoke_sessions(ctx, UserRef(user_id=user.id)) == 2
    for tokens in (two, three):
        with pytest.raises(Unauthenticated):
            await identity.find_session(ctx, shown(tokens.access_token))


@pytest.mark.parametrize("status", ["suspended", "deleted"])
async def test_who_is_not_active_is_not_let_in(ctx: Context, status: Any) -> None:
    user = await person(ctx)
    tokens = await signed_in(ctx, user.id)
    await identity.update_user(ctx, UserUpdate(id=user.id, status=status))
    with pytest.raises(Unauthenticated):
        await identity.find_session(ctx, shown(tokens.access_token))
    with pytest.raises(NotFound):
        await signed_in(ctx, user.id)
    await identity.update_user(ctx, UserUpdate(id=user.id, status="active"))
    with pytest.raises(Unauthenticated):  # their sessions ended then
        await identity.find_session(ctx, shown(tokens.access_token))


async def test_a_deleted_organisation_lets_nobody_in(ctx: Context, admin: Any) -> None:
    user = await person(ctx)
    tokens = await signed_in(ctx, user.id)
    await admin.execute("UPDATE organizations SET deleted_at = now() WHERE id = $1", ctx.principal.organization_id)
    with pytest.raises(Unauthenticated):
        await identity.find_session(ctx, shown(tokens.access_token))


async def test_sessions_are_nobody_elses(ctx: Context, other: Context) -> None:
    user, colleague = await person(ctx), await person(ctx)
    tokens = await signed_in(ctx, user.id)
    ref = SessionRef(session_id=tokens.session_id)
    with pytest.raises(NotFound):
        await identity.revoke_session(other, ref)
    with pytest.raises(NotFound):
        await signed_in(other, user.id)
    assert (await identity.list_sessions(other, ListOfUser(user_id=user.id))).items == ()
    assert await identity.revoke_sessions(other, UserRef(user_id=user.id)) == 0
    stranger = acting(ctx, colleague)
    for refused in (
        identity.revoke_session(stranger, ref),
        identity.revoke_sessions(stranger, UserRef(user_id=user.id)),
        identity.list_sessions(stranger, ListOfUser(user_id=user.id)),
        signed_in(acting(ctx, colleague, "users:write", "sessions:delete"), user.id),
    ):
        with pytest.raises(Forbidden):
            await refused
    await identity.find_session(ctx, shown(tokens.access_token))


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"user_id": uuid4(), "ip_address": "nowhere"}, "ip_address"),
        ({"user_id": uuid4(), "access_minutes": 0}, "access_minutes"),
        ({"user_id": uuid4(), "refresh_days": 366}, "refresh_days"),
        ({"user_id": "somebody"}, "user_id"),
        ({"user_id": uuid4(), "user_agent": "a\x00b"}, "user_agent"),
    ],
)
def test_a_request_out_of_bounds_names_the_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(SessionStart, data)
    assert caught.value.data["field"].startswith(field)


async def test_the_look_ups_are_the_applications_alone(server: Server, admin: Any) -> None:
    functions = (
        "find_user_by_email(text, bytea, inet)",
        "find_session_by_token_hash(bytea)",
        "find_session_by_refresh_hash(bytea, uuid, bytea)",
        "find_api_key_by_hash(bytea)",
        "password_hash_of(uuid, bytea)",
        "begin_attempt(bytea, bytea, boolean, timestamptz)",
        "attempt_waits(bytea, timestamptz)",
        "settle_attempt(bytea, bytea, boolean, timestamptz, timestamptz)",
    )
    for name in functions:
        assert await admin.fetchval("SELECT has_function_privilege($1, $2, 'EXECUTE')", APP, name)
        assert not await admin.fetchval("SELECT has_function_privilege('public', $1, 'EXECUTE')", name)
        assert await admin.fetchval(
            "SELECT proowner = 'mnemon_owner'::regrole FROM pg_proc WHERE oid = $1::regprocedure", name
        )
    connection = await server.connect(APP)
    try:
        for table in ("user_credentials", "mfa_devices", "oauth_tokens", "sessions", "api_keys"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("INSERT INTO permissions (resource, action) VALUES ('x', 'y')")
    finally:
        await connection.close()


async def test_the_look_ups_use_their_indexes(ctx: Context, admin: Any) -> None:
    """The statement inside each function, planned as its owner, under the owner's policies."""
    user = await person(ctx)
    organization = ctx.principal.organization_id
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute(
        "INSERT INTO sessions (organization_id, user_id, token_hash, refresh_token_hash, expires_at) "
        "SELECT $1, $2, sha256(n::text::bytea), sha256(('r' || n)::bytea), now() FROM generate_series(1, 3000) n",
        organization,
        user.id,
    )
    await admin.execute(
        "INSERT INTO api_keys (organization_id, user_id, name, prefix, key_hash) "
        "SELECT $1, $2, 'k', 'p', sha256(n::text::bytea) FROM generate_series(1, 3000) n",
        organization,
        user.id,
    )
    await admin.execute(
        "INSERT INTO users (organization_id, email) SELECT $1::uuid, n || '.' || $2::text || '@example.org' "
        "FROM generate_series(1, 2000) n",
        organization,
        str(organization),
    )
    await admin.execute("ANALYZE sessions, api_keys, users, directory")
    await admin.execute("SET LOCAL ROLE mnemon_owner")
    for name, indexes in (
        ("find_user_by_email", {"pk_directory", "pk_users"}),
        ("find_session_by_token_hash", {"uq_sessions_token_hash"}),
        (
            "find_session_by_refresh_hash",
            {"uq_sessions_refresh_token_hash", "ix_sessions_previous_refresh", "pk_sessions"},
        ),
        ("find_api_key_by_hash", {"uq_api_keys_key_hash"}),
    ):
        source = await admin.fetchval("SELECT prosrc FROM pg_proc WHERE proname = $1", name)
        query = source.split("RETURN QUERY", 1)[1].rsplit(";", 2)[0]
        query = query.replace("p_email", "'7@x.org'::text").replace("p_hash", "'x'::bytea")
        query = query.replace("p_session", f"'{user.id}'::uuid").replace("p_from", "'192.0.2.7'::inet")
        plan = "\n".join(row[0] for row in await admin.fetch(f"EXPLAIN {query}"))
        for index in indexes:
            assert index in plan, plan
        for table in ("sessions", "api_keys", "users", "directory"):
            assert f"Seq Scan on {table}" not in plan, plan
    await transaction.rollback()
