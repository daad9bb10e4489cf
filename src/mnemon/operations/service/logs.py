"""Error and request logs (REQ-T136, REQ-T137)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from mnemon.context import Context
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest
from mnemon.db.types import dump_json
from mnemon.operations import repository
from mnemon.operations.schemas import (
    ErrorGroup,
    ErrorGroups,
    ErrorReport,
    Logged,
    Period,
    RequestReport,
    RequestStatistics,
    RouteStatistics,
)

_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\d+")
_PLACE = re.compile(r'File "([^"]+)", line \d+, in (\S+)')


def fingerprint(report: ErrorReport) -> str:
    """Equal for errors of one cause: kind, code and the place that raised, or the message without its numbers."""
    places = _PLACE.findall(report.stack_trace or "")
    where = "|".join(places[-1]) if places else _NUMBERS.sub("#", report.message)
    return digest(report.kind, report.code, report.component or "", where)


async def log_error(ctx: Context, report: ErrorReport) -> Logged:
    """Log an error on behalf of the principal."""
    ctx.principal.require("logs:write")
    mark = fingerprint(report)
    values = {
        "organization_id": ctx.principal.organization_id,
        "user_id": ctx.principal.user_id,
        "agent_id": ctx.principal.agent_id,
        "timestamp": report.timestamp,
        "level": report.level.value,
        "kind": report.kind,
        "code": report.code,
        "message": report.message,
        "stack_trace": report.stack_trace,
        "component": report.component,
        "fingerprint": mark,
        "request_id": report.request_id,
        "metadata": dump_json(report.metadata),
    }
    async with ctx.database.transaction(ctx.principal) as connection:
        return Logged(id=await repository.add_row(connection, "error_logs", values), fingerprint=mark)


async def errors_by_kind(ctx: Context, period: Period | None = None) -> ErrorGroups:
    """The organisation's errors of a stretch of time by kind, code and level, the most frequent first."""
    ctx.principal.require("logs:read")
    period = period or Period()
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.errors_by_kind(
            connection, ctx.principal.organization_id, *_bounds(ctx, period), period.limit
        )
    return ErrorGroups(groups=tuple(ErrorGroup(**dict(row)) for row in rows))


async def log_request(ctx: Context, report: RequestReport) -> Logged:
    """Log a request on behalf of the principal."""
    ctx.principal.require("logs:write")
    values = {
        "organization_id": ctx.principal.organization_id,
        "user_id": ctx.principal.user_id,
        "agent_id": ctx.principal.agent_id,
        **report.model_dump(exclude={"ip_address", "metadata"}),
        "ip_address": str(report.ip_address) if report.ip_address else None,
        "metadata": dump_json(report.metadata),
    }
    async with ctx.database.transaction(ctx.principal) as connection:
        return Logged(id=await repository.add_row(connection, "api_requests", values))


async def request_statistics(ctx: Context, period: Period | None = None) -> RequestStatistics:
    """The organisation's requests of a stretch of time by route: how many, how many failed, how long they took."""
    ctx.principal.require("logs:read")
    period = period or Period()
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.request_statistics(
            connection, ctx.principal.organization_id, *_bounds(ctx, period), period.limit
        )
    return RequestStatistics(
        routes=tuple(
            RouteStatistics(
                method=row["method"],
                route=row["route"],
                count=row["count"],
                client_errors=row["client_errors"],
                server_errors=row["server_errors"],
                mean_ms=row["mean_ms"],
                p50_ms=row["percentiles"][0],
                p95_ms=row["percentiles"][1],
                p99_ms=row["percentiles"][2],
                maximum_ms=row["maximum_ms"],
            )
            for row in rows
        )
    )


def _bounds(ctx: Context, period: Period) -> tuple[datetime, datetime]:
    """From when to when; without an end, all that came since."""
    since = period.since or (period.until or ctx.clock.now()) - timedelta(days=1)
    until = period.until or max(ctx.clock.now(), since) + timedelta(days=1)
    if since > until:
        raise Invalid("The time ends before it begins.", code="invalid.period", field="until")
    return since, until
