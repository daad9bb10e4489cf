"""Guesses are counted by person and address, and every refresh token of a session is remembered.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mnemon.migrations import ddl

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PREVIOUS = "The one before: whoever shows it has a stolen copy, and the session is revoked"
#: All that the application reads of a person's credentials.
READABLE = "id, organization_id, user_id, mfa_enabled, password_changed_at, created_at, updated_at, deleted_at, version"


def upgrade() -> None:
    op.create_table(
        "sign_in_attempts",
        sa.Column("subject", sa.LargeBinary(), nullable=False, comment="Keyed hash of the person or the address"),
        sa.Column(
            "password_failures",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Passwords tried and not found right",
        ),
        sa.Column(
            "factor_failures",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Codes of second factors tried and not found right",
        ),
        sa.Column(
            "last_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the last one was counted; the counts go down with the time since then",
        ),
        sa.Column(
            "blocked_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Nothing is compared before this moment",
        ),
        sa.CheckConstraint("octet_length(subject) = 32", name=op.f("ck_sign_in_attempts_subject")),
        sa.CheckConstraint("password_failures >= 0", name=op.f("ck_sign_in_attempts_password_failures")),
        sa.CheckConstraint("factor_failures >= 0", name=op.f("ck_sign_in_attempts_factor_failures")),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_sign_in_attempts")),
        comment="Guesses at passwords and second factors, by person and by address; the installation's, for a day",
    )
    op.create_index("ix_sign_in_attempts_last", "sign_in_attempts", ["last_at"])
    # Nothing is granted: what is counted can be neither read nor set back but by the owner's functions.
    op.execute("ALTER TABLE mfa_devices DROP COLUMN failed_attempts, DROP COLUMN locked_until")
    op.execute(f"REVOKE SELECT ON user_credentials FROM {ddl.APP_ROLE}")
    op.execute(f"GRANT SELECT ({READABLE}) ON user_credentials TO {ddl.APP_ROLE}")
    op.alter_column(
        "sessions",
        "previous_refresh_token_hash",
        comment="The last one that did not name its session, as those before 0010; whoever shows it has a stolen copy",
        existing_type=sa.LargeBinary(),
    )
    # Their signatures change: what stays under the old one would give away what the new one does not.
    op.execute("DROP FUNCTION IF EXISTS find_user_by_email(text)")
    op.execute("DROP FUNCTION IF EXISTS find_session_by_refresh_hash(bytea)")


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS password_hash_of(uuid, bytea)")
    op.execute("DROP FUNCTION IF EXISTS find_user_by_email(text, bytea, inet)")
    op.execute("DROP FUNCTION IF EXISTS find_session_by_refresh_hash(bytea, uuid, bytea)")
    op.execute("DROP FUNCTION IF EXISTS attempt_waits(bytea, timestamptz)")
    op.execute("DROP FUNCTION IF EXISTS begin_attempt(bytea, bytea, boolean, timestamptz)")
    op.execute("DROP FUNCTION IF EXISTS settle_attempt(bytea, bytea, boolean, timestamptz, timestamptz)")
    op.alter_column("sessions", "previous_refresh_token_hash", comment=PREVIOUS, existing_type=sa.LargeBinary())
    op.execute(f"REVOKE SELECT ({READABLE}) ON user_credentials FROM {ddl.APP_ROLE}")
    op.execute(f"GRANT SELECT ON user_credentials TO {ddl.APP_ROLE}")
    op.add_column(
        "mfa_devices",
        sa.Column(
            "failed_attempts",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Since the last success",
        ),
    )
    op.create_check_constraint(op.f("ck_mfa_devices_failed_attempts"), "mfa_devices", "failed_attempts >= 0")
    op.add_column(
        "mfa_devices",
        sa.Column(
            "locked_until", sa.DateTime(timezone=True), nullable=True, comment="No code is accepted before this moment"
        ),
    )
    op.drop_table("sign_in_attempts")
    # What was made on these went with them, or stood in the place of what comes back.
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'identity/%'")
