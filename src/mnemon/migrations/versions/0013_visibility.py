"""Rank and privacy inside an organisation.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


#: What the column says of itself; nothing but words changes, no row and no index.
SAYS = "Seen by who takes part, whose it is, who made it and the agent that leads it; of a team: by the team"


def upgrade() -> None:
    op.alter_column("conversations", "is_private", existing_type=sa.Boolean(), comment=SAYS)


def downgrade() -> None:
    op.alter_column("conversations", "is_private", existing_type=sa.Boolean(), comment=None, existing_comment=SAYS)
