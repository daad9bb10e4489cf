"""SQL of integrations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from mnemon.db.connection import Connection
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement
from mnemon.db.words import languages_of, matching
from mnemon.integrations.models import (
    CalendarEventORM,
    DriveFileORM,
    IntegrationORM,
    WebhookDeliveryORM,
    WebhookEndpointORM,
)

PACKAGE = "mnemon.integrations"


@dataclass(frozen=True, slots=True)
class SyncTable:
    """A table that is synchronised.

    Attributes:
        upsert: the statement that brings rows.
        key: the column with the provider's id.
        providers: who can bring such rows.
        shared: whether the provider is a column of the table.
    """

    name: str
    upsert: str
    key: str
    providers: frozenset[str]
    shared: bool = True


MAIL = SyncTable("gmail_messages", "upsert_mail", "gmail_id", frozenset({"google"}), shared=False)
EVENTS = SyncTable("calendar_events", "upsert_events", "provider_event_id", frozenset({"google", "microsoft"}))
FILES = SyncTable("drive_files", "upsert_files", "provider_file_id", frozenset({"google", "microsoft"}))


class IntegrationRepository(BaseRepository[IntegrationORM]):
    """Connections of one organisation."""

    model = IntegrationORM

    async def connect(self, values: dict[str, Any]) -> IntegrationORM:
        """Make the connection of a person and a provider, or renew the one there is, also a deleted one."""
        new = insert(IntegrationORM).values(organization_id=self.organization_id, **self._known(values))
        unchanged = {"user_id", "provider", "id"}
        renewed = {
            IntegrationORM.__mapper__.attrs[k].columns[0].name: v for k, v in values.items() if k not in unchanged
        }
        query = new.on_conflict_do_update(
            constraint="uq_integrations_provider", set_={**renewed, "deleted_at": None}
        ).returning(IntegrationORM)
        options = {"populate_existing": True}
        row: IntegrationORM = (await self.session.execute(query, execution_options=options)).scalar_one()
        return row

    def those(self, owner: UUID | None, *, provider: str | None, status: Collection[str]) -> Any:
        """Return connections that fit. Indexes: uq_integrations_provider, ix_integrations_status."""
        query = self._alive()
        if owner is not None:
            query = query.where(IntegrationORM.user_id == owner)
        if provider is not None:
            query = query.where(IntegrationORM.provider == provider)
        if status:
            query = query.where(IntegrationORM.status.in_(sorted(status)))
        return query

    async def get_owned(self, row_id: UUID, owner: UUID | None, *, lock: bool = False) -> IntegrationORM | None:
        """Return the connection if it is the owner's (anybody's, for None), locked if asked."""
        query = self._alive().where(IntegrationORM.id == row_id)
        if owner is not None:
            query = query.where(IntegrationORM.user_id == owner)
        if lock:
            query = query.with_for_update()
        found: IntegrationORM | None = (await self.session.execute(query)).scalar_one_or_none()
        return found


class EventRepository(BaseRepository[CalendarEventORM]):
    """Appointments of one organisation."""

    model = CalendarEventORM

    def those(self, owner: UUID, *, since: datetime, until: datetime) -> Any:
        """Return a person's appointments that touch a stretch of time. Index: ix_calendar_events_time."""
        return self._alive().where(
            CalendarEventORM.user_id == owner,
            CalendarEventORM.start_time < until,
            # One that ends as it starts is a moment; it counts where it stands.
            (CalendarEventORM.end_time > since) | (CalendarEventORM.start_time >= since),
        )


class FileRepository(BaseRepository[DriveFileORM]):
    """Files of one organisation."""

    model = DriveFileORM

    def those(self, owner: UUID, *, name: str | None) -> Any:
        """Return a person's files. Index: ix_drive_files_modified."""
        query = self._alive().where(DriveFileORM.user_id == owner)
        if name is not None:
            query = query.where(DriveFileORM.name.icontains(name, autoescape=True))
        return query


class EndpointRepository(BaseRepository[WebhookEndpointORM]):
    """Webhook addresses of one organisation."""

    model = WebhookEndpointORM

    async def came_through(self, row_id: UUID) -> None:
        """Note that an address has taken something."""
        query = self._one(row_id).where(WebhookEndpointORM.failures > 0).values(failures=0, failing_since=None)
        await self.session.execute(query)

    async def failed(self, row_id: UUID, now: datetime) -> tuple[int, datetime]:
        """Note that an address has not; how often in a row, and since when."""
        query = (
            self._one(row_id)
            .values(
                failures=WebhookEndpointORM.failures + 1,
                failing_since=func.coalesce(WebhookEndpointORM.failing_since, now),
            )
            .returning(WebhookEndpointORM.failures, WebhookEndpointORM.failing_since)
        )
        failures, since = (await self.session.execute(query)).one()
        return failures, since

    async def switch_off(self, row_id: UUID, reason: str) -> None:
        """Switch an address off, and keep why."""
        await self.session.execute(self._one(row_id).values(active=False, disabled_reason=reason))

    def _one(self, row_id: UUID) -> Any:
        return (
            update(WebhookEndpointORM)
            .where(WebhookEndpointORM.organization_id == self.organization_id, WebhookEndpointORM.id == row_id)
            .execution_options(synchronize_session=False)
        )


class DeliveryRepository(BaseRepository[WebhookDeliveryORM]):
    """Webhook deliveries of one organisation."""

    model = WebhookDeliveryORM

    def those(self, *, endpoint_id: UUID | None, status: Collection[str]) -> Any:
        """Return deliveries that fit. Indexes: ix_webhook_deliveries_endpoint, ix_webhook_deliveries_created."""
        query = select(WebhookDeliveryORM).where(WebhookDeliveryORM.organization_id == self.organization_id)
        if endpoint_id is not None:
            query = query.where(WebhookDeliveryORM.endpoint_id == endpoint_id)
        if status:
            query = query.where(WebhookDeliveryORM.status.in_(sorted(status)))
        return query

    async def finish(self, row_id: UUID, attempt: int, **values: Any) -> WebhookDeliveryORM | None:
        """Write what became of an attempt; None if it is not the current one."""
        query = (
            update(WebhookDeliveryORM)
            .where(
                WebhookDeliveryORM.organization_id == self.organization_id,
                WebhookDeliveryORM.id == row_id,
                WebhookDeliveryORM.status == "sending",
                WebhookDeliveryORM.attempt == attempt,
            )
            .values(**self._known(values))
            .returning(WebhookDeliveryORM)
        )
        return await self._changed(query)

    async def replay(self, row_id: UUID, now: datetime) -> WebhookDeliveryORM | None:
        """Begin a delivery anew; None if it is being sent."""
        query = (
            update(WebhookDeliveryORM)
            .where(
                WebhookDeliveryORM.organization_id == self.organization_id,
                WebhookDeliveryORM.id == row_id,
                WebhookDeliveryORM.status != "sending",
            )
            .values(status="pending", attempt=0, next_attempt_at=now, delivered_at=None)
            .returning(WebhookDeliveryORM)
        )
        return await self._changed(query)

    async def _changed(self, query: Any) -> WebhookDeliveryORM | None:
        options = {"synchronize_session": False, "populate_existing": True}
        row: WebhookDeliveryORM | None = (
            await self.session.execute(query, execution_options=options)
        ).scalar_one_or_none()
        return row


async def lock_integration(connection: Connection, organization_id: UUID, row_id: UUID, owner: UUID | None) -> Any:
    """Return a connection for synchronising, locked: (id, user_id, provider, status), or None."""
    return await connection.fetchrow(
        "SELECT id, user_id, provider, status FROM integrations WHERE organization_id = $1 AND id = $2 "
        "AND deleted_at IS NULL AND ($3::uuid IS NULL OR user_id = $3) FOR UPDATE",
        organization_id,
        row_id,
        owner,
    )


async def upsert(
    connection: Connection, organization_id: UUID, table: SyncTable, integration: Any, items: str
) -> tuple[int, int]:
    """Bring rows, as JSON text; (added, changed)."""
    values = [organization_id, integration["user_id"], integration["id"], items]
    if table.shared:
        values.append(integration["provider"])
    rows = await connection.fetch(statement(PACKAGE, table.upsert), *values)
    added = sum(row["added"] for row in rows)
    return added, len(rows) - added


async def remove(
    connection: Connection, organization_id: UUID, table: SyncTable, integration: Any, ids: Sequence[str]
) -> int:
    """Delete softly what the provider has no more; how many there were."""
    query = statement(PACKAGE, "remove_synced", table=table.name, key=table.key)
    return len(await connection.fetch(query, organization_id, integration["user_id"], integration["id"], list(ids)))


async def note_sync(
    connection: Connection, organization_id: UUID, row_id: UUID, cursor: str | None, now: datetime
) -> None:
    """Note that a synchronisation came through, and where the next one goes on."""
    await connection.execute(
        "UPDATE integrations SET last_sync_at = $4, sync_cursor = coalesce($3, sync_cursor), status = 'active', "
        "last_error = NULL WHERE organization_id = $1 AND id = $2",
        organization_id,
        row_id,
        cursor,
        now,
    )


async def search_mail(
    connection: Connection,
    organization_id: UUID,
    owner: UUID,
    query: str,
    *,
    match: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> list[Any]:
    """Return a person's mail that has the words, best first."""
    sql = statement(PACKAGE, "search_mail", match=matching(match))
    languages = await languages_of(connection, organization_id)
    return await connection.fetch(sql, organization_id, owner, query, since, until, limit, languages)


async def enqueue(
    connection: Connection,
    organization_id: UUID,
    *,
    event: str,
    payload: str,
    key: str | None,
    max_attempts: int,
    now: datetime,
) -> list[UUID]:
    """Queue deliveries of an event to every address that wants it; return their ids."""
    rows = await connection.fetch(
        statement(PACKAGE, "enqueue_deliveries"), organization_id, event, payload, key, max_attempts, now
    )
    return [row["id"] for row in rows]


async def claim(connection: Connection, organization_id: UUID, now: datetime, limit: int, lease: float) -> list[Any]:
    """Due deliveries, taken for some seconds."""
    return await connection.fetch(statement(PACKAGE, "claim_deliveries"), organization_id, now, limit, lease)


async def next_attempt(connection: Connection, organization_id: UUID) -> datetime | None:
    """Return when the next delivery to an active address is due; None if there is none."""
    found: datetime | None = await connection.fetchval(statement(PACKAGE, "next_attempt"), organization_id)
    return found


async def prune(connection: Connection, organization_id: UUID, before: datetime) -> int:
    """Delete deliveries recorded before a moment; how many there were."""
    done = await connection.execute(statement(PACKAGE, "prune_deliveries"), organization_id, before)
    return int(done.rsplit(" ", 1)[1])
