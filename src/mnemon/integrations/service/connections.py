"""The verbs of connections to other services."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import Conflict
from mnemon.core.pages import Page
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.integrations.models import IntegrationORM
from mnemon.integrations.repository import IntegrationRepository
from mnemon.integrations.schemas import (
    Connect,
    Integration,
    ListIntegrations,
    RefreshTokens,
    ReportFailure,
    SaveCursor,
    Tokens,
)
from mnemon.integrations.service.common import seal, unseal
from mnemon.verbs import verb
from mnemon.workspace.ownership import owner_of, reach_of

_INTEGRATIONS = Listing.oldest("integrations.list_integrations")


def _purpose(user_id: UUID, provider: str, which: str) -> str:
    return f"integrations:{user_id}:{provider}:{which}"


@verb("integrations:write")
async def connect_integration(ctx: Context, request: Connect) -> Integration:
    """Keep a connection that a person granted; granted again, it replaces the tokens and keeps the id and the cursor.

    Raises:
        NotFound: the person is not one of this organisation.
        Unavailable: there is no key to encrypt the tokens with.
    """
    owner = owner_of(ctx.principal, request.user_id)
    values: dict[str, Any] = {
        "user_id": owner,
        "provider": request.provider,
        "status": "active",
        "access_token_encrypted": seal(ctx, request.access_token, _purpose(owner, request.provider, "access")),
        "refresh_token_encrypted": seal(ctx, request.refresh_token, _purpose(owner, request.provider, "refresh")),
        "token_expires_at": request.expires_at,
        "scopes": list(request.scopes),
        "provider_user_id": request.provider_user_id,
        "provider_email": request.provider_email,
        "metadata_": request.metadata,
        "connected_at": ctx.clock.now(),
        "last_error": None,
    }
    async with ctx.database.session(ctx.principal) as session:
        row = await IntegrationRepository(session, ctx.principal.organization_id).connect(values)
        return from_row(Integration, row)


@verb("integrations:read")
async def get_integration(ctx: Context, integration_id: UUID) -> Integration:
    """Read a connection, without its tokens.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
    """
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        return from_row(
            Integration, await _own(ctx, IntegrationRepository(session, _organization(ctx)), integration_id)
        )


@verb("integrations:read")
async def list_integrations(ctx: Context, request: ListIntegrations) -> Page[Integration]:
    """List connections, in the order they were made."""
    owner = reach_of(ctx.principal, request.user_id)
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        integrations = IntegrationRepository(session, _organization(ctx))
        query = integrations.those(owner, provider=request.provider, status=request.status)
        return await integrations.page(
            _INTEGRATIONS, ctx.principal, request, partial(from_row, Integration), query=query
        )


@verb("integrations:use", changes=False)
async def read_tokens(ctx: Context, integration_id: UUID) -> Tokens:
    """Read a connection's tokens, decrypted, for the one who talks to the provider.

    Raises:
        NotFound: there is none, or it is not this principal's.
        Conflict: it was disconnected, or never had a token.
    """
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        row = await _own(ctx, IntegrationRepository(session, _organization(ctx)), integration_id)
    if row.access_token_encrypted is None:
        raise _disconnected()
    refresh = row.refresh_token_encrypted
    return Tokens(
        access_token=unseal(ctx, row.access_token_encrypted, _purpose(row.user_id, row.provider, "access")),
        refresh_token=unseal(ctx, refresh, _purpose(row.user_id, row.provider, "refresh")) if refresh else None,
        expires_at=row.token_expires_at,
    )


@verb("integrations:use")
async def refresh_tokens(ctx: Context, request: RefreshTokens) -> Integration:
    """Store new tokens; without a refresh token the old one stays.

    Raises:
        NotFound: there is no such connection, or it is not this principal's.
        Conflict: another refresh came first, or it was disconnected.
    """
    async with ctx.database.session(ctx.principal) as session:
        integrations = IntegrationRepository(session, _organization(ctx))
        row = await _own(ctx, integrations, request.id, lock=True)
        if row.status == "disconnected":
            raise _disconnected()
        values: dict[str, Any] = {
            "access_token_encrypted": seal(ctx, request.access_token, _purpose(row.user_id, row.provider, "access")),
            "token_expires_at": request.expires_at,
            "status": "active",
            "last_error": None,
        }
        if request.refresh_token is not None:
            purpose = _purpose(row.user_id, row.provider, "refresh")
            values["refresh_token_encrypted"] = seal(ctx, request.refresh_token, purpose)
        row = await integrations.update(request.id, expected_version=request.expected_version, **values)
        return from_row(Integration, row)


@verb("integrations:use")
async def save_cursor(ctx: Context, request: SaveCursor) -> Integration:
    """Note where the next synchronisation goes on.

    Raises:
        NotFound: there is no such connection, or it is not this principal's.
        Conflict: another synchronisation came first; ``data`` has both versions.
    """
    async with ctx.database.session(ctx.principal) as session:
        integrations = IntegrationRepository(session, _organization(ctx))
        await _own(ctx, integrations, request.id)
        row = await integrations.update(
            request.id,
            expected_version=request.expected_version,
            sync_cursor=request.cursor,
            last_sync_at=ctx.clock.now(),
        )
        return from_row(Integration, row)


@verb("integrations:use")
async def report_failure(ctx: Context, request: ReportFailure) -> Integration:
    """Note that a connection does not work, and why.

    Raises:
        NotFound: there is no such connection, or it is not this principal's.
        Conflict: it was disconnected.
    """
    async with ctx.database.session(ctx.principal) as session:
        integrations = IntegrationRepository(session, _organization(ctx))
        row = await _own(ctx, integrations, request.id, lock=True)
        if row.status == "disconnected":
            raise _disconnected()
        return from_row(
            Integration, await integrations.update(request.id, status=request.status, last_error=request.error)
        )


@verb("integrations:delete")
async def disconnect_integration(ctx: Context, integration_id: UUID) -> Integration:
    """End a connection: its tokens are deleted at once; what was synchronised stays.

    Raises:
        NotFound: there is no such connection, or it is not this principal's.
    """
    async with ctx.database.session(ctx.principal) as session:
        integrations = IntegrationRepository(session, _organization(ctx))
        await _own(ctx, integrations, integration_id)
        row = await integrations.update(
            integration_id,
            status="disconnected",
            access_token_encrypted=None,
            refresh_token_encrypted=None,
            token_expires_at=None,
        )
        return from_row(Integration, row)


def _organization(ctx: Context) -> UUID:
    return ctx.principal.organization_id


async def _own(
    ctx: Context, integrations: IntegrationRepository, row_id: UUID, *, lock: bool = False
) -> IntegrationORM:
    row = await integrations.get_owned(row_id, reach_of(ctx.principal, None), lock=lock)
    if row is None:
        raise missing("integration", row_id)
    return row


def _disconnected() -> Conflict:
    return Conflict("The connection was ended.", code="conflict.disconnected", hint="Let the person connect it again.")
