"""An organisation knows which languages its rows are stemmed in, so that questions are read in each of them.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

from mnemon.migrations import ddl

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

#: Read as English, or not stemmed at all (words_configuration(), revision 0018).
ENGLISH = "('en', 'zh', 'ja', 'ko', 'th', 'lo', 'km', 'my')"

# Whoever writes the row: an import of an export and a client of its own too.
NOTE = """
CREATE FUNCTION note_language() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM recall_statistics s
    WHERE s.organization_id = NEW.organization_id AND s.languages @> ARRAY[NEW.language::text]
  ) THEN
    INSERT INTO recall_statistics (organization_id, languages) VALUES (NEW.organization_id, ARRAY[NEW.language])
    ON CONFLICT (organization_id) DO UPDATE SET languages = recall_statistics.languages || excluded.languages
    WHERE NOT recall_statistics.languages @> excluded.languages;
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("ALTER TABLE recall_statistics ADD COLUMN languages text[] NOT NULL DEFAULT '{}'")
    op.execute("COMMENT ON COLUMN recall_statistics.languages IS 'Languages of rows that are not stemmed as English'")
    op.execute(NOTE)
    op.execute("REVOKE ALL ON FUNCTION note_language() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION note_language() TO {ddl.APP_ROLE}")
    for table in ("messages", "memories"):
        op.execute(
            f"CREATE TRIGGER language AFTER INSERT OR UPDATE OF language ON {table} FOR EACH ROW "
            f"WHEN (NEW.language IS NOT NULL AND NEW.language NOT IN {ENGLISH}) EXECUTE FUNCTION note_language()"
        )


def downgrade() -> None:
    for table in ("messages", "memories"):
        op.execute(f"DROP TRIGGER language ON {table}")
    op.execute("DROP FUNCTION note_language()")
    op.execute("ALTER TABLE recall_statistics DROP COLUMN languages")
