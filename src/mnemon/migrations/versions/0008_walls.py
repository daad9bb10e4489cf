"""Who a transaction is for is proven, and nothing that a caller can name is run for somebody else.

The policies themselves follow after the last revision, because what they read depends on what the server allows.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mnemon.migrations import ddl

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "installation_keys",
        sa.Column(
            "key_id", sa.LargeBinary(), primary_key=True, comment="First bytes of a hash of the installation key"
        ),
        sa.Column("inner_block", sa.LargeBinary(), nullable=False, comment="What an HMAC-SHA256 with it begins with"),
        sa.Column("outer_block", sa.LargeBinary(), nullable=False, comment="What its outer hash begins with"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        comment="What the database checks a process's proofs with, derived from the installation key; for the owner",
    )
    op.execute("DROP FUNCTION IF EXISTS set_tenant(uuid, uuid, uuid, boolean)")
    op.execute("DROP FUNCTION IF EXISTS ensure_organization(text, text)")


def downgrade() -> None:
    # The policies go back to the setting that the functions of that revision write.
    op.execute(
        f"""
        DO $$
        DECLARE entry record;
        BEGIN
          FOR entry IN
            SELECT p.polrelid::regclass AS name,
              CASE p.polrelid::regclass::text WHEN 'organizations' THEN 'id' ELSE 'organization_id' END AS key
            FROM pg_policy p WHERE p.polname = 'tenant' AND p.polrelid::regclass::text NOT LIKE '%.%'
          LOOP
            EXECUTE format($f$ALTER POLICY tenant ON %s USING (%s = {ddl.TENANT}) WITH CHECK (%s = {ddl.TENANT})$f$,
              entry.name, entry.key, entry.key);
          END LOOP;
        END $$
        """
    )
    for function in ("set_tenant(uuid, uuid, uuid, bytea)", "ensure_organization(text, text, bytea)"):
        op.execute(f"DROP FUNCTION IF EXISTS {function} CASCADE")
    op.execute("DELETE FROM schema_objects")  # those of the revision below are applied whole by its own version
    op.drop_table("installation_keys")
