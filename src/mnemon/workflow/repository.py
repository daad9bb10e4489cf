"""SQL of workflow: the ORM's part, and the hot statements on the driver's connection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from mnemon.db.connection import Connection
from mnemon.db.repository import BaseRepository
from mnemon.db.rows import parsed
from mnemon.db.sql import statement
from mnemon.workflow.models import WorkflowORM

PACKAGE = "mnemon.workflow"


class WorkflowRepository(BaseRepository[WorkflowORM]):
    """Definitions of one organisation."""

    model = WorkflowORM


async def get_workflow(connection: Connection, organization_id: UUID, workflow_id: UUID) -> dict[str, Any] | None:
    """Return a definition that is not deleted."""
    row = await connection.fetchrow(statement(PACKAGE, "get_workflow"), organization_id, workflow_id)
    return None if row is None else parsed(row, "steps", "dependencies")


async def list_workflows(
    connection: Connection,
    organization_id: UUID,
    status: str | None,
    after: Sequence[Any],
    limit: int,
) -> list[dict[str, Any]]:
    """Return definitions, newest first."""
    rows = await connection.fetch(statement(PACKAGE, "list_workflows"), organization_id, status, *after, limit)
    return [parsed(row, "steps", "dependencies") for row in rows]


async def start_execution(
    connection: Connection, organization_id: UUID, workflow_id: UUID, agent_id: UUID, data: dict[str, Any]
) -> UUID | None:
    """Begin a run; None if the workflow is not active."""
    made: UUID | None = await connection.fetchval(
        statement(PACKAGE, "start_execution"), organization_id, workflow_id, agent_id, json.dumps(data)
    )
    return made


async def lock_execution(connection: Connection, organization_id: UUID, execution_id: UUID) -> dict[str, Any] | None:
    """Return a run for this transaction alone, with the graph of its workflow."""
    row = await connection.fetchrow(statement(PACKAGE, "lock_execution"), organization_id, execution_id)
    return None if row is None else parsed(row, "execution_data", "steps", "dependencies")


async def change_execution(
    connection: Connection,
    organization_id: UUID,
    locked: dict[str, Any],
    *,
    status: str,
    error_message: str | None = None,
    step: str | None = None,
    output: dict[str, Any] | None = None,
) -> None:
    """Write the status of a run that is locked, and what a step gave."""
    await connection.execute(
        statement(PACKAGE, "change_execution"),
        organization_id,
        locked["id"],
        locked["started_at"],
        status,
        error_message,
        step,
        json.dumps(output or {}),
    )


async def get_execution(connection: Connection, organization_id: UUID, execution_id: UUID) -> dict[str, Any] | None:
    """Return a run with names."""
    row = await connection.fetchrow(statement(PACKAGE, "get_execution"), organization_id, execution_id)
    return None if row is None else parsed(row, "execution_data")


async def list_executions(
    connection: Connection,
    organization_id: UUID,
    conditions: tuple[UUID | None, UUID | None, str | None],
    after: Sequence[Any],
    limit: int,
) -> list[dict[str, Any]]:
    """Run with names, newest first: (workflow, agent, status)."""
    rows = await connection.fetch(statement(PACKAGE, "list_executions"), organization_id, *conditions, *after, limit)
    return [parsed(row, "execution_data") for row in rows]
