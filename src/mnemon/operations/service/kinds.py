"""What the writer takes: five kinds of measurements, each with its table and how many of it are written at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from mnemon.context import Context
from mnemon.knowledge import service as knowledge
from mnemon.knowledge.schemas import KnowledgeUse, PatternRun, PatternUse, RecordPatternUses, RecordRuns, RecordUses
from mnemon.operations import repository
from mnemon.operations.schemas import AgentMetric, SystemMetric

Metric = AgentMetric | SystemMetric | KnowledgeUse | PatternRun | PatternUse
Columns = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class MetricKind:
    """A kind of measurement.

    Attributes:
        schema: what the caller gives.
        fields: its attributes in the order of the columns; the last says when, and a document is before it.
        write: writes columns, all rows or none, in one transaction.
        values: reads the fields of one.
    """

    schema: type[Metric]
    fields: tuple[str, ...]
    write: Callable[[Context, Columns], Awaitable[None]]
    values: Callable[[Metric], tuple[Any, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Make the reader of the fields."""
        object.__setattr__(self, "values", attrgetter(*self.fields))

    def columns(self, metrics: Sequence[Metric]) -> Columns:
        """Return the values of measurements, a column for each field."""
        return [*zip(*map(self.values, metrics), strict=True)]

    def made(self, values: Sequence[Any]) -> Metric:
        """Return the measurement that these are the values of."""
        return self.schema.model_construct(**dict(zip(self.fields, values, strict=True)))


async def _agent_metrics(ctx: Context, columns: Columns) -> None:
    async with ctx.database.transaction(ctx.principal, bulk=True) as connection:
        await repository.add_agent_metrics(connection, ctx.principal.organization_id, columns)


async def _system_metrics(ctx: Context, columns: Columns) -> None:
    async with ctx.database.transaction(ctx.principal, bulk=True) as connection:
        await repository.add_system_metrics(connection, ctx.principal.organization_id, columns)


async def _knowledge_metrics(ctx: Context, columns: Columns) -> None:
    made = _each(KnowledgeUse, KNOWLEDGE_FIELDS, columns)
    await knowledge.record_knowledge_use(ctx, RecordUses.model_construct(uses=made))


async def _pattern_metrics(ctx: Context, columns: Columns) -> None:
    await knowledge.record_pattern_metrics(ctx, RecordRuns.model_construct(runs=_each(PatternRun, RUN_FIELDS, columns)))


async def _pattern_usage(ctx: Context, columns: Columns) -> None:
    made = _each(PatternUse, USE_FIELDS, columns)
    await knowledge.record_pattern_uses(ctx, RecordPatternUses.model_construct(uses=made))


def _each(schema: type[Any], fields: Sequence[str], columns: Columns) -> tuple[Any, ...]:
    return tuple(schema.model_construct(**dict(zip(fields, row, strict=True))) for row in zip(*columns, strict=True))


AGENT_FIELDS = ("agent_id", "metric_type", "value", "metadata", "timestamp")
SYSTEM_FIELDS = ("component", "host", "metric_type", "value", "metadata", "timestamp")
KNOWLEDGE_FIELDS = ("knowledge_id", "event", "agent_id", "value", "metadata", "at")
RUN_FIELDS = ("pattern_id", "agent_id", "execution_time_ms", "success", "error_type", "at")
USE_FIELDS = ("pattern_id", "agent_id", "success", "context", "at")

KINDS: dict[type[Metric], MetricKind] = {
    kind.schema: kind
    for kind in (
        MetricKind(AgentMetric, AGENT_FIELDS, _agent_metrics),
        MetricKind(SystemMetric, SYSTEM_FIELDS, _system_metrics),
        MetricKind(KnowledgeUse, KNOWLEDGE_FIELDS, _knowledge_metrics),
        MetricKind(PatternRun, RUN_FIELDS, _pattern_metrics),
        MetricKind(PatternUse, USE_FIELDS, _pattern_usage),
    )
}
