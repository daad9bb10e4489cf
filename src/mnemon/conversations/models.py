"""Tables of conversations: conversations, participants, sessions, messages (episodes), import checkpoints."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Mutable, Tenanted, belongs_to, created, json_object, native_enum
from mnemon.db.recallable import Recallable, recallable_args


class ConversationStatus(enum.StrEnum):
    """Where a conversation is in its life (seed 002)."""

    ACTIVE = "active"
    IDLE = "idle"
    CLOSED = "closed"


class MessageRole(enum.StrEnum):
    """Who speaks, as language models see it (seed 002)."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


#: When the last thing was said, where nothing was: before everything else.
NO_TALK = datetime(2, 1, 1, tzinfo=UTC)
_LAST_TALK = "COALESCE(last_message_at, '0002-01-01 00:00:00+00'::timestamp with time zone)"
_LATEST_FIRST = (text(f"{_LAST_TALK} DESC"), text("created_at DESC"), text("id DESC"))
#: What a list of conversations is ordered by first, as its indexes have it.
LAST_TALK: ColumnElement[datetime] = literal_column(_LAST_TALK, DateTime(timezone=True))


class ConversationORM(Tenanted, Mutable, Base):
    """A conversation of people, agents or both."""

    __tablename__ = "conversations"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("teams", "team_id", ondelete="CASCADE"),
        belongs_to("agents", "agent_id", ondelete="SET NULL"),
        belongs_to("users", "user_id", ondelete="SET NULL"),
        belongs_to("users", "created_by", ondelete="SET NULL"),
        UniqueConstraint("organization_id", "external_id"),
        CheckConstraint("type IN ('direct', 'group', 'ai_chat')", name="type"),
        CheckConstraint("message_count >= 0 AND total_input_tokens >= 0 AND total_output_tokens >= 0", name="counters"),
        Index("ix_conversations_team", "organization_id", "team_id"),
        Index("ix_conversations_user", "organization_id", "user_id"),
        Index("ix_conversations_agent", "organization_id", "agent_id"),
        Index("ix_conversations_type", "organization_id", "type"),
        Index("ix_conversations_created_by", "organization_id", "created_by"),
        Index("ix_conversations_last_message", "organization_id", *_LATEST_FIRST),
        Index("ix_conversations_changed", "organization_id", "changed"),
        Index(
            "ix_conversations_active",
            "organization_id",
            *_LATEST_FIRST,
            postgresql_where=text("status = 'active' AND deleted_at IS NULL"),
        ),
        {"comment": "Conversations of people, agents or both (seeds 000, 002 and the sessions of 003)"},
    )

    external_id: Mapped[str | None] = mapped_column(String(255), comment="The caller's own string for it")
    type: Mapped[str] = mapped_column(String(20), server_default="direct", comment="direct, group or ai_chat")
    status: Mapped[ConversationStatus] = mapped_column(
        native_enum(ConversationStatus, "conversation_status"), server_default="active"
    )
    team_id: Mapped[UUID | None] = mapped_column()
    agent_id: Mapped[UUID | None] = mapped_column(comment="The agent talked with, if one")
    user_id: Mapped[UUID | None] = mapped_column(comment="The person it belongs to, if one")
    name: Mapped[str | None] = mapped_column(String(255), comment="name of 000, title of 002")
    description: Mapped[str | None] = mapped_column(Text)
    avatar_url: Mapped[str | None] = mapped_column(String(500))
    is_private: Mapped[bool] = mapped_column(
        Boolean,
        server_default=text("true"),
        comment="Seen by who takes part, whose it is, who made it and the agent that leads it; of a team: by the team",
    )
    summary: Mapped[str | None] = mapped_column(Text)
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'::jsonb"))
    message_count: Mapped[int] = mapped_column(Integer, server_default=text("0"), comment="Kept by trigger")
    total_input_tokens: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), comment="Kept by trigger")
    total_output_tokens: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), comment="Kept by trigger")
    last_message_at: Mapped[datetime | None] = mapped_column(comment="Kept by trigger")
    expires_at: Mapped[datetime | None] = mapped_column()
    created_by: Mapped[UUID | None] = mapped_column()
    changed: Mapped[int | None] = mapped_column(BigInteger, comment="The transaction that last changed who sees it")


class ConversationParticipantORM(Base):
    """A person in a conversation."""

    __tablename__ = "conversation_participants"
    __table_args__ = (
        belongs_to("conversations", "conversation_id", ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        Index("ix_conversation_participants_user", "organization_id", "user_id"),
        Index("ix_conversation_participants_role", "organization_id", "role"),
        {"comment": "Who takes part in which conversation (seed 000)"},
    )

    organization_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True, comment="The tenant")
    conversation_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True)
    role: Mapped[str] = mapped_column(String(20), server_default="member", comment="owner, admin or member")
    joined_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_read_at: Mapped[datetime | None] = mapped_column()
    is_muted: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))


class ConversationSessionORM(Tenanted, Base):
    """A stretch of talk in a conversation: what was said in one sitting."""

    __tablename__ = "conversation_sessions"
    __table_args__ = (
        belongs_to("conversations", "conversation_id", ondelete="CASCADE"),
        UniqueConstraint("organization_id", "number"),
        CheckConstraint("message_count >= 0 AND term_count >= 0", name="counters"),
        Index("ix_conversation_sessions_conversation", "organization_id", "conversation_id", text("number DESC")),
        {"comment": "Stretches of talk: recall scores the session a turn belongs to, not the turn alone"},
    )

    conversation_id: Mapped[UUID] = mapped_column()
    number: Mapped[int] = mapped_column(BigInteger, comment="Unique in the installation; upper bits of an ordinal")
    label: Mapped[str | None] = mapped_column(String(255), comment="The source's own name for the session, if one")
    started_at: Mapped[datetime] = mapped_column()
    ended_at: Mapped[datetime] = mapped_column()
    message_count: Mapped[int] = mapped_column(Integer, server_default=text("0"), comment="Last place given out")
    term_count: Mapped[int] = mapped_column(Integer, server_default=text("0"), comment="Stemmed content words in it")
    speaker_ids: Mapped[list[UUID]] = mapped_column(
        ARRAY(Uuid()),
        server_default=text("'{}'"),
        comment="Who spoke in it: ids of users and agents, and of speakers by name, the MD5 of the name",
    )
    ends_with_question: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))


class MessageORM(Tenanted, Recallable, Base):
    """One thing said: an episode."""

    __tablename__ = "messages"
    __table_args__ = (
        belongs_to("conversations", "conversation_id", ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="SET NULL"),
        belongs_to("users", "sender_id", ondelete="SET NULL"),
        belongs_to("agents", "agent_id", ondelete="SET NULL"),
        belongs_to("teams", "team_id", ondelete="SET NULL"),
        *recallable_args("messages"),
        CheckConstraint("content_type IN ('text', 'file', 'system', 'ai')", name="content_type"),
        CheckConstraint("status IN ('sent', 'delivered', 'read')", name="status"),
        CheckConstraint("feedback_rating IN ('positive', 'negative')", name="feedback_rating"),
        CheckConstraint("token_count >= 0", name="token_count"),
        Index("ix_messages_conversation", "organization_id", "conversation_id", "occurred_at"),
        Index("ix_messages_sender", "organization_id", "sender_id", text("occurred_at DESC")),
        Index(
            "ix_messages_speaker",
            "organization_id",
            "speaker",
            text("occurred_at DESC"),
            postgresql_where=text("speaker IS NOT NULL"),
        ),
        {
            "comment": "Episodes: what was said, by whom, when (seeds 000, 002, 003)",
            "postgresql_partition_by": "HASH (organization_id)",
        },
    )

    conversation_id: Mapped[UUID] = mapped_column()
    sender_id: Mapped[UUID | None] = mapped_column(
        comment="The user who said it; null for agents, systems, and people known by name alone"
    )
    speaker: Mapped[str | None] = mapped_column(
        String(255), comment="The name of who said it, as it was given; a name, and nobody who may see anything"
    )
    role: Mapped[MessageRole] = mapped_column(native_enum(MessageRole, "message_role"), server_default="user")
    content_type: Mapped[str] = mapped_column(String(20), server_default="text", comment="text, file, system or ai")
    tool_calls: Mapped[Any | None] = mapped_column(JSONB)
    tool_results: Mapped[Any | None] = mapped_column(JSONB)
    token_count: Mapped[int | None] = mapped_column(Integer)
    model: Mapped[str | None] = mapped_column(String(100), comment="ai_model of 000")
    feedback_rating: Mapped[str | None] = mapped_column(String(20), comment="positive or negative")
    feedback_comment: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20), server_default="sent", comment="sent, delivered or read")
    is_edited: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    edited_at: Mapped[datetime | None] = mapped_column()
    follows_question: Mapped[bool] = mapped_column(
        Boolean, server_default=text("false"), comment="The turn before it in the session ends with a question mark"
    )


class ImportCheckpointORM(Tenanted, Base):
    """How far an import has come: written in the transaction of the rows it counts."""

    __tablename__ = "import_checkpoints"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        UniqueConstraint("organization_id", "source"),
        CheckConstraint("imported >= 0 AND skipped >= 0 AND broken >= 0", name="counters"),
        {"comment": "Where an interrupted import goes on"},
    )

    source: Mapped[str] = mapped_column(String(255), comment="Format and fingerprint of what is imported")
    position: Mapped[dict[str, Any]] = json_object("The reader's own place: byte offset, entry")
    imported: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    skipped: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), comment="Already there")
    broken: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), comment="Reported and left out")
    created_at: Mapped[datetime] = created()
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column()
