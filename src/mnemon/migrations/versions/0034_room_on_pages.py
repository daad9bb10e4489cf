"""Memories are stored with some room on each page: counting an access then writes a row and no index.

A new version of a row that finds room on its page is in no index anew, the vector index among them. Pages that are full
already stay so until their rows change.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

#: Per cent of a page that new rows may fill.
FILLED = 85


def upgrade() -> None:
    _each(f"SET (fillfactor = {FILLED})")


def downgrade() -> None:
    _each("RESET (fillfactor)")


def _each(change: str) -> None:
    """Change every partition of memories: the whole has no pages of its own."""
    op.execute(
        "DO $$ DECLARE part regclass; BEGIN "
        "FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'memories'::regclass LOOP "
        f"EXECUTE format('ALTER TABLE %s {change}', part); "
        "END LOOP; END $$"
    )
