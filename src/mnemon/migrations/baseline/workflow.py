"""Workflows and their runs."""

from __future__ import annotations

from mnemon.migrations.tables import Table, check, column, document, index, moment, mutable, owned, tenanted, within

TABLES = (
    Table(
        "workflows",
        "Definitions of work in steps (REQ-T118)",
        column("name", "varchar(100)"),
        column("description", "text", null=True),
        column("steps", "jsonb", "1 to 200 objects, each with a name of its own"),
        document("dependencies", "Step to the steps it waits for; no cycle, checked by trigger"),
        column(
            "status", "varchar(20)", "draft, active or archived; only forward, checked by trigger", default="'draft'"
        ),
        column("created_by", "uuid", "The person who defined it", null=True),
        *tenanted(),
        *mutable(),
        check(
            "steps",
            "CASE jsonb_typeof(steps) WHEN 'array' THEN jsonb_array_length(steps) BETWEEN 1 AND 200 ELSE false END",
        ),
        check("dependencies", "jsonb_typeof(dependencies) = 'object'"),
        check("name_not_blank", "name ~ '[^[:space:]]'"),
        check("status", "status IN ('draft', 'active', 'archived')"),
        within("users", "created_by", "SET NULL"),
        owned(),
        index("created", "organization_id", "created_at DESC", "id DESC", where="deleted_at IS NULL"),
        index("created_by", "organization_id", "created_by"),
        index("status", "organization_id", "status", where="deleted_at IS NULL"),
    ),
    Table(
        "workflow_executions",
        "Runs of workflows (REQ-T119)",
        column("workflow_id", "uuid"),
        column("agent_id", "uuid", "The agent that runs it"),
        column(
            "status",
            "varchar(20)",
            "pending, running, then completed, failed or cancelled; checked by trigger",
            default="'pending'",
        ),
        document("execution_data", "Input, and under steps what each finished step gave"),
        moment("started_at", "When it was asked for; its week is its partition", default="now()"),
        moment("completed_at", "When it ended; null: under way", null=True),
        column("error_message", "text", "Why it failed or was cancelled", null=True),
        *tenanted(),
        *mutable(),
        check(
            "completed_at",
            "completed_at IS NULL OR (completed_at >= started_at AND status IN ('completed', 'failed', 'cancelled'))",
        ),
        check("execution_data", "jsonb_typeof(execution_data) = 'object'"),
        check("status", "status IN ('pending', 'running', 'completed', 'failed', 'cancelled')"),
        within("agents", "agent_id"),
        within("workflows", "workflow_id"),
        index("agent", "organization_id", "agent_id", "started_at DESC"),
        index("open", "organization_id", "started_at DESC", where="status IN ('pending', 'running')"),
        index("workflow", "organization_id", "workflow_id", "started_at DESC"),
        key=("organization_id", "id", "started_at"),
        series=("started_at", "week"),
    ),
)
