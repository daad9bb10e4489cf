"""What the maintenance of partitions takes and gives."""

from __future__ import annotations

from mnemon.core.text import Schema
from mnemon.operations.schemas.base import Name100


class MaintainPartitions(Schema):
    """Which time series to maintain; none named: all."""

    tables: tuple[Name100, ...] = ()


class MaintainedTable(Schema):
    """What maintenance did with one time series.

    Attributes:
        made: partitions that were made.
        dropped: partitions that were past their retention.
        drained: rows that left the default partition.
        busy: it was in use all the time; nothing was done, try later.
    """

    table: str
    made: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    drained: int = 0
    busy: bool = False


class PartitionReport(Schema):
    """What maintenance did."""

    tables: tuple[MaintainedTable, ...]
