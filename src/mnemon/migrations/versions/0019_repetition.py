"""A memory that is said again is known again: by a key of its text, and counted.

The key is a column, computed by the database: a policy lets no index be used over a function that may leak, and
normalize() and md5() may, by the catalogue. Adding it writes the table of memories anew.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

FORM = r"""btrim(regexp_replace(normalize(content, NFKC) COLLATE "C", '[\s\u0085\u2028\u2029]+', ' ', 'g'))"""
KEY = f"md5({FORM})::uuid"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE memories ADD COLUMN confirmed integer NOT NULL DEFAULT 0, ADD COLUMN confirmed_at timestamptz, "
        f"ADD COLUMN repetition_key uuid GENERATED ALWAYS AS ({KEY}) STORED, "
        "ADD CONSTRAINT ck_memories_confirmed CHECK (confirmed >= 0)"
    )
    for column, comment in (
        ("confirmed", "How often it was said again"),
        ("confirmed_at", "When it was said again last"),
        ("repetition_key", "Digest of its text in compatibility form with single spaces: finds a repetition"),
    ):
        op.execute(f"COMMENT ON COLUMN memories.{column} IS '{comment}'")
    op.execute("CREATE INDEX ix_memories_repetition ON memories (organization_id, repetition_key)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_memories_repetition")
    op.execute("DROP TRIGGER log_changed ON memories")
    op.execute("DROP TRIGGER touch ON memories")
    op.execute(
        "ALTER TABLE memories DROP CONSTRAINT ck_memories_confirmed, DROP COLUMN confirmed, "
        "DROP COLUMN confirmed_at, DROP COLUMN repetition_key"
    )
    # The triggers of the revision below are made again by its own version.
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'memory/%'")
