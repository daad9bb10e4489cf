"""Tables of integrations: connections, what was synchronised through them, webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    Computed,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Mutable, Tenanted, belongs_to, created, json_object

SUITES = "('google', 'microsoft')"
BODY_LIMIT = 1_000_000

#: A tsvector holds at most one megabyte: what stands behind this many characters of a mail is kept but not searched.
SEARCHED = 100_000


class IntegrationORM(Tenanted, Mutable, Base):
    """A person's connection to another service."""

    __tablename__ = "integrations"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        UniqueConstraint("organization_id", "user_id", "provider", name="uq_integrations_provider"),
        CheckConstraint("provider IN ('google', 'microsoft', 'slack', 'notion')", name="provider"),
        CheckConstraint("status IN ('pending', 'active', 'expired', 'error', 'disconnected')", name="status"),
        Index("ix_integrations_provider", "organization_id", "provider"),
        Index("ix_integrations_status", "organization_id", "status"),
        {"comment": "Connections to other services by OAuth (seed 000)"},
    )

    user_id: Mapped[UUID] = mapped_column(comment="Whose connection it is")
    provider: Mapped[str] = mapped_column(String(50), comment="google, microsoft, slack or notion")
    status: Mapped[str] = mapped_column(
        String(20), server_default="pending", comment="pending, active, expired, error or disconnected"
    )
    access_token_encrypted: Mapped[str | None] = mapped_column(Text, comment="Encrypted by the application")
    refresh_token_encrypted: Mapped[str | None] = mapped_column(Text, comment="Encrypted by the application")
    token_expires_at: Mapped[datetime | None] = mapped_column(comment="When the access token ends")
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"), comment="What was granted")
    last_sync_at: Mapped[datetime | None] = mapped_column()
    sync_cursor: Mapped[str | None] = mapped_column(Text, comment="Where the next synchronisation goes on")
    last_error: Mapped[str | None] = mapped_column(Text, comment="Why the status is error or expired")
    provider_user_id: Mapped[str | None] = mapped_column(String(255))
    provider_email: Mapped[str | None] = mapped_column(String(255))
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'::jsonb"))
    connected_at: Mapped[datetime | None] = mapped_column()


class GmailMessageORM(Tenanted, Mutable, Base):
    """A mail, as Gmail has it."""

    __tablename__ = "gmail_messages"
    __table_args__ = (
        belongs_to("users", "user_id", ondelete="CASCADE"),
        belongs_to("integrations", "integration_id", ondelete="CASCADE"),
        UniqueConstraint("organization_id", "user_id", "gmail_id", name="uq_gmail_messages_gmail_id"),
        CheckConstraint("char_length(subject) <= 10000", name="subject"),
        CheckConstraint(f"char_length(body_text) <= {BODY_LIMIT}", name="body_text"),
        Index("ix_gmail_messages_received", "organization_id", "user_id", text("received_at DESC")),
        Index("ix_gmail_messages_thread", "organization_id", "user_id", "thread_id"),
        Index("ix_gmail_messages_integration", "organization_id", "integration_id"),
        {"comment": "Synchronised mail, searchable (seed 000)"},
    )

    user_id: Mapped[UUID] = mapped_column(comment="Whose mail it is")
    integration_id: Mapped[UUID] = mapped_column(comment="The connection it came through")
    gmail_id: Mapped[str] = mapped_column(String(255), comment="Its id at Gmail")
    thread_id: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(Text)
    from_email: Mapped[str | None] = mapped_column(String(255))
    to_emails: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    snippet: Mapped[str | None] = mapped_column(Text)
    body_text: Mapped[str | None] = mapped_column(Text)
    labels: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    is_read: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    received_at: Mapped[datetime | None] = mapped_column()
    synced_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it was last brought")
    language: Mapped[str | None] = mapped_column(
        String(8), comment="ISO 639 code of what it is written in; null: not known"
    )
    search_vector: Mapped[Any] = mapped_column(
        TSVECTOR,
        Computed(
            "words_of("
            f"COALESCE(subject, ''::text) || ' '::text || \"left\"(COALESCE(body_text, ''::text), {SEARCHED}), "
            "language)",
            persisted=True,
        ),
        comment=f"Subject and the first {SEARCHED:,} characters of the text",
    )


class CalendarEventORM(Tenanted, Mutable, Base):
    """An appointment, as a calendar service has it."""

    __tablename__ = "calendar_events"
    __table_args__ = (
        belongs_to("users", "user_id", ondelete="CASCADE"),
        belongs_to("integrations", "integration_id", ondelete="CASCADE"),
        UniqueConstraint(
            "organization_id", "user_id", "provider", "provider_event_id", name="uq_calendar_events_provider_event_id"
        ),
        CheckConstraint(f"provider IN {SUITES}", name="provider"),
        CheckConstraint("end_time >= start_time", name="end_time"),
        CheckConstraint("jsonb_typeof(attendees) = 'array'", name="attendees"),
        Index("ix_calendar_events_time", "organization_id", "user_id", "start_time", "end_time"),
        Index("ix_calendar_events_integration", "organization_id", "integration_id"),
        {"comment": "Synchronised appointments of Google and Microsoft (seed 000)"},
    )

    user_id: Mapped[UUID] = mapped_column(comment="Whose calendar it is")
    integration_id: Mapped[UUID] = mapped_column(comment="The connection it came through")
    provider: Mapped[str] = mapped_column(String(20), comment="google or microsoft")
    provider_event_id: Mapped[str] = mapped_column(String(255))
    calendar_id: Mapped[str | None] = mapped_column(String(255))
    title: Mapped[str | None] = mapped_column(String(500))
    description: Mapped[str | None] = mapped_column(Text)
    location: Mapped[str | None] = mapped_column(Text)
    start_time: Mapped[datetime] = mapped_column()
    end_time: Mapped[datetime] = mapped_column(comment="Not before start_time")
    is_all_day: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    timezone: Mapped[str | None] = mapped_column(String(50), comment="IANA name")
    attendees: Mapped[list[Any]] = mapped_column(
        JSONB, server_default=text("'[]'::jsonb"), comment="A list of objects: e-mail, name, response"
    )
    is_online_meeting: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    online_meeting_url: Mapped[str | None] = mapped_column(Text)
    recurrence_rule: Mapped[str | None] = mapped_column(Text, comment="RRULE lines as the provider has them")
    synced_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it was last brought")


#: When a file was changed of which that is not known: before all others.
NEVER_MODIFIED = datetime(2, 1, 1, tzinfo=UTC)
_MODIFIED = "COALESCE(modified_at, '0002-01-01 00:00:00+00'::timestamp with time zone)"
#: What a list of files is ordered by first, as its index has it.
MODIFIED: ColumnElement[datetime] = literal_column(_MODIFIED, DateTime(timezone=True))


class DriveFileORM(Tenanted, Mutable, Base):
    """A file, as a drive has it: what it is and where, not its content."""

    __tablename__ = "drive_files"
    __table_args__ = (
        belongs_to("users", "user_id", ondelete="CASCADE"),
        belongs_to("integrations", "integration_id", ondelete="CASCADE"),
        UniqueConstraint(
            "organization_id", "user_id", "provider", "provider_file_id", name="uq_drive_files_provider_file_id"
        ),
        CheckConstraint(f"provider IN {SUITES}", name="provider"),
        CheckConstraint("size_bytes >= 0", name="size_bytes"),
        Index("ix_drive_files_name", "organization_id", "user_id", "name"),
        Index("ix_drive_files_modified", "organization_id", "user_id", text(f"{_MODIFIED} DESC"), text("id DESC")),
        Index("ix_drive_files_integration", "organization_id", "integration_id"),
        {"comment": "Synchronised files of Google Drive and OneDrive (seed 000)"},
    )

    user_id: Mapped[UUID] = mapped_column(comment="Whose drive it is")
    integration_id: Mapped[UUID] = mapped_column(comment="The connection it came through")
    provider: Mapped[str] = mapped_column(String(20), comment="google or microsoft")
    provider_file_id: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(500))
    mime_type: Mapped[str | None] = mapped_column(String(255))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    web_url: Mapped[str | None] = mapped_column(Text)
    parent_path: Mapped[str | None] = mapped_column(Text)
    modified_at: Mapped[datetime | None] = mapped_column()
    synced_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When it was last brought")


class WebhookEndpointORM(Tenanted, Mutable, Base):
    """An address that is told what happens."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "created_by", ondelete="SET NULL"),
        CheckConstraint("url ~ '^https?://[^[:space:]]+$' AND char_length(url) <= 2000", name="url"),
        CheckConstraint("failures >= 0", name="failures"),
        Index("ix_webhook_endpoints_active", "organization_id", postgresql_where=text("active AND deleted_at IS NULL")),
        {"comment": "Addresses that are told what happens (seed 004)"},
    )

    url: Mapped[str] = mapped_column(Text, comment="http or https")
    description: Mapped[str | None] = mapped_column(String(500))
    secret_encrypted: Mapped[str] = mapped_column(Text, comment="Signs deliveries; encrypted by the application")
    events: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Events it wants; empty: all of them"
    )
    active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    created_by: Mapped[UUID | None] = mapped_column()
    failures: Mapped[int] = mapped_column(
        Integer, server_default=text("0"), comment="Attempts that failed since the last one that came through"
    )
    failing_since: Mapped[datetime | None] = mapped_column(
        comment="When the first of them was; null: the last one came through"
    )
    disabled_reason: Mapped[str | None] = mapped_column(
        String(500), comment="Why it was switched off by itself; null: it was not"
    )


class WebhookDeliveryORM(Tenanted, Base):
    """One event on its way to one address."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        belongs_to("webhook_endpoints", "endpoint_id", ondelete="CASCADE"),
        UniqueConstraint(
            "organization_id", "endpoint_id", "idempotency_key", name="uq_webhook_deliveries_idempotency_key"
        ),
        CheckConstraint(r"event ~ '^[a-z0-9_]+(\.[a-z0-9_]+)*$'", name="event"),
        CheckConstraint("status IN ('pending', 'sending', 'delivered', 'failed')", name="status"),
        CheckConstraint("attempt >= 0", name="attempt"),
        CheckConstraint("max_attempts BETWEEN 1 AND 50", name="max_attempts"),
        CheckConstraint("last_status_code BETWEEN 100 AND 599", name="last_status_code"),
        CheckConstraint("delivered_at IS NULL OR status = 'delivered'", name="delivered_at"),
        Index(
            "ix_webhook_deliveries_due",
            "organization_id",
            "next_attempt_at",
            postgresql_where=text("status IN ('pending', 'sending')"),
        ),
        Index("ix_webhook_deliveries_endpoint", "organization_id", "endpoint_id", text("created_at DESC")),
        Index("ix_webhook_deliveries_created", "organization_id", "created_at"),
        {
            "comment": "Events on their way to webhooks, kept for 30 days (seed 004: REQ-T138)",
            "info": {"retention": {"column": "created_at", "days": 30}},
        },
    )

    endpoint_id: Mapped[UUID] = mapped_column()
    event: Mapped[str] = mapped_column(String(100), comment="Dotted name of what happened: memory.created")
    payload: Mapped[dict[str, Any]] = json_object("What the address is told")
    idempotency_key: Mapped[str | None] = mapped_column(
        String(255), comment="The same event is enqueued once for an address"
    )
    status: Mapped[str] = mapped_column(
        String(20), server_default="pending", comment="pending, sending, delivered or failed"
    )
    attempt: Mapped[int] = mapped_column(
        Integer, server_default=text("0"), comment="Attempts begun; a report names the one it is about"
    )
    max_attempts: Mapped[int] = mapped_column(Integer, server_default=text("8"))
    next_attempt_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When it may be claimed; while it is being sent, when the claim ends"
    )
    last_status_code: Mapped[int | None] = mapped_column(Integer, comment="The HTTP status of the last answer")
    last_error: Mapped[str | None] = mapped_column(Text)
    delivered_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = created()
