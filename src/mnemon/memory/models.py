"""Tables of memory: memories, their append-only log, and the statistics that recall plans with."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Mutable, Tenanted, belongs_to, created, native_enum
from mnemon.db.recallable import Recallable, recallable_args

#: A memory's text as it is compared with others.
FORM = r"""btrim(regexp_replace(normalize(content, NFKC) COLLATE "C", '[\s\u0085\u2028\u2029]+', ' ', 'g'))"""


class MemoryType(enum.StrEnum):
    """The seven kinds of memory (seed 002)."""

    SEMANTIC = "semantic"
    EPISODIC = "episodic"
    PROCEDURAL = "procedural"
    AGENT_PRIVATE = "agent_private"
    SHARED = "shared"
    IDENTITY = "identity"
    USER_PROFILE = "user_profile"


class MemoryStatus(enum.StrEnum):
    """Whether a memory holds (seed 002)."""

    ACTIVE = "active"
    SUPERSEDED = "superseded"
    ARCHIVED = "archived"
    DISPUTED = "disputed"


class MemoryTier(enum.StrEnum):
    """How fast a memory fades: decides the half-life of recency (seed 002)."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"


class MemorySource(enum.StrEnum):
    """How a memory came about (seed 002)."""

    EXTRACTION = "extraction"
    EXPLICIT = "explicit"
    SYSTEM = "system"
    FEEDBACK = "feedback"
    CONSOLIDATION = "consolidation"
    COMPACTION = "compaction"


class MemoryORM(Tenanted, Recallable, Mutable, Base):
    """One memory of any of the seven types."""

    __tablename__ = "memories"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("teams", "team_id", ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        belongs_to("agents", "agent_id", ondelete="SET NULL"),
        belongs_to("conversations", "conversation_id", ondelete="SET NULL"),
        belongs_to("memories", "superseded_by", ondelete="SET NULL"),
        *recallable_args("memories"),
        CheckConstraint("importance BETWEEN 1 AND 10", name="importance"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        CheckConstraint("access_count >= 0", name="access_count"),
        CheckConstraint("confirmed >= 0", name="confirmed"),
        CheckConstraint("superseded_by <> id", name="not_superseded_by_itself"),
        CheckConstraint("(superseded_by IS NULL) OR (superseded_at IS NOT NULL)", name="superseded"),
        CheckConstraint("valid_until IS NULL OR valid_until >= occurred_at", name="validity"),
        CheckConstraint("memory_type <> 'agent_private' OR agent_id IS NOT NULL", name="private_has_agent"),
        CheckConstraint("memory_type <> 'user_profile' OR user_id IS NOT NULL", name="profile_has_user"),
        Index(
            "ix_memories_type",
            "organization_id",
            "team_id",
            "memory_type",
            "status",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_memories_profile",
            "organization_id",
            "user_id",
            postgresql_where=text("memory_type = 'user_profile' AND deleted_at IS NULL"),
        ),
        Index("ix_memories_repetition", "organization_id", "repetition_key"),
        Index("ix_memories_conversation", "organization_id", "conversation_id"),
        Index("ix_memories_superseded", "organization_id", "superseded_by"),
        Index(
            "ix_memories_importance",
            "organization_id",
            text("importance DESC"),
            postgresql_where=text("status = 'active' AND deleted_at IS NULL"),
        ),
        Index("ix_memories_subject", "organization_id", "subject", postgresql_where=text("subject IS NOT NULL")),
        Index("ix_memories_tier", "organization_id", "tier", postgresql_where=text("status = 'active'")),
        Index("ix_memories_expires", "organization_id", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        Index(
            "ix_memories_metadata", "metadata", postgresql_using="gin", postgresql_ops={"metadata": "jsonb_path_ops"}
        ),
        {
            "comment": "Memories of all seven types; content is never overwritten (seeds 000, 002)",
            "postgresql_partition_by": "HASH (organization_id)",
        },
    )

    memory_type: Mapped[MemoryType] = mapped_column(
        native_enum(MemoryType, "memory_type_enum"), server_default="semantic"
    )
    category: Mapped[str] = mapped_column(
        String(50), server_default="note", comment="A free label (memory_type of 000)"
    )
    title: Mapped[str | None] = mapped_column(String(500))
    subject: Mapped[str | None] = mapped_column(Text, comment="What or whom it is about")
    importance: Mapped[int] = mapped_column(Integer, server_default=text("5"), comment="1 to 10")
    confidence: Mapped[float] = mapped_column(Float, server_default=text("1.0"), comment="0 to 1")
    access_count: Mapped[int] = mapped_column(Integer, server_default=text("0"), comment="Written in batches")
    last_accessed_at: Mapped[datetime | None] = mapped_column(comment="accessed_at of 000")
    confirmed: Mapped[int] = mapped_column(Integer, server_default=text("0"), comment="How often it was said again")
    confirmed_at: Mapped[datetime | None] = mapped_column(comment="When it was said again last")
    repetition_key: Mapped[Any | None] = mapped_column(
        Uuid(),
        Computed(f"md5({FORM})::uuid", persisted=True),
        comment="Digest of its text in compatibility form with single spaces: finds a repetition",
    )
    is_pinned: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    source_type: Mapped[MemorySource] = mapped_column(
        native_enum(MemorySource, "memory_source"), server_default="explicit", comment="How it came about"
    )
    conversation_id: Mapped[UUID | None] = mapped_column(comment="source_conversation_id of 002")
    source_message_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), server_default=text("'{}'"))
    extraction_model: Mapped[str | None] = mapped_column(String(200))
    superseded_by: Mapped[UUID | None] = mapped_column(comment="The memory that corrects this one")
    superseded_at: Mapped[datetime | None] = mapped_column(comment="When we learnt better: the axis of as_of")
    superseded_from: Mapped[datetime | None] = mapped_column(
        comment="From when its correction is true, in the world: known since superseded_at only"
    )
    valid_until: Mapped[datetime | None] = mapped_column(comment="Until when it was true, in the world, if it was said")
    contradicts: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), server_default=text("'{}'"))
    related_to: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), server_default=text("'{}'"))
    tier: Mapped[MemoryTier] = mapped_column(native_enum(MemoryTier, "memory_tier"), server_default="warm")
    status: Mapped[MemoryStatus] = mapped_column(native_enum(MemoryStatus, "memory_status"), server_default="active")
    expires_at: Mapped[datetime | None] = mapped_column()
    embedding_updated_at: Mapped[datetime | None] = mapped_column()


class MemoryLogORM(Tenanted, Base):
    """What happened to a memory: append-only, and it outlives the memory."""

    __tablename__ = "memory_log"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        Index("ix_memory_log_memory", "organization_id", "memory_id", "created_at"),
        Index("ix_memory_log_created", "organization_id", "created_at"),
        {"comment": "Append-only log of memories, written by trigger; memory_id has no foreign key (seed 002 EC-6)"},
    )

    memory_id: Mapped[UUID] = mapped_column(comment="No foreign key: the log survives the memory")
    action: Mapped[str] = mapped_column(String(50), comment="created, updated, superseded, forgotten, restored")
    old_content: Mapped[str | None] = mapped_column(Text)
    new_content: Mapped[str | None] = mapped_column(Text)
    old_importance: Mapped[int | None] = mapped_column(Integer)
    new_importance: Mapped[int | None] = mapped_column(Integer)
    old_tier: Mapped[str | None] = mapped_column(String(20))
    new_tier: Mapped[str | None] = mapped_column(String(20))
    old_status: Mapped[str | None] = mapped_column(String(20))
    new_status: Mapped[str | None] = mapped_column(String(20))
    changed_by: Mapped[str] = mapped_column(Text, comment="user:<id>, agent:<id> or system")
    reason: Mapped[str | None] = mapped_column(Text)
    conversation_id: Mapped[UUID | None] = mapped_column()
    related_memory_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), server_default=text("'{}'"))
    created_at: Mapped[datetime] = created()


class RecallTermORM(Base):
    """How many indexed rows of a tenant have a word."""

    __tablename__ = "recall_terms"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        {"comment": "Document frequencies of indexed rows: recall reads rare words first"},
    )

    organization_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True, comment="The tenant")
    lexeme: Mapped[str] = mapped_column(Text, primary_key=True)
    documents: Mapped[int] = mapped_column(BigInteger)


class RecallStatisticsORM(Base):
    """What recall knows of a tenant's size without counting."""

    __tablename__ = "recall_statistics"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        CheckConstraint("language_step BETWEEN 0 AND 4", name="language_step"),
        {"comment": "Sizes of a tenant's recallable tables, kept by maintenance"},
    )

    organization_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True, comment="The tenant")
    indexed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), comment="Rows in the indexes")
    sessions: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    session_terms: Mapped[float] = mapped_column(Float, server_default=text("0"), comment="Mean words of a session")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    languages: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="Languages of rows that are not stemmed as English"
    )
    language_step: Mapped[int] = mapped_column(
        SmallInteger,
        server_default=text("4"),
        comment="Tables whose rows from before languages were looked through; 4: all of them",
    )
    language_after: Mapped[str | None] = mapped_column(
        Text, comment="The place of the last row that was looked at in the next of them"
    )
    erased: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0"), comment="Erasures so far: copies from before one are let go"
    )


from mnemon.memory import models_facts as models_facts  # noqa: E402 - its tables belong to this domain
