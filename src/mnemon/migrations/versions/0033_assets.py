"""Files: what they are, whose, and what they belong to; their bytes are in the object store.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

from mnemon.migrations.tables import Table, check, column, index, mutable, owned, tenanted, within

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

MEDIA_TYPE = "^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*$"
HOLDERS = ("conversation_id", "message_id", "memory_id", "document_id")

ASSETS = Table(
    "assets",
    "Files whose bytes are in the object store (seed 000: REQ_013.4.2)",
    column("user_id", "uuid", "Whose file it is"),
    column("name", "varchar(500)", "As people see it; no path"),
    column("media_type", "varchar(255)", "image/png: as it was given, not looked at"),
    column("size_bytes", "bigint", "Of the file itself, not of what is stored of it"),
    column("sha256", "bytea", "Of the file itself"),
    column("object_id", "uuid", "Its bytes in the store, sealed; the same file of one organisation is stored once"),
    column("conversation_id", "uuid", "What it belongs to, and goes with", null=True),
    column("message_id", "uuid", "The same", null=True),
    column("memory_id", "uuid", "The same", null=True),
    column("document_id", "uuid", "The same", null=True),
    *tenanted(),
    *mutable(),
    check("name", "name ~ '[^[:space:]]'"),
    check("size_bytes", "size_bytes BETWEEN 0 AND 5000000000"),
    check("sha256", "octet_length(sha256) = 32"),
    check("media_type", f"media_type ~ '{MEDIA_TYPE}'"),
    check("holder", f"num_nonnulls({', '.join(HOLDERS)}) <= 1"),
    owned(),
    within("users", "user_id"),
    within("conversations", "conversation_id"),
    within("messages", "message_id"),
    within("memories", "memory_id"),
    within("documents", "document_id"),
    index("user", "organization_id", "user_id", "created_at DESC", "id DESC"),
    index("sha256", "organization_id", "sha256"),
    index("object", "organization_id", "object_id"),
    *(index(name[:-3], "organization_id", name, where=f"{name} IS NOT NULL") for name in HOLDERS),
)


def upgrade() -> None:
    ASSETS.create()


def downgrade() -> None:
    ASSETS.drop()
    op.execute("DROP FUNCTION IF EXISTS sweep_assets()")
    # Names a table that goes; the revision below makes them again.
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'workspace/%' OR name LIKE 'operations/%'")
