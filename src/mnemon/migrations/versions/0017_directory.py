"""What people choose and is unique in the installation stands in a directory that the owner alone asks.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

#: Unique for a person, and led by the organisation from now on: a look-up steps on nobody else's rows.
BY_PERSON = {
    "user_credentials": "user_id",
    "mfa_devices": "user_id, name",
    "oauth_tokens": "user_id, provider",
}
#: Indexes by what many have, the same.
BY_WORD = ("status", "tier")

# STABLE, as convert_to() is: so the planner puts the expression in its place.
DIGEST = """
CREATE FUNCTION directory_digest(p_kind text, p_name text) RETURNS bytea LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT sha256(convert_to(p_kind || ':' || p_name, 'UTF8'));
END
"""

# Entries come and go with their rows, whoever writes those. A name that somebody has is refused in the words of a
# unique index. An entry of the row's own may be there already: ensure_organization() begins with it.
KEEP = """
CREATE FUNCTION keep_directory() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  before text;
  after text;
BEGIN
  IF TG_TABLE_NAME = 'users' THEN
    IF TG_OP <> 'INSERT' THEN before := lower(OLD.email); END IF;
    IF TG_OP <> 'DELETE' THEN after := lower(NEW.email); END IF;
  ELSE
    IF TG_OP <> 'INSERT' THEN before := OLD.slug; END IF;
    IF TG_OP <> 'DELETE' THEN after := NEW.slug; END IF;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF before IS NOT DISTINCT FROM after AND OLD.id = NEW.id THEN RETURN NULL; END IF;
  END IF;
  IF before IS NOT NULL THEN
    DELETE FROM directory d WHERE d.digest = directory_digest(TG_ARGV[0], before) AND d.id = OLD.id;
  END IF;
  IF after IS NOT NULL THEN
    INSERT INTO directory (digest, id) VALUES (directory_digest(TG_ARGV[0], after), NEW.id)
    ON CONFLICT (digest) DO NOTHING;
    IF NOT FOUND THEN
      IF NOT EXISTS (
        SELECT FROM directory d WHERE d.digest = directory_digest(TG_ARGV[0], after) AND d.id = NEW.id
      ) THEN
        RAISE EXCEPTION 'duplicate key value violates unique constraint "%"', TG_ARGV[1]
          USING ERRCODE = 'unique_violation', SCHEMA = 'public', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_ARGV[1];
      END IF;
    END IF;
  END IF;
  RETURN NULL;
END $$
"""

# TRUNCATE calls no trigger of a row's; only the owner may do it.
EMPTY = """
CREATE FUNCTION empty_directory() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  EXECUTE format('DELETE FROM directory d USING %I t WHERE d.id = t.id', TG_TABLE_NAME);
  RETURN NULL;
END $$
"""


def _watch(table: str, column: str, kind: str, constraint: str) -> None:
    """Keep the directory of a table's rows that have a name."""
    call = f"FOR EACH ROW WHEN ({{}}) EXECUTE FUNCTION keep_directory('{kind}', '{constraint}')"
    for name, event, condition in (
        ("directory", "INSERT", f"NEW.{column} IS NOT NULL"),
        ("directory_follows", "UPDATE", f"OLD.{column} IS DISTINCT FROM NEW.{column} OR OLD.id <> NEW.id"),
        ("directory_forgets", "DELETE", f"OLD.{column} IS NOT NULL"),
    ):
        op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} {call.format(condition)}")
    op.execute(
        f"CREATE TRIGGER directory_empties BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
        "EXECUTE FUNCTION empty_directory()"
    )
    op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    value = f"lower({column})" if kind == "email" else column
    op.execute(
        f"INSERT INTO directory (digest, id) SELECT directory_digest('{kind}', {value}), id FROM {table} "
        f"WHERE {column} IS NOT NULL"
    )
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def upgrade() -> None:
    op.create_table(
        "directory",
        sa.Column("digest", sa.LargeBinary(), primary_key=True, comment="SHA-256 of the kind and the name"),
        sa.Column("id", sa.Uuid(), nullable=False, comment="Whose it is: a person's or an organisation's"),
        comment="Whose an address or a slug is: what people choose and is unique in the installation; for the owner",
    )
    op.execute("ALTER TABLE directory ALTER COLUMN digest SET STATISTICS 0")
    op.execute(DIGEST)
    op.execute(KEEP)
    op.execute(EMPTY)
    op.execute("REVOKE ALL ON FUNCTION directory_digest(text, text), keep_directory(), empty_directory() FROM PUBLIC")
    _watch("users", "email", "email", "uq_users_email")
    _watch("organizations", "slug", "slug", "uq_organizations_slug")
    op.drop_index("uq_users_email", table_name="users")
    op.drop_constraint("uq_organizations_slug", "organizations")
    for table, columns in BY_PERSON.items():
        name = columns.replace(", ", "_")
        op.drop_constraint(f"uq_{table}_{name}", table)
        op.create_unique_constraint(
            f"uq_{table}_organization_id_{name}", table, ["organization_id", *columns.split(", ")]
        )
    op.drop_index("ix_mfa_devices_user", table_name="mfa_devices")  # the unique one begins the same
    for column in BY_WORD:
        op.drop_index(f"ix_users_{column}", table_name="users")
        op.create_index(f"ix_users_organization_id_{column}", "users", ["organization_id", column])


def downgrade() -> None:
    for column in BY_WORD:
        op.drop_index(f"ix_users_organization_id_{column}", table_name="users")
        op.create_index(f"ix_users_{column}", "users", [column])
    op.create_index("ix_mfa_devices_user", "mfa_devices", ["organization_id", "user_id"])
    for table, columns in BY_PERSON.items():
        name = columns.replace(", ", "_")
        op.drop_constraint(f"uq_{table}_organization_id_{name}", table)
        op.create_unique_constraint(f"uq_{table}_{name}", table, columns.split(", "))
    op.create_unique_constraint("uq_organizations_slug", "organizations", ["slug"])
    op.create_index("uq_users_email", "users", [sa.literal_column("lower(email)")], unique=True)
    for table in ("users", "organizations"):
        for trigger in ("directory", "directory_follows", "directory_forgets", "directory_empties"):
            op.execute(f"DROP TRIGGER {trigger} ON {table}")
    op.execute("DROP FUNCTION IF EXISTS guard_address() CASCADE")
    op.execute("DROP FUNCTION IF EXISTS guard_slug() CASCADE")
    op.execute("DROP FUNCTION IF EXISTS take_address(text, bytea)")
    op.execute("DROP FUNCTION IF EXISTS current_who()")
    op.execute("DROP FUNCTION keep_directory()")
    op.execute("DROP FUNCTION empty_directory()")
    op.execute("DROP FUNCTION directory_digest(text, text)")
    op.drop_table("directory")
    # What was made for this revision is made again for the one below, by its own version.
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'identity/%' OR name LIKE 'db/wall/%'")
