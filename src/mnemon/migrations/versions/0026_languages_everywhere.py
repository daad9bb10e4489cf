"""Mail and knowledge have a language too; rows from before languages get theirs by maintenance, batch by batch.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

from mnemon.migrations import ddl

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

#: What each table's full text is made of.
TABLES = {
    "knowledge_items": "coalesce(content->>'title', '') || ' ' || coalesce(content->>'description', '')",
    "gmail_messages": "COALESCE(subject, ''::text) || ' '::text || \"left\"(COALESCE(body_text, ''::text), 100000)",
}
#: Read as English, or not stemmed at all (words_configuration(), revision 0018).
ENGLISH = "('en', 'zh', 'ja', 'ko', 'th', 'lo', 'km', 'my')"
LANGUAGE = "ISO 639 code of what it is written in; null: not known"
STEP = "Tables whose rows from before languages were looked through; 4: all of them"
AFTER = "The place of the last row that was looked at in the next of them"
COMMENT = """
SELECT col_description(attrelid, attnum) FROM pg_attribute
WHERE attrelid = '{table}'::regclass AND attname = 'search_vector'
"""
#: Every organisation that is there has rows from before.
BEGIN = """
INSERT INTO recall_statistics (organization_id, language_step) SELECT id, 0 FROM organizations
ON CONFLICT (organization_id) DO UPDATE SET language_step = 0
"""


def upgrade() -> None:
    for table, text in TABLES.items():
        op.execute(f"ALTER TABLE {table} ADD COLUMN language varchar(8)")
        op.execute(f"COMMENT ON COLUMN {table}.language IS '{LANGUAGE}'")
        _replace(table, f"words_of({text}, language)")
        op.execute(
            f"CREATE TRIGGER language AFTER INSERT OR UPDATE OF language ON {table} FOR EACH ROW "
            f"WHEN (NEW.language IS NOT NULL AND NEW.language NOT IN {ENGLISH}) EXECUTE FUNCTION note_language()"
        )
    op.execute(
        "ALTER TABLE recall_statistics ADD COLUMN language_step smallint NOT NULL DEFAULT 4, "
        "ADD COLUMN language_after text, ADD CONSTRAINT ck_recall_statistics_language_step "
        "CHECK (language_step BETWEEN 0 AND 4)"
    )
    op.execute(f"COMMENT ON COLUMN recall_statistics.language_step IS '{STEP}'")
    op.execute(f"COMMENT ON COLUMN recall_statistics.language_after IS '{AFTER}'")
    for table in ("organizations", "recall_statistics"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(BEGIN)
    for table in ("organizations", "recall_statistics"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.execute("ALTER TABLE recall_statistics DROP COLUMN language_step, DROP COLUMN language_after")
    for table, text in TABLES.items():
        op.execute(f"DROP TRIGGER language ON {table}")
        _replace(table, f"words_of({text}, NULL::text)")
        op.execute(f"ALTER TABLE {table} DROP COLUMN language")
    # Looks at a column that the way further down takes away; the revision below makes it again.
    op.execute("DROP TRIGGER IF EXISTS audit_update ON memories")
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'operations/%'")


def _replace(table: str, expression: str) -> None:
    """Make the column anew: before PostgreSQL 17 no generated column's expression can be changed in place."""
    comment = op.get_bind().exec_driver_sql(COMMENT.format(table=table)).scalar()
    op.execute(
        f"ALTER TABLE {table} DROP COLUMN search_vector, "
        f"ADD COLUMN search_vector tsvector GENERATED ALWAYS AS ({expression}) STORED NOT NULL"
    )
    if comment:
        op.execute(f"COMMENT ON COLUMN {table}.search_vector IS '{comment}'")
    ddl.words_index(table)
