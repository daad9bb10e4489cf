"""The foundation: organisations, people, teams, agents, conversations, messages, memories.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects import postgresql

from mnemon.migrations import ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "teams",
    "team_memberships",
    "participant_names",
    "agents",
    "conversations",
    "conversation_participants",
    "conversation_sessions",
    "messages",
    "import_checkpoints",
    "memories",
    "recall_terms",
    "recall_statistics",
)
MODEL_CONFIG = '{"model_name": "anthropic/claude-sonnet-4.5", "temperature": 0.7, "max_output_tokens": 4096}'
MEMORY_CONFIG = (
    '{"token_budget": 2000, "auto_extract": true, "auto_pin_preferences": true, "summarize_interval": 20, '
    '"retrieval_weights": {"semantic": 0.35, "recency": 0.20, "importance": 0.20, "continuity": 0.15, '
    '"relationship": 0.10}}'
)
RECALLABLE = ("messages", "memories")
TYPES = (
    "user_role",
    "agent_status",
    "conversation_status",
    "message_role",
    "memory_type_enum",
    "memory_status",
    "memory_tier",
    "memory_source",
)


def upgrade() -> None:
    op.execute("CREATE SEQUENCE session_numbers AS bigint")
    op.execute(f"GRANT USAGE ON SEQUENCE session_numbers TO {ddl.APP_ROLE}")
    op.create_table(
        "schema_objects",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        comment="Replaceable functions, triggers and views, and the text of each that was applied last",
    )
    create_tables()
    for table in RECALLABLE:
        ddl.partition_by_hash(table)
        ddl.recall_indexes(table)
    op.execute(f"GRANT SELECT ON schema_objects TO {ddl.APP_ROLE}")
    op.execute(f"GRANT SELECT ON alembic_version TO {ddl.APP_ROLE}")
    ddl.protect("organizations", key="id", grants="SELECT, UPDATE")
    ddl.owner_sees("organizations")
    ddl.protect("users")
    ddl.owner_sees("users")
    for table in TENANT_TABLES:
        ddl.protect(table)
    ddl.protect("memory_log", grants="SELECT, INSERT")


def create_tables() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False, comment="The name people see"),
        sa.Column("slug", sa.String(length=100), nullable=True, comment="The name in settings and addresses"),
        sa.Column(
            "plan_type", sa.String(length=50), server_default="free", nullable=False, comment="The plan it is on"
        ),
        sa.Column(
            "settings",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="Preferences of the organisation",
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
        sa.CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]*[a-z0-9]$'", name=op.f("ck_organizations_slug_format")),
        sa.CheckConstraint("length(btrim(name)) > 0", name=op.f("ck_organizations_name_not_blank")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
        sa.UniqueConstraint("slug", name=op.f("uq_organizations_slug")),
        comment="The root of tenancy: every other row belongs to one organisation (seeds 000, 003)",
    )
    op.create_table(
        "import_checkpoints",
        sa.Column(
            "source", sa.String(length=255), nullable=False, comment="Format and fingerprint of what is imported"
        ),
        sa.Column(
            "position",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="The reader's own place: byte offset, entry",
        ),
        sa.Column("imported", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("skipped", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="Already there"),
        sa.Column(
            "broken", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="Reported and left out"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.CheckConstraint(
            "imported >= 0 AND skipped >= 0 AND broken >= 0", name=op.f("ck_import_checkpoints_counters")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_import_checkpoints_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_import_checkpoints")),
        sa.UniqueConstraint("organization_id", "source", name=op.f("uq_import_checkpoints_organization_id_source")),
        comment="Where an interrupted import goes on",
    )
    op.create_table(
        "memory_log",
        sa.Column("memory_id", sa.Uuid(), nullable=False, comment="No foreign key: the log survives the memory"),
        sa.Column(
            "action", sa.String(length=50), nullable=False, comment="created, updated, superseded, forgotten, restored"
        ),
        sa.Column("old_content", sa.Text(), nullable=True),
        sa.Column("new_content", sa.Text(), nullable=True),
        sa.Column("old_importance", sa.Integer(), nullable=True),
        sa.Column("new_importance", sa.Integer(), nullable=True),
        sa.Column("old_tier", sa.String(length=20), nullable=True),
        sa.Column("new_tier", sa.String(length=20), nullable=True),
        sa.Column("old_status", sa.String(length=20), nullable=True),
        sa.Column("new_status", sa.String(length=20), nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=False, comment="user:<id>, agent:<id> or system"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("related_memory_ids", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_memory_log_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_memory_log")),
        comment="Append-only log of memories, written by trigger; memory_id has no foreign key (seed 002 EC-6)",
    )
    op.create_index("ix_memory_log_created", "memory_log", ["organization_id", "created_at"], unique=False)
    op.create_index("ix_memory_log_memory", "memory_log", ["organization_id", "memory_id", "created_at"], unique=False)
    op.create_table(
        "recall_statistics",
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant"),
        sa.Column(
            "indexed", sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment="Rows in the indexes"
        ),
        sa.Column("sessions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "session_terms", sa.Float(), server_default=sa.text("0"), nullable=False, comment="Mean words of a session"
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_recall_statistics_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_recall_statistics")),
        comment="Sizes of a tenant's recallable tables, kept by maintenance",
    )
    op.create_table(
        "recall_terms",
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant"),
        sa.Column("lexeme", sa.Text(), nullable=False),
        sa.Column("documents", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_recall_terms_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "lexeme", name=op.f("pk_recall_terms")),
        comment="Document frequencies of indexed rows: recall reads rare words first",
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column(
            "organization_id",
            sa.Uuid(),
            nullable=True,
            comment="The organisation; null for an operator of the installation",
        ),
        sa.Column(
            "external_id",
            sa.String(length=255),
            nullable=True,
            comment="The caller's own string for the person; unique in the organisation",
        ),
        sa.Column(
            "email",
            sa.String(length=255),
            nullable=True,
            comment="Unique regardless of case; null for people known by the caller's string only",
        ),
        sa.Column(
            "email_verified",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="is_verified of 000",
        ),
        sa.Column("display_name", sa.String(length=255), nullable=True, comment="The name shown, and known to recall"),
        sa.Column("full_name", sa.String(length=255), nullable=True),
        sa.Column("first_name", sa.String(length=100), nullable=True),
        sa.Column("last_name", sa.String(length=100), nullable=True),
        sa.Column("avatar_url", sa.String(length=500), nullable=True),
        sa.Column("timezone", sa.String(length=50), server_default="UTC", nullable=False, comment="IANA name"),
        sa.Column(
            "status",
            sa.String(length=20),
            server_default="active",
            nullable=False,
            comment="active, suspended or deleted",
        ),
        sa.Column(
            "tier", sa.String(length=20), server_default="free", nullable=False, comment="free, pro or enterprise"
        ),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "metadata",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="What the caller attached",
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
        sa.CheckConstraint("email ~* '^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$'", name=op.f("ck_users_email_format")),
        sa.CheckConstraint("status IN ('active', 'suspended', 'deleted')", name=op.f("ck_users_status")),
        sa.CheckConstraint("tier IN ('free', 'pro', 'enterprise')", name=op.f("ck_users_tier")),
        sa.CheckConstraint("email IS NOT NULL OR external_id IS NOT NULL", name=op.f("ck_users_identified")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_users_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_users_organization_id_external_id")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_users_organization_id_id")),
        comment="People. Global: an e-mail address is unique in the whole installation (seeds 000, 002, 003, 004)",
    )
    op.create_index("ix_users_status", "users", ["status"], unique=False)
    op.create_index("ix_users_tier", "users", ["tier"], unique=False)
    op.create_index("uq_users_email", "users", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "participant_names",
        sa.Column("name", sa.String(length=100), nullable=False, comment="One word of the name, lower-case"),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True, comment="No foreign key: agents rank above this domain"),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.CheckConstraint("(user_id IS NULL) <> (agent_id IS NULL)", name=op.f("ck_participant_names_one_owner")),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_participant_names_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_participant_names_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_participant_names")),
        sa.UniqueConstraint(
            "organization_id",
            "name",
            "user_id",
            "agent_id",
            name=op.f("uq_participant_names_organization_id_name_user_id_agent_id"),
            postgresql_nulls_not_distinct=True,
        ),
        comment="Words of participants' names, lower-case: recall takes them out of a question",
    )
    op.create_table(
        "teams",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False, comment="Unique in the organisation"),
        sa.Column("owner_id", sa.Uuid(), nullable=True, comment="The person responsible"),
        sa.Column(
            "settings",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="Preferences of the team",
        ),
        sa.Column(
            "shared_skill_names",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Skills every agent of the team has",
        ),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        sa.Column("webhook_secret", sa.Text(), nullable=True, comment="Encrypted by the application"),
        sa.Column(
            "conversation_retention_days",
            sa.Integer(),
            server_default=sa.text("90"),
            nullable=False,
            comment="Days a closed conversation is kept",
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
        sa.CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]*[a-z0-9]$'", name=op.f("ck_teams_slug_format")),
        sa.CheckConstraint("conversation_retention_days > 0", name=op.f("ck_teams_conversation_retention_days")),
        sa.CheckConstraint("length(btrim(name)) > 0", name=op.f("ck_teams_name_not_blank")),
        sa.ForeignKeyConstraint(
            ["organization_id", "owner_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_teams_organization_id_owner_id"),
            ondelete="SET NULL (owner_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_teams_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_teams")),
        sa.UniqueConstraint("organization_id", "slug", name=op.f("uq_teams_organization_id_slug")),
        comment="Groups of people and agents (seeds 002, 003)",
    )
    op.create_index("ix_teams_organization_id_owner_id", "teams", ["organization_id", "owner_id"], unique=False)
    op.create_table(
        "agents",
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True, comment="The person the agent belongs to, if one (seed 003)"),
        sa.Column("external_id", sa.String(length=255), nullable=True, comment="The caller's own string for the agent"),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column(
            "slug",
            sa.String(length=100),
            nullable=False,
            comment="Unique in the team, or in the organisation without one",
        ),
        sa.Column(
            "type",
            sa.String(length=50),
            server_default="assistant",
            nullable=False,
            comment="The caller's kind of agent",
        ),
        sa.Column("tagline", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("avatar_emoji", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "personality",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="AgentPersonality: tone, verbosity, traits, voice examples, rules",
        ),
        sa.Column("shared_skill_names", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("custom_skill_names", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("disabled_skill_names", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "model_config",
            postgresql.JSONB(),
            server_default=sa.text(f"'{MODEL_CONFIG}'::jsonb"),
            nullable=False,
            comment="AgentModelConfig",
        ),
        sa.Column(
            "memory_config",
            postgresql.JSONB(),
            server_default=sa.text(f"'{MEMORY_CONFIG}'::jsonb"),
            nullable=False,
            comment="AgentMemoryConfig with the five retrieval weights",
        ),
        sa.Column(
            "boundaries",
            postgresql.JSONB(),
            server_default=sa.text('\'{"max_autonomy": "execute", "max_tool_calls_per_turn": 10}\'::jsonb'),
            nullable=False,
            comment="AgentBoundaries",
        ),
        sa.Column(
            "status",
            sa.Enum("draft", "active", "learning", "paused", "stopped", "archived", name="agent_status"),
            server_default="draft",
            nullable=False,
        ),
        sa.Column("cognitive_pattern", sa.String(length=20), server_default="adaptive", nullable=False),
        sa.Column("learning_rate", sa.Numeric(precision=3, scale=2), nullable=True, comment="0 to 1"),
        sa.Column("performance_score", sa.Numeric(precision=3, scale=2), nullable=True, comment="0 to 1"),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
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
            "cognitive_pattern IN ('convergent', 'divergent', 'lateral', 'systems', 'critical', 'adaptive')",
            name=op.f("ck_agents_cognitive_pattern"),
        ),
        sa.CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]*[a-z0-9]$'", name=op.f("ck_agents_slug_format")),
        sa.CheckConstraint("learning_rate BETWEEN 0 AND 1", name=op.f("ck_agents_learning_rate")),
        sa.CheckConstraint("performance_score BETWEEN 0 AND 1", name=op.f("ck_agents_performance_score")),
        sa.ForeignKeyConstraint(
            ["organization_id", "created_by"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_agents_organization_id_created_by"),
            ondelete="SET NULL (created_by)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["teams.organization_id", "teams.id"],
            name=op.f("fk_agents_organization_id_team_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_agents_organization_id_user_id"),
            ondelete="SET NULL (user_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_agents_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_agents")),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_agents_organization_id_external_id")),
        sa.UniqueConstraint(
            "organization_id",
            "team_id",
            "slug",
            name=op.f("uq_agents_organization_id_team_id_slug"),
            postgresql_nulls_not_distinct=True,
        ),
        comment="Agents and their AgentDNA (seeds 002, 003, 004)",
    )
    op.create_index("ix_agents_metadata", "agents", ["metadata"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_agents_organization_id_created_at",
        "agents",
        ["organization_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_index(
        "ix_agents_organization_id_team_id_status",
        "agents",
        ["organization_id", "team_id", "status"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_agents_organization_id_type",
        "agents",
        ["organization_id", "type"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "team_memberships",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column(
            "role",
            sa.Enum("owner", "admin", "member", "viewer", name="user_role"),
            server_default="member",
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["teams.organization_id", "teams.id"],
            name=op.f("fk_team_memberships_organization_id_team_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_team_memberships_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_team_memberships_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_team_memberships")),
        sa.UniqueConstraint(
            "organization_id", "user_id", "team_id", name=op.f("uq_team_memberships_organization_id_user_id_team_id")
        ),
        comment="Who is in which team, as what (seed 002)",
    )
    op.create_index(
        "ix_team_memberships_organization_id_team_id", "team_memberships", ["organization_id", "team_id"], unique=False
    )
    op.create_table(
        "conversations",
        sa.Column("external_id", sa.String(length=255), nullable=True, comment="The caller's own string for it"),
        sa.Column(
            "type", sa.String(length=20), server_default="direct", nullable=False, comment="direct, group or ai_chat"
        ),
        sa.Column(
            "status",
            sa.Enum("active", "idle", "closed", name="conversation_status"),
            server_default="active",
            nullable=False,
        ),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True, comment="The agent talked with, if one"),
        sa.Column("user_id", sa.Uuid(), nullable=True, comment="The person it belongs to, if one"),
        sa.Column("name", sa.String(length=255), nullable=True, comment="name of 000, title of 002"),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("avatar_url", sa.String(length=500), nullable=True),
        sa.Column("is_private", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column(
            "message_count", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="Kept by trigger"
        ),
        sa.Column(
            "total_input_tokens",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Kept by trigger",
        ),
        sa.Column(
            "total_output_tokens",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Kept by trigger",
        ),
        sa.Column("last_message_at", sa.DateTime(timezone=True), nullable=True, comment="Kept by trigger"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
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
        sa.CheckConstraint("type IN ('direct', 'group', 'ai_chat')", name=op.f("ck_conversations_type")),
        sa.CheckConstraint(
            "message_count >= 0 AND total_input_tokens >= 0 AND total_output_tokens >= 0",
            name=op.f("ck_conversations_counters"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_conversations_organization_id_agent_id"),
            ondelete="SET NULL (agent_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "created_by"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_conversations_organization_id_created_by"),
            ondelete="SET NULL (created_by)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["teams.organization_id", "teams.id"],
            name=op.f("fk_conversations_organization_id_team_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_conversations_organization_id_user_id"),
            ondelete="SET NULL (user_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_conversations_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_conversations")),
        sa.UniqueConstraint(
            "organization_id", "external_id", name=op.f("uq_conversations_organization_id_external_id")
        ),
        comment="Conversations of people, agents or both (seeds 000, 002 and the sessions of 003)",
    )
    op.create_index(
        "ix_conversations_active",
        "conversations",
        ["organization_id", sa.literal_column("last_message_at DESC")],
        unique=False,
        postgresql_where=sa.text("status = 'active' AND deleted_at IS NULL"),
    )
    op.create_index("ix_conversations_agent", "conversations", ["organization_id", "agent_id"], unique=False)
    op.create_index("ix_conversations_created_by", "conversations", ["organization_id", "created_by"], unique=False)
    op.create_index(
        "ix_conversations_last_message",
        "conversations",
        ["organization_id", sa.literal_column("last_message_at DESC")],
        unique=False,
    )
    op.create_index("ix_conversations_team", "conversations", ["organization_id", "team_id"], unique=False)
    op.create_index("ix_conversations_type", "conversations", ["organization_id", "type"], unique=False)
    op.create_index("ix_conversations_user", "conversations", ["organization_id", "user_id"], unique=False)
    op.create_table(
        "conversation_participants",
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant"),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "role", sa.String(length=20), server_default="member", nullable=False, comment="owner, admin or member"
        ),
        sa.Column("joined_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_muted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member')", name=op.f("ck_conversation_participants_role")),
        sa.ForeignKeyConstraint(
            ["organization_id", "conversation_id"],
            ["conversations.organization_id", "conversations.id"],
            name=op.f("fk_conversation_participants_organization_id_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_conversation_participants_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "conversation_id", "user_id", name=op.f("pk_conversation_participants")
        ),
        comment="Who takes part in which conversation (seed 000)",
    )
    op.create_index(
        "ix_conversation_participants_role", "conversation_participants", ["organization_id", "role"], unique=False
    )
    op.create_index(
        "ix_conversation_participants_user", "conversation_participants", ["organization_id", "user_id"], unique=False
    )
    op.create_table(
        "conversation_sessions",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column(
            "number", sa.BigInteger(), nullable=False, comment="Unique in the installation; upper bits of an ordinal"
        ),
        sa.Column(
            "label", sa.String(length=255), nullable=True, comment="The source's own name for the session, if one"
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "message_count", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="Last place given out"
        ),
        sa.Column(
            "term_count",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Stemmed content words in it",
        ),
        sa.Column(
            "speaker_ids",
            sa.ARRAY(sa.Uuid()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Users and agents who spoke in it",
        ),
        sa.Column("ends_with_question", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.CheckConstraint("message_count >= 0 AND term_count >= 0", name=op.f("ck_conversation_sessions_counters")),
        sa.ForeignKeyConstraint(
            ["organization_id", "conversation_id"],
            ["conversations.organization_id", "conversations.id"],
            name=op.f("fk_conversation_sessions_organization_id_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_conversation_sessions")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_conversation_sessions_organization_id_number")),
        comment="Stretches of talk: recall scores the session a turn belongs to, not the turn alone",
    )
    op.create_index(
        "ix_conversation_sessions_conversation",
        "conversation_sessions",
        ["organization_id", "conversation_id", sa.literal_column("number DESC")],
        unique=False,
    )
    op.create_table(
        "memories",
        sa.Column(
            "memory_type",
            sa.Enum(
                "semantic",
                "episodic",
                "procedural",
                "agent_private",
                "shared",
                "identity",
                "user_profile",
                name="memory_type_enum",
            ),
            server_default="semantic",
            nullable=False,
        ),
        sa.Column(
            "category",
            sa.String(length=50),
            server_default="note",
            nullable=False,
            comment="A free label (memory_type of 000)",
        ),
        sa.Column("title", sa.String(length=500), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True, comment="What or whom it is about"),
        sa.Column("importance", sa.Integer(), server_default=sa.text("5"), nullable=False, comment="1 to 10"),
        sa.Column("confidence", sa.Float(), server_default=sa.text("1.0"), nullable=False, comment="0 to 1"),
        sa.Column(
            "access_count", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="Written in batches"
        ),
        sa.Column("last_accessed_at", sa.DateTime(timezone=True), nullable=True, comment="accessed_at of 000"),
        sa.Column("is_pinned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "source_type",
            sa.Enum(
                "extraction", "explicit", "system", "feedback", "consolidation", "compaction", name="memory_source"
            ),
            server_default="explicit",
            nullable=False,
            comment="How it came about",
        ),
        sa.Column("conversation_id", sa.Uuid(), nullable=True, comment="source_conversation_id of 002"),
        sa.Column("source_message_ids", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("extraction_model", sa.String(length=200), nullable=True),
        sa.Column("superseded_by", sa.Uuid(), nullable=True, comment="The memory that corrects this one"),
        sa.Column(
            "superseded_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When we learnt better: the axis of as_of",
        ),
        sa.Column(
            "superseded_from",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="From when its correction is true, in the world: known since superseded_at only",
        ),
        sa.Column(
            "valid_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Until when it was true, in the world, if it was said",
        ),
        sa.Column("contradicts", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("related_to", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("tier", sa.Enum("hot", "warm", "cold", name="memory_tier"), server_default="warm", nullable=False),
        sa.Column(
            "status",
            sa.Enum("active", "superseded", "archived", "disputed", name="memory_status"),
            server_default="active",
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("embedding_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column("user_id", sa.Uuid(), nullable=True, comment="Whose memory it is"),
        sa.Column("team_id", sa.Uuid(), nullable=True, comment="The team that shares it, if one"),
        sa.Column("agent_id", sa.Uuid(), nullable=True, comment="The agent that said it or keeps it"),
        sa.Column("content", sa.Text(), nullable=False, comment="The text, at most 50,000 characters"),
        sa.Column("tags", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "metadata",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="What the caller attached",
        ),
        sa.Column(
            "source", sa.String(length=50), server_default="api", nullable=False, comment="Where it came from (000)"
        ),
        sa.Column(
            "source_id",
            sa.String(length=255),
            nullable=True,
            comment="Its id there; the same source and id is stored once",
        ),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was said or true, in the world",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was recorded: the axis of as_of",
        ),
        sa.Column(
            "deleted_at", sa.DateTime(timezone=True), nullable=True, comment="When it was forgotten; null: alive"
        ),
        sa.Column(
            "ordinal",
            sa.BigInteger(),
            server_default=sa.text("(nextval('session_numbers') << 16)"),
            nullable=False,
            comment="Recall's address: session number << 16 | place in the session",
        ),
        sa.Column(
            "embedding",
            HALFVEC(ddl.dimensions()),
            nullable=True,
            comment="Null: not embedded yet, or a text without known words",
        ),
        sa.Column(
            "embedding_status",
            sa.String(length=20),
            server_default="pending",
            nullable=False,
            comment="pending, ready, empty or failed",
        ),
        sa.Column("embedding_model", sa.String(length=200), nullable=True),
        sa.Column(
            "is_indexed",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="In the vector index and in the term statistics; turned true off the writer's path",
        ),
        sa.Column(
            "search_vector",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('english'::regconfig, content)", persisted=True),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed (UTC); kept by trigger",
        ),
        sa.Column(
            "version",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="Grows by one with every update; an update names the version it read",
        ),
        sa.CheckConstraint("content ~ '[^[:space:]]'", name=op.f("ck_memories_content_not_blank")),
        sa.CheckConstraint(
            "embedding_status IN ('pending', 'ready', 'empty', 'failed')", name=op.f("ck_memories_embedding_status")
        ),
        sa.CheckConstraint(
            "memory_type <> 'agent_private' OR agent_id IS NOT NULL", name=op.f("ck_memories_private_has_agent")
        ),
        sa.CheckConstraint(
            "memory_type <> 'user_profile' OR user_id IS NOT NULL", name=op.f("ck_memories_profile_has_user")
        ),
        sa.CheckConstraint(
            "(superseded_by IS NULL) OR (superseded_at IS NOT NULL)", name=op.f("ck_memories_superseded")
        ),
        sa.CheckConstraint("access_count >= 0", name=op.f("ck_memories_access_count")),
        sa.CheckConstraint("char_length(content) <= 50000", name=op.f("ck_memories_content_length")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_memories_confidence")),
        sa.CheckConstraint("importance BETWEEN 1 AND 10", name=op.f("ck_memories_importance")),
        sa.CheckConstraint("superseded_by <> id", name=op.f("ck_memories_not_superseded_by_itself")),
        sa.CheckConstraint("valid_until IS NULL OR valid_until >= occurred_at", name=op.f("ck_memories_validity")),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_memories_organization_id_agent_id"),
            ondelete="SET NULL (agent_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "conversation_id"],
            ["conversations.organization_id", "conversations.id"],
            name=op.f("fk_memories_organization_id_conversation_id"),
            ondelete="SET NULL (conversation_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "superseded_by"],
            ["memories.organization_id", "memories.id"],
            name=op.f("fk_memories_organization_id_superseded_by"),
            ondelete="SET NULL (superseded_by)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["teams.organization_id", "teams.id"],
            name=op.f("fk_memories_organization_id_team_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_memories_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_memories_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_memories")),
        sa.UniqueConstraint("organization_id", "ordinal", name=op.f("uq_memories_organization_id_ordinal")),
        comment="Memories of all seven types; content is never overwritten (seeds 000, 002)",
        postgresql_partition_by="HASH (organization_id)",
    )
    op.create_index(
        "ix_memories_agent",
        "memories",
        ["organization_id", "agent_id", sa.literal_column("occurred_at DESC")],
        unique=False,
    )
    op.create_index("ix_memories_conversation", "memories", ["organization_id", "conversation_id"], unique=False)
    op.create_index(
        "ix_memories_expires",
        "memories",
        ["organization_id", "expires_at"],
        unique=False,
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_memories_importance",
        "memories",
        ["organization_id", sa.literal_column("importance DESC")],
        unique=False,
        postgresql_where=sa.text("status = 'active' AND deleted_at IS NULL"),
    )
    op.create_index(
        "ix_memories_metadata",
        "memories",
        ["metadata"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"metadata": "jsonb_path_ops"},
    )
    op.create_index(
        "ix_memories_occurred",
        "memories",
        ["organization_id", sa.literal_column("occurred_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_memories_profile",
        "memories",
        ["organization_id", "user_id"],
        unique=False,
        postgresql_where=sa.text("memory_type = 'user_profile' AND deleted_at IS NULL"),
    )
    op.create_index(
        "ix_memories_subject",
        "memories",
        ["organization_id", "subject"],
        unique=False,
        postgresql_where=sa.text("subject IS NOT NULL"),
    )
    op.create_index("ix_memories_superseded", "memories", ["organization_id", "superseded_by"], unique=False)
    op.create_index("ix_memories_tags", "memories", ["tags"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_memories_tail",
        "memories",
        ["organization_id", "ordinal"],
        unique=False,
        postgresql_where=sa.text("NOT is_indexed"),
    )
    op.create_index(
        "ix_memories_tier",
        "memories",
        ["organization_id", "tier"],
        unique=False,
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_index(
        "ix_memories_type",
        "memories",
        ["organization_id", "team_id", "memory_type", "status"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_memories_user",
        "memories",
        ["organization_id", "user_id", sa.literal_column("occurred_at DESC")],
        unique=False,
    )
    op.create_index(
        "uq_memories_source",
        "memories",
        ["organization_id", "source", "source_id"],
        unique=True,
        postgresql_where=sa.text("source_id IS NOT NULL"),
    )
    op.create_table(
        "messages",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=True, comment="The person who said it; null for agents and systems"),
        sa.Column(
            "role",
            sa.Enum("user", "assistant", "system", "tool", name="message_role"),
            server_default="user",
            nullable=False,
        ),
        sa.Column(
            "content_type",
            sa.String(length=20),
            server_default="text",
            nullable=False,
            comment="text, file, system or ai",
        ),
        sa.Column("tool_calls", postgresql.JSONB(), nullable=True),
        sa.Column("tool_results", postgresql.JSONB(), nullable=True),
        sa.Column("token_count", sa.Integer(), nullable=True),
        sa.Column("model", sa.String(length=100), nullable=True, comment="ai_model of 000"),
        sa.Column("feedback_rating", sa.String(length=20), nullable=True, comment="positive or negative"),
        sa.Column("feedback_comment", sa.Text(), nullable=True),
        sa.Column(
            "status", sa.String(length=20), server_default="sent", nullable=False, comment="sent, delivered or read"
        ),
        sa.Column("is_edited", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "follows_question",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="The turn before it in the session ends with a question mark",
        ),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.Column(
            "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="UUID v4 (REQ-T104)"
        ),
        sa.Column("user_id", sa.Uuid(), nullable=True, comment="Whose memory it is"),
        sa.Column("team_id", sa.Uuid(), nullable=True, comment="The team that shares it, if one"),
        sa.Column("agent_id", sa.Uuid(), nullable=True, comment="The agent that said it or keeps it"),
        sa.Column("content", sa.Text(), nullable=False, comment="The text, at most 50,000 characters"),
        sa.Column("tags", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "metadata",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="What the caller attached",
        ),
        sa.Column(
            "source", sa.String(length=50), server_default="api", nullable=False, comment="Where it came from (000)"
        ),
        sa.Column(
            "source_id",
            sa.String(length=255),
            nullable=True,
            comment="Its id there; the same source and id is stored once",
        ),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was said or true, in the world",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was recorded: the axis of as_of",
        ),
        sa.Column(
            "deleted_at", sa.DateTime(timezone=True), nullable=True, comment="When it was forgotten; null: alive"
        ),
        sa.Column(
            "ordinal",
            sa.BigInteger(),
            server_default=sa.text("(nextval('session_numbers') << 16)"),
            nullable=False,
            comment="Recall's address: session number << 16 | place in the session",
        ),
        sa.Column(
            "embedding",
            HALFVEC(ddl.dimensions()),
            nullable=True,
            comment="Null: not embedded yet, or a text without known words",
        ),
        sa.Column(
            "embedding_status",
            sa.String(length=20),
            server_default="pending",
            nullable=False,
            comment="pending, ready, empty or failed",
        ),
        sa.Column("embedding_model", sa.String(length=200), nullable=True),
        sa.Column(
            "is_indexed",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="In the vector index and in the term statistics; turned true off the writer's path",
        ),
        sa.Column(
            "search_vector",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('english'::regconfig, content)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("content ~ '[^[:space:]]'", name=op.f("ck_messages_content_not_blank")),
        sa.CheckConstraint("content_type IN ('text', 'file', 'system', 'ai')", name=op.f("ck_messages_content_type")),
        sa.CheckConstraint(
            "embedding_status IN ('pending', 'ready', 'empty', 'failed')", name=op.f("ck_messages_embedding_status")
        ),
        sa.CheckConstraint("feedback_rating IN ('positive', 'negative')", name=op.f("ck_messages_feedback_rating")),
        sa.CheckConstraint("status IN ('sent', 'delivered', 'read')", name=op.f("ck_messages_status")),
        sa.CheckConstraint("char_length(content) <= 50000", name=op.f("ck_messages_content_length")),
        sa.CheckConstraint("token_count >= 0", name=op.f("ck_messages_token_count")),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_messages_organization_id_agent_id"),
            ondelete="SET NULL (agent_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "conversation_id"],
            ["conversations.organization_id", "conversations.id"],
            name=op.f("fk_messages_organization_id_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "sender_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_messages_organization_id_sender_id"),
            ondelete="SET NULL (sender_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team_id"],
            ["teams.organization_id", "teams.id"],
            name=op.f("fk_messages_organization_id_team_id"),
            ondelete="SET NULL (team_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_messages_organization_id_user_id"),
            ondelete="SET NULL (user_id)",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_messages")),
        sa.UniqueConstraint("organization_id", "ordinal", name=op.f("uq_messages_organization_id_ordinal")),
        comment="Episodes: what was said, by whom, when (seeds 000, 002, 003)",
        postgresql_partition_by="HASH (organization_id)",
    )
    op.create_index(
        "ix_messages_agent",
        "messages",
        ["organization_id", "agent_id", sa.literal_column("occurred_at DESC")],
        unique=False,
    )
    op.create_index(
        "ix_messages_conversation", "messages", ["organization_id", "conversation_id", "occurred_at"], unique=False
    )
    op.create_index(
        "ix_messages_occurred",
        "messages",
        ["organization_id", sa.literal_column("occurred_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_messages_sender",
        "messages",
        ["organization_id", "sender_id", sa.literal_column("occurred_at DESC")],
        unique=False,
    )
    op.create_index("ix_messages_tags", "messages", ["tags"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_messages_tail",
        "messages",
        ["organization_id", "ordinal"],
        unique=False,
        postgresql_where=sa.text("NOT is_indexed"),
    )
    op.create_index(
        "ix_messages_user",
        "messages",
        ["organization_id", "user_id", sa.literal_column("occurred_at DESC")],
        unique=False,
    )
    op.create_index(
        "uq_messages_source",
        "messages",
        ["organization_id", "source", "source_id"],
        unique=True,
        postgresql_where=sa.text("source_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("uq_messages_source", table_name="messages", postgresql_where=sa.text("source_id IS NOT NULL"))
    op.drop_index("ix_messages_user", table_name="messages")
    op.drop_index("ix_messages_tail", table_name="messages", postgresql_where=sa.text("NOT is_indexed"))
    op.drop_index("ix_messages_tags", table_name="messages", postgresql_using="gin")
    op.drop_index("ix_messages_sender", table_name="messages")
    op.drop_index("ix_messages_occurred", table_name="messages")
    op.drop_index("ix_messages_conversation", table_name="messages")
    op.drop_index("ix_messages_agent", table_name="messages")
    op.drop_table("messages")
    op.drop_index("uq_memories_source", table_name="memories", postgresql_where=sa.text("source_id IS NOT NULL"))
    op.drop_index("ix_memories_user", table_name="memories")
    op.drop_index("ix_memories_type", table_name="memories", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("ix_memories_tier", table_name="memories", postgresql_where=sa.text("status = 'active'"))
    op.drop_index("ix_memories_tail", table_name="memories", postgresql_where=sa.text("NOT is_indexed"))
    op.drop_index("ix_memories_tags", table_name="memories", postgresql_using="gin")
    op.drop_index("ix_memories_superseded", table_name="memories")
    op.drop_index("ix_memories_subject", table_name="memories", postgresql_where=sa.text("subject IS NOT NULL"))
    op.drop_index(
        "ix_memories_profile",
        table_name="memories",
        postgresql_where=sa.text("memory_type = 'user_profile' AND deleted_at IS NULL"),
    )
    op.drop_index("ix_memories_occurred", table_name="memories")
    op.drop_index(
        "ix_memories_metadata",
        table_name="memories",
        postgresql_using="gin",
        postgresql_ops={"metadata": "jsonb_path_ops"},
    )
    op.drop_index(
        "ix_memories_importance",
        table_name="memories",
        postgresql_where=sa.text("status = 'active' AND deleted_at IS NULL"),
    )
    op.drop_index("ix_memories_expires", table_name="memories", postgresql_where=sa.text("expires_at IS NOT NULL"))
    op.drop_index("ix_memories_conversation", table_name="memories")
    op.drop_index("ix_memories_agent", table_name="memories")
    op.drop_table("memories")
    op.drop_index("ix_conversation_sessions_conversation", table_name="conversation_sessions")
    op.drop_table("conversation_sessions")
    op.drop_index("ix_conversation_participants_user", table_name="conversation_participants")
    op.drop_index("ix_conversation_participants_role", table_name="conversation_participants")
    op.drop_table("conversation_participants")
    op.drop_index("ix_conversations_user", table_name="conversations")
    op.drop_index("ix_conversations_type", table_name="conversations")
    op.drop_index("ix_conversations_team", table_name="conversations")
    op.drop_index("ix_conversations_last_message", table_name="conversations")
    op.drop_index("ix_conversations_created_by", table_name="conversations")
    op.drop_index("ix_conversations_agent", table_name="conversations")
    op.drop_index(
        "ix_conversations_active",
        table_name="conversations",
        postgresql_where=sa.text("status = 'active' AND deleted_at IS NULL"),
    )
    op.drop_table("conversations")
    op.drop_index("ix_team_memberships_organization_id_team_id", table_name="team_memberships")
    op.drop_table("team_memberships")
    op.drop_index("ix_agents_organization_id_type", table_name="agents", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(
        "ix_agents_organization_id_team_id_status", table_name="agents", postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.drop_index("ix_agents_organization_id_created_at", table_name="agents")
    op.drop_index("ix_agents_metadata", table_name="agents", postgresql_using="gin")
    op.drop_table("agents")
    op.drop_index("ix_teams_organization_id_owner_id", table_name="teams")
    op.drop_table("teams")
    op.drop_table("participant_names")
    op.drop_index("uq_users_email", table_name="users")
    op.drop_index("ix_users_tier", table_name="users")
    op.drop_index("ix_users_status", table_name="users")
    op.drop_table("users")
    op.drop_table("recall_terms")
    op.drop_table("recall_statistics")
    op.drop_index("ix_memory_log_memory", table_name="memory_log")
    op.drop_index("ix_memory_log_created", table_name="memory_log")
    op.drop_table("memory_log")
    op.drop_table("import_checkpoints")
    op.drop_table("organizations")
    op.drop_table("schema_objects")
    op.execute("DROP SEQUENCE session_numbers")
    ddl.drop_types(*TYPES)
