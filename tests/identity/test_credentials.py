"""Passwords, second factors and kept tokens."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from mnemon import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from mnemon.context import Context
from mnemon.core import crypto
from mnemon.db.session import Database
from mnemon.identity import service as identity
from mnemon.identity.schemas import ListOfUser, UserUpdate
from mnemon.identity.schemas_access import (
    MfaDeviceRef,
    OAuthTokenRef,
    OAuthTokenStore,
    PasswordCheck,
    PasswordSet,
    TotpCheck,
    TotpEnrol,
)

from .access import PASSWORD, acting, address, at, keyed, person

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def check(email: str, password: str) -> PasswordCheck:
    return PasswordCheck(email=email, password=SecretStr(password))


# Passwords.


async def test_a_password_is_set_and_recognised_whatever_the_case_of_the_address(ctx: Context, admin: Any) -> None:
    email = address()
    user = await person(ctx, email=email, password=PASSWORD)
    known = await identity.verify_password(ctx, check(email.upper(), PASSWORD))
    assert known.user_id == user.id
    assert known.organization_id == ctx.principal.organization_id
    assert not known.mfa_required
    row = await admin.fetchrow("SELECT * FROM user_credentials WHERE user_id = $1", user.id)
    assert row["password_hash"].startswith("$2b$12$")
    assert row["password_changed_at"] is not None
    assert await admin.fetchval("SELECT count(*) FROM users u WHERE u.id = $1 AND u::text LIKE '%$2b$%'", user.id) == 0


async def test_nobody_learns_who_has_an_account(ctx: Context) -> None:
    email = address()
    user = await person(ctx, email=email, password=PASSWORD)
    errors, taken = [], []
    for asked in (check(email, "wrong password"), check(address(), PASSWORD), check("no\x00body@x.org", PASSWORD)):
        start = time.process_time()  # other programs on the machine have no part in it
        with pytest.raises(Unauthenticated) as caught:
            await identity.verify_password(ctx, asked)
        taken.append(time.process_time() - start)
        errors.append(caught.value.as_dict())
    assert errors[0] == errors[1] == errors[2]
    assert min(taken) > 0.3 * max(taken), "an unknown address is answered at another speed"
    await identity.update_user(ctx, UserUpdate(id=user.id, status="suspended"))
    with pytest.raises(Unauthenticated):
        await identity.verify_password(ctx, check(email, PASSWORD))


async def test_ones_own_password_needs_the_current_one_and_ends_sessions(ctx: Context, admin: Any) -> None:
    email = address()
    user = await person(ctx, email=email, password=PASSWORD)
    await admin.execute(
        "INSERT INTO sessions (organization_id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, 'infinity')",
        ctx.principal.organization_id,
        user.id,
        crypto.token_hash(address()),
    )
    mine = acting(ctx, user)
    new = SecretStr("another horse battery")
    with pytest.raises(Unauthenticated) as caught:
        await identity.set_password(mine, PasswordSet(user_id=user.id, password=new))
    assert caught.value.data["field"] == "current_password"
    await identity.set_password(mine, PasswordSet(user_id=user.id, password=new, current_password=SecretStr(PASSWORD)))
    assert await admin.fetchval("SELECT revoked_at IS NOT NULL FROM sessions WHERE user_id = $1", user.id)
    assert (await identity.verify_password(ctx, check(email, new.get_secret_value()))).user_id == user.id
    with pytest.raises(Unauthenticated):
        await identity.verify_password(ctx, check(email, PASSWORD))


async def test_nobody_sets_the_password_of_who_may_do_more(ctx: Context, other: Context) -> None:
    boss, clerk = await person(ctx), await person(ctx)
    await identity.assign_role(ctx, identity_role(boss.id, "owner"))
    wanted = PasswordSet(user_id=boss.id, password=SecretStr(PASSWORD))
    with pytest.raises(Forbidden) as caught:
        await identity.set_password(acting(ctx, clerk), wanted)
    assert caught.value.code == "forbidden.permission"
    with pytest.raises(Forbidden) as caught:
        await identity.set_password(acting(ctx, clerk, "users:write"), wanted)
    assert caught.value.code == "forbidden.escalation"
    with pytest.raises(NotFound):
        await identity.set_password(other, wanted)


def identity_role(user_id: Any, role: str) -> Any:
    from mnemon.identity.schemas_access import RoleAssign

    return RoleAssign(user_id=user_id, role=role)


@pytest.mark.parametrize(
    ("table", "columns", "field"),
    [
        ("user_credentials", {"password_hash": "'secret in the clear'"}, "password_hash"),
        ("user_credentials", {"password_hash": "'$2b$10$' || repeat('x', 53)"}, "password_hash"),
        ("mfa_devices", {"name": "'app'", "secret_encrypted": "'JBSWY3DP'"}, "secret_encrypted"),
        ("mfa_devices", {"name": "'tel'", "type": "'sms'", "secret_encrypted": "'v1.00000000.x'"}, "phone_number"),
        (
            "mfa_devices",
            {"name": "'tel'", "type": "'sms'", "secret_encrypted": "'v1.00000000.x'", "phone_number": "'0049'"},
            "phone_number",
        ),
        ("oauth_tokens", {"provider": "'google'", "access_token_encrypted": "'ya29.token'"}, "access_token_encrypted"),
        ("oauth_tokens", {"provider": "'Go ogle'", "access_token_encrypted": "'v1.00000000.x'"}, "provider"),
        ("sessions", {"token_hash": "'token'::bytea", "expires_at": "now()"}, "token_hash"),
        ("api_keys", {"name": "'k'", "prefix": "'p'", "key_hash": "'key'::bytea"}, "key_hash"),
        ("api_keys", {"name": "' '", "prefix": "'p'", "key_hash": "sha256('1')"}, "name"),
        ("api_keys", {"name": "'k'", "prefix": "'p'", "key_hash": "sha256('1')", "scopes": "'{all of it}'"}, "scopes"),
        ("user_preferences", {"max_memories_per_request": "0"}, "max_memories_per_request"),
        ("user_preferences", {"theme": "'pink'"}, "theme"),
        ("user_preferences", {"excluded_memory_types": "'{secret}'"}, "excluded_memory_types"),
        ("user_preferences", {"language": "'English'"}, "language"),
        ("devices", {"device_token": "''", "platform": "'ios'"}, "device_token"),
    ],
)
async def test_what_the_schemas_refuse_the_database_refuses_too(
    ctx: Context, database: Database, table: str, columns: dict[str, str], field: str
) -> None:
    user = await person(ctx)
    names, values = ", ".join(columns), ", ".join(columns.values())
    with pytest.raises(Invalid) as caught:
        async with database.transaction(ctx.principal) as connection:
            await connection.execute(
                f"INSERT INTO {table} (organization_id, user_id, {names}) VALUES ($1, $2, {values})",
                ctx.principal.organization_id,
                user.id,
            )
    assert caught.value.data["field"] == field
    assert caught.value.data["table"] == table


# Second factors.


async def enrolled(ctx: Context, user_id: Any, moment: datetime = T0) -> tuple[Any, str]:
    made = await identity.enrol_totp(ctx, TotpEnrol(user_id=user_id))
    secret = made.secret.get_secret_value()
    assert secret in made.uri.get_secret_value()
    code = crypto.totp(secret, crypto.totp_step(moment))
    first = await identity.verify_totp(at(ctx, moment), TotpCheck(user_id=user_id, code=code))
    assert first.confirmed
    return made.device_id, secret


async def test_an_app_counts_from_its_first_code_on(ctx: Context, admin: Any) -> None:
    house, email = keyed(ctx), address()
    user = await person(ctx, email=email, password=PASSWORD)
    device, secret = await enrolled(house, user.id)
    assert (await identity.verify_password(ctx, check(email, PASSWORD))).mfa_required
    kept = await admin.fetchval("SELECT secret_encrypted FROM mfa_devices WHERE id = $1", device)
    assert secret not in kept
    assert [found.id for found in (await identity.list_mfa_devices(house, ListOfUser(user_id=user.id))).items] == [
        device
    ]
    with pytest.raises(Conflict) as caught:
        await identity.enrol_totp(house, TotpEnrol(user_id=user.id))
    assert caught.value.data["field"] == "name"
    await identity.remove_mfa_device(house, MfaDeviceRef(device_id=device))
    assert not (await identity.verify_password(ctx, check(email, PASSWORD))).mfa_required
    with pytest.raises(NotFound):
        await identity.remove_mfa_device(house, MfaDeviceRef(device_id=device))


async def test_a_code_is_accepted_once_even_by_two_at_a_time(ctx: Context) -> None:
    house = keyed(ctx)
    user = await person(ctx)
    _, secret = await enrolled(house, user.id)
    later = T0 + timedelta(minutes=5)
    asked = TotpCheck(user_id=user.id, code=crypto.totp(secret, crypto.totp_step(later)))
    results = await asyncio.gather(
        *(identity.verify_totp(at(house, later), asked) for _ in range(4)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, Unauthenticated)]
    assert len(refused) == 3
    assert {error.code for error in refused} == {"unauthenticated.mfa_code"}
    before = TotpCheck(user_id=user.id, code=crypto.totp(secret, crypto.totp_step(later) - 1))
    with pytest.raises(Unauthenticated):  # an older one that was never used is as worthless
        await identity.verify_totp(at(house, later), before)


async def test_codes_cannot_be_tried_without_end(ctx: Context) -> None:
    house = keyed(ctx)
    user = await person(ctx)
    _, secret = await enrolled(house, user.id)
    later = T0 + timedelta(minutes=5)
    right = crypto.totp(secret, crypto.totp_step(later))
    wrong = str((int(right) + 1) % 10**6).zfill(6)
    while crypto.match_totp(secret, wrong, later) is not None:
        wrong = str((int(wrong) + 1) % 10**6).zfill(6)
    for _ in range(5):
        with pytest.raises(Unauthenticated) as caught:
            await identity.verify_totp(at(house, later), TotpCheck(user_id=user.id, code=wrong))
        assert caught.value.code == "unauthenticated.mfa_code"
    with pytest.raises(Unauthenticated) as caught:
        await identity.verify_totp(at(house, later), TotpCheck(user_id=user.id, code=right))
    assert caught.value.code == "unauthenticated.mfa_locked"
    after = later + timedelta(minutes=16)
    code = crypto.totp(secret, crypto.totp_step(after))
    assert not (await identity.verify_totp(at(house, after), TotpCheck(user_id=user.id, code=code))).confirmed


async def test_second_factors_are_nobody_elses(ctx: Context, other: Context) -> None:
    house, stranger = keyed(ctx), keyed(other)
    user, colleague = await person(ctx), await person(ctx)
    device, secret = await enrolled(house, user.id)
    later = T0 + timedelta(minutes=5)
    code = crypto.totp(secret, crypto.totp_step(later))
    with pytest.raises(NotFound):
        await identity.enrol_totp(stranger, TotpEnrol(user_id=user.id))
    with pytest.raises(Unauthenticated):
        await identity.verify_totp(at(stranger, later), TotpCheck(user_id=user.id, code=code))
    assert (await identity.list_mfa_devices(stranger, ListOfUser(user_id=user.id))).items == ()
    with pytest.raises(NotFound):
        await identity.remove_mfa_device(stranger, MfaDeviceRef(device_id=device))
    for refused in (
        identity.enrol_totp(acting(house, colleague), TotpEnrol(user_id=user.id)),
        identity.verify_totp(acting(house, colleague), TotpCheck(user_id=user.id, code=code)),
        identity.list_mfa_devices(acting(house, colleague), ListOfUser(user_id=user.id)),
        identity.remove_mfa_device(acting(house, colleague), MfaDeviceRef(device_id=device)),
    ):
        with pytest.raises(Forbidden):
            await refused


# Tokens of other services.


async def test_tokens_are_kept_encrypted_and_replaced(ctx: Context, other: Context, admin: Any) -> None:
    house = keyed(ctx)
    user = await person(ctx)
    store = OAuthTokenStore(
        user_id=user.id,
        provider="google",
        access_token=SecretStr("ya29.access"),
        refresh_token=SecretStr("1//refresh"),
        scopes=("email", "calendar"),
        expires_at=T0,
    )
    kept = await identity.store_oauth_token(house, store)
    assert kept.access_token.get_secret_value() == "ya29.access"
    assert kept.refresh_token is not None
    assert kept.refresh_token.get_secret_value() == "1//refresh"
    assert kept.scopes == ("email", "calendar")
    assert kept.expired
    assert "ya29" not in repr(kept)
    raw = await admin.fetchval("SELECT t::text FROM oauth_tokens t WHERE user_id = $1", user.id)
    assert "ya29" not in raw
    assert "1//" not in raw
    newer = store.model_copy(update={"access_token": SecretStr("ya30"), "refresh_token": None, "expires_at": None})
    kept = await identity.store_oauth_token(house, newer)
    assert (kept.access_token.get_secret_value(), kept.refresh_token, kept.expired) == ("ya30", None, False)
    assert kept.version == 2
    ref = OAuthTokenRef(user_id=user.id, provider="google")
    for refused in (
        identity.read_oauth_token(keyed(other), ref),
        identity.store_oauth_token(keyed(other), store),
        identity.read_oauth_token(house, OAuthTokenRef(user_id=user.id, provider="github")),
    ):
        with pytest.raises(NotFound):
            await refused
    colleague = acting(house, await person(ctx))
    for forbidden in (identity.read_oauth_token(colleague, ref), identity.store_oauth_token(colleague, store)):
        with pytest.raises(Forbidden):
            await forbidden


async def test_a_ciphertext_moved_to_another_person_is_not_read(ctx: Context, admin: Any) -> None:
    house = keyed(ctx)
    ada, bob = await person(ctx), await person(ctx)
    for user in (ada, bob):
        await identity.store_oauth_token(
            house, OAuthTokenStore(user_id=user.id, provider="x", access_token=SecretStr(f"of {user.id}"))
        )
    await admin.execute(
        "UPDATE oauth_tokens SET access_token_encrypted = "
        "(SELECT access_token_encrypted FROM oauth_tokens WHERE user_id = $1) WHERE user_id = $2",
        ada.id,
        bob.id,
    )
    with pytest.raises(Unavailable) as caught:
        await identity.read_oauth_token(house, OAuthTokenRef(user_id=bob.id, provider="x"))
    assert caught.value.code == "unavailable.secret_unreadable"


async def test_without_a_key_a_secret_is_refused_and_the_way_out_is_named(ctx: Context) -> None:
    user = await person(ctx)
    for refused in (
        identity.enrol_totp(ctx, TotpEnrol(user_id=user.id)),
        identity.store_oauth_token(
            ctx, OAuthTokenStore(user_id=user.id, provider="x", access_token=SecretStr("secret"))
        ),
    ):
        with pytest.raises(Unavailable) as caught:
            await refused
        assert caught.value.code == "unavailable.secret_key"
        assert "MNEMON_SECRET_KEY" in (caught.value.hint or "")
