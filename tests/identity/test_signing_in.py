"""Signing in with a password, a code, a lost password and an invitation, and those who try without."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core.crypto import new_secret_key, totp, totp_step
from mnemon.core.errors import Conflict, Forbidden, Invalid, MnemonError, NotFound, Unauthenticated, Unavailable
from mnemon.core.principal import Principal
from mnemon.core.text import parse
from mnemon.identity import service
from mnemon.identity.schemas import ListOfUser, UserCreate, UserRef
from mnemon.identity.schemas_access import Token, TotpCheck, TotpEnrol
from mnemon.identity.schemas_signin import (
    AccountMail,
    AskReset,
    InviteUser,
    ResetPassword,
    SecondFactor,
    SendCode,
    SignedIn,
    SignIn,
    SmsEnrol,
    TrustedIdentity,
)
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import ListJobs
from tests.factories import new_slug, with_settings
from tests.workspace.helpers import at

PASSWORD, OTHER = "seven green lanterns", "eleven blue kettles"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return tmp_path / "sent"


@pytest.fixture
def home(ctx: Context, box: Path) -> Context:
    """An organisation that can send, into a file."""
    return with_settings(
        ctx,
        secret_key=SecretStr(new_secret_key()),
        public_url="https://memory.example.org/",
        mail_url=SecretStr(f"file://{box}"),
        sms_url=SecretStr(f"file://{box}"),
    )


def sent(box: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in box.read_text(encoding="utf-8").splitlines()] if box.exists() else []


async def person(ctx: Context, password: str | None = PASSWORD) -> tuple[UUID, str]:
    email = f"{new_slug('p')}@example.org"
    request = parse(UserCreate, {"email": email, **({"password": password} if password else {})})
    return (await service.create_user(ctx, request)).id, email


async def sign_in(ctx: Context, email: str, password: str = PASSWORD) -> SignedIn:
    return await service.sign_in(ctx, SignIn(email=email, password=SecretStr(password)))


async def mailed(ctx: Context) -> None:
    """What the worker does with the mail that is queued."""
    for job in (await jobs.list_jobs(ctx, ListJobs(kind="identity.send_account_mail", limit=1000))).items:
        await service.send_account_mail(ctx, parse(AccountMail, job.payload))


def token_of(text: str) -> SecretStr:
    found = re.search(r"https://memory\.example\.org/password\?token=(\S+)", text)
    assert found is not None
    return SecretStr(found[1])


async def test_a_password_is_enough_where_there_is_no_second_factor(home: Context) -> None:
    user, email = await person(home)
    signed = await sign_in(home, email)
    assert signed.session is not None
    known = await service.find_session(home, Token(token=signed.session.access_token))
    assert (known.user_id, known.session_id) == (user, signed.session.session_id)
    for wrong in ((email, OTHER), (f"{new_slug()}@example.org", PASSWORD)):
        with pytest.raises(Unauthenticated) as caught:
            await sign_in(home, *wrong)
        assert caught.value.code == "unauthenticated.password"


async def test_an_app_is_asked_for_and_its_code_is_worth_one_session(home: Context) -> None:
    user, email = await person(home)
    enrolled = await service.enrol_totp(home, TotpEnrol(user_id=user))
    secret, now = enrolled.secret.get_secret_value(), home.clock.now()
    await service.verify_totp(home, TotpCheck(user_id=user, code=totp(secret, totp_step(now) - 1)))
    signed = await sign_in(home, email)
    assert (signed.session, signed.factors) == (None, ("totp",))
    assert signed.challenge is not None
    good = SecondFactor(challenge=signed.challenge, code=totp(secret, totp_step(now)))
    tokens = await service.finish_sign_in(home, good)
    assert (await service.find_session(home, Token(token=tokens.access_token))).user_id == user
    with pytest.raises(Unauthenticated) as caught:
        await service.finish_sign_in(home, good)
    assert caught.value.code == "unauthenticated.mfa_code"


async def test_a_challenge_is_for_one_person_one_purpose_and_five_minutes(home: Context, other: Context) -> None:
    user, email = await person(home)
    enrolled = await service.enrol_totp(home, TotpEnrol(user_id=user))
    secret, now = enrolled.secret.get_secret_value(), home.clock.now()
    await service.verify_totp(home, TotpCheck(user_id=user, code=totp(secret, totp_step(now) - 1)))
    challenge = (await sign_in(home, email)).challenge
    assert challenge is not None
    text = challenge.get_secret_value()
    code = totp(secret, totp_step(now))
    for wrong in ("x", "a.b.c", text[:-1], "A" + text[1:], text + "x", text.replace(".", "")):
        with pytest.raises(Unauthenticated):
            await service.finish_sign_in(home, SecondFactor(challenge=SecretStr(wrong), code=code))
    with pytest.raises(Unauthenticated):
        await service.reset_password(home, ResetPassword(token=challenge, password=SecretStr(OTHER)))
    late = at(home, now + timedelta(minutes=6))
    with pytest.raises(Unauthenticated) as caught:
        await service.finish_sign_in(late, SecondFactor(challenge=challenge, code=code))
    assert caught.value.code == "unauthenticated.expired"
    # From whatever organisation's door it comes, it is its person's.
    tokens = await service.finish_sign_in(
        with_settings(other, secret_key=home.settings.secret_key), SecondFactor(challenge=challenge, code=code)
    )
    known = await service.find_session(other, Token(token=tokens.access_token))
    assert (known.user_id, known.organization_id) == (user, home.principal.organization_id)


async def test_a_code_comes_to_the_phone(home: Context, box: Path) -> None:
    user, email = await person(home)
    device = await service.enrol_sms(home, SmsEnrol(user_id=user, phone_number="+491701234567"))
    assert (device.type, device.confirmed_at) == ("sms", None)
    assert (await sign_in(home, email)).session is not None, "not in force yet"
    (first,) = sent(box)
    assert first["to"] == "+491701234567"
    code = re.match(r"\d{6}", first["text"])
    assert code is not None
    confirmed = await service.verify_totp(home, TotpCheck(user_id=user, code=code[0]))
    assert confirmed.confirmed
    signed = await sign_in(home, email)
    assert signed.factors == ("sms",)
    assert signed.challenge is not None
    later = at(home, home.clock.now() + timedelta(seconds=60))
    await service.send_code(later, SendCode(challenge=signed.challenge))
    fresh = sent(box)[-1]["text"][:6]
    after = at(home, later.clock.now() + timedelta(minutes=4))
    with pytest.raises(Unauthenticated):  # the first one was used
        await service.finish_sign_in(after, SecondFactor(challenge=signed.challenge, code=code[0]))
    challenge = signed.challenge
    assert (
        await service.finish_sign_in(
            at(home, later.clock.now() + timedelta(minutes=3)), SecondFactor(challenge=challenge, code=fresh)
        )
    ).session_id
    with pytest.raises(Conflict):
        await service.enrol_sms(home, SmsEnrol(user_id=user, phone_number="+491701234568"))


async def test_codes_by_text_message_are_not_sent_without_end(home: Context, box: Path) -> None:
    user, email = await person(home)
    await service.enrol_sms(home, SmsEnrol(user_id=user, phone_number="+491701234567"))
    code = sent(box)[0]["text"][:6]
    await service.verify_totp(home, TotpCheck(user_id=user, code=code))
    challenge = (await sign_in(home, email)).challenge
    assert challenge is not None

    async def ask_again_and_again() -> None:
        for _ in range(12):
            await service.send_code(home, SendCode(challenge=challenge))

    with pytest.raises(Unauthenticated) as caught:
        await ask_again_and_again()
    assert caught.value.code == "unauthenticated.sms_locked"
    assert len(sent(box)) <= 7


async def test_without_a_phone_or_a_sender_it_says_so(home: Context) -> None:
    user, email = await person(home)
    enrolled = await service.enrol_totp(home, TotpEnrol(user_id=user))
    now = home.clock.now()
    code = totp(enrolled.secret.get_secret_value(), totp_step(now))
    await service.verify_totp(home, TotpCheck(user_id=user, code=code))
    challenge = (await sign_in(home, email)).challenge
    assert challenge is not None
    with pytest.raises(Invalid) as caught:
        await service.send_code(home, SendCode(challenge=challenge))
    assert caught.value.code == "invalid.no_phone"
    unset = with_settings(home, sms_url=None)
    with pytest.raises(Unavailable):
        await service.enrol_sms(unset, SmsEnrol(user_id=user, phone_number="+491701234567"))
    with pytest.raises(NotFound):
        await service.enrol_sms(home, SmsEnrol(user_id=home.principal.organization_id, phone_number="+491701234567"))


async def test_a_lost_password_is_set_anew_by_a_link_that_works_once(home: Context, box: Path) -> None:
    user, email = await person(home)
    session = (await sign_in(home, email)).session
    assert session is not None
    for _ in range(2):
        await service.ask_reset(home, AskReset(email=email))
    await mailed(home)
    first, second = (token_of(one["text"]) for one in sent(box))
    assert {one["to"] for one in sent(box)} == {email}
    for weak in ("password123", "short"):
        with pytest.raises(MnemonError):
            await service.reset_password(home, parse(ResetPassword, {"token": first, "password": weak}))
    await service.reset_password(home, ResetPassword(token=first, password=SecretStr(OTHER)))
    for used in (first, second):
        with pytest.raises(Unauthenticated) as caught:
            await service.reset_password(home, ResetPassword(token=used, password=SecretStr(PASSWORD)))
        assert caught.value.code == "unauthenticated.token"
    with pytest.raises(Unauthenticated):
        await service.find_session(home, Token(token=session.access_token))
    with pytest.raises(Unauthenticated):
        await sign_in(home, email)
    assert (await sign_in(home, email, OTHER)).session is not None
    assert user


async def test_a_reset_link_expires_and_is_kept_nowhere(home: Context, box: Path, admin: Any) -> None:
    _, email = await person(home)
    await service.ask_reset(home, AskReset(email=email))
    await mailed(home)
    token = token_of(sent(box)[0]["text"])
    late = at(home, home.clock.now() + timedelta(minutes=61))
    with pytest.raises(Unauthenticated) as caught:
        await service.reset_password(late, ResetPassword(token=token, password=SecretStr(OTHER)))
    assert caught.value.code == "unauthenticated.expired"
    kept = await admin.fetch("SELECT payload::text AS p FROM background_jobs WHERE kind = 'identity.send_account_mail'")
    assert all(email not in row["p"] and token.get_secret_value() not in row["p"] for row in kept)


async def test_who_asks_for_a_link_does_not_learn_who_has_an_account(home: Context) -> None:
    _, email = await person(home)

    async def taken(address: str) -> float:
        begun = time.monotonic()
        assert await service.ask_reset(home, AskReset(email=address)) is None  # type: ignore[func-returns-value]
        return time.monotonic() - begun

    known = [await taken(email) for _ in range(3)]
    unknown = [await taken(f"{new_slug()}@example.org") for _ in range(3)]
    assert min(known) >= 0.5
    assert min(unknown) >= 0.5
    assert abs(sorted(known)[1] - sorted(unknown)[1]) < 0.15


async def test_links_are_not_sent_without_end(home: Context) -> None:
    _, email = await person(home)
    for _ in range(9):
        await service.ask_reset(home, AskReset(email=email))
    queued = (await jobs.list_jobs(home, ListJobs(kind="identity.send_account_mail", limit=100))).items
    assert len(queued) <= 6


async def test_an_invitation_is_a_link_by_which_a_first_password_is_chosen(home: Context, box: Path) -> None:
    email = f"{new_slug('new')}@example.org"
    user = await service.invite_user(home, InviteUser(email=email, display_name="Neu"))
    await mailed(home)
    (invitation,) = sent(box)
    token = token_of(invitation["text"])
    with pytest.raises(Unauthenticated):
        await sign_in(home, email)
    six_days = at(home, home.clock.now() + timedelta(days=6))
    await service.reset_password(six_days, ResetPassword(token=token, password=SecretStr(PASSWORD)))
    assert (await sign_in(home, email)).session is not None
    with pytest.raises(Unauthenticated):
        await service.reset_password(home, ResetPassword(token=token, password=SecretStr(OTHER)))
    with pytest.raises(Conflict):
        await service.invite_user(home, InviteUser(email=email))
    assert (await service.get_user(home, UserRef(user_id=user.id))).display_name == "Neu"


async def test_who_may_not_invites_and_enrols_nobody(home: Context, other: Context) -> None:
    user, _ = await person(home)
    nobody = home.as_principal(Principal(home.principal.organization_id, user, permissions=frozenset()))
    with pytest.raises(Forbidden):
        await service.invite_user(nobody, InviteUser(email=f"{new_slug()}@example.org"))
    with pytest.raises(Forbidden):
        await service.send_account_mail(nobody, AccountMail(user_id=user, kind="reset"))
    with pytest.raises(Forbidden):
        await service.enrol_sms(nobody, SmsEnrol(user_id=user, phone_number="+491701234567"))
    theirs = with_settings(
        other, **{n: getattr(home.settings, n) for n in ("public_url", "mail_url", "secret_key", "sms_url")}
    )
    with pytest.raises(NotFound):
        await service.send_account_mail(theirs, AccountMail(user_id=user, kind="reset"))
    with pytest.raises(NotFound):
        await service.enrol_sms(theirs, SmsEnrol(user_id=user, phone_number="+491701234567"))
    assert not (await service.list_mfa_devices(home, ListOfUser(user_id=user))).items


async def test_without_an_address_of_its_own_no_link_is_sent(home: Context) -> None:
    user, _ = await person(home)
    with pytest.raises(Unavailable) as caught:
        await service.send_account_mail(with_settings(home, public_url=None), AccountMail(user_id=user, kind="reset"))
    assert caught.value.code == "unavailable.public_url"


async def test_what_the_database_cannot_hold_is_nobodys_address(home: Context, box: Path) -> None:
    """Not that of whoever has what is left of it: a provider may have verified it for somebody else."""
    _, email = await person(home)
    odd = email.replace("@", "\x00@")
    with pytest.raises(Unauthenticated):
        await service.sign_in_trusted(home, TrustedIdentity(email=odd, ip_address=None, user_agent=None))
    with pytest.raises(Unauthenticated):
        await service.sign_in(home, SignIn(email=odd, password=SecretStr(PASSWORD)))
    await service.ask_reset(home, AskReset(email=odd))
    await mailed(home)
    assert not sent(box)
    assert (await service.sign_in_trusted(home, TrustedIdentity(email=email))).session_id
