"""Tables of facts, bitemporal, and of what an answer used."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Float, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Tenanted, belongs_to, created, json_object

SUBJECT_LIMIT = 255
OBJECT_LIMIT = 10_000


class MemoryFactORM(Tenanted, Base):
    """A subject, a predicate and an object, true in the world for a time and known for a time."""

    __tablename__ = "memory_facts"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("teams", "team_id", ondelete="SET NULL"),
        belongs_to("users", "user_id", ondelete="SET NULL"),
        belongs_to("agents", "agent_id", ondelete="SET NULL"),
        belongs_to("messages", "source_message_id", ondelete="SET NULL"),
        belongs_to("memories", "source_memory_id", ondelete="SET NULL"),
        CheckConstraint(f"subject ~ '[^[:space:]]' AND char_length(subject) <= {SUBJECT_LIMIT}", name="subject"),
        CheckConstraint(f"predicate ~ '[^[:space:]]' AND char_length(predicate) <= {SUBJECT_LIMIT}", name="predicate"),
        CheckConstraint(f"object ~ '[^[:space:]]' AND char_length(object) <= {OBJECT_LIMIT}", name="object"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        CheckConstraint("valid_until > valid_from", name="valid_until"),
        CheckConstraint("retracted_at >= recorded_at", name="retracted_at"),
        Index("ix_memory_facts_subject", "organization_id", "subject", "predicate", "valid_from"),
        Index("ix_memory_facts_predicate", "organization_id", "predicate", "valid_from"),
        Index(
            "ix_memory_facts_current",
            "organization_id",
            "subject",
            "predicate",
            postgresql_where=text("retracted_at IS NULL"),
        ),
        Index("ix_memory_facts_user", "organization_id", "user_id"),
        Index("ix_memory_facts_agent", "organization_id", "agent_id"),
        Index("ix_memory_facts_team", "organization_id", "team_id"),
        Index("ix_memory_facts_message", "organization_id", "source_message_id"),
        Index("ix_memory_facts_memory", "organization_id", "source_memory_id"),
        {"comment": "Facts on two axes: when they were true, and when we knew them; never overwritten (seed 003)"},
    )

    team_id: Mapped[UUID | None] = mapped_column(comment="The team that shares it, if one")
    user_id: Mapped[UUID | None] = mapped_column(comment="Whom it was learnt from or about")
    agent_id: Mapped[UUID | None] = mapped_column(comment="The agent that keeps it")
    source_message_id: Mapped[UUID | None] = mapped_column(comment="source_episode_id of 003")
    source_memory_id: Mapped[UUID | None] = mapped_column()
    subject: Mapped[str] = mapped_column(Text, comment="At most 255 characters")
    predicate: Mapped[str] = mapped_column(Text, comment="At most 255 characters")
    object: Mapped[str] = mapped_column(Text, comment="At most 10,000 characters")
    confidence: Mapped[float] = mapped_column(Float, server_default=text("1.0"), comment="0 to 1")
    valid_from: Mapped[datetime] = mapped_column(server_default=func.now(), comment="True from here, in the world")
    valid_until: Mapped[datetime | None] = mapped_column(comment="True until just before; null: no end is known")
    recorded_at: Mapped[datetime] = mapped_column(
        server_default=func.clock_timestamp(), comment="Known from here (created_at of 003)"
    )
    retracted_at: Mapped[datetime | None] = mapped_column(
        comment="Known until just before; null: known still; written once (updated_at of 003)"
    )


class MessageMemoryUsageORM(Tenanted, Base):
    """Which message or memory was used for which answer."""

    __tablename__ = "message_memory_usage"
    __table_args__ = (
        belongs_to("messages", "message_id", ondelete="CASCADE"),
        belongs_to("memories", "memory_id", ondelete="CASCADE"),
        belongs_to("messages", "used_message_id", ondelete="CASCADE"),
        UniqueConstraint(
            "organization_id",
            "message_id",
            "memory_id",
            "used_message_id",
            name="uq_message_memory_usage_used",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("num_nonnulls(memory_id, used_message_id) = 1", name="one_used"),
        CheckConstraint("used_message_id <> message_id", name="not_used_by_itself"),
        CheckConstraint("relevance_score BETWEEN 0 AND 1", name="relevance_score"),
        CheckConstraint("rank >= 1", name="rank"),
        Index("ix_message_memory_usage_memory", "organization_id", "memory_id", text("created_at DESC")),
        Index(
            "ix_message_memory_usage_message",
            "organization_id",
            "used_message_id",
            text("created_at DESC"),
            postgresql_where=text("used_message_id IS NOT NULL"),
        ),
        {"comment": "Which memory or message was used for which answer, and why (seed 000)"},
    )

    message_id: Mapped[UUID] = mapped_column(comment="The answer")
    memory_id: Mapped[UUID | None] = mapped_column(comment="The memory it was given; or a message")
    used_message_id: Mapped[UUID | None] = mapped_column(comment="The message it was given; or a memory")
    relevance_score: Mapped[float | None] = mapped_column(Float, comment="0 to 1")
    rank: Mapped[int | None] = mapped_column(Integer, comment="Its place among what was recalled, from 1")
    signals: Mapped[dict[str, Any]] = json_object("The signals of the score, as recall explained them")
    helpful: Mapped[bool | None] = mapped_column(comment="Whether it helped; null: nobody said")
    created_at: Mapped[datetime] = created()
