"""Mail, appointments and files: brought twice they are there once; mail is searched under row-level security."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, Invalid, NotFound
from mnemon.core.text import parse
from mnemon.db.sql import statement
from mnemon.db.words import matching
from mnemon.integrations import service
from mnemon.integrations.repository import PACKAGE
from mnemon.integrations.schemas import (
    CalendarEvent,
    File,
    ListEvents,
    ListFiles,
    Mail,
    SearchMail,
    Synced,
    SyncEvents,
    SyncFiles,
    SyncMail,
)
from tests.integrations.conftest import connect
from tests.workspace.helpers import (
    NOBODY_YET,
    acting,
    at,
    indexes,
    people,
    plan,
    refused_field,
    refused_row,
    without_rights,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def mails(*subjects: str, **values: Any) -> tuple[Mail, ...]:
    return tuple(parse(Mail, {"gmail_id": f"m-{n}", "subject": one, **values}) for n, one in enumerate(subjects))


async def test_mail_brought_twice_is_there_once(keyed: Context) -> None:
    (ada,) = await people(keyed, "ada")
    made = await connect(keyed, ada)
    items = mails("The boat", "The sea", to_emails=["a@example.org"], labels=["INBOX"], received_at=NOW)
    first = await service.sync_mail(at(keyed, NOW), SyncMail(integration_id=made.id, items=items, cursor="1"))
    assert first == Synced(added=2, changed=0, unchanged=0, removed=0)
    again = await service.sync_mail(keyed, SyncMail(integration_id=made.id, items=items))
    assert again == Synced(added=0, changed=0, unchanged=2, removed=0)
    assert (await service.get_integration(keyed, made.id)).sync_cursor == "1"
    read = tuple(one.model_copy(update={"is_read": True}) for one in items[:1])
    third = await service.sync_mail(
        keyed, SyncMail(integration_id=made.id, items=(*read, *read), removed=("m-1", "m-9", "m-0"), cursor="2")
    )
    assert third == Synced(added=0, changed=1, unchanged=0, removed=1)
    (found,) = await service.search_mail(keyed, SearchMail(user_id=ada, query="boat OR sea"))
    assert (found.gmail_id, found.is_read, found.labels, found.to_emails) == (
        "m-0",
        True,
        ("INBOX",),
        ("a@example.org",),
    )
    back = await service.sync_mail(keyed, SyncMail(integration_id=made.id, items=items[1:]))
    assert back == Synced(added=0, changed=1, unchanged=0, removed=0)
    assert len(await service.search_mail(keyed, SearchMail(user_id=ada, query="boat OR sea"))) == 2


async def test_many_bring_the_same_at_once(keyed: Context) -> None:
    (ada,) = await people(keyed, "ada")
    made = await connect(keyed, ada)
    items = mails(*(f"mail {n}" for n in range(30)))
    results = await asyncio.gather(
        *(service.sync_mail(keyed, SyncMail(integration_id=made.id, items=items[::step])) for step in (1, -1, 1, -1))
    )
    assert sum(one.added for one in results) == 30
    assert sum(one.changed for one in results) == 0


async def test_mail_is_found_by_its_words(keyed: Context) -> None:
    ada, bo = await people(keyed, "ada", "bo")
    made = await connect(keyed, ada)
    theirs = await connect(keyed, bo)
    items = (
        Mail(gmail_id="1", subject="Boats", body_text="We sail on Sunday", received_at=NOW),
        Mail(gmail_id="2", subject="Taxes", body_text="The boat is not deductible", received_at=NOW - HOUR),
        Mail(gmail_id="3", body_text="word " * 190_000 + " hidden"),
    )
    await service.sync_mail(keyed, SyncMail(integration_id=made.id, items=items))
    await service.sync_mail(keyed, SyncMail(integration_id=theirs.id, items=items[:1]))

    async def found(query: str, **values: Any) -> list[str]:
        request = parse(SearchMail, {"user_id": ada, "query": query, **values})
        return [one.gmail_id for one in await service.search_mail(keyed, request)]

    assert await found("boat") == ["1", "2"]
    assert await found('"sail on Sunday"') == ["1"]
    assert await found("boat -taxes") == ["1"]
    assert await found("boat", until=NOW) == ["2"]
    assert await found("boat", since=NOW) == ["1"]
    assert await found("boat", k=1) == ["1"]
    assert await found("word") == ["3"]
    assert await found("hidden") == []  # stands behind what is searched
    assert await found("the") == []
    assert await found("'; DROP TABLE gmail_messages; --") == []


async def test_appointments(keyed: Context) -> None:
    (ada,) = await people(keyed, "ada")
    made = await connect(keyed, ada, provider="microsoft")
    items = tuple(
        CalendarEvent(
            provider_event_id=f"e-{n}",
            title=f"event {n}",
            start_time=NOW + n * HOUR,
            end_time=NOW + (n + 1) * HOUR,
            attendees=({"email": "bo@example.org"},),
        )
        for n in range(4)
    )
    done = await service.sync_events(keyed, SyncEvents(integration_id=made.id, items=items))
    assert done.added == 4
    assert (await service.sync_events(keyed, SyncEvents(integration_id=made.id, items=items))).unchanged == 4
    moved = items[3].model_copy(update={"start_time": NOW - HOUR, "end_time": NOW - HOUR})
    await service.sync_events(keyed, SyncEvents(integration_id=made.id, items=(moved,), removed=("e-0",)))

    async def listed(since: datetime, until: datetime) -> list[str]:
        request = ListEvents(user_id=ada, since=since, until=until)
        return [one.provider_event_id for one in (await service.list_events(keyed, request)).items]

    assert await listed(NOW - HOUR, NOW + 5 * HOUR) == ["e-3", "e-1", "e-2"]
    assert await listed(NOW + HOUR * 1.5, NOW + HOUR * 2) == ["e-1"]
    (one,) = (await service.list_events(keyed, ListEvents(user_id=ada, since=NOW - HOUR, until=NOW))).items
    assert (one.provider, one.attendees) == ("microsoft", ({"email": "bo@example.org"},))


async def test_files(keyed: Context) -> None:
    (ada,) = await people(keyed, "ada")
    made = await connect(keyed, ada)
    items = (
        File(provider_file_id="f-1", name="Boat plan.pdf", size_bytes=2**40, modified_at=NOW),
        File(provider_file_id="f-2", name="100%_done.txt", modified_at=NOW - HOUR),
    )
    await service.sync_files(keyed, SyncFiles(integration_id=made.id, items=items))
    listed = (await service.list_files(keyed, ListFiles(user_id=ada))).items
    assert [(one.provider_file_id, one.size_bytes) for one in listed] == [("f-1", 2**40), ("f-2", None)]
    assert [one.name for one in (await service.list_files(keyed, ListFiles(user_id=ada, name="%_"))).items] == [
        "100%_done.txt"
    ]
    assert [one.name for one in (await service.list_files(keyed, ListFiles(user_id=ada, name="BOAT"))).items] == [
        "Boat plan.pdf"
    ]
    gone = await service.sync_files(keyed, SyncFiles(integration_id=made.id, removed=("f-1",)))
    assert gone.removed == 1
    assert [one.name for one in (await service.list_files(keyed, ListFiles(user_id=ada))).items] == ["100%_done.txt"]


async def test_a_connection_brings_what_its_provider_has(keyed: Context) -> None:
    (ada,) = await people(keyed, "ada")
    slack = await connect(keyed, ada, provider="slack")
    with pytest.raises(Invalid) as caught:
        await service.sync_mail(keyed, SyncMail(integration_id=slack.id, items=mails("x")))
    assert caught.value.code == "invalid.provider"
    google = await connect(keyed, ada)
    await service.disconnect_integration(keyed, google.id)
    with pytest.raises(Conflict):
        await service.sync_files(keyed, SyncFiles(integration_id=google.id))


@pytest.mark.parametrize(
    ("model", "values", "field"),
    [
        (Mail, {"gmail_id": ""}, "gmail_id"),
        (Mail, {"gmail_id": "1", "subject": "x\x00"}, "subject"),
        (Mail, {"gmail_id": "1", "body_text": "x" * 1_000_001}, "body_text"),
        (CalendarEvent, {"provider_event_id": "1", "start_time": NOW, "end_time": "then"}, "end_time"),
        (File, {"provider_file_id": "1", "name": "x", "size_bytes": -1}, "size_bytes"),
        (File, {"provider_file_id": "1", "name": ""}, "name"),
        (SearchMail, {"query": " "}, "query"),
    ],
)
def test_the_schema_names_the_field(model: Any, values: dict[str, Any], field: str) -> None:
    assert refused_field(model, **values)[1] == field


def test_the_schema_refuses_an_end_before_the_start() -> None:
    assert refused_field(CalendarEvent, provider_event_id="1", start_time=NOW, end_time=NOW - HOUR)[0] == (
        "invalid.end_time"
    )


@pytest.mark.parametrize(
    ("table", "values", "code", "field"),
    [
        ("gmail_messages", {"gmail_id": "'1'", "body_text": "repeat('x', 1000001)"}, "invalid.body_text", "body_text"),
        ("gmail_messages", {"gmail_id": "'1'", "subject": "repeat('x', 10001)"}, "invalid.subject", "subject"),
        ("gmail_messages", {"gmail_id": "'m-0'"}, "conflict.exists", "gmail_id"),
        (
            "gmail_messages",
            {"gmail_id": "'1'", "integration_id": f"'{NOBODY_YET}'"},
            "not_found.reference",
            "integration_id",
        ),
        (
            "calendar_events",
            {
                "provider": "'google'",
                "provider_event_id": "'1'",
                "start_time": "now()",
                "end_time": "now() - interval '1 s'",
            },
            "invalid.end_time",
            "end_time",
        ),
        (
            "calendar_events",
            {"provider": "'slack'", "provider_event_id": "'1'", "start_time": "now()", "end_time": "now()"},
            "invalid.provider",
            "provider",
        ),
        (
            "drive_files",
            {"provider": "'google'", "provider_file_id": "'1'", "name": "'x'", "size_bytes": "-1"},
            "invalid.size_bytes",
            "size_bytes",
        ),
    ],
)
async def test_the_database_refuses_it_too(
    keyed: Context, table: str, values: dict[str, str], code: str, field: str
) -> None:
    (ada,) = await people(keyed, "ada")
    made = await connect(keyed, ada)
    await service.sync_mail(keyed, SyncMail(integration_id=made.id, items=mails("x")))
    error = await refused_row(keyed, table, **{"user_id": f"'{ada}'", "integration_id": f"'{made.id}'", **values})
    assert (error.code, error.data["field"]) == (code, field)


async def test_others_reach_nothing(keyed: Context, other: Context) -> None:
    ada, bo = await people(keyed, "ada", "bo")
    made = await connect(keyed, ada)
    await service.sync_mail(keyed, SyncMail(integration_id=made.id, items=mails("The boat")))
    for who in (other, acting(keyed, bo)):
        for attempt in (
            service.sync_mail(who, SyncMail(integration_id=made.id, items=mails("mine"), removed=("m-0",))),
            service.sync_events(who, SyncEvents(integration_id=made.id)),
            service.sync_files(who, SyncFiles(integration_id=made.id)),
        ):
            with pytest.raises(NotFound):
                await attempt
    for user in (ada, bo):
        assert not await service.search_mail(other, SearchMail(user_id=user, query="boat"))
        assert not (await service.list_files(other, ListFiles(user_id=user))).items
        assert not (await service.list_events(other, ListEvents(user_id=user, since=NOW, until=NOW + HOUR))).items
    with pytest.raises(Forbidden):
        await service.search_mail(acting(keyed, bo), SearchMail(user_id=ada, query="boat"))
    assert len(await service.search_mail(acting(keyed, ada), SearchMail(query="boat"))) == 1


async def test_every_verb_wants_its_permission(keyed: Context) -> None:
    nobody, row = without_rights(keyed), uuid4()
    for attempt in (
        service.sync_mail(nobody, SyncMail(integration_id=row)),
        service.sync_events(nobody, SyncEvents(integration_id=row)),
        service.sync_files(nobody, SyncFiles(integration_id=row)),
        service.search_mail(nobody, SearchMail(query="x")),
        service.list_events(nobody, ListEvents(since=NOW, until=NOW + HOUR)),
        service.list_files(nobody, ListFiles()),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_the_search_reads_the_text_index_under_row_level_security(keyed: Context, admin: Any) -> None:
    (ada,) = await people(keyed, "ada")
    made = await connect(keyed, ada)
    async with keyed.database.transaction(keyed.principal) as connection:
        await connection.execute(
            "INSERT INTO gmail_messages (organization_id, user_id, integration_id, gmail_id, subject) "
            "SELECT $1, $2, $3, n::text, CASE WHEN n = 4000 THEN 'lighthouse' ELSE 'word' || n END "
            "FROM generate_series(1, 8000) AS n RETURNING id",
            keyed.principal.organization_id,
            ada,
            made.id,
        )
    await admin.execute("ANALYZE gmail_messages")
    query = statement(PACKAGE, "search_mail", match=matching(keyed.database.match_operator))
    found = await plan(keyed, query, keyed.principal.organization_id, ada, "lighthouse", None, None, 10, None)
    assert indexes(found) == {"ix_gmail_messages_search"}
    assert [one.gmail_id for one in await service.search_mail(keyed, SearchMail(user_id=ada, query="lighthouse"))] == [
        "4000"
    ]
