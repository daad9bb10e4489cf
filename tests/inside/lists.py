"""Every verb that lists: what it lists, how a row is added to it and taken away, and how a page is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mnemon import verbs
from mnemon.agents import service as agents
from mnemon.agents.schemas import AgentList, CapabilityList, StateList
from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import ConversationList
from mnemon.core.pages import Page, PageRequest
from mnemon.graph import service as graph
from mnemon.graph.schemas import ListMentions
from mnemon.identity import service as identity
from mnemon.identity.schemas import ListOfUser, ListTeamMembers
from mnemon.identity.schemas_access import ListApiKeys
from mnemon.integrations import service as integrations
from mnemon.integrations.schemas import ListEvents, ListFiles, ListIntegrations
from mnemon.integrations.schemas_webhooks import ListDeliveries
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import ListJobs
from mnemon.knowledge import service as knowledge
from mnemon.knowledge.schemas import LearningQuery, SearchKnowledge, TransferQuery
from mnemon.memory import service as memory
from mnemon.memory.schemas import ListItems
from mnemon.memory.schemas_facts import FactHistory, FactsAt, UsageOf
from mnemon.memory.service import facts, usage
from mnemon.operations import service as operations
from mnemon.operations.schemas import AuditEvent, AuditQuery, RollupQuery
from mnemon.workflow import service as workflow
from mnemon.workflow.schemas import ExecutionQuery, WorkflowQuery
from mnemon.workspace import service as workspace
from mnemon.workspace.schemas import ListDocuments, ListTasks, ListTemplates, Notifications
from mnemon.workspace.schemas_assets import ListAssets
from tests.factories import Rows, Table, insert, tables

#: How a page is asked for: of whom, in which organisation's rows, and its limit and cursor.
Ask = Callable[[Context, Rows, dict[str, Any]], Awaitable[Page[Any]]]


@dataclass(frozen=True, slots=True)
class List:
    """A list.

    Attributes:
        ask: asks for a page.
        table: where its rows are.
        moments: the columns that it is ordered by and the SQL of a value, ``{n}`` a small number that comes twice.
        more: SQL of further values; ``{row:table.column}`` is of the organisation's one row of that table.
        fresh: tables of which each row needs one of its own, by the column that refers to it.
        key: what tells an item apart, and the columns of its row that say the same.
        removes: rows can be taken away.
    """

    ask: Ask
    table: str
    moments: dict[str, str] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)
    fresh: dict[str, str] = field(default_factory=dict)
    key: Callable[[Any], Any] = lambda item: (item.id,)
    columns: tuple[str, ...] = ("id",)
    removes: bool = True


LISTS: dict[str, List] = {}
AGO = "now() - {n} * interval '1 s'"
#: The same, of which a row may have none.
SOMETIMES = "CASE WHEN {n} % 3 > 0 THEN now() - {n} * interval '1 s' END"


def lists(name: str, table: str, ask: Ask, *moments: str, **more: Any) -> None:
    """Note a list whose rows are ordered by these moments."""
    LISTS[name] = List(ask, table, {**dict.fromkeys(moments, AGO), **more.pop("ordered", {})}, **more)


def of_user(verb: Callable[..., Awaitable[Page[Any]]]) -> Ask:
    """Asks for what the organisation's one person has."""

    async def ask(ctx: Context, rows: Rows, page: dict[str, Any]) -> Page[Any]:
        return await verb(ctx, ListOfUser(user_id=(await rows.row("users"))["id"], **page))

    return ask


def of(verb: Callable[..., Awaitable[Page[Any]]], schema: type[PageRequest], **references: str) -> Ask:
    """Asks for what belongs to the organisation's one row of a table: field to table."""

    async def ask(ctx: Context, rows: Rows, page: dict[str, Any]) -> Page[Any]:
        named = {name: (await rows.row(table))["id"] for name, table in references.items()}
        return await verb(ctx, schema(**named, **page))

    return ask


lists("agents.list_agents", "agents", of(agents.list_agents, AgentList), "created_at")
lists("agents.list_states", "agent_states", of(agents.list_states, StateList, agent_id="agents"), "created_at")
lists("agents.list_capabilities", "agent_capabilities", of(agents.list_capabilities, CapabilityList, agent_id="agents"))
lists(
    "conversations.list_conversations",
    "conversations",
    of(conversations.list_conversations, ConversationList),
    "created_at",
    ordered={"last_message_at": SOMETIMES},
)


async def _mentions(ctx: Context, rows: Rows, page: dict[str, Any]) -> Page[Any]:
    entity = (await rows.row("entities"))["id"]
    await rows.admin.execute("UPDATE entities SET deleted_at = NULL WHERE id = $1 AND deleted_at IS NOT NULL", entity)
    return await graph.list_mentions(ctx, ListMentions(entity_id=entity, **page))


lists("graph.list_mentions", "entity_mentions", _mentions, "created_at")
lists("identity.list_users", "users", of(identity.list_users, PageRequest), "created_at")
lists("identity.list_teams", "teams", of(identity.list_teams, PageRequest), "created_at")
lists(
    "identity.list_team_members",
    "team_memberships",
    of(identity.list_team_members, ListTeamMembers, team_id="teams"),
    "created_at",
    fresh={"user_id": "users"},
)
lists("identity.list_roles", "roles", of(identity.list_roles, PageRequest))
lists(
    "identity.roles_of",
    "user_roles",
    of_user(identity.roles_of),
    fresh={"role_id": "roles"},
    key=lambda item: (item.granted_at,),
    columns=("granted_at",),
    ordered={"granted_at": "clock_timestamp()"},
)
lists("identity.list_api_keys", "api_keys", of(identity.list_api_keys, ListApiKeys, user_id="users"), "created_at")
lists("identity.list_sessions", "sessions", of_user(identity.list_sessions), "created_at", more={"expires_at": "now()"})
lists("identity.list_mfa_devices", "mfa_devices", of_user(identity.list_mfa_devices))
lists("identity.list_devices", "devices", of_user(identity.list_devices), "created_at")
lists(
    "integrations.list_integrations",
    "integrations",
    of(integrations.list_integrations, ListIntegrations),
    "created_at",
    fresh={"user_id": "users"},
)


async def _events(ctx: Context, rows: Rows, page: dict[str, Any]) -> Page[Any]:
    now = datetime.now(UTC)
    asked = ListEvents(
        user_id=(await rows.row("users"))["id"], since=now - timedelta(days=1), until=now + timedelta(days=1), **page
    )
    return await integrations.list_events(ctx, asked)


lists("integrations.list_events", "calendar_events", _events, "start_time", more={"end_time": "now()"})
lists(
    "integrations.list_files",
    "drive_files",
    of(integrations.list_files, ListFiles, user_id="users"),
    ordered={"modified_at": SOMETIMES},
)
lists("integrations.list_webhooks", "webhook_endpoints", of(integrations.list_webhooks, PageRequest), "created_at")
lists(
    "integrations.list_deliveries", "webhook_deliveries", of(integrations.list_deliveries, ListDeliveries), "created_at"
)
lists("jobs.list_jobs", "background_jobs", of(jobs.list_jobs, ListJobs), "created_at")
lists("jobs.list_schedules", "job_schedules", of(jobs.list_schedules, PageRequest))
lists(
    "knowledge.search_knowledge",
    "knowledge_items",
    of(knowledge.search_knowledge, SearchKnowledge),
    "created_at",
    key=lambda item: (item.item.id,),
)
lists("knowledge.learning_sessions", "learning_sessions", of(knowledge.learning_sessions, LearningQuery), "started_at")
lists(
    "knowledge.transfers_of",
    "knowledge_transfers",
    of(knowledge.transfers_of, TransferQuery, knowledge_id="knowledge_items"),
    "created_at",
)
lists("workflow.list_workflows", "workflows", of(workflow.list_workflows, WorkflowQuery), "created_at")
lists("workflow.executions_of", "workflow_executions", of(workflow.executions_of, ExecutionQuery), "started_at")
lists(
    "workspace.list_tasks",
    "tasks",
    of(workspace.list_tasks, ListTasks),
    "created_at",
    ordered={
        "due_date": "CASE WHEN {n} % 3 > 0 THEN current_date + {n} / 2 END",
        "due_time": "CASE WHEN {n} % 3 = 1 THEN '10:00'::time END",
    },
)
lists("workspace.list_documents", "documents", of(workspace.list_documents, ListDocuments), "created_at")
lists("workspace.list_assets", "assets", of(workspace.list_assets, ListAssets), "created_at")
lists("workspace.list_templates", "document_templates", of(workspace.list_templates, ListTemplates), "created_at")
lists(
    "workspace.list_notifications",
    "notifications",
    of(workspace.list_notifications, Notifications, user_id="users"),
    "created_at",
)
lists("memory.list_items", "memories", of(memory.list_items, ListItems), "occurred_at", more={"superseded_at": "NULL"})
TRUE = {"subject": "'tide'", "predicate": "'rises'", "valid_until": "NULL"}
lists("memory.facts_at", "memory_facts", of(facts.facts_at, FactsAt), "valid_from", "recorded_at", more=TRUE)


async def _history(ctx: Context, _: Rows, page: dict[str, Any]) -> Page[Any]:
    return await facts.history_of(ctx, FactHistory(subject="tide", **page))


lists("memory.history_of", "memory_facts", _history, "valid_from", "recorded_at", more=TRUE)
lists(
    "memory.usage_of",
    "message_memory_usage",
    of(usage.usage_of, UsageOf, message_id="messages"),
    fresh={"memory_id": "memories"},
    ordered={"rank": "CASE WHEN {n} % 3 > 0 THEN {n} + 1 END", "relevance_score": "CASE WHEN {n} % 2 > 0 THEN 0.5 END"},
    key=lambda item: (item.used_id,),
    columns=("memory_id",),
)
lists(
    "memory.usage_of (a memory)",
    "message_memory_usage",
    of(usage.usage_of, UsageOf, used_id="memories"),
    "created_at",
    fresh={"message_id": "messages"},
    key=lambda item: (item.message_id,),
    columns=("message_id",),
)


async def _rollups(ctx: Context, _: Rows, page: dict[str, Any]) -> Page[Any]:
    return await operations.list_rollups(ctx, RollupQuery(source="system", **page))


lists(
    "operations.list_rollups",
    "metric_rollups",
    _rollups,
    ordered={"bucket_start": "date_trunc('hour', now()) - {n} / 2 * interval '1 h'"},
    more={"source": "'system'", "bucket_size": "'hour'", "minimum": "0", "maximum": "1", "total": "0.5"},
    key=lambda item: (item.subject, item.start),
    columns=("subject", "bucket_start"),
)


async def _trail(ctx: Context, _: Rows, page: dict[str, Any]) -> Page[Any]:
    return await operations.audit_trail(ctx, AuditQuery(action="page:turn", **page))


lists("operations.audit_trail", "audit_logs", _trail, removes=False)
lists("identity.list_permissions", "permissions", of(identity.list_permissions, PageRequest), key=lambda item: (item,))

_KNOWN: list[Table] = []
#: Lists to which nothing is added by anybody: every organisation has the same.
FIXED = frozenset({"identity.list_permissions"})


async def rows_of(admin: Any, ctx: Context) -> Rows:
    """What makes rows of an organisation."""
    if not _KNOWN:
        _KNOWN.extend(await tables(admin))
    return Rows(admin, _KNOWN, ctx.principal.organization_id)


async def add(rows: Rows, ctx: Context, name: str, n: int) -> tuple[Any, ...]:
    """Add a row to a list; what tells its item apart."""
    one = LISTS[name]
    if one.table == "audit_logs":
        return ((await operations.record_event(ctx, AuditEvent(action="page:turn"))).id,)
    values = await rows.values(one.table)
    for column, table in one.fresh.items():
        made = dict(await rows.admin.fetchrow(insert(table, await rows.values(table))))
        values[column] = f"'{made['id']}'::uuid"
    values |= one.more | {column: sql.format(n=n) for column, sql in one.moments.items()}
    made = await rows.admin.fetchrow(insert(one.table, values))
    return tuple(made[column] for column in one.columns)


async def remove(rows: Rows, name: str, key: tuple[Any, ...]) -> None:
    """Take a row away from a list."""
    one = LISTS[name]
    rule = " AND ".join(f"{column} = ${place + 2}" for place, column in enumerate(one.columns))
    done = await rows.admin.execute(
        f"DELETE FROM {one.table} WHERE organization_id = $1 AND {rule}", rows.organization, *key
    )
    assert done == "DELETE 1", (name, done)


def is_page(answer: Any) -> bool:
    """Whether an annotation is a page."""
    return inspect.isclass(answer) and issubclass(answer, Page)


def every_list() -> set[str]:
    """``domain.verb`` of every verb that answers with a page."""
    return {verb.name for verb in verbs.every() if is_page(verb.answer)}
