"""The full-text indexes hold each organisation's words behind a salt of its own.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mnemon.migrations import ddl

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = ("messages", "memories", "knowledge_items", "gmail_messages")

#: 72 random bits: many guesses fit into one question, and one that hits any organisation's would do.
SALT = "encode(substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 9), 'base64')"

# Nothing of an organisation can be written before its salt is there. It goes with the organisation, but last: a cascade
# also changes rows before it deletes them, and a changed row is put into the indexes again.
SALTS = """
CREATE FUNCTION salt_organization() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM search_salts WHERE id = OLD.id;
  ELSE
    INSERT INTO search_salts (id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$
"""

# A row's words as the index has them. IMMUTABLE, since an organisation's salt never changes. Of another organisation's
# row it says nothing, to whomever the transaction is for: policies let the index be used because of that (a superuser
# declares it leakproof), and it may be asked before the policy is. It raises nothing that depends on a word. A session
# of the schema's owner or of a superuser (building an index, maintenance of the server, an import) is told all.
# The cost is what keeps the planner from salting row by row where the index serves.
# Words that would be too long with the salt are held by their hash. All are salted in one step where they are short and
# none has the character that they are joined by; word by word takes twice as long.
WORDS = """
CREATE FUNCTION search_words(p_organization uuid, p_vector tsvector) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SECURITY DEFINER COST 1000
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  own text;
  words text[] := tsvector_to_array(p_vector);
  joined text;
  salted text[];
BEGIN
  IF NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    IF p_organization IS DISTINCT FROM current_tenant() THEN
      RETURN NULL;
    END IF;
  END IF;
  SELECT s.salt INTO own FROM search_salts s WHERE s.id = p_organization;
  IF own IS NULL THEN
    RAISE EXCEPTION 'organisation % has no salt', p_organization;
  END IF;
  joined := array_to_string(words, chr(1) || own);
  IF octet_length(joined) <= 2000 THEN
    salted := string_to_array(own || joined, chr(1));
  END IF;
  IF cardinality(salted) IS DISTINCT FROM cardinality(words) THEN
    salted := ARRAY(
      SELECT own || CASE WHEN octet_length(w) > 2000 THEN encode(sha256(convert_to(w, 'UTF8')), 'hex') ELSE w END
      FROM unnest(words) w);
  END IF;
  RETURN array_to_tsvector(salted);
END $$
"""


def upgrade() -> None:
    op.create_table(
        "search_salts",
        sa.Column("id", sa.Uuid(), primary_key=True, comment="The organisation"),
        sa.Column(
            "salt", sa.Text(), server_default=sa.text(SALT), nullable=False, comment="Before each word in the indexes"
        ),
        comment="What an organisation's words stand behind in the full-text indexes; for the owner",
    )
    op.execute("ALTER TABLE search_salts ALTER COLUMN salt SET STATISTICS 0")
    op.execute(SALTS)
    op.execute("REVOKE ALL ON FUNCTION salt_organization() FROM PUBLIC")
    op.execute("CREATE TRIGGER salt AFTER INSERT ON organizations FOR EACH ROW EXECUTE FUNCTION salt_organization()")
    op.execute(
        "CREATE CONSTRAINT TRIGGER salt_goes AFTER DELETE ON organizations DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION salt_organization()"
    )
    op.execute("ALTER TABLE organizations NO FORCE ROW LEVEL SECURITY")
    op.execute("INSERT INTO search_salts (id) SELECT id FROM organizations")
    op.execute("ALTER TABLE organizations FORCE ROW LEVEL SECURITY")
    op.execute(WORDS)
    op.execute("REVOKE ALL ON FUNCTION search_words(uuid, tsvector) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION search_words(uuid, tsvector) TO {ddl.APP_ROLE}")
    for table in TABLES:
        op.execute(f"DROP INDEX ix_{table}_search")
        ddl.words_index(table)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP INDEX ix_{table}_search")
        ddl.search_index(table)
    op.execute("DROP FUNCTION IF EXISTS search_query(tsquery)")
    op.execute("DROP FUNCTION search_words(uuid, tsvector)")
    op.execute("DROP TRIGGER salt ON organizations")
    op.execute("DROP TRIGGER salt_goes ON organizations")
    op.execute("DROP FUNCTION salt_organization()")
    op.drop_table("search_salts")
    op.execute("DELETE FROM schema_objects WHERE name = 'db/40_words.sql'")
