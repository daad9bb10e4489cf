"""Tables of agents."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Mutable, Tenanted, belongs_to, json_object, native_enum

MODEL_CONFIG = '{"model_name": "anthropic/claude-sonnet-4.5", "temperature": 0.7, "max_output_tokens": 4096}'
MEMORY_CONFIG = (
    '{"token_budget": 2000, "auto_extract": true, "auto_pin_preferences": true, "summarize_interval": 20, '
    '"retrieval_weights": {"semantic": 0.35, "recency": 0.20, "importance": 0.20, "continuity": 0.15, '
    '"relationship": 0.10}}'
)
BOUNDARIES = '{"max_autonomy": "execute", "max_tool_calls_per_turn": 10}'
COGNITIVE_PATTERNS = "('convergent', 'divergent', 'lateral', 'systems', 'critical', 'adaptive')"


class AgentStatus(enum.StrEnum):
    """Where an agent is in its life (seeds 002 and 004)."""

    DRAFT = "draft"
    ACTIVE = "active"
    LEARNING = "learning"
    PAUSED = "paused"
    STOPPED = "stopped"
    ARCHIVED = "archived"


class AgentORM(Tenanted, Mutable, Base):
    """A named agent with its full AgentDNA."""

    __tablename__ = "agents"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("teams", "team_id", ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="SET NULL"),
        belongs_to("users", "created_by", ondelete="SET NULL"),
        UniqueConstraint("organization_id", "team_id", "slug", postgresql_nulls_not_distinct=True),
        UniqueConstraint("organization_id", "external_id"),
        CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]*[a-z0-9]$'", name="slug_format"),
        CheckConstraint(f"cognitive_pattern IN {COGNITIVE_PATTERNS}", name="cognitive_pattern"),
        CheckConstraint("learning_rate BETWEEN 0 AND 1", name="learning_rate"),
        CheckConstraint("performance_score BETWEEN 0 AND 1", name="performance_score"),
        Index(
            "ix_agents_organization_id_team_id_status",
            "organization_id",
            "team_id",
            "status",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_agents_organization_id_type", "organization_id", "type", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_agents_organization_id_created_at", "organization_id", text("created_at DESC")),
        Index("ix_agents_metadata", "metadata", postgresql_using="gin"),
        {"comment": "Agents and their AgentDNA (seeds 002, 003, 004)"},
    )

    team_id: Mapped[UUID | None] = mapped_column()
    user_id: Mapped[UUID | None] = mapped_column(comment="The person the agent belongs to, if one (seed 003)")
    external_id: Mapped[str | None] = mapped_column(String(255), comment="The caller's own string for the agent")
    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(100), comment="Unique in the team, or in the organisation without one")
    type: Mapped[str] = mapped_column(String(50), server_default="assistant", comment="The caller's kind of agent")
    tagline: Mapped[str] = mapped_column(Text, server_default="")
    description: Mapped[str | None] = mapped_column(Text)
    avatar_emoji: Mapped[str] = mapped_column(Text, server_default="")
    personality: Mapped[dict[str, Any]] = json_object(
        "AgentPersonality: tone, verbosity, traits, voice examples, rules"
    )
    shared_skill_names: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    custom_skill_names: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    disabled_skill_names: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    model_config_json: Mapped[dict[str, Any]] = mapped_column(
        "model_config", JSONB, server_default=text(f"'{MODEL_CONFIG}'::jsonb"), comment="AgentModelConfig"
    )
    memory_config: Mapped[dict[str, Any]] = mapped_column(
        JSONB,
        server_default=text(f"'{MEMORY_CONFIG}'::jsonb"),
        comment="AgentMemoryConfig with the five retrieval weights",
    )
    boundaries: Mapped[dict[str, Any]] = mapped_column(
        JSONB, server_default=text(f"'{BOUNDARIES}'::jsonb"), comment="AgentBoundaries"
    )
    status: Mapped[AgentStatus] = mapped_column(native_enum(AgentStatus, "agent_status"), server_default="draft")
    cognitive_pattern: Mapped[str] = mapped_column(String(20), server_default="adaptive")
    learning_rate: Mapped[Decimal | None] = mapped_column(Numeric(3, 2), comment="0 to 1")
    performance_score: Mapped[Decimal | None] = mapped_column(Numeric(3, 2), comment="0 to 1")
    created_by: Mapped[UUID | None] = mapped_column()
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'::jsonb"))


class AgentCapabilityORM(Tenanted, Mutable, Base):
    """Something an agent can do, and how well."""

    __tablename__ = "agent_capabilities"
    __table_args__ = (
        belongs_to("agents", "agent_id", ondelete="CASCADE"),
        UniqueConstraint("organization_id", "agent_id", "capability"),
        CheckConstraint("proficiency_level BETWEEN 0 AND 1", name="proficiency_level"),
        CheckConstraint("length(btrim(capability)) > 0", name="capability"),
        Index(
            "ix_agent_capabilities_capability",
            "organization_id",
            "capability",
            text("proficiency_level DESC"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        {"comment": "What agents can do (REQ-T112)"},
    )

    agent_id: Mapped[UUID] = mapped_column()
    capability: Mapped[str] = mapped_column(String(100), comment="The caller's word for it; one row an agent")
    proficiency_level: Mapped[Decimal] = mapped_column(
        Numeric(3, 2), server_default=text("0.5"), comment="0 (none) to 1 (mastery)"
    )


class AgentStateORM(Tenanted, Base):
    """What an agent's state was at a moment."""

    __tablename__ = "agent_states"
    __table_args__ = (
        belongs_to("agents", "agent_id", ondelete="CASCADE"),
        CheckConstraint("checkpoint_type ~ '^[a-z][a-z0-9_-]*$'", name="checkpoint_type"),
        Index("ix_agent_states_agent", "organization_id", "agent_id", text("created_at DESC")),
        {
            "comment": "Snapshots of agents' states (REQ-T113), a partition a month",
            "postgresql_partition_by": "RANGE (created_at)",
            "info": {"partition": {"column": "created_at", "every": "month", "retention_days": None}},
        },
    )

    created_at: Mapped[datetime] = mapped_column(
        primary_key=True,
        sort_order=1,  # after organization_id and id in the key
        server_default=func.now(),
        comment="When the snapshot was taken; what it is partitioned by",
    )
    agent_id: Mapped[UUID] = mapped_column()
    state_data: Mapped[dict[str, Any]] = json_object("The snapshot, as the caller has it")
    checkpoint_type: Mapped[str] = mapped_column(
        String(50), comment="The caller's word for why: manual, scheduled, before_update, ..."
    )
