"""The schema as it was first published, whole: what every later revision begins with.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

from mnemon.migrations import ddl
from mnemon.migrations.baseline import permissions, tables

revision = "0007"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE session_numbers AS bigint")
    op.execute(f"GRANT USAGE ON SEQUENCE session_numbers TO {ddl.APP_ROLE}")
    for table in tables():
        table.create()
    permissions.fill()
    op.execute(f"GRANT SELECT ON alembic_version TO {ddl.APP_ROLE}")


def downgrade() -> None:
    # Each table by itself: all at once would take more locks than a server has room for. What was begun can go on.
    with op.get_context().autocommit_block():
        for table in reversed(tables()):
            table.drop()
    op.execute("DROP SEQUENCE IF EXISTS session_numbers")
