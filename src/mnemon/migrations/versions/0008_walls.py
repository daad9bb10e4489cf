"""Who a transaction is for is proven, and nothing that a caller can name is run for somebody else.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
