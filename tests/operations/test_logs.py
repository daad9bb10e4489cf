"""REQ-T136 and REQ-T137: errors by kind, requests by route."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Forbidden, Invalid, MnemonError
from mnemon.core.text import parse
from mnemon.db.sql import statement
from mnemon.operations import service
from mnemon.operations.repository import ApiRequestRepository, ErrorLogRepository
from mnemon.operations.schemas import ErrorReport, Period, RequestReport


async def make_user(ctx: Context, name: str) -> UUID:
    async with ctx.database.transaction(ctx.principal) as connection:
        found: UUID = await connection.fetchval(
            "INSERT INTO users (organization_id, external_id) VALUES ($1, $2) RETURNING id",
            *(ctx.principal.organization_id, name),
        )
    return found


def acting(ctx: Context, user: UUID) -> Context:
    return ctx.as_principal(replace(ctx.principal, user_id=user))


async def test_errors_by_kind(ctx: Context, other: Context) -> None:
    ada, bob = await make_user(ctx, "ada"), await make_user(ctx, "bob")
    trace = 'Traceback\n  File "/a/b.py", line {}, in recall\nTimeoutError'
    lost = [
        ErrorReport(kind="unavailable", code="unavailable.database", message=f"try {n}", stack_trace=trace.format(n))
        for n in range(3)
    ]
    marks = {(await service.log_error(acting(ctx, ada), one)).fingerprint for one in lost}
    assert len(marks) == 1, "the same place is the same cause, whatever its line"
    for number in range(2):
        report = ErrorReport(kind="invalid", code="invalid.slug", message=f"row {number} of {uuid4()}", level="warning")
        await service.log_error(acting(ctx, bob), report)
    await service.log_error(ctx, ErrorReport(kind="invalid", code="invalid.slug", message="another", level="warning"))
    old = datetime.now(UTC) - timedelta(days=3)
    await service.log_error(ctx, ErrorReport(kind="old", code="old.old", message="x", timestamp=old))
    found = await service.errors_by_kind(ctx)
    assert [(g.kind, g.code, g.level.value, g.count, g.causes, g.people) for g in found.groups] == [
        ("invalid", "invalid.slug", "warning", 3, 2, 1),
        ("unavailable", "unavailable.database", "error", 3, 1, 1),
    ]
    assert found.groups[0].last_message == "another"
    assert [
        g.kind for g in (await service.errors_by_kind(ctx, Period(since=old, until=old + timedelta(days=1)))).groups
    ] == ["old"]
    assert (await service.errors_by_kind(other)).groups == ()
    assert len((await service.errors_by_kind(ctx, Period(limit=1))).groups) == 1


async def test_an_error_is_kept_as_it_was_told(ctx: Context) -> None:
    report = ErrorReport(
        kind="internal", code="internal.bug", message="é", component="recall", request_id="r-1", metadata={"a": [1]}
    )
    logged = await service.log_error(ctx, report)
    async with ctx.database.session(ctx.principal) as session:
        row = await ErrorLogRepository(session, ctx.principal.organization_id).get_by_id(logged.id)
        assert row is not None
        assert (row.message, row.component, row.request_id, row.metadata_) == ("é", "recall", "r-1", {"a": [1]})
        assert row.fingerprint == logged.fingerprint


async def test_requests_by_route(ctx: Context, other: Context) -> None:
    for number in range(100):
        await service.log_request(
            ctx,
            RequestReport(
                method="GET",
                route="/memories/{id}",
                status_code=200 if number % 10 else 404,
                duration_ms=number + 1,
                ip_address="192.0.2.7",
            ),
        )
    logged = await service.log_request(
        ctx, RequestReport(method="POST", route="/recall", status_code=503, duration_ms=5, error_code="unavailable.x")
    )
    found = (await service.request_statistics(ctx)).routes
    assert [(r.method, r.route, r.count, r.client_errors, r.server_errors) for r in found] == [
        ("GET", "/memories/{id}", 100, 10, 0),
        ("POST", "/recall", 1, 0, 1),
    ]
    first = found[0]
    assert (first.mean_ms, first.p50_ms, first.maximum_ms) == (50.5, 50.5, 100.0)
    assert first.p95_ms == pytest.approx(95.05)
    assert first.p99_ms == pytest.approx(99.01)
    assert (await service.request_statistics(other)).routes == ()
    async with ctx.database.session(ctx.principal) as session:
        row = await ApiRequestRepository(session, ctx.principal.organization_id).get_by_id(logged.id)
        assert row is not None
        assert (row.error_code, row.status_code, row.metadata_) == ("unavailable.x", 503, {})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"method": "get"}, "method"),
        ({"route": ""}, "route"),
        ({"status_code": 99}, "status_code"),
        ({"status_code": 600}, "status_code"),
        ({"duration_ms": -1}, "duration_ms"),
        ({"duration_ms": float("nan")}, "duration_ms"),
        ({"request_bytes": -1}, "request_bytes"),
        ({"request_bytes": 2**63}, "request_bytes"),
        ({"ip_address": "x"}, "ip_address"),
        ({"request_id": "x" * 101}, "request_id"),
    ],
)
def test_requests_that_are_refused(values: dict[str, Any], field: str) -> None:
    good = {"method": "GET", "route": "/", "status_code": 200, "duration_ms": 1}
    with pytest.raises(Invalid) as caught:
        parse(RequestReport, {**good, **values})
    assert caught.value.data["field"] == field


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": ""}, "kind"),
        ({"code": "x" * 101}, "code"),
        ({"message": "x" * 10_001}, "message"),
        ({"message": "\x00"}, "message"),
        ({"level": "fatal"}, "level"),
        ({"stack_trace": "x" * 100_001}, "stack_trace"),
    ],
)
def test_errors_that_are_refused(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(ErrorReport, {"kind": "k", "code": "c", "message": "m", **values})
    assert caught.value.data["field"] == field


@pytest.mark.parametrize(
    ("table", "values", "code", "field"),
    [
        ("api_requests", {"status_code": "99"}, "invalid.status_code", "status_code"),
        ("api_requests", {"method": "'get'"}, "invalid.method", "method"),
        ("api_requests", {"duration_ms": "-1"}, "invalid.duration_ms", "duration_ms"),
        ("api_requests", {"duration_ms": "'NaN'"}, "invalid.duration_ms", "duration_ms"),
        ("api_requests", {"request_bytes": "-1"}, "invalid.request_bytes", "request_bytes"),
        ("api_requests", {"response_bytes": "-1"}, "invalid.response_bytes", "response_bytes"),
        ("api_requests", {"route": "NULL"}, "invalid.required", "route"),
        ("api_requests", {"user_id": "gen_random_uuid()"}, "not_found.reference", "user_id"),
        ("error_logs", {"kind": "''"}, "invalid.kind", "kind"),
        ("error_logs", {"code": "''"}, "invalid.code", "code"),
        ("error_logs", {"message": "repeat('x', 10001)"}, "invalid.message", "message"),
        ("error_logs", {"agent_id": "gen_random_uuid()"}, "not_found.reference", "agent_id"),
    ],
)
async def test_what_the_database_refuses(
    ctx: Context, table: str, values: dict[str, str], code: str, field: str
) -> None:
    good = (
        {"route": "'/'", "duration_ms": "1"}
        if table == "api_requests"
        else {"kind": "'k'", "code": "'c'", "message": "''"}
    )
    row = {"organization_id": f"'{ctx.principal.organization_id}'", **good, **values}
    with pytest.raises(MnemonError) as caught:
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})")
    assert (caught.value.code, caught.value.data["field"]) == (code, field)


async def test_a_user_who_is_erased_leaves_the_logs(ctx: Context, admin: Any) -> None:
    ada = await make_user(ctx, "ada")
    await service.log_error(acting(ctx, ada), ErrorReport(kind="k", code="c", message="m"))
    await admin.execute("DELETE FROM users WHERE id = $1", ada)
    async with ctx.database.transaction(ctx.principal) as connection:
        assert await connection.fetchval("SELECT user_id FROM error_logs") is None


async def test_permissions_and_periods(ctx: Context, limited: Context) -> None:
    request = RequestReport(method="GET", route="/", status_code=200, duration_ms=1)
    for attempt in (
        service.log_error(limited, ErrorReport(kind="k", code="c", message="m")),
        service.log_request(limited, request),
        service.errors_by_kind(limited),
        service.request_statistics(limited),
    ):
        with pytest.raises(Forbidden):
            await attempt
    now = datetime.now(UTC)
    with pytest.raises(Invalid) as caught:
        await service.errors_by_kind(ctx, Period(since=now, until=now - timedelta(days=1)))
    assert caught.value.code == "invalid.period"


async def test_the_statements_use_their_indexes(ctx: Context, admin: Any) -> None:
    own, now = ctx.principal.organization_id, datetime.now(UTC)
    async with ctx.database.transaction(ctx.principal) as connection:
        for table, columns, row in (
            ("error_logs", "kind, code, message", "'k', 'c', 'm'"),
            ("api_requests", "route, duration_ms", "'/', 1"),
        ):
            await connection.execute(
                f'INSERT INTO {table} (organization_id, "timestamp", {columns}) '
                f"SELECT '{own}', now() - g * interval '5 seconds', {row} FROM generate_series(0, 5000) g"
            )
    for table, name in (("error_logs", "errors_by_kind"), ("api_requests", "request_statistics")):
        await admin.execute(f"ANALYZE {table}")
        async with ctx.database.transaction(ctx.principal) as connection:
            plan = await connection.fetch(
                "EXPLAIN " + statement("mnemon.operations", name), own, now - timedelta(minutes=5), now, 10
            )
        text = "\n".join(row[0] for row in plan)
        assert "organization_id_timestamp" in text, text
