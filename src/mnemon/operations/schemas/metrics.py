"""What the verbs of metrics take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from mnemon.core.pages import Limit, PageRequest
from mnemon.core.text import JsonObject, Label, Moment, Schema
from mnemon.operations.models import MetricInterval, MetricSource
from mnemon.operations.schemas.base import METRICS_AT_ONCE, MetricType, Name100, Value


class AgentMetric(Schema):
    """One measurement of an agent.

    Attributes:
        value: in the unit that ``metric_type`` names; -1e100 to 1e100.
        timestamp: when it was measured; now, if left out. Any date is accepted.
    """

    agent_id: UUID
    metric_type: MetricType
    value: Value
    timestamp: Moment | None = None
    metadata: JsonObject = Field(default_factory=dict)


class SystemMetric(Schema):
    """One measurement of a part of the system (api, worker, database)."""

    component: Name100
    metric_type: MetricType
    value: Value
    host: Label | None = None
    timestamp: Moment | None = None
    metadata: JsonObject = Field(default_factory=dict)


class IngestMetrics(Schema):
    """Measurements, of agents or of the system; at most 50,000."""

    metrics: Annotated[tuple[AgentMetric | SystemMetric, ...], Field(max_length=METRICS_AT_ONCE)]


class Ingested(Schema):
    """How many measurements were written."""

    rows: int


class RolledUp(Schema):
    """How many waiting sums were added to the hourly and daily rollups."""

    partials: int


class RollupQuery(PageRequest):
    """Rollups of a stretch of time, oldest first.

    Attributes:
        subject: the id of an agent, an item of knowledge or a pattern as text, or a component.
    """

    source: MetricSource
    interval: MetricInterval = MetricInterval.HOUR
    subject: Name100 | None = None
    metric_type: MetricType | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: Limit = 1000


class Rollup(Schema):
    """All measurements of a series in one hour or day."""

    subject: str
    metric_type: str
    start: datetime
    count: int
    average: float
    minimum: float
    maximum: float
    deviation: float


class DashboardQuery(Schema):
    """What the dashboard is to show.

    Attributes:
        refresh: add the organisation's own up now; otherwise it is as of the last refresh for everybody.
    """

    source: MetricSource | None = None
    subject: Name100 | None = None
    metric_type: MetricType | None = None
    refresh: bool = False
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000


class DashboardRow(Schema):
    """A series over a span: the last hour, day or week in whole hours, with the running one."""

    source: MetricSource
    subject: str
    metric_type: str
    span: Literal["hour", "day", "week"]
    count: int
    average: float
    minimum: float
    maximum: float
    deviation: float


class Dashboard(Schema):
    """The dashboard and when it was last brought up to date (None: it has nothing yet)."""

    refreshed_at: datetime | None
    rows: tuple[DashboardRow, ...]
