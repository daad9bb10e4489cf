"""Knowledge, patterns, learning and workflows.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from mnemon.migrations import ddl

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: Time series: table, column, interval.
SERIES = (
    ("pattern_metrics", "created_at", "month"),
    ("pattern_usage", "timestamp", "week"),
    ("knowledge_metrics", "timestamp", "day"),
    ("workflow_executions", "started_at", "week"),
)
TENANT_TABLES = (
    "knowledge_items",
    "knowledge_transfers",
    "patterns",
    "pattern_metrics",
    "pattern_usage",
    "knowledge_metrics",
    "learning_sessions",
    "workflows",
    "workflow_executions",
)
SEARCHED = (
    "to_tsvector('english'::regconfig, coalesce(content->>'title', '') || ' ' || coalesce(content->>'description', ''))"
)
CONTENT_FORMAT = (
    "jsonb_typeof(content) = 'object' AND coalesce(jsonb_typeof(content->'title'), 'string') = 'string' "
    "AND coalesce(jsonb_typeof(content->'description'), 'string') = 'string'"
)
CONTENT_LENGTH = (
    "char_length(coalesce(content->>'title', '')) <= 50000 "
    "AND char_length(coalesce(content->>'description', '')) <= 50000"
)
#: What the materialized views read as their owner, over all organisations.
SUMMARISED = (
    "knowledge_items",
    "knowledge_transfers",
    "knowledge_metrics",
    "patterns",
    "pattern_metrics",
    "pattern_usage",
)


def upgrade() -> None:
    create_tables()
    for table, column, every in SERIES:
        ddl.partition_by_range(table, column=column, every=every)
    ddl.search_index("knowledge_items", "search_vector")
    for table in TENANT_TABLES:
        ddl.protect(table)
    for table in SUMMARISED:
        op.execute(f"CREATE POLICY owner ON {table} FOR SELECT TO CURRENT_USER USING (true)")


def create_tables() -> None:
    op.create_table(
        "patterns",
        sa.Column(
            "type",
            sa.String(length=20),
            nullable=False,
            comment="convergent, divergent, lateral, systems, critical or adaptive",
        ),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column(
            "pattern_data", postgresql.JSONB(), nullable=False, comment="The pattern itself, in the caller's form"
        ),
        sa.Column(
            "accuracy",
            sa.Numeric(precision=3, scale=2),
            nullable=True,
            comment="0 to 1; given, or recomputed from pattern_metrics; null: unknown",
        ),
        sa.Column(
            "usage_count",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Uses counted so far; with the uncounted rows of pattern_usage it is exact",
        ),
        sa.Column(
            "metadata",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="What the caller attached",
        ),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed (UTC); kept by trigger",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the row was soft-deleted; null: alive",
        ),
        sa.Column(
            "version",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="Grows by one with every update; an update names the version it read",
        ),
        sa.CheckConstraint("jsonb_typeof(pattern_data) = 'object'", name=op.f("ck_patterns_pattern_data")),
        sa.CheckConstraint("name ~ '[^[:space:]]'", name=op.f("ck_patterns_name_not_blank")),
        sa.CheckConstraint(
            "type IN ('convergent', 'divergent', 'lateral', 'systems', 'critical', 'adaptive')",
            name=op.f("ck_patterns_type"),
        ),
        sa.CheckConstraint("accuracy BETWEEN 0 AND 1", name=op.f("ck_patterns_accuracy")),
        sa.CheckConstraint("usage_count >= 0", name=op.f("ck_patterns_usage_count")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_patterns_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_patterns")),
        comment="Patterns that agents learnt (REQ-T116)",
    )
    op.create_index(
        "ix_patterns_accuracy",
        "patterns",
        ["organization_id", sa.literal_column("accuracy DESC")],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_patterns_type",
        "patterns",
        ["organization_id", "type"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_patterns_usage", "patterns", ["organization_id", sa.literal_column("usage_count DESC")], unique=False
    )
    op.create_table(
        "workflows",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("steps", postgresql.JSONB(), nullable=False, comment="1 to 200 objects, each with a name of its own"),
        sa.Column(
            "dependencies",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="Step to the steps it waits for; no cycle, checked by trigger",
        ),
        sa.Column(
            "status",
            sa.String(length=20),
            server_default="draft",
            nullable=False,
            comment="draft, active or archived; only forward, checked by trigger",
        ),
        sa.Column("created_by", sa.Uuid(), nullable=True, comment="The person who defined it"),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed (UTC); kept by trigger",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the row was soft-deleted; null: alive",
        ),
        sa.Column(
            "version",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="Grows by one with every update; an update names the version it read",
        ),
        sa.CheckConstraint(
            "CASE jsonb_typeof(steps) WHEN 'array' THEN jsonb_array_length(steps) BETWEEN 1 AND 200 ELSE false END",
            name=op.f("ck_workflows_steps"),
        ),
        sa.CheckConstraint("jsonb_typeof(dependencies) = 'object'", name=op.f("ck_workflows_dependencies")),
        sa.CheckConstraint("name ~ '[^[:space:]]'", name=op.f("ck_workflows_name_not_blank")),
        sa.CheckConstraint("status IN ('draft', 'active', 'archived')", name=op.f("ck_workflows_status")),
        sa.ForeignKeyConstraint(
            ["organization_id", "created_by"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_workflows_organization_id_created_by"),
            ondelete="SET NULL (created_by)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_workflows_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_workflows")),
        comment="Definitions of work in steps (REQ-T118)",
    )
    op.create_index(
        "ix_workflows_created",
        "workflows",
        ["organization_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_workflows_created_by", "workflows", ["organization_id", "created_by"], unique=False)
    op.create_index(
        "ix_workflows_status",
        "workflows",
        ["organization_id", "status"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "knowledge_items",
        sa.Column(
            "domain", sa.String(length=100), nullable=False, comment="The field it belongs to, in the caller's words"
        ),
        sa.Column(
            "content",
            postgresql.JSONB(),
            nullable=False,
            comment="The knowledge itself; title and description are what search reads",
        ),
        sa.Column("source_agent_id", sa.Uuid(), nullable=False, comment="The agent that knows it first"),
        sa.Column("confidence", sa.Numeric(precision=3, scale=2), nullable=True, comment="0 to 1; null: not rated"),
        sa.Column("tags", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("search_vector", postgresql.TSVECTOR(), sa.Computed(SEARCHED, persisted=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed (UTC); kept by trigger",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the row was soft-deleted; null: alive",
        ),
        sa.Column(
            "version",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="Grows by one with every update; an update names the version it read",
        ),
        sa.CheckConstraint(CONTENT_LENGTH, name=op.f("ck_knowledge_items_content_length")),
        sa.CheckConstraint("domain ~ '[^[:space:]]'", name=op.f("ck_knowledge_items_domain_not_blank")),
        sa.CheckConstraint(CONTENT_FORMAT, name=op.f("ck_knowledge_items_content_format")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_knowledge_items_confidence")),
        sa.ForeignKeyConstraint(
            ["organization_id", "source_agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_knowledge_items_organization_id_source_agent_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_knowledge_items")),
        comment="What agents know and share (REQ-T114)",
    )
    op.create_index("ix_knowledge_items_content", "knowledge_items", ["content"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_knowledge_items_created",
        "knowledge_items",
        ["organization_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_knowledge_items_domain",
        "knowledge_items",
        ["organization_id", "domain"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_knowledge_items_source_agent", "knowledge_items", ["organization_id", "source_agent_id"], unique=False
    )
    op.create_index("ix_knowledge_items_tags", "knowledge_items", ["tags"], unique=False, postgresql_using="gin")
    op.create_table(
        "learning_sessions",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("source_domain", sa.String(length=100), nullable=False),
        sa.Column("target_domain", sa.String(length=100), nullable=False),
        sa.Column(
            "transfer_mode",
            sa.String(length=50),
            server_default="adaptive",
            nullable=False,
            comment="adaptive, direct or gradual",
        ),
        sa.Column(
            "session_metrics",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="What was measured, in the caller's form",
        ),
        sa.Column(
            "improvement_score",
            sa.Numeric(precision=3, scale=2),
            nullable=True,
            comment="-1 to 1: how much better the agent does in the target domain; negative: worse",
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True, comment="Null: under way"),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed (UTC); kept by trigger",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the row was soft-deleted; null: alive",
        ),
        sa.Column(
            "version",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="Grows by one with every update; an update names the version it read",
        ),
        sa.CheckConstraint(
            "jsonb_typeof(session_metrics) = 'object'", name=op.f("ck_learning_sessions_session_metrics")
        ),
        sa.CheckConstraint("source_domain ~ '[^[:space:]]'", name=op.f("ck_learning_sessions_source_domain_not_blank")),
        sa.CheckConstraint("target_domain ~ '[^[:space:]]'", name=op.f("ck_learning_sessions_target_domain_not_blank")),
        sa.CheckConstraint(
            "transfer_mode IN ('adaptive', 'direct', 'gradual')", name=op.f("ck_learning_sessions_transfer_mode")
        ),
        sa.CheckConstraint("completed_at >= started_at", name=op.f("ck_learning_sessions_completed_at")),
        sa.CheckConstraint("improvement_score BETWEEN -1 AND 1", name=op.f("ck_learning_sessions_improvement_score")),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_learning_sessions_organization_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_learning_sessions")),
        comment="Meta-learning: from which domain to which, and what came of it (REQ-T120)",
    )
    op.create_index("ix_learning_sessions_agent", "learning_sessions", ["organization_id", "agent_id"], unique=False)
    op.create_index(
        "ix_learning_sessions_domains",
        "learning_sessions",
        ["organization_id", "source_domain", "target_domain"],
        unique=False,
    )
    op.create_index(
        "ix_learning_sessions_started",
        "learning_sessions",
        ["organization_id", sa.literal_column("started_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "pattern_metrics",
        sa.Column("pattern_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False, comment="The agent that ran it"),
        sa.Column("execution_time_ms", sa.Integer(), nullable=False, comment="Milliseconds the run took"),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("error_type", sa.String(length=50), nullable=True, comment="What kind of failure, if it failed"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it ran (UTC)",
        ),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.CheckConstraint("NOT success OR error_type IS NULL", name=op.f("ck_pattern_metrics_error_type")),
        sa.CheckConstraint("execution_time_ms >= 0", name=op.f("ck_pattern_metrics_execution_time_ms")),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_pattern_metrics_organization_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "pattern_id"],
            ["patterns.organization_id", "patterns.id"],
            name=op.f("fk_pattern_metrics_organization_id_pattern_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", "created_at", name=op.f("pk_pattern_metrics")),
        comment="How runs of patterns went: time, success, error (REQ-T117)",
        info={"partition": {"column": "created_at", "every": "month", "retention_days": None}},
        postgresql_partition_by="RANGE (created_at)",
    )
    op.create_index(
        "ix_pattern_metrics_agent",
        "pattern_metrics",
        ["organization_id", "agent_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_index(
        "ix_pattern_metrics_pattern",
        "pattern_metrics",
        ["organization_id", "pattern_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "pattern_usage",
        sa.Column("pattern_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False, comment="The agent that applied it"),
        sa.Column("success", sa.Boolean(), nullable=True, comment="Whether it helped; null: not known"),
        sa.Column(
            "context",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="What it was applied to, in the caller's form",
        ),
        sa.Column(
            "is_counted",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Whether patterns.usage_count has it already",
        ),
        sa.Column(
            "timestamp",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was applied (UTC)",
        ),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_pattern_usage_organization_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "pattern_id"],
            ["patterns.organization_id", "patterns.id"],
            name=op.f("fk_pattern_usage_organization_id_pattern_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", "timestamp", name=op.f("pk_pattern_usage")),
        comment="Who applied which pattern when, and whether it helped (REQ-T133)",
        info={"partition": {"column": "timestamp", "every": "week", "retention_days": None}},
        postgresql_partition_by='RANGE ("timestamp")',
    )
    op.create_index(
        "ix_pattern_usage_agent",
        "pattern_usage",
        ["organization_id", "agent_id", sa.literal_column('"timestamp" DESC')],
        unique=False,
    )
    op.create_index(
        "ix_pattern_usage_pattern",
        "pattern_usage",
        ["organization_id", "pattern_id", sa.literal_column('"timestamp" DESC')],
        unique=False,
    )
    op.create_index(
        "ix_pattern_usage_uncounted",
        "pattern_usage",
        ["organization_id", "pattern_id"],
        unique=False,
        postgresql_where=sa.text("NOT is_counted"),
    )
    op.create_table(
        "workflow_executions",
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False, comment="The agent that runs it"),
        sa.Column(
            "status",
            sa.String(length=20),
            server_default="pending",
            nullable=False,
            comment="pending, running, then completed, failed or cancelled; checked by trigger",
        ),
        sa.Column(
            "execution_data",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="Input, and under steps what each finished step gave",
        ),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was asked for; its week is its partition",
        ),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True, comment="When it ended; null: under way"),
        sa.Column("error_message", sa.Text(), nullable=True, comment="Why it failed or was cancelled"),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed (UTC); kept by trigger",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the row was soft-deleted; null: alive",
        ),
        sa.Column(
            "version",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="Grows by one with every update; an update names the version it read",
        ),
        sa.CheckConstraint(
            "completed_at IS NULL OR (completed_at >= started_at AND status IN ('completed', 'failed', 'cancelled'))",
            name=op.f("ck_workflow_executions_completed_at"),
        ),
        sa.CheckConstraint(
            "jsonb_typeof(execution_data) = 'object'", name=op.f("ck_workflow_executions_execution_data")
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_workflow_executions_status"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_workflow_executions_organization_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "workflow_id"],
            ["workflows.organization_id", "workflows.id"],
            name=op.f("fk_workflow_executions_organization_id_workflow_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", "started_at", name=op.f("pk_workflow_executions")),
        comment="Runs of workflows (REQ-T119)",
        info={"partition": {"column": "started_at", "every": "week", "retention_days": None}},
        postgresql_partition_by="RANGE (started_at)",
    )
    op.create_index(
        "ix_workflow_executions_agent",
        "workflow_executions",
        ["organization_id", "agent_id", sa.literal_column("started_at DESC")],
        unique=False,
    )
    op.create_index(
        "ix_workflow_executions_open",
        "workflow_executions",
        ["organization_id", sa.literal_column("started_at DESC")],
        unique=False,
        postgresql_where=sa.text("status IN ('pending', 'running')"),
    )
    op.create_index(
        "ix_workflow_executions_workflow",
        "workflow_executions",
        ["organization_id", "workflow_id", sa.literal_column("started_at DESC")],
        unique=False,
    )
    op.create_table(
        "knowledge_metrics",
        sa.Column("knowledge_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True, comment="The agent that did it, if one"),
        sa.Column(
            "metric_type",
            sa.String(length=50),
            server_default="used",
            nullable=False,
            comment="retrieved, used, transferred or rated",
        ),
        sa.Column(
            "value",
            sa.Numeric(precision=10, scale=4),
            server_default=sa.text("1"),
            nullable=False,
            comment="How often or how much; of a rating, 0 to 1",
        ),
        sa.Column(
            "metadata",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="What the caller attached",
        ),
        sa.Column(
            "timestamp",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it happened (UTC)",
        ),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.CheckConstraint(
            "metric_type IN ('retrieved', 'used', 'transferred', 'rated')",
            name=op.f("ck_knowledge_metrics_metric_type"),
        ),
        sa.CheckConstraint(
            "value BETWEEN 0 AND CASE metric_type WHEN 'rated' THEN 1 ELSE 999999.9999 END",
            name=op.f("ck_knowledge_metrics_value"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_knowledge_metrics_organization_id_agent_id"),
            ondelete="SET NULL (agent_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "knowledge_id"],
            ["knowledge_items.organization_id", "knowledge_items.id"],
            name=op.f("fk_knowledge_metrics_organization_id_knowledge_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", "timestamp", name=op.f("pk_knowledge_metrics")),
        comment="How knowledge is used (REQ-T132)",
        info={"partition": {"column": "timestamp", "every": "day", "retention_days": None}},
        postgresql_partition_by='RANGE ("timestamp")',
    )
    op.create_index("ix_knowledge_metrics_agent", "knowledge_metrics", ["organization_id", "agent_id"], unique=False)
    op.create_index(
        "ix_knowledge_metrics_item",
        "knowledge_metrics",
        ["organization_id", "knowledge_id", sa.literal_column('"timestamp" DESC')],
        unique=False,
    )
    op.create_index(
        "ix_knowledge_metrics_time",
        "knowledge_metrics",
        ["organization_id", sa.literal_column('"timestamp" DESC')],
        unique=False,
    )
    op.create_table(
        "knowledge_transfers",
        sa.Column("knowledge_id", sa.Uuid(), nullable=False),
        sa.Column("source_agent_id", sa.Uuid(), nullable=False, comment="Who passes it on"),
        sa.Column("target_agent_id", sa.Uuid(), nullable=False, comment="Who is to have it"),
        sa.Column("transfer_method", sa.String(length=50), nullable=False, comment="How, in the caller's words"),
        sa.Column(
            "success", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment="True once it has arrived"
        ),
        sa.Column("error_message", sa.Text(), nullable=True, comment="Why it failed"),
        sa.Column(
            "completed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it arrived or failed; null: under way",
        ),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed (UTC); kept by trigger",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the row was soft-deleted; null: alive",
        ),
        sa.Column(
            "version",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="Grows by one with every update; an update names the version it read",
        ),
        sa.CheckConstraint(
            "transfer_method ~ '[^[:space:]]'", name=op.f("ck_knowledge_transfers_transfer_method_not_blank")
        ),
        sa.CheckConstraint("NOT success OR error_message IS NULL", name=op.f("ck_knowledge_transfers_error_message")),
        sa.CheckConstraint("completed_at >= created_at", name=op.f("ck_knowledge_transfers_completed_at")),
        sa.ForeignKeyConstraint(
            ["organization_id", "knowledge_id"],
            ["knowledge_items.organization_id", "knowledge_items.id"],
            name=op.f("fk_knowledge_transfers_organization_id_knowledge_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "source_agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_knowledge_transfers_organization_id_source_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "target_agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_knowledge_transfers_organization_id_target_agent_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_knowledge_transfers")),
        comment="Knowledge passed from one agent to another (REQ-T115)",
    )
    op.create_index(
        "ix_knowledge_transfers_created",
        "knowledge_transfers",
        ["organization_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_knowledge_transfers_knowledge", "knowledge_transfers", ["organization_id", "knowledge_id"], unique=False
    )
    op.create_index(
        "ix_knowledge_transfers_source", "knowledge_transfers", ["organization_id", "source_agent_id"], unique=False
    )
    op.create_index(
        "ix_knowledge_transfers_target", "knowledge_transfers", ["organization_id", "target_agent_id"], unique=False
    )


def downgrade() -> None:
    for view in (
        "pattern_effectiveness",
        "knowledge_usage",
        "knowledge_transfer_history",
        "workflow_execution_history",
    ):
        op.execute(f"DROP VIEW IF EXISTS {view} CASCADE")
    for view in ("pattern_effectiveness_totals", "knowledge_usage_totals"):
        op.execute(f"DROP MATERIALIZED VIEW IF EXISTS {view} CASCADE")
    op.execute("DROP PROCEDURE IF EXISTS recompute_pattern_accuracy(uuid, timestamptz, integer, bigint)")
    op.execute("DROP PROCEDURE IF EXISTS count_pattern_usage(uuid, integer, bigint)")
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
    # The triggers went with the tables: an upgrade has to make them again, whatever their text.
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'knowledge/%' OR name LIKE 'workflow/%'")
