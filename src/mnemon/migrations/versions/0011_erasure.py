"""Erasure goes by ids and typed references.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
