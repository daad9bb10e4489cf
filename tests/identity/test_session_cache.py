"""Sessions in Redis, in front of PostgreSQL (REQ-T123): faster where it is there, right where it is not."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from pydantic import SecretStr

from mnemon import verbs
from mnemon.context import Context
from mnemon.core.errors import MnemonError, Unauthenticated
from mnemon.core.shared import SharedCache
from mnemon.identity import service, session_cache
from mnemon.identity.schemas import UserCreate, UserRef
from mnemon.identity.schemas_access import (
    Authenticated,
    RoleAssign,
    SessionRef,
    SessionRefresh,
    SessionStart,
    SessionTokens,
    Token,
)
from mnemon.operations import service as operations
from mnemon.operations.schemas import Erase
from tests.factories import new_slug
from tests.redis_server import RedisServer, running
from tests.workspace.helpers import at


@pytest_asyncio.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with running(tmp_path) as server:
        yield server


@pytest_asyncio.fixture
async def cached(ctx: Context, redis: RedisServer) -> AsyncIterator[Context]:
    shared = SharedCache(SecretStr(f"redis://127.0.0.1:{redis.port}/0"))
    yield replace(ctx, shared=shared)
    await shared.close()


async def signed_in(ctx: Context) -> tuple[UUID, SessionTokens]:
    user = await service.create_user(ctx, UserCreate(email=f"{new_slug('p')}@example.org"))
    await service.assign_role(ctx, RoleAssign(user_id=user.id, role="member"))
    return user.id, await service.start_session(ctx, SessionStart(user_id=user.id))


async def find(ctx: Context, tokens: SessionTokens) -> Authenticated:
    return await service.find_session(ctx, Token(token=tokens.access_token))


async def gone(ctx: Context, tokens: SessionTokens) -> bool:
    try:
        await find(ctx, tokens)
    except Unauthenticated:
        return True
    return False


async def test_it_answers_from_redis_and_for_seconds_only(cached: Context, admin: Any) -> None:
    user, tokens = await signed_in(cached)
    plain = replace(cached, shared=None)
    first = await find(cached, tokens)
    assert first == await find(plain, tokens)
    assert first.user_id == user
    await admin.execute("DELETE FROM sessions WHERE id = $1", tokens.session_id)  # behind everybody's back
    assert await find(cached, tokens) == first, "it was not asked for in Redis"
    later = at(cached, cached.clock.now() + timedelta(seconds=session_cache.SECONDS + 0.1))
    assert await gone(later, tokens)
    assert await gone(plain, tokens)


async def test_what_ends_a_session_or_changes_rights_is_seen_at_once(cached: Context) -> None:
    user, tokens = await signed_in(cached)
    other = replace(cached, shared=SharedCache(cached.shared._url)) if cached.shared else cached
    assert "users:write" not in (await find(other, tokens)).permissions
    await service.assign_role(cached, RoleAssign(user_id=user, role="admin"))
    assert "users:write" in (await find(other, tokens)).permissions
    await service.unassign_role(cached, RoleAssign(user_id=user, role="admin"))
    assert "users:write" not in (await find(other, tokens)).permissions
    renewed = await service.refresh_session(cached, SessionRefresh(token=tokens.refresh_token))
    assert await gone(other, tokens)
    assert (await find(other, renewed)).user_id == user
    await service.revoke_session(cached, SessionRef(session_id=renewed.session_id))
    assert await gone(other, renewed)
    for end in (
        lambda: service.revoke_sessions(cached, UserRef(user_id=user)),
        lambda: operations.erase(cached, Erase(kind="user", name=str(user))),
    ):
        fresh = await service.start_session(cached, SessionStart(user_id=user))
        await find(other, fresh)
        await end()
        assert await gone(other, fresh)
    if other.shared is not None:
        await other.shared.close()


async def test_an_answer_read_before_a_change_and_kept_after_it_is_not_believed(cached: Context) -> None:
    _, tokens = await signed_in(cached)
    known = await find(replace(cached, shared=None), tokens)
    asked, release = asyncio.Event(), asyncio.Event()

    async def slowly() -> tuple[Authenticated, float]:
        asked.set()
        await release.wait()
        return known, 3600.0

    digest = b"d" * 32
    await session_cache.found(cached, b"e" * 32, slowly_not(known))  # a word is there
    reading = asyncio.create_task(session_cache.found(cached, digest, slowly))
    await asked.wait()
    await service.revoke_session(cached, SessionRef(session_id=tokens.session_id))
    release.set()
    assert await reading == known

    async def refused() -> tuple[Authenticated, float]:
        raise Unauthenticated("It has ended.")

    with pytest.raises(Unauthenticated):
        await session_cache.found(cached, digest, refused)


def slowly_not(known: Authenticated) -> Any:
    async def ask() -> tuple[Authenticated, float]:
        return known, 3600.0

    return ask


async def test_redis_that_is_killed_makes_it_slower_and_not_wrong(cached: Context, redis: RedisServer) -> None:
    user, tokens = await signed_in(cached)
    await find(cached, tokens)
    redis.kill()
    begun = time.monotonic()
    for _ in range(5):
        assert (await find(cached, tokens)).user_id == user
    assert time.monotonic() - begun < 5
    await service.revoke_session(cached, SessionRef(session_id=tokens.session_id))
    assert await gone(cached, tokens)
    await redis.start()
    await asyncio.sleep(1.1)
    assert await gone(cached, tokens)
    fresh = await service.start_session(cached, SessionStart(user_id=user))
    assert (await find(cached, fresh)).user_id == user


async def test_who_writes_into_redis_makes_nobody_anybody(cached: Context, redis: RedisServer) -> None:
    (ada, ada_tokens), (_, bo_tokens) = await signed_in(cached), await signed_in(cached)
    await find(cached, ada_tokens)
    client = redis.client()
    (entry,) = [key async for key in client.scan_iter("mnemon:session:*")]
    value = await client.get(entry)
    assert ada_tokens.access_token.get_secret_value().encode() not in value
    await find(cached, bo_tokens)
    (other,) = [key async for key in client.scan_iter("mnemon:session:*") if key != entry]
    await client.set(other, value)  # Ada's answer under Bo's token
    assert (await find(cached, bo_tokens)).user_id != ada
    for wrong in (
        b"",
        b"x" * 200,
        value[:-1],
        value[:32] + value[32:].replace(b'"permissions":[', b'"permissions":["*",'),
    ):
        await client.set(entry, wrong)
        assert "*" not in (await find(cached, ada_tokens)).permissions
    await client.aclose()


async def test_it_is_under_five_milliseconds(cached: Context) -> None:
    _, tokens = await signed_in(cached)
    taken = []
    for _ in range(200):
        begun = time.perf_counter()
        await find(cached, tokens)
        taken.append(time.perf_counter() - begun)
    assert statistics.median(taken) < 0.005


def test_every_verb_that_ends_or_changes_what_is_kept_forgets() -> None:
    """A verb of identity that changes something forgets, or has its reason not to."""
    harmless = set(
        "create_user create_team create_role create_api_key revoke_api_key authenticate_api_key enrol_totp enrol_sms "
        "verify_totp remove_mfa_device set_preferences register_device deactivate_device store_oauth_token "
        "set_timezone start_session sign_in sign_in_trusted finish_sign_in send_code ask_reset make_recovery_codes "
        "send_account_mail invite_user verify_password".split()
    )
    changing = {one for one in verbs.every() if one.domain == "identity" and one.changes}
    missing = {
        one.name.partition(".")[2]
        for one in changing
        if not any(getattr(layer, "forgets", False) for layer in _layers(one.function))
    }
    assert missing <= harmless, sorted(missing - harmless)
    assert harmless <= {one.name.partition(".")[2] for one in changing}


def _layers(function: Any) -> list[Any]:
    layers = [function]
    while hasattr(layers[-1], "__wrapped__"):
        layers.append(layers[-1].__wrapped__)
    return layers


def test_a_url_that_is_none_says_so() -> None:
    with pytest.raises((MnemonError, ValueError)):
        _ = SharedCache(SecretStr("http://x")).client
