"""The verbs of webhooks: addresses that want to be told, and their secrets."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core.ids import new_id
from mnemon.core.pages import Page, PageRequest
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.integrations.repository import EndpointRepository
from mnemon.integrations.schemas import Count
from mnemon.integrations.schemas_webhooks import NewSecret, RegisterWebhook, UpdateWebhook, Webhook
from mnemon.integrations.service.common import seal
from mnemon.integrations.service.deliveries import deliver_soon, purpose
from mnemon.integrations.signing import new_secret
from mnemon.verbs import verb

_WEBHOOKS = Listing.oldest("integrations.list_webhooks")


@verb("webhooks:write")
async def register_webhook(ctx: Context, request: RegisterWebhook) -> NewSecret:
    """Keep an address that wants to be told, with a fresh secret, which is shown this once.

    Raises:
        Unavailable: there is no key to encrypt the secret with.
    """
    identifier, secret = new_id(), SecretStr(new_secret())
    async with ctx.database.session(ctx.principal) as session:
        row = await EndpointRepository(session, ctx.principal.organization_id).create(
            id=identifier,
            url=request.url,
            description=request.description,
            events=list(request.events),
            secret_encrypted=seal(ctx, secret, purpose(identifier)),
            created_by=ctx.principal.user_id,
        )
        await session.refresh(row)
        return NewSecret(webhook=from_row(Webhook, row), secret=secret)


@verb("webhooks:write")
async def rotate_webhook_secret(ctx: Context, webhook_id: UUID) -> NewSecret:
    """Give an address another secret: deliveries that are claimed from now on are signed with it.

    Raises:
        NotFound: there is no such address.
    """
    secret = SecretStr(new_secret())
    async with ctx.database.session(ctx.principal) as session:
        endpoints = EndpointRepository(session, ctx.principal.organization_id)
        row = await endpoints.update(webhook_id, secret_encrypted=seal(ctx, secret, purpose(webhook_id)))
        return NewSecret(webhook=from_row(Webhook, row), secret=secret)


@verb("webhooks:write")
async def update_webhook(ctx: Context, request: UpdateWebhook) -> Webhook:
    """Change an address; switched off, it is told nothing, and what is under way waits.

    Raises:
        NotFound: there is no such address.
        Conflict: it has another version than the one expected; ``data`` has both.
    """
    values = request.model_dump(exclude={"id", "expected_version"}, exclude_none=True)
    if "events" in values:
        values["events"] = list(values["events"])
    if request.active:
        values |= {"failures": 0, "failing_since": None, "disabled_reason": None}
    async with ctx.database.session(ctx.principal) as session:
        endpoints = EndpointRepository(session, ctx.principal.organization_id)
        row = await endpoints.update(request.id, expected_version=request.expected_version, **values)
        if request.active:
            await deliver_soon(ctx, session)
        return from_row(Webhook, row)


@verb("webhooks:delete")
async def delete_webhook(ctx: Context, webhook_id: UUID) -> Count:
    """Delete an address softly; nothing more is sent to it.

    Raises:
        NotFound: there is no such address.
    """
    async with ctx.database.session(ctx.principal) as session:
        if not await EndpointRepository(session, ctx.principal.organization_id).delete(webhook_id):
            raise missing("webhook", webhook_id)
    return Count(count=1)


@verb("webhooks:read")
async def list_webhooks(ctx: Context, request: PageRequest) -> Page[Webhook]:
    """List addresses, in the order they were registered."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        endpoints = EndpointRepository(session, ctx.principal.organization_id)
        return await endpoints.page(_WEBHOOKS, ctx.principal, request, partial(from_row, Webhook))
