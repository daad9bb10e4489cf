"""The verbs of deliveries: what is told to webhooks, how it is sent, what became of it."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from mnemon._version import __version__
from mnemon.context import Context
from mnemon.core.backoff import Backoff
from mnemon.core.errors import Conflict, Forbidden, MnemonError
from mnemon.core.networks import parse_networks
from mnemon.core.pages import Page
from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
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
    DeliveryWithPayload,
    Enqueued,
    EnqueueDelivery,
    ListDeliveries,
    RecordAttempt,
    SendDeliveries,
    Sent,
)
from mnemon.integrations.sending import Outcome, Sender
from mnemon.integrations.service.common import unseal
from mnemon.integrations.signing import sign
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import Enqueue
from mnemon.verbs import verb

RETENTION = timedelta(days=30)
#: Half a minute after the first attempt that failed, then four times as long each time, up to six hours.
BACKOFF = Backoff(30.0, 6 * 3600.0, factor=4)
#: The job that sends what is due in an organisation, and what it may do.
JOB, RIGHTS = "integrations.deliver", frozenset({"jobs:write", "webhooks:deliver"})
#: Deliveries that are sent side by side, and seconds that a claim outlasts the longest of them.
TOGETHER, LEASE_MARGIN = 20, 10
#: An address is switched off when a delivery to it has died, so many attempts in a row have failed, and none came
#: through since that delivery was made.
FAILURES = 10
_DELIVERIES = Listing.newest("integrations.list_deliveries")
#: The answer of an address that wants nothing any more.
GONE = 410


def purpose(endpoint_id: UUID) -> str:
    """Return what an address's secret is encrypted for."""
    return f"webhook_endpoints:{endpoint_id}:secret"


async def deliver_soon(ctx: Context, within: Connection | AsyncSession) -> None:
    """Queue the job that sends what is due, as part of a transaction."""
    organization = ctx.as_principal(Principal(ctx.principal.organization_id, permissions=RIGHTS))
    await jobs.enqueue(organization, Enqueue(kind=JOB), within=within)


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
        if ids:
            await deliver_soon(ctx, connection)
    return Enqueued(ids=tuple(ids))


@verb("webhooks:deliver")
async def claim_deliveries(ctx: Context, request: ClaimDeliveries) -> tuple[Claimed, ...]:
    """Take due deliveries for a while, oldest first; two who take at once get different ones.

    What is not reported before the lease ends may be claimed again: a receiver may be told twice, never not at all.

    Raises:
        Forbidden: it is not the organisation's own process: the addresses' secrets come with them, in plain.
    """
    rows = await _claim(ctx, request.limit, request.lease_seconds)
    return tuple(_claimed(ctx, row) for row in rows)


async def _claim(ctx: Context, limit: int, lease_seconds: int) -> list[Any]:
    if not ctx.principal.is_organization:
        raise Forbidden("Deliveries are for the process that sends them.", code="forbidden.secret")
    async with ctx.database.transaction(ctx.principal) as connection:
        return await repository.claim(
            connection, ctx.principal.organization_id, ctx.clock.now(), limit, float(lease_seconds)
        )


def _claimed(ctx: Context, row: Any) -> Claimed:
    values = dict(row)
    stored = values.pop("secret_encrypted")
    secret = unseal(ctx, stored, purpose(values["endpoint_id"]))
    return from_row(Claimed, values, "payload", secret=secret)


@verb("webhooks:deliver")
async def record_attempt(ctx: Context, request: RecordAttempt) -> Delivery:
    """Note what became of an attempt: told (2xx), to be tried again later, or failed for good.

    An address that is gone (410), or that took nothing while a delivery lived its whole life, is switched off.

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
        finished = await deliveries.finish(
            request.id,
            request.attempt,
            status=status,
            next_attempt_at=again,
            last_status_code=request.status_code,
            last_error=request.error,
            delivered_at=now if status == "delivered" else None,
        )
        if finished is None:
            raise Conflict(
                "This attempt is not the current one.",
                code="conflict.attempt",
                attempt=request.attempt,
                current_attempt=row.attempt,
                status=row.status,
            )
        await _note_at_address(EndpointRepository(session, organization), finished, now)
        return from_row(Delivery, finished)


def _outcome(request: RecordAttempt, max_attempts: int, now: datetime) -> tuple[str, datetime]:
    if request.status_code is not None and 200 <= request.status_code <= 299 and request.error is None:
        return "delivered", now
    if request.attempt >= max_attempts or request.status_code == GONE:
        return "failed", now
    return "pending", now + timedelta(seconds=BACKOFF.after(request.attempt))


async def _note_at_address(endpoints: EndpointRepository, delivery: Any, now: datetime) -> None:
    """Keep how an address does, and switch it off when it takes nothing any more."""
    if delivery.status == "delivered":
        await endpoints.came_through(delivery.endpoint_id)
        return
    failures, failing_since = await endpoints.failed(delivery.endpoint_id, now)
    reason = None
    if delivery.last_status_code == GONE:
        reason = "it answered 410: gone"
    elif delivery.status == "failed" and failures >= FAILURES and failing_since <= delivery.created_at:
        reason = f"{failures} attempts failed, one after the other, since {failing_since:%Y-%m-%d %H:%M} UTC"
        reason = f"{reason}; the last: {delivery.last_error}"[:500]
    if reason is not None:
        await endpoints.switch_off(delivery.endpoint_id, reason)


@verb("webhooks:deliver")
async def send_deliveries(ctx: Context, request: SendDeliveries) -> Sent:
    """Send what is due to the addresses that want it, signed, and note what became of each.

    Raises:
        Forbidden: it is not the organisation's own process.
    """
    settings = ctx.settings
    sender = Sender(parse_networks(settings.webhook_networks), timeout=settings.webhook_timeout)
    lease = int(settings.webhook_timeout) + LEASE_MARGIN
    counts = {"delivered": 0, "pending": 0, "failed": 0}
    left = request.limit
    while left > 0 and (rows := await _claim(ctx, min(TOGETHER, left), lease)):
        left -= len(rows)
        for status in await asyncio.gather(*(_send(ctx, sender, row) for row in rows)):
            counts[status] += 1
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        due = await repository.next_attempt(connection, ctx.principal.organization_id)
    return Sent(
        delivered=counts["delivered"], postponed=counts["pending"], failed=counts["failed"], next_attempt_at=due
    )


async def _send(ctx: Context, sender: Sender, row: Any) -> str:
    """Send one delivery and note its outcome; return the state that it is in."""
    body = json.dumps(
        {"type": row["event"], "timestamp": row["created_at"].isoformat(), "data": json.loads(row["payload"])},
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    try:
        secret = unseal(ctx, row["secret_encrypted"], purpose(row["endpoint_id"]))
        outcome = await sender.post(row["url"], _headers(ctx, secret, row["id"], body), body)
    except (MnemonError, ValueError):
        outcome = Outcome(error="its secret cannot be read: give it another one (rotate_webhook_secret)")
    report = RecordAttempt(id=row["id"], attempt=row["attempt"], status_code=outcome.status_code, error=outcome.error)
    try:
        return (await record_attempt(ctx, report)).status
    except Conflict:
        return "pending"  # another process took it meanwhile: it says what became of it


def _headers(ctx: Context, secret: SecretStr, delivery_id: UUID, body: bytes) -> dict[str, str]:
    signed = sign(secret.get_secret_value(), str(delivery_id), body, ctx.clock.now())
    return {"Content-Type": "application/json", "User-Agent": f"Mnemon-Webhooks/{__version__}", **signed}


@verb("webhooks:write")
async def replay_delivery(ctx: Context, delivery_id: UUID) -> Delivery:
    """Queue a delivery again, under the same id and with all its attempts, whatever became of it.

    Raises:
        NotFound: there is no such delivery, or its address was deleted.
        Conflict: it is on its way, or its address is switched off.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.session(ctx.principal) as session:
        deliveries = DeliveryRepository(session, organization)
        row = await deliveries.get_by_id(delivery_id)
        if row is None:
            raise missing("delivery", delivery_id)
        endpoint = await EndpointRepository(session, organization).get_by_id(row.endpoint_id)
        if endpoint is None:
            raise missing("webhook", row.endpoint_id)
        if not endpoint.active:
            raise Conflict("Its address is switched off.", code="conflict.inactive", hint="Switch it on first.")
        again = await deliveries.replay(delivery_id, ctx.clock.now())
        if again is None:
            raise Conflict("It is on its way.", code="conflict.state", status=row.status)
        await deliver_soon(ctx, session)
        return from_row(Delivery, again)


@verb("webhooks:read")
async def get_delivery(ctx: Context, delivery_id: UUID) -> DeliveryWithPayload:
    """Read a delivery with what the address is told and how the last attempt went.

    Raises:
        NotFound: there is no such delivery.
    """
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        row = await DeliveryRepository(session, ctx.principal.organization_id).get_by_id(delivery_id)
        if row is None:
            raise missing("delivery", delivery_id)
        return from_row(DeliveryWithPayload, row)


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
