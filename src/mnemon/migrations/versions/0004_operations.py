"""The audit trail and its chain, partition policies, metrics and their rollups, error and request logs.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from mnemon.migrations import ddl

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SERIES = (
    ("audit_logs", "created_at", "month"),
    ("agent_metrics", "timestamp", "day"),
    ("system_metrics", "timestamp", "day"),
    ("error_logs", "timestamp", "week"),
    ("api_requests", "timestamp", "day"),
)
TENANT_TABLES = ("agent_metrics", "system_metrics", "metric_partials", "metric_rollups", "error_logs", "api_requests")
SOURCE = "source IN ('agent', 'system', 'knowledge', 'pattern_run', 'pattern_use')"
MEASURED = ("agent_metrics", "system_metrics")
ALL = "SELECT, INSERT, UPDATE, DELETE"
TYPES = ("audit_status", "error_level")


def upgrade() -> None:
    create_tables()
    for table, column, every in SERIES:
        ddl.partition_by_range(table, column=column, every=every)
    for table in TENANT_TABLES:
        ddl.protect(table, grants="SELECT, INSERT, DELETE" if table in MEASURED else ALL)
    # Written by functions of the owner's only: whoever takes over the application can neither forge nor remove a row.
    for table in ("audit_logs", "audit_blocks"):
        ddl.protect(table, grants="SELECT")
        ddl.owner_sees(table)
    # The dashboard adds up every organisation's; and with an organisation goes what it measured.
    for table in ("metric_partials", "metric_rollups", *MEASURED):
        ddl.owner_sees(table)
    op.execute(f"GRANT SELECT ON partition_policies TO {ddl.APP_ROLE}")


def create_tables() -> None:
    op.create_table(
        "audit_blocks",
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant"),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False, comment="From 1, no gaps"),
        sa.Column(
            "era",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Grows when the server counts its transactions anew, as after a logical restore",
        ),
        sa.Column(
            "upper_transaction",
            sa.BigInteger(),
            nullable=False,
            comment="Every row of a transaction below this is in this block or in one before it",
        ),
        sa.Column(
            "previous_hash", sa.LargeBinary(), nullable=False, comment="hash of the block before; 32 zeros in the first"
        ),
        sa.Column("hash", sa.LargeBinary(), nullable=False, comment="SHA-256 over the previous hash and all below"),
        sa.Column("row_ids", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "row_hashes",
            sa.ARRAY(sa.LargeBinary()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="SHA-256 of each row",
        ),
        sa.Column(
            "row_times",
            sa.ARRAY(sa.DateTime(timezone=True)),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="created_at of each row",
        ),
        sa.Column("row_count", sa.Integer(), sa.Computed("cardinality(row_ids)", persisted=True), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint(
            "cardinality(row_ids) = cardinality(row_hashes) AND cardinality(row_ids) = cardinality(row_times)",
            name=op.f("ck_audit_blocks_row_hashes"),
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_audit_blocks_number")),
        sa.PrimaryKeyConstraint("organization_id", "number", name=op.f("pk_audit_blocks")),
        comment="The hash chain over audit_logs; keeps a row's hash when retention dropped the row (REQ-T135)",
    )
    op.create_table(
        "audit_logs",
        sa.Column(
            "transaction_id",
            sa.BigInteger(),
            server_default=sa.text("((pg_current_xact_id())::text)::bigint"),
            nullable=False,
            comment="The transaction that wrote it: a block holds finished transactions only, so it misses none",
        ),
        sa.Column("user_id", sa.Uuid(), nullable=True, comment="The person who did it"),
        sa.Column("agent_id", sa.Uuid(), nullable=True, comment="The agent who did it"),
        sa.Column("session_id", sa.Uuid(), nullable=True, comment="The sign-in session it was done in"),
        sa.Column("action", sa.String(length=100), nullable=False, comment="resource:verb, such as agents:update"),
        sa.Column(
            "resource_type", sa.String(length=100), nullable=True, comment="The table, or what the service named"
        ),
        sa.Column("resource_id", sa.String(length=255), nullable=True, comment="Null where one row tells of many"),
        sa.Column("ip_address", postgresql.INET(), nullable=True, comment="Where the request came from"),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column(
            "old_value",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="Before: what an update changed, or all of a deleted row",
        ),
        sa.Column(
            "new_value",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="After: what an update changed, or all of a new row; no secrets",
        ),
        sa.Column(
            "status",
            sa.Enum("success", "failure", "denied", name="audit_status"),
            server_default="success",
            nullable=False,
        ),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column(
            "metadata",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="The reason given, and what the service added",
        ),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When it happened (timestamp of 000)",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", "created_at", name=op.f("pk_audit_logs")),
        comment="Who changed what, from where; append-only, without foreign keys (000, 004: REQ-T106, T135)",
        postgresql_partition_by="RANGE (created_at)",
    )
    op.create_index(
        "ix_audit_logs_action",
        "audit_logs",
        ["organization_id", "action", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_index(
        "ix_audit_logs_created", "audit_logs", ["organization_id", sa.literal_column("created_at DESC")], unique=False
    )
    op.create_index(
        "ix_audit_logs_resource",
        "audit_logs",
        ["organization_id", "resource_type", "resource_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_index("ix_audit_logs_transaction", "audit_logs", ["organization_id", "transaction_id"], unique=False)
    op.create_index(
        "ix_audit_logs_user",
        "audit_logs",
        ["organization_id", "user_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "partition_policies",
        sa.Column("table_name", sa.String(length=63), nullable=False),
        sa.Column("column_name", sa.String(length=63), nullable=False, comment="The column it is partitioned by"),
        sa.Column("every", sa.String(length=10), nullable=False, comment="day, week (from Monday) or month, in UTC"),
        sa.Column(
            "retention_days", sa.Integer(), nullable=True, comment="Null: kept for ever; the owner may change it"
        ),
        sa.Column(
            "kept_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Rows before this were dropped by retention",
        ),
        sa.Column(
            "maintained_at", sa.DateTime(timezone=True), nullable=True, comment="When maintenance last went through"
        ),
        sa.CheckConstraint("every IN ('day', 'week', 'month')", name=op.f("ck_partition_policies_every")),
        sa.CheckConstraint("retention_days > 0", name=op.f("ck_partition_policies_retention_days")),
        sa.PrimaryKeyConstraint("table_name", name=op.f("pk_partition_policies")),
        comment="Global: what maintenance does with each time series; the application may only read it",
    )
    op.create_table(
        "metric_partials",
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant"),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Tells two rows apart"),
        sa.Column(
            "source",
            sa.String(length=20),
            nullable=False,
            comment="What was measured: agent, system, knowledge, ...",
        ),
        sa.Column(
            "subject", sa.String(length=100), nullable=False, comment="The id of what was measured, or the component"
        ),
        sa.Column("metric_type", sa.String(length=50), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False, comment="The hour of the measurements, UTC"),
        sa.Column("sample_count", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("total_of_squares", sa.Float(), nullable=False),
        sa.Column("minimum", sa.Float(), nullable=False),
        sa.Column("maximum", sa.Float(), nullable=False),
        sa.CheckConstraint("sample_count > 0", name=op.f("ck_metric_partials_sample_count")),
        sa.CheckConstraint(SOURCE, name=op.f("ck_metric_partials_source")),
        sa.PrimaryKeyConstraint("organization_id", "number", name=op.f("pk_metric_partials")),
        comment="Written by trigger with the metrics, taken away by the rollup: each is added exactly once",
    )
    op.create_table(
        "metric_rollups",
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant"),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column(
            "subject", sa.String(length=100), nullable=False, comment="The id of what was measured, or the component"
        ),
        sa.Column("metric_type", sa.String(length=50), nullable=False),
        sa.Column(
            "bucket_size",
            sa.String(length=10),
            nullable=False,
            comment="Before the type in the key: days are found past the hours",
        ),
        sa.Column(
            "bucket_start", sa.DateTime(timezone=True), nullable=False, comment="Where the hour or day begins, UTC"
        ),
        sa.Column("sample_count", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False, comment="Mean: total / sample_count"),
        sa.Column("total_of_squares", sa.Float(), nullable=False, comment="For the standard deviation"),
        sa.Column("minimum", sa.Float(), nullable=False),
        sa.Column("maximum", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("minimum <= maximum", name=op.f("ck_metric_rollups_minimum")),
        sa.CheckConstraint("sample_count > 0", name=op.f("ck_metric_rollups_sample_count")),
        sa.CheckConstraint("bucket_size IN ('hour', 'day')", name=op.f("ck_metric_rollups_bucket_size")),
        sa.CheckConstraint(SOURCE, name=op.f("ck_metric_rollups_source")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_metric_rollups_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "source",
            "subject",
            "bucket_size",
            "metric_type",
            "bucket_start",
            name=op.f("pk_metric_rollups"),
        ),
        comment="Hourly and daily sums of everything that is measured, kept for ever (004: REQ-T134)",
    )
    op.create_index(
        "ix_metric_rollups_time",
        "metric_rollups",
        ["organization_id", "bucket_size", sa.literal_column("bucket_start DESC")],
        unique=False,
    )
    op.create_index(
        "ix_metric_rollups_recent",
        "metric_rollups",
        ["bucket_start"],
        unique=False,
        postgresql_where=sa.text("bucket_size = 'hour' AND sample_count > 0"),
    )
    op.create_table(
        "system_metrics",
        sa.Column(
            "component", sa.String(length=100), nullable=False, comment="What was measured: api, worker, database"
        ),
        sa.Column("host", sa.String(length=255), nullable=True, comment="Where it runs"),
        sa.Column("metric_type", sa.String(length=50), nullable=False, comment="Such as cpu_percent"),
        sa.Column("value", sa.Float(), nullable=False, comment="-1e100 to 1e100, in the unit that metric_type names"),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column(
            "timestamp",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was measured",
        ),
        sa.CheckConstraint("length(component) > 0", name=op.f("ck_system_metrics_component")),
        sa.CheckConstraint("length(metric_type) > 0", name=op.f("ck_system_metrics_metric_type")),
        sa.CheckConstraint("value BETWEEN -1e100 AND 1e100", name=op.f("ck_system_metrics_value")),
        sa.PrimaryKeyConstraint("organization_id", "id", "timestamp", name=op.f("pk_system_metrics")),
        comment="Measurements of the organisation's own processes and servers, 90 days raw (004: REQ-T134)",
        postgresql_partition_by='RANGE ("timestamp")',
    )
    op.create_index(
        "ix_system_metrics_component",
        "system_metrics",
        ["organization_id", "component", sa.literal_column('"timestamp" DESC')],
        unique=False,
    )
    op.create_index(
        "ix_system_metrics_type",
        "system_metrics",
        ["organization_id", "metric_type", sa.literal_column('"timestamp" DESC')],
        unique=False,
    )
    op.create_table(
        "agent_metrics",
        sa.Column("agent_id", sa.Uuid(), nullable=False, comment="Checked by trigger, once for a statement"),
        sa.Column("metric_type", sa.String(length=50), nullable=False, comment="What was measured, such as latency_ms"),
        sa.Column("value", sa.Float(), nullable=False, comment="-1e100 to 1e100, in the unit that metric_type names"),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column(
            "timestamp",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was measured",
        ),
        sa.CheckConstraint("length(metric_type) > 0", name=op.f("ck_agent_metrics_metric_type")),
        sa.CheckConstraint("value BETWEEN -1e100 AND 1e100", name=op.f("ck_agent_metrics_value")),
        sa.PrimaryKeyConstraint("organization_id", "id", "timestamp", name=op.f("pk_agent_metrics")),
        comment="Measurements of agents, a partition a day, 90 days raw (seed 004: REQ-T131)",
        postgresql_partition_by='RANGE ("timestamp")',
    )
    op.create_index(
        "ix_agent_metrics_agent",
        "agent_metrics",
        ["organization_id", "agent_id", sa.literal_column('"timestamp" DESC')],
        unique=False,
    )
    op.create_index(
        "ix_agent_metrics_type",
        "agent_metrics",
        ["organization_id", "metric_type", sa.literal_column('"timestamp" DESC')],
        unique=False,
    )
    op.create_table(
        "api_requests",
        sa.Column("method", sa.String(length=20), server_default="GET", nullable=False),
        sa.Column(
            "route",
            sa.String(length=500),
            nullable=False,
            comment="The route's template, not the path: no ids, no secrets",
        ),
        sa.Column("status_code", sa.Integer(), server_default=sa.text("200"), nullable=False),
        sa.Column("duration_ms", sa.Float(), nullable=False, comment="Milliseconds until the last byte"),
        sa.Column("request_bytes", sa.BigInteger(), nullable=True),
        sa.Column("response_bytes", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "api_key_id", sa.Uuid(), nullable=True, comment="No foreign key: a key is deleted, its requests are not"
        ),
        sa.Column("ip_address", postgresql.INET(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("request_id", sa.String(length=100), nullable=True),
        sa.Column("error_code", sa.String(length=100), nullable=True, comment="The stable code, if it failed"),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column(
            "timestamp",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it began",
        ),
        sa.CheckConstraint(
            "duration_ms >= 0 AND duration_ms < 'Infinity'::float8", name=op.f("ck_api_requests_duration_ms")
        ),
        sa.CheckConstraint("method ~ '^[A-Z]{1,20}$'", name=op.f("ck_api_requests_method")),
        sa.CheckConstraint("request_bytes >= 0", name=op.f("ck_api_requests_request_bytes")),
        sa.CheckConstraint("response_bytes >= 0", name=op.f("ck_api_requests_response_bytes")),
        sa.CheckConstraint("status_code BETWEEN 100 AND 599", name=op.f("ck_api_requests_status_code")),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_api_requests_organization_id_agent_id"),
            ondelete="SET NULL (agent_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_api_requests_organization_id_user_id"),
            ondelete="SET NULL (user_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_api_requests_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", "timestamp", name=op.f("pk_api_requests")),
        comment="Requests to the API, a partition a day (seed 004: REQ-T137)",
        postgresql_partition_by='RANGE ("timestamp")',
    )
    op.create_index(
        "ix_api_requests_agent",
        "api_requests",
        ["organization_id", "agent_id"],
        unique=False,
        postgresql_where=sa.text("agent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_api_requests_route",
        "api_requests",
        ["organization_id", "route", sa.literal_column('"timestamp" DESC')],
        unique=False,
    )
    op.create_index(
        "ix_api_requests_time", "api_requests", ["organization_id", sa.literal_column('"timestamp" DESC')], unique=False
    )
    op.create_index(
        "ix_api_requests_user",
        "api_requests",
        ["organization_id", "user_id"],
        unique=False,
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "error_logs",
        sa.Column(
            "level", sa.Enum("warning", "error", "critical", name="error_level"), server_default="error", nullable=False
        ),
        sa.Column(
            "kind", sa.String(length=50), nullable=False, comment="invalid, conflict, unavailable, internal, ..."
        ),
        sa.Column("code", sa.String(length=100), nullable=False, comment="The stable, dotted code"),
        sa.Column("message", sa.Text(), nullable=False, comment="At most 10,000 characters"),
        sa.Column("stack_trace", sa.Text(), nullable=True, comment="At most 100,000 characters"),
        sa.Column("component", sa.String(length=100), nullable=True, comment="Where it happened: api, worker, a verb"),
        sa.Column(
            "fingerprint",
            sa.String(length=64),
            server_default="",
            nullable=False,
            comment="Equal for errors of one cause",
        ),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.String(length=100), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column(
            "timestamp",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it happened",
        ),
        sa.CheckConstraint("char_length(message) <= 10000", name=op.f("ck_error_logs_message")),
        sa.CheckConstraint("char_length(stack_trace) <= 100000", name=op.f("ck_error_logs_stack_trace")),
        sa.CheckConstraint("length(code) > 0", name=op.f("ck_error_logs_code")),
        sa.CheckConstraint("length(kind) > 0", name=op.f("ck_error_logs_kind")),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_error_logs_organization_id_agent_id"),
            ondelete="SET NULL (agent_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_error_logs_organization_id_user_id"),
            ondelete="SET NULL (user_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_error_logs_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", "timestamp", name=op.f("pk_error_logs")),
        comment="Errors of the application, a partition a week (seed 004: REQ-T136)",
        postgresql_partition_by='RANGE ("timestamp")',
    )
    op.create_index(
        "ix_error_logs_agent",
        "error_logs",
        ["organization_id", "agent_id"],
        unique=False,
        postgresql_where=sa.text("agent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_error_logs_fingerprint",
        "error_logs",
        ["organization_id", "fingerprint", sa.literal_column('"timestamp" DESC')],
        unique=False,
    )
    op.create_index(
        "ix_error_logs_kind",
        "error_logs",
        ["organization_id", "kind", "code", sa.literal_column('"timestamp" DESC')],
        unique=False,
    )
    op.create_index(
        "ix_error_logs_time", "error_logs", ["organization_id", sa.literal_column('"timestamp" DESC')], unique=False
    )
    op.create_index(
        "ix_error_logs_user",
        "error_logs",
        ["organization_id", "user_id"],
        unique=False,
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute("DROP VIEW IF EXISTS metric_dashboard CASCADE")
    op.execute("DROP MATERIALIZED VIEW IF EXISTS metric_summary CASCADE")
    op.execute("DROP FUNCTION IF EXISTS audit_digest CASCADE")  # it takes a row of the table
    op.drop_index("ix_error_logs_user", table_name="error_logs", postgresql_where=sa.text("user_id IS NOT NULL"))
    op.drop_index("ix_error_logs_time", table_name="error_logs")
    op.drop_index("ix_error_logs_kind", table_name="error_logs")
    op.drop_index("ix_error_logs_fingerprint", table_name="error_logs")
    op.drop_index("ix_error_logs_agent", table_name="error_logs", postgresql_where=sa.text("agent_id IS NOT NULL"))
    op.drop_table("error_logs")
    op.drop_index("ix_api_requests_user", table_name="api_requests", postgresql_where=sa.text("user_id IS NOT NULL"))
    op.drop_index("ix_api_requests_time", table_name="api_requests")
    op.drop_index("ix_api_requests_route", table_name="api_requests")
    op.drop_index("ix_api_requests_agent", table_name="api_requests", postgresql_where=sa.text("agent_id IS NOT NULL"))
    op.drop_table("api_requests")
    op.drop_index("ix_agent_metrics_type", table_name="agent_metrics")
    op.drop_index("ix_agent_metrics_agent", table_name="agent_metrics")
    op.drop_table("agent_metrics")
    op.drop_index("ix_system_metrics_type", table_name="system_metrics")
    op.drop_index("ix_system_metrics_component", table_name="system_metrics")
    op.drop_table("system_metrics")
    op.drop_index(
        "ix_metric_rollups_recent",
        table_name="metric_rollups",
        postgresql_where=sa.text("bucket_size = 'hour' AND sample_count > 0"),
    )
    op.drop_index("ix_metric_rollups_time", table_name="metric_rollups")
    op.drop_table("metric_rollups")
    op.drop_table("metric_partials")
    op.drop_table("partition_policies")
    op.drop_index("ix_audit_logs_user", table_name="audit_logs")
    op.drop_index("ix_audit_logs_transaction", table_name="audit_logs")
    op.drop_index("ix_audit_logs_resource", table_name="audit_logs")
    op.drop_index("ix_audit_logs_created", table_name="audit_logs")
    op.drop_index("ix_audit_logs_action", table_name="audit_logs")
    op.drop_table("audit_logs")
    op.drop_table("audit_blocks")
    ddl.drop_types(*TYPES)
