"""What the verbs of the error and request logs take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import AfterValidator, Field, IPvAnyAddress, StringConstraints

from mnemon.core.pages import Limit
from mnemon.core.text import JsonObject, Moment, Schema, check_characters
from mnemon.operations.models import ErrorLevel
from mnemon.operations.schemas.base import MetricType, Name100


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
    limit: Limit = 100


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


class Noted(NamedTuple):
    """A call or an error that was kept for a moment, and on whose behalf it was."""

    report: RequestReport | ErrorReport
    user_id: UUID | None
    agent_id: UUID | None


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
