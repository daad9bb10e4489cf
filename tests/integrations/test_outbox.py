"""The outbox: what happens is written down in the transaction of the change, for who wants it, and sent from there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from standardwebhooks import Webhook as Library

from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, MnemonError, NotFound
from mnemon.core.pages import PageRequest
from mnemon.integrations import service
from mnemon.integrations.schemas_webhooks import (
    EnqueueDelivery,
    ListDeliveries,
    NewSecret,
    RegisterWebhook,
    SendDeliveries,
    UpdateWebhook,
)
from mnemon.integrations.service.deliveries import BACKOFF, FAILURES
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import ListJobs
from mnemon.memory import service as memory
from mnemon.memory.schemas import Forget, NewMemory, Remember
from mnemon.operations import service as operations
from mnemon.operations.schemas import Erase
from mnemon.workspace import service as workspace
from mnemon.workspace.schemas import CompleteTask, CreateTask, UpdateTask
from tests.factories import with_settings
from tests.integrations.receivers import Receiver, receiving, says
from tests.workspace.helpers import acting, at, people

NOW = datetime.now(UTC)


@pytest.fixture
def sending(keyed: Context) -> Context:
    """The context of an organisation that may send to loopback."""
    return with_settings(keyed, webhook_networks="127.0.0.0/8", webhook_timeout=10.0)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def register(ctx: Context, receiver: Receiver, *events: str) -> NewSecret:
    request = RegisterWebhook(url=f"http://127.0.0.1:{receiver.port}/hook", events=events)
    return await service.register_webhook(ctx, request)


async def told(ctx: Context) -> list[tuple[str, str]]:
    listed = (await service.list_deliveries(ctx, ListDeliveries(limit=1000))).items
    return [(one.event, one.status) for one in reversed(listed)]


async def send(ctx: Context) -> tuple[int, int, int]:
    sent = await service.send_deliveries(ctx, SendDeliveries())
    return sent.delivered, sent.postponed, sent.failed


async def remember(ctx: Context, *texts: str, **values: Any) -> tuple[UUID, ...]:
    items = tuple(NewMemory(content=text, **values) for text in texts)
    return (await memory.remember(ctx, Remember(items=items))).ids


async def test_a_memory_is_told_of_with_ids_and_without_its_words(sending: Context, receiver: Receiver) -> None:
    made = await register(sending, receiver)
    (memory_id,) = await remember(sending, "Ada's secret garden", user="ada")
    assert await send(sending) == (2, 0, 0)  # the person, made on first use, and the memory
    requests = {one.told["type"]: one for one in receiver.received}
    request = requests["memory.created"]
    (person,) = await people(sending, "ada")
    assert request.told["data"]["memory_id"] == str(memory_id)
    assert request.told["data"]["user_id"] == str(person)
    assert "garden" not in request.body.decode()
    for one in receiver.received:
        Library(made.secret.get_secret_value()).verify(one.body, one.headers)
    assert sorted(await told(sending)) == [("memory.created", "delivered"), ("user.created", "delivered")]


async def test_rolled_back_nothing_is_told(sending: Context, receiver: Receiver) -> None:
    await register(sending, receiver)
    (person,) = await people(sending, "ada")
    await send(sending)
    organization = sending.principal.organization_id

    async def make(title: str | None) -> None:
        async with sending.database.transaction(sending.principal) as connection:
            for value in ("kept with the other", title):
                insert = "INSERT INTO tasks (organization_id, user_id, title) VALUES ($1, $2, $3)"
                await connection.execute(insert, organization, person, value)

    with pytest.raises(MnemonError):
        await make(None)
    assert await told(sending) == [("user.created", "delivered")]
    assert len((await jobs.list_jobs(sending, ListJobs(kind="integrations.deliver"))).items) == 1


async def test_each_change_has_its_word(sending: Context, receiver: Receiver) -> None:
    await register(
        sending, receiver, "memory.created", "memory.deleted", "task.created", "task.updated", "task.completed"
    )
    (person,) = await people(sending, "ada")
    (memory_id,) = await remember(sending, "One")
    await memory.forget(sending, Forget(ids=(memory_id,)))
    mine = acting(sending, person)
    task = await workspace.create_task(mine, CreateTask(title="Call"))
    await workspace.update_task(mine, UpdateTask(id=task.id, title="Call back"))
    await workspace.complete_task(mine, CompleteTask(id=task.id))
    assert [event for event, _ in await told(sending)] == [
        "memory.created",
        "memory.deleted",
        "task.created",
        "task.updated",
        "task.completed",
    ]


async def test_many_rows_of_a_statement_are_told_of_one_by_one(sending: Context, receiver: Receiver) -> None:
    await register(sending, receiver, "memory.created")
    made = await remember(sending, *(f"Note number {n} of the many" for n in range(60)))
    assert await send(sending) == (60, 0, 0)
    assert {one.told["data"]["memory_id"] for one in receiver.received} == {str(one) for one in made}
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 60
    queued = (await jobs.list_jobs(sending, ListJobs(kind="integrations.deliver"))).items
    assert 1 <= len(queued) < 10


async def test_what_nobody_waits_for_is_not_written_down(sending: Context, receiver: Receiver) -> None:
    hook = await register(sending, receiver, "task.created")
    await remember(sending, "One")
    await service.update_webhook(sending, UpdateWebhook(id=hook.webhook.id, active=False))
    (person,) = await people(sending, "ada")
    await workspace.create_task(acting(sending, person), CreateTask(title="Call"))
    assert await told(sending) == []


async def test_counting_and_indexing_are_nobodys_news(sending: Context, receiver: Receiver) -> None:
    (memory_id,) = await remember(sending, "One")
    await register(sending, receiver)
    async with sending.database.transaction(sending.principal) as connection:
        await connection.execute(
            "UPDATE memories SET access_count = access_count + 1, is_indexed = true WHERE organization_id = $1 "
            "AND id = $2",
            sending.principal.organization_id,
            memory_id,
        )
    assert await told(sending) == []


async def test_an_erased_person_is_in_no_delivery(sending: Context, receiver: Receiver, admin: Any) -> None:
    await register(sending, receiver)
    await remember(sending, "Ada's own", user="ada")
    await remember(sending, "Nobody's own")
    (person,) = await people(sending, "ada")
    await operations.erase(sending, Erase(kind="user", name="ada"))
    left = await admin.fetchval(
        "SELECT count(*) FROM webhook_deliveries WHERE payload::text LIKE '%' || $1 || '%'", str(person)
    )
    assert left == 0
    assert [event for event, _ in await told(sending)] == ["memory.created"]


async def test_it_is_tried_again_and_an_address_that_takes_nothing_is_switched_off(
    sending: Context, receiver: Receiver
) -> None:
    receiver.answer = says("500 Oops", b"down")
    hook = await register(sending, receiver)
    for n in range(2):
        await service.enqueue_delivery(
            at(sending, NOW), EnqueueDelivery(event="x", payload={"n": n}, max_attempts=FAILURES // 2)
        )
    clock = NOW
    for attempt in range(1, FAILURES // 2):
        assert await send(at(sending, clock)) == (0, 2, 0), attempt
        assert await send(at(sending, clock)) == (0, 0, 0)
        clock += timedelta(seconds=BACKOFF.after(attempt))
    assert await send(at(sending, clock)) == (0, 0, 2)
    (listed,) = (await service.list_webhooks(sending, PageRequest())).items
    assert not listed.active
    assert listed.failing_since is not None
    assert listed.disabled_reason is not None
    assert listed.disabled_reason.startswith(f"{FAILURES} attempts failed")
    assert "the answer was 500: down" in listed.disabled_reason
    (one, _) = (await service.list_deliveries(sending, ListDeliveries())).items
    with pytest.raises(Conflict) as caught:
        await service.replay_delivery(sending, one.id)
    assert caught.value.code == "conflict.inactive"

    receiver.answer = says("204 No Content")
    on = await service.update_webhook(sending, UpdateWebhook(id=hook.webhook.id, active=True))
    assert (on.active, on.failing_since, on.disabled_reason) == (True, None, None)
    again = await service.replay_delivery(at(sending, clock), one.id)
    assert (again.status, again.attempt) == ("pending", 0)
    assert await send(at(sending, clock)) == (1, 0, 0)
    assert receiver.received[-1].headers["webhook-id"] == str(one.id)


async def test_one_that_comes_through_begins_the_count_anew(sending: Context, receiver: Receiver) -> None:
    await register(sending, receiver)
    receiver.answer = says("503 Busy")
    for n in range(FAILURES - 1):
        await service.enqueue_delivery(at(sending, NOW), EnqueueDelivery(event="x", payload={"n": n}, max_attempts=1))
    assert await send(at(sending, NOW)) == (0, 0, FAILURES - 1)
    receiver.answer = says("200 OK")
    await service.enqueue_delivery(at(sending, NOW), EnqueueDelivery(event="x", payload={}))
    assert await send(at(sending, NOW)) == (1, 0, 0)
    (listed,) = (await service.list_webhooks(sending, PageRequest())).items
    assert (listed.active, listed.failing_since, listed.version) == (True, None, 1)


async def test_an_address_that_is_gone_is_switched_off_at_once(sending: Context, receiver: Receiver) -> None:
    receiver.answer = says("410 Gone")
    await register(sending, receiver)
    await service.enqueue_delivery(sending, EnqueueDelivery(event="x", payload={}))
    assert await send(sending) == (0, 0, 1)
    (listed,) = (await service.list_webhooks(sending, PageRequest())).items
    assert (listed.active, listed.disabled_reason) == (False, "it answered 410: gone")


async def test_a_delivery_is_seen_and_sent_again_under_the_same_id(sending: Context, receiver: Receiver) -> None:
    await register(sending, receiver)
    (delivery,) = (await service.enqueue_delivery(sending, EnqueueDelivery(event="x.y", payload={"a": 1}))).ids
    await send(sending)
    seen = await service.get_delivery(sending, delivery)
    assert (seen.status, seen.last_status_code, seen.payload) == ("delivered", 200, {"a": 1})
    await service.replay_delivery(sending, delivery)
    assert await send(sending) == (1, 0, 0)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == str(delivery)
    assert first.body == second.body
    for verb in (service.get_delivery, service.replay_delivery):
        with pytest.raises(NotFound):
            await verb(sending, uuid4())


async def test_what_is_on_its_way_is_not_begun_anew(sending: Context) -> None:
    async with receiving(says("200 OK")) as receiver:
        began, release = asyncio.Event(), asyncio.Event()
        good = receiver.answer

        async def held(one: Receiver, writer: asyncio.StreamWriter) -> None:
            began.set()
            await release.wait()
            await good(one, writer)

        receiver.answer = held
        await register(sending, receiver)
        (delivery,) = (await service.enqueue_delivery(sending, EnqueueDelivery(event="x", payload={}))).ids
        under_way = asyncio.create_task(send(with_settings(sending, webhook_timeout=30.0)))
        await began.wait()
        with pytest.raises(Conflict) as caught:
            await service.replay_delivery(sending, delivery)
        assert caught.value.code == "conflict.state"
        release.set()
        assert await under_way == (1, 0, 0)


async def test_two_processes_send_each_delivery_once(sending: Context, receiver: Receiver) -> None:
    await register(sending, receiver)
    for n in range(40):
        await service.enqueue_delivery(sending, EnqueueDelivery(event="x", payload={"n": n}))
    results = await asyncio.gather(*(send(sending) for _ in range(4)))
    assert sum(delivered for delivered, _, _ in results) == 40
    assert sorted(one.told["data"]["n"] for one in receiver.received) == list(range(40))


async def test_a_secret_that_cannot_be_read_keeps_nobody_else_from_being_told(
    sending: Context, receiver: Receiver, admin: Any
) -> None:
    broken = await register(sending, receiver)
    await register(sending, receiver)
    await admin.execute("UPDATE webhook_endpoints SET secret_encrypted = '' WHERE id = $1", broken.webhook.id)
    await service.enqueue_delivery(sending, EnqueueDelivery(event="x", payload={}))
    assert await send(sending) == (1, 1, 0)
    waiting = (await service.list_deliveries(sending, ListDeliveries(status=("pending",)))).items
    assert "rotate_webhook_secret" in str(waiting[0].last_error)


async def test_loopback_is_not_sent_to_by_itself(keyed: Context, receiver: Receiver) -> None:
    await register(keyed, receiver)
    await service.enqueue_delivery(keyed, EnqueueDelivery(event="x", payload={}))
    assert await send(keyed) == (0, 1, 0)
    assert receiver.connections == 0


async def test_another_organisation_sees_and_sends_nothing(
    sending: Context, other: Context, receiver: Receiver
) -> None:
    await register(sending, receiver)
    (delivery,) = (await service.enqueue_delivery(sending, EnqueueDelivery(event="x", payload={}))).ids
    for verb in (service.get_delivery, service.replay_delivery):
        with pytest.raises(NotFound):
            await verb(other, delivery)
    assert (await service.send_deliveries(other, SendDeliveries())).delivered == 0
    await remember(other, "Told nobody")
    assert len(await told(sending)) == 1
    (person,) = await people(sending, "ada")
    with pytest.raises(Forbidden):
        await service.send_deliveries(acting(sending, person), SendDeliveries())


async def test_when_the_next_one_is_due(sending: Context, receiver: Receiver) -> None:
    assert (await service.send_deliveries(sending, SendDeliveries(limit=0))).next_attempt_at is None
    hook = await register(sending, receiver)
    receiver.answer = says("500 Oops")
    here = at(sending, NOW)
    await service.enqueue_delivery(here, EnqueueDelivery(event="x", payload={}))
    assert (await service.send_deliveries(here, SendDeliveries(limit=0))).next_attempt_at == NOW
    sent = await service.send_deliveries(here, SendDeliveries())
    assert sent.next_attempt_at == NOW + timedelta(seconds=30)
    await service.update_webhook(here, UpdateWebhook(id=hook.webhook.id, active=False))
    assert (await service.send_deliveries(here, SendDeliveries(limit=0))).next_attempt_at is None
