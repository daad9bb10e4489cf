"""The audit trail, metrics, error and request logs.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
