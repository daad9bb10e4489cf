"""Tables of workflow: definitions and executions."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Mutable, Tenanted, belongs_to, json_object

STEP_LIMIT = 200
STEPS = (
    f"CASE jsonb_typeof(steps) WHEN 'array' THEN jsonb_array_length(steps) BETWEEN 1 AND {STEP_LIMIT} ELSE false END"
)

# Statuses are text with a CHECK, not native enums: equality of text is leakproof, so that an index is used under
# row-level security; equality of enums is not.


class WorkflowStatus(enum.StrEnum):
    """Where a definition is in its life (seed 004)."""

    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


class ExecutionStatus(enum.StrEnum):
    """Where an execution is in its life (seed 004)."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class WorkflowORM(Tenanted, Mutable, Base):
    """A definition: steps, and which of them wait for which."""

    __tablename__ = "workflows"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], ["organizations.id"], ondelete="CASCADE"),
        belongs_to("users", "created_by", ondelete="SET NULL"),
        CheckConstraint("name ~ '[^[:space:]]'", name="name_not_blank"),
        CheckConstraint("status IN ('draft', 'active', 'archived')", name="status"),
        CheckConstraint(STEPS, name="steps"),
        CheckConstraint("jsonb_typeof(dependencies) = 'object'", name="dependencies"),
        Index("ix_workflows_status", "organization_id", "status", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_workflows_created_by", "organization_id", "created_by"),
        Index(
            "ix_workflows_created",
            "organization_id",
            text("created_at DESC"),
            text("id DESC"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        {"comment": "Definitions of work in steps (REQ-T118)"},
    )

    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(Text)
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, comment="1 to 200 objects, each with a name of its own")
    dependencies: Mapped[dict[str, Any]] = json_object("Step to the steps it waits for; no cycle, checked by trigger")
    status: Mapped[str] = mapped_column(
        String(20), server_default="draft", comment="draft, active or archived; only forward, checked by trigger"
    )
    created_by: Mapped[UUID | None] = mapped_column(comment="The person who defined it")


class WorkflowExecutionORM(Tenanted, Mutable, Base):
    """One run of a workflow by an agent."""

    __tablename__ = "workflow_executions"
    __table_args__ = (
        PrimaryKeyConstraint("organization_id", "id", "started_at"),
        belongs_to("workflows", "workflow_id", ondelete="CASCADE"),
        belongs_to("agents", "agent_id", ondelete="CASCADE"),
        CheckConstraint("status IN ('pending', 'running', 'completed', 'failed', 'cancelled')", name="status"),
        CheckConstraint("jsonb_typeof(execution_data) = 'object'", name="execution_data"),
        CheckConstraint(
            "completed_at IS NULL OR (completed_at >= started_at AND status IN ('completed', 'failed', 'cancelled'))",
            name="completed_at",
        ),
        Index("ix_workflow_executions_workflow", "organization_id", "workflow_id", text("started_at DESC")),
        Index("ix_workflow_executions_agent", "organization_id", "agent_id", text("started_at DESC")),
        Index(
            "ix_workflow_executions_open",
            "organization_id",
            text("started_at DESC"),
            postgresql_where=text("status IN ('pending', 'running')"),
        ),
        {
            "comment": "Runs of workflows (REQ-T119)",
            "postgresql_partition_by": "RANGE (started_at)",
            "info": {"partition": {"column": "started_at", "every": "week", "retention_days": None}},
        },
    )

    workflow_id: Mapped[UUID] = mapped_column()
    agent_id: Mapped[UUID] = mapped_column(comment="The agent that runs it")
    status: Mapped[str] = mapped_column(
        String(20),
        server_default="pending",
        comment="pending, running, then completed, failed or cancelled; checked by trigger",
    )
    execution_data: Mapped[dict[str, Any]] = json_object("Input, and under steps what each finished step gave")
    started_at: Mapped[datetime] = mapped_column(
        primary_key=True, server_default=func.now(), comment="When it was asked for; its week is its partition"
    )
    completed_at: Mapped[datetime | None] = mapped_column(comment="When it ended; null: under way")
    error_message: Mapped[str | None] = mapped_column(Text, comment="Why it failed or was cancelled")
