"""An address that is told what happens knows since when it fails, and why it was switched off.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

revision = "0032"
down_revision = "0027"
branch_labels = None
depends_on = None

TABLE = "webhook_endpoints"
COMMENTS = {
    "failures": "Attempts that failed since the last one that came through",
    "failing_since": "When the first of them was; null: the last one came through",
    "disabled_reason": "Why it was switched off by itself; null: it was not",
}
#: What tells of changes; made again from its text when the way goes up.
TOLD = (
    "memories messages conversations memory_facts tasks documents agents users knowledge_items workflow_executions "
    "entities"
).split()


def upgrade() -> None:
    op.execute(
        f"ALTER TABLE {TABLE} ADD COLUMN failures integer NOT NULL DEFAULT 0, ADD COLUMN failing_since timestamptz, "
        f"ADD COLUMN disabled_reason varchar(500), ADD CONSTRAINT ck_{TABLE}_failures CHECK (failures >= 0)"
    )
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {TABLE}.{column} IS '{comment}'")


def downgrade() -> None:
    for table in TOLD:
        op.execute(f"DROP TRIGGER IF EXISTS tell_created ON {table}")
        op.execute(f"DROP TRIGGER IF EXISTS tell_changed ON {table}")
    op.execute("DROP FUNCTION IF EXISTS note_event()")
    # Looks at a column that goes; the revision below makes it again.
    op.execute(f"DROP TRIGGER IF EXISTS touch ON {TABLE}")
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'integrations/%'")
    op.execute(f"ALTER TABLE {TABLE} DROP COLUMN failures, DROP COLUMN failing_since, DROP COLUMN disabled_reason")
