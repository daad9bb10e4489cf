"""Sign-in sessions (REQ-T123): an access token for requests, a refresh token to prolong it; both kept as hashes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core import crypto
from mnemon.core.errors import NotFound, Unauthenticated
from mnemon.core.pages import Page
from mnemon.core.principal import Principal
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row
from mnemon.identity import repository_access, repository_secrets, session_cache
from mnemon.identity.schemas import ListOfUser, UserRef
from mnemon.identity.schemas_access import (
    Authenticated,
    Session,
    SessionRef,
    SessionRefresh,
    SessionStart,
    SessionTokens,
    Token,
)
from mnemon.identity.service.people import no_user
from mnemon.identity.service.refresh_tokens import new_refresh_token, session_of
from mnemon.identity.service.rights import ACCOUNT, OWN, PROOF, may, outrank
from mnemon.identity.session_cache import forgets
from mnemon.verbs import TRUSTED, verb

ACCESS = "mna_"
_SESSIONS = Listing.newest("identity.list_sessions")


@verb(TRUSTED)
async def start_session(ctx: Context, request: SessionStart) -> SessionTokens:
    """Sign a person in; for a trusted process, after it has checked password and second factor.

    Raises:
        NotFound: the organisation has no such person, or they are not active.
        Forbidden: the principal is not a trusted process.
    """
    organization, now = ctx.principal.organization_id, ctx.clock.now()
    tokens = _tokens(ctx, uuid4(), request)
    row = [
        organization,
        tokens.session_id,
        request.user_id,
        *_hashes(tokens),
        str(request.ip_address) if request.ip_address else None,
        request.user_agent,
        tokens.expires_at,
        tokens.refresh_expires_at,
        now,
    ]
    async with ctx.database.transaction(ctx.principal) as connection:
        if not await repository_access.is_alive(connection, organization, request.user_id):
            raise no_user(request.user_id)
        await repository_secrets.add_session(connection, row)
    return tokens


@verb(rule=PROOF, changes=False)
async def find_session(ctx: Context, request: Token) -> Authenticated:
    """Find out whom an access token belongs to, and what they may do now.

    Raises:
        Unauthenticated: it is no token, its session has ended, or it has expired.
    """
    digest = _digest(request)

    async def ask() -> tuple[Authenticated, float]:
        return await _asked(ctx, digest)

    return await session_cache.found(ctx, digest, ask)


async def _asked(ctx: Context, digest: bytes) -> tuple[Authenticated, float]:
    """Ask the database whom an access token belongs to, and how many seconds it lasts."""
    async with ctx.database.untenanted() as connection:
        row = await repository_access.find_session(connection, digest)
    if row is None:
        raise _unknown()
    lasts = (row["expires_at"] - ctx.clock.now()).total_seconds()
    if lasts <= 0:
        raise Unauthenticated(
            "The access token has expired.", code="unauthenticated.expired", hint="Exchange the refresh token."
        )
    organization, user = row["organization_id"], row["user_id"]
    async with ctx.database.transaction(Principal(organization, user), readonly=True, by_key=True) as connection:
        permissions, teams = await repository_access.rights_of(connection, organization, user, ctx.clock.now())
    authenticated = Authenticated(
        organization_id=organization,
        user_id=user,
        agent_id=None,
        session_id=row["session_id"],
        api_key_id=None,
        team_ids=teams,
        permissions=permissions | ACCOUNT,
    )
    return authenticated, lasts


@verb(rule=PROOF)
@forgets
async def refresh_session(ctx: Context, request: SessionRefresh) -> SessionTokens:
    """Exchange a refresh token for new tokens; the ones before are worth nothing from then on.

    A refresh token that was exchanged already and comes again, however long ago that was, is a stolen copy, of one side
    or the other: the session ends for both. There is no time of grace, in which a thief would be served too: a client
    exchanges its token in one place at a time, and signs in again where the answer was lost.

    Raises:
        Unauthenticated: it is no refresh token, its session has ended, it has expired, or it was exchanged already.
    """
    digest, session_id = _digest(request), session_of(ctx, request.token.get_secret_value())
    proof = None if session_id is None else ctx.database.prove(f"session_of_token:{session_id}")
    async with ctx.database.untenanted() as connection:
        row = await repository_access.find_refresh(connection, digest, session_id, proof)
    if row is None:
        raise _unknown()
    now = ctx.clock.now()
    if row["refresh_expires_at"] <= now:
        raise Unauthenticated("The refresh token has expired.", code="unauthenticated.expired", hint="Sign in again.")
    tokens = _tokens(ctx, row["session_id"], request)
    renewed = False
    async with ctx.database.transaction(Principal(row["organization_id"], row["user_id"])) as connection:
        if row["is_current"]:
            change = [row["session_id"], digest, *_hashes(tokens), tokens.expires_at, tokens.refresh_expires_at]
            renewed = await repository_secrets.renew_session(
                connection, row["organization_id"], [*change, session_id is None]
            )
        if not renewed:  # exchanged before, or by somebody else since it was looked up
            await repository_secrets.revoke_session(connection, row["organization_id"], row["session_id"], now)
    if not renewed:
        raise Unauthenticated(
            "The refresh token was exchanged already.", code="unauthenticated.refresh_reused", hint="Sign in again."
        )
    return tokens


@verb("account:write", "sessions:delete", rule=OWN)
@forgets
async def revoke_session(ctx: Context, request: SessionRef) -> None:
    """End a session; one that has ended stays as it is.

    Raises:
        NotFound: the organisation has no such session.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        owner = await repository_secrets.find_session_owner(connection, organization, request.session_id)
        may(ctx, owner or request.session_id, own="account:write", others="sessions:delete")
        if owner is None:
            raise NotFound("There is no such session.", code="not_found.session", field="session_id")
        await outrank(ctx, connection, owner)
        await repository_secrets.revoke_session(connection, organization, request.session_id, ctx.clock.now())


@verb("account:write", "sessions:delete", rule=OWN)
@forgets
async def revoke_sessions(ctx: Context, request: UserRef) -> int:
    """Sign a person out everywhere, and say how many sessions ended."""
    may(ctx, request.user_id, own="account:write", others="sessions:delete")
    async with ctx.database.transaction(ctx.principal) as connection:
        await outrank(ctx, connection, request.user_id)
        return await repository_secrets.revoke_sessions(
            connection, ctx.principal.organization_id, request.user_id, ctx.clock.now()
        )


@verb("account:read", "sessions:read", rule=OWN)
async def list_sessions(ctx: Context, request: ListOfUser) -> Page[Session]:
    """List where a person is or was signed in, the newest first."""
    may(ctx, request.user_id, own="account:read", others="sessions:read")
    organization = ctx.principal.organization_id
    after = _SESSIONS.after(ctx.principal, request)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository_secrets.sessions_of(connection, organization, request.user_id, after, request.limit + 1)
    return _SESSIONS.page(ctx.principal, request, rows, partial(from_row, Session))


def _tokens(ctx: Context, session_id: UUID, lasting: SessionStart | SessionRefresh) -> SessionTokens:
    now = ctx.clock.now()
    return SessionTokens(
        session_id=session_id,
        access_token=SecretStr(crypto.new_token(ACCESS)),
        refresh_token=SecretStr(new_refresh_token(ctx, session_id)),
        expires_at=now + timedelta(minutes=lasting.access_minutes),
        refresh_expires_at=now + timedelta(days=lasting.refresh_days),
    )


def _hashes(tokens: SessionTokens) -> tuple[Any, Any]:
    return (
        crypto.token_hash(tokens.access_token.get_secret_value()),
        crypto.token_hash(tokens.refresh_token.get_secret_value()),
    )


def _digest(request: Token) -> bytes:
    return crypto.token_hash(request.token.get_secret_value())


def _unknown() -> Unauthenticated:
    return Unauthenticated(
        "The token is not known, or its session has ended.", code="unauthenticated.token", hint="Sign in again."
    )
