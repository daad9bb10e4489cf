"""Tables of operations: metrics and their rollups, error and request logs; the audit trail is in models_audit.py."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    String,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, Tenanted, belongs_to, created, native_enum
from mnemon.operations import models_audit as models_audit  # its tables belong to this domain

_NEWEST = text('"timestamp" DESC')
# No infinity, not NaN (which is greater than all), and its square is a number too: rollups add it up.
_FINITE = "value BETWEEN -1e100 AND 1e100"
_ORGANIZATION = ["organizations.id"]
# Checked texts, where rows are found by them: under a policy no index finds an enum, whose `=` is not leakproof.
_SOURCE = "source IN ('agent', 'system', 'knowledge', 'pattern_run', 'pattern_use')"


class MetricSource(enum.StrEnum):
    """Whose measurements a rollup adds up."""

    AGENT = "agent"
    SYSTEM = "system"
    KNOWLEDGE = "knowledge"
    PATTERN_RUN = "pattern_run"
    PATTERN_USE = "pattern_use"


class MetricInterval(enum.StrEnum):
    """How long the stretch of time of a rollup is."""

    HOUR = "hour"
    DAY = "day"


class ErrorLevel(enum.StrEnum):
    """How bad an error was."""

    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class PartitionPolicyORM(Base):
    """How a time series is cut into partitions, and how long they are kept."""

    __tablename__ = "partition_policies"
    __tenanted__: ClassVar[bool] = False
    __table_args__ = (
        CheckConstraint("every IN ('day', 'week', 'month')", name="every"),
        CheckConstraint("retention_days > 0", name="retention_days"),
        {"comment": "Global: what maintenance does with each time series; the application may only read it"},
    )

    table_name: Mapped[str] = mapped_column(String(63), primary_key=True)
    column_name: Mapped[str] = mapped_column(String(63), comment="The column it is partitioned by")
    every: Mapped[str] = mapped_column(String(10), comment="day, week (from Monday) or month, in UTC")
    retention_days: Mapped[int | None] = mapped_column(Integer, comment="Null: kept for ever; the owner may change it")
    kept_since: Mapped[datetime | None] = mapped_column(comment="Rows before this were dropped by retention")
    maintained_at: Mapped[datetime | None] = mapped_column(comment="When maintenance last went through")


class AgentMetricORM(Tenanted, Base):
    """One measurement of an agent.

    No foreign key: its triggers do what one would, once for a statement (sql/objects/30_metrics.sql).
    """

    __tablename__ = "agent_metrics"
    __table_args__ = (
        CheckConstraint(_FINITE, name="value"),
        CheckConstraint("length(metric_type) > 0", name="metric_type"),
        Index("ix_agent_metrics_agent", "organization_id", "agent_id", _NEWEST),
        Index("ix_agent_metrics_type", "organization_id", "metric_type", _NEWEST),
        {
            "comment": "Measurements of agents, a partition a day, 90 days raw (seed 004: REQ-T131)",
            "postgresql_partition_by": 'RANGE ("timestamp")',
            "info": {"partition": {"column": "timestamp", "every": "day", "retention_days": 90}},
        },
    )

    timestamp: Mapped[datetime] = mapped_column(
        primary_key=True, sort_order=1, server_default=func.now(), comment="When it was measured"
    )
    agent_id: Mapped[UUID] = mapped_column(comment="Checked by trigger, once for a statement")
    metric_type: Mapped[str] = mapped_column(String(50), comment="What was measured, such as latency_ms")
    value: Mapped[float] = mapped_column(Float, comment="-1e100 to 1e100, in the unit that metric_type names")
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'::jsonb"))


class SystemMetricORM(Tenanted, Base):
    """One measurement of a part of the system. No foreign key, as above."""

    __tablename__ = "system_metrics"
    __table_args__ = (
        CheckConstraint(_FINITE, name="value"),
        CheckConstraint("length(component) > 0", name="component"),
        CheckConstraint("length(metric_type) > 0", name="metric_type"),
        Index("ix_system_metrics_component", "organization_id", "component", _NEWEST),
        Index("ix_system_metrics_type", "organization_id", "metric_type", _NEWEST),
        {
            "comment": "Measurements of the organisation's own processes and servers, 90 days raw (004: REQ-T134)",
            "postgresql_partition_by": 'RANGE ("timestamp")',
            "info": {"partition": {"column": "timestamp", "every": "day", "retention_days": 90}},
        },
    )

    timestamp: Mapped[datetime] = mapped_column(
        primary_key=True, sort_order=1, server_default=func.now(), comment="When it was measured"
    )
    component: Mapped[str] = mapped_column(String(100), comment="What was measured: api, worker, database")
    host: Mapped[str | None] = mapped_column(String(255), comment="Where it runs")
    metric_type: Mapped[str] = mapped_column(String(50), comment="Such as cpu_percent")
    value: Mapped[float] = mapped_column(Float, comment="-1e100 to 1e100, in the unit that metric_type names")
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'::jsonb"))


def _bounded(*, samples: int, total: str, squares: str) -> tuple[CheckConstraint, ...]:
    """Bounds of sums: everybody's are added up together, and no organisation's may come to the end of a type."""
    return (
        CheckConstraint(f"sample_count BETWEEN 1 AND {samples}", name="sample_count"),
        CheckConstraint(f"total BETWEEN -{total} AND {total}", name="total"),
        CheckConstraint(f"total_of_squares BETWEEN 0 AND {squares}", name="total_of_squares"),
        CheckConstraint("minimum BETWEEN -1e100 AND maximum", name="minimum"),
        CheckConstraint("maximum BETWEEN minimum AND 1e100", name="maximum"),
    )


class MetricPartialORM(Base):
    """What one statement brought of one series in one hour: waits to be added to the rollups."""

    __tablename__ = "metric_partials"
    __tenanted__: ClassVar[bool] = True
    __table_args__ = (
        *_bounded(samples=10**9, total="1e110", squares="1e210"),
        CheckConstraint(_SOURCE, name="source"),
        {"comment": "Written by trigger with the metrics, taken away by the rollup: each is added exactly once"},
    )

    organization_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True, comment="The tenant")
    number: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, comment="Tells two rows apart"
    )
    source: Mapped[str] = mapped_column(String(20), comment="What was measured: agent, system, knowledge, ...")
    subject: Mapped[str] = mapped_column(String(100), comment="The id of what was measured, or the component")
    metric_type: Mapped[str] = mapped_column(String(50))
    hour: Mapped[datetime] = mapped_column(comment="The hour of the measurements, UTC")
    sample_count: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[float] = mapped_column(Float)
    total_of_squares: Mapped[float] = mapped_column(Float)
    minimum: Mapped[float] = mapped_column(Float)
    maximum: Mapped[float] = mapped_column(Float)


class MetricRollupORM(Base):
    """All measurements of one series in one hour or day, added up: kept for ever."""

    __tablename__ = "metric_rollups"
    __tenanted__: ClassVar[bool] = True
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], _ORGANIZATION, ondelete="CASCADE"),
        *_bounded(samples=10**16, total="1e140", squares="1e240"),
        CheckConstraint(_SOURCE, name="source"),
        CheckConstraint("bucket_size IN ('hour', 'day')", name="bucket_size"),
        Index("ix_metric_rollups_time", "organization_id", "bucket_size", text("bucket_start DESC")),
        # The summary reads the last week of everybody: what it costs does not grow with what is kept for ever. Only the
        # summary says that samples were counted, or an organisation's query of an hour would read everybody's too.
        Index(
            "ix_metric_rollups_recent",
            "bucket_start",
            postgresql_where=text("bucket_size = 'hour' AND sample_count > 0"),
        ),
        {"comment": "Hourly and daily sums of everything that is measured, kept for ever (004: REQ-T134)"},
    )

    organization_id: Mapped[UUID] = mapped_column(Uuid(), primary_key=True, comment="The tenant")
    source: Mapped[str] = mapped_column(String(20), primary_key=True)
    subject: Mapped[str] = mapped_column(
        String(100), primary_key=True, comment="The id of what was measured, or the component"
    )
    bucket_size: Mapped[str] = mapped_column(
        String(10),
        primary_key=True,
        comment="Before the type in the key: days are found past the hours",
    )
    metric_type: Mapped[str] = mapped_column(String(50), primary_key=True)
    bucket_start: Mapped[datetime] = mapped_column(primary_key=True, comment="Where the hour or day begins, UTC")
    sample_count: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[float] = mapped_column(Float, comment="Mean: total / sample_count")
    total_of_squares: Mapped[float] = mapped_column(Float, comment="For the standard deviation")
    minimum: Mapped[float] = mapped_column(Float)
    maximum: Mapped[float] = mapped_column(Float)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ErrorLogORM(Tenanted, Base):
    """One error of the application."""

    __tablename__ = "error_logs"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], _ORGANIZATION, ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="SET NULL"),
        belongs_to("agents", "agent_id", ondelete="SET NULL"),
        CheckConstraint("length(kind) > 0", name="kind"),
        CheckConstraint("length(code) > 0", name="code"),
        CheckConstraint("char_length(message) <= 10000", name="message"),
        CheckConstraint("char_length(stack_trace) <= 100000", name="stack_trace"),
        Index("ix_error_logs_time", "organization_id", _NEWEST),
        Index("ix_error_logs_kind", "organization_id", "kind", "code", _NEWEST),
        Index("ix_error_logs_fingerprint", "organization_id", "fingerprint", _NEWEST),
        Index("ix_error_logs_user", "organization_id", "user_id", postgresql_where=text("user_id IS NOT NULL")),
        Index("ix_error_logs_agent", "organization_id", "agent_id", postgresql_where=text("agent_id IS NOT NULL")),
        {
            "comment": "Errors of the application, a partition a week (seed 004: REQ-T136)",
            "postgresql_partition_by": 'RANGE ("timestamp")',
            "info": {"partition": {"column": "timestamp", "every": "week", "retention_days": 90}},
        },
    )

    timestamp: Mapped[datetime] = mapped_column(
        primary_key=True, sort_order=1, server_default=func.now(), comment="When it happened"
    )
    level: Mapped[ErrorLevel] = mapped_column(native_enum(ErrorLevel, "error_level"), server_default="error")
    kind: Mapped[str] = mapped_column(String(50), comment="invalid, conflict, unavailable, internal, ...")
    code: Mapped[str] = mapped_column(String(100), comment="The stable, dotted code")
    message: Mapped[str] = mapped_column(Text, comment="At most 10,000 characters")
    stack_trace: Mapped[str | None] = mapped_column(Text, comment="At most 100,000 characters")
    component: Mapped[str | None] = mapped_column(String(100), comment="Where it happened: api, worker, a verb")
    fingerprint: Mapped[str] = mapped_column(String(64), server_default="", comment="Equal for errors of one cause")
    user_id: Mapped[UUID | None] = mapped_column()
    agent_id: Mapped[UUID | None] = mapped_column()
    request_id: Mapped[str | None] = mapped_column(String(100))
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'::jsonb"))


class ApiRequestORM(Tenanted, Base):
    """One request to the API."""

    __tablename__ = "api_requests"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], _ORGANIZATION, ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="SET NULL"),
        belongs_to("agents", "agent_id", ondelete="SET NULL"),
        CheckConstraint("method ~ '^[A-Z]{1,20}$'", name="method"),
        CheckConstraint("status_code BETWEEN 100 AND 599", name="status_code"),
        CheckConstraint("duration_ms >= 0 AND duration_ms < 'Infinity'::float8", name="duration_ms"),
        CheckConstraint("request_bytes >= 0", name="request_bytes"),
        CheckConstraint("response_bytes >= 0", name="response_bytes"),
        Index("ix_api_requests_time", "organization_id", _NEWEST),
        Index("ix_api_requests_route", "organization_id", "route", _NEWEST),
        Index("ix_api_requests_user", "organization_id", "user_id", postgresql_where=text("user_id IS NOT NULL")),
        Index("ix_api_requests_agent", "organization_id", "agent_id", postgresql_where=text("agent_id IS NOT NULL")),
        {
            "comment": "Requests to the API, a partition a day (seed 004: REQ-T137)",
            "postgresql_partition_by": 'RANGE ("timestamp")',
            "info": {"partition": {"column": "timestamp", "every": "day", "retention_days": 90}},
        },
    )

    timestamp: Mapped[datetime] = mapped_column(
        primary_key=True, sort_order=1, server_default=func.now(), comment="When it began"
    )
    method: Mapped[str] = mapped_column(String(20), server_default="GET")
    route: Mapped[str] = mapped_column(String(500), comment="The route's template, not the path: no ids, no secrets")
    status_code: Mapped[int] = mapped_column(Integer, server_default=text("200"))
    duration_ms: Mapped[float] = mapped_column(Float, comment="Milliseconds until the last byte")
    request_bytes: Mapped[int | None] = mapped_column(BigInteger)
    response_bytes: Mapped[int | None] = mapped_column(BigInteger)
    user_id: Mapped[UUID | None] = mapped_column()
    agent_id: Mapped[UUID | None] = mapped_column()
    api_key_id: Mapped[UUID | None] = mapped_column(comment="No foreign key: a key is deleted, its requests are not")
    ip_address: Mapped[str | None] = mapped_column(INET)
    user_agent: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(String(100))
    error_code: Mapped[str | None] = mapped_column(String(100), comment="The stable code, if it failed")
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'::jsonb"))


class IdempotencyKeyORM(Tenanted, Base):
    """A call that may come again: what it asked and what was answered."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id"], _ORGANIZATION, ondelete="CASCADE"),
        belongs_to("users", "user_id", ondelete="CASCADE"),
        belongs_to("agents", "agent_id", ondelete="CASCADE"),
        CheckConstraint("octet_length(request_hash) = 32", name="request_hash"),
        CheckConstraint("status BETWEEN 0 AND 599", name="status"),
        Index("ix_idempotency_keys_created", "organization_id", "created_at"),
        Index("ix_idempotency_keys_user", "organization_id", "user_id", postgresql_where=text("user_id IS NOT NULL")),
        Index(
            "ix_idempotency_keys_agent", "organization_id", "agent_id", postgresql_where=text("agent_id IS NOT NULL")
        ),
        {"comment": "Calls with an Idempotency-Key and their answers, for 24 hours; the id is made of caller and key"},
    )

    user_id: Mapped[UUID | None] = mapped_column(comment="Who called; null: an agent, or the organisation itself")
    agent_id: Mapped[UUID | None] = mapped_column()
    request_hash: Mapped[bytes] = mapped_column(comment="SHA-256 of what was asked: another request is refused")
    status: Mapped[int] = mapped_column(Integer, server_default=text("0"), comment="The status that was answered")
    answer: Mapped[str] = mapped_column(
        Text, server_default="", comment="The answer, sealed with a key that the caller's own key is a part of"
    )
    created_at: Mapped[datetime] = created()
