"""Tables of knowledge: what agents know, what they passed on, the patterns they found, how they learn."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Mutable, Tenanted, belongs_to, json_object

#: What full text finds an item by (REQ-T114).
SEARCHED = "words_of(coalesce(content->>'title', '') || ' ' || coalesce(content->>'description', ''), language)"
#: Title and description are strings, if there: what search reads is what a reader sees.
CONTENT_FORMAT = (
    "jsonb_typeof(content) = 'object' AND coalesce(jsonb_typeof(content->'title'), 'string') = 'string' "
    "AND coalesce(jsonb_typeof(content->'description'), 'string') = 'string'"
)
TEXT_LIMIT = 50_000
CONTENT_LENGTH = (
    f"char_length(coalesce(content->>'title', '')) <= {TEXT_LIMIT} "
    f"AND char_length(coalesce(content->>'description', '')) <= {TEXT_LIMIT}"
)
NOT_BLANK = "{} ~ '[^[:space:]]'"

# Types and statuses are text with a CHECK, not native enums: equality of text is leakproof, so that an index is used
# under row-level security; equality of enums is not.


class PatternType(enum.StrEnum):
    """The way of thinking that a pattern belongs to (seed 004)."""

    CONVERGENT = "convergent"
    DIVERGENT = "divergent"
    LATERAL = "lateral"
    SYSTEMS = "systems"
    CRITICAL = "critical"
    ADAPTIVE = "adaptive"


class TransferMode(enum.StrEnum):
    """How a learning session carries one domain over to another (seed 004)."""

    ADAPTIVE = "adaptive"
    DIRECT = "direct"
    GRADUAL = "gradual"


class KnowledgeEvent(enum.StrEnum):
    """What happened to an item of knowledge, as its usage is counted (REQ-T132)."""

    RETRIEVED = "retrieved"
    USED = "used"
    TRANSFERRED = "transferred"
    RATED = "rated"


def one_of(column: str, kind: type[enum.StrEnum]) -> CheckConstraint:
    """Return a CHECK that a column has one of an enum's values, named after the column."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(one.value) for one in kind)})", name=column)


class KnowledgeItemORM(Tenanted, Mutable, Base):
    """One thing that an agent knows and others may use."""

    __tablename__ = "knowledge_items"
    __table_args__ = (
        belongs_to("agents", "source_agent_id", ondelete="CASCADE"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        CheckConstraint(NOT_BLANK.format("domain"), name="domain_not_blank"),
        CheckConstraint(CONTENT_FORMAT, name="content_format"),
        CheckConstraint(CONTENT_LENGTH, name="content_length"),
        Index("ix_knowledge_items_domain", "organization_id", "domain", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_knowledge_items_source_agent", "organization_id", "source_agent_id"),
        Index(
            "ix_knowledge_items_created",
            "organization_id",
            text("created_at DESC"),
            text("id DESC"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_knowledge_items_tags", "tags", postgresql_using="gin"),
        Index("ix_knowledge_items_content", "content", postgresql_using="gin"),
        # ix_knowledge_items_search, GIN on search_vector, is made by the migration: its operator class is the server's.
        {"comment": "What agents know and share (REQ-T114)"},
    )

    domain: Mapped[str] = mapped_column(String(100), comment="The field it belongs to, in the caller's words")
    content: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="The knowledge itself; title and description are what search reads"
    )
    source_agent_id: Mapped[UUID] = mapped_column(comment="The agent that knows it first")
    confidence: Mapped[Decimal | None] = mapped_column(Numeric(3, 2), comment="0 to 1; null: not rated")
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    language: Mapped[str | None] = mapped_column(
        String(8), comment="ISO 639 code of what it is written in; null: not known"
    )
    search_vector: Mapped[Any] = mapped_column(TSVECTOR, Computed(SEARCHED, persisted=True), deferred=True)


class KnowledgeTransferORM(Tenanted, Mutable, Base):
    """One passing-on of knowledge from an agent to another."""

    __tablename__ = "knowledge_transfers"
    __table_args__ = (
        belongs_to("knowledge_items", "knowledge_id", ondelete="CASCADE"),
        belongs_to("agents", "source_agent_id", ondelete="CASCADE"),
        belongs_to("agents", "target_agent_id", ondelete="CASCADE"),
        CheckConstraint(NOT_BLANK.format("transfer_method"), name="transfer_method_not_blank"),
        CheckConstraint("NOT success OR error_message IS NULL", name="error_message"),
        CheckConstraint("completed_at >= created_at", name="completed_at"),
        Index("ix_knowledge_transfers_knowledge", "organization_id", "knowledge_id"),
        Index("ix_knowledge_transfers_source", "organization_id", "source_agent_id"),
        Index("ix_knowledge_transfers_target", "organization_id", "target_agent_id"),
        Index("ix_knowledge_transfers_created", "organization_id", text("created_at DESC"), text("id DESC")),
        {"comment": "Knowledge passed from one agent to another (REQ-T115)"},
    )

    knowledge_id: Mapped[UUID] = mapped_column()
    source_agent_id: Mapped[UUID] = mapped_column(comment="Who passes it on")
    target_agent_id: Mapped[UUID] = mapped_column(comment="Who is to have it")
    transfer_method: Mapped[str] = mapped_column(String(50), comment="How, in the caller's words")
    success: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), comment="True once it has arrived")
    error_message: Mapped[str | None] = mapped_column(Text, comment="Why it failed")
    completed_at: Mapped[datetime | None] = mapped_column(comment="When it arrived or failed; null: under way")


class PatternORM(Tenanted, Mutable, Base):
    """A pattern that agents learnt and apply."""

    __tablename__ = "patterns"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        one_of("type", PatternType),
        CheckConstraint(NOT_BLANK.format("name"), name="name_not_blank"),
        CheckConstraint("jsonb_typeof(pattern_data) = 'object'", name="pattern_data"),
        CheckConstraint("accuracy BETWEEN 0 AND 1", name="accuracy"),
        CheckConstraint("usage_count >= 0", name="usage_count"),
        Index("ix_patterns_type", "organization_id", "type", postgresql_where=text("deleted_at IS NULL")),
        Index(
            "ix_patterns_accuracy",
            "organization_id",
            text("accuracy DESC"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_patterns_usage", "organization_id", text("usage_count DESC")),
        {"comment": "Patterns that agents learnt (REQ-T116)"},
    )

    type: Mapped[str] = mapped_column(
        String(20), comment="convergent, divergent, lateral, systems, critical or adaptive"
    )
    name: Mapped[str] = mapped_column(String(100))
    pattern_data: Mapped[dict[str, Any]] = mapped_column(JSONB, comment="The pattern itself, in the caller's form")
    accuracy: Mapped[Decimal | None] = mapped_column(
        Numeric(3, 2), comment="0 to 1; given, or recomputed from pattern_metrics; null: unknown"
    )
    usage_count: Mapped[int] = mapped_column(
        Integer,
        server_default=text("0"),
        comment="Uses counted so far; with the uncounted rows of pattern_usage it is exact",
    )
    metadata_: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb"), comment="What the caller attached"
    )


class PatternMetricORM(Tenanted, Base):
    """One measured run of a pattern."""

    __tablename__ = "pattern_metrics"
    __table_args__ = (
        PrimaryKeyConstraint("organization_id", "id", "created_at"),
        belongs_to("patterns", "pattern_id", ondelete="CASCADE"),
        belongs_to("agents", "agent_id", ondelete="CASCADE"),
        CheckConstraint("execution_time_ms >= 0", name="execution_time_ms"),
        CheckConstraint("NOT success OR error_type IS NULL", name="error_type"),
        Index("ix_pattern_metrics_pattern", "organization_id", "pattern_id", text("created_at DESC")),
        Index("ix_pattern_metrics_agent", "organization_id", "agent_id", text("created_at DESC")),
        {
            "comment": "How runs of patterns went: time, success, error (REQ-T117)",
            "postgresql_partition_by": "RANGE (created_at)",
            "info": {"partition": {"column": "created_at", "every": "month", "retention_days": None}},
        },
    )

    pattern_id: Mapped[UUID] = mapped_column()
    agent_id: Mapped[UUID] = mapped_column(comment="The agent that ran it")
    execution_time_ms: Mapped[int] = mapped_column(Integer, comment="Milliseconds the run took")
    success: Mapped[bool] = mapped_column(Boolean)
    error_type: Mapped[str | None] = mapped_column(String(50), comment="What kind of failure, if it failed")
    created_at: Mapped[datetime] = mapped_column(
        primary_key=True, server_default=func.now(), comment="When it ran (UTC)"
    )


class PatternUsageORM(Tenanted, Base):
    """One application of a pattern."""

    __tablename__ = "pattern_usage"
    __table_args__ = (
        PrimaryKeyConstraint("organization_id", "id", "timestamp"),
        belongs_to("patterns", "pattern_id", ondelete="CASCADE"),
        belongs_to("agents", "agent_id", ondelete="CASCADE"),
        Index("ix_pattern_usage_pattern", "organization_id", "pattern_id", text('"timestamp" DESC')),
        Index("ix_pattern_usage_agent", "organization_id", "agent_id", text('"timestamp" DESC')),
        Index("ix_pattern_usage_uncounted", "organization_id", "pattern_id", postgresql_where=text("NOT is_counted")),
        {
            "comment": "Who applied which pattern when, and whether it helped (REQ-T133)",
            "postgresql_partition_by": 'RANGE ("timestamp")',
            "info": {"partition": {"column": "timestamp", "every": "week", "retention_days": None}},
        },
    )

    pattern_id: Mapped[UUID] = mapped_column()
    agent_id: Mapped[UUID] = mapped_column(comment="The agent that applied it")
    success: Mapped[bool | None] = mapped_column(Boolean, comment="Whether it helped; null: not known")
    context: Mapped[dict[str, Any]] = json_object("What it was applied to, in the caller's form")
    is_counted: Mapped[bool] = mapped_column(
        Boolean, server_default=text("false"), comment="Whether patterns.usage_count has it already"
    )
    timestamp: Mapped[datetime] = mapped_column(
        primary_key=True, server_default=func.now(), comment="When it was applied (UTC)"
    )


class KnowledgeMetricORM(Tenanted, Base):
    """One thing that happened to an item of knowledge."""

    __tablename__ = "knowledge_metrics"
    __table_args__ = (
        PrimaryKeyConstraint("organization_id", "id", "timestamp"),
        belongs_to("knowledge_items", "knowledge_id", ondelete="CASCADE"),
        belongs_to("agents", "agent_id", ondelete="SET NULL"),
        one_of("metric_type", KnowledgeEvent),
        CheckConstraint("value BETWEEN 0 AND CASE metric_type WHEN 'rated' THEN 1 ELSE 999999.9999 END", name="value"),
        Index("ix_knowledge_metrics_item", "organization_id", "knowledge_id", text('"timestamp" DESC')),
        Index("ix_knowledge_metrics_agent", "organization_id", "agent_id"),
        Index("ix_knowledge_metrics_time", "organization_id", text('"timestamp" DESC')),
        {
            "comment": "How knowledge is used (REQ-T132)",
            "postgresql_partition_by": 'RANGE ("timestamp")',
            "info": {"partition": {"column": "timestamp", "every": "day", "retention_days": None}},
        },
    )

    knowledge_id: Mapped[UUID] = mapped_column()
    agent_id: Mapped[UUID | None] = mapped_column(comment="The agent that did it, if one")
    metric_type: Mapped[str] = mapped_column(
        String(50), server_default="used", comment="retrieved, used, transferred or rated"
    )
    value: Mapped[Decimal] = mapped_column(
        Numeric(10, 4), server_default=text("1"), comment="How often or how much; of a rating, 0 to 1"
    )
    metadata_: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb"), comment="What the caller attached"
    )
    timestamp: Mapped[datetime] = mapped_column(
        primary_key=True, server_default=func.now(), comment="When it happened (UTC)"
    )


class LearningSessionORM(Tenanted, Mutable, Base):
    """A stretch of learning in which an agent carries one domain over to another."""

    __tablename__ = "learning_sessions"
    __table_args__ = (
        belongs_to("agents", "agent_id", ondelete="CASCADE"),
        one_of("transfer_mode", TransferMode),
        CheckConstraint(NOT_BLANK.format("source_domain"), name="source_domain_not_blank"),
        CheckConstraint(NOT_BLANK.format("target_domain"), name="target_domain_not_blank"),
        CheckConstraint("jsonb_typeof(session_metrics) = 'object'", name="session_metrics"),
        CheckConstraint("improvement_score BETWEEN -1 AND 1", name="improvement_score"),
        CheckConstraint("completed_at >= started_at", name="completed_at"),
        Index("ix_learning_sessions_agent", "organization_id", "agent_id"),
        Index("ix_learning_sessions_domains", "organization_id", "source_domain", "target_domain"),
        Index("ix_learning_sessions_started", "organization_id", text("started_at DESC"), text("id DESC")),
        {"comment": "Meta-learning: from which domain to which, and what came of it (REQ-T120)"},
    )

    agent_id: Mapped[UUID] = mapped_column()
    source_domain: Mapped[str] = mapped_column(String(100))
    target_domain: Mapped[str] = mapped_column(String(100))
    transfer_mode: Mapped[str] = mapped_column(
        String(50), server_default="adaptive", comment="adaptive, direct or gradual"
    )
    session_metrics: Mapped[dict[str, Any]] = json_object("What was measured, in the caller's form")
    improvement_score: Mapped[Decimal | None] = mapped_column(
        Numeric(3, 2), comment="-1 to 1: how much better the agent does in the target domain; negative: worse"
    )
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    completed_at: Mapped[datetime | None] = mapped_column(comment="Null: under way")
