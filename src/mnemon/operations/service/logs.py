"""Error and request logs (REQ-T136, REQ-T137)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mnemon.context import Context
from mnemon.core.errors import Invalid
from mnemon.core.ids import digest
from mnemon.db.types import dump_json
from mnemon.operations import repository
from mnemon.operations.models import ErrorLevel
from mnemon.operations.schemas import (
    ErrorGroup,
    ErrorGroups,
    ErrorReport,
    Logged,
    Noted,
    Period,
    RequestReport,
    RequestStatistics,
    RouteStatistics,
)
from mnemon.verbs import verb

_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\d+")
_PLACE = re.compile(r'File "([^"]+)", line \d+, in (\S+)')


def fingerprint(report: ErrorReport) -> str:
    """Equal for errors of one cause: kind, code and the place that raised, or the message without its numbers."""
    places = _PLACE.findall(report.stack_trace or "")
    where = "|".join(places[-1]) if places else _NUMBERS.sub("#", report.message)
    return digest(report.kind, report.code, report.component or "", where)


@verb("logs:write")
async def log_error(ctx: Context, request: ErrorReport) -> Logged:
    """Log an error on behalf of the principal."""
    mark = fingerprint(request)
    values = {
        "organization_id": ctx.principal.organization_id,
        "user_id": ctx.principal.user_id,
        "agent_id": ctx.principal.agent_id,
        "timestamp": request.timestamp,
        "level": request.level.value,
        "kind": request.kind,
        "code": request.code,
        "message": request.message,
        "stack_trace": request.stack_trace,
        "component": request.component,
        "fingerprint": mark,
        "request_id": request.request_id,
        "metadata": dump_json(request.metadata),
    }
    async with ctx.database.transaction(ctx.principal) as connection:
        return Logged(id=await repository.add_row(connection, "error_logs", values), fingerprint=mark)


@verb("logs:read")
async def errors_by_kind(ctx: Context, request: Period | None = None) -> ErrorGroups:
    """Count the organisation's errors of a stretch of time by kind, code and level, the most frequent first."""
    request = request or Period()
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.errors_by_kind(
            connection, ctx.principal.organization_id, *_bounds(ctx, request), request.limit
        )
    return ErrorGroups(groups=tuple(ErrorGroup(**dict(row)) for row in rows))


@verb("logs:write")
async def log_request(ctx: Context, request: RequestReport) -> Logged:
    """Log a request on behalf of the principal."""
    values = {
        "organization_id": ctx.principal.organization_id,
        "user_id": ctx.principal.user_id,
        "agent_id": ctx.principal.agent_id,
        **request.model_dump(exclude={"ip_address", "metadata"}),
        "ip_address": str(request.ip_address) if request.ip_address else None,
        "metadata": dump_json(request.metadata),
    }
    async with ctx.database.transaction(ctx.principal) as connection:
        return Logged(id=await repository.add_row(connection, "api_requests", values))


@verb("logs:read")
async def request_statistics(ctx: Context, request: Period | None = None) -> RequestStatistics:
    """Count the organisation's requests of a stretch of time by route, those that failed, and how long they took."""
    request = request or Period()
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        rows = await repository.request_statistics(
            connection, ctx.principal.organization_id, *_bounds(ctx, request), request.limit
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


async def write_notes(ctx: Context, notes: Sequence[Noted]) -> None:
    """Write down calls and errors of an organisation that somebody kept for a moment: all of them, or none."""
    organization = ctx.principal.organization_id
    calls = [_call_row(organization, noted) for noted in notes if isinstance(noted.report, RequestReport)]
    errors = [_error_row(organization, noted) for noted in notes if isinstance(noted.report, ErrorReport)]
    async with ctx.database.transaction(ctx.principal, lazy=True) as connection:
        await repository.add_rows(connection, "api_requests", calls)
        await repository.add_rows(connection, "error_logs", errors)


def _call_row(organization: UUID, noted: Noted) -> dict[str, Any]:
    values = noted.report.model_dump(exclude={"ip_address", "metadata"})
    address = getattr(noted.report, "ip_address", None)
    return {
        "organization_id": organization,
        "user_id": noted.user_id,
        "agent_id": noted.agent_id,
        **values,
        "ip_address": str(address) if address else None,
        "metadata": dump_json(noted.report.metadata),
    }


def _error_row(organization: UUID, noted: Noted) -> dict[str, Any]:
    values = noted.report.model_dump(exclude={"level", "metadata"})
    return {
        "organization_id": organization,
        "user_id": noted.user_id,
        "agent_id": noted.agent_id,
        **values,
        "level": getattr(noted.report, "level", ErrorLevel.ERROR).value,
        "fingerprint": fingerprint(noted.report) if isinstance(noted.report, ErrorReport) else "",
        "metadata": dump_json(noted.report.metadata),
    }


def _bounds(ctx: Context, period: Period) -> tuple[datetime, datetime]:
    """Return from when to when; without an end, all that came since."""
    since = period.since or (period.until or ctx.clock.now()) - timedelta(days=1)
    until = period.until or max(ctx.clock.now(), since) + timedelta(days=1)
    if since > until:
        raise Invalid("The time ends before it begins.", code="invalid.period", field="until")
    return since, until
