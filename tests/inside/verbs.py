"""Every verb there is: those that read, those that change, and why the others are in neither walk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from mnemon import verbs
from mnemon.agents import service as agents
from mnemon.agents.schemas import AgentList, AgentRef, StateCheckpoint, StateList, StateRef
from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import (
    ConversationChange,
    ConversationList,
    ConversationRef,
    ConversationUpdate,
    SearchMessages,
)
from mnemon.core.pages import PageRequest
from mnemon.core.text import parse
from mnemon.graph import service as graph
from mnemon.graph.schemas import (
    EnsureEntity,
    FindEntity,
    ListMentions,
    Mention,
    MergeEntities,
    Neighbours,
    NewMention,
    Relate,
    UpdateEntity,
)
from mnemon.identity import service as identity
from mnemon.identity.schemas import ListOfUser, ListTeamMembers, UserRef
from mnemon.identity.schemas_access import ListApiKeys, OAuthTokenRef, OAuthTokenStore
from mnemon.integrations import service as integrations
from mnemon.integrations.schemas import (
    ListEvents,
    ListFiles,
    ListIntegrations,
    RefreshTokens,
    ReportFailure,
    SaveCursor,
    SearchMail,
    SyncEvents,
    SyncFiles,
    SyncMail,
)
from mnemon.integrations.schemas_webhooks import ListDeliveries
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import ListJobs, SetSchedule
from mnemon.knowledge import service as knowledge
from mnemon.knowledge.schemas import SearchKnowledge
from mnemon.memory import service as memory
from mnemon.memory.schemas import Forget, ListItems, Rate, Remember, Scope, Search, Update
from mnemon.memory.schemas_facts import (
    AssertFact,
    FactHistory,
    FactsAt,
    NoteUse,
    Reconstruct,
    RetractFact,
    UsageOf,
    Used,
)
from mnemon.memory.service import facts, usage
from mnemon.operations import service as operations
from mnemon.operations.schemas import AuditQuery
from mnemon.workspace import service as workspace
from mnemon.workspace.schemas import (
    CompleteTask,
    ListDocuments,
    ListTasks,
    MarkRead,
    Notifications,
    Reminders,
    UpdateDocument,
    UpdateTask,
)
from tests.inside.outside import OUTSIDE
from tests.inside.world import ABOUT, MARKS, NOW, World, text

Call = Callable[[Context, World], AsyncIterator[Awaitable[Any]]]


def every_verb() -> set[str]:
    """``domain.verb`` of every verb that a domain's rows can be reached by."""
    return {verb.name for verb in verbs.every()}


@dataclass(frozen=True, slots=True)
class Reading:
    """A verb that reads: what it is asked, and the kinds of rows that it shows to those who may see them."""

    call: Call
    shows: frozenset[str]


READS: dict[str, Reading] = {}
LATER = NOW + timedelta(days=900)
TALK = ("agent_private", "user_profile", "team", "private")


def reads(name: str, *shows: str) -> Callable[[Call], Call]:
    """Note a verb that reads."""

    def note(call: Call) -> Call:
        READS[name] = Reading(call, frozenset(shows))
        return call

    return note


def _scopes() -> list[Scope]:
    named: list[dict[str, Any]] = [
        {},
        {"user": "olga"},
        {"agent": "keeper"},
        {"user": "olga", "agent": "keeper"},
        {"conversation": "quiet"},
        {"conversation": "deck"},
        {"team": "crew"},
        {"tags": (MARKS["private"],)},
        {"metadata": {"about": text("private")}},
        {"as_of": LATER},
    ]
    return [Scope(**one) for one in named]


@reads("memory.search", *TALK)
async def _search(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for scope in _scopes():
        for query in (ABOUT, *MARKS.values()):
            yield memory.search(ctx, Search(query=query, scope=scope, k=100))


@reads("memory.recall", *TALK)
async def _recall(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for scope in _scopes():
        yield memory.recall(ctx, Search(query=ABOUT, scope=scope, k=100, running="quiet"))


@reads("memory.list_items", *TALK)
async def _list_items(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for scope in _scopes():
        for past in (False, True):
            yield memory.list_items(ctx, ListItems(scope=scope, limit=1000, include_past=past))


@reads("memory.read", *TALK)
async def _read(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for one in world.all_rows():
        yield memory.read(ctx, one)
        yield memory.read(ctx, one, as_of=LATER)


@reads("memory.get", *TALK)
async def _get(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for one in world.all_rows():
        yield memory.get(ctx, one)
        yield memory.get(ctx, one, as_of=LATER)


@reads("memory.history", *TALK)
async def _history(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for one in world.all_rows():
        yield memory.history(ctx, one)


@reads("memory.reconstruct", *TALK)
async def _reconstruct(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for one in world.all_rows():
        yield facts.reconstruct(ctx, Reconstruct(memory_id=one, at=LATER))


@reads("memory.facts_at", *TALK)
async def _facts_at(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for about in ({"subject": "harbour"}, {"predicate": "hides"}, {}):
        for at in ({}, {"valid_at": LATER, "known_at": LATER}):
            yield facts.facts_at(ctx, FactsAt(**about, **at, limit=1000))


@reads("memory.history_of", *TALK)
async def _history_of(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    yield facts.history_of(ctx, FactHistory(subject="harbour"))


@reads("memory.usage_of", "private")
async def _usage_of(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for name in ("private_message", "open_message"):
        yield usage.usage_of(ctx, UsageOf(message_id=world.ids[name]))
    for name in ("private_memory", "open_memory", "private_message", "open_message"):
        yield usage.usage_of(ctx, UsageOf(used_id=world.ids[name]))


@reads("conversations.get_conversation", "private", "team")
async def _get_conversation(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for name in ("private", "team"):
        yield conversations.get_conversation(ctx, ConversationRef(conversation_id=world.ids[name]))


@reads("conversations.list_conversations", "private", "team")
async def _list_conversations(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    ids = world.ids
    for about in (
        {},
        {"user_id": ids["olga"]},
        {"user_id": ids["mate"]},
        {"agent_id": ids["keeper"]},
        {"team_id": ids["crew"]},
        {"metadata": {"about": text("private")}},
    ):
        yield conversations.list_conversations(ctx, ConversationList(**about))


@reads("conversations.conversation_statistics")
async def _statistics(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for name in ("private", "team"):
        yield conversations.conversation_statistics(ctx, ConversationRef(conversation_id=world.ids[name]))


@reads("conversations.search_messages", "private", "team")
async def _search_messages(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    ids = world.ids
    for about in (
        {},
        {"conversation_id": ids["private"]},
        {"sender_id": ids["olga"]},
        {"conversation_id": ids["team"]},
    ):
        yield conversations.search_messages(ctx, SearchMessages(query=ABOUT, **about))


@reads("graph.list_mentions", *TALK, "personal")
async def _list_mentions(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    yield graph.list_mentions(ctx, ListMentions(entity_id=world.ids["open_entity"]))
    for one in world.all_rows():
        for kind in ("message", "memory"):
            yield graph.list_mentions(ctx, ListMentions(source_type=kind, source_id=one))
    for kind in ("email", "file"):
        yield graph.list_mentions(ctx, ListMentions(source_type=kind, source_id=world.ids[kind]))


@reads("graph.get_entity", "entity")
async def _get_entity(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    yield graph.get_entity(ctx, world.ids["entity"])


@reads("graph.find_entity", "entity")
async def _find_entity(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    for name in ("The gull", text("entity")):
        yield graph.find_entity(ctx, FindEntity(name=name))
        yield graph.find_entity(ctx, FindEntity(name=name, user_id=world.ids["olga"]))


@reads("graph.neighbours", "entity")
async def _neighbours(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    await graph.relate(
        world.ctx,
        Relate(
            source_entity_id=world.ids["open_entity"],
            target_entity_id=world.ids["entity"],
            relationship_type="shelters",
            strength=0.5,
        ),
    )
    for name in ("open_entity", "entity"):
        yield graph.neighbours(ctx, Neighbours(entity_id=world.ids[name], depth=2))


@reads("agents.list_states", "state")
async def _list_states(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    yield agents.list_states(ctx, StateList(agent_id=world.ids["keeper"]))


@reads("agents.latest_state", "state")
async def _latest_state(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    yield agents.latest_state(ctx, StateRef(agent_id=world.ids["keeper"]))


@reads("jobs.get_job", "job")
async def _get_job(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    yield jobs.get_job(ctx, world.ids["job"])


@reads("jobs.list_jobs", "job")
async def _list_jobs(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    yield jobs.list_jobs(ctx, ListJobs())


@reads("jobs.list_schedules", "job")
async def _list_schedules(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    yield jobs.list_schedules(ctx, PageRequest())


def _owned(name: str, verb: Callable[..., Awaitable[Any]], schema: type[Any], **asked: Any) -> None:
    """A verb that lists what is a person's: one's own, and by name somebody else's."""

    async def call(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
        yield verb(ctx, schema(**asked))
        yield verb(ctx, schema(user_id=world.ids["olga"], **asked))

    READS[name] = Reading(call, frozenset({"personal"}))


def _one(name: str, verb: Callable[..., Awaitable[Any]], which: str) -> None:
    """A verb that reads one row by its id."""

    async def call(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
        yield verb(ctx, world.ids[which])

    READS[name] = Reading(call, frozenset({"personal"}))


DAYS = {"since": NOW - timedelta(days=9), "until": NOW + timedelta(days=9)}
_owned("workspace.list_tasks", workspace.list_tasks, ListTasks)
_owned("workspace.due_reminders", workspace.due_reminders, Reminders)
_owned("workspace.list_documents", workspace.list_documents, ListDocuments)
_owned("workspace.list_notifications", workspace.list_notifications, Notifications)
_owned("integrations.list_integrations", integrations.list_integrations, ListIntegrations)
_owned("integrations.search_mail", integrations.search_mail, SearchMail, query=ABOUT)
_owned("integrations.list_events", integrations.list_events, ListEvents, **DAYS)
_owned("integrations.list_files", integrations.list_files, ListFiles)
_one("workspace.get_task", workspace.get_task, "task")
_one("workspace.get_document", workspace.get_document, "document")
_one("integrations.get_integration", integrations.get_integration, "integration")
_one("integrations.read_tokens", integrations.read_tokens, "integration")


@reads("identity.read_oauth_token", "personal")
async def _read_oauth_token(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    yield identity.read_oauth_token(ctx, OAuthTokenRef(user_id=world.ids["olga"], provider="github"))


@reads("operations.audit_trail", "private", "team", "personal")
async def _audit_trail(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
    yield operations.audit_trail(ctx, AuditQuery(limit=1000))
    for kind in ("conversations", "memories", "integrations"):
        yield operations.audit_trail(ctx, AuditQuery(resource_type=kind, limit=1000))


def _plain(name: str, make: Callable[[Context, World], Awaitable[Any]]) -> None:
    """A verb that reads what is the whole organisation's: nothing of the others is in it."""

    async def call(ctx: Context, world: World) -> AsyncIterator[Awaitable[Any]]:
        yield make(ctx, world)

    READS[name] = Reading(call, frozenset())


_plain("agents.get_agent", lambda c, w: agents.get_agent(c, AgentRef(agent_id=w.ids["keeper"])))
_plain("agents.list_agents", lambda c, w: agents.list_agents(c, AgentList()))
_plain("identity.list_users", lambda c, w: identity.list_users(c, PageRequest()))
_plain("identity.get_user", lambda c, w: identity.get_user(c, UserRef(user_id=w.ids["olga"])))
_plain("identity.list_mfa_devices", lambda c, w: identity.list_mfa_devices(c, ListOfUser(user_id=w.ids["olga"])))
_plain("identity.list_api_keys", lambda c, w: identity.list_api_keys(c, ListApiKeys()))
_plain("identity.list_sessions", lambda c, w: identity.list_sessions(c, ListOfUser(user_id=w.ids["olga"])))
_plain("identity.get_preferences", lambda c, w: identity.get_preferences(c, UserRef(user_id=w.ids["olga"])))
_plain("identity.list_teams", lambda c, w: identity.list_teams(c, PageRequest()))
_plain("identity.list_team_members", lambda c, w: identity.list_team_members(c, ListTeamMembers(team_id=w.ids["crew"])))
_plain("knowledge.search_knowledge", lambda c, w: knowledge.search_knowledge(c, SearchKnowledge(query=ABOUT)))
_plain("operations.errors_by_kind", lambda c, w: operations.errors_by_kind(c))
_plain("operations.request_statistics", lambda c, w: operations.request_statistics(c))
_plain("integrations.list_webhooks", lambda c, w: integrations.list_webhooks(c, PageRequest()))
_plain("integrations.list_deliveries", lambda c, w: integrations.list_deliveries(c, ListDeliveries()))
_plain("operations.verify_audit", lambda c, w: operations.verify_audit(c))


@dataclass(frozen=True, slots=True)
class Changing:
    """A verb that changes: what it is told of a kind of row, by those who may not see it."""

    call: Callable[[Context, World, str], AsyncIterator[Awaitable[Any]]]
    kinds: frozenset[str]


CHANGES: dict[str, Changing] = {}
Change = Callable[[Context, World, str], AsyncIterator[Awaitable[Any]]]


def changes(name: str, *kinds: str) -> Callable[[Change], Change]:
    """Note a verb that changes rows of these kinds."""

    def note(call: Change) -> Change:
        CHANGES[name] = Changing(call, frozenset(kinds))
        return call

    return note


@changes("memory.update", *TALK)
async def _update(ctx: Context, world: World, kind: str) -> AsyncIterator[Awaitable[Any]]:
    for one in world.rows[kind]:
        yield memory.update(ctx, Update(id=one, content="zqchanged"))
        yield memory.update(ctx, Update(id=one, is_pinned=True, expected_version=99))


@changes("memory.forget", *TALK)
async def _forget(ctx: Context, world: World, kind: str) -> AsyncIterator[Awaitable[Any]]:
    yield memory.forget(ctx, Forget(ids=tuple(world.rows[kind])))
    about = {
        "agent_private": {"agent": "keeper", "types": ["agent_private"]},
        "user_profile": {"user": "olga", "types": ["user_profile"]},
        "team": {"team": "crew"},
        "private": {"conversation": "quiet"},
    }
    yield memory.forget(ctx, Forget(scope=Scope.model_validate(about[kind])))


@changes("memory.remember", "private")
async def _remember(ctx: Context, world: World, kind: str) -> AsyncIterator[Awaitable[Any]]:
    for item in (
        {"content": "zqchanged", "conversation": "quiet"},
        {"content": "zqchanged", "conversation": "quiet", "speaker": "sam", "user": "sam"},
        {"content": "zqchanged", "conversation": "quiet", "memory_type": "semantic"},
    ):
        yield memory.remember(ctx, parse(Remember, {"items": [item]}))


@changes("memory.rate", *TALK)
async def _rate(ctx: Context, world: World, kind: str) -> AsyncIterator[Awaitable[Any]]:
    for one in world.rows[kind]:
        yield memory.rate(ctx, Rate(message_id=one, rating="negative"))


@changes("memory.note_use", *TALK)
async def _note_use(ctx: Context, world: World, kind: str) -> AsyncIterator[Awaitable[Any]]:
    for one in world.rows[kind]:
        for message, used in ((one, world.ids["open_memory"]), (world.ids["open_message"], one)):
            yield usage.note_use(ctx, NoteUse(message_id=message, used=(Used(id=used),)))


@changes("memory.retract_fact", *TALK)
async def _retract_fact(ctx: Context, world: World, kind: str) -> AsyncIterator[Awaitable[Any]]:
    yield facts.retract_fact(ctx, RetractFact(id=world.ids[f"{kind}_fact"]))


@changes("memory.assert_fact", *TALK)
async def _assert_fact(ctx: Context, world: World, kind: str) -> AsyncIterator[Awaitable[Any]]:
    for one in world.rows[kind]:
        for source in ("source_message_id", "source_memory_id"):
            yield facts.assert_fact(ctx, AssertFact(subject="s", predicate="p", object="o", **{source: one}))
    if kind == "team":
        yield facts.assert_fact(ctx, AssertFact(subject="harbour", predicate="hides", object="x", team="crew"))


def _talks(name: str, verb: Callable[..., Awaitable[Any]], schema: type[Any], **told: Any) -> None:
    async def call(ctx: Context, world: World, kind: str) -> AsyncIterator[Awaitable[Any]]:
        yield verb(ctx, schema(conversation_id=world.ids[kind], **told))
        yield verb(ctx, schema(conversation_id=world.ids[kind], expected_version=99, **told))

    CHANGES[name] = Changing(call, frozenset({"private", "team"}))


_talks("conversations.update_conversation", conversations.update_conversation, ConversationUpdate, is_private=False)
_talks("conversations.archive_conversation", conversations.archive_conversation, ConversationChange)
_talks("conversations.delete_conversation", conversations.delete_conversation, ConversationChange)


def _told(name: str, kind: str, make: Callable[[Context, World], Awaitable[Any]]) -> None:
    async def call(ctx: Context, world: World, _: str) -> AsyncIterator[Awaitable[Any]]:
        yield make(ctx, world)

    CHANGES[name] = Changing(call, frozenset({kind}))


WORD = SecretStr("zqchanged")
_told(
    "workspace.update_task", "personal", lambda c, w: workspace.update_task(c, UpdateTask(id=w.ids["task"], title="x"))
)
_told("workspace.complete_task", "personal", lambda c, w: workspace.complete_task(c, CompleteTask(id=w.ids["task"])))
_told("workspace.delete_task", "personal", lambda c, w: workspace.delete_task(c, w.ids["task"]))
_told(
    "workspace.update_document",
    "personal",
    lambda c, w: workspace.update_document(c, UpdateDocument(id=w.ids["document"], title="x")),
)
_told("workspace.delete_document", "personal", lambda c, w: workspace.delete_document(c, w.ids["document"]))
_told("workspace.mark_read", "personal", lambda c, w: workspace.mark_read(c, MarkRead(ids=(w.ids["notification"],))))
_told(
    "integrations.refresh_tokens",
    "personal",
    lambda c, w: integrations.refresh_tokens(
        c, RefreshTokens(id=w.ids["integration"], access_token=WORD, expected_version=1)
    ),
)
_told(
    "integrations.save_cursor",
    "personal",
    lambda c, w: integrations.save_cursor(c, SaveCursor(id=w.ids["integration"], cursor="x", expected_version=1)),
)
_told(
    "integrations.report_failure",
    "personal",
    lambda c, w: integrations.report_failure(c, ReportFailure(id=w.ids["integration"], status="error", error="x")),
)
_told(
    "integrations.disconnect_integration",
    "personal",
    lambda c, w: integrations.disconnect_integration(c, w.ids["integration"]),
)


def _synced(name: str, verb: Callable[..., Awaitable[Any]], schema: type[Any]) -> None:
    _told(name, "personal", lambda c, w: verb(c, schema(integration_id=w.ids["integration"], removed=("1",))))


_synced("integrations.sync_mail", integrations.sync_mail, SyncMail)
_synced("integrations.sync_events", integrations.sync_events, SyncEvents)
_synced("integrations.sync_files", integrations.sync_files, SyncFiles)
_told(
    "identity.store_oauth_token",
    "personal",
    lambda c, w: identity.store_oauth_token(
        c, OAuthTokenStore(user_id=w.ids["olga"], provider="github", access_token=WORD)
    ),
)
_told("graph.update_entity", "entity", lambda c, w: graph.update_entity(c, UpdateEntity(id=w.ids["entity"], name="x")))
_told("graph.delete_entity", "entity", lambda c, w: graph.delete_entity(c, w.ids["entity"]))
_told(
    "graph.relate",
    "entity",
    lambda c, w: graph.relate(
        c,
        Relate(source_entity_id=w.ids["open_entity"], target_entity_id=w.ids["entity"], relationship_type="x"),
    ),
)
_told(
    "graph.merge_entities",
    "entity",
    lambda c, w: graph.merge_entities(c, MergeEntities(source_id=w.ids["entity"], target_id=w.ids["open_entity"])),
)
_told(
    "graph.mention",
    "entity",
    lambda c, w: graph.mention(
        c,
        Mention(mentions=(NewMention(entity_id=w.ids["entity"], source_type="file", source_id=w.ids["entity"]),)),
    ),
)
_told(
    "graph.ensure_entity",
    "entity",
    lambda c, w: graph.ensure_entity(
        c, EnsureEntity(entity_type="person", name="The gull", user_id=w.ids["olga"], description="zqchanged")
    ),
)
_told("jobs.cancel_job", "job", lambda c, w: jobs.cancel_job(c, w.ids["job"]))
_told("jobs.retry_job", "job", lambda c, w: jobs.retry_job(c, w.ids["job"]))
_told("jobs.remove_schedule", "job", lambda c, w: jobs.remove_schedule(c, "olgas-own"))
_told(
    "jobs.set_schedule",
    "job",
    lambda c, w: jobs.set_schedule(c, SetSchedule(name="olgas-own", kind="x.y", every_seconds=60)),
)
_told(
    "agents.checkpoint_state",
    "state",
    lambda c, w: agents.checkpoint_state(c, StateCheckpoint(agent_id=w.ids["keeper"], state_data={"x": 1})),
)


#: Why the other verbs are in neither walk. Each has its reason; a new verb that has none fails the test.
RANK = "acts on an account, a team or a role: rank decides, tests/inside/test_rank.py"
SHARED = "the whole organisation's: its rows name no person and no team"
OWN = "makes what is the caller's own"
EXCEPTIONS: dict[str, str] = {
    **OUTSIDE,
    **dict.fromkeys(
        (
            "identity.set_password identity.enrol_totp identity.verify_totp identity.remove_mfa_device "
            "identity.create_api_key identity.revoke_api_key identity.update_user identity.delete_user "
            "identity.set_preferences identity.register_device identity.list_devices identity.deactivate_device "
            "identity.create_role identity.update_role identity.delete_role identity.grant identity.revoke "
            "identity.assign_role identity.unassign_role identity.revoke_session identity.revoke_sessions "
            "identity.start_session identity.update_team identity.delete_team identity.add_team_member "
            "identity.remove_team_member identity.set_timezone agents.create_agent agents.update_agent "
            "agents.set_status agents.delete_agent identity.create_user identity.create_team "
            "integrations.claim_deliveries"
        ).split(),
        RANK,
    ),
    **dict.fromkeys(
        (
            "identity.permissions_of identity.has_permission identity.list_permissions identity.list_roles "
            "identity.roles_of agents.add_capability agents.list_capabilities agents.remove_capability "
            "agents.find_agents_by_capability knowledge.add_knowledge knowledge.get_knowledge "
            "knowledge.update_knowledge knowledge.delete_knowledge knowledge.record_knowledge_use "
            "knowledge.knowledge_usage knowledge.knowledge_summaries knowledge.start_learning "
            "knowledge.get_learning_session knowledge.finish_learning knowledge.learning_sessions "
            "knowledge.count_pattern_uses knowledge.recompute_pattern_accuracy "
            "knowledge.refresh_knowledge_summaries knowledge.add_pattern knowledge.get_pattern "
            "knowledge.find_patterns knowledge.update_pattern knowledge.delete_pattern knowledge.record_pattern_use "
            "knowledge.record_pattern_uses knowledge.record_pattern_metrics knowledge.pattern_effectiveness "
            "knowledge.pattern_summaries knowledge.transfer_knowledge knowledge.finish_transfer "
            "knowledge.transfers_of workflow.define_workflow workflow.get_workflow workflow.list_workflows "
            "workflow.update_workflow workflow.activate_workflow workflow.archive_workflow workflow.delete_workflow "
            "workflow.start_execution workflow.advance_execution workflow.finish_execution workflow.get_execution "
            "workflow.executions_of workspace.create_template workspace.get_template workspace.update_template "
            "workspace.delete_template workspace.list_templates "
            "operations.log_error operations.log_request operations.ingest_metrics operations.roll_up_metrics "
            "operations.list_rollups operations.dashboard operations.record_event operations.seal_audit"
        ).split(),
        SHARED,
    ),
    **dict.fromkeys(
        (
            "conversations.create_conversation integrations.connect_integration jobs.enqueue "
            "workspace.create_document workspace.create_task"
        ).split(),
        OWN,
    ),
    **dict.fromkeys(
        "identity.verify_password identity.authenticate_api_key identity.find_session identity.refresh_session".split(),
        "asks for the secret that proves who somebody is",
    ),
    **dict.fromkeys(
        (
            "jobs.prune_jobs operations.seal_audits operations.maintain_partitions "
            "operations.table_sizes operations.index_usage operations.slow_queries operations.refresh_dashboard"
        ).split(),
        "the installation's: sizes and upkeep, no rows",
    ),
    "identity.read_timezones": "a person without users:read reads their own zone and nobody else's",
    "operations.preview_erasure": "counts, for who may erase; tests/operations/test_erasure*.py",
    "operations.erase": "erasure has its own rights and tests, tests/operations/test_erasure*.py",
    "installation.export_organization": "all that the organisation owns, for who may remove it; tests/installation",
    "installation.embed_waiting": "tells how many rows of the organisation waited for a vector, and nothing of them",
    "memory.maintain": "tells how many rows of the organisation wait for an index, and nothing of them",
    "conversations.checkpoints": "how far an import has come: a name of the caller's choice and counts",
    "workspace.notify": "colleagues may tell each other; what was told is read by whom it was told to",
    "graph.unrelate": "takes a relationship's id, which only who sees both its entities is given (test_privacy.py)",
}
