"""An answer uses messages as well as memories, and somebody may say whether they helped.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TABLE = "message_memory_usage"
MEMORY = "The memory it was given"
SAYS = "Which memory was used for which answer, and why (seed 000)"
COMMENTS = {
    "memory_id": f"{MEMORY}; or a message",
    "used_message_id": "The message it was given; or a memory",
    "helpful": "Whether it helped; null: nobody said",
}


def upgrade() -> None:
    op.execute(
        f"ALTER TABLE {TABLE} ALTER COLUMN memory_id DROP NOT NULL, ADD COLUMN used_message_id uuid, "
        f"ADD COLUMN helpful boolean, DROP CONSTRAINT uq_{TABLE}_memory_id, "
        f"ADD CONSTRAINT uq_{TABLE}_used "
        "UNIQUE NULLS NOT DISTINCT (organization_id, message_id, memory_id, used_message_id), "
        f"ADD CONSTRAINT ck_{TABLE}_one_used CHECK (num_nonnulls(memory_id, used_message_id) = 1), "
        f"ADD CONSTRAINT ck_{TABLE}_not_used_by_itself CHECK (used_message_id <> message_id), "
        f"ADD CONSTRAINT fk_{TABLE}_organization_id_used_message_id FOREIGN KEY (organization_id, used_message_id) "
        "REFERENCES messages (organization_id, id) ON DELETE CASCADE"
    )
    op.execute(
        f"CREATE INDEX ix_{TABLE}_message ON {TABLE} (organization_id, used_message_id, created_at DESC) "
        "WHERE used_message_id IS NOT NULL"
    )
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {TABLE}.{column} IS '{comment}'")
    op.execute(f"COMMENT ON TABLE {TABLE} IS 'Which memory or message was used for which answer, and why (seed 000)'")


def downgrade() -> None:
    op.execute(f"ALTER TABLE {TABLE} NO FORCE ROW LEVEL SECURITY")
    op.execute(f"DELETE FROM {TABLE} WHERE memory_id IS NULL")
    op.execute(f"ALTER TABLE {TABLE} FORCE ROW LEVEL SECURITY")
    # The foreign key, the index and the rules of what is dropped go with it.
    op.execute(
        f"ALTER TABLE {TABLE} DROP CONSTRAINT uq_{TABLE}_used, DROP COLUMN used_message_id, DROP COLUMN helpful, "
        f"ALTER COLUMN memory_id SET NOT NULL, "
        f"ADD CONSTRAINT uq_{TABLE}_memory_id UNIQUE (organization_id, message_id, memory_id)"
    )
    op.execute(f"COMMENT ON COLUMN {TABLE}.memory_id IS '{MEMORY}'")
    op.execute(f"COMMENT ON TABLE {TABLE} IS '{SAYS}'")
