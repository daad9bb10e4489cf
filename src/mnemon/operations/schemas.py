"""What the verbs of operations take and give, the same at every door."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, IPvAnyAddress, StringConstraints

from mnemon.core.text import JsonObject, Label, Moment, Schema, check_characters
from mnemon.operations.models import AuditStatus, ErrorLevel, MetricInterval, MetricSource

#: resource:verb, as permissions are written.
Action = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]*:[a-z][a-z0-9_.-]*$", max_length=100)]
Name100 = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(check_characters)]
MetricType = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(check_characters)]
Value = Annotated[float, Field(ge=-1e100, le=1e100, allow_inf_nan=False)]
PageSize = Annotated[int, Field(ge=1, le=1000)]

METRICS_AT_ONCE = 50_000
"""Measurements that one call of ``ingest_metrics`` may bring."""


# --- the audit trail -------------------------------------------------------------------------------------------------


class AuditEvent(Schema):
    """Something to add to the trail that no row change tells: a sign-in, a refused access.

    Attributes:
        action: ``resource:verb``, such as ``sessions:create``.
        user_id: whom it is about, where nobody is signed in yet; otherwise the principal counts.
        metadata: what else should be known; secrets are taken out by the names of their keys.
    """

    action: Action
    resource_type: Name100 | None = None
    resource_id: Label | None = None
    status: AuditStatus = AuditStatus.SUCCESS
    error_message: Annotated[str, Field(max_length=10_000), AfterValidator(check_characters)] | None = None
    user_id: UUID | None = None
    metadata: JsonObject = Field(default_factory=dict)
    ip_address: IPvAnyAddress | None = None
    user_agent: Annotated[str, Field(max_length=1000), AfterValidator(check_characters)] | None = None
    session_id: UUID | None = None


class Audited(Schema):
    """The id of what was added to the trail."""

    id: UUID


class AuditQuery(Schema):
    """Which entries of the trail; newest first, a page at a time.

    Attributes:
        since: at or after this time.
        until: before this time; the ``created_at`` of a page's last entry asks for the next page.
    """

    action: Action | None = None
    resource_type: Name100 | None = None
    resource_id: Label | None = None
    user_id: UUID | None = None
    agent_id: UUID | None = None
    status: AuditStatus | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: PageSize = 100


class AuditEntry(Schema):
    """One entry of the trail: who did what to which thing, from where, and what it was and became."""

    id: UUID
    created_at: datetime
    user_id: UUID | None
    agent_id: UUID | None
    session_id: UUID | None
    action: str
    resource_type: str | None
    resource_id: str | None
    ip_address: str | None
    user_agent: str | None
    old_value: dict[str, Any]
    new_value: dict[str, Any]
    status: AuditStatus
    error_message: str | None
    metadata: dict[str, Any]


class AuditPage(Schema):
    """Entries of the trail, newest first."""

    entries: tuple[AuditEntry, ...]


class SealAudit(Schema):
    """How many rows a block holds, about: a transaction is never split."""

    block_size: Annotated[int, Field(ge=1, le=100_000)] = 1000


class Sealed(Schema):
    """How many rows were sealed."""

    rows: int


class AuditAnchor(Schema):
    """The end of the chain as somebody wrote it down elsewhere: it shows that nothing was cut off.

    Attributes:
        number: the block's number.
        hash: its hash, 64 hexadecimal digits.
    """

    number: Annotated[int, Field(ge=1)]
    hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class VerifyAudit(Schema):
    """What to hold the trail against, beside itself."""

    anchor: AuditAnchor | None = None


class BrokenAudit(Schema):
    """The first thing in the trail that is not as it was sealed.

    Attributes:
        problem: ``changed`` (the row is not as it was), ``missing`` (it is gone before its time), ``inserted`` (it was
            put among sealed rows), ``block`` (the block's content was changed), ``chain`` (a block is gone or was put
            in between), ``anchor`` (the block that was written down elsewhere is not there).
        block: the block it belongs to.
        row_id: the row, None where a whole block is concerned.
    """

    problem: Literal["changed", "missing", "inserted", "block", "chain", "anchor"]
    block: int | None
    row_id: UUID | None


class AuditVerification(Schema):
    """What the trail proves.

    Attributes:
        valid: every sealed row is as it was written, none is missing before its time and none was put in between.
        blocks: sealed blocks.
        sealed: rows that are sealed and there.
        expired: rows that retention dropped; their hashes stay in the chain.
        unsealed: rows that no block holds yet.
        sealed_until: ``created_at`` of the newest sealed row.
        broken: how many things are wrong.
        first_broken: the first of them.
        head: the end of the chain: to be written down elsewhere.
    """

    valid: bool
    blocks: int
    sealed: int
    expired: int
    unsealed: int
    sealed_until: datetime | None
    broken: int
    first_broken: BrokenAudit | None
    head: AuditAnchor | None


# --- partitions ------------------------------------------------------------------------------------------------------


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


# --- metrics ---------------------------------------------------------------------------------------------------------


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


class RollupQuery(Schema):
    """Rollups of a stretch of time, oldest first.

    Attributes:
        subject: an agent's id as text, or a component.
    """

    source: MetricSource
    interval: MetricInterval = MetricInterval.HOUR
    subject: Name100 | None = None
    metric_type: MetricType | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: PageSize = 1000


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


class Rollups(Schema):
    """Rollups, oldest first."""

    rollups: tuple[Rollup, ...]


class DashboardQuery(Schema):
    """What the dashboard is to show.

    Attributes:
        refresh: bring it up to date first; otherwise it is as of its last refresh.
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


# --- error and request logs ------------------------------------------------------------------------------------------


class ErrorReport(Schema):
    """An error to log.

    Attributes:
        kind: invalid, conflict, unavailable, internal, ...
        code: the stable, dotted code.
        stack_trace: where it happened; no values of rows, no secrets.
        component: api, worker, or the verb.
    """

    kind: MetricType
    code: Name100
    message: Annotated[str, Field(max_length=10_000), AfterValidator(check_characters)]
    level: ErrorLevel = ErrorLevel.ERROR
    stack_trace: Annotated[str, Field(max_length=100_000), AfterValidator(check_characters)] | None = None
    component: Name100 | None = None
    request_id: Name100 | None = None
    timestamp: Moment | None = None
    metadata: JsonObject = Field(default_factory=dict)


class Logged(Schema):
    """The id of what was logged, and for an error what its like have in common."""

    id: UUID
    fingerprint: str | None = None


class Period(Schema):
    """A stretch of time; without a beginning, the last 24 hours."""

    since: Moment | None = None
    until: Moment | None = None
    limit: PageSize = 100


class ErrorGroup(Schema):
    """Errors of one kind and code."""

    kind: str
    code: str
    level: ErrorLevel
    count: int
    causes: int
    people: int
    first_at: datetime
    last_at: datetime
    last_message: str


class ErrorGroups(Schema):
    """Errors by kind, the most frequent first."""

    groups: tuple[ErrorGroup, ...]


class RequestReport(Schema):
    """A request to log.

    Attributes:
        route: the route's template, not the path: no ids, no secrets.
        duration_ms: milliseconds until the last byte.
    """

    method: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,20}$")]
    route: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(check_characters)]
    status_code: Annotated[int, Field(ge=100, le=599)]
    duration_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    request_bytes: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    response_bytes: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    api_key_id: UUID | None = None
    ip_address: IPvAnyAddress | None = None
    user_agent: Annotated[str, Field(max_length=1000), AfterValidator(check_characters)] | None = None
    request_id: Name100 | None = None
    error_code: Name100 | None = None
    timestamp: Moment | None = None
    metadata: JsonObject = Field(default_factory=dict)


class RouteStatistics(Schema):
    """The requests to one route: how many, how many failed, how long they took (milliseconds)."""

    method: str
    route: str
    count: int
    client_errors: int
    server_errors: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    maximum_ms: float


class RequestStatistics(Schema):
    """Requests by route, the most frequent first."""

    routes: tuple[RouteStatistics, ...]


# --- monitoring ------------------------------------------------------------------------------------------------------


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
