"""The statements of integrations use their indexes, under row-level security, in a large tenant and in a small one."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

from mnemon.db.words import matching
from mnemon.integrations import service
from mnemon.integrations.repository import EVENTS, FILES, MAIL
from mnemon.integrations.schemas import ListFiles
from tests.plans import SIZES, Case, Crowd, Key, words
from tests.plans import crowd as crowd

NOW = datetime.now(UTC)
USER, CONNECTION = Key("user", 1), Key("integration", 1)
MATCH = {"match": matching("@~@")}
OTHERS = "ix_{0}_integration|ix_{0}_{1}|ix_{0}_{2}"

CASES = (
    Case("claim_deliveries", (NOW, 20, 60), ("ix_webhook_deliveries_due",)),
    Case(
        "enqueue_deliveries",
        ("memory.created", "{}", "key", 8, NOW),
        ("ix_webhook_endpoints_active", "uq_webhook_deliveries_idempotency_key"),
    ),
    Case("next_attempt", (), ("ix_webhook_deliveries_due",)),
    Case("prune_deliveries", (datetime(2020, 1, 1, tzinfo=UTC),), ("ix_webhook_deliveries_created",)),
    Case(
        "search_mail",
        (USER, words(1), None, None, 20, None),
        ("ix_gmail_messages_search",),
        MATCH,
        small=("ix_gmail_messages_search|" + OTHERS.format("gmail_messages", "received", "thread"),),
    ),
    Case(
        "search_mail",
        (USER, words(1), None, None, 20, ["de", "ru"]),
        ("ix_gmail_messages_search",),
        MATCH,
        small=("ix_gmail_messages_search|" + OTHERS.format("gmail_messages", "received", "thread"),),
    ),
    *(
        Case(
            "remove_synced",
            (USER, CONNECTION, ["x"]),
            (f"{key}|ix_{table.name}_integration",),
            {"table": table.name, "key": table.key},
            small=(f"{key}|" + OTHERS.format(table.name, *others),),
        )
        for table, key, others in (
            (MAIL, "uq_gmail_messages_gmail_id", ("received", "thread")),
            (EVENTS, "uq_calendar_events_provider_event_id", ("time", "time")),
            (FILES, "uq_drive_files_provider_file_id", ("name", "modified")),
        )
    ),
    Case("upsert_mail", (USER, CONNECTION, "[]"), ("uq_gmail_messages_gmail_id",)),
    Case("upsert_events", (USER, CONNECTION, "[]", "google"), ("uq_calendar_events_provider_event_id",)),
    Case("upsert_files", (USER, CONNECTION, "[]", "google"), ("uq_drive_files_provider_file_id",)),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_statements_use_their_indexes(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.integrations", case)


async def test_files_are_listed_by_their_index(crowd: Crowd) -> None:
    tenant = crowd.tenant("large")
    user = tenant.key(Key("user"))
    first = await service.list_files(tenant.ctx, ListFiles(user_id=user, limit=2))
    assert first.next_cursor is not None
    for cursor in (None, first.next_cursor):
        asked = ListFiles(user_id=user, limit=20, cursor=cursor)
        await tenant.verb(partial(service.list_files, request=asked), ("ix_drive_files_modified",))
