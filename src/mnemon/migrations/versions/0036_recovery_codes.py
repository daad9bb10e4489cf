"""Recovery codes: a second factor for who has lost the others, each once.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

from mnemon.migrations.tables import Table, check, column, created, moment, owned, tenanted, unique, within

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

CODES = Table(
    "recovery_codes",
    "Codes that stand for a second factor, each once (REQ-T130)",
    column("user_id", "uuid"),
    column("code_hash", "bytea", "HMAC-SHA256 with a key that the database never sees: there are few codes"),
    moment("used_at", "When it was used; null: it may be", null=True),
    created(),
    *tenanted(),
    unique("organization_id", "user_id", "code_hash", name="code_hash"),
    check("code_hash", "octet_length(code_hash) = 32"),
    owned(),
    within("users", "user_id"),
)


def upgrade() -> None:
    CODES.create()


def downgrade() -> None:
    CODES.drop()
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'operations/%'")
