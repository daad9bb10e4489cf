"""The verbs of what is synchronised: mail, appointments, files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from mnemon.ai.languages import detect
from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid
from mnemon.core.pages import Page
from mnemon.core.text import Schema
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.db.types import dump_json
from mnemon.integrations import repository
from mnemon.integrations.models import MODIFIED, NEVER_MODIFIED, DriveFileORM
from mnemon.integrations.repository import EVENTS, FILES, MAIL, EventRepository, FileRepository, SyncTable
from mnemon.integrations.schemas import (
    FoundMail,
    ListEvents,
    ListFiles,
    Mail,
    SearchMail,
    StoredEvent,
    StoredFile,
    Sync,
    Synced,
    SyncEvents,
    SyncFiles,
    SyncMail,
)
from mnemon.verbs import verb
from mnemon.workspace.ownership import owner_of, reach_of

#: Characters of a mail that its language is looked for in, beside the subject.
_SHOWS = 1000
_EVENTS = Listing("integrations.list_events", {"start_time": datetime, "end_time": datetime, "id": UUID})
_FILES = Listing(
    "integrations.list_files",
    {"modified_at": datetime, "id": UUID},
    descending=True,
    absent={"modified_at": NEVER_MODIFIED},
)


@verb("integrations:use")
async def sync_mail(ctx: Context, request: SyncMail) -> Synced:
    """Bring mail of a Google connection: new, changed and removed, with the cursor, in one transaction.

    Raises:
        NotFound: there is no such connection, or it is not this principal's.
        Invalid: the connection's provider has no Gmail.
        Conflict: the connection was ended.
    """
    items = {item.gmail_id: item for item in request.items}
    languages = await asyncio.to_thread(_languages, list(items.values()))
    return await _sync(ctx, request, MAIL, items, dict(zip(items, languages, strict=True)))


def _languages(mails: Sequence[Mail]) -> list[str | None]:
    """Return what each mail is written in; what does not show it has the language of its thread."""
    texts = [f"{mail.subject or ''} {(mail.body_text or mail.snippet or '')[:_SHOWS]}".strip() for mail in mails]
    found = detect(texts, [mail.thread_id for mail in mails])
    return [mail.language or code for mail, code in zip(mails, found, strict=True)]


@verb("integrations:use")
async def sync_events(ctx: Context, request: SyncEvents) -> Synced:
    """Bring appointments; as :func:`sync_mail`."""
    return await _sync(ctx, request, EVENTS, {item.provider_event_id: item for item in request.items})


@verb("integrations:use")
async def sync_files(ctx: Context, request: SyncFiles) -> Synced:
    """Bring files; as :func:`sync_mail`."""
    return await _sync(ctx, request, FILES, {item.provider_file_id: item for item in request.items})


async def _sync(
    ctx: Context,
    request: Sync,
    table: SyncTable,
    items: Mapping[str, Schema],
    languages: Mapping[str, str | None] | None = None,
) -> Synced:
    """Take the last one of an id that comes twice; one that is brought is not removed."""
    owner = reach_of(ctx.principal, None)
    organization = ctx.principal.organization_id
    # One order for all writers, so that two who bring the same rows wait for each other and do not deadlock.
    ordered = [items[key].model_dump(mode="json") for key in sorted(items)]
    if languages is not None:
        ordered = [{**item, "language": languages[key]} for key, item in zip(sorted(items), ordered, strict=True)]
    gone = sorted(set(request.removed) - items.keys())
    async with ctx.database.transaction(ctx.principal) as connection:
        integration = await repository.lock_integration(connection, organization, request.integration_id, owner)
        if integration is None:
            raise missing("integration", request.integration_id)
        if integration["provider"] not in table.providers:
            raise Invalid(
                f"A connection to {integration['provider']} does not bring {table.name.replace('_', ' ')}.",
                code="invalid.provider",
                field="integration_id",
            )
        if integration["status"] == "disconnected":
            raise Conflict("The connection was ended.", code="conflict.disconnected")
        added = changed = removed = 0
        if ordered:
            added, changed = await repository.upsert(connection, organization, table, integration, dump_json(ordered))
        if gone:
            removed = await repository.remove(connection, organization, table, integration, gone)
        await repository.note_sync(connection, organization, integration["id"], request.cursor, ctx.clock.now())
    return Synced(added=added, changed=changed, unchanged=len(items) - added - changed, removed=removed)


@verb("integrations:read")
async def search_mail(ctx: Context, request: SearchMail) -> tuple[FoundMail, ...]:
    """Find a person's mail that has the words of a query, best first, then newest."""
    owner = owner_of(ctx.principal, request.user_id)
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.search_mail(
            connection,
            ctx.principal.organization_id,
            owner,
            request.query,
            match=ctx.database.match_operator,
            since=request.since,
            until=request.until,
            limit=request.k,
        )
    return tuple(from_row(FoundMail, row) for row in rows)


@verb("integrations:read")
async def list_events(ctx: Context, request: ListEvents) -> Page[StoredEvent]:
    """List a person's appointments that touch a stretch of time, in order."""
    owner = owner_of(ctx.principal, request.user_id)
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        events = EventRepository(session, ctx.principal.organization_id)
        query = events.those(owner, since=request.since, until=request.until)
        return await events.page(_EVENTS, ctx.principal, request, partial(from_row, StoredEvent), query=query)


@verb("integrations:read")
async def list_files(ctx: Context, request: ListFiles) -> Page[StoredFile]:
    """List a person's files, the last changed first, those of which that is not known last."""
    owner = owner_of(ctx.principal, request.user_id)
    async with ctx.database.session(ctx.principal, readonly=True) as session:
        files = FileRepository(session, ctx.principal.organization_id)
        query = files.those(owner, name=request.name)
        columns = (MODIFIED, DriveFileORM.id)
        return await files.page(
            _FILES, ctx.principal, request, partial(from_row, StoredFile), query=query, columns=columns
        )
