"""What migrations say in one word: partitions, policies, grants, indexes that depend on the server.

Stable by contract: released migrations call these, so a change of meaning here is a new function.
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import Connection

from mnemon.db.base import HASH_PARTITIONS
from mnemon.db.types import DEFAULT_DIMENSIONS

APP_ROLE = "mnemon_app"
#: The operator class of full-text indexes over salted words, where a superuser could make it.
WORDS_OPERATORS = "recall_words_ops"
TENANT = "nullif(current_setting('app.organization_id', true), '')::uuid"


def dimensions() -> int:
    """Return the width of the embedding columns, as the one who migrates asked for it."""
    return int(context.config.attributes.get("dimensions") or DEFAULT_DIMENSIONS)


def partition_by_hash(table: str) -> None:
    """Make the hash partitions of a table."""
    for part in range(HASH_PARTITIONS):
        op.execute(
            f"CREATE TABLE {table}_p{part:02d} PARTITION OF {table} "
            f"FOR VALUES WITH (MODULUS {HASH_PARTITIONS}, REMAINDER {part})"
        )


def partition_by_range(table: str, *, column: str, every: str) -> None:
    """Make a time series' default partition, and those from last to the one after next.

    A row at any date has a place from the first moment: what falls outside goes to the default partition, which
    maintenance drains.

    Args:
        table: a table created with ``postgresql_partition_by="RANGE (column)"``.
        column: the column it is partitioned by.
        every: ``day``, ``week`` (from Monday) or ``month``.
    """
    op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    # Whole steps are added in UTC, without a zone: a day of the session's own zone may have 23 or 25 hours.
    op.execute(
        f"""
        DO $$
        DECLARE lower timestamp; upper timestamp;
        BEGIN
          FOR step IN -1..2 LOOP
            lower := date_trunc('{every}', now() AT TIME ZONE 'UTC') + step * interval '1 {every}';
            upper := lower + interval '1 {every}';
            EXECUTE format('CREATE TABLE %I PARTITION OF {table} FOR VALUES FROM (%L) TO (%L)',
              '{table}_' || to_char(lower, 'YYYYMMDD'), lower AT TIME ZONE 'UTC', upper AT TIME ZONE 'UTC');
          END LOOP;
        END $$
        """
    )


def protect(table: str, *, key: str = "organization_id", grants: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
    """Row-level security for a tenant table: enabled, forced, one policy, one setting; then the grants.

    The plain form of the policy keeps the planner's row estimate; wrapped in a SELECT it is lost.
    """
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} USING ({key} = {TENANT}) WITH CHECK ({key} = {TENANT})")
    op.execute(f"GRANT {grants} ON {table} TO {APP_ROLE}")


def owner_sees(table: str) -> None:
    """Let the schema's owner read and write a global table: its SECURITY DEFINER look-ups need it."""
    op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)")


def recall_indexes(table: str) -> None:
    """Make the two indexes of a recallable table that depend on the server: full text and vectors.

    Where a superuser could make it, the full-text index has an operator class whose operator is leakproof, so that it
    is used under row-level security. The vector index holds rows that maintenance marked, never the writer's.
    """
    bind = op.get_bind()
    leakproof = bind.exec_driver_sql(
        "SELECT EXISTS (SELECT FROM pg_opclass WHERE opcname = 'recall_tsvector_ops')"
    ).scalar()
    operators = "recall_tsvector_ops" if leakproof else "tsvector_ops"
    op.execute(f"CREATE INDEX ix_{table}_search ON {table} USING gin (search_vector {operators})")
    op.execute(vector_index(table, context.config.attributes.get("vector_index") or "hnsw"))


def vector_index(table: str, kind: str) -> str:
    """Return the statement that makes a table's vector index: ``hnsw`` or ``ivfflat`` (seed 002)."""
    using = {
        "hnsw": "hnsw (embedding halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)",
        "ivfflat": "ivfflat (embedding halfvec_cosine_ops) WITH (lists = 100)",
    }[kind]
    return f"CREATE INDEX ix_{table}_embedding ON {table} USING {using} WHERE is_indexed"


def search_index(table: str, column: str = "search_vector") -> None:
    """Make a full-text index, with the leakproof operator class where a superuser could make it.

    Queries name the operator as ``database.match_operator``: it is the one that the index has.
    """
    leakproof = (
        op.get_bind()
        .exec_driver_sql("SELECT EXISTS (SELECT FROM pg_opclass WHERE opcname = 'recall_tsvector_ops')")
        .scalar()
    )
    operators = "recall_tsvector_ops" if leakproof else "tsvector_ops"
    op.execute(f"CREATE INDEX ix_{table}_search ON {table} USING gin ({column} {operators})")


def words_index(table: str) -> None:
    """Make the full-text index over salted words (revision 0015), as this server allows it."""
    op.execute(words_index_text(table, words_operators(op.get_bind())))


def words_operators(bind: Connection) -> str:
    """Return the operator class that full-text indexes get: the one of ours, where a superuser could make it."""
    query = f"SELECT EXISTS (SELECT FROM pg_opclass WHERE opcname = '{WORDS_OPERATORS}')"  # noqa: S608 - ours
    return WORDS_OPERATORS if bind.exec_driver_sql(query).scalar() else "tsvector_ops"


def words_index_text(table: str, operators: str) -> str:
    """Return the statement that makes a table's full-text index over salted words."""
    words = f"search_words(organization_id, search_vector) {operators}"
    return f"CREATE INDEX ix_{table}_search ON {table} USING gin ({words})"


def drop_types(*names: str) -> None:
    """Drop enum types."""
    for name in names:
        op.execute(f"DROP TYPE IF EXISTS {name}")
