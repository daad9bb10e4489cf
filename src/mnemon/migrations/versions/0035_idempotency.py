"""Calls that may come again: a key of the caller's own, what was asked and what was answered.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from mnemon.migrations.tables import Table, check, column, created, index, owned, tenanted, within

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

IDEMPOTENCY_KEYS = Table(
    "idempotency_keys",
    "Calls with an Idempotency-Key and their answers, for 24 hours; the id is made of caller and key",
    *tenanted(),
    column("user_id", "uuid", "Who called; null: an agent, or the organisation itself", null=True),
    column("agent_id", "uuid", null=True),
    column("request_hash", "bytea", "SHA-256 of what was asked: another request is refused"),
    column("status", "integer", "The status that was answered", default="0"),
    column("answer", "text", "The answer, sealed with a key that the caller's own key is a part of", default="''"),
    created(),
    owned(),
    within("users", "user_id"),
    within("agents", "agent_id"),
    check("request_hash", "octet_length(request_hash) = 32"),
    check("status", "status BETWEEN 0 AND 599"),
    index("created", "organization_id", "created_at"),
    index("user", "organization_id", "user_id", where="user_id IS NOT NULL"),
    index("agent", "organization_id", "agent_id", where="agent_id IS NOT NULL"),
)


def upgrade() -> None:
    IDEMPOTENCY_KEYS.create()


def downgrade() -> None:
    IDEMPOTENCY_KEYS.drop()
