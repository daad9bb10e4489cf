"""A new person has no time zone until somebody says it; until now everybody had UTC, and who has it keeps it.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def _column(default: str, comment: str) -> None:
    op.execute(f"ALTER TABLE users ALTER COLUMN timezone SET DEFAULT '{default}'")
    op.execute(f"COMMENT ON COLUMN users.timezone IS '{comment}'")


def upgrade() -> None:
    _column("", "IANA name; empty: nobody said, and the zone of the setting counts")


def downgrade() -> None:
    _column("UTC", "IANA name")
