"""Which model a database's vectors were made by is kept with it.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE embedding_space (
  is_one boolean NOT NULL DEFAULT true CONSTRAINT ck_embedding_space_is_one CHECK (is_one),
  model text NOT NULL,
  dimensions integer NOT NULL CONSTRAINT ck_embedding_space_dimensions CHECK (dimensions > 0),
  fingerprint text,
  noted_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_embedding_space PRIMARY KEY (is_one)
)
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(
        "COMMENT ON TABLE embedding_space IS "
        "'The model that made every vector of this database: one row, written by the first start'"
    )
    for column, comment in (
        ("is_one", "There is one row"),
        ("model", "The embedder''s name"),
        ("dimensions", "Numbers in a vector"),
        ("fingerprint", "What tells models of one name apart, where the embedder has it"),
        ("noted_at", "When it was written"),
    ):
        op.execute(f"COMMENT ON COLUMN embedding_space.{column} IS '{comment}'")
    op.execute("GRANT SELECT ON embedding_space TO mnemon_app")


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS note_embedding_space(text, integer, text, bytea)")
    op.execute("DROP TABLE embedding_space")
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'memory/%'")
