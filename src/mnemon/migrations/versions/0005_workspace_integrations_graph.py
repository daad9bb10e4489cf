"""Tasks, documents, notifications; integrations; entities; facts and memory usage.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
