"""The verbs of webhooks: addresses, deliveries, attempts."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core.backoff import Backoff
from mnemon.core.crypto import new_token
from mnemon.core.errors import Conflict, Forbidden
from mnemon.core.ids import new_id
from mnemon.core.pages import Page, PageRequest
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.db.types import dump_json
from mnemon.integrations import repository
from mnemon.integrations.repository import DeliveryRepository, EndpointRepository
from mnemon.integrations.schemas import Count
from mnemon.integrations.schemas_webhooks import (
    ClaimDeliveries,
    Claimed,
    Delivery,
    Enqueued,
    EnqueueDelivery,
    ListDeliveries,
    NewSecret,
    RecordAttempt,
    RegisterWebhook,
    UpdateWebhook,
    Webhook,
)
from mnemon.integrations.service.common import seal, unseal
from mnemon.verbs import verb

RETENTION = timedelta(days=30)
#: Half a minute after the first attempt that failed, then four times as long each time, up to six hours.
BACKOFF = Backoff(30.0, 6 * 3600.0, factor=4)
_WEBHOOKS = Listing.oldest("integrations.list_webhooks")
_DELIVERIES = Listing.newest("integrations.list_deliveries")


def _purpose(endpoint_id: UUID) -> str:
    return f"webhook_endpoints:{endpoint_id}:secret"


@verb("webhooks:write")
async def register_webhook(ctx: Context, request: RegisterWebhook) -> NewSecret:
    """Keep an address that wants to be told, with a fresh secret, which is shown this once.

    Raises:
        Unavailable: there is no key to encrypt the secret with.
    """
    identifier, secret = new_id(), SecretStr(new_token("whsec_"))
    async with ctx.database.session(ctx.principal) as session:
        row = await EndpointRepository(session, ctx.principal.organization_id).create(
            id=identifier,
            url=request.url,
            description=request.description,
            events=list(request.events),
            secret_encrypted=seal(ctx, secret, _purpose(identifier)),
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
    secret = SecretStr(new_token("whsec_"))
    async with ctx.database.session(ctx.principal) as session:
        endpoints = EndpointRepository(session, ctx.principal.organization_id)
        row = await endpoints.update(webhook_id, secret_encrypted=seal(ctx, secret, _purpose(webhook_id)))
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
    async with ctx.database.session(ctx.principal) as session:
        endpoints = EndpointRepository(session, ctx.principal.organization_id)
        row = await endpoints.update(request.id, expected_version=request.expected_version, **values)
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


@verb("webhooks:deliver")
async def enqueue_delivery(ctx: Context, request: EnqueueDelivery) -> Enqueued:
    """Let every active address that wants the event be told; one that was told of the same key already is left out."""
    async with ctx.database.transaction(ctx.principal) as connection:
        ids = await repository.enqueue(
            connection,
            ctx.principal.organization_id,
            event=request.event,
            payload=dump_json(request.payload),
            key=request.idempotency_key,
            max_attempts=request.max_attempts,
            now=ctx.clock.now(),
        )
    return Enqueued(ids=tuple(ids))


@verb("webhooks:deliver")
async def claim_deliveries(ctx: Context, request: ClaimDeliveries) -> tuple[Claimed, ...]:
    """Take due deliveries for a while, oldest first; two who take at once get different ones.

    What is not reported before the lease ends may be claimed again: a receiver may be told twice, never not at all.

    Raises:
        Forbidden: it is not the organisation's own process: the addresses' secrets come with them, in plain.
    """
    if not ctx.principal.is_organization:
        raise Forbidden("Deliveries are for the process that sends them.", code="forbidden.secret")
    async with ctx.database.transaction(ctx.principal) as connection:
        rows = await repository.claim(
            connection, ctx.principal.organization_id, ctx.clock.now(), request.limit, float(request.lease_seconds)
        )
    return tuple(_claimed(ctx, row) for row in rows)


def _claimed(ctx: Context, row: Any) -> Claimed:
    values = dict(row)
    stored = values.pop("secret_encrypted")
    secret = unseal(ctx, stored, _purpose(values["endpoint_id"]))
    return from_row(Claimed, values, "payload", secret=secret)


@verb("webhooks:deliver")
async def record_attempt(ctx: Context, request: RecordAttempt) -> Delivery:
    """Note what became of an attempt: told (2xx), to be tried again later, or failed for good.

    Raises:
        NotFound: there is no such delivery.
        Conflict: another attempt has begun since, or its outcome is known already.
    """
    organization, now = ctx.principal.organization_id, ctx.clock.now()
    async with ctx.database.session(ctx.principal) as session:
        deliveries = DeliveryRepository(session, organization)
        row = await deliveries.get_by_id(request.id)
        if row is None:
            raise missing("delivery", request.id)
        status, again = _outcome(request, row.max_attempts, now)
        done = await deliveries.finish(
            request.id,
            request.attempt,
            status=status,
            next_attempt_at=again,
            last_status_code=request.status_code,
            last_error=request.error,
            delivered_at=now if status == "delivered" else None,
        )
        if done is None:
            raise Conflict(
                "This attempt is not the current one.",
                code="conflict.attempt",
                attempt=request.attempt,
                current_attempt=row.attempt,
                status=row.status,
            )
        return from_row(Delivery, done)


def _outcome(request: RecordAttempt, max_attempts: int, now: datetime) -> tuple[str, datetime]:
    if request.status_code is not None and 200 <= request.status_code <= 299 and request.error is None:
        return "delivered", now
    if request.attempt >= max_attempts:
        return "failed", now
    return "pending", now + timedelta(seconds=BACKOFF.after(request.attempt))


@verb("webhooks:read")
async def list_deliveries(ctx: Context, request: ListDeliveries) -> Page[Delivery]:
    """List deliveries, newest first: where each one stands (REQ-T138)."""
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        deliveries = DeliveryRepository(session, ctx.principal.organization_id)
        query = deliveries.those(endpoint_id=request.endpoint_id, status=request.status)
        return await deliveries.page(_DELIVERIES, ctx.principal, request, partial(from_row, Delivery), query=query)


@verb("webhooks:deliver")
async def prune_deliveries(ctx: Context) -> Count:
    """Delete deliveries older than thirty days (REQ-T138)."""
    async with ctx.database.transaction(ctx.principal) as connection:
        count = await repository.prune(connection, ctx.principal.organization_id, ctx.clock.now() - RETENTION)
    return Count(count=count)
