"""Webhooks: registered, enqueued, claimed, tried again, signed, kept thirty days (REQ-T138)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, NotFound
from mnemon.core.pages import PageRequest
from mnemon.db.sql import statement
from mnemon.integrations import repository, service
from mnemon.integrations.repository import PACKAGE
from mnemon.integrations.schemas_webhooks import (
    ClaimDeliveries,
    EnqueueDelivery,
    ListDeliveries,
    RecordAttempt,
    RegisterWebhook,
    UpdateWebhook,
)
from mnemon.integrations.service.deliveries import BACKOFF
from tests.patience import PATIENCE
from tests.workspace.helpers import (
    NOBODY_YET,
    at,
    indexes,
    plan,
    refused_field,
    refused_row,
    without_rights,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def register(ctx: Context, *events: str) -> UUID:
    made = await service.register_webhook(ctx, RegisterWebhook(url="https://example.org/hook", events=events))
    return made.webhook.id


async def enqueue(ctx: Context, event: str = "memory.created", **values: Any) -> tuple[UUID, ...]:
    request = EnqueueDelivery(event=event, payload={"n": 1}, **values)
    return (await service.enqueue_delivery(ctx, request)).ids


async def test_the_secret_is_shown_once_and_signs(keyed: Context, admin: Any) -> None:
    made = await service.register_webhook(keyed, RegisterWebhook(url="https://example.org/hook"))
    secret = made.secret.get_secret_value()
    stored = await admin.fetchval("SELECT to_jsonb(e)::text FROM webhook_endpoints e WHERE id = $1", made.webhook.id)
    assert secret not in stored
    await enqueue(keyed)
    (claimed,) = await service.claim_deliveries(keyed, ClaimDeliveries())
    assert claimed.secret.get_secret_value() == secret
    assert (claimed.url, claimed.event, claimed.payload, claimed.attempt) == (
        "https://example.org/hook",
        "memory.created",
        {"n": 1},
        1,
    )
    rotated = await service.rotate_webhook_secret(keyed, made.webhook.id)
    assert rotated.secret.get_secret_value() not in (secret, "")


async def test_who_wants_an_event_is_told_once(keyed: Context) -> None:
    everything, memories = await register(keyed), await register(keyed, "memory.created", "memory.deleted")
    silent = await register(keyed)
    await service.update_webhook(keyed, UpdateWebhook(id=silent, active=False))
    assert len(await enqueue(keyed, "memory.created", idempotency_key="k")) == 2
    assert len(await enqueue(keyed, "task.done")) == 1
    late = await register(keyed)
    again = await enqueue(keyed, "memory.created", idempotency_key="k")
    listed = (await service.list_deliveries(keyed, ListDeliveries())).items
    assert [one.endpoint_id for one in listed if one.id in again] == [late]
    assert {one.endpoint_id for one in listed} == {everything, memories, late}
    assert (
        len((await service.list_deliveries(keyed, ListDeliveries(endpoint_id=everything, status=("pending",)))).items)
        == 2
    )


async def test_claimed_by_many_each_is_sent_once(keyed: Context) -> None:
    await register(keyed)
    ids = [one for _ in range(20) for one in await enqueue(keyed)]
    taken = await asyncio.gather(*(service.claim_deliveries(keyed, ClaimDeliveries(limit=6)) for _ in range(6)))
    seen = [one.id for batch in taken for one in batch]
    seen += [one.id for one in await service.claim_deliveries(keyed, ClaimDeliveries(limit=100))]
    assert sorted(seen) == sorted(ids)
    assert not await service.claim_deliveries(keyed, ClaimDeliveries())


async def test_what_others_are_taking_is_not_waited_for(keyed: Context) -> None:
    await register(keyed)
    ids = {one for _ in range(5) for one in await enqueue(keyed)}
    async with keyed.database.transaction(keyed.principal) as connection:
        now = datetime.now(UTC)
        first = await repository.claim(connection, keyed.principal.organization_id, now, 3, 60.0)
        rest = await asyncio.wait_for(service.claim_deliveries(keyed, ClaimDeliveries(limit=5)), PATIENCE)
    assert (len(first), len(rest)) == (3, 2)
    assert {row["id"] for row in first} | {one.id for one in rest} == ids


async def test_it_is_tried_again_later_and_later_until_it_fails(keyed: Context) -> None:
    await register(keyed)
    clock = NOW
    (delivery,) = await enqueue(at(keyed, clock), max_attempts=3)
    for attempt, expected in ((1, timedelta(seconds=30)), (2, timedelta(minutes=2)), (3, None)):
        here = at(keyed, clock)
        (claimed,) = await service.claim_deliveries(here, ClaimDeliveries())
        assert (claimed.id, claimed.attempt) == (delivery, attempt)
        outcome = await service.record_attempt(
            here, RecordAttempt(id=delivery, attempt=attempt, status_code=500 if attempt < 3 else None, error="refused")
        )
        if expected is None:
            assert (outcome.status, outcome.last_error, outcome.attempt) == ("failed", "refused", 3)
            break
        assert (outcome.status, outcome.next_attempt_at) == ("pending", clock + expected)
        early = clock + expected - timedelta(seconds=1)
        assert not await service.claim_deliveries(at(keyed, early), ClaimDeliveries())
        clock += expected
    assert not await service.claim_deliveries(at(keyed, NOW + timedelta(days=1)), ClaimDeliveries())


async def test_delivered_it_is_over(keyed: Context) -> None:
    await register(keyed)
    here = at(keyed, NOW)
    (delivery,) = await enqueue(here)
    with pytest.raises(Conflict):  # nobody claimed it
        await service.record_attempt(here, RecordAttempt(id=delivery, attempt=1, status_code=200))
    await service.claim_deliveries(here, ClaimDeliveries())
    done = await service.record_attempt(here, RecordAttempt(id=delivery, attempt=1, status_code=204))
    assert (done.status, done.delivered_at, done.last_status_code) == ("delivered", NOW, 204)
    with pytest.raises(Conflict) as caught:
        await service.record_attempt(here, RecordAttempt(id=delivery, attempt=1, status_code=500))
    assert caught.value.code == "conflict.attempt"
    with pytest.raises(NotFound):
        await service.record_attempt(here, RecordAttempt(id=uuid4(), attempt=1, status_code=200))


async def test_who_dies_while_sending_leaves_it_to_others(keyed: Context) -> None:
    await register(keyed)
    (delivery,) = await enqueue(at(keyed, NOW), max_attempts=2)
    await service.claim_deliveries(at(keyed, NOW), ClaimDeliveries(lease_seconds=60))
    later = at(keyed, NOW + timedelta(seconds=61))
    (again,) = await service.claim_deliveries(later, ClaimDeliveries(lease_seconds=60))
    assert again.attempt == 2
    with pytest.raises(Conflict) as caught:  # the first one was only slow
        await service.record_attempt(later, RecordAttempt(id=delivery, attempt=1, status_code=200))
    assert caught.value.data["current_attempt"] == 2
    last = at(keyed, NOW + timedelta(seconds=200))
    assert not await service.claim_deliveries(last, ClaimDeliveries())
    (listed,) = (await service.list_deliveries(keyed, ListDeliveries())).items
    assert (listed.status, listed.last_error) == ("failed", "the last attempt was not reported")


async def test_switched_off_or_deleted_an_address_is_told_nothing(keyed: Context) -> None:
    hook = await register(keyed)
    await enqueue(keyed)
    off = await service.update_webhook(keyed, UpdateWebhook(id=hook, active=False, expected_version=1))
    with pytest.raises(Conflict):
        await service.update_webhook(keyed, UpdateWebhook(id=hook, active=True, expected_version=1))
    assert not await service.claim_deliveries(keyed, ClaimDeliveries())
    await service.update_webhook(keyed, UpdateWebhook(id=hook, active=True, expected_version=off.version))
    assert len(await service.claim_deliveries(keyed, ClaimDeliveries())) == 1
    await service.delete_webhook(keyed, hook)
    assert not await enqueue(keyed)
    assert not (await service.list_webhooks(keyed, PageRequest())).items
    with pytest.raises(NotFound):
        await service.delete_webhook(keyed, hook)


async def test_deliveries_are_kept_for_thirty_days(keyed: Context) -> None:
    await register(keyed)
    for days in (29, 31, 40):
        await enqueue(at(keyed, NOW - timedelta(days=days)))
    assert (await service.prune_deliveries(at(keyed, NOW))).count == 2
    assert len((await service.list_deliveries(keyed, ListDeliveries())).items) == 1


def test_the_wait_grows_and_is_bounded() -> None:
    waits = [BACKOFF.after(n) for n in range(1, 60)]
    assert waits[:4] == [30, 120, 480, 1920]
    assert waits == sorted(waits)
    assert max(waits) == 6 * 3600


@pytest.mark.parametrize(
    ("model", "values", "field"),
    [
        (RegisterWebhook, {"url": "ftp://example.org"}, "url"),
        (RegisterWebhook, {"url": "https://"}, "url"),
        (RegisterWebhook, {"url": "https://example.org/a b"}, "url"),
        (RegisterWebhook, {"url": "https://example.org:99999"}, "url"),
        (RegisterWebhook, {"url": "https://example.org", "events": ["Memory Created"]}, "events.0"),
        (EnqueueDelivery, {"event": "", "payload": {}}, "event"),
        (EnqueueDelivery, {"event": "x", "payload": {"a": float("inf")}}, "payload"),
        (RecordAttempt, {"id": str(NOBODY_YET), "attempt": 0, "status_code": 200}, "attempt"),
        (RecordAttempt, {"id": str(NOBODY_YET), "attempt": 1, "status_code": 99}, "status_code"),
    ],
)
def test_the_schema_names_the_field(model: Any, values: dict[str, Any], field: str) -> None:
    assert refused_field(model, **values)[1] == field


@pytest.mark.parametrize(
    ("table", "values", "code", "field"),
    [
        ("webhook_endpoints", {"url": "'ftp://x'", "secret_encrypted": "'x'"}, "invalid.url", "url"),
        ("webhook_endpoints", {"url": "'https://x'"}, "invalid.required", "secret_encrypted"),
        ("webhook_deliveries", {"event": "'Memory Created'"}, "invalid.event", "event"),
        ("webhook_deliveries", {"event": "'x'", "status": "'lost'"}, "invalid.status", "status"),
        ("webhook_deliveries", {"event": "'x'", "attempt": "-1"}, "invalid.attempt", "attempt"),
        ("webhook_deliveries", {"event": "'x'", "max_attempts": "0"}, "invalid.max_attempts", "max_attempts"),
        (
            "webhook_deliveries",
            {"event": "'x'", "last_status_code": "9"},
            "invalid.last_status_code",
            "last_status_code",
        ),
        ("webhook_deliveries", {"event": "'x'", "delivered_at": "now()"}, "invalid.delivered_at", "delivered_at"),
        (
            "webhook_deliveries",
            {"event": "'x'", "endpoint_id": f"'{NOBODY_YET}'"},
            "not_found.reference",
            "endpoint_id",
        ),
    ],
)
async def test_the_database_refuses_it_too(
    keyed: Context, table: str, values: dict[str, str], code: str, field: str
) -> None:
    base = {"endpoint_id": f"'{await register(keyed)}'"} if table == "webhook_deliveries" else {}
    error = await refused_row(keyed, table, **{**base, **values})
    assert (error.code, error.data["field"]) == (code, field)


async def test_another_organisation_reaches_nothing(keyed: Context, other: Context) -> None:
    hook = await register(keyed)
    (delivery,) = await enqueue(keyed)
    for attempt in (
        service.update_webhook(other, UpdateWebhook(id=hook, active=False)),
        service.delete_webhook(other, hook),
        service.record_attempt(other, RecordAttempt(id=delivery, attempt=1, status_code=200)),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert not await enqueue(other)
    assert not await service.claim_deliveries(other, ClaimDeliveries())
    assert not (await service.list_webhooks(other, PageRequest())).items
    assert not (await service.list_deliveries(other, ListDeliveries())).items
    assert (await service.prune_deliveries(at(other, NOW + timedelta(days=9999)))).count == 0
    assert [one.id for one in (await service.list_deliveries(keyed, ListDeliveries())).items] == [delivery]


async def test_every_verb_wants_its_permission(keyed: Context) -> None:
    nobody, row = without_rights(keyed), uuid4()
    for attempt in (
        register(nobody),
        service.rotate_webhook_secret(nobody, row),
        service.update_webhook(nobody, UpdateWebhook(id=row, active=False)),
        service.delete_webhook(nobody, row),
        service.list_webhooks(nobody, PageRequest()),
        enqueue(nobody),
        service.claim_deliveries(nobody, ClaimDeliveries()),
        service.record_attempt(nobody, RecordAttempt(id=row, attempt=1, status_code=200)),
        service.list_deliveries(nobody, ListDeliveries()),
        service.prune_deliveries(nobody),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_claiming_reads_its_index(keyed: Context, admin: Any) -> None:
    hook = await register(keyed)
    async with keyed.database.transaction(keyed.principal) as connection:
        await connection.execute(
            "INSERT INTO webhook_deliveries (organization_id, endpoint_id, event, status, next_attempt_at) "
            "SELECT $1, $2, 'x', CASE WHEN n % 100 = 0 THEN 'pending' ELSE 'failed' END, now() "
            "FROM generate_series(1, 5000) AS n RETURNING id",
            keyed.principal.organization_id,
            hook,
        )
    await admin.execute("ANALYZE webhook_deliveries, webhook_endpoints")
    query = statement(PACKAGE, "claim_deliveries")
    found = await plan(keyed, query, keyed.principal.organization_id, datetime.now(UTC), 10, 60.0)
    assert "ix_webhook_deliveries_due" in indexes(found)
