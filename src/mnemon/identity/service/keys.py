"""API keys (REQ-T124): for programs that work for a person or as an agent."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core import crypto
from mnemon.core.errors import Invalid, NotFound, Unauthenticated
from mnemon.core.pages import Page
from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row
from mnemon.identity import repository_access, repository_secrets
from mnemon.identity.schemas_access import (
    ApiKey,
    ApiKeyCreate,
    ApiKeyRef,
    Authenticated,
    ListApiKeys,
    NewApiKey,
    Token,
)
from mnemon.identity.service.people import no_user
from mnemon.identity.service.rights import ACCOUNT, OWN, PROOF, hold, may, outrank
from mnemon.verbs import verb

PREFIX = "mnk_"
SHOWN = 12
ALL = "*"
_KEYS = Listing.newest("identity.list_api_keys")


@verb("account:write", "api_keys:write", rule=OWN)
async def create_api_key(ctx: Context, request: ApiKeyCreate) -> NewApiKey:
    """Make a key; it is returned once, and only its hash is kept.

    Raises:
        NotFound: the organisation has not the person or the agent.
        Invalid: a scope is no permission there is, or the key would have expired already.
        Forbidden: the principal may not make keys for that owner, or has not what the key would have.
    """
    may(ctx, request.user_id or uuid4(), own="account:write", others="api_keys:write")
    organization = ctx.principal.organization_id
    if request.expires_at is not None and request.expires_at <= ctx.clock.now():
        raise Invalid("expires_at: the key would have expired already.", code="invalid.expired", field="expires_at")
    key = crypto.new_token(PREFIX)
    new_key = NewApiKey(id=uuid4(), prefix=key[:SHOWN], key=SecretStr(key))
    async with ctx.database.transaction(ctx.principal) as connection:
        if request.user_id is not None:  # a key acts as its owner: it reads what is theirs alone
            await outrank(ctx, connection, request.user_id)
        await _check_scopes(ctx, connection, request)
        if request.user_id is not None and not await repository_access.is_alive(
            connection, organization, request.user_id
        ):
            raise no_user(request.user_id)
        await repository_secrets.add_api_key(
            connection,
            [
                organization,
                new_key.id,
                request.user_id,
                request.agent_id,
                request.name,
                new_key.prefix,
                crypto.token_hash(key),
                list(dict.fromkeys(request.scopes)),
                request.expires_at,
            ],
        )
    return new_key


async def _check_scopes(ctx: Context, connection: Connection, request: ApiKeyCreate) -> None:
    """Refuse a scope that there is not, and one that who makes the key has not."""
    scopes = [scope for scope in request.scopes if scope != ALL]
    permissions = await repository_access.known_permissions(connection, scopes)
    for scope in scopes:
        if scope not in permissions:
            raise Invalid(
                f"scopes: there is no permission {scope}.",
                code="invalid.permission",
                hint="list_permissions names them.",
                field="scopes",
            )
    asked = set(scopes)
    if ALL in request.scopes:
        asked |= await _owned(ctx, connection, request.user_id)
    hold(ctx, asked)


async def _owned(ctx: Context, connection: Connection, user_id: UUID | None) -> frozenset[str]:
    """Return what the owner of a key may do: a person what their roles say, an agent everything its scopes let it."""
    if user_id is None:
        return await repository_access.catalogue(connection)
    held = await repository_access.permissions_of(connection, ctx.principal.organization_id, user_id, ctx.clock.now())
    return held | ACCOUNT


@verb(rule=PROOF)
async def authenticate_api_key(ctx: Context, request: Token) -> Authenticated:
    """Find out whom a key belongs to and what it may do now, and note, to the minute, that it was used.

    Raises:
        Unauthenticated: it is no key, it was revoked, or it has expired.
    """
    row, now = await find_key(ctx, request), ctx.clock.now()
    owner = Principal(row["organization_id"], row["user_id"], row["agent_id"])
    scopes = frozenset(row["scopes"])
    teams: frozenset[UUID] = frozenset()
    async with ctx.database.transaction(owner, by_key=True) as connection:
        if owner.user_id is not None:
            held, teams = await repository_access.rights_of(connection, owner.organization_id, owner.user_id, now)
            scopes = held | ACCOUNT if ALL in scopes else scopes & (held | ACCOUNT)
        elif ALL in scopes:
            scopes = await repository_access.catalogue(connection)
        if _unused_for_a_minute(ctx, row["api_key_id"]):
            await repository_secrets.use_api_key(connection, owner.organization_id, row["api_key_id"], now)
    return Authenticated(
        organization_id=owner.organization_id,
        user_id=owner.user_id,
        agent_id=owner.agent_id,
        session_id=None,
        api_key_id=row["api_key_id"],
        team_ids=teams,
        permissions=scopes,
    )


async def find_key(ctx: Context, request: Token) -> Any:
    """Return the row of a key that is worth something now.

    Raises:
        Unauthenticated: it is no key, it was revoked, or it has expired.
    """
    async with ctx.database.untenanted() as connection:
        row = await repository_access.find_api_key(connection, crypto.token_hash(request.token.get_secret_value()))
    if row is None:
        raise Unauthenticated("The key is not known, or was revoked.", code="unauthenticated.api_key")
    if row["expires_at"] is not None and row["expires_at"] <= ctx.clock.now():
        raise Unauthenticated("The key has expired.", code="unauthenticated.expired", hint="Make another one.")
    return row


async def confirm_api_key(ctx: Context, request: Token) -> None:
    """Find out whether a key is still worth something, without what it may do: one statement.

    Raises:
        Unauthenticated: it is not.
    """
    await find_key(ctx, request)


def _unused_for_a_minute(ctx: Context, key_id: UUID) -> bool:
    """Tell whether this process has not written the key's use for as long as the cache remembers it."""
    name = ("api_key_used", key_id)
    if ctx.cache.get(name):
        return False
    ctx.cache.put(name, True)
    return True


@verb("account:read", "api_keys:read", rule=OWN)
async def list_api_keys(ctx: Context, request: ListApiKeys) -> Page[ApiKey]:
    """List the organisation's keys, or a person's, the newest first; without the keys themselves."""
    if request.user_id is None:
        ctx.principal.require("api_keys:read")
    else:
        may(ctx, request.user_id, own="account:read", others="api_keys:read")
    after = _KEYS.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository_secrets.api_keys(
            connection, ctx.principal.organization_id, request.user_id, after, request.limit + 1
        )
    return _KEYS.page(ctx.principal, request, rows, partial(from_row, ApiKey))


@verb("account:write", "api_keys:delete", rule=OWN)
async def revoke_api_key(ctx: Context, request: ApiKeyRef) -> ApiKey:
    """End a key; one that has ended stays as it is.

    Raises:
        NotFound: the organisation has no such key.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        row = await repository_secrets.api_key(connection, organization, request.api_key_id)
        owner = row["user_id"] if row is not None else None
        may(ctx, owner or request.api_key_id, own="account:write", others="api_keys:delete")
        if row is None:
            raise NotFound("There is no such key.", code="not_found.api_key", field="api_key_id")
        if owner is not None:
            await outrank(ctx, connection, owner)
        await repository_secrets.revoke_api_key(connection, organization, request.api_key_id, ctx.clock.now())
        row = await repository_secrets.api_key(connection, organization, request.api_key_id)
    return from_row(ApiKey, row)


async def revoke_agent_keys(connection: Connection, ctx: Context, agent_id: UUID) -> int:
    """End every key of an agent, in the caller's transaction: it was archived or removed."""
    return await repository_secrets.revoke_api_keys(
        connection, ctx.principal.organization_id, ctx.clock.now(), agent_id=agent_id
    )
