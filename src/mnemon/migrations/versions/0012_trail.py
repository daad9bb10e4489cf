"""The trail is sealed with a key that the database has not.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

#: Of this version, and callable: they do nothing good below it.
FUNCTIONS = (
    "seal_every_trail(integer)",
    "seal_trail(uuid, integer)",
    "make_audit_block(uuid, integer)",
    "unsigned_trail(uuid)",
    "every_unsigned_trail()",
    "every_trail_head()",
    "audit_block_material(uuid, bigint)",
    "audit_kept(audit_logs)",
    "sign_trails(uuid[], bigint[], bytea[], bytea, bytea)",
    "sign_erasure(text, bigint, bytea, bytea, bytea, bytea)",
    "sign_retention(uuid, timestamptz, integer, timestamptz, bytea, bytea, bytea)",
)


def upgrade() -> None:
    # What is written and not sealed yet is sealed as it was written, by the function of the version before.
    op.execute(
        """
        DO $$
        BEGIN
          IF to_regprocedure('public.seal_every_audit(integer)') IS NOT NULL THEN
            PERFORM public.seal_every_audit(1000);
          END IF;
        END $$
        """
    )
    op.add_column(
        "audit_blocks",
        sa.Column(
            "row_kept_hashes",
            sa.ARRAY(sa.LargeBinary()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="SHA-256 of what stays of each row when it is erased",
        ),
    )
    op.add_column(
        "audit_blocks",
        sa.Column(
            "mac", sa.LargeBinary(), nullable=True, comment="The process's signature: HMAC-SHA256 over the block"
        ),
    )
    op.add_column(
        "audit_blocks",
        sa.Column("mac_key", sa.LargeBinary(), nullable=True, comment="Which key of the installation signed it"),
    )
    op.create_check_constraint(op.f("ck_audit_blocks_mac"), "audit_blocks", "(mac IS NULL) = (mac_key IS NULL)")
    op.create_check_constraint(
        op.f("ck_audit_blocks_row_kept_hashes"),
        "audit_blocks",
        "cardinality(row_kept_hashes) IN (0, cardinality(row_ids))",
    )
    op.create_index(
        "ix_audit_blocks_unsigned",
        "audit_blocks",
        ["organization_id", "number"],
        unique=False,
        postgresql_where=sa.text("mac IS NULL"),
    )
    _know_what_is_kept()
    op.execute("DROP FUNCTION IF EXISTS seal_every_audit(integer)")
    op.execute("DROP FUNCTION IF EXISTS seal_audit(uuid, integer)")


def _know_what_is_kept() -> None:
    """Give blocks from before what is known of their rows; an empty hash fits none. The trigger refuses any change."""
    op.execute("ALTER TABLE audit_blocks DISABLE TRIGGER USER")
    op.execute(
        """
        UPDATE audit_blocks b SET row_kept_hashes = ARRAY(
          SELECT coalesce(sha256(convert_to(jsonb_build_array(
            a.organization_id, a.id, extract(epoch FROM a.created_at), a.transaction_id, a.user_id, a.agent_id,
            a.session_id, a.action, a.resource_type,
            CASE WHEN a.resource_id ~ '^[0-9a-f-]{36}(:[0-9a-f-]{36})*$' THEN a.resource_id END,
            a.status)::text, 'UTF8')), ''::bytea)
          FROM unnest(b.row_ids, b.row_times) WITH ORDINALITY r(id, at, place)
          LEFT JOIN audit_logs a ON a.organization_id = b.organization_id AND a.id = r.id AND a.created_at = r.at
          ORDER BY r.place)
        WHERE b.row_count > 0
        """
    )
    op.execute("ALTER TABLE audit_blocks ENABLE TRIGGER USER")


def downgrade() -> None:
    op.execute("DROP TRIGGER IF EXISTS signed ON audit_blocks")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION IF EXISTS {function}")
    # Their text is applied again on the way up.
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'operations/%'")
    op.drop_index("ix_audit_blocks_unsigned", table_name="audit_blocks")
    op.drop_constraint(op.f("ck_audit_blocks_row_kept_hashes"), "audit_blocks")
    op.drop_constraint(op.f("ck_audit_blocks_mac"), "audit_blocks")
    op.drop_column("audit_blocks", "mac_key")
    op.drop_column("audit_blocks", "mac")
    op.drop_column("audit_blocks", "row_kept_hashes")
