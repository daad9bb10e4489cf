"""The fixed catalogue of permissions: the same for every organisation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

#: Resource, actions, what the resource is.
PERMISSIONS = (
    ("organizations", "read write delete", "the organisation and its settings"),
    ("users", "read write delete", "people"),
    ("teams", "read write delete", "teams and who is in them"),
    ("roles", "read write delete assign", "roles, and who has them"),
    ("account", "read write", "one's own password, second factors, sessions, preferences and devices"),
    ("sessions", "read delete", "where people are signed in"),
    ("api_keys", "read write delete", "API keys"),
    ("devices", "read write delete", "devices for push notifications"),
    ("agents", "read write delete", "agents, their capabilities and states"),
    ("conversations", "read write delete", "conversations"),
    ("messages", "read write delete", "what was said"),
    ("memories", "read write delete", "memories"),
    ("facts", "read write delete", "facts with their validity"),
    ("entities", "read write delete", "entities and their relationships"),
    ("knowledge", "read write delete maintain", "knowledge items and their transfers"),
    ("patterns", "read write delete", "learnt patterns and their use"),
    ("learning", "read write delete", "learning sessions"),
    ("workflows", "read write delete execute", "workflows and their executions"),
    ("tasks", "read write delete", "tasks"),
    ("documents", "read write delete", "documents"),
    ("templates", "read write delete", "document templates"),
    ("notifications", "read write delete", "notifications"),
    ("integrations", "read write delete use", "connections to other services, and what came through them"),
    ("webhooks", "read write delete deliver", "webhook endpoints and deliveries"),
    ("jobs", "read write delete", "background jobs"),
    ("metrics", "read write", "metrics"),
    ("audit", "read write seal", "the audit trail"),
    ("logs", "read write delete", "the logs of errors and of API requests"),
    ("operations", "read write maintain", "partitions, retention, statistics"),
)


def fill() -> None:
    """Write the permissions down."""
    columns = ("resource", "action", "description")
    op.bulk_insert(
        sa.table("permissions", *(sa.column(name, sa.Text) for name in columns)),
        [
            dict(zip(columns, (resource, action, f"{action.capitalize()} {description}"), strict=True))
            for resource, actions, description in PERMISSIONS
            for action in actions.split()
        ],
    )
