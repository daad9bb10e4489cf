"""The queue: background jobs and the schedules that fill it.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from mnemon.migrations import ddl

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_tables()
    ddl.protect("background_jobs", grants="SELECT, INSERT, UPDATE")
    ddl.protect("job_schedules")
    # Workers serve every organisation, through functions of the owner's: claims, leases, schedules, retention.
    for table in ("background_jobs", "job_schedules"):
        ddl.owner_sees(table)
    # Rows come and go: dead ones must not lie about where claims look, nor freeze the planner's picture of the table.
    op.execute(
        "ALTER TABLE background_jobs SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, "
        "autovacuum_vacuum_threshold = 500, autovacuum_analyze_scale_factor = 0.05)"
    )


def create_tables() -> None:
    op.create_table(
        "background_jobs",
        sa.Column(
            "owner_id",
            sa.Uuid(),
            sa.Computed("nullif(organization_id, '00000000-0000-0000-0000-000000000000'::uuid)", persisted=True),
            nullable=True,
            comment="organization_id, or null for jobs of the installation itself",
        ),
        sa.Column("kind", sa.String(length=100), nullable=False, comment="What is to be done: memory.maintain"),
        sa.Column(
            "queue",
            sa.String(length=50),
            server_default="default",
            nullable=False,
            comment="A worker may serve some queues only",
        ),
        sa.Column(
            "payload",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="What the handler is given",
        ),
        sa.Column(
            "priority",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="-100 to 100, the highest first, within the organisation",
        ),
        sa.Column(
            "status",
            sa.Enum("queued", "running", "succeeded", "cancelled", "dead", name="job_status"),
            server_default="queued",
            nullable=False,
        ),
        sa.Column(
            "run_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Not before this moment",
        ),
        sa.Column(
            "idempotency_key",
            sa.String(length=255),
            nullable=True,
            comment="Of one kind, one job with this key is queued or running at a time",
        ),
        sa.Column(
            "attempt",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Attempts begun; one that a stopping worker gave back is not counted",
        ),
        sa.Column(
            "max_attempts",
            sa.Integer(),
            server_default=sa.text("10"),
            nullable=False,
            comment="When the last of them fails, the job is dead",
        ),
        sa.Column(
            "lease_id",
            sa.Uuid(),
            nullable=True,
            comment="Made anew by each claim: the fencing token, without which no attempt can end the job",
        ),
        sa.Column(
            "lease_expires_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Unless the worker is heard of before, the job goes back to the queue",
        ),
        sa.Column("worker", sa.String(length=200), nullable=True, comment="Who runs it, or ran it last"),
        sa.Column(
            "cancel_requested_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Somebody wants it cancelled; its worker is told",
        ),
        sa.Column(
            "progress",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Percent, as the handler says",
        ),
        sa.Column("progress_message", sa.String(length=500), nullable=True),
        sa.Column("result", postgresql.JSONB(), nullable=True, comment="What the handler returned"),
        sa.Column("error_code", sa.String(length=100), nullable=True, comment="The stable code of the last failure"),
        sa.Column("last_error", sa.Text(), nullable=True, comment="What went wrong in the last attempt that failed"),
        sa.Column(
            "states",
            postgresql.JSONB(),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
            comment="When it came into which state, by which worker and error; kept by trigger, the last 50",
        ),
        sa.Column("schedule", sa.String(length=100), nullable=True, comment="The schedule that enqueued it"),
        sa.Column("user_id", sa.Uuid(), nullable=True, comment="The person on whose behalf it runs"),
        sa.Column("agent_id", sa.Uuid(), nullable=True, comment="The agent on whose behalf it runs"),
        sa.Column(
            "permissions",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="What it may do: what whoever enqueued it might",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When it was enqueued; later than what its transaction did before",
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True, comment="When the last attempt began"),
        sa.Column(
            "finished_at", sa.DateTime(timezone=True), nullable=True, comment="When it succeeded, was cancelled or died"
        ),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.CheckConstraint(
            "(status = 'running') = (lease_id IS NOT NULL) AND (lease_id IS NULL) = (lease_expires_at IS NULL)",
            name=op.f("ck_background_jobs_lease_id"),
        ),
        sa.CheckConstraint(
            "(status IN ('succeeded', 'cancelled', 'dead')) = (finished_at IS NOT NULL)",
            name=op.f("ck_background_jobs_finished_at"),
        ),
        sa.CheckConstraint("idempotency_key <> ''", name=op.f("ck_background_jobs_idempotency_key")),
        sa.CheckConstraint(
            "jsonb_typeof(payload) = 'object' AND octet_length(payload::text) <= 1048576 "
            "AND NOT jsonb_path_exists(payload, '$.**{32}')",
            name=op.f("ck_background_jobs_payload"),
        ),
        sa.CheckConstraint("kind ~ '^[a-z][a-z0-9_]*(\\.[a-z0-9_]+)*$'", name=op.f("ck_background_jobs_kind_format")),
        sa.CheckConstraint("queue ~ '^[a-z][a-z0-9_-]*$'", name=op.f("ck_background_jobs_queue_format")),
        sa.CheckConstraint("attempt BETWEEN 0 AND max_attempts", name=op.f("ck_background_jobs_attempt")),
        sa.CheckConstraint("char_length(last_error) <= 10000", name=op.f("ck_background_jobs_last_error")),
        sa.CheckConstraint("max_attempts BETWEEN 1 AND 100", name=op.f("ck_background_jobs_max_attempts")),
        sa.CheckConstraint("octet_length(result::text) <= 1048576", name=op.f("ck_background_jobs_result")),
        sa.CheckConstraint("priority BETWEEN -100 AND 100", name=op.f("ck_background_jobs_priority")),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_background_jobs_progress")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["organizations.id"], name=op.f("fk_background_jobs_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_background_jobs")),
        comment="The queue of background work, with its dead letters and results (seed 004: REQ-T139)",
    )
    op.create_index(
        "ix_background_jobs_created",
        "background_jobs",
        ["organization_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_index(
        "ix_background_jobs_dead",
        "background_jobs",
        ["organization_id", sa.literal_column("created_at DESC")],
        unique=False,
        postgresql_where=sa.text("status = 'dead'"),
    )
    op.create_index(
        "ix_background_jobs_due",
        "background_jobs",
        ["organization_id", "queue", sa.literal_column("(- priority)"), "kind", "run_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "ix_background_jobs_expiry",
        "background_jobs",
        ["lease_expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index(
        "ix_background_jobs_finished",
        "background_jobs",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "ix_background_jobs_lease",
        "background_jobs",
        ["lease_id"],
        unique=False,
        postgresql_where=sa.text("lease_id IS NOT NULL"),
    )
    op.create_index(
        "uq_background_jobs_idempotency_key",
        "background_jobs",
        ["organization_id", "kind", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_table(
        "job_schedules",
        sa.Column(
            "owner_id",
            sa.Uuid(),
            sa.Computed("nullif(organization_id, '00000000-0000-0000-0000-000000000000'::uuid)", persisted=True),
            nullable=True,
            comment="organization_id, or null for jobs of the installation itself",
        ),
        sa.Column("name", sa.String(length=100), nullable=False, comment="One of its name in the organisation"),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("queue", sa.String(length=50), server_default="default", nullable=False),
        sa.Column(
            "payload",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="Of each job that it enqueues",
        ),
        sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("10"), nullable=False),
        sa.Column("every_seconds", sa.Integer(), nullable=True, comment="Or daily_at: one of the two"),
        sa.Column("daily_at", sa.Time(), nullable=True, comment="A time of day, UTC"),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "next_run_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it fires next; occurrences that were missed fire once together",
        ),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True, comment="The person on whose behalf its jobs run"),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "permissions",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="What its jobs may do",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.CheckConstraint(
            "jsonb_typeof(payload) = 'object' AND octet_length(payload::text) <= 1048576 "
            "AND NOT jsonb_path_exists(payload, '$.**{32}')",
            name=op.f("ck_job_schedules_payload"),
        ),
        sa.CheckConstraint("kind ~ '^[a-z][a-z0-9_]*(\\.[a-z0-9_]+)*$'", name=op.f("ck_job_schedules_kind_format")),
        sa.CheckConstraint("name <> ''", name=op.f("ck_job_schedules_name_not_blank")),
        sa.CheckConstraint("queue ~ '^[a-z][a-z0-9_-]*$'", name=op.f("ck_job_schedules_queue_format")),
        sa.CheckConstraint("(every_seconds IS NULL) <> (daily_at IS NULL)", name=op.f("ck_job_schedules_daily_at")),
        sa.CheckConstraint("every_seconds BETWEEN 1 AND 31622400", name=op.f("ck_job_schedules_every_seconds")),
        sa.CheckConstraint("max_attempts BETWEEN 1 AND 100", name=op.f("ck_job_schedules_max_attempts")),
        sa.CheckConstraint("priority BETWEEN -100 AND 100", name=op.f("ck_job_schedules_priority")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["organizations.id"], name=op.f("fk_job_schedules_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_job_schedules")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_job_schedules_organization_id_name")),
        comment="Jobs that are enqueued on schedule, once whatever the number of workers (seed 004: REQ-T139)",
    )
    op.create_index(
        "ix_job_schedules_next", "job_schedules", ["next_run_at"], unique=False, postgresql_where=sa.text("enabled")
    )


def downgrade() -> None:
    op.drop_table("job_schedules")
    op.drop_table("background_jobs")
    ddl.drop_types("job_status")
