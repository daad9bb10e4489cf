"""Rank and privacy inside an organisation.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
