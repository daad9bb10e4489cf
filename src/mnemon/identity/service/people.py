"""People: made, changed and removed; their preferences and their devices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from mnemon.context import Context
from mnemon.core import crypto
from mnemon.core.errors import Conflict, Invalid, MnemonError, NotFound, Unavailable
from mnemon.core.pages import Page, PageRequest
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.db.session import driver_of
from mnemon.db.sql import statement
from mnemon.identity import repository, repository_access, repository_secrets
from mnemon.identity.models import UserPreferencesORM
from mnemon.identity.repository import UserRepository
from mnemon.identity.repository_access import PACKAGE, DeviceRepository, PreferencesRepository
from mnemon.identity.schemas import (
    Device,
    DeviceRef,
    DeviceRegister,
    ListOfUser,
    Preferences,
    PreferencesSet,
    User,
    UserCreate,
    UserRef,
    UserUpdate,
)
from mnemon.identity.service import attempts
from mnemon.identity.service.participants import name_words
from mnemon.identity.service.rights import OWN, may, outrank, spare_last_owner
from mnemon.identity.service.zones import know_zone
from mnemon.identity.session_cache import forgets
from mnemon.verbs import verb

_USERS = Listing.oldest("identity.list_users")
_DEVICES = Listing.oldest("identity.list_devices")

#: What everybody knows of a person beside the e-mail address.
NAMES = ("display_name", "full_name", "first_name", "last_name", "external_id")


def check_password(password: SecretStr, *about: str | None) -> None:
    """Refuse a password that says no more than what everybody knows of the person.

    Raises:
        Invalid: it does, or it is none at all.
    """
    problem = crypto.password_problem(password.get_secret_value(), about)
    if problem is not None:
        raise Invalid(f"password: {problem[1]}.", code=f"invalid.{problem[0]}", field="password")


@asynccontextmanager
async def _session(ctx: Context, email: str | None) -> AsyncIterator[AsyncSession]:
    """Begin a session that may give a person this e-mail address, if any, and tell nothing of who has it if it cannot.

    An address is unique in the installation.

    That it cannot be used tells that somebody has it, here or elsewhere, and no answer could hide that. So an
    organisation is told so a hundred times and then once a minute: nobody's list of addresses is asked through.

    Raises:
        Conflict: somebody has the address.
        Unavailable: too many addresses were refused.
    """
    where = f"addresses:{ctx.principal.organization_id}"
    wait = None if email is None else await attempts.waits(ctx, where)
    if wait is not None:
        raise _refused_too_often(wait)
    try:
        async with ctx.database.session(ctx.principal) as session:
            if email is not None:
                proof = ctx.database.prove(f"address:{ctx.principal.organization_id}:{email}")
                await repository.take_address(await driver_of(session), email, proof)
            yield session
    except Conflict as error:
        if error.data.get("constraint") != "uq_users_email":
            raise
        counted = await attempts.begin(ctx, None, where)
        if isinstance(counted, timedelta):
            raise _refused_too_often(counted) from None
        raise Conflict(
            "The e-mail address cannot be used.",
            code="conflict.exists",
            hint="If the person is in this organisation already, use that account; else choose another address.",
            table="users",
            field="email",
        ) from None


def _refused_too_often(wait: timedelta) -> MnemonError:
    return attempts.too_many(wait, code="unavailable.too_many_refused", field="email", kind=Unavailable)


def _columns(request: UserCreate | UserUpdate, *leave_out: str) -> dict[str, Any]:
    fields = request.model_dump(exclude={"id", "password", "expected_version", *leave_out}, exclude_none=True)
    if "metadata" in fields:
        fields["metadata_"] = fields.pop("metadata")
    return fields


async def _learn_name(connection: Connection, organization_id: UUID, user_id: UUID, name: str | None) -> None:
    words = [(word, user_id) for word in name_words(name or "")]
    if words:
        await repository.add_names(connection, organization_id, words, of_agents=False)


@verb("users:write")
async def create_user(ctx: Context, request: UserCreate) -> User:
    """Make a person, with a password if one is given.

    Raises:
        Conflict: the e-mail address cannot be used, or the external id is taken in the organisation.
        Invalid: the password is the e-mail address or the name.
        Unavailable: too many e-mail addresses were refused.
        Forbidden: the principal has not ``users:write``.
    """
    hashed = None
    if request.password is not None:
        check_password(request.password, request.email, *(getattr(request, name) for name in NAMES))
        hashed = await asyncio.to_thread(crypto.hash_password, request.password.get_secret_value())
    organization = ctx.principal.organization_id
    async with _session(ctx, request.email) as session:
        row = await UserRepository(session, organization).create(**_columns(request))
        connection = await driver_of(session)
        await _learn_name(connection, organization, row.id, request.display_name)
        if hashed is not None:
            await repository_secrets.set_password(connection, organization, row.id, hashed, ctx.clock.now())
        return from_row(User, row)


@verb("account:read", "users:read", rule=OWN)
async def get_user(ctx: Context, request: UserRef) -> User:
    """Read a person.

    Raises:
        NotFound: the organisation has no such person.
    """
    may(ctx, request.user_id, own="account:read", others="users:read")
    async with ctx.database.transaction(ctx.principal, readonly=True, by_key=True) as connection:
        row = await repository_access.get_user(connection, ctx.principal.organization_id, request.user_id)
    if row is None:
        raise no_user(request.user_id)
    return from_row(User, row)


@verb("users:read")
async def list_users(ctx: Context, request: PageRequest) -> Page[User]:
    """List the organisation's people, in the order they were made."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        users = UserRepository(session, ctx.principal.organization_id)
        return await users.page(_USERS, ctx.principal, request, partial(from_row, User))


@verb("account:write", "users:write", rule=f"{OWN}, and for an e-mail address, a status or a tier")
@forgets
async def update_user(ctx: Context, request: UserUpdate) -> User:
    """Change a person; who is not active any more is signed out everywhere.

    Raises:
        NotFound: the organisation has no such person.
        Conflict: they have another version than the one expected, or the e-mail address cannot be used.
        Unavailable: too many e-mail addresses were refused.
        Forbidden: somebody else's account, status or tier without ``users:write``.
    """
    if request.status is not None or request.tier is not None or request.email is not None:
        ctx.principal.require("users:write")
    else:
        may(ctx, request.id, own="account:write", others="users:write")
    organization = ctx.principal.organization_id
    fields = _columns(request)
    if request.email is not None:
        fields["email_verified"] = False
    async with _session(ctx, request.email) as session:
        connection = await driver_of(session)
        await outrank(ctx, connection, request.id)
        if request.status not in (None, "active"):
            await spare_last_owner(ctx, connection, request.id)
        users = UserRepository(session, organization)
        row = await users.update(request.id, expected_version=request.expected_version, **fields)
        await _learn_name(connection, organization, row.id, request.display_name)
        if row.status != "active":
            await repository_secrets.revoke_sessions(connection, organization, row.id, ctx.clock.now())
        updated = from_row(User, row)
    if request.timezone is not None:
        know_zone(ctx, updated.id, updated.timezone)
    return updated


@verb("users:delete")
@forgets
async def delete_user(ctx: Context, request: UserRef) -> None:
    """Remove a person, softly: their sessions and keys end, what they said and what is known of them stays.

    Raises:
        NotFound: the organisation has no such person.
    """
    organization, now = ctx.principal.organization_id, ctx.clock.now()
    async with ctx.database.session(ctx.principal) as session:
        connection = await driver_of(session)
        await outrank(ctx, connection, request.user_id)
        await spare_last_owner(ctx, connection, request.user_id)
        users = UserRepository(session, organization)
        await users.update(request.user_id, status="deleted")
        await users.delete(request.user_id)
        await repository_secrets.revoke_sessions(connection, organization, request.user_id, now)
        await repository_secrets.revoke_api_keys(connection, organization, now, user_id=request.user_id)


@verb("account:read", "users:read", rule=OWN)
async def get_preferences(ctx: Context, request: UserRef) -> Preferences:
    """Read what a person prefers; the defaults, with version 0, until something is set."""
    may(ctx, request.user_id, own="account:read", others="users:read")
    organization = ctx.principal.organization_id
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        if not await repository_access.is_alive(await driver_of(session), organization, request.user_id):
            raise no_user(request.user_id)
        row = await PreferencesRepository(session, organization).of(request.user_id)
        if row is None:
            return Preferences(user_id=request.user_id)
        return from_row(Preferences, row)


@verb("account:write", "users:write", rule=OWN)
async def set_preferences(ctx: Context, request: PreferencesSet) -> Preferences:
    """Change what a person prefers; what is not given stays.

    Raises:
        NotFound: the organisation has no such person.
        Conflict: the preferences have another version than the one expected.
    """
    may(ctx, request.user_id, own="account:write", others="users:write")
    organization = ctx.principal.organization_id
    fields = request.model_dump(exclude={"user_id", "expected_version"}, exclude_none=True)
    async with ctx.database.session(ctx.principal) as session:
        await outrank(ctx, await driver_of(session), request.user_id)
        await session.execute(
            insert(UserPreferencesORM)
            .values(organization_id=organization, user_id=request.user_id)
            .on_conflict_do_nothing(index_elements=["organization_id", "user_id"])
        )
        preferences = PreferencesRepository(session, organization)
        row = await preferences.of(request.user_id)
        if row is None:
            raise no_user(request.user_id)
        fields = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
        row = await preferences.update(row.id, expected_version=request.expected_version, **fields)
        return from_row(Preferences, row)


@verb("account:write", "users:write", rule=OWN)
async def register_device(ctx: Context, request: DeviceRegister) -> Device:
    """Register a device for push notifications; the same device again is the same row, active.

    Raises:
        NotFound: the organisation has no such person.
    """
    may(ctx, request.user_id, own="account:write", others="users:write")
    organization = ctx.principal.organization_id
    async with ctx.database.session(ctx.principal) as session:
        connection = await driver_of(session)
        await outrank(ctx, connection, request.user_id)
        device_id = await connection.fetchval(
            statement(PACKAGE, "register_device"),
            organization,
            request.user_id,
            request.device_token,
            request.platform.value,
            request.device_name,
            ctx.clock.now(),
        )
        row = await DeviceRepository(session, organization).get_by_id(device_id)
        return from_row(Device, row)


@verb("account:read", "users:write", rule=OWN, changes=False)
async def list_devices(ctx: Context, request: ListOfUser) -> Page[Device]:
    """List a person's devices, in the order they were registered, inactive ones too.

    Who has a device's token can write to it: reading another's needs what changing them needs.
    """
    may(ctx, request.user_id, own="account:read", others="users:write")
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        await outrank(ctx, await driver_of(session), request.user_id)
        devices = DeviceRepository(session, ctx.principal.organization_id)
        query = devices.of(request.user_id)
        return await devices.page(_DEVICES, ctx.principal, request, partial(from_row, Device), query=query)


@verb("account:write", "users:write", rule=OWN)
async def deactivate_device(ctx: Context, request: DeviceRef) -> Device:
    """Stop push notifications to a device.

    Raises:
        NotFound: the organisation has no such device.
    """
    async with ctx.database.session(ctx.principal) as session:
        devices = DeviceRepository(session, ctx.principal.organization_id)
        row = await devices.get_by_id(request.device_id)
        owner = row.user_id if row is not None else request.device_id
        may(ctx, owner, own="account:write", others="users:write")
        await outrank(ctx, await driver_of(session), owner)
        row = await devices.update(request.device_id, is_active=False)
        return from_row(Device, row)


def no_user(user_id: UUID) -> NotFound:
    """Make the error that the organisation has no such person."""
    return missing("user", user_id, called="person", field="user_id")
