"""Workers log in as a role of their own.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


# The upper 47 bits of an ordinal: past them a number would run into its sign. Where an import has pushed the sequence
# beyond, it begins anew; session numbers are unique in their organisation, and a sequence that begins anew has no end.
_BOUND = """
DO $$
BEGIN
  IF (SELECT last_value FROM session_numbers) >= 140737488355327 THEN
    ALTER SEQUENCE session_numbers MAXVALUE 140737488355327 CYCLE RESTART WITH 1;
  ELSE
    ALTER SEQUENCE session_numbers MAXVALUE 140737488355327 CYCLE;
  END IF;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "upkeep_locks",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_upkeep_locks")),
        comment="Global: a row for each work of the installation, locked while somebody is at it; the application has "
        "no right on it, where anybody could hold an advisory lock",
    )
    op.execute("INSERT INTO upkeep_locks VALUES ('dashboard'), ('knowledge_summaries')")
    op.execute(_BOUND)


def downgrade() -> None:
    op.drop_table("upkeep_locks")
    op.execute("ALTER SEQUENCE session_numbers NO MAXVALUE NO CYCLE")
