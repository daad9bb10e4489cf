"""Tables of workspace: tasks, documents and their templates, notifications."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    Date,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    func,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Mutable, Tenanted, belongs_to, json_object

NOT_BLANK = "{column} ~ '[^[:space:]]'"


#: When a task is due that has no date, no time of day: after all that have one.
NO_DATE, NO_TIME = date(9998, 12, 31), time.max
_DUE_DATE = "COALESCE(due_date, '9998-12-31'::date)"
_DUE_TIME = "COALESCE(due_time, '23:59:59.999999'::time without time zone)"
_SOONEST_FIRST = (text(_DUE_DATE), text(_DUE_TIME), "created_at", "id")
#: What a list of tasks is ordered by first, as its indexes have it.
DUE_DATE: ColumnElement[date] = literal_column(_DUE_DATE, Date())
DUE_TIME: ColumnElement[time] = literal_column(_DUE_TIME, Time())


class TaskORM(Tenanted, Mutable, Base):
    """Something to be done."""

    __tablename__ = "tasks"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        belongs_to("tasks", "recurs_from", ondelete="SET NULL"),
        UniqueConstraint("organization_id", "recurs_from"),
        CheckConstraint(NOT_BLANK.format(column="title"), name="title"),
        CheckConstraint("status IN ('todo', 'in_progress', 'done', 'cancelled')", name="status"),
        CheckConstraint("priority IN ('low', 'medium', 'high', 'urgent')", name="priority"),
        CheckConstraint("source IN ('manual', 'ai_created', 'ai_extracted', 'integration')", name="source"),
        CheckConstraint("due_time IS NULL OR due_date IS NOT NULL", name="due_time"),
        CheckConstraint("completed_at IS NULL OR status = 'done'", name="completed_at"),
        CheckConstraint("recurs_from <> id", name="recurs_from"),
        CheckConstraint(
            "recurrence_rule ~ '(^|:|;)FREQ=(SECONDLY|MINUTELY|HOURLY|DAILY|WEEKLY|MONTHLY|YEARLY)(;|$)'",
            name="recurrence_rule",
        ),
        Index(
            "ix_tasks_user",
            "organization_id",
            "user_id",
            "status",
            "due_date",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_tasks_status", "organization_id", "status", "due_date", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_tasks_due_date", "organization_id", *_SOONEST_FIRST, postgresql_where=text("deleted_at IS NULL")),
        Index(
            "ix_tasks_due", "organization_id", "user_id", *_SOONEST_FIRST, postgresql_where=text("deleted_at IS NULL")
        ),
        Index("ix_tasks_priority", "organization_id", "priority"),
        Index("ix_tasks_project", "organization_id", "project_id", postgresql_where=text("project_id IS NOT NULL")),
        Index(
            "ix_tasks_reminder",
            "organization_id",
            "reminder_at",
            postgresql_where=text("reminded_at IS NULL AND deleted_at IS NULL AND reminder_at IS NOT NULL"),
        ),
        Index("ix_tasks_tags", "tags", postgresql_using="gin"),
        {"comment": "Things to be done, once or again and again (seed 000)"},
    )

    user_id: Mapped[UUID] = mapped_column(comment="Whose task it is")
    title: Mapped[str] = mapped_column(String(500))
    description: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(
        String(20), server_default="todo", comment="todo, in_progress, done or cancelled"
    )
    priority: Mapped[str] = mapped_column(String(20), server_default="medium", comment="low, medium, high or urgent")
    due_date: Mapped[date | None] = mapped_column(Date)
    due_time: Mapped[time | None] = mapped_column(Time, comment="Time of day in the person's own time zone")
    reminder_at: Mapped[datetime | None] = mapped_column(comment="When to remind (UTC)")
    reminded_at: Mapped[datetime | None] = mapped_column(comment="When the reminder was taken to be sent")
    completed_at: Mapped[datetime | None] = mapped_column(comment="Only where the status is done")
    source: Mapped[str] = mapped_column(
        String(50), server_default="manual", comment="manual, ai_created, ai_extracted or integration"
    )
    source_id: Mapped[UUID | None] = mapped_column(comment="A conversation, a memory: what source_type says")
    source_type: Mapped[str | None] = mapped_column(String(50), comment="What source_id is the id of")
    project_id: Mapped[UUID | None] = mapped_column(comment="The caller's own grouping")
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    recurrence_rule: Mapped[str | None] = mapped_column(String(255), comment="RRULE of RFC 5545")
    recurs_from: Mapped[UUID | None] = mapped_column(comment="The occurrence before this one; it has one successor")


class DocumentORM(Tenanted, Mutable, Base):
    """A text that was written with the help of memories."""

    __tablename__ = "documents"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        belongs_to("document_templates", "template_id", ondelete="SET NULL"),
        CheckConstraint(NOT_BLANK.format(column="title"), name="title"),
        CheckConstraint(NOT_BLANK.format(column="document_type"), name="document_type"),
        CheckConstraint("status IN ('draft', 'generating', 'ready', 'exported')", name="status"),
        Index("ix_documents_user", "organization_id", "user_id", text("created_at DESC")),
        Index("ix_documents_type", "organization_id", "document_type"),
        Index("ix_documents_template", "organization_id", "template_id"),
        {"comment": "Generated documents (seed 000)"},
    )

    user_id: Mapped[UUID] = mapped_column(comment="Whose document it is")
    document_type: Mapped[str] = mapped_column(String(50), comment="A free label: report, minutes, letter")
    title: Mapped[str] = mapped_column(String(500))
    content: Mapped[str | None] = mapped_column(Text)
    outline: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"), comment="Headings, in order")
    template_id: Mapped[UUID | None] = mapped_column()
    status: Mapped[str] = mapped_column(
        String(20), server_default="draft", comment="draft, generating, ready or exported"
    )
    context_memory_ids: Mapped[list[UUID]] = mapped_column(
        ARRAY(Uuid()), server_default=text("'{}'"), comment="Memories it was written from; no foreign key in an array"
    )


ASSET_LIMIT = 5_000_000_000

#: What an asset may belong to: it goes with that.
_HOLDERS = ("conversation_id", "message_id", "memory_id", "document_id")


class AssetORM(Tenanted, Mutable, Base):
    """A file, as it is here: what it is and whose, with its bytes in the object store."""

    __tablename__ = "assets"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        belongs_to("conversations", "conversation_id", ondelete="CASCADE"),
        belongs_to("messages", "message_id", ondelete="CASCADE"),
        belongs_to("memories", "memory_id", ondelete="CASCADE"),
        belongs_to("documents", "document_id", ondelete="CASCADE"),
        CheckConstraint(NOT_BLANK.format(column="name"), name="name"),
        CheckConstraint(f"size_bytes BETWEEN 0 AND {ASSET_LIMIT}", name="size_bytes"),
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
        CheckConstraint(r"media_type ~ '^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*$'", name="media_type"),
        CheckConstraint(f"num_nonnulls({', '.join(_HOLDERS)}) <= 1", name="holder"),
        Index("ix_assets_user", "organization_id", "user_id", text("created_at DESC"), text("id DESC")),
        Index("ix_assets_sha256", "organization_id", "sha256"),
        Index("ix_assets_object", "organization_id", "object_id"),
        *(
            Index(f"ix_assets_{name[:-3]}", "organization_id", name, postgresql_where=text(f"{name} IS NOT NULL"))
            for name in _HOLDERS
        ),
        {"comment": "Files whose bytes are in the object store (seed 000: REQ_013.4.2)"},
    )

    user_id: Mapped[UUID] = mapped_column(comment="Whose file it is")
    name: Mapped[str] = mapped_column(String(500), comment="As people see it; no path")
    media_type: Mapped[str] = mapped_column(String(255), comment="image/png: as it was given, not looked at")
    size_bytes: Mapped[int] = mapped_column(BigInteger, comment="Of the file itself, not of what is stored of it")
    sha256: Mapped[bytes] = mapped_column(LargeBinary, comment="Of the file itself")
    object_id: Mapped[UUID] = mapped_column(
        comment="Its bytes in the store, sealed; the same file of one organisation is stored once"
    )
    conversation_id: Mapped[UUID | None] = mapped_column(comment="What it belongs to, and goes with")
    message_id: Mapped[UUID | None] = mapped_column(comment="The same")
    memory_id: Mapped[UUID | None] = mapped_column(comment="The same")
    document_id: Mapped[UUID | None] = mapped_column(comment="The same")


class DocumentTemplateORM(Tenanted, Mutable, Base):
    """How a kind of document is written."""

    __tablename__ = "document_templates"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        CheckConstraint(NOT_BLANK.format(column="name"), name="name"),
        CheckConstraint(NOT_BLANK.format(column="document_type"), name="document_type"),
        Index("ix_document_templates_type", "organization_id", "document_type"),
        {"comment": "Outlines and instructions for kinds of documents (seed 000)"},
    )

    name: Mapped[str] = mapped_column(String(255))
    document_type: Mapped[str] = mapped_column(String(50))
    outline: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"), comment="Headings, in order")
    instructions: Mapped[str | None] = mapped_column(Text, comment="What the writer is told")
    is_system: Mapped[bool] = mapped_column(
        Boolean, server_default=text("false"), comment="Came with the installation; not the organisation's to change"
    )


class NotificationORM(Tenanted, Base):
    """Something a person is told."""

    __tablename__ = "notifications"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        CheckConstraint(NOT_BLANK.format(column="type"), name="type"),
        CheckConstraint("read_at IS NULL OR is_read", name="read_at"),
        Index("ix_notifications_user", "organization_id", "user_id", text("created_at DESC"), text("id DESC")),
        Index(
            "ix_notifications_unread",
            "organization_id",
            "user_id",
            text("created_at DESC"),
            text("id DESC"),
            postgresql_where=text("NOT is_read"),
        ),
        Index("ix_notifications_created", "organization_id", text("created_at DESC")),
        {
            "comment": "What people are told; one partition a month (seeds 000, 004: REQ-T140)",
            "postgresql_partition_by": "RANGE (created_at)",
            "info": {"partition": {"column": "created_at", "every": "month", "retention_days": None}},
        },
    )

    user_id: Mapped[UUID] = mapped_column(comment="Who is told")
    type: Mapped[str] = mapped_column(String(50), comment="A free label: task_reminder, mention")
    title: Mapped[str | None] = mapped_column(String(255))
    body: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = json_object("What a client needs to show or open it")
    is_read: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    read_at: Mapped[datetime | None] = mapped_column(comment="Only where it is read")
    resource_type: Mapped[str | None] = mapped_column(String(50), comment="What resource_id is the id of")
    resource_id: Mapped[UUID | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(
        primary_key=True, server_default=func.now(), comment="When the row was recorded (UTC); the partitions' column"
    )
