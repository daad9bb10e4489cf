"""Signing in from beginning to end: password, second factor, and what to do when the password is lost.

What is given out between two steps is signed and kept nowhere. A token that sets a password is bound to the password
there is: used once, it is worth nothing, and neither are all others of that time.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core import crypto
from mnemon.core.errors import Conflict, Invalid, Unauthenticated, Unavailable
from mnemon.core.principal import Principal
from mnemon.core.text import parse
from mnemon.identity import repository_access, repository_secrets
from mnemon.identity.schemas import User, UserCreate
from mnemon.identity.schemas_access import MfaDevice, PasswordCheck, SessionStart, SessionTokens, TotpCheck
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
from mnemon.identity.senders import Mail, mail_sender, text_sender
from mnemon.identity.service import attempts
from mnemon.identity.service.credentials import find_by_email, holdable, verify_password, verify_totp
from mnemon.identity.service.people import NAMES, check_password, create_user, no_user
from mnemon.identity.service.recovery import recovery_code, use_code
from mnemon.identity.service.rights import ACCOUNT, OWN, PROOF, may, outrank, secret_box
from mnemon.identity.service.sessions import start_session
from mnemon.identity.session_cache import forgets
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import Enqueue
from mnemon.verbs import TRUSTED, verb

CHALLENGE, RESET, INVITATION = timedelta(minutes=5), timedelta(hours=1), timedelta(days=7)
#: What asking for a reset takes, whoever has the address.
_FLOOR = 0.5
_LINKS = {
    "reset": ("Set a new password", "Somebody asked to set a new password for your account", "an hour"),
    "invitation": ("You are invited", "An account was made for you; choose a password for it", "seven days"),
}
MAIL_JOB, _RIGHTS = "identity.send_account_mail", frozenset({"jobs:write", "users:write"})


@dataclass(frozen=True, slots=True)
class _Person:
    """Whom a signed token is about."""

    organization_id: UUID
    user_id: UUID


@verb(rule=PROOF)
async def sign_in(ctx: Context, request: SignIn) -> SignedIn:
    """Begin a session for whose e-mail address and password these are, or ask for their second factor.

    Raises:
        Unauthenticated: no active person has this address and this password, or too many were tried.
    """
    user = await verify_password(
        ctx, PasswordCheck(email=request.email, password=request.password, ip_address=request.ip_address)
    )
    person = _Person(user.organization_id, user.user_id)
    if not user.mfa_required:
        return SignedIn(session=await _start(ctx, person, request))
    factors = sorted({device["type"] for device in await _factors(ctx, person)})
    return SignedIn(challenge=_signed(ctx, "challenge", person, CHALLENGE), factors=tuple(factors))


@verb(rule=PROOF)
async def finish_sign_in(ctx: Context, request: SecondFactor) -> SessionTokens:
    """Begin the session that a challenge was for, if the code is right.

    Raises:
        Unauthenticated: the challenge or the code is not right, or too many codes were tried.
    """
    person = _read(ctx, "challenge", request.challenge)
    theirs = ctx.as_principal(Principal(person.organization_id, person.user_id, permissions=ACCOUNT))
    if (recovery := recovery_code(request.code)) is not None:
        await use_code(theirs, person.user_id, recovery, request.ip_address)
    else:
        check = TotpCheck(user_id=person.user_id, code=request.code, ip_address=request.ip_address)
        await verify_totp(theirs, check)
    return await _start(ctx, person, request)


async def _start(ctx: Context, person: _Person, request: SignIn | SecondFactor | TrustedIdentity) -> SessionTokens:
    begin = SessionStart(user_id=person.user_id, ip_address=request.ip_address, user_agent=request.user_agent)
    return await start_session(ctx.as_principal(Principal(person.organization_id)), begin)


@verb(TRUSTED)
async def sign_in_trusted(ctx: Context, request: TrustedIdentity) -> SessionTokens:
    """Begin a session for whom a trusted provider says it is; for a process that has checked the provider's word.

    Raises:
        Unauthenticated: no active person has this address.
        Forbidden: the principal is not a trusted process.
    """
    row = await find_by_email(ctx.database, request.email)
    if row is None or row["status"] != "active":
        raise Unauthenticated(
            "Nobody here has this e-mail address.",
            code="unauthenticated.no_account",
            hint="Ask an administrator of your organisation for an invitation.",
        )
    return await _start(ctx, _Person(row["organization_id"], row["user_id"]), request)


@verb(rule=PROOF)
async def send_code(ctx: Context, request: SendCode) -> None:
    """Send the code that a challenge asks for to the person's phone.

    Raises:
        Unauthenticated: the challenge is not right, or too many codes were asked for.
        Invalid: the person has no phone in force.
        Unavailable: nothing is set to send it with, or it could not be sent.
    """
    person = _read(ctx, "challenge", request.challenge)
    subject = f"sms:{person.organization_id}:{person.user_id}"
    attempt = await attempts.begin(ctx, subject, attempts.place(request.ip_address))
    if isinstance(attempt, timedelta):
        raise attempts.too_many(attempt, code="unauthenticated.sms_locked", field="challenge")
    phones = [device for device in await _factors(ctx, person) if device["type"] == "sms"]
    if not phones:
        raise Invalid("There is no phone in force.", code="invalid.no_phone", hint="Use the app.", field="challenge")
    await _text(ctx, phones[0])


async def _factors(ctx: Context, person: _Person) -> list[Any]:
    """Return a person's second factors that are in force."""
    principal = Principal(person.organization_id, person.user_id)
    async with ctx.database.transaction(principal) as connection:
        devices = await repository_secrets.lock_mfa_devices(connection, person.organization_id, person.user_id)
    return [device for device in devices if device["confirmed_at"] is not None]


async def _text(ctx: Context, device: Any) -> None:
    """Send the present code of a phone."""
    secret = secret_box(ctx).decrypt(device["secret_encrypted"], purpose=f"mfa_devices:{device['id']}")
    code = crypto.totp(secret, crypto.totp_step(ctx.clock.now()))
    minutes = crypto.SMS_STEPS * crypto.TOTP_PERIOD // 60
    await text_sender(ctx.settings).send(device["phone_number"], f"{code} is your code, for {minutes} minutes.")


@verb("account:write", "users:write", rule=OWN)
async def enrol_sms(ctx: Context, request: SmsEnrol) -> MfaDevice:
    """Set up a phone that codes are sent to (REQ-T130), and send a first one, which :func:`verify_totp` takes.

    Raises:
        NotFound: the organisation has no such person.
        Conflict: a device of that name is in force.
        Unavailable: there is no key to encrypt with, or nothing to send with.
    """
    may(ctx, request.user_id, own="account:write", others="users:write")
    organization, device_id = ctx.principal.organization_id, uuid4()
    sealed = secret_box(ctx).encrypt(crypto.new_totp_secret(), purpose=f"mfa_devices:{device_id}")
    attempt = await attempts.begin(ctx, f"sms:{organization}:{request.user_id}", None)
    if isinstance(attempt, timedelta):
        raise attempts.too_many(attempt, code="unauthenticated.sms_locked", field="phone_number")
    async with ctx.database.transaction(ctx.principal) as connection:
        await outrank(ctx, connection, request.user_id)
        if not await repository_access.is_alive(connection, organization, request.user_id):
            raise no_user(request.user_id)
        if not await repository_secrets.add_totp(
            connection, organization, device_id, request.user_id, request.name, sealed, request.phone_number
        ):
            raise Conflict(
                f"There is a second factor named {request.name!r} already.",
                code="conflict.exists",
                hint="Choose another name, or remove that one first.",
                field="name",
            )
    await _text(ctx, {"id": device_id, "secret_encrypted": sealed, "phone_number": request.phone_number})
    return MfaDevice(id=device_id, user_id=request.user_id, type="sms", name=request.name, confirmed_at=None)


@verb(rule=PROOF)
async def ask_reset(ctx: Context, request: AskReset) -> None:
    """Send a link to set a new password, if somebody has the address; the answer and its time tell nobody whether."""
    begun = time.monotonic()
    subject = f"reset:{holdable(request.email).lower()}"
    attempt = await attempts.begin(ctx, subject, attempts.place(request.ip_address))
    if not isinstance(attempt, timedelta):
        row = await find_by_email(ctx.database, request.email)
        if row is not None and row["status"] == "active":
            await _mail_soon(ctx, row["organization_id"], row["user_id"], "reset")
    await asyncio.sleep(max(0.0, _FLOOR - (time.monotonic() - begun)))


async def _mail_soon(ctx: Context, organization: UUID, user_id: UUID, kind: str) -> None:
    """Queue a mail: the job has whom it is for, and the token is made when it is sent."""
    sending = ctx.as_principal(Principal(organization, permissions=_RIGHTS))
    payload = {"user_id": str(user_id), "kind": kind}
    await jobs.enqueue(sending, Enqueue(kind=MAIL_JOB, payload=payload, max_attempts=5))


@verb("users:write")
async def send_account_mail(ctx: Context, request: AccountMail) -> None:
    """Send a person the link by which they set a password.

    Raises:
        NotFound: the organisation has no such person.
        Invalid: they have no e-mail address, or the server refuses it for good.
        Unavailable: nothing is set to send it with, MNEMON_PUBLIC_URL is not set, or it could not be sent.
    """
    organization = ctx.principal.organization_id
    if ctx.settings.public_url is None:
        raise Unavailable(
            "A link in mail needs to know where this server is reached.",
            code="unavailable.public_url",
            hint="Set MNEMON_PUBLIC_URL, such as https://memory.example.org.",
        )
    async with ctx.database.transaction(ctx.principal) as connection:
        await outrank(ctx, connection, request.user_id)
        user = await repository_access.get_user(connection, organization, request.user_id)
    if user is None:
        raise no_user(request.user_id)
    if not user["email"]:
        raise Invalid("The person has no e-mail address.", code="invalid.no_email", field="user_id")
    person = _Person(organization, request.user_id)
    lasting = RESET if request.kind == "reset" else INVITATION
    token = _signed(ctx, "password", person, lasting, await _fingerprint(ctx, person))
    subject, why, how_long = _LINKS[request.kind]
    link = f"{ctx.settings.public_url.rstrip('/')}/password?token={token.get_secret_value()}"
    text = f"{why}:\n\n{link}\n\nThe link works once, for {how_long}. If you expected nothing, do nothing.\n"
    await mail_sender(ctx.settings).send(Mail(user["email"], subject, text))


@verb("users:write")
async def invite_user(ctx: Context, request: InviteUser) -> User:
    """Make a person without a password, and mail them the link by which they choose one.

    Raises:
        Conflict: the e-mail address cannot be used.
        Unavailable: too many e-mail addresses were refused.
    """
    user = await create_user(ctx, parse(UserCreate, request.model_dump(exclude_none=True)))
    await _mail_soon(ctx, ctx.principal.organization_id, user.id, "invitation")
    return user


@verb(rule=PROOF)
@forgets
async def reset_password(ctx: Context, request: ResetPassword) -> None:
    """Set the password of whom a mailed token is for, and end their sessions; a second factor is still asked for.

    Raises:
        Unauthenticated: the token is not right, has expired, or was used.
        Invalid: the password is their e-mail address or name, or one that everybody tries.
    """
    person = _read(ctx, "password", request.token, bound=True)
    fingerprint = await _fingerprint(ctx, person)
    _read(ctx, "password", request.token, fingerprint)
    principal = Principal(person.organization_id, person.user_id)
    async with ctx.database.transaction(principal, readonly=True, by_key=True) as connection:
        user = await repository_access.get_user(connection, person.organization_id, person.user_id)
    if user is None or user["status"] != "active":
        raise _refused()
    check_password(request.password, user["email"], *(user[name] for name in NAMES))
    hashed = await asyncio.to_thread(crypto.hash_password, request.password.get_secret_value())
    async with ctx.database.transaction(principal) as connection:
        await connection.fetchval("SELECT lock_tenant($1)", f"password:{person.user_id}")
        proof = ctx.database.prove(f"password_hash_of:{person.user_id}")
        current = await repository_secrets.password_hash(connection, person.user_id, proof)
        if _print_of(current) != fingerprint:  # somebody was first
            raise _refused()
        now = ctx.clock.now()
        await repository_secrets.set_password(connection, person.organization_id, person.user_id, hashed, now)
        await repository_secrets.set_mfa(connection, person.organization_id, person.user_id)
        await repository_secrets.revoke_sessions(connection, person.organization_id, person.user_id, now)


async def _fingerprint(ctx: Context, person: _Person) -> str:
    """Return what a token is bound to: the password that there is."""
    proof = ctx.database.prove(f"password_hash_of:{person.user_id}")
    principal = Principal(person.organization_id, person.user_id)
    async with ctx.database.transaction(principal, readonly=True) as connection:
        return _print_of(await repository_secrets.password_hash(connection, person.user_id, proof))


def _print_of(password_hash: str | None) -> str:
    return hashlib.sha256((password_hash or "none").encode()).hexdigest()


def _signed(ctx: Context, purpose: str, person: _Person, lasting: timedelta, bound: str = "") -> SecretStr:
    """Return a token that says whom it is for and until when, signed for one purpose and one state of things."""
    until = int((ctx.clock.now() + lasting).timestamp())
    fields = json.dumps([str(person.organization_id), str(person.user_id), until], separators=(",", ":")).encode()
    seal = _seal(ctx, purpose, fields, bound)
    return SecretStr(f"{_text_of(fields)}.{_text_of(seal)}.{_text_of(_seal(ctx, f'{purpose}:form', fields, ''))}")


def _read(ctx: Context, purpose: str, token: SecretStr, bound_to: str = "", *, bound: bool = False) -> _Person:
    """Return whom a token is for.

    Args:
        ctx: whose installation signed it.
        purpose: what it has to be for.
        token: as somebody presents it.
        bound_to: what it has to be bound to.
        bound: what it is bound to is not known yet: it is only checked that it is one of ours.
    """
    fields_text, _, seals = token.get_secret_value().partition(".")
    own, _, form = seals.partition(".")
    try:
        fields = base64.urlsafe_b64decode(fields_text + "=" * (-len(fields_text) % 4))
        organization, user, until = json.loads(fields)
        person = _Person(UUID(organization), UUID(user))
    except (ValueError, TypeError):
        raise _refused() from None
    expected = [(form, _seal(ctx, f"{purpose}:form", fields, ""))]
    if not bound:
        expected.append((own, _seal(ctx, purpose, fields, bound_to)))
    if not all(
        hmac.compare_digest(_text_of(seal).encode(), part.encode("utf-8", "replace")) for part, seal in expected
    ):
        raise _refused()
    if ctx.clock.now().timestamp() > until:
        raise Unauthenticated("It has expired.", code="unauthenticated.expired", hint="Begin again.")
    return person


def _seal(ctx: Context, purpose: str, fields: bytes, bound_to: str) -> bytes:
    key = ctx.database.installation.derive("signing in")
    return hmac.digest(key, f"{purpose}\0{bound_to}\0".encode() + fields, "sha256")


def _text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "This is not valid, or not any more.", code="unauthenticated.token", hint="Ask for another one."
    )
