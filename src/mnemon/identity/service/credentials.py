"""What proves who somebody is: passwords and second factors; and what lets us work for them elsewhere."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core import crypto
from mnemon.core.errors import Conflict, NotFound, Unauthenticated
from mnemon.core.pages import Page
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row
from mnemon.db.session import Database
from mnemon.identity import repository_access, repository_secrets
from mnemon.identity.schemas import ListOfUser
from mnemon.identity.schemas_access import (
    KnownUser,
    MfaDevice,
    MfaDeviceRef,
    MfaVerified,
    OAuthToken,
    OAuthTokenRef,
    OAuthTokenStore,
    PasswordCheck,
    PasswordSet,
    TotpCheck,
    TotpEnrol,
    TotpEnrolment,
)
from mnemon.identity.service import attempts
from mnemon.identity.service.people import NAMES, check_password, no_user
from mnemon.identity.service.rights import ENTRUSTED, OWN, PROOF, may, outrank, own_secret, secret_box
from mnemon.identity.session_cache import forgets
from mnemon.verbs import verb

_MFA_DEVICES = Listing("identity.list_mfa_devices", {"name": str})


@verb("account:write", "users:write", rule=OWN)
@forgets
async def set_password(ctx: Context, request: PasswordSet) -> None:
    """Set a person's password and end their sessions (REQ-T122).

    Raises:
        NotFound: the organisation has no such person.
        Invalid: the password is their e-mail address or name.
        Unauthenticated: a person changes their own, and the current one is wrong, or too many were tried.
        Forbidden: somebody else's, and the principal has not ``users:write`` and all that the person may do.
    """
    may(ctx, request.user_id, own="account:write", others="users:write")
    organization = ctx.principal.organization_id
    if ctx.principal.user_id == request.user_id:
        await _check_current(ctx, request)
    async with ctx.database.transaction(ctx.principal, readonly=True, by_key=True) as connection:
        user = await repository_access.get_user(connection, organization, request.user_id)
    if user is not None:
        check_password(request.password, user["email"], *(user[name] for name in NAMES))
    hashed = await asyncio.to_thread(crypto.hash_password, request.password.get_secret_value())
    async with ctx.database.transaction(ctx.principal) as connection:
        await outrank(ctx, connection, request.user_id)
        if not await repository_access.is_alive(connection, organization, request.user_id):
            raise no_user(request.user_id)
        now = ctx.clock.now()
        await repository_secrets.set_password(connection, organization, request.user_id, hashed, now)
        await repository_secrets.set_mfa(connection, organization, request.user_id)
        await repository_secrets.revoke_sessions(connection, organization, request.user_id, now)


async def _check_current(ctx: Context, request: PasswordSet) -> None:
    """Let a person who changes their own password show the current one, if there is one."""
    proof = ctx.database.prove(f"password_hash_of:{request.user_id}")
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        current = await repository_secrets.password_hash(connection, request.user_id, proof)
    if current is None:
        return
    password = request.current_password.get_secret_value() if request.current_password else ""
    subject = await _person(ctx, request.user_id, request.ip_address)
    attempt = await attempts.begin(ctx, subject, attempts.place(request.ip_address))
    if isinstance(attempt, timedelta):
        raise attempts.too_many(attempt, code="unauthenticated.password_locked", field="current_password")
    if not await asyncio.to_thread(crypto.verify_password, password, current):
        raise Unauthenticated(
            "The current password is not right.", code="unauthenticated.password", field="current_password"
        )
    await attempts.settle(ctx, attempt)


async def _person(ctx: Context, user_id: UUID, address: attempts.Address | None) -> str:
    """Return what attempts of a person of the principal's organisation are counted under."""
    organization, familiar = ctx.principal.organization_id, False
    if address is not None:
        since = ctx.clock.now() - attempts.FAMILIAR
        async with ctx.database.transaction(ctx.principal, readonly=True, by_key=True) as connection:
            familiar = await repository_secrets.is_familiar(connection, organization, user_id, str(address), since)
    return attempts.person(organization, user_id, address if familiar else None)


def holdable(text: str) -> str:
    """Return a text without what the database cannot hold."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


async def find_by_email(database: Database, email: str, address: attempts.Address | None = None) -> Any:
    """Return whose e-mail address it is, in whatever organisation; None, if nobody's.

    A text that the database cannot hold is nobody's address, and not that of whoever has what is left of it.

    Args:
        database: the installation's.
        email: as somebody gave it.
        address: where they come from.
    """
    held = holdable(email)
    proof = database.prove(f"user_by_email:{held}")
    async with database.untenanted() as connection:
        person = await repository_access.find_user_by_email(
            connection, held, proof, None if address is None else str(address)
        )
    return person if held == email else None


@verb(rule=PROOF)
async def verify_password(ctx: Context, request: PasswordCheck) -> KnownUser:
    """Find out whose e-mail address and password these are, in whatever organisation.

    It takes as long for an address that nobody has, and says no more: neither time nor words tell who has an account.

    Raises:
        Unauthenticated: no active person has this address and this password; or too many were tried
            (``unauthenticated.password_locked``, with ``retry_after`` in seconds).
    """
    address = request.ip_address
    person = await find_by_email(ctx.database, request.email, address)
    subject = attempts.nobody(holdable(request.email))
    if person is not None:
        familiar = address if person["is_familiar"] else None
        subject = attempts.person(person["organization_id"], person["user_id"], familiar)
    attempt = await attempts.begin(ctx, subject, attempts.place(address))
    if isinstance(attempt, timedelta):
        raise attempts.too_many(attempt, code="unauthenticated.password_locked", field="password")
    hashed = person["password_hash"] if person is not None else None
    matches = await asyncio.to_thread(crypto.verify_password, request.password.get_secret_value(), hashed)
    if person is None or not matches or person["status"] != "active":
        raise Unauthenticated("The e-mail address or the password is not right.", code="unauthenticated.password")
    await attempts.settle(ctx, attempt)
    return KnownUser(
        user_id=person["user_id"], organization_id=person["organization_id"], mfa_required=person["mfa_enabled"]
    )


@verb("account:write", "users:write", rule=OWN)
async def enrol_totp(ctx: Context, request: TotpEnrol) -> TotpEnrolment:
    """Set up an authenticator app (REQ-T130); the secret is shown here and never again.

    The device counts once :func:`verify_totp` has seen a code of it.

    Raises:
        NotFound: the organisation has no such person.
        Conflict: a device of that name is in force.
        Unavailable: there is no key to encrypt the secret with.
    """
    may(ctx, request.user_id, own="account:write", others="users:write")
    organization = ctx.principal.organization_id
    device_id = uuid4()
    secret = crypto.new_totp_secret()
    sealed = secret_box(ctx).encrypt(secret, purpose=f"mfa_devices:{device_id}")
    async with ctx.database.transaction(ctx.principal) as connection:
        await outrank(ctx, connection, request.user_id)
        if not await repository_access.is_alive(connection, organization, request.user_id):
            raise no_user(request.user_id)
        if not await repository_secrets.add_totp(
            connection, organization, device_id, request.user_id, request.name, sealed
        ):
            raise Conflict(
                f"There is a second factor named {request.name!r} already.",
                code="conflict.exists",
                hint="Choose another name, or remove that one first.",
                field="name",
            )
    uri = crypto.totp_uri(secret, account=str(request.user_id))
    return TotpEnrolment(device_id=device_id, secret=SecretStr(secret), uri=SecretStr(uri))


@verb("account:write", "users:write", rule=OWN)
async def verify_totp(ctx: Context, request: TotpCheck) -> MfaVerified:
    """Check a code off a person's app, or one that was sent to their phone; each code is accepted once.

    Raises:
        Unauthenticated: it is no code of now, or it was used before; or too many wrong ones were tried, at whatever
            device, or too many passwords (``unauthenticated.mfa_locked``, with ``retry_after`` in seconds).
        Forbidden: somebody else's, and the principal has not ``users:write`` and all that the person may do.
    """
    may(ctx, request.user_id, own="account:write", others="users:write")
    box = secret_box(ctx)
    if ctx.principal.user_id != request.user_id:  # before anything counts against them
        async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
            await outrank(ctx, connection, request.user_id)
    subject = await _person(ctx, request.user_id, request.ip_address)
    attempt = await attempts.begin(ctx, subject, attempts.place(request.ip_address), factor=True)
    if isinstance(attempt, timedelta):
        raise attempts.too_many(attempt, code="unauthenticated.mfa_locked", field="code")
    async with ctx.database.transaction(ctx.principal) as connection:
        match = await _match(ctx, connection, box, request)
        if match is None:
            await repository_secrets.tell_of_refusal(connection, request.user_id)
        elif match.confirmed:
            await repository_secrets.set_mfa(connection, ctx.principal.organization_id, request.user_id)
    if match is None:
        raise Unauthenticated("The code is not right.", code="unauthenticated.mfa_code", field="code")
    await attempts.settle(ctx, attempt)
    return match


async def _match(ctx: Context, connection: Connection, box: crypto.SecretBox, request: TotpCheck) -> MfaVerified | None:
    """Compare a code with every device of the person's; the one that it is of remembers it."""
    organization, now, verified = ctx.principal.organization_id, ctx.clock.now(), None
    for device in await repository_secrets.lock_mfa_devices(connection, organization, request.user_id):
        secret = box.decrypt(device["secret_encrypted"], purpose=f"mfa_devices:{device['id']}")
        before = crypto.SMS_STEPS if device["type"] == "sms" else 1
        step = crypto.match_totp(secret, request.code, now, after=device["last_used_step"], before=before)
        if step is not None and verified is None:
            await repository_secrets.accept_code(connection, organization, device["id"], step, now)
            verified = MfaVerified(device_id=device["id"], confirmed=device["confirmed_at"] is None)
    return verified


@verb("account:read", "users:read", rule=OWN)
async def list_mfa_devices(ctx: Context, request: ListOfUser) -> Page[MfaDevice]:
    """List a person's second factors by name, without their secrets."""
    may(ctx, request.user_id, own="account:read", others="users:read")
    organization = ctx.principal.organization_id
    after = _MFA_DEVICES.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository_secrets.mfa_devices(connection, organization, request.user_id, after, request.limit + 1)
    return _MFA_DEVICES.page(ctx.principal, request, rows, partial(from_row, MfaDevice))


@verb("account:write", "users:write", rule=OWN)
async def remove_mfa_device(ctx: Context, request: MfaDeviceRef) -> None:
    """Take a second factor out of force; without one left, none is asked for.

    Raises:
        NotFound: the organisation has no such device.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        owner = await repository_secrets.find_mfa_device(connection, organization, request.device_id)
        may(ctx, owner or request.device_id, own="account:write", others="users:write")
        if owner is None:
            raise NotFound("There is no such second factor.", code="not_found.mfa_device", field="device_id")
        await outrank(ctx, connection, owner)
        await repository_secrets.remove_mfa_device(connection, organization, request.device_id, ctx.clock.now())
        await repository_secrets.set_mfa(connection, organization, owner)


@verb("account:write", "integrations:use", rule=ENTRUSTED)
async def store_oauth_token(ctx: Context, request: OAuthTokenStore) -> OAuthToken:
    """Keep a person's tokens of another service, encrypted (REQ-T129), in place of those before.

    Raises:
        Forbidden: it is neither the person nor the organisation's own process.
        NotFound: the organisation has no such person.
        Unavailable: there is no key to encrypt them with.
    """
    own_secret(ctx, request.user_id)
    box = secret_box(ctx)
    purpose = f"oauth_tokens:{request.user_id}:{request.provider}"
    refresh = None
    if request.refresh_token is not None:
        refresh = box.encrypt(request.refresh_token.get_secret_value(), purpose=f"{purpose}:refresh")
    access = box.encrypt(request.access_token.get_secret_value(), purpose=f"{purpose}:access")
    row = [
        ctx.principal.organization_id,
        request.user_id,
        request.provider,
        access,
        refresh,
        request.provider_user_id,
        request.token_type,
        list(request.scopes),
        request.expires_at,
    ]
    async with ctx.database.transaction(ctx.principal) as connection:
        if not await repository_access.is_alive(connection, ctx.principal.organization_id, request.user_id):
            raise no_user(request.user_id)
        await repository_secrets.store_oauth_token(connection, row)
    return await read_oauth_token(ctx, OAuthTokenRef(user_id=request.user_id, provider=request.provider))


@verb("account:write", "integrations:use", rule=ENTRUSTED, changes=False)
async def read_oauth_token(ctx: Context, request: OAuthTokenRef) -> OAuthToken:
    """Read a person's tokens of another service.

    Raises:
        Forbidden: it is neither the person nor the organisation's own process.
        NotFound: there are none.
        Unavailable: the key they were encrypted with is not there.
    """
    own_secret(ctx, request.user_id)
    async with ctx.database.transaction(ctx.principal, readonly=True, by_key=True) as connection:
        row = await repository_secrets.read_oauth_token(
            connection, ctx.principal.organization_id, request.user_id, request.provider
        )
    if row is None:
        raise NotFound(f"There are no tokens of {request.provider}.", code="not_found.oauth_token", field="provider")
    box = secret_box(ctx)
    purpose = f"oauth_tokens:{request.user_id}:{request.provider}"
    fields = dict(row)
    access, refresh = fields.pop("access_token_encrypted"), fields.pop("refresh_token_encrypted")
    return OAuthToken(
        **fields,
        access_token=SecretStr(box.decrypt(access, purpose=f"{purpose}:access")),
        refresh_token=SecretStr(box.decrypt(refresh, purpose=f"{purpose}:refresh")) if refresh else None,
        expired=row["expires_at"] is not None and row["expires_at"] <= ctx.clock.now(),
    )
