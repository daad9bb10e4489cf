"""Rows say which transaction last changed what recall reads of them, so that a copy of them can be brought up to date.

A copy notes the snapshot it was read in. What a later statement sees and that snapshot does not is what has changed
since: exactly, however transactions overlap, and without a counter that writers would wait for. Rows from before have
none and are in every copy.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

from mnemon.migrations import ddl

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

NOW = "(pg_current_xact_id())::text::bigint"
READ = (
    "user_id, team_id, agent_id, conversation_id, content, language, embedding, occurred_at, created_at, deleted_at, "
    "ordinal"
)
COLUMNS = {
    "messages": f"{READ}, sender_id, speaker, role, follows_question",
    "memories": f"{READ}, memory_type, importance, is_pinned, tier, status, expires_at, superseded_at, superseded_by",
    "conversations": "is_private, team_id, agent_id, user_id, created_by",
}
COMMENTS = {
    "messages": "The transaction that last changed what recall reads of it",
    "memories": "The transaction that last changed what recall reads of it",
    "conversations": "The transaction that last changed who sees it",
}
FUNCTION = f"""
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.changed := {NOW};
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.execute(FUNCTION)
    op.execute("REVOKE ALL ON FUNCTION note_change() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION note_change() TO {ddl.APP_ROLE}")
    for table, columns in COLUMNS.items():
        op.execute(f"ALTER TABLE {table} ADD COLUMN changed bigint")
        op.execute(f"COMMENT ON COLUMN {table}.changed IS '{COMMENTS[table]}'")
        op.execute(f"CREATE INDEX ix_{table}_changed ON {table} (organization_id, changed)")
        op.execute(
            f"CREATE TRIGGER note_change BEFORE UPDATE OF {columns} ON {table} FOR EACH ROW "
            "EXECUTE FUNCTION note_change()"
        )
    op.execute("ALTER TABLE recall_statistics ADD COLUMN erased bigint NOT NULL DEFAULT 0")
    op.execute("COMMENT ON COLUMN recall_statistics.erased IS 'Erasures so far: copies from before one are let go'")
    for table in ("messages", "memories"):  # in a statement of its own: the rows that are there keep none
        op.execute(f"ALTER TABLE {table} ALTER COLUMN changed SET DEFAULT {NOW}")


def downgrade() -> None:
    op.execute("ALTER TABLE recall_statistics DROP COLUMN erased")
    for table in COLUMNS:
        op.execute(f"DROP TRIGGER note_change ON {table}")
        op.execute(f"ALTER TABLE {table} DROP COLUMN changed")
    op.execute("DROP FUNCTION note_change()")
