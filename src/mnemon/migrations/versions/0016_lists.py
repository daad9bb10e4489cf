"""Lists that are read page by page begin at a place of their index; a job's delay is the worker's to say.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

#: Moments that a row may not have stand in the index as a value, because no place comes after a null.
LATEST = "coalesce(last_message_at, '0002-01-01 00:00:00+00'::timestamptz) DESC, created_at DESC, id DESC"
SOONEST = "coalesce(due_date, '9998-12-31'::date), coalesce(due_time, '23:59:59.999999'::time), created_at, id"
MODIFIED = "coalesce(modified_at, '0002-01-01 00:00:00+00'::timestamptz) DESC, id DESC"
ACTIVE = "WHERE status = 'active' AND deleted_at IS NULL"

#: What each index covers from now on, and what it covered before.
INDEXES = {
    "ix_conversations_last_message": (
        f"conversations (organization_id, {LATEST})",
        "conversations (organization_id, last_message_at DESC)",
    ),
    "ix_conversations_active": (
        f"conversations (organization_id, {LATEST}) {ACTIVE}",
        f"conversations (organization_id, last_message_at DESC) {ACTIVE}",
    ),
    "ix_tasks_due_date": (
        f"tasks (organization_id, {SOONEST}) WHERE deleted_at IS NULL",
        "tasks (organization_id, due_date)",
    ),
    "ix_tasks_due": (f"tasks (organization_id, user_id, {SOONEST}) WHERE deleted_at IS NULL", None),
    "ix_drive_files_modified": (
        f"drive_files (organization_id, user_id, {MODIFIED})",
        "drive_files (organization_id, user_id, modified_at DESC)",
    ),
    "ix_entity_mentions_entity": ("entity_mentions (organization_id, entity_id, created_at DESC, id DESC)", None),
    "ix_users_created": ("users (organization_id, created_at, id)", None),
}


def upgrade() -> None:
    for name, (now, _) in INDEXES.items():
        op.execute(f"DROP INDEX IF EXISTS {name}")
        op.execute(f"CREATE INDEX {name} ON {now}")
    op.execute("DROP FUNCTION IF EXISTS job_delay(integer, double precision, double precision, double precision)")


def downgrade() -> None:
    for name, (_, before) in INDEXES.items():
        op.execute(f"DROP INDEX IF EXISTS {name}")
        if before is not None:
            op.execute(f"CREATE INDEX {name} ON {before}")
