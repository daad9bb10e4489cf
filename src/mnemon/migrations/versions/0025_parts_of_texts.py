"""A text that is too long for a row is kept in rows that are its parts.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

COMMENTS = {
    "whole_id": "The text that it is a part of, by the id of the first part; null: it is the whole",
    "part": "Which part of the text it is, from 1",
    "parts": "How many parts the text has; joined they are the text",
}
NOT_BLANK = "content ~ '[^[:space:]]'"


def upgrade() -> None:
    for table in ("messages", "memories"):
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN whole_id uuid, ADD COLUMN part integer, ADD COLUMN parts integer, "
            f"ADD CONSTRAINT ck_{table}_part_of_whole CHECK (num_nonnulls(whole_id, part, parts) IN (0, 3)), "
            f"ADD CONSTRAINT ck_{table}_part "
            "CHECK (part BETWEEN 1 AND parts AND parts > 1 AND (part = 1) = (whole_id = id)), "
            # A part may be nothing but white space, where the text has that much of it.
            f"DROP CONSTRAINT ck_{table}_content_not_blank, "
            f"ADD CONSTRAINT ck_{table}_content_not_blank CHECK ({NOT_BLANK} OR whole_id IS NOT NULL), "
            f"ADD CONSTRAINT fk_{table}_organization_id_whole_id FOREIGN KEY (organization_id, whole_id) "
            f"REFERENCES {table} (organization_id, id) ON DELETE CASCADE"
        )
        op.execute(
            f"CREATE INDEX ix_{table}_whole ON {table} (organization_id, whole_id, part) WHERE whole_id IS NOT NULL"
        )
        for column, comment in COMMENTS.items():
            op.execute(f"COMMENT ON COLUMN {table}.{column} IS '{comment}'")


def downgrade() -> None:
    # The view is made again by the version below.
    op.execute("DROP VIEW IF EXISTS memory_tags")
    for table in ("messages", "memories"):
        # Parts become texts of their own, and those that are nothing but white space go, without the others.
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_organization_id_whole_id")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"DELETE FROM {table} WHERE whole_id IS NOT NULL AND NOT {NOT_BLANK}")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_content_not_blank, DROP COLUMN whole_id, "
            f"DROP COLUMN part, DROP COLUMN parts, "
            f"ADD CONSTRAINT ck_{table}_content_not_blank CHECK ({NOT_BLANK})"
        )
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'memory/%'")
