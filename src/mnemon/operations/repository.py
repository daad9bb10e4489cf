"""SQL of operations: repositories of the ORM, and the hot statements on the driver's connection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import asyncpg
from sqlalchemy import select

from mnemon.core.errors import Forbidden
from mnemon.db.base import Base
from mnemon.db.connection import Connection
from mnemon.db.ids import new_ids
from mnemon.db.params import Params
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement
from mnemon.db.types import dump_json
from mnemon.operations.models import (
    AgentMetricORM,
    ApiRequestORM,
    ErrorLogORM,
    SystemMetricORM,
)
from mnemon.operations.models_audit import AuditBlockORM, AuditLogORM
from mnemon.operations.schemas import AuditQuery
from mnemon.operations.trail import Anchor

PACKAGE = "mnemon.operations"
T = TypeVar("T", bound=Base)


class SeriesRepository(BaseRepository[T]):
    """A time series: written, read, never changed; retention takes rows away."""

    async def update(self, row_id: UUID, *, expected_version: int | None = None, **values: Any) -> T:
        """Refuse it.

        Raises:
            Forbidden: always.
        """
        raise _append_only(self.model.__tablename__)

    async def delete(self, row_id: UUID) -> bool:
        """Refuse it.

        Raises:
            Forbidden: always.
        """
        raise _append_only(self.model.__tablename__)


def _append_only(table: str) -> Forbidden:
    return Forbidden(f"{table} is append-only.", code="forbidden.append_only", table=table)


class AgentMetricRepository(SeriesRepository[AgentMetricORM]):
    """Measurements of agents."""

    model = AgentMetricORM


class SystemMetricRepository(SeriesRepository[SystemMetricORM]):
    """Measurements of the system."""

    model = SystemMetricORM


class ErrorLogRepository(SeriesRepository[ErrorLogORM]):
    """Errors."""

    model = ErrorLogORM


class ApiRequestRepository(SeriesRepository[ApiRequestORM]):
    """Requests."""

    model = ApiRequestORM


class AuditLogRepository(SeriesRepository[AuditLogORM]):
    """The trail, as far as the application sees it: to read."""

    model = AuditLogORM

    async def create(self, **values: Any) -> AuditLogORM:
        """Refuse it: triggers and ``record_audit`` write the trail.

        Raises:
            Forbidden: always.
        """
        raise Forbidden(
            "The trail is written by the database.",
            code="forbidden.append_only",
            hint="Record an event with record_event.",
            table="audit_logs",
        )

    def those(self, query: AuditQuery) -> Any:
        """Return entries that fit."""
        entries = self._alive()
        for name in ("action", "resource_type", "resource_id", "user_id", "agent_id", "status"):
            value = getattr(query, name)
            if value is not None:
                entries = entries.where(getattr(AuditLogORM, name) == value)
        if query.since is not None:
            entries = entries.where(AuditLogORM.created_at >= query.since)
        if query.until is not None:
            entries = entries.where(AuditLogORM.created_at < query.until)
        return entries

    async def blocks(self) -> Sequence[AuditBlockORM]:
        """Return the chain, first block first."""
        query = select(AuditBlockORM).where(AuditBlockORM.organization_id == self.organization_id)
        return (await self.session.execute(query.order_by(AuditBlockORM.number))).scalars().all()


async def set_origin(connection: Connection, ip: str | None, user_agent: str | None, session_id: UUID | None) -> None:
    """Tell the trail where this transaction's request came from."""
    await connection.execute("SELECT set_origin($1, $2, $3)", ip, user_agent, str(session_id) if session_id else None)


async def record_audit(connection: Connection, values: Sequence[Any]) -> UUID:
    """Add an event: action, resource type and id, status, error, metadata as a dict, user.

    Raises:
        Forbidden: the database alone says such a thing.
    """
    action, kind, resource, status, error, metadata, user = values
    try:
        entry_id: UUID = await connection.fetchval(
            "SELECT record_audit($1, $2, $3, $4, $5, $6::text::jsonb, $7)",
            *(action, kind, resource, status, error, dump_json(metadata), user),
        )
    except asyncpg.InsufficientPrivilegeError as refused:
        raise Forbidden(
            f"The audit trail does not take {action}: {str(refused).rpartition(': ')[2]}.",
            code="forbidden.audit_event",
            hint="Name what a service did by a resource of its own, such as sign_in:password.",
        ) from None
    return entry_id


async def trail_head(connection: Connection, organization_id: UUID) -> list[Anchor]:
    """Return the newest signed block of a trail, to be written down; nothing where there is none."""
    rows = await connection.fetch(
        "SELECT organization_id, number, hash, mac FROM audit_blocks WHERE organization_id = $1 AND mac IS NOT NULL "
        "ORDER BY number DESC LIMIT 1",
        organization_id,
    )
    return [_anchor(row) for row in rows]


async def every_trail_head(connection: Connection) -> list[Anchor]:
    """Do the same for every trail."""
    return [_anchor(row) for row in await connection.fetch("SELECT * FROM every_trail_head()")]


def _anchor(row: Any) -> Anchor:
    return Anchor(row["organization_id"], row["number"], row["hash"], row["mac"], datetime.now(UTC))


async def retention_of_trail(connection: Connection) -> tuple[int, datetime] | None:
    """Return how many days the trail is kept and what time the server has; None where it is kept for ever."""
    row = await connection.fetchrow(
        "SELECT retention_days, now() AS now FROM partition_policies "
        "WHERE table_name = 'audit_logs' AND retention_days IS NOT NULL"
    )
    return None if row is None else (row["retention_days"], row["now"])


async def retention_due(connection: Connection, until: datetime) -> bool:
    """Tell whether entries of the trail before a time are to go, and no record says so yet."""
    return bool(await connection.fetchval("SELECT audit_retention_due($1)", until))


async def partitioned_tables(connection: Connection) -> list[str]:
    """Return the time series that maintenance knows."""
    rows = await connection.fetch("SELECT table_name FROM partition_policies ORDER BY table_name")
    return [row["table_name"] for row in rows]


async def maintain_partitions(connection: Connection, table: str) -> dict[str, Any] | None:
    """Maintain one time series; None if the database has no such table."""
    raw = await connection.fetchval("SELECT maintain_partitions($1)::text", table)
    found: dict[str, Any] | None = json.loads(raw) if raw is not None else None
    return found


async def add_agent_metrics(connection: Connection, organization_id: UUID, columns: Sequence[Sequence[Any]]) -> None:
    """Write measurements of agents: (agent, metric type, value, metadata, at)."""
    agents, types, values, documents, moments = columns
    await connection.execute(
        statement(PACKAGE, "add_agent_metrics"),
        organization_id,
        *(agents, types, values, moments, _json(documents)),
        new_ids(len(agents)),  # a server without OpenSSL takes longer to make one than to write the row
    )


async def add_system_metrics(connection: Connection, organization_id: UUID, columns: Sequence[Sequence[Any]]) -> None:
    """Write measurements of the system: (component, host, metric type, value, metadata, at)."""
    components, hosts, types, values, documents, moments = columns
    await connection.execute(
        statement(PACKAGE, "add_system_metrics"),
        organization_id,
        *(components, hosts, types, values, moments, _json(documents)),
        new_ids(len(components)),
    )


def _json(documents: Sequence[dict[str, Any]]) -> list[str | None] | None:
    """Metadata as JSON, None where there is none: most measurements have none."""
    if not any(documents):
        return None
    return [dump_json(document) if document else None for document in documents]


async def roll_up_metrics(connection: Connection, organization_id: UUID, limit: int) -> int:
    """Add waiting partials to the rollups; how many."""
    return int(await connection.fetchval("SELECT roll_up_metrics($1, $2)", organization_id, limit))


async def rollups(connection: Connection, organization_id: UUID, *values: Any) -> list[Any]:
    """Rollups: source, interval, subject, metric type, since, until, the place they come after, limit."""
    return await connection.fetch(statement(PACKAGE, "rollups"), organization_id, *values)


async def refresh_dashboard(connection: Connection) -> int:
    """Bring everybody's dashboard up to date."""
    return int(await connection.fetchval("SELECT refresh_dashboard()"))


async def dashboard(connection: Connection, organization_id: UUID, *values: Any) -> tuple[datetime | None, list[Any]]:
    """Return when it was last refreshed, and its rows: source, subject, metric type, limit."""
    rows = await connection.fetch(statement(PACKAGE, "dashboard"), organization_id, *values)
    refreshed = await connection.fetchval(
        "SELECT max(refreshed_at) FROM metric_dashboard WHERE organization_id = $1", organization_id
    )
    return refreshed, rows


async def dashboard_now(
    connection: Connection, organization_id: UUID, *values: Any
) -> tuple[datetime | None, list[Any]]:
    """Return the same added up at this moment; None where there is nothing."""
    rows = await connection.fetch(statement(PACKAGE, "dashboard_now"), organization_id, *values)
    return (await connection.fetchval("SELECT now()") if rows else None), rows


async def add_row(connection: Connection, table: str, values: dict[str, Any]) -> UUID:
    """Write one row of a log; columns and their types are of ours, what is None takes its default."""
    params = Params()
    given_columns = {name: value for name, value in values.items() if value is not None}
    places = [params.add(value, _CASTS.get(name, "")) for name, value in given_columns.items()]
    columns = ", ".join(f'"{name}"' for name in given_columns)
    row_id: UUID = await connection.fetchval(
        f"INSERT INTO {table} ({columns}) VALUES ({', '.join(places)}) RETURNING id",  # noqa: S608 - names of ours
        *params.values,
    )
    return row_id


async def add_rows(connection: Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of a log, which all name the same columns; what is None stays empty."""
    if not rows:
        return
    names = list(rows[0])
    columns = ", ".join(f'"{name}"' for name in names)
    places = ", ".join(f"${at}::{_CASTS[name]}" if name in _CASTS else f"${at}" for at, name in enumerate(names, 1))
    await cast("Any", connection).executemany(
        f"INSERT INTO {table} ({columns}) VALUES ({places})",  # noqa: S608 - names of ours
        [[row[name] for name in names] for row in rows],
    )


_CASTS = {"metadata": "text::jsonb", "ip_address": "text::inet", "level": "text::error_level"}


async def errors_by_kind(connection: Connection, organization_id: UUID, *values: Any) -> list[Any]:
    """Errors by kind: since, until, limit."""
    return await connection.fetch(statement(PACKAGE, "errors_by_kind"), organization_id, *values)


async def request_statistics(connection: Connection, organization_id: UUID, *values: Any) -> list[Any]:
    """Requests by route: since, until, limit."""
    return await connection.fetch(statement(PACKAGE, "request_statistics"), organization_id, *values)


async def table_sizes(connection: Connection, limit: int) -> list[Any]:
    """Return tables, the largest first."""
    return await connection.fetch(statement(PACKAGE, "table_sizes"), limit)


async def index_usage(connection: Connection, limit: int) -> list[Any]:
    """Return indexes, the most used first."""
    return await connection.fetch(statement(PACKAGE, "index_usage"), limit)


async def slow_queries(connection: Connection, limit: int) -> list[Any] | None:
    """Return statements, the slowest first; None where the server does not keep them."""
    if not await connection.fetchval("SELECT to_regclass('pg_stat_statements') IS NOT NULL"):
        return None
    return await connection.fetch(statement(PACKAGE, "slow_queries"), limit)
