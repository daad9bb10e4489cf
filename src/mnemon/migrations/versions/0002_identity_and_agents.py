"""Credentials, sessions, keys, roles, devices; capabilities and states of agents.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from mnemon.migrations import ddl

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GLOBAL_TABLES = ("user_credentials", "mfa_devices", "oauth_tokens", "sessions", "api_keys")
#: Those that SECURITY DEFINER look-ups read before an organisation is known.
LOOKED_UP = ("user_credentials", "sessions", "api_keys")
TENANT_TABLES = (
    "api_key_uses",
    "roles",
    "role_permissions",
    "user_roles",
    "user_preferences",
    "devices",
    "agent_capabilities",
    "agent_states",
)
TYPES = ("mfa_type", "device_platform")
MEMORY_TYPES = (
    "ARRAY['semantic', 'episodic', 'procedural', 'agent_private', 'shared', 'identity', 'user_profile']::text[]"
)
SCOPE = r"(\*|[a-z][a-z0-9_-]*:[a-z][a-z0-9_-]*)"

#: The catalogue of permissions: resource, actions, what the resource is.
PERMISSIONS = (
    ("organizations", "read write delete", "the organisation and its settings"),
    ("users", "read write delete", "people"),
    ("teams", "read write delete", "teams and who is in them"),
    ("roles", "read write delete assign", "roles, and who has them"),
    ("account", "read write", "one's own password, second factors, sessions, preferences and devices"),
    ("sessions", "read delete", "where people are signed in"),
    ("api_keys", "read write delete", "API keys"),
    ("devices", "read write delete", "devices for push notifications"),
    ("agents", "read write delete", "agents, their capabilities and states"),
    ("conversations", "read write delete", "conversations"),
    ("messages", "read write delete", "what was said"),
    ("memories", "read write delete", "memories"),
    ("facts", "read write delete", "facts with their validity"),
    ("entities", "read write delete", "entities and their relationships"),
    ("knowledge", "read write delete maintain", "knowledge items and their transfers"),
    ("patterns", "read write delete", "learnt patterns and their use"),
    ("learning", "read write delete", "learning sessions"),
    ("workflows", "read write delete execute", "workflows and their executions"),
    ("tasks", "read write delete", "tasks"),
    ("documents", "read write delete", "documents"),
    ("templates", "read write delete", "document templates"),
    ("notifications", "read write delete", "notifications"),
    ("integrations", "read write delete use", "connections to other services, and what came through them"),
    ("webhooks", "read write delete deliver", "webhook endpoints and deliveries"),
    ("jobs", "read write delete", "background jobs"),
    ("metrics", "read write", "metrics"),
    ("audit", "read write seal", "the audit trail"),
    ("logs", "read write delete", "the logs of errors and of API requests"),
    ("operations", "read write maintain", "partitions, retention, statistics"),
)


def upgrade() -> None:
    create_tables()
    ddl.partition_by_range("agent_states", column="created_at", every="month")
    for table in (*GLOBAL_TABLES, *TENANT_TABLES):
        ddl.protect(table)
    for table in LOOKED_UP:
        ddl.owner_sees(table)
    op.execute(f"GRANT SELECT ON permissions TO {ddl.APP_ROLE}")
    fill_permissions()


def fill_permissions() -> None:
    permissions = sa.table(
        "permissions", sa.column("resource", sa.Text), sa.column("action", sa.Text), sa.column("description", sa.Text)
    )
    op.bulk_insert(
        permissions,
        [
            {"resource": resource, "action": action, "description": f"{action.capitalize()} {what}"}
            for resource, actions, what in PERMISSIONS
            for action in actions.split()
        ],
    )


def create_tables() -> None:
    op.create_table(
        "permissions",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("resource", sa.String(length=50), nullable=False),
        sa.Column("action", sa.String(length=50), nullable=False),
        sa.Column(
            "name",
            sa.Text(),
            sa.Computed("resource::text || ':' || action::text", persisted=True),
            nullable=False,
            comment="resource:action",
        ),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.CheckConstraint("action ~ '^[a-z][a-z0-9_-]*$'", name=op.f("ck_permissions_action")),
        sa.CheckConstraint("resource ~ '^[a-z][a-z0-9_-]*$'", name=op.f("ck_permissions_resource")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permissions")),
        sa.UniqueConstraint("resource", "action", name=op.f("uq_permissions_resource_action")),
        comment="The fixed catalogue of permissions (REQ-T126): the same for every organisation, read-only",
    )
    op.create_table(
        "roles",
        sa.Column(
            "name", sa.String(length=100), nullable=False, comment="Unique among the organisation's living roles"
        ),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "is_system",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Made by Mnemon: owner, admin, member, viewer; not to be changed",
        ),
        sa.Column(
            "parent_role_id", sa.Uuid(), nullable=True, comment="The role whose permissions this one has as well"
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
        sa.CheckConstraint("length(btrim(name)) > 0", name=op.f("ck_roles_name_not_blank")),
        sa.CheckConstraint("parent_role_id <> id", name=op.f("ck_roles_parent_role_id")),
        sa.ForeignKeyConstraint(
            ["organization_id", "parent_role_id"],
            ["roles.organization_id", "roles.id"],
            name=op.f("fk_roles_organization_id_parent_role_id"),
            ondelete="SET NULL (parent_role_id)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_roles_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_roles")),
        comment="Roles (REQ-T125); the system's own are rows of every organisation that uses roles",
    )
    op.create_index("ix_roles_parent", "roles", ["organization_id", "parent_role_id"], unique=False)
    op.create_index(
        "uq_roles_organization_id_name",
        "roles",
        ["organization_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "devices",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "device_token", sa.Text(), nullable=False, comment="What the push service calls the device; at most 2 KB"
        ),
        sa.Column("platform", sa.Enum("ios", "android", "web", name="device_platform"), nullable=False),
        sa.Column("device_name", sa.String(length=255), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
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
        sa.CheckConstraint("octet_length(device_token) BETWEEN 1 AND 2048", name=op.f("ck_devices_device_token")),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_devices_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_devices")),
        sa.UniqueConstraint(
            "organization_id", "user_id", "device_token", name=op.f("uq_devices_organization_id_user_id_device_token")
        ),
        comment="Devices for push notifications (seed 000)",
    )
    op.create_index(
        "ix_devices_active",
        "devices",
        ["organization_id", "user_id"],
        unique=False,
        postgresql_where=sa.text("is_active"),
    )
    op.create_table(
        "mfa_devices",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Enum("totp", "sms", name="mfa_type"), server_default="totp", nullable=False),
        sa.Column(
            "name",
            sa.String(length=100),
            nullable=False,
            comment="The person's name for the device; unique for the person",
        ),
        sa.Column("secret_encrypted", sa.Text(), nullable=False, comment="Encrypted: the shared secret of RFC 6238"),
        sa.Column("phone_number", sa.String(length=20), nullable=True, comment="E.164; for SMS only"),
        sa.Column(
            "confirmed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When a first code proved it; null: not in force yet",
        ),
        sa.Column(
            "last_used_step",
            sa.BigInteger(),
            nullable=True,
            comment="The time step of the last code accepted: none is accepted twice",
        ),
        sa.Column(
            "failed_attempts",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Since the last success",
        ),
        sa.Column(
            "locked_until", sa.DateTime(timezone=True), nullable=True, comment="No code is accepted before this moment"
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
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
        sa.CheckConstraint("(type = 'sms') = (phone_number IS NOT NULL)", name=op.f("ck_mfa_devices_phone_number")),
        sa.CheckConstraint("phone_number ~ '^\\+[1-9][0-9]{6,14}$'", name=op.f("ck_mfa_devices_phone_number_format")),
        sa.CheckConstraint(
            "secret_encrypted ~ '^v[0-9]+\\.[0-9a-f]{8}\\.[A-Za-z0-9_-]+$'",
            name=op.f("ck_mfa_devices_secret_encrypted"),
        ),
        sa.CheckConstraint("failed_attempts >= 0", name=op.f("ck_mfa_devices_failed_attempts")),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_mfa_devices_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_mfa_devices_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mfa_devices")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_mfa_devices_user_id_name")),
        comment="Second factors: TOTP and SMS (REQ-T130)",
    )
    op.create_index("ix_mfa_devices_user", "mfa_devices", ["organization_id", "user_id"], unique=False)
    op.create_table(
        "oauth_tokens",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "provider",
            sa.String(length=50),
            nullable=False,
            comment="google, microsoft, github, ...; one token a provider",
        ),
        sa.Column("provider_user_id", sa.String(length=255), nullable=True, comment="The person's id there"),
        sa.Column("token_type", sa.String(length=50), server_default="Bearer", nullable=False),
        sa.Column("access_token_encrypted", sa.Text(), nullable=False, comment="Encrypted by the application"),
        sa.Column("refresh_token_encrypted", sa.Text(), nullable=True, comment="Encrypted by the application"),
        sa.Column(
            "scopes",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="As the service has them",
        ),
        sa.Column(
            "expires_at", sa.DateTime(timezone=True), nullable=True, comment="When the access token expires, if it does"
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
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
            "access_token_encrypted ~ '^v[0-9]+\\.[0-9a-f]{8}\\.[A-Za-z0-9_-]+$'",
            name=op.f("ck_oauth_tokens_access_token_encrypted"),
        ),
        sa.CheckConstraint("provider ~ '^[a-z][a-z0-9_-]*$'", name=op.f("ck_oauth_tokens_provider")),
        sa.CheckConstraint(
            "refresh_token_encrypted ~ '^v[0-9]+\\.[0-9a-f]{8}\\.[A-Za-z0-9_-]+$'",
            name=op.f("ck_oauth_tokens_refresh_token_encrypted"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_oauth_tokens_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_oauth_tokens_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_tokens")),
        sa.UniqueConstraint("user_id", "provider", name=op.f("uq_oauth_tokens_user_id_provider")),
        comment="OAuth tokens by which people sign in with other services (REQ-T129)",
    )
    op.create_index("ix_oauth_tokens_expires", "oauth_tokens", ["expires_at"], unique=False)
    op.create_table(
        "role_permissions",
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant"),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("permission_id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "role_id"],
            ["roles.organization_id", "roles.id"],
            name=op.f("fk_role_permissions_organization_id_role_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["permission_id"], ["permissions.id"], name=op.f("fk_role_permissions_permission_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organization_id", "role_id", "permission_id", name=op.f("pk_role_permissions")),
        comment="What a role may do by itself (REQ-T127); role_permission_names shows it as 000 has it",
    )
    op.create_index(
        "ix_role_permissions_permission", "role_permissions", ["organization_id", "permission_id"], unique=False
    )
    op.create_table(
        "sessions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the access token"),
        sa.Column("refresh_token_hash", sa.LargeBinary(), nullable=True, comment="SHA-256 of the refresh token"),
        sa.Column(
            "previous_refresh_token_hash",
            sa.LargeBinary(),
            nullable=True,
            comment="The one before: whoever shows it has a stolen copy, and the session is revoked",
        ),
        sa.Column("ip_address", postgresql.INET(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, comment="When the access token expires"),
        sa.Column(
            "refresh_expires_at", sa.DateTime(timezone=True), nullable=True, comment="When the refresh token expires"
        ),
        sa.Column(
            "revoked_at", sa.DateTime(timezone=True), nullable=True, comment="When it was ended; null: not ended"
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.CheckConstraint(
            "octet_length(previous_refresh_token_hash) = 32", name=op.f("ck_sessions_previous_refresh_token_hash")
        ),
        sa.CheckConstraint("octet_length(refresh_token_hash) = 32", name=op.f("ck_sessions_refresh_token_hash")),
        sa.CheckConstraint("octet_length(token_hash) = 32", name=op.f("ck_sessions_token_hash")),
        sa.CheckConstraint("refresh_expires_at >= expires_at", name=op.f("ck_sessions_refresh_expires_at")),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_sessions_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_sessions_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("refresh_token_hash", name=op.f("uq_sessions_refresh_token_hash")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
        comment="Sign-in sessions (REQ-T123); conversations' sessions are conversation_sessions",
    )
    op.create_index(
        "ix_sessions_expires", "sessions", ["expires_at"], unique=False, postgresql_where=sa.text("revoked_at IS NULL")
    )
    op.create_index(
        "ix_sessions_previous_refresh",
        "sessions",
        ["previous_refresh_token_hash"],
        unique=False,
        postgresql_where=sa.text("previous_refresh_token_hash IS NOT NULL"),
    )
    op.create_index("ix_sessions_user", "sessions", ["organization_id", "user_id"], unique=False)
    op.create_table(
        "user_credentials",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False, comment="bcrypt, cost 12 or more"),
        sa.Column(
            "mfa_enabled",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="A second factor is asked for at sign-in",
        ),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
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
            "password_hash ~ '^\\$2[aby]\\$(1[2-9]|2[0-9]|3[01])\\$.{53}$'",
            name=op.f("ck_user_credentials_password_hash"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_user_credentials_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_user_credentials_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_credentials")),
        sa.UniqueConstraint("user_id", name=op.f("uq_user_credentials_user_id")),
        comment="Password hashes, apart from users (REQ-T122)",
    )
    op.create_table(
        "user_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("auto_include_memories", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "max_memories_per_request", sa.Integer(), server_default=sa.text("5"), nullable=False, comment="1 to 100"
        ),
        sa.Column("auto_extract_from_chat", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "excluded_memory_types",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Memory types that are never brought into a prompt",
        ),
        sa.Column("email_notifications", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("push_notifications", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "theme", sa.String(length=20), server_default="system", nullable=False, comment="system, light or dark"
        ),
        sa.Column("language", sa.String(length=10), server_default="en", nullable=False, comment="BCP 47"),
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
            f"excluded_memory_types <@ {MEMORY_TYPES}", name=op.f("ck_user_preferences_excluded_memory_types")
        ),
        sa.CheckConstraint("language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'", name=op.f("ck_user_preferences_language")),
        sa.CheckConstraint("theme IN ('system', 'light', 'dark')", name=op.f("ck_user_preferences_theme")),
        sa.CheckConstraint(
            "max_memories_per_request BETWEEN 1 AND 100", name=op.f("ck_user_preferences_max_memories_per_request")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_user_preferences_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_user_preferences")),
        sa.UniqueConstraint("organization_id", "user_id", name=op.f("uq_user_preferences_organization_id_user_id")),
        comment="Preferences of people (seed 000)",
    )
    op.create_table(
        "user_roles",
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant"),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=True, comment="The person who gave it, if one did"),
        sa.Column("granted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True, comment="When it ends; null: it does not"),
        sa.ForeignKeyConstraint(
            ["organization_id", "granted_by"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_user_roles_organization_id_granted_by"),
            ondelete="SET NULL (granted_by)",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "role_id"],
            ["roles.organization_id", "roles.id"],
            name=op.f("fk_user_roles_organization_id_role_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_user_roles_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "user_id", "role_id", name=op.f("pk_user_roles")),
        comment="Who has which role, until when (REQ-T128)",
    )
    op.create_index("ix_user_roles_role", "user_roles", ["organization_id", "role_id"], unique=False)
    op.create_table(
        "agent_capabilities",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column(
            "capability", sa.String(length=100), nullable=False, comment="The caller's word for it; one row an agent"
        ),
        sa.Column(
            "proficiency_level",
            sa.Numeric(precision=3, scale=2),
            server_default=sa.text("0.5"),
            nullable=False,
            comment="0 (none) to 1 (mastery)",
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
        sa.CheckConstraint("length(btrim(capability)) > 0", name=op.f("ck_agent_capabilities_capability")),
        sa.CheckConstraint("proficiency_level BETWEEN 0 AND 1", name=op.f("ck_agent_capabilities_proficiency_level")),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_agent_capabilities_organization_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_agent_capabilities")),
        sa.UniqueConstraint(
            "organization_id",
            "agent_id",
            "capability",
            name=op.f("uq_agent_capabilities_organization_id_agent_id_capability"),
        ),
        comment="What agents can do (REQ-T112)",
    )
    op.create_index(
        "ix_agent_capabilities_capability",
        "agent_capabilities",
        ["organization_id", "capability", sa.literal_column("proficiency_level DESC")],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "agent_states",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state_data",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="The snapshot, as the caller has it",
        ),
        sa.Column(
            "checkpoint_type",
            sa.String(length=50),
            nullable=False,
            comment="The caller's word for why: manual, scheduled, before_update, ...",
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
            comment="When the snapshot was taken; what it is partitioned by",
        ),
        sa.CheckConstraint("checkpoint_type ~ '^[a-z][a-z0-9_-]*$'", name=op.f("ck_agent_states_checkpoint_type")),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_agent_states_organization_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", "created_at", name=op.f("pk_agent_states")),
        comment="Snapshots of agents' states (REQ-T113), a partition a month",
        postgresql_partition_by="RANGE (created_at)",
    )
    op.create_index(
        "ix_agent_states_agent",
        "agent_states",
        ["organization_id", "agent_id", sa.literal_column("created_at DESC")],
        unique=False,
    )
    op.create_table(
        "api_keys",
        sa.Column("user_id", sa.Uuid(), nullable=True, comment="The person it works for, or"),
        sa.Column("agent_id", sa.Uuid(), nullable=True, comment="the agent it works as; one of the two"),
        sa.Column("name", sa.String(length=255), nullable=False, comment="What it is for"),
        sa.Column("prefix", sa.String(length=32), nullable=False, comment="Its first characters, shown in lists"),
        sa.Column(
            "key_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of the key; the key itself is shown once"
        ),
        sa.Column(
            "scopes",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Permissions it may use, of those its owner has; * for all of them, empty for none",
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was recorded (UTC)",
        ),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant that owns the row; never changes"),
        sa.CheckConstraint(
            f"array_to_string(scopes, ' ', '') ~ '^({SCOPE}( {SCOPE})*)?$'", name=op.f("ck_api_keys_scopes")
        ),
        sa.CheckConstraint("(user_id IS NULL) <> (agent_id IS NULL)", name=op.f("ck_api_keys_one_owner")),
        sa.CheckConstraint("length(btrim(name)) > 0", name=op.f("ck_api_keys_name_not_blank")),
        sa.CheckConstraint("octet_length(key_hash) = 32", name=op.f("ck_api_keys_key_hash")),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agents.organization_id", "agents.id"],
            name=op.f("fk_api_keys_organization_id_agent_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_api_keys_organization_id_user_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_api_keys_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_api_keys_organization_id_id")),
        comment="API keys of people and of agents (REQ-T124, seed 003)",
    )
    op.create_index("ix_api_keys_agent", "api_keys", ["organization_id", "agent_id"], unique=False)
    op.create_index(
        "ix_api_keys_expires", "api_keys", ["expires_at"], unique=False, postgresql_where=sa.text("revoked_at IS NULL")
    )
    op.create_index("ix_api_keys_user", "api_keys", ["organization_id", "user_id"], unique=False)
    op.create_table(
        "api_key_uses",
        sa.Column("organization_id", sa.Uuid(), nullable=False, comment="The tenant"),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column(
            "last_used_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="To the minute",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "api_key_id"],
            ["api_keys.organization_id", "api_keys.id"],
            name=op.f("fk_api_key_uses_organization_id_api_key_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "api_key_id", name=op.f("pk_api_key_uses")),
        comment="Last use of API keys, apart from them: they are looked up with every request and written rarely",
    )


def downgrade() -> None:
    op.execute("DROP VIEW IF EXISTS role_permission_names CASCADE")
    for table in (
        "agent_states",
        "agent_capabilities",
        "api_key_uses",
        "user_roles",
        "user_preferences",
        "user_credentials",
        "sessions",
        "role_permissions",
        "oauth_tokens",
        "mfa_devices",
        "devices",
        "api_keys",
        "roles",
        "permissions",
    ):
        op.drop_table(table)
    ddl.drop_types(*TYPES)
    # What was made on these tables went with them: coming back here applies it again.
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'identity/%' OR name LIKE 'agents/%'")
