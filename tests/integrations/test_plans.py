"""The statements of integrations use their indexes, under row-level security, in a large tenant and in a small one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mnemon.db.words import matching
from mnemon.integrations.repository import EVENTS, FILES, MAIL
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
    Case("prune_deliveries", (datetime(2020, 1, 1, tzinfo=UTC),), ("ix_webhook_deliveries_created",)),
    Case(
        "search_mail",
        (USER, words(1), None, None, 20),
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
