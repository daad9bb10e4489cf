"""Erasure goes by ids and needs a right of its own, which owners have.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "INSERT INTO permissions (resource, action, description) VALUES ('users', 'erase', "
        "'Erase people and conversations for good') ON CONFLICT DO NOTHING"
    )
    _as_owner_of_all(
        "INSERT INTO role_permissions (organization_id, role_id, permission_id) "
        "SELECT r.organization_id, r.id, p.id FROM roles r, permissions p "
        "WHERE r.is_system AND r.name = 'owner' AND p.name = 'users:erase' ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    _as_owner_of_all(
        "DELETE FROM role_permissions rp USING permissions p WHERE p.id = rp.permission_id AND p.name = 'users:erase'"
    )
    op.execute("DELETE FROM permissions WHERE resource = 'users' AND action = 'erase'")
    # What came with it, and what gives back another kind of row than before: an earlier version makes its own anew.
    op.execute(
        "DROP FUNCTION IF EXISTS preview_erasure(text, uuid), erase_subject(text, uuid), "
        "erase_now(text, uuid, boolean), erase_part(text, uuid, uuid, uuid[]), erasure_refusal(text, uuid), "
        "erase_trail(text, uuid, uuid, text[], text[], uuid[], uuid[]), erase_rows(text, text, uuid[]), "
        "erase_references(text[], uuid[]), erase_entities(text[], uuid[]), erase_documents(text[], uuid[]), "
        "erasure_remains(uuid)"
    )
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'operations/6%'")


def _as_owner_of_all(statement: str) -> None:
    """Run a statement over the rows of every organisation: policies are not forced on the owner meanwhile."""
    for table in ("roles", "role_permissions"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(statement)
    for table in ("roles", "role_permissions"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
