"""Credentials, sessions, keys, roles, devices; capabilities and states of agents.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
