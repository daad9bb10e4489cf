"""Recovery codes: ten of them, each once, counted like every other guess, and nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core.crypto import new_secret_key, totp, totp_step
from mnemon.core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from mnemon.core.principal import Principal
from mnemon.core.text import parse
from mnemon.identity import service
from mnemon.identity.schemas import UserCreate, UserRef
from mnemon.identity.schemas_access import TotpCheck, TotpEnrol
from mnemon.identity.schemas_signin import SecondFactor, SignIn
from tests.factories import new_slug, with_settings

PASSWORD = "seven green lanterns"


@pytest.fixture
def home(ctx: Context) -> Context:
    return with_settings(ctx, secret_key=SecretStr(new_secret_key()))


async def person(ctx: Context) -> tuple[UUID, str]:
    """Somebody with a second factor in force."""
    email = f"{new_slug('p')}@example.org"
    user = await service.create_user(ctx, UserCreate(email=email, password=SecretStr(PASSWORD)))
    enrolled = await service.enrol_totp(ctx, TotpEnrol(user_id=user.id))
    code = totp(enrolled.secret.get_secret_value(), totp_step(ctx.clock.now()))
    await service.verify_totp(ctx, TotpCheck(user_id=user.id, code=code))
    return user.id, email


async def challenge(ctx: Context, email: str) -> SecretStr:
    signed = await service.sign_in(ctx, SignIn(email=email, password=SecretStr(PASSWORD)))
    assert signed.challenge is not None
    return signed.challenge


async def codes_of(ctx: Context, user: UUID) -> list[str]:
    made = await service.make_recovery_codes(ctx, UserRef(user_id=user))
    return [code.get_secret_value() for code in made.codes]


async def finish(ctx: Context, email: str, code: str) -> Any:
    return await service.finish_sign_in(ctx, SecondFactor(challenge=await challenge(ctx, email), code=code))


async def test_each_is_accepted_once_however_it_is_typed(home: Context) -> None:
    user, email = await person(home)
    codes = await codes_of(home, user)
    assert len(set(codes)) == 10
    for code in (codes[0], codes[1].upper(), codes[2].replace("-", "") + " "):
        assert (await finish(home, email, code)).session_id
        with pytest.raises(Unauthenticated) as caught:
            await finish(home, email, code)
        assert caught.value.code == "unauthenticated.mfa_code"


async def test_two_at_a_time_use_it_once(home: Context) -> None:
    user, email = await person(home)
    code = (await codes_of(home, user))[0]
    asked = SecondFactor(challenge=await challenge(home, email), code=code)
    results = await asyncio.gather(*(service.finish_sign_in(home, asked) for _ in range(4)), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in results) == 1


async def test_others_make_the_ones_before_worthless(home: Context) -> None:
    user, email = await person(home)
    before, after = await codes_of(home, user), await codes_of(home, user)
    with pytest.raises(Unauthenticated):
        await finish(home, email, before[0])
    assert (await finish(home, email, after[0])).session_id


async def test_they_are_nobody_elses_and_guesses_are_counted(home: Context) -> None:
    (user, email), (_, other) = await person(home), await person(home)
    codes = await codes_of(home, user)
    with pytest.raises(Unauthenticated):
        await finish(home, other, codes[0])
    held = await challenge(home, email)

    async def guess() -> None:
        for n in range(12):
            try:
                await service.finish_sign_in(home, SecondFactor(challenge=held, code=f"aaaaa-aaaa{'abcdefghijkl'[n]}"))
            except Unauthenticated as error:
                if error.code == "unauthenticated.mfa_locked":
                    raise

    with pytest.raises(Unauthenticated):
        await guess()
    with pytest.raises(Unauthenticated) as caught:
        await service.finish_sign_in(home, SecondFactor(challenge=held, code=codes[1]))
    assert caught.value.code == "unauthenticated.mfa_locked"


async def test_who_may_not_makes_none(home: Context, other: Context, admin: Any) -> None:
    user, _ = await person(home)
    nobody = home.as_principal(Principal(home.principal.organization_id, permissions=frozenset()))
    with pytest.raises(Forbidden):
        await codes_of(nobody, user)
    with pytest.raises(NotFound):
        await codes_of(other, user)
    codes = await codes_of(home, user)
    kept = await admin.fetchval(
        "SELECT string_agg(to_jsonb(r)::text, ' ') FROM recovery_codes r WHERE user_id = $1", user
    )
    assert all(code not in kept and code.replace("-", "").upper() not in kept for code in codes)


@pytest.mark.parametrize("code", ["12345", "1234567", "abcde-fghi", "abcde-fghi1", "abcdefghijk", ""])
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(Invalid):
        parse(SecondFactor, {"challenge": "x", "code": code})
