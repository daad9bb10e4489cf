"""How deep a document may be is held by the database too.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

DOCUMENTS = {
    "agent_metrics": ("metadata",),
    "agent_states": ("state_data",),
    "agents": (
        "boundaries",
        "memory_config",
        "metadata",
        "model_config",
        "personality",
    ),
    "api_requests": ("metadata",),
    "audit_logs": (
        "metadata",
        "new_value",
        "old_value",
    ),
    "background_jobs": (
        "payload",
        "result",
        "states",
    ),
    "calendar_events": ("attendees",),
    "conversations": ("metadata",),
    "entities": ("metadata",),
    "error_logs": ("metadata",),
    "import_checkpoints": ("position",),
    "integrations": ("metadata",),
    "job_schedules": ("payload",),
    "knowledge_items": ("content",),
    "knowledge_metrics": ("metadata",),
    "learning_sessions": ("session_metrics",),
    "memories": ("metadata",),
    "message_memory_usage": ("signals",),
    "messages": (
        "metadata",
        "tool_calls",
        "tool_results",
    ),
    "notifications": ("data",),
    "organizations": ("settings",),
    "pattern_usage": ("context",),
    "patterns": (
        "metadata",
        "pattern_data",
    ),
    "system_metrics": ("metadata",),
    "teams": ("settings",),
    "users": ("metadata",),
    "webhook_deliveries": ("payload",),
    "workflow_executions": ("execution_data",),
    "workflows": (
        "dependencies",
        "steps",
    ),
}


def upgrade() -> None:
    for table, columns in DOCUMENTS.items():
        # One statement a table: its rows are read once, however many columns there are.
        rules = ", ".join(
            f"ADD CONSTRAINT ck_{table}_{column}_depth CHECK (NOT jsonb_path_exists({column}, '$.**{{40 to last}}'))"
            for column in columns
        )
        op.execute(sa.text(f"ALTER TABLE {table} {rules}"))


def downgrade() -> None:
    for table, columns in DOCUMENTS.items():
        rules = ", ".join(f"DROP CONSTRAINT ck_{table}_{column}_depth" for column in columns)
        op.execute(sa.text(f"ALTER TABLE {table} {rules}"))
