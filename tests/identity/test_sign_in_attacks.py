"""Attacks on signing in: guessing, a thief's refresh token, hashes read with the application's connection."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import bcrypt
import pytest
from pydantic import SecretStr

from mnemon import Conflict, Forbidden, Invalid, Unauthenticated, Unavailable
from mnemon.context import Context
from mnemon.core import crypto
from mnemon.core.text import parse
from mnemon.identity import service as identity
from mnemon.identity.schemas import UserCreate, UserUpdate
from mnemon.identity.schemas_access import (
    PasswordCheck,
    PasswordSet,
    SessionRefresh,
    SessionStart,
    SessionTokens,
    Token,
    TotpCheck,
    TotpEnrol,
)
from tests.conftest import APP, Server

from .access import PASSWORD, acting, address, at, keyed, person

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WRONG = "wrong horse battery"
MATCH = crypto.match_totp  # what is compared here is not counted


class Comparisons:
    """Counts what is compared, by whatever verb."""

    def __init__(self) -> None:
        self.passwords = 0
        self.codes = 0


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Comparisons:
    count = Comparisons()
    password, code = crypto.verify_password, crypto.match_totp

    def one_password(*args: Any, **kwargs: Any) -> bool:
        count.passwords += 1
        return password(*args, **kwargs)

    def one_code(*args: Any, **kwargs: Any) -> int | None:
        count.codes += 1
        return code(*args, **kwargs)

    monkeypatch.setattr(crypto, "verify_password", one_password)
    monkeypatch.setattr(crypto, "match_totp", one_code)
    return count


def check(email: str, password: str = WRONG, ip: str | None = None) -> PasswordCheck:
    return PasswordCheck(email=email, password=SecretStr(password), ip_address=ip)


async def device(ctx: Context, user_id: Any, name: str, moment: datetime) -> str:
    """A second factor in force; its secret."""
    made = await identity.enrol_totp(ctx, TotpEnrol(user_id=user_id, name=name))
    secret = made.secret.get_secret_value()
    code = crypto.totp(secret, crypto.totp_step(moment))
    assert (await identity.verify_totp(at(ctx, moment), TotpCheck(user_id=user_id, code=code))).confirmed
    return secret


def wrong_code(moment: datetime, *secrets: str) -> str:
    number = 0
    while any(MATCH(secret, f"{number:06}", moment) is not None for secret in secrets):
        number += 1
    return f"{number:06}"


async def test_a_device_that_is_locked_does_not_open_the_others_to_guessing(ctx: Context) -> None:
    house, user = keyed(ctx), await person(ctx)
    first = await device(house, user.id, "first", T0)
    moment = T0 + timedelta(minutes=5)
    for _ in range(4):
        with pytest.raises(Unauthenticated):
            await identity.verify_totp(at(house, moment), TotpCheck(user_id=user.id, code=wrong_code(moment, first)))
    made = await identity.enrol_totp(house, TotpEnrol(user_id=user.id, name="second"))
    second = made.secret.get_secret_value()
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await identity.verify_totp(
                at(house, moment), TotpCheck(user_id=user.id, code=wrong_code(moment, first, second))
            )
    right = TotpCheck(user_id=user.id, code=crypto.totp(second, crypto.totp_step(moment)))
    with pytest.raises(Unauthenticated) as caught:
        await identity.verify_totp(at(house, moment), right)
    assert caught.value.code == "unauthenticated.mfa_locked"


async def several_devices(ctx: Context, number: int = 3) -> tuple[Any, list[str]]:
    user = await person(ctx)
    return user, [await device(ctx, user.id, f"device {n}", T0) for n in range(number)]


async def test_many_guessers_at_once_get_no_more_comparisons_than_one(ctx: Context, compared: Comparisons) -> None:
    """Across devices and kinds, each attempt counted before it is compared."""
    house = keyed(ctx)
    email = address()
    user = await person(ctx, email=email, password=PASSWORD)
    secrets = [await device(house, user.id, f"device {n}", T0) for n in range(3)]
    moment = T0 + timedelta(minutes=5)
    wrong = TotpCheck(user_id=user.id, code=wrong_code(moment, *secrets))
    compared.codes = compared.passwords = 0
    results = await asyncio.gather(
        *(identity.verify_totp(at(house, moment), wrong) for _ in range(30)),
        *(identity.verify_password(at(house, moment), check(email)) for _ in range(30)),
        return_exceptions=True,
    )
    codes = Counter(result.code if isinstance(result, Unauthenticated) else repr(result) for result in results)
    refused = codes.pop("unauthenticated.mfa_locked", 0) + codes.pop("unauthenticated.password_locked", 0)
    assert sum(codes.values()) == 5, codes
    assert codes.keys() <= {"unauthenticated.mfa_code", "unauthenticated.password"}
    assert refused == 55
    assert compared.passwords + compared.codes / 3 == 5
    waits = {result.data["retry_after"] for result in results if isinstance(result, Unauthenticated) and result.hint}
    assert waits == {30}


async def test_guessing_for_a_day_gets_few_comparisons_and_the_owner_waits_an_hour_at_most(
    ctx: Context, compared: Comparisons
) -> None:
    house = keyed(ctx)
    user, secrets = await several_devices(house)
    start = moment = T0 + timedelta(minutes=5)
    compared.codes = 0
    longest = 0
    while moment < start + timedelta(days=1):
        with pytest.raises(Unauthenticated) as caught:
            await identity.verify_totp(at(house, moment), TotpCheck(user_id=user.id, code=wrong_code(moment, *secrets)))
        longest = max(longest, caught.value.data.get("retry_after", 0))
        moment += timedelta(seconds=caught.value.data.get("retry_after", 0))
    assert compared.codes / 3 <= 40, "some thirty in a day, where there were a hundred million"
    assert longest == 3600
    # The hour after the last one, whatever was tried meanwhile: what is refused does not prolong it.
    for minutes in (0, 1, 20, 40, 59):
        with pytest.raises(Unauthenticated):
            await identity.verify_totp(
                at(house, moment + timedelta(minutes=minutes)), TotpCheck(user_id=user.id, code="000000")
            )
    moment += timedelta(hours=1)
    right = TotpCheck(user_id=user.id, code=crypto.totp(secrets[1], crypto.totp_step(moment)))
    await identity.verify_totp(at(house, moment), right)
    for _ in range(5):  # and begins anew
        with pytest.raises(Unauthenticated) as caught:
            await identity.verify_totp(at(house, moment), TotpCheck(user_id=user.id, code=wrong_code(moment, *secrets)))
        assert caught.value.code == "unauthenticated.mfa_code"


async def test_nobody_far_away_locks_a_person_out_of_their_own_place(ctx: Context) -> None:
    email, home = address(), "192.0.2.10"
    user = await person(ctx, email=email, password=PASSWORD)
    await identity.start_session(ctx, SessionStart(user_id=user.id, ip_address=home))
    for n in range(6):
        with pytest.raises(Unauthenticated) as caught:
            await identity.verify_password(ctx, check(email, ip=f"198.51.100.{n}"))
    assert caught.value.code == "unauthenticated.password_locked"
    with pytest.raises(Unauthenticated):  # from elsewhere they wait as well
        await identity.verify_password(ctx, check(email, PASSWORD, ip="203.0.113.5"))
    assert (await identity.verify_password(ctx, check(email, PASSWORD, ip=home))).user_id == user.id
    with pytest.raises(Unauthenticated):  # and coming home does not let the others try again
        await identity.verify_password(ctx, check(email, ip="198.51.100.77"))
    house = keyed(ctx)
    secret = (await identity.enrol_totp(house, TotpEnrol(user_id=user.id))).secret.get_secret_value()
    now = ctx.clock.now()
    code = TotpCheck(user_id=user.id, code=crypto.totp(secret, crypto.totp_step(now)), ip_address=home)
    assert (await identity.verify_totp(at(house, now), code)).confirmed
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await identity.verify_password(ctx, check(email, ip=home))
    with pytest.raises(Unauthenticated) as caught:  # guesses from that place are counted too
        await identity.verify_password(ctx, check(email, PASSWORD, ip=home))
    assert caught.value.code == "unauthenticated.password_locked"


async def test_who_knows_the_password_gets_no_new_guesses_at_the_second_factor_by_it(ctx: Context) -> None:
    house, email = keyed(ctx), address()
    user = await person(ctx, email=email, password=PASSWORD)
    secret = await device(house, user.id, "app", T0)
    moment = T0 + timedelta(minutes=5)
    wrong = TotpCheck(user_id=user.id, code=wrong_code(moment, secret))
    seen: list[str] = []
    for _ in range(10):
        for tried in (
            identity.verify_password(at(house, moment), check(email, PASSWORD)),
            identity.verify_totp(at(house, moment), wrong),
        ):
            try:
                await tried
            except Unauthenticated as error:
                seen.append(error.code)
    assert seen.count("unauthenticated.mfa_code") == 5
    assert "unauthenticated.mfa_locked" in seen


async def test_trying_one_password_at_many_people_is_counted_by_address(
    ctx: Context, compared: Comparisons, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> bool:  # without the time that bcrypt takes
        compared.passwords += 1
        return False

    monkeypatch.setattr(crypto, "verify_password", never)
    # Of IPv6 the network is counted: somebody who has one has all its addresses.
    for prefix in ("203.0.113.", "2001:db8:1:2::"):
        where = f"{prefix}7" if prefix.endswith(".") else None
        compared.passwords = 0
        results = await asyncio.gather(
            *(
                identity.verify_password(at(ctx, T0), check(address(), ip=where or f"{prefix}{n:x}"))
                for n in range(130)
            ),
            return_exceptions=True,
        )
        codes = Counter(result.code for result in results if isinstance(result, Unauthenticated))
        assert codes == {"unauthenticated.password": 100, "unauthenticated.password_locked": 30}
        assert compared.passwords == 100
        with pytest.raises(Unauthenticated) as caught:
            await identity.verify_password(at(ctx, T0), check(address(), ip=where or f"{prefix}ffff"))
        assert caught.value.data["retry_after"] == 30
        elsewhere = check(address(), ip="2001:db8:9:9::1" if where is None else "203.0.113.8")
        with pytest.raises(Unauthenticated) as caught:
            await identity.verify_password(at(ctx, T0), elsewhere)
        assert caught.value.code == "unauthenticated.password"


async def test_a_success_of_ones_own_does_not_set_the_address_back(ctx: Context, admin: Any) -> None:
    email, where = address(), "203.0.113.200"
    await person(ctx, email=email, password=PASSWORD)
    await admin.execute("TRUNCATE sign_in_attempts")
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await identity.verify_password(at(ctx, T0), check(address(), ip=where))
    await identity.verify_password(at(ctx, T0), check(email, PASSWORD, ip=where))
    assert await admin.fetchval("SELECT max(password_failures) FROM sign_in_attempts") == 3


async def test_an_address_that_nobody_has_is_refused_like_one_that_somebody_has(ctx: Context) -> None:
    email, nobodys = address(), address()
    await person(ctx, email=email, password=PASSWORD)
    said = []
    for asked in (email, nobodys):
        errors = []
        for n in range(8):
            with pytest.raises(Unauthenticated) as caught:
                await identity.verify_password(at(ctx, T0), check(asked.upper() if n % 2 else asked))
            errors.append(caught.value.as_dict())
        said.append(errors)
    assert said[0] == said[1]
    assert [error["code"] for error in said[0]].count("unauthenticated.password_locked") == 3


async def test_another_organisation_cannot_make_a_person_wait(ctx: Context, other: Context) -> None:
    house, stranger = keyed(ctx), keyed(other)
    user, (secret, *_) = await several_devices(house)
    moment = T0 + timedelta(minutes=5)
    for _ in range(8):
        with pytest.raises(Unauthenticated):
            await identity.verify_totp(at(stranger, moment), TotpCheck(user_id=user.id, code="000000"))
    right = TotpCheck(user_id=user.id, code=crypto.totp(secret, crypto.totp_step(moment)))
    await identity.verify_totp(at(house, moment), right)


async def test_the_current_password_cannot_be_guessed_at_without_end(ctx: Context, compared: Comparisons) -> None:
    user = await person(ctx, password=PASSWORD)
    mine = acting(ctx, user)
    compared.passwords = 0
    seen: Counter[str] = Counter()
    for given in [WRONG] * 7 + [PASSWORD]:
        with pytest.raises(Unauthenticated) as caught:
            await identity.set_password(
                mine,
                PasswordSet(
                    user_id=user.id,
                    password=SecretStr("another horse battery"),
                    current_password=SecretStr(given),
                ),
            )
        seen[caught.value.code] += 1
    assert seen == {"unauthenticated.password": 5, "unauthenticated.password_locked": 3}
    assert compared.passwords == 5


async def test_an_attempt_whose_process_ends_half_way_stays_counted(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = address()
    await person(ctx, email=email, password=PASSWORD)
    real = crypto.verify_password

    def dies(*_: Any) -> bool:
        raise SystemError

    monkeypatch.setattr(crypto, "verify_password", dies)
    for _ in range(5):
        with pytest.raises(SystemError):
            await identity.verify_password(ctx, check(email, PASSWORD))
    monkeypatch.setattr(crypto, "verify_password", real)
    with pytest.raises(Unauthenticated) as caught:
        await identity.verify_password(ctx, check(email, PASSWORD))
    assert caught.value.code == "unauthenticated.password_locked"


async def test_the_counts_are_nobodys_to_read_or_to_set_back(server: Server, ctx: Context, admin: Any) -> None:
    await person(ctx, email=(email := address()), password=PASSWORD)
    with pytest.raises(Unauthenticated):
        await identity.verify_password(ctx, check(email))
    kept = "\n".join(row[0] for row in await admin.fetch("SELECT a::text FROM sign_in_attempts a"))
    assert kept
    assert email not in kept
    assert email.encode().hex() not in kept
    connection = await server.connect(APP)
    try:
        for statement in (
            "SELECT * FROM sign_in_attempts",
            "UPDATE sign_in_attempts SET blocked_until = NULL",
            "DELETE FROM sign_in_attempts",
            "INSERT INTO sign_in_attempts (subject, last_at) VALUES (sha256('x'), now())",
            "LOCK TABLE sign_in_attempts",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute(statement)
    finally:
        await connection.close()


async def test_counts_are_forgotten_in_time(ctx: Context, admin: Any) -> None:
    await admin.execute("TRUNCATE sign_in_attempts")
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await identity.verify_password(at(ctx, T0), check(address()))
    assert await admin.fetchval("SELECT count(*) FROM sign_in_attempts") == 5
    with pytest.raises(Unauthenticated):
        await identity.verify_password(at(ctx, T0 + timedelta(hours=25)), check(address()))
    assert await admin.fetchval("SELECT count(*) FROM sign_in_attempts") == 1


# Refresh tokens.


async def test_a_thief_who_refreshes_often_is_thrown_out_with_the_owners_token(ctx: Context) -> None:
    user = await person(ctx)
    owners = await identity.start_session(ctx, SessionStart(user_id=user.id))
    thiefs = owners
    for _ in range(5):
        thiefs = await identity.refresh_session(ctx, SessionRefresh(token=thiefs.refresh_token))
    with pytest.raises(Unauthenticated) as caught:
        await identity.refresh_session(ctx, SessionRefresh(token=owners.refresh_token))
    assert caught.value.code == "unauthenticated.refresh_reused"
    with pytest.raises(Unauthenticated):
        await identity.find_session(ctx, Token(token=thiefs.access_token))
    with pytest.raises(Unauthenticated):
        await identity.refresh_session(ctx, SessionRefresh(token=thiefs.refresh_token))


@pytest.mark.parametrize("age", range(5))
async def test_any_old_token_ends_the_session(ctx: Context, age: int) -> None:
    user = await person(ctx)
    made = [await identity.start_session(ctx, SessionStart(user_id=user.id))]
    for _ in range(5):
        made.append(await identity.refresh_session(ctx, SessionRefresh(token=made[-1].refresh_token)))
    await identity.find_session(ctx, Token(token=made[-1].access_token))
    with pytest.raises(Unauthenticated) as caught:
        await identity.refresh_session(ctx, SessionRefresh(token=made[age].refresh_token))
    assert caught.value.code == "unauthenticated.refresh_reused"
    with pytest.raises(Unauthenticated):
        await identity.find_session(ctx, Token(token=made[-1].access_token))


async def test_a_token_that_was_made_up_ends_nothing(ctx: Context, other: Context) -> None:
    user = await person(ctx)
    tokens = await identity.start_session(ctx, SessionStart(user_id=user.id))
    elsewhere = await identity.start_session(other, SessionStart(user_id=(await person(other)).id))
    text = tokens.refresh_token.get_secret_value()
    raw = base64.urlsafe_b64decode(text.removeprefix("mnr_") + "==")
    theirs = base64.urlsafe_b64decode(elsewhere.refresh_token.get_secret_value().removeprefix("mnr_") + "==")
    assert raw[:16] == tokens.session_id.bytes
    for body in (
        raw[:16] + bytes(32) + raw[48:],  # another token of the session, with this one's seal
        raw[:16] + theirs[16:],  # another session's
        raw[:48],
        raw + b"x",
        tokens.session_id.bytes,
    ):
        made_up = SecretStr("mnr_" + base64.urlsafe_b64encode(body).decode().rstrip("="))
        with pytest.raises(Unauthenticated) as caught:
            await identity.refresh_session(ctx, SessionRefresh(token=made_up))
        assert caught.value.code == "unauthenticated.token"
    for text in ("mnr_", "mnr_ä", "mnr_====", "x", "mnr_" + "A" * 86):
        with pytest.raises(Unauthenticated):
            await identity.refresh_session(ctx, SessionRefresh(token=SecretStr(text)))
    await identity.refresh_session(ctx, SessionRefresh(token=tokens.refresh_token))


async def test_a_session_of_before_tokens_named_theirs_goes_on(ctx: Context, admin: Any) -> None:
    user = await person(ctx)
    tokens = await identity.start_session(ctx, SessionStart(user_id=user.id))
    old = crypto.new_token("mnr_")
    await admin.execute(
        "UPDATE sessions SET refresh_token_hash = $2 WHERE id = $1", tokens.session_id, crypto.token_hash(old)
    )
    renewed = await identity.refresh_session(ctx, SessionRefresh(token=SecretStr(old)))
    for _ in range(3):
        renewed = await identity.refresh_session(ctx, SessionRefresh(token=renewed.refresh_token))
    await identity.find_session(ctx, Token(token=renewed.access_token))
    with pytest.raises(Unauthenticated) as caught:  # and the last such token is remembered
        await identity.refresh_session(ctx, SessionRefresh(token=SecretStr(old)))
    assert caught.value.code == "unauthenticated.refresh_reused"
    with pytest.raises(Unauthenticated):
        await identity.find_session(ctx, Token(token=renewed.access_token))


async def test_owner_and_thief_at_the_same_moment_keep_nothing_for_both(ctx: Context) -> None:
    user = await person(ctx)
    tokens = await identity.start_session(ctx, SessionStart(user_id=user.id))
    results = await asyncio.gather(
        *(identity.refresh_session(ctx, SessionRefresh(token=tokens.refresh_token)) for _ in range(2)),
        return_exceptions=True,
    )
    (won,) = [result for result in results if isinstance(result, SessionTokens)]
    with pytest.raises(Unauthenticated):
        await identity.find_session(ctx, Token(token=won.access_token))


# Hashes.


async def test_the_application_cannot_read_a_hash_by_an_address(server: Server, ctx: Context) -> None:
    email, another = address(), address()
    await person(ctx, email=email, password=PASSWORD)
    connection = await server.connect(APP)
    try:
        with pytest.raises(asyncpg.UndefinedFunctionError):
            await connection.fetch("SELECT * FROM find_user_by_email($1)", email)
        good = ctx.database.prove(f"user_by_email:{another}")
        for proof in (None, b"", bytes(32), bytes(36), good, good[:-1], ctx.database.prove(email)):
            assert not await connection.fetch("SELECT * FROM find_user_by_email($1, $2)", email, proof)
            assert not await connection.fetch("SELECT * FROM find_user_by_email(upper($1), $2)", email, proof)
        found = await connection.fetch(
            "SELECT * FROM find_user_by_email($1, $2)", email, ctx.database.prove(f"user_by_email:{email}")
        )
        assert found, "or the above would prove nothing"
    finally:
        await connection.close()


async def test_the_application_cannot_read_a_hash_of_its_own_people(ctx: Context, other: Context) -> None:
    user = await person(ctx, password=PASSWORD)
    organization = ctx.principal.organization_id
    for query in (
        "SELECT password_hash FROM user_credentials",
        "SELECT * FROM user_credentials",
        "SELECT c FROM user_credentials c",
        "SELECT count(*) FROM user_credentials WHERE password_hash LIKE '$2b$12$%'",
        "UPDATE user_credentials SET mfa_enabled = mfa_enabled RETURNING password_hash",
        "UPDATE user_credentials SET mfa_enabled = false WHERE password_hash > 'a'",
        "UPDATE user_credentials SET password_hash = password_hash",
        "DELETE FROM user_credentials RETURNING *",
        "COPY user_credentials (password_hash) TO STDOUT",
        "SELECT password_hash_of(user_id, NULL) FROM user_credentials",
        "SELECT password_hash_of(user_id, '') FROM user_credentials",
        "SELECT password_hash_of(user_id, decode(repeat('00', 36), 'hex')) FROM user_credentials",
    ):
        with pytest.raises(Forbidden):
            async with ctx.database.transaction(ctx.principal) as connection:
                await connection.fetch(query)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        assert await connection.fetchval("SELECT count(*) FROM user_credentials") == 1
        statistics = await connection.fetch("SELECT tablename FROM pg_stats WHERE attname = 'password_hash'")
        assert not statistics
    # With a proof the process reads it, in its own organisation.
    proof = ctx.database.prove(f"password_hash_of:{user.id}")
    for context, there in ((ctx, True), (other, False)):
        async with ctx.database.transaction(context.principal, readonly=True) as connection:
            found = await connection.fetchval("SELECT password_hash_of($1, $2)", user.id, proof)
        assert (found is not None) is there
    assert organization != other.principal.organization_id


async def test_a_session_is_not_found_by_its_id_alone(server: Server, ctx: Context) -> None:
    user = await person(ctx)
    tokens = await identity.start_session(ctx, SessionStart(user_id=user.id))
    query = "SELECT * FROM find_session_by_refresh_hash($1, $2, $3)"
    connection = await server.connect(APP)
    try:
        for proof in (None, b"", bytes(36), ctx.database.prove(f"session_of_token:{user.id}")):
            assert not await connection.fetch(query, bytes(32), tokens.session_id, proof)
        right = ctx.database.prove(f"session_of_token:{tokens.session_id}")
        assert await connection.fetch(query, bytes(32), tokens.session_id, right)
    finally:
        await connection.close()


# Addresses.


async def test_a_refused_address_says_nothing_of_where_it_is(ctx: Context, other: Context) -> None:
    email = address()
    user = await person(other, email=email)
    mine = await person(ctx)
    said = []
    for context in (ctx, other):
        with pytest.raises(Conflict) as caught:
            await person(context, email=email.upper())
        said.append(caught.value.as_dict())
    with pytest.raises(Conflict) as caught:
        await identity.update_user(ctx, UserUpdate(id=mine.id, email=email))
    said.append(caught.value.as_dict())
    assert said[0] == said[1] == said[2]
    assert said[0]["code"] == "conflict.exists"
    for word in (email, str(user.id), str(other.principal.organization_id)):
        assert word not in str(said)


async def test_addresses_cannot_be_asked_through(ctx: Context, other: Context) -> None:
    there = address()
    await person(other, email=there)
    results = await asyncio.gather(*(person(at(ctx, T0), email=there) for _ in range(120)), return_exceptions=True)
    kinds = Counter(getattr(result, "code", repr(result)) for result in results)
    assert kinds == {"conflict.exists": 100, "unavailable.too_many_refused": 20}
    with pytest.raises(Unavailable) as caught:
        await person(at(ctx, T0), email=address())
    assert caught.value.data["retry_after"] == 30
    await person(at(other, T0), email=address())  # another organisation has nothing to do with it
    await person(at(ctx, T0 + timedelta(minutes=1)), email=address())


# Passwords.


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("password", "password_too_short"),
        ("Xk9$pq2#L", "password_too_short"),
        ("password1234", "password_common"),
        ("P@ssw0rd2026!", "password_common"),
        ("$unsh1ne2024", "password_common"),
        ("!!iloveyou!!", "password_common"),
        ("passwordpassword", "password_common"),
        ("let me in now", "password_common"),
        ("qwertyuiop", "password_common"),
        ("0987654321", "password_common"),
        ("abcdefgh1234", "password_common"),
        ("ＰＡＳＳＷＯＲＤ1234", "password_common"),
        ("correct horse battery staple", "password_common"),
        ("abababababab", "password_simple"),
        ("Mnemon2026!!", "password_personal"),
        ("mn3m0n-mn3m0n", "password_personal"),
    ],
)
async def test_what_everybody_tries_first_is_no_password(ctx: Context, password: str, rule: str) -> None:
    problem = crypto.password_problem(password)
    assert problem is not None
    assert problem[0] == rule
    with pytest.raises(Invalid) as caught:
        parse(UserCreate, {"email": address(), "password": password})
    assert (caught.value.code, caught.value.data["field"]) == (f"invalid.{rule}", "password")
    assert password not in str(caught.value.as_dict()) or password == "password"  # the field's own name


@pytest.mark.parametrize(
    "password", ["correct horse battery", "x7$kQ92mLp", "winter sports fan", "lovelace rides a horse", "ein Süßer Hund"]
)
def test_what_is_not_among_them_is_one(password: str) -> None:
    assert crypto.password_problem(password, ("ada.lovelace@example.org", "Ada Lovelace", None)) is None


@pytest.mark.parametrize(
    "password", ["ada lovelace 1815", "Lovelace1815", "L0v3lac3-2026", "adalovelace!", "ada.lovelace.1"]
)
async def test_ones_own_name_is_no_password(ctx: Context, password: str) -> None:
    named = {"email": f"ada.lovelace@{address().partition('@')[0]}.org", "display_name": "Ada Lovelace"}
    with pytest.raises(Invalid) as caught:
        await person(ctx, password=password, **named)
    assert (caught.value.code, caught.value.data["field"]) == ("invalid.password_personal", "password")
    user = await person(ctx, **named)
    for context in (ctx, acting(ctx, user)):
        with pytest.raises(Invalid) as caught:
            await identity.set_password(context, PasswordSet(user_id=user.id, password=SecretStr(password)))
        assert caught.value.code == "invalid.password_personal"
    await identity.set_password(ctx, PasswordSet(user_id=user.id, password=SecretStr(PASSWORD)))


async def test_a_password_of_before_the_rules_still_verifies(ctx: Context, admin: Any) -> None:
    email = address()
    user = await person(ctx, email=email, password=PASSWORD)
    old = bcrypt.hashpw(b"password", bcrypt.gensalt(12)).decode()
    await admin.execute("UPDATE user_credentials SET password_hash = $2 WHERE user_id = $1", user.id, old)
    assert (await identity.verify_password(ctx, check(email, "password"))).user_id == user.id


async def test_passwords_cannot_be_tried_without_end(ctx: Context, compared: Comparisons) -> None:
    email = address()
    user = await person(ctx, email=email, password=PASSWORD)
    for _ in range(8):
        with pytest.raises(Unauthenticated):
            await identity.verify_password(at(ctx, T0), check(email))
    with pytest.raises(Unauthenticated) as caught:
        await identity.verify_password(at(ctx, T0), check(email, PASSWORD))
    assert caught.value.code == "unauthenticated.password_locked"
    assert caught.value.data["retry_after"] == 30
    assert "30 seconds" in str(caught.value)
    assert compared.passwords == 5
    known = await identity.verify_password(at(ctx, T0 + timedelta(seconds=30)), check(email, PASSWORD))
    assert known.user_id == user.id
