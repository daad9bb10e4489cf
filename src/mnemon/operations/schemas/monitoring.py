"""What the monitoring verbs give."""

from __future__ import annotations

from mnemon.core.text import Schema


class TableSize(Schema):
    """A table with its partitions: bytes in all, of the rows, of the indexes; rows as the planner estimates them."""

    table: str
    total_bytes: int
    table_bytes: int
    index_bytes: int
    estimated_rows: int
    partitions: int


class TableSizes(Schema):
    """Tables, the largest first."""

    tables: tuple[TableSize, ...]


class IndexUse(Schema):
    """An index with those of its partitions: how often it was used since the statistics began."""

    table: str
    index: str
    scans: int
    rows_read: int
    rows_fetched: int
    bytes: int


class IndexUses(Schema):
    """Indexes, the most used first."""

    indexes: tuple[IndexUse, ...]


class SlowQuery(Schema):
    """A statement without its values, and what it costs (milliseconds)."""

    query: str
    calls: int
    total_ms: float
    mean_ms: float
    maximum_ms: float
    rows: int


class SlowQueries(Schema):
    """Statements, the slowest on average first; ``available`` is False where pg_stat_statements is not there."""

    available: bool
    queries: tuple[SlowQuery, ...] = ()
