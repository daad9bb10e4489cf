"""The namespaces of a memory, with their types: generated from the verbs (mnemon.verbs) by `make docs`.

Which verb has which name is in groups.py; change it there.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Literal, overload
from uuid import UUID

from pydantic import IPvAnyAddress, SecretStr

from mnemon.agents.models import AgentStatus
from mnemon.agents.schemas import (
    AgentBoundaries,
    AgentCreate,
    AgentDNA,
    AgentList,
    AgentMemoryConfig,
    AgentModelConfig,
    AgentPersonality,
    AgentRef,
    AgentState,
    AgentStatusSet,
    AgentUpdate,
    Capability,
    CapabilityAdd,
    CapabilityList,
    CapabilityRef,
    CapableAgent,
    CapableSearch,
    StateCheckpoint,
    StateList,
    StateRef,
)
from mnemon.conversations.models import ConversationStatus
from mnemon.conversations.schemas import (
    Checkpoint,
    Conversation,
    ConversationChange,
    ConversationCreate,
    ConversationList,
    ConversationRef,
    ConversationStatistics,
    ConversationUpdate,
    FoundMessage,
    SearchMessages,
)
from mnemon.core.pages import Page, PageRequest
from mnemon.doors.library.taking import Taking
from mnemon.graph.schemas import (
    Count,
    EnsureEntity,
    Ensured,
    Entity,
    FindEntity,
    ListMentions,
    Mention,
    MergeEntities,
    Neighbour,
    Neighbours,
    NewMention,
    Relate,
    Relationship,
    StoredMention,
    UpdateEntity,
)
from mnemon.identity.models import UserRole as IdentityUserRole
from mnemon.identity.models_roles import DevicePlatform
from mnemon.identity.schemas import (
    Device,
    DeviceRef,
    DeviceRegister,
    ListOfUser,
    ListTeamMembers,
    Preferences,
    PreferencesSet,
    Team,
    TeamCreate,
    TeamMember,
    TeamMembership,
    TeamRef,
    TeamUpdate,
    TimezoneOf,
    TimezonesOf,
    User,
    UserCreate,
    UserRef,
    UserUpdate,
)
from mnemon.identity.schemas_access import (
    ApiKey,
    ApiKeyCreate,
    ApiKeyRef,
    Authenticated,
    KnownUser,
    ListApiKeys,
    MfaDevice,
    MfaDeviceRef,
    MfaVerified,
    NewApiKey,
    OAuthToken,
    OAuthTokenRef,
    OAuthTokenStore,
    PasswordCheck,
    PasswordSet,
    PermissionCheck,
    Role,
    RoleAssign,
    RoleCreate,
    RoleGrant,
    RoleRef,
    RoleUpdate,
    Session,
    SessionRef,
    SessionRefresh,
    SessionStart,
    SessionTokens,
    Token,
    TotpCheck,
    TotpEnrol,
    TotpEnrolment,
    UserRole,
)
from mnemon.identity.schemas_signin import (
    AccountMail,
    AskReset,
    InviteUser,
    RecoveryCodes,
    ResetPassword,
    SecondFactor,
    SendCode,
    SignIn,
    SignedIn,
    SmsEnrol,
    TrustedIdentity,
)
from mnemon.integrations.schemas import (
    CalendarEvent,
    Connect,
    Count as IntegrationsCount,
    File,
    FoundMail,
    Integration,
    ListEvents,
    ListFiles,
    ListIntegrations,
    Mail,
    RefreshTokens,
    ReportFailure,
    SaveCursor,
    SearchMail,
    StoredEvent,
    StoredFile,
    SyncEvents,
    SyncFiles,
    SyncMail,
    Synced,
    Tokens as IntegrationsTokens,
)
from mnemon.integrations.schemas_webhooks import (
    ClaimDeliveries,
    Claimed,
    Delivery,
    DeliveryWithPayload,
    EnqueueDelivery,
    Enqueued,
    ListDeliveries,
    NewSecret,
    RecordAttempt,
    RegisterWebhook,
    SendDeliveries,
    Sent,
    UpdateWebhook,
    Webhook,
)
from mnemon.jobs.models import JobStatus
from mnemon.jobs.schemas import Cancelled, Enqueue, Enqueued as JobsEnqueued, Job, ListJobs, Schedule, SetSchedule
from mnemon.knowledge.models import PatternType, TransferMode
from mnemon.knowledge.schemas.items import (
    AddKnowledge,
    DeleteKnowledge,
    FinishTransfer,
    FoundKnowledge,
    KnowledgeItem,
    KnowledgeSummary,
    KnowledgeUse,
    RecordUses,
    SearchKnowledge,
    Transfer,
    TransferKnowledge,
    TransferQuery,
    UpdateKnowledge,
    Usage,
    UsageQuery,
)
from mnemon.knowledge.schemas.learning import FinishLearning, LearningQuery, LearningSession, StartLearning
from mnemon.knowledge.schemas.patterns import (
    AddPattern,
    Effectiveness,
    EffectivenessQuery,
    FindPatterns,
    Pattern,
    PatternRun,
    PatternSummary,
    PatternUse,
    RecomputeAccuracy,
    RecordPatternUses,
    RecordRuns,
    SummaryQuery,
    UpdatePattern,
)
from mnemon.memory.schemas_facts import AssertFact, Asserted, Fact, FactHistory, FactsAt, RetractFact
from mnemon.operations.models import ErrorLevel, MetricInterval, MetricSource
from mnemon.operations.models_audit import AuditStatus
from mnemon.operations.schemas.audit import (
    AuditAnchor,
    AuditEntry,
    AuditEvent,
    AuditQuery,
    AuditVerification,
    Audited,
    SealAudit,
    Sealed,
    VerifyAudit,
)
from mnemon.operations.schemas.logs import ErrorGroups, ErrorReport, Logged, Period, RequestReport, RequestStatistics
from mnemon.operations.schemas.metrics import (
    AgentMetric,
    Dashboard,
    DashboardQuery,
    IngestMetrics,
    Ingested,
    RolledUp,
    Rollup,
    RollupQuery,
    SystemMetric,
)
from mnemon.workflow.models import ExecutionStatus, WorkflowStatus
from mnemon.workflow.schemas import (
    AdvanceExecution,
    DefineWorkflow,
    Execution,
    ExecutionQuery,
    FinishExecution,
    MoveWorkflow,
    StartExecution,
    Step,
    UpdateWorkflow,
    Workflow,
    WorkflowQuery,
)
from mnemon.workspace.schemas import (
    CompleteTask,
    Completed,
    Count as WorkspaceCount,
    CreateDocument,
    CreateTask,
    CreateTemplate,
    Document,
    Inbox,
    ListDocuments,
    ListTasks,
    ListTemplates,
    MarkRead,
    Notification,
    Notifications as WorkspaceNotifications,
    Notify,
    Reminders,
    Task,
    Template,
    UpdateDocument,
    UpdateTask,
    UpdateTemplate,
)
from mnemon.workspace.schemas_assets import Asset, AssetContent, ListAssets, PutAsset, SweepAssets, Swept

class Namespace:
    """The verbs of one kind, of one memory."""

    def __init__(self, memory: Any) -> None: ...

def takings(group: str) -> dict[str, Taking]:
    """Return what each method of a namespace takes, by its name."""

def class_name(group: str) -> str:
    """Return what the class is called that has the methods of a namespace and waits for them."""

def awaited(group: str) -> type[Namespace]:
    """Return the class of a namespace for code that awaits."""

def blocking(group: str) -> type[Namespace]:
    """Return the class of a namespace for code that does not await."""

class AsyncFacts(Namespace):
    """What is true of whom, and from when until when."""

    @overload
    async def record(
        self,
        subject: str,
        *,
        predicate: str,
        object: str,
        confidence: float = 1.0,
        valid_from: datetime | date | str | None = None,
        valid_until: datetime | date | str | None = None,
        single_valued: bool = True,
        user: str | None = None,
        agent: str | None = None,
        team: str | None = None,
        source_message_id: UUID | str | None = None,
        source_memory_id: UUID | str | None = None,
    ) -> Asserted:
        """Record a fact; of a single-valued predicate it takes the place of what was known for the same time.

        What was known is not overwritten: the old row is retracted, and what is left of its time is recorded anew. A fact
        that is known already for the whole of its time is returned as it is. Without an end it lasts until the next known
        fact of its kind begins: a late report of an early time does not undo what came after. What the principal may not
        see is neither told nor undone: it stays known beside this.

        Args:
            confidence: 0 to 1.
            valid_from: when it became true; now, if not given.
            valid_until: when it ended; None: no end is known, so it lasts until the next known fact of its kind begins.
            single_valued: a subject has one object of this predicate at a time (lives in), not several (likes).
            user: from whom it was learnt and who keeps it, by the caller's own strings; who acts, if not given.
            agent: from whom it was learnt and who keeps it, by the caller's own strings; who acts, if not given.
            team: the team that shares it; facts of different teams do not meet.
            source_message_id: what it was taken from.
            source_memory_id: what it was taken from.

        Raises:
            NotFound: the team, the message or the memory is not there, or not this principal's to see.
            Forbidden: the team is not the person's.
            Invalid: it ends before it begins (with `valid_from` left to the clock).
        """
    @overload
    async def record(self, request: AssertFact, /) -> Asserted: ...

    @overload
    async def at(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        subject: str | None = None,
        predicate: str | None = None,
        object: str | None = None,
        valid_at: datetime | date | str | None = None,
        known_at: datetime | date | str | None = None,
    ) -> Page[Fact]:
        """List facts that were true at one moment, as they were known at another; by subject and predicate.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            subject: exactly these; an object with its subject or its predicate. None of them: all facts, by subject.
            predicate: exactly these; an object with its subject or its predicate. None of them: all facts, by subject.
            object: exactly these; an object with its subject or its predicate. None of them: all facts, by subject.
            valid_at: true in the world at this moment; now, if not given.
            known_at: as known at this moment; as known now, if not given.
        """
    @overload
    async def at(self, request: FactsAt, /) -> Page[Fact]: ...

    @overload
    async def history(
        self,
        subject: str,
        *,
        limit: int = 1000,
        cursor: str | None = None,
        predicate: str | None = None,
    ) -> Page[Fact]:
        """List every fact of a subject that was ever recorded, in that order.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def history(self, request: FactHistory, /) -> Page[Fact]: ...

    @overload
    async def retract(self, id: UUID | str, *, valid_until: datetime | date | str | None = None) -> Fact | None:
        """Take a fact back: as never true, or as true until a moment only; then what is left of it is returned.

        Args:
            valid_until: it did hold, until this moment; None: it never did.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Conflict: it is known no longer.
            Invalid: `valid_until` is not within its time.
        """
    @overload
    async def retract(self, request: RetractFact, /) -> Fact | None: ...

class AsyncConversations(Namespace):
    """Conversations: their titles, whose they are, what was said in them."""

    @overload
    async def create(
        self,
        *,
        title: str | None = None,
        external_id: str | None = None,
        type: Literal["direct", "group", "ai_chat"] | None = None,
        user_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
        team_id: UUID | str | None = None,
        participant_ids: Sequence[UUID | str] = (),
        description: str | None = None,
        avatar_url: str | None = None,
        is_private: bool = True,
        metadata: Mapping[str, Any] = ...,
        expires_at: datetime | date | str | None = None,
    ) -> Conversation:
        """Make a conversation before anything is said in it (002); the first message would make it by its name.

        Args:
            title: what people see; `name` of 000.
            external_id: the caller's own string for it: messages that name it as their conversation go there.
            type: direct, group or ai_chat; found from who takes part, if not given.
            user_id: the person it belongs to; the one who acts, if not given.
            agent_id: the agent talked with.
            team_id: the team that shares it.
            participant_ids: other people who take part.
            is_private: seen by who takes part alone, and by the team that shares it.
            expires_at: when it may be put away.

        Raises:
            Conflict: the external id is taken, perhaps by a conversation that was deleted.
            NotFound: the person, the agent or the team is not one of this organisation.
            Forbidden: a person makes it for somebody else or for a team that is not theirs; or no
                `conversations:write`.
        """
    @overload
    async def create(self, request: ConversationCreate, /) -> Conversation: ...

    @overload
    async def get(self, conversation_id: UUID | str) -> Conversation:
        """Read a conversation by its id.

        Raises:
            NotFound: there is none, it was deleted, or it is not this principal's to see; the three look the same.
        """
    @overload
    async def get(self, request: ConversationRef, /) -> Conversation: ...

    @overload
    async def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
        team_id: UUID | str | None = None,
        status: ConversationStatus | str | None = None,
        type: Literal["direct", "group", "ai_chat"] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Page[Conversation]:
        """List conversations that the principal may see, the latest talk first, those where nothing was said last.

        One in which something is said while its pages are read has moved to the front.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            user_id: those that belong to this person or that they take part in.
            metadata: those whose metadata contain this object, however deep.
        """
    @overload
    async def list(self, request: ConversationList, /) -> Page[Conversation]: ...

    @overload
    async def update(
        self,
        conversation_id: UUID | str,
        *,
        expected_version: int | None = None,
        title: str | None = None,
        description: str | None = None,
        avatar_url: str | None = None,
        is_private: bool = True,
        status: ConversationStatus | str = ...,
        agent_id: UUID | str | None = None,
        summary: str | None = None,
        metadata: Mapping[str, Any] = ...,
        expires_at: datetime | date | str | None = None,
    ) -> Conversation:
        """Change a conversation; who sees it is changed by whose it is.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Forbidden: it is somebody else's, and the change would open or close it, or give it to an agent.
            Conflict: it has another version than the one expected; `data` has both.
        """
    @overload
    async def update(self, request: ConversationUpdate, /) -> Conversation: ...

    @overload
    async def archive(self, conversation_id: UUID | str, *, expected_version: int | None = None) -> Conversation:
        """Close a conversation: it is read and searched as before, and is no longer among the active ones.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Forbidden: it is somebody else's.
            Conflict: it has another version than the one expected.
        """
    @overload
    async def archive(self, request: ConversationChange, /) -> Conversation: ...

    @overload
    async def delete(self, conversation_id: UUID | str, *, expected_version: int | None = None) -> int:
        """Delete a conversation softly, and forget what was said in it; a message that names it brings it back, empty.

        Returns:
            How many messages were forgotten.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Forbidden: it is somebody else's.
            Conflict: it has another version than the one expected.
        """
    @overload
    async def delete(self, request: ConversationChange, /) -> int: ...

    @overload
    async def statistics(self, conversation_id: UUID | str) -> ConversationStatistics:
        """Count what was said in a conversation: by role, by people, in tokens and in time.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """
    @overload
    async def statistics(self, request: ConversationRef, /) -> ConversationStatistics: ...

    @overload
    async def search(
        self,
        query: str,
        *,
        conversation_id: UUID | str | None = None,
        sender_id: UUID | str | None = None,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
        k: int = 20,
    ) -> tuple[FoundMessage, ...]:
        """Find messages that have the words, best first (000); words are found in their other forms.

        Of conversations that the principal may see only; deleted ones and forgotten messages are not there.

        Args:
            query: words; "in quotes" a phrase, `or` and `-word` as web searches have them.
            sender_id: the person who said it.
            since: when it was said; since is included, until is not.
            until: when it was said; since is included, until is not.
        """
    @overload
    async def search(self, request: SearchMessages, /) -> tuple[FoundMessage, ...]: ...

    async def checkpoints(self, source: str) -> tuple[Checkpoint, ...]:
        """Read how far imports have come: of this source, and of those whose names go on after it and a colon."""

class AsyncGraph(Namespace):
    """Entities, where they are mentioned, and how they relate."""

    @overload
    async def ensure(
        self,
        entity_type: str,
        *,
        name: str,
        user_id: UUID | str | None = None,
        aliases: Sequence[str] = (),
        description: str | None = None,
        metadata: Mapping[str, Any] = ...,
        seen_at: datetime | date | str | None = None,
    ) -> Ensured:
        """Find the entity of this type by this name or alias, or make it; nothing that is known is overwritten.

        Two who make the same one at once get the same one.

        Args:
            entity_type: a free label such as person, organization, project, location.
            user_id: whose knowledge it is; None: the whole organisation's.
            aliases: other names, added to those it has.
            seen_at: when it was talked about; now, if not given.

        Raises:
            Forbidden: it is to be somebody else's.
            NotFound: the person is not one of this organisation.
        """
    @overload
    async def ensure(self, request: EnsureEntity, /) -> Ensured: ...

    @overload
    async def find(
        self,
        name: str,
        *,
        entity_type: str | None = None,
        user_id: UUID | str | None = None,
        limit: int = 10,
    ) -> tuple[Entity, ...]:
        """Find entities by name or alias, in any case of letters: a person's own first, then the most mentioned.

        Args:
            user_id: whose; entities of the whole organisation are found as well, after the person's own.
        """
    @overload
    async def find(self, request: FindEntity, /) -> tuple[Entity, ...]: ...

    async def get(self, entity_id: UUID | str) -> Entity:
        """Read an entity; for one that was merged, the one it became.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        name: str | None = None,
        entity_type: str | None = None,
        aliases: Sequence[str] | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
    ) -> Entity:
        """Change an entity.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Conflict: it has another version than the one expected, or another entity has the name.
        """
    @overload
    async def update(self, request: UpdateEntity, /) -> Entity: ...

    async def delete(self, entity_id: UUID | str) -> Count:
        """Delete an entity softly: it is no longer found, nor a neighbour of any.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    @overload
    async def merge(self, source_id: UUID | str, *, target_id: UUID | str) -> Entity:
        """Make two entities one: mentions and relationships move, counts add up, names become aliases.

        A place both were mentioned in is kept once, of two relationships that become the same the stronger strength stays,
        and what related the two to each other ends. Done again, it changes nothing. Merges of an organisation come one
        after the other; who relates or mentions meanwhile ends up at the entity that stays.

        Args:
            source_id: the one that ends; its names become aliases of the other.
            target_id: the one that stays.

        Raises:
            NotFound: one of them is not there, or not this principal's to see.
            Invalid: one is a person's and the other is somebody else's or the organisation's.
        """
    @overload
    async def merge(self, request: MergeEntities, /) -> Entity: ...

    @overload
    async def mention(
        self,
        mentions: Sequence[NewMention | Mapping[str, Any]],
        *,
        at: datetime | date | str | None = None,
    ) -> Count:
        """Note where entities are mentioned, and count it; a place that is known already is not counted again.

        Raises:
            NotFound: an entity is not there, or not this principal's to see: nothing is noted.
        """
    @overload
    async def mention(self, request: Mention, /) -> Count: ...

    @overload
    async def mentions(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        entity_id: UUID | str | None = None,
        source_type: Literal["memory", "message", "email", "file"] | None = None,
        source_id: UUID | str | None = None,
    ) -> Page[StoredMention]:
        """List mentions of an entity or in a source, newest first; of sources that are this principal's to see.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.

        Raises:
            NotFound: the entity is not there, or not this principal's to see.
        """
    @overload
    async def mentions(self, request: ListMentions, /) -> Page[StoredMention]: ...

    @overload
    async def relate(
        self,
        source_entity_id: UUID | str,
        *,
        target_entity_id: UUID | str,
        relationship_type: str,
        strength: float = 0.5,
        context: str | None = None,
    ) -> Relationship:
        """Say how one entity relates to another; said again, it changes the strength. Merged entities are followed.

        Args:
            strength: 0 to 1.

        Raises:
            NotFound: one of them is not there, or not this principal's to see.
            Invalid: the two have become one.
        """
    @overload
    async def relate(self, request: Relate, /) -> Relationship: ...

    async def unrelate(self, relationship_id: UUID | str) -> Count:
        """Delete a relationship softly.

        Raises:
            NotFound: there is none, or one of its entities is not this principal's to see.
        """

    @overload
    async def neighbours(self, entity_id: UUID | str, *, depth: int = 1, limit: int = 100) -> tuple[Neighbour, ...]:
        """Find entities at most `depth` relationships away in either direction, nearest and strongest first.

        Raises:
            NotFound: the entity is not there, or not this principal's to see.
        """
    @overload
    async def neighbours(self, request: Neighbours, /) -> tuple[Neighbour, ...]: ...

class AsyncKnowledge(Namespace):
    """What agents know, pass on and use."""

    @overload
    async def add(
        self,
        domain: str,
        *,
        content: Mapping[str, Any],
        source_agent_id: UUID | str | None = None,
        confidence: float | None = None,
        tags: Sequence[str] = (),
        language: str | None = None,
    ) -> KnowledgeItem:
        """Keep something that an agent knows (REQ-T114).

        Args:
            domain: the field it belongs to.
            content: the knowledge itself; its `title` and `description` are what search reads.
            source_agent_id: the agent that knows it; the acting agent, if not given.
            confidence: 0 to 1, kept to two decimals; None: not rated.
            language: what title and description are written in, as an ISO 639 code; found out, if not given.

        Raises:
            Invalid: no agent is named and none acts.
            NotFound: there is no such agent.
        """
    @overload
    async def add(self, request: AddKnowledge, /) -> KnowledgeItem: ...

    async def get(self, knowledge_id: UUID | str) -> KnowledgeItem:
        """Read an item by its id.

        Raises:
            NotFound: there is none, or it was deleted.
        """

    @overload
    async def search(
        self,
        *,
        limit: int = 20,
        cursor: str | None = None,
        query: str | None = None,
        domain: str | None = None,
        source_agent_id: UUID | str | None = None,
        tags: Sequence[str] = (),
        any_tags: Sequence[str] = (),
        min_confidence: float | None = None,
    ) -> Page[FoundKnowledge]:
        """Find items by words, best first; without words, newest first, page by page (REQ-T114).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: where the page before ended; a listing only: a search has its best `limit` hits.
            query: words; a phrase in quotation marks, `or` and a minus sign mean what they do in web searches.
            tags: all of these.
            any_tags: at least one of these.
            min_confidence: items not rated are left out with it.

        Raises:
            Invalid: the cursor is not one that a page gave.
        """
    @overload
    async def search(self, request: SearchKnowledge, /) -> Page[FoundKnowledge]: ...

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        domain: str | None = None,
        content: Mapping[str, Any] | None = None,
        confidence: float | None = None,
        tags: Sequence[str] | None = None,
        language: str | None = None,
        expected_version: int | None = None,
    ) -> KnowledgeItem:
        """Change an item.

        Args:
            language: what it is written in; found out anew with other content, if not given.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            Invalid: nothing is given to change.
            NotFound: there is no such item.
            Conflict: another change came first; both versions are in `data` (REQ-T107).
        """
    @overload
    async def update(self, request: UpdateKnowledge, /) -> KnowledgeItem: ...

    @overload
    async def delete(self, id: UUID | str, *, expected_version: int | None = None) -> None:
        """Delete an item softly: its transfers and its usage stay (REQ-T105).

        Raises:
            NotFound: there is no such item.
            Conflict: another change came first.
        """
    @overload
    async def delete(self, request: DeleteKnowledge, /) -> None: ...

    @overload
    async def transfer(
        self,
        knowledge_id: UUID | str,
        *,
        target_agent_id: UUID | str,
        transfer_method: str,
        source_agent_id: UUID | str | None = None,
    ) -> Transfer:
        """Begin to pass an item on; it has arrived once :func:`finish_transfer` says so (REQ-T115).

        Raises:
            NotFound: there is no such item or agent.
        """
    @overload
    async def transfer(self, request: TransferKnowledge, /) -> Transfer: ...

    @overload
    async def finish_transfer(self, id: UUID | str, *, success: bool, error_message: str | None = None) -> Transfer:
        """Say how a transfer ended; it ends once.

        Raises:
            NotFound: there is no such transfer.
            Conflict: it has ended already.
        """
    @overload
    async def finish_transfer(self, request: FinishTransfer, /) -> Transfer: ...

    @overload
    async def transfers(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        knowledge_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
    ) -> Page[Transfer]:
        """List transfers of an item, or those an agent gave or got, newest first (REQ-T115).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.

        Raises:
            Invalid: neither an item nor an agent is named, or the cursor is not one that a page gave.
        """
    @overload
    async def transfers(self, request: TransferQuery, /) -> Page[Transfer]: ...

    @overload
    async def record_use(self, uses: Sequence[KnowledgeUse | Mapping[str, Any]]) -> int:
        """Note what happened to items, all of it or nothing; returns how many notes were written (REQ-T132).

        Raises:
            NotFound: one of the items or agents does not exist.
        """
    @overload
    async def record_use(self, request: RecordUses, /) -> int: ...

    @overload
    async def usage(
        self,
        since: datetime | date | str,
        *,
        until: datetime | date | str | None = None,
        knowledge_id: UUID | str | None = None,
        domain: str | None = None,
        every: Literal["day", "week", "month"] = "day",
    ) -> Usage:
        """Count what happened to items in a window, by day, week or month (REQ-T132)."""
    @overload
    async def usage(self, request: UsageQuery, /) -> Usage: ...

    @overload
    async def summaries(self, *, limit: int = 100) -> tuple[KnowledgeSummary, ...]:
        """Read how much items were used over all time, as of the last refresh, most used first (REQ-T149)."""
    @overload
    async def summaries(self, request: SummaryQuery, /) -> tuple[KnowledgeSummary, ...]: ...

class AsyncPatterns(Namespace):
    """Patterns that agents learnt, and how well they do."""

    @overload
    async def add(
        self,
        type: PatternType | str,
        *,
        name: str,
        pattern_data: Mapping[str, Any],
        accuracy: float | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> Pattern:
        """Keep a pattern that was learnt (REQ-T116)."""
    @overload
    async def add(self, request: AddPattern, /) -> Pattern: ...

    async def get(self, pattern_id: UUID | str) -> Pattern:
        """Read a pattern by its id.

        Raises:
            NotFound: there is none, or it was deleted.
        """

    @overload
    async def find(
        self,
        *,
        type: PatternType | str | None = None,
        min_accuracy: float | None = None,
        limit: int = 50,
    ) -> tuple[Pattern, ...]:
        """Find patterns of a type with at least an accuracy, most used first (REQ-T116)."""
    @overload
    async def find(self, request: FindPatterns, /) -> tuple[Pattern, ...]: ...

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        name: str | None = None,
        pattern_data: Mapping[str, Any] | None = None,
        accuracy: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
    ) -> Pattern:
        """Change a pattern; uses that are counted meanwhile are no conflict.

        Raises:
            Invalid: nothing is given to change.
            NotFound: there is no such pattern.
            Conflict: another change came first; both versions are in `data` (REQ-T107).
        """
    @overload
    async def update(self, request: UpdatePattern, /) -> Pattern: ...

    async def delete(self, pattern_id: UUID | str) -> None:
        """Delete a pattern softly: what was measured stays (REQ-T105).

        Raises:
            NotFound: there is no such pattern.
        """

    @overload
    async def record_use(
        self,
        pattern_id: UUID | str,
        *,
        agent_id: UUID | str | None = None,
        success: bool | None = None,
        context: Mapping[str, Any] = ...,
        at: datetime | date | str | None = None,
    ) -> bool:
        """Note that a pattern was applied (REQ-T133).

        A popular pattern is applied by many at once, and none of them waits: who finds the pattern's row free counts the
        use in `usage_count` at once; who finds it held leaves that to :func:`count_pattern_uses`. No use is lost or
        counted twice.

        Returns:
            Whether `usage_count` has this use already.

        Args:
            agent_id: who applied it; the acting agent, if not given.
            success: whether it helped; None: not known.
            at: when; now, if not given.

        Raises:
            Invalid: no agent is named and none acts.
            NotFound: there is no such pattern or agent.
        """
    @overload
    async def record_use(self, request: PatternUse, /) -> bool: ...

    @overload
    async def record_uses(self, uses: Sequence[PatternUse | Mapping[str, Any]]) -> int:
        """Note many applications of patterns, all of them or none; returns how many (REQ-T133).

        `usage_count` gets them from :func:`count_pattern_uses`.

        Raises:
            Invalid: a use names no agent and none acts.
            NotFound: one of the patterns or agents does not exist.
        """
    @overload
    async def record_uses(self, request: RecordPatternUses, /) -> int: ...

    async def count_uses(self) -> int:
        """Bring uses that :func:`record_pattern_use` left uncounted into `usage_count`; returns how many (REQ-T133)."""

    @overload
    async def record_runs(self, runs: Sequence[PatternRun | Mapping[str, Any]]) -> int:
        """Write measured runs, all of them or none; returns how many (REQ-T117).

        Raises:
            Invalid: a run names no agent and none acts.
            NotFound: one of the patterns or agents does not exist.
        """
    @overload
    async def record_runs(self, request: RecordRuns, /) -> int: ...

    @overload
    async def effectiveness(
        self,
        pattern_id: UUID | str,
        *,
        since: datetime | date | str,
        until: datetime | date | str | None = None,
    ) -> Effectiveness:
        """Measure success rate, times and kinds of failure of a pattern in a window (REQ-T117, REQ-T133).

        Raises:
            NotFound: there is no such pattern.
        """
    @overload
    async def effectiveness(self, request: EffectivenessQuery, /) -> Effectiveness: ...

    @overload
    async def recompute_accuracy(self, *, days: int = 90, minimum_runs: int = 10) -> int:
        """Set the accuracy of every pattern of the organisation to the share of its runs that succeeded (REQ-T147).

        One stored procedure does it for all patterns; a pattern with too few runs keeps the accuracy it has.

        Returns:
            How many patterns changed.
        """
    @overload
    async def recompute_accuracy(self, request: RecomputeAccuracy, /) -> int: ...

    @overload
    async def summaries(self, *, limit: int = 100) -> tuple[PatternSummary, ...]:
        """Read how patterns did over all time, as of the last refresh, most runs first (REQ-T149)."""
    @overload
    async def summaries(self, request: SummaryQuery, /) -> tuple[PatternSummary, ...]: ...

class AsyncLearning(Namespace):
    """Stretches of learning: what an agent set out to learn and what came of it."""

    @overload
    async def start(
        self,
        source_domain: str,
        *,
        target_domain: str,
        agent_id: UUID | str | None = None,
        transfer_mode: TransferMode | str = ...,
        session_metrics: Mapping[str, Any] = ...,
    ) -> LearningSession:
        """Begin a stretch of learning (REQ-T120).

        Raises:
            Invalid: no agent is named and none acts.
            NotFound: there is no such agent.
        """
    @overload
    async def start(self, request: StartLearning, /) -> LearningSession: ...

    @overload
    async def finish(
        self,
        id: UUID | str,
        *,
        improvement_score: float | None = None,
        session_metrics: Mapping[str, Any] = ...,
    ) -> LearningSession:
        """End a stretch of learning and say what came of it; it ends once.

        Raises:
            NotFound: there is no such session.
            Conflict: it has ended already.
        """
    @overload
    async def finish(self, request: FinishLearning, /) -> LearningSession: ...

    async def get(self, session_id: UUID | str) -> LearningSession:
        """Read a session by its id.

        Raises:
            NotFound: there is none, or it was deleted.
        """

    @overload
    async def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        agent_id: UUID | str | None = None,
        source_domain: str | None = None,
        target_domain: str | None = None,
    ) -> Page[LearningSession]:
        """List sessions of an agent, from or to a domain, or all of them; newest first (REQ-T120).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.

        Raises:
            Invalid: the cursor is not one that a page gave.
        """
    @overload
    async def list(self, request: LearningQuery, /) -> Page[LearningSession]: ...

class AsyncWorkflows(Namespace):
    """Workflows and their runs."""

    @overload
    async def define(
        self,
        name: str,
        *,
        steps: Sequence[Step | Mapping[str, Any]],
        description: str | None = None,
        dependencies: Mapping[str, Sequence[str]] = ...,
    ) -> Workflow:
        """Keep a new definition, as a draft (REQ-T118).

        Args:
            steps: 1 to 200, each with a name of its own.
            dependencies: step to the steps it waits for; steps, without a circle.
        """
    @overload
    async def define(self, request: DefineWorkflow, /) -> Workflow: ...

    async def get(self, workflow_id: UUID | str) -> Workflow:
        """Read a definition by its id.

        Raises:
            NotFound: there is none, or it was deleted.
        """

    @overload
    async def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        status: WorkflowStatus | str | None = None,
    ) -> Page[Workflow]:
        """List definitions, newest first (REQ-T118).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.

        Raises:
            Invalid: the cursor is not one that a page gave.
        """
    @overload
    async def list(self, request: WorkflowQuery, /) -> Page[Workflow]: ...

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        name: str | None = None,
        description: str | None = None,
        steps: Sequence[Step | Mapping[str, Any]] | None = None,
        dependencies: Mapping[str, Sequence[str]] | None = None,
        expected_version: int | None = None,
    ) -> Workflow:
        """Change a definition; its steps, and what they wait for, in a draft only.

        Args:
            steps: all of them anew; the dependencies are then those given here, none if none are.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            Invalid: nothing is given to change, or dependencies come without the steps that they are of.
            NotFound: there is no such workflow.
            Conflict: another change came first, or it is a draft no longer.
        """
    @overload
    async def update(self, request: UpdateWorkflow, /) -> Workflow: ...

    @overload
    async def activate(self, id: UUID | str, *, expected_version: int | None = None) -> Workflow:
        """Let a draft be run; from then on its steps stay as they are.

        Raises:
            NotFound: there is no such workflow.
            Conflict: it is no draft, or another change came first.
        """
    @overload
    async def activate(self, request: MoveWorkflow, /) -> Workflow: ...

    @overload
    async def archive(self, id: UUID | str, *, expected_version: int | None = None) -> Workflow:
        """Let a workflow be run no more; runs that are under way go on.

        Raises:
            NotFound: there is no such workflow.
            Conflict: it is archived already, or another change came first.
        """
    @overload
    async def archive(self, request: MoveWorkflow, /) -> Workflow: ...

    @overload
    async def delete(self, id: UUID | str, *, expected_version: int | None = None) -> None:
        """Delete a definition softly: its runs stay (REQ-T105).

        Raises:
            NotFound: there is no such workflow.
            Conflict: another change came first.
        """
    @overload
    async def delete(self, request: MoveWorkflow, /) -> None: ...

    @overload
    async def start(
        self,
        workflow_id: UUID | str,
        *,
        agent_id: UUID | str | None = None,
        input: Mapping[str, Any] = ...,
    ) -> Execution:
        """Begin a run of an active workflow; it is pending until it is advanced (REQ-T119).

        Raises:
            Invalid: no agent is named and none acts.
            NotFound: there is no such workflow or agent.
            Conflict: the workflow is not active.
        """
    @overload
    async def start(self, request: StartExecution, /) -> Execution: ...

    @overload
    async def advance(
        self,
        id: UUID | str,
        *,
        step: str | None = None,
        output: Mapping[str, Any] = ...,
        expected_version: int | None = None,
    ) -> Execution:
        """Set a pending run running, and note that a step of it is done; doing so again replaces what the step gave.

        Args:
            step: the step that is done, if one; those it waits for have to be done before.
            output: what the step gave.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            Invalid: the workflow has no such step.
            NotFound: there is no such run.
            Conflict: it has ended, a step that this one waits for is not done, or another change came first.
        """
    @overload
    async def advance(self, request: AdvanceExecution, /) -> Execution: ...

    @overload
    async def finish(
        self,
        id: UUID | str,
        *,
        status: ExecutionStatus | str,
        error_message: str | None = None,
        expected_version: int | None = None,
    ) -> Execution:
        """End a run; it ends once.

        Raises:
            Invalid: the status is no end, or a completed run has an error.
            NotFound: there is no such run.
            Conflict: from where the run is it cannot end so, or another change came first.
        """
    @overload
    async def finish(self, request: FinishExecution, /) -> Execution: ...

    async def run(self, execution_id: UUID | str) -> Execution:
        """Read a run by its id.

        Raises:
            NotFound: there is none.
        """

    @overload
    async def runs(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        workflow_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
        status: ExecutionStatus | str | None = None,
    ) -> Page[Execution]:
        """List runs of a workflow, of an agent or all of them, newest first (REQ-T119).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.

        Raises:
            Invalid: the cursor is not one that a page gave.
        """
    @overload
    async def runs(self, request: ExecutionQuery, /) -> Page[Execution]: ...

class AsyncTasks(Namespace):
    """Tasks with due dates, reminders and recurrence."""

    @overload
    async def create(
        self,
        title: str,
        *,
        user_id: UUID | str | None = None,
        description: str | None = None,
        status: Literal["todo", "in_progress"] = "todo",
        priority: Literal["low", "medium", "high", "urgent"] = "medium",
        due_date: date | str | None = None,
        due_time: time | str | None = None,
        reminder_at: datetime | date | str | None = None,
        source: Literal["manual", "ai_created", "ai_extracted", "integration"] = "manual",
        source_id: UUID | str | None = None,
        source_type: str | None = None,
        project_id: UUID | str | None = None,
        tags: Sequence[str] = (),
        recurrence_rule: str | None = None,
    ) -> Task:
        """Make a task.

        Args:
            user_id: whose task it is; the one who acts, if not given.
            due_date: when it is due, in the person's own time zone; a time needs a date.
            due_time: when it is due, in the person's own time zone; a time needs a date.
            reminder_at: when to remind.
            source_id: what it came from: a conversation, a memory.
            source_type: what it came from: a conversation, a memory.
            recurrence_rule: RRULE of RFC 5545 with FREQ=DAILY, WEEKLY, MONTHLY or YEARLY.

        Raises:
            NotFound: the person is not one of this organisation.
        """
    @overload
    async def create(self, request: CreateTask, /) -> Task: ...

    async def get(self, task_id: UUID | str) -> Task:
        """Read a task.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    @overload
    async def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        status: Sequence[Literal["todo", "in_progress", "done", "cancelled"]] = (),
        priority: Sequence[Literal["low", "medium", "high", "urgent"]] = (),
        due_from: date | str | None = None,
        due_until: date | str | None = None,
        project_id: UUID | str | None = None,
        tag: str | None = None,
    ) -> Page[Task]:
        """List tasks by status and due date: soonest due first, those without a date last.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            user_id: whose; a person sees their own.
            due_from: due on or after, and before.
            due_until: due on or after, and before.
        """
    @overload
    async def list(self, request: ListTasks, /) -> Page[Task]: ...

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        title: str | None = None,
        description: str | None = None,
        status: Literal["todo", "in_progress", "cancelled"] | None = None,
        priority: Literal["low", "medium", "high", "urgent"] | None = None,
        due_date: date | str | None = None,
        due_time: time | str | None = None,
        reminder_at: datetime | date | str | None = None,
        project_id: UUID | str | None = None,
        tags: Sequence[str] | None = None,
        recurrence_rule: str | None = None,
    ) -> Task:
        """Change a task; another moment of reminding reminds again, another status takes a completed one up again.

        Args:
            id: the row.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            NotFound: there is no such task, or it is not this principal's.
            Conflict: it has another version than the one expected; `data` has both.
            Invalid: the change would leave a due time without a due date.
        """
    @overload
    async def update(self, request: UpdateTask, /) -> Task: ...

    @overload
    async def complete(self, id: UUID | str, *, expected_version: int | None = None) -> Completed:
        """Mark a task as done; a task that recurs gets its next occurrence, once however often it is completed.

        The next occurrence counts from the due date (from today without one), and its reminder keeps its distance.

        Raises:
            NotFound: there is no such task, or it is not this principal's.
            Conflict: it has another version than the one expected, or it was cancelled.
        """
    @overload
    async def complete(self, request: CompleteTask, /) -> Completed: ...

    async def delete(self, task_id: UUID | str) -> WorkspaceCount:
        """Delete a task softly.

        Raises:
            NotFound: there is none, or it is not this principal's.
        """

    @overload
    async def reminders(
        self,
        *,
        user_id: UUID | str | None = None,
        limit: int = 100,
        take: bool = False,
    ) -> tuple[Task, ...]:
        """List open tasks whose reminder is due by the clock; two who take at once get different ones.

        Args:
            user_id: whose; a person sees their own.
            take: mark them as reminded, so that nobody else sends them again.
        """
    @overload
    async def reminders(self, request: Reminders, /) -> tuple[Task, ...]: ...

class AsyncDocuments(Namespace):
    """Documents, and which memories they were written from."""

    @overload
    async def create(
        self,
        document_type: str,
        *,
        title: str,
        user_id: UUID | str | None = None,
        content: str | None = None,
        outline: Sequence[str] | None = None,
        template_id: UUID | str | None = None,
        status: Literal["draft", "generating", "ready", "exported"] = "draft",
        context_memory_ids: Sequence[UUID | str] = (),
    ) -> Document:
        """Make a document; without an outline of its own it takes its template's.

        Raises:
            NotFound: the person or the template is not one of this organisation.
        """
    @overload
    async def create(self, request: CreateDocument, /) -> Document: ...

    async def get(self, document_id: UUID | str) -> Document:
        """Read a document.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    @overload
    async def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        document_type: str | None = None,
        status: Sequence[Literal["draft", "generating", "ready", "exported"]] = (),
    ) -> Page[Document]:
        """List documents, newest first.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: ListDocuments, /) -> Page[Document]: ...

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        title: str | None = None,
        content: str | None = None,
        outline: Sequence[str] | None = None,
        status: Literal["draft", "generating", "ready", "exported"] | None = None,
        context_memory_ids: Sequence[UUID | str] | None = None,
    ) -> Document:
        """Change a document.

        Args:
            id: the row.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            NotFound: there is none, or it is not this principal's.
            Conflict: it has another version than the one expected; `data` has both.
        """
    @overload
    async def update(self, request: UpdateDocument, /) -> Document: ...

    async def delete(self, document_id: UUID | str) -> WorkspaceCount:
        """Delete a document softly.

        Raises:
            NotFound: there is none, or it is not this principal's.
        """

class AsyncAssets(Namespace):
    """Files, whose bytes are sealed in an object store."""

    @overload
    async def put(
        self,
        name: str,
        *,
        data: bytes,
        user_id: UUID | str | None = None,
        media_type: str = "application/octet-stream",
        conversation_id: UUID | str | None = None,
        message_id: UUID | str | None = None,
        memory_id: UUID | str | None = None,
        document_id: UUID | str | None = None,
    ) -> Asset:
        """Keep a file of at most 8 MB; the same bytes are stored once in an organisation.

        Args:
            name: as people see it.
            user_id: whose file it is; the one who acts, if not given.
            media_type: `image/png`; nobody looks whether it is one.
            conversation_id: what it belongs to, and is erased with.
            message_id: what it belongs to, and is erased with.
            memory_id: what it belongs to, and is erased with.
            document_id: what it belongs to, and is erased with.

        Raises:
            NotFound: the person, or what it is to belong to, is not one of this organisation.
            Unavailable: there is no key, no store, or the store cannot be reached.
        """
    @overload
    async def put(self, request: PutAsset, /) -> Asset: ...

    async def get(self, asset_id: UUID | str) -> Asset:
        """Read what a file is, without its bytes.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    async def read(self, asset_id: UUID | str) -> AssetContent:
        """Read a file with its bytes, of at most 8 MB.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Invalid: it is larger: it has to be streamed.
            Unavailable: the bytes, the key or the store are missing.
        """

    @overload
    async def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        conversation_id: UUID | str | None = None,
        message_id: UUID | str | None = None,
        memory_id: UUID | str | None = None,
        document_id: UUID | str | None = None,
    ) -> Page[Asset]:
        """List files, newest first.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: ListAssets, /) -> Page[Asset]: ...

    async def delete(self, asset_id: UUID | str) -> WorkspaceCount:
        """Delete a file softly; its bytes go soon, unless another file has the same.

        Raises:
            NotFound: there is none, or it is not this principal's.
        """

    @overload
    async def sweep(self, *, objects: Sequence[UUID | str] = ()) -> Swept:
        """Remove from the store what no file of the organisation has.

        Raises:
            Forbidden: it is not the organisation's own process.
            Unavailable: there is no store, or it cannot be reached.
        """
    @overload
    async def sweep(self, request: SweepAssets, /) -> Swept: ...

class AsyncTemplates(Namespace):
    """Templates of documents."""

    @overload
    async def create(
        self,
        name: str,
        *,
        document_type: str,
        outline: Sequence[str] = (),
        instructions: str | None = None,
    ) -> Template:
        """Make a template for the organisation."""
    @overload
    async def create(self, request: CreateTemplate, /) -> Template: ...

    async def get(self, template_id: UUID | str) -> Template:
        """Read a template.

        Raises:
            NotFound: there is none.
        """

    @overload
    async def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        document_type: str | None = None,
    ) -> Page[Template]:
        """List templates by name.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: ListTemplates, /) -> Page[Template]: ...

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        name: str | None = None,
        outline: Sequence[str] | None = None,
        instructions: str | None = None,
    ) -> Template:
        """Change a template.

        Args:
            id: the row.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            NotFound: there is none.
            Conflict: it has another version than the one expected; `data` has both.
            Forbidden: it came with the installation.
        """
    @overload
    async def update(self, request: UpdateTemplate, /) -> Template: ...

    async def delete(self, template_id: UUID | str) -> WorkspaceCount:
        """Delete a template softly; documents made from it stay as they are.

        Raises:
            NotFound: there is none.
            Forbidden: it came with the installation.
        """

class AsyncNotifications(Namespace):
    """What people are told, and whether they have read it."""

    @overload
    async def send(
        self,
        type: str,
        *,
        user_ids: Sequence[UUID | str] = (),
        title: str | None = None,
        body: str | None = None,
        data: Mapping[str, Any] = ...,
        resource_type: str | None = None,
        resource_id: UUID | str | None = None,
    ) -> tuple[Notification, ...]:
        """Tell people something; colleagues may tell each other.

        Args:
            user_ids: who is told; the one who acts, if nobody is named.
            resource_type: what it is about.
            resource_id: what it is about.

        Raises:
            NotFound: somebody is not one of this organisation: nobody is told.
        """
    @overload
    async def send(self, request: Notify, /) -> tuple[Notification, ...]: ...

    @overload
    async def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        unread_only: bool = False,
        before: datetime | date | str | None = None,
    ) -> Inbox:
        """List a person's notifications, newest first, with the number of unread ones (REQ-T140).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            before: those recorded before this moment.
        """
    @overload
    async def list(self, request: WorkspaceNotifications, /) -> Inbox: ...

    @overload
    async def mark_read(
        self,
        *,
        user_id: UUID | str | None = None,
        ids: Sequence[UUID | str] | None = None,
    ) -> WorkspaceCount:
        """Mark a person's notifications as read: those named, or all; how many were unread until now."""
    @overload
    async def mark_read(self, request: MarkRead, /) -> WorkspaceCount: ...

class AsyncAgents(Namespace):
    """Agents: who they are, what they can do, and snapshots of their state."""

    @overload
    async def create(
        self,
        name: str,
        *,
        slug: str | None = None,
        team_id: UUID | str | None = None,
        user_id: UUID | str | None = None,
        external_id: str | None = None,
        type: str = "assistant",
        tagline: str = "",
        description: str | None = None,
        avatar_emoji: str = "",
        personality: AgentPersonality | Mapping[str, Any] = ...,
        shared_skill_names: Sequence[str] = (),
        custom_skill_names: Sequence[str] = (),
        disabled_skill_names: Sequence[str] = (),
        model: AgentModelConfig | Mapping[str, Any] = ...,
        memory_config: AgentMemoryConfig | Mapping[str, Any] = ...,
        boundaries: AgentBoundaries | Mapping[str, Any] = ...,
        status: AgentStatus | str = ...,
        cognitive_pattern: Literal["convergent", "divergent", "lateral", "systems", "critical", "adaptive"] = "adaptive",
        learning_rate: float | None = None,
        performance_score: float | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> AgentDNA:
        """Make an agent; recall knows it by the words of its name.

        Args:
            slug: unique in the team, or in the organisation without one; made of the name, if not given.
            user_id: the person it belongs to, if one.
            external_id: the caller's own string for the agent; unique in the organisation.

        Raises:
            Conflict: the slug is taken in the team (or in the organisation, without one), or the external id.
            NotFound: the organisation has not the team or the person.
            Forbidden: the principal has not `agents:write`, or it would be another person's or team's.
        """
    @overload
    async def create(self, request: AgentCreate, /) -> AgentDNA: ...

    @overload
    async def get(self, agent_id: UUID | str) -> AgentDNA:
        """Read an agent by its id (REQ-T111), in one statement on the driver's connection.

        Raises:
            NotFound: the organisation has no such agent.
        """
    @overload
    async def get(self, request: AgentRef, /) -> AgentDNA: ...

    @overload
    async def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        team_id: UUID | str | None = None,
        status: AgentStatus | str | None = None,
        type: str | None = None,
    ) -> Page[AgentDNA]:
        """List agents of the organisation, of a team, with a status, of a type; in the order they were made.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: AgentList, /) -> Page[AgentDNA]: ...

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        name: str | None = None,
        slug: str | None = None,
        type: str | None = None,
        tagline: str | None = None,
        description: str | None = None,
        avatar_emoji: str | None = None,
        personality: AgentPersonality | Mapping[str, Any] | None = None,
        shared_skill_names: Sequence[str] | None = None,
        custom_skill_names: Sequence[str] | None = None,
        disabled_skill_names: Sequence[str] | None = None,
        model: AgentModelConfig | Mapping[str, Any] | None = None,
        memory_config: AgentMemoryConfig | Mapping[str, Any] | None = None,
        boundaries: AgentBoundaries | Mapping[str, Any] | None = None,
        cognitive_pattern: Literal["convergent", "divergent", "lateral", "systems", "critical", "adaptive"] | None = None,
        learning_rate: float | None = None,
        performance_score: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> AgentDNA:
        """Change an agent.

        Args:
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            NotFound: the organisation has no such agent.
            Forbidden: it is another person's or team's.
            Conflict: it has another version than the one expected (`data` has both), or the slug is taken.
        """
    @overload
    async def update(self, request: AgentUpdate, /) -> AgentDNA: ...

    @overload
    async def set_status(
        self,
        agent_id: UUID | str,
        *,
        status: AgentStatus | str,
        expected_version: int | None = None,
    ) -> AgentDNA:
        """Give an agent another status; archiving one ends its keys.

        Raises:
            NotFound: the organisation has no such agent.
            Conflict: it has another version than the one expected.
        """
    @overload
    async def set_status(self, request: AgentStatusSet, /) -> AgentDNA: ...

    @overload
    async def delete(self, agent_id: UUID | str) -> None:
        """Remove an agent, softly: its keys end, what it said and keeps stays.

        Raises:
            NotFound: the organisation has no such agent.
        """
    @overload
    async def delete(self, request: AgentRef, /) -> None: ...

    @overload
    async def find_by_capability(
        self,
        capability: str,
        *,
        min_proficiency: float = 0.0,
        limit: int = 100,
    ) -> tuple[CapableAgent, ...]:
        """Find agents that can do something at least so well, the best first."""
    @overload
    async def find_by_capability(self, request: CapableSearch, /) -> tuple[CapableAgent, ...]: ...

    @overload
    async def add_capability(
        self,
        agent_id: UUID | str,
        *,
        capability: str,
        proficiency_level: float = 0.5,
    ) -> Capability:
        """Add a capability to an agent; one it has already gets the new level.

        Args:
            proficiency_level: 0 (none) to 1 (mastery), kept to two decimals.

        Raises:
            NotFound: the organisation has no such agent.
        """
    @overload
    async def add_capability(self, request: CapabilityAdd, /) -> Capability: ...

    @overload
    async def capabilities(
        self,
        agent_id: UUID | str,
        *,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Capability]:
        """List what an agent can do, by its words.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def capabilities(self, request: CapabilityList, /) -> Page[Capability]: ...

    @overload
    async def remove_capability(self, agent_id: UUID | str, *, capability: str) -> None:
        """Take a capability from an agent.

        Raises:
            NotFound: the organisation has no such agent, or it has not the capability.
        """
    @overload
    async def remove_capability(self, request: CapabilityRef, /) -> None: ...

    @overload
    async def checkpoint(
        self,
        agent_id: UUID | str,
        *,
        state_data: Mapping[str, Any],
        checkpoint_type: str = "manual",
    ) -> AgentState:
        """Keep what an agent's state is now.

        Args:
            checkpoint_type: the caller's word for why: manual, scheduled, before_update, ...

        Raises:
            NotFound: the organisation has no such agent.
        """
    @overload
    async def checkpoint(self, request: StateCheckpoint, /) -> AgentState: ...

    @overload
    async def state(
        self,
        agent_id: UUID | str,
        *,
        checkpoint_type: str | None = None,
        at: datetime | date | str | None = None,
    ) -> AgentState:
        """Read the latest snapshot of an agent, of one kind if given, as of a moment if given.

        Raises:
            NotFound: there is none.
        """
    @overload
    async def state(self, request: StateRef, /) -> AgentState: ...

    @overload
    async def states(
        self,
        agent_id: UUID | str,
        *,
        limit: int = 100,
        cursor: str | None = None,
        checkpoint_type: str | None = None,
        before: datetime | date | str | None = None,
    ) -> Page[AgentState]:
        """List the snapshots of an agent, the newest first.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            before: only those taken before this moment.
        """
    @overload
    async def states(self, request: StateList, /) -> Page[AgentState]: ...

class AsyncPeople(Namespace):
    """People, what they prefer and what they may do."""

    @overload
    async def create(
        self,
        email: str,
        *,
        password: SecretStr | str | None = None,
        display_name: str | None = None,
        full_name: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        avatar_url: str | None = None,
        timezone: str | None = None,
        tier: Literal["free", "pro", "enterprise"] = "free",
        external_id: str | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> User:
        """Make a person, with a password if one is given.

        Args:
            email: unique in the installation, whatever its case.
            password: 10 characters to 72 bytes, none that everybody tries; without one the person signs in otherwise.
            display_name: the name shown, and known to recall.
            timezone: IANA name of the zone that the person lives in; the setting's, if nobody says.
            external_id: the caller's own string for the person; unique in the organisation.

        Raises:
            Conflict: the e-mail address cannot be used, or the external id is taken in the organisation.
            Invalid: the password is the e-mail address or the name.
            Unavailable: too many e-mail addresses were refused.
            Forbidden: the principal has not `users:write`.
        """
    @overload
    async def create(self, request: UserCreate, /) -> User: ...

    @overload
    async def invite(self, email: str, *, display_name: str | None = None) -> User:
        """Make a person without a password, and mail them the link by which they choose one.

        Raises:
            Conflict: the e-mail address cannot be used.
            Unavailable: too many e-mail addresses were refused.
        """
    @overload
    async def invite(self, request: InviteUser, /) -> User: ...

    @overload
    async def ask_reset(self, email: str, *, ip_address: IPv4Address | IPv6Address | str | None = None) -> None:
        """Send a link to set a new password, if somebody has the address; the answer and its time tell nobody whether."""
    @overload
    async def ask_reset(self, request: AskReset, /) -> None: ...

    @overload
    async def reset_password(self, token: SecretStr | str, *, password: SecretStr | str) -> None:
        """Set the password of whom a mailed token is for, and end their sessions; a second factor is still asked for.

        Raises:
            Unauthenticated: the token is not right, has expired, or was used.
            Invalid: the password is their e-mail address or name, or one that everybody tries.
        """
    @overload
    async def reset_password(self, request: ResetPassword, /) -> None: ...

    @overload
    async def send_account_mail(self, user_id: UUID | str, *, kind: Literal["reset", "invitation"]) -> None:
        """Send a person the link by which they set a password.

        Raises:
            NotFound: the organisation has no such person.
            Invalid: they have no e-mail address, or the server refuses it for good.
            Unavailable: nothing is set to send it with, MNEMON_PUBLIC_URL is not set, or it could not be sent.
        """
    @overload
    async def send_account_mail(self, request: AccountMail, /) -> None: ...

    @overload
    async def get(self, user_id: UUID | str) -> User:
        """Read a person.

        Raises:
            NotFound: the organisation has no such person.
        """
    @overload
    async def get(self, request: UserRef, /) -> User: ...

    @overload
    async def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[User]:
        """List the organisation's people, in the order they were made.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: PageRequest, /) -> Page[User]: ...

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        email: str | None = None,
        display_name: str | None = None,
        full_name: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        avatar_url: str | None = None,
        timezone: str | None = None,
        status: Literal["active", "suspended", "deleted"] | None = None,
        tier: Literal["free", "pro", "enterprise"] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> User:
        """Change a person; who is not active any more is signed out everywhere.

        Args:
            id: the person.
            expected_version: the version that was read; another one is a Conflict.
            status: active, suspended (cannot sign in, keys and sessions find nobody) or deleted.

        Raises:
            NotFound: the organisation has no such person.
            Conflict: they have another version than the one expected, or the e-mail address cannot be used.
            Unavailable: too many e-mail addresses were refused.
            Forbidden: somebody else's account, status or tier without `users:write`.
        """
    @overload
    async def update(self, request: UserUpdate, /) -> User: ...

    @overload
    async def delete(self, user_id: UUID | str) -> None:
        """Remove a person, softly: their sessions and keys end, what they said and what is known of them stays.

        Raises:
            NotFound: the organisation has no such person.
        """
    @overload
    async def delete(self, request: UserRef, /) -> None: ...

    @overload
    async def set_password(
        self,
        user_id: UUID | str,
        *,
        password: SecretStr | str,
        current_password: SecretStr | str | None = None,
        ip_address: IPv4Address | IPv6Address | str | None = None,
    ) -> None:
        """Set a person's password and end their sessions (REQ-T122).

        Args:
            current_password: needed of a person who changes their own.
            ip_address: where it comes from; guesses at the current password are counted by it too.

        Raises:
            NotFound: the organisation has no such person.
            Invalid: the password is their e-mail address or name.
            Unauthenticated: a person changes their own, and the current one is wrong, or too many were tried.
            Forbidden: somebody else's, and the principal has not `users:write` and all that the person may do.
        """
    @overload
    async def set_password(self, request: PasswordSet, /) -> None: ...

    @overload
    async def preferences(self, user_id: UUID | str) -> Preferences:
        """Read what a person prefers; the defaults, with version 0, until something is set."""
    @overload
    async def preferences(self, request: UserRef, /) -> Preferences: ...

    @overload
    async def set_preferences(
        self,
        user_id: UUID | str,
        *,
        expected_version: int | None = None,
        auto_include_memories: bool | None = None,
        max_memories_per_request: int | None = None,
        auto_extract_from_chat: bool | None = None,
        excluded_memory_types: Sequence[Literal["semantic", "episodic", "procedural", "agent_private", "shared", "identity", "user_profile"]] | None = None,
        email_notifications: bool | None = None,
        push_notifications: bool | None = None,
        theme: Literal["system", "light", "dark"] | None = None,
        language: str | None = None,
    ) -> Preferences:
        """Change what a person prefers; what is not given stays.

        Raises:
            NotFound: the organisation has no such person.
            Conflict: the preferences have another version than the one expected.
        """
    @overload
    async def set_preferences(self, request: PreferencesSet, /) -> Preferences: ...

    @overload
    async def timezones(self, users: Sequence[str]) -> tuple[TimezoneOf, ...]:
        """Read the zones of those of the people who have one of their own."""
    @overload
    async def timezones(self, request: TimezonesOf, /) -> tuple[TimezoneOf, ...]: ...

    async def permissions(self, user_id: UUID | str) -> frozenset[str]:
        """List what a person may do now: by every role that has not expired, and what those inherit; one statement.

        Raises:
            Forbidden: somebody else's, without `roles:read`.
        """

    @overload
    async def may(self, user_id: UUID | str, *, permission: str) -> bool:
        """Tell whether a person may do something now; one statement (REQ-T126)."""
    @overload
    async def may(self, request: PermissionCheck, /) -> bool: ...

    @overload
    async def roles(self, user_id: UUID | str, *, limit: int = 100, cursor: str | None = None) -> Page[UserRole]:
        """List the roles a person was given, by name, those that have ended too.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def roles(self, request: ListOfUser, /) -> Page[UserRole]: ...

class AsyncTeams(Namespace):
    """Teams and their members."""

    @overload
    async def create(
        self,
        name: str,
        *,
        slug: str,
        owner_id: UUID | str | None = None,
        settings: Mapping[str, Any] = ...,
        shared_skill_names: Sequence[str] = (),
        webhook_url: str | None = None,
        webhook_secret: SecretStr | str | None = None,
        conversation_retention_days: int = 90,
    ) -> Team:
        """Make a team; its owner is its first member.

        Args:
            slug: unique in the organisation.
            owner_id: the person responsible, who becomes its first member as owner.
            shared_skill_names: skills every agent of the team has.
            webhook_secret: kept encrypted; needs MNEMON_SECRET_KEY.
            conversation_retention_days: days a closed conversation is kept.

        Raises:
            Conflict: the slug is taken.
            NotFound: the organisation has not the owner.
            Unavailable: a webhook's secret is given and there is no key to encrypt it with.
        """
    @overload
    async def create(self, request: TeamCreate, /) -> Team: ...

    @overload
    async def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[Team]:
        """List the organisation's teams, in the order they were made.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: PageRequest, /) -> Page[Team]: ...

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        name: str | None = None,
        owner_id: UUID | str | None = None,
        settings: Mapping[str, Any] | None = None,
        shared_skill_names: Sequence[str] | None = None,
        webhook_url: str | None = None,
        webhook_secret: SecretStr | str | None = None,
        conversation_retention_days: int | None = None,
    ) -> Team:
        """Change a team.

        Raises:
            NotFound: the organisation has no such team, or not the owner.
            Conflict: the team has another version than the one expected.
        """
    @overload
    async def update(self, request: TeamUpdate, /) -> Team: ...

    @overload
    async def delete(self, team_id: UUID | str) -> None:
        """Remove a team, softly.

        Raises:
            NotFound: the organisation has no such team.
        """
    @overload
    async def delete(self, request: TeamRef, /) -> None: ...

    @overload
    async def add_member(
        self,
        team_id: UUID | str,
        *,
        user_id: UUID | str,
        role: IdentityUserRole | str = ...,
    ) -> TeamMembership:
        """Make a person a member of a team; who is one already has the new role.

        Raises:
            NotFound: the organisation has not the team or the person.
        """
    @overload
    async def add_member(self, request: TeamMember, /) -> TeamMembership: ...

    @overload
    async def remove_member(
        self,
        team_id: UUID | str,
        *,
        user_id: UUID | str,
        role: IdentityUserRole | str = ...,
    ) -> None:
        """Take a person out of a team.

        Raises:
            NotFound: they are not in it.
        """
    @overload
    async def remove_member(self, request: TeamMember, /) -> None: ...

    @overload
    async def members(
        self,
        team_id: UUID | str,
        *,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[TeamMembership]:
        """List who is in a team, in the order they joined.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def members(self, request: ListTeamMembers, /) -> Page[TeamMembership]: ...

class AsyncRoles(Namespace):
    """Roles, the permissions they give, and who has them."""

    @overload
    async def create(
        self,
        name: str,
        *,
        description: str | None = None,
        parent: str | None = None,
        permissions: Sequence[str] = (),
    ) -> Role:
        """Make a role.

        Args:
            parent: name of the role whose permissions it has as well.
            permissions: its own, `resource:action` of the catalogue.

        Raises:
            Conflict: the name is taken.
            NotFound: there is no role of the parent's name.
            Invalid: a permission is none there is.
            Forbidden: the role would have what the principal has not.
        """
    @overload
    async def create(self, request: RoleCreate, /) -> Role: ...

    @overload
    async def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[Role]:
        """List the organisation's roles with their own permissions, by name; the system's four among them.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: PageRequest, /) -> Page[Role]: ...

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        name: str | None = None,
        description: str | None = None,
        parent: Literal[""] | str | None = None,
    ) -> Role:
        """Change a role's name, description or parent.

        Args:
            parent: name of the new parent; an empty string: none from now on.

        Raises:
            NotFound: there is no such role, or no role of the parent's name.
            Conflict: it has another version than the one expected, the name is taken, or it is the system's own.
            Invalid: it would inherit from itself (`invalid.role_cycle`).
        """
    @overload
    async def update(self, request: RoleUpdate, /) -> Role: ...

    @overload
    async def delete(self, role: str) -> None:
        """Remove a role, softly: who had it, and the roles that inherit from it, have its permissions no more.

        Raises:
            NotFound: there is no role of that name.
            Conflict: it is the system's own.
        """
    @overload
    async def delete(self, request: RoleRef, /) -> None: ...

    @overload
    async def grant(self, role: str, *, permissions: Sequence[str]) -> Role:
        """Give permissions to a role.

        Raises:
            NotFound: there is no role of that name.
            Invalid: a permission is none there is.
            Forbidden: one of them is not the principal's to give.
            Conflict: the role is the system's own.
        """
    @overload
    async def grant(self, request: RoleGrant, /) -> Role: ...

    @overload
    async def revoke(self, role: str, *, permissions: Sequence[str]) -> Role:
        """Take permissions from a role; those it has not are no error.

        Raises:
            NotFound: there is no role of that name.
            Conflict: the role is the system's own.
        """
    @overload
    async def revoke(self, request: RoleGrant, /) -> Role: ...

    @overload
    async def permissions(self, *, limit: int = 100, cursor: str | None = None) -> Page[str]:
        """List the names of all permissions there are, in their order.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def permissions(self, request: PageRequest, /) -> Page[str]: ...

    @overload
    async def assign(
        self,
        user_id: UUID | str,
        *,
        role: str,
        expires_at: datetime | date | str | None = None,
    ) -> UserRole:
        """Give a role to a person, until a moment or for good; the same role again has the new end.

        Raises:
            NotFound: the organisation has not the person, or no role of that name.
            Forbidden: the role, or the person, has what the principal has not.
            Conflict: the only owner would be one until a moment.
        """
    @overload
    async def assign(self, request: RoleAssign, /) -> UserRole: ...

    @overload
    async def unassign(
        self,
        user_id: UUID | str,
        *,
        role: str,
        expires_at: datetime | date | str | None = None,
    ) -> None:
        """Take a role from a person.

        Raises:
            NotFound: there is no role of that name, or the person has it not.
            Forbidden: the role, or the person, has what the principal has not.
            Conflict: it is the only owner's.
        """
    @overload
    async def unassign(self, request: RoleAssign, /) -> None: ...

class AsyncKeys(Namespace):
    """API keys."""

    @overload
    async def create(
        self,
        name: str,
        *,
        user_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
        scopes: Sequence[str] = (),
        expires_at: datetime | date | str | None = None,
    ) -> NewApiKey:
        """Make a key; it is returned once, and only its hash is kept.

        Args:
            scopes: permissions it may use, of those its owner has; `*` for all of them, empty for none.

        Raises:
            NotFound: the organisation has not the person or the agent.
            Invalid: a scope is no permission there is, or the key would have expired already.
            Forbidden: the principal may not make keys for that owner, or has not what the key would have.
        """
    @overload
    async def create(self, request: ApiKeyCreate, /) -> NewApiKey: ...

    @overload
    async def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
    ) -> Page[ApiKey]:
        """List the organisation's keys, or a person's, the newest first; without the keys themselves.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: ListApiKeys, /) -> Page[ApiKey]: ...

    @overload
    async def revoke(self, api_key_id: UUID | str) -> ApiKey:
        """End a key; one that has ended stays as it is.

        Raises:
            NotFound: the organisation has no such key.
        """
    @overload
    async def revoke(self, request: ApiKeyRef, /) -> ApiKey: ...

    @overload
    async def authenticate(self, token: SecretStr | str) -> Authenticated:
        """Find out whom a key belongs to and what it may do now, and note, to the minute, that it was used.

        Raises:
            Unauthenticated: it is no key, it was revoked, or it has expired.
        """
    @overload
    async def authenticate(self, request: Token, /) -> Authenticated: ...

class AsyncSessions(Namespace):
    """Where people are signed in. A trusted process begins sessions, after it has checked who it is."""

    @overload
    async def verify_password(
        self,
        email: str,
        *,
        password: SecretStr | str,
        ip_address: IPv4Address | IPv6Address | str | None = None,
    ) -> KnownUser:
        """Find out whose e-mail address and password these are, in whatever organisation.

        It takes as long for an address that nobody has, and says no more: neither time nor words tell who has an account.

        Args:
            ip_address: where they come from, as the door sees it; attempts are counted by it too.

        Raises:
            Unauthenticated: no active person has this address and this password; or too many were tried
                (`unauthenticated.password_locked`, with `retry_after` in seconds).
        """
    @overload
    async def verify_password(self, request: PasswordCheck, /) -> KnownUser: ...

    @overload
    async def start(
        self,
        user_id: UUID | str,
        *,
        ip_address: IPv4Address | IPv6Address | str | None = None,
        user_agent: str | None = None,
        access_minutes: int = 60,
        refresh_days: int = 30,
    ) -> SessionTokens:
        """Sign a person in; for a trusted process, after it has checked password and second factor.

        Args:
            access_minutes: how long the access token lasts.
            refresh_days: how long the session can be prolonged without signing in again.

        Raises:
            NotFound: the organisation has no such person, or they are not active.
            Forbidden: the principal is not a trusted process.
        """
    @overload
    async def start(self, request: SessionStart, /) -> SessionTokens: ...

    @overload
    async def sign_in(
        self,
        email: str,
        *,
        password: SecretStr | str,
        ip_address: IPv4Address | IPv6Address | str | None = None,
        user_agent: str | None = None,
    ) -> SignedIn:
        """Begin a session for whose e-mail address and password these are, or ask for their second factor.

        Args:
            ip_address: where they come from, as the door sees it; attempts are counted by it too.

        Raises:
            Unauthenticated: no active person has this address and this password, or too many were tried.
        """
    @overload
    async def sign_in(self, request: SignIn, /) -> SignedIn: ...

    @overload
    async def sign_in_trusted(
        self,
        email: str,
        *,
        ip_address: IPv4Address | IPv6Address | str | None = None,
        user_agent: str | None = None,
    ) -> SessionTokens:
        """Begin a session for whom a trusted provider says it is; for a process that has checked the provider's word.

        Args:
            email: an address that the provider has verified.

        Raises:
            Unauthenticated: no active person has this address.
            Forbidden: the principal is not a trusted process.
        """
    @overload
    async def sign_in_trusted(self, request: TrustedIdentity, /) -> SessionTokens: ...

    @overload
    async def finish(
        self,
        challenge: SecretStr | str,
        *,
        code: str,
        ip_address: IPv4Address | IPv6Address | str | None = None,
        user_agent: str | None = None,
    ) -> SessionTokens:
        """Begin the session that a challenge was for, if the code is right.

        Raises:
            Unauthenticated: the challenge or the code is not right, or too many codes were tried.
        """
    @overload
    async def finish(self, request: SecondFactor, /) -> SessionTokens: ...

    @overload
    async def send_code(
        self,
        challenge: SecretStr | str,
        *,
        ip_address: IPv4Address | IPv6Address | str | None = None,
    ) -> None:
        """Send the code that a challenge asks for to the person's phone.

        Raises:
            Unauthenticated: the challenge is not right, or too many codes were asked for.
            Invalid: the person has no phone in force.
            Unavailable: nothing is set to send it with, or it could not be sent.
        """
    @overload
    async def send_code(self, request: SendCode, /) -> None: ...

    @overload
    async def refresh(
        self,
        token: SecretStr | str,
        *,
        access_minutes: int = 60,
        refresh_days: int = 30,
    ) -> SessionTokens:
        """Exchange a refresh token for new tokens; the ones before are worth nothing from then on.

        A refresh token that was exchanged already and comes again, however long ago that was, is a stolen copy, of one side
        or the other: the session ends for both. There is no time of grace, in which a thief would be served too: a client
        exchanges its token in one place at a time, and signs in again where the answer was lost.

        Raises:
            Unauthenticated: it is no refresh token, its session has ended, it has expired, or it was exchanged already.
        """
    @overload
    async def refresh(self, request: SessionRefresh, /) -> SessionTokens: ...

    @overload
    async def find(self, token: SecretStr | str) -> Authenticated:
        """Find out whom an access token belongs to, and what they may do now.

        Raises:
            Unauthenticated: it is no token, its session has ended, or it has expired.
        """
    @overload
    async def find(self, request: Token, /) -> Authenticated: ...

    @overload
    async def list(self, user_id: UUID | str, *, limit: int = 100, cursor: str | None = None) -> Page[Session]:
        """List where a person is or was signed in, the newest first.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: ListOfUser, /) -> Page[Session]: ...

    @overload
    async def revoke(self, session_id: UUID | str) -> None:
        """End a session; one that has ended stays as it is.

        Raises:
            NotFound: the organisation has no such session.
        """
    @overload
    async def revoke(self, request: SessionRef, /) -> None: ...

    @overload
    async def revoke_all(self, user_id: UUID | str) -> int:
        """Sign a person out everywhere, and say how many sessions ended."""
    @overload
    async def revoke_all(self, request: UserRef, /) -> int: ...

class AsyncFactors(Namespace):
    """Second factors of people."""

    @overload
    async def enrol_totp(self, user_id: UUID | str, *, name: str = "authenticator") -> TotpEnrolment:
        """Set up an authenticator app (REQ-T130); the secret is shown here and never again.

        The device counts once :func:`verify_totp` has seen a code of it.

        Raises:
            NotFound: the organisation has no such person.
            Conflict: a device of that name is in force.
            Unavailable: there is no key to encrypt the secret with.
        """
    @overload
    async def enrol_totp(self, request: TotpEnrol, /) -> TotpEnrolment: ...

    @overload
    async def enrol_sms(self, user_id: UUID | str, *, phone_number: str, name: str = "phone") -> MfaDevice:
        """Set up a phone that codes are sent to (REQ-T130), and send a first one, which :func:`verify_totp` takes.

        Raises:
            NotFound: the organisation has no such person.
            Conflict: a device of that name is in force.
            Unavailable: there is no key to encrypt with, or nothing to send with.
        """
    @overload
    async def enrol_sms(self, request: SmsEnrol, /) -> MfaDevice: ...

    @overload
    async def make_recovery_codes(self, user_id: UUID | str) -> RecoveryCodes:
        """Give a person ten recovery codes, in place of those they had; they are shown here and never again.

        Raises:
            NotFound: the organisation has no such person.
            Forbidden: somebody else's, and the principal has not `users:write` and all that the person may do.
        """
    @overload
    async def make_recovery_codes(self, request: UserRef, /) -> RecoveryCodes: ...

    @overload
    async def verify_totp(
        self,
        user_id: UUID | str,
        *,
        code: str,
        ip_address: IPv4Address | IPv6Address | str | None = None,
    ) -> MfaVerified:
        """Check a code off a person's app, or one that was sent to their phone; each code is accepted once.

        Args:
            ip_address: where it comes from, as the door sees it; attempts are counted by it too.

        Raises:
            Unauthenticated: it is no code of now, or it was used before; or too many wrong ones were tried, at whatever
                device, or too many passwords (`unauthenticated.mfa_locked`, with `retry_after` in seconds).
            Forbidden: somebody else's, and the principal has not `users:write` and all that the person may do.
        """
    @overload
    async def verify_totp(self, request: TotpCheck, /) -> MfaVerified: ...

    @overload
    async def list(self, user_id: UUID | str, *, limit: int = 100, cursor: str | None = None) -> Page[MfaDevice]:
        """List a person's second factors by name, without their secrets.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: ListOfUser, /) -> Page[MfaDevice]: ...

    @overload
    async def remove(self, device_id: UUID | str) -> None:
        """Take a second factor out of force; without one left, none is asked for.

        Raises:
            NotFound: the organisation has no such device.
        """
    @overload
    async def remove(self, request: MfaDeviceRef, /) -> None: ...

class AsyncDevices(Namespace):
    """Devices that take push notifications."""

    @overload
    async def register(
        self,
        user_id: UUID | str,
        *,
        device_token: str,
        platform: DevicePlatform | str,
        device_name: str | None = None,
    ) -> Device:
        """Register a device for push notifications; the same device again is the same row, active.

        Raises:
            NotFound: the organisation has no such person.
        """
    @overload
    async def register(self, request: DeviceRegister, /) -> Device: ...

    @overload
    async def list(self, user_id: UUID | str, *, limit: int = 100, cursor: str | None = None) -> Page[Device]:
        """List a person's devices, in the order they were registered, inactive ones too.

        Who has a device's token can write to it: reading another's needs what changing them needs.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: ListOfUser, /) -> Page[Device]: ...

    @overload
    async def deactivate(self, device_id: UUID | str) -> Device:
        """Stop push notifications to a device.

        Raises:
            NotFound: the organisation has no such device.
        """
    @overload
    async def deactivate(self, request: DeviceRef, /) -> Device: ...

class AsyncTokens(Namespace):
    """People's tokens of other services, kept encrypted."""

    @overload
    async def store(
        self,
        user_id: UUID | str,
        *,
        provider: str,
        access_token: SecretStr | str,
        refresh_token: SecretStr | str | None = None,
        provider_user_id: str | None = None,
        token_type: str = "Bearer",
        scopes: Sequence[str] = (),
        expires_at: datetime | date | str | None = None,
    ) -> OAuthToken:
        """Keep a person's tokens of another service, encrypted (REQ-T129), in place of those before.

        Raises:
            Forbidden: it is neither the person nor the organisation's own process.
            NotFound: the organisation has no such person.
            Unavailable: there is no key to encrypt them with.
        """
    @overload
    async def store(self, request: OAuthTokenStore, /) -> OAuthToken: ...

    @overload
    async def read(self, user_id: UUID | str, *, provider: str) -> OAuthToken:
        """Read a person's tokens of another service.

        Raises:
            Forbidden: it is neither the person nor the organisation's own process.
            NotFound: there are none.
            Unavailable: the key they were encrypted with is not there.
        """
    @overload
    async def read(self, request: OAuthTokenRef, /) -> OAuthToken: ...

class AsyncIntegrations(Namespace):
    """Connections to other services: mail, appointments and files that are brought from there."""

    @overload
    async def connect(
        self,
        provider: Literal["google", "microsoft", "slack", "notion"],
        *,
        access_token: SecretStr | str,
        user_id: UUID | str | None = None,
        refresh_token: SecretStr | str | None = None,
        expires_at: datetime | date | str | None = None,
        scopes: Sequence[str] = (),
        provider_user_id: str | None = None,
        provider_email: str | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> Integration:
        """Keep a connection that a person granted; granted again, it replaces the tokens and keeps the id and the cursor.

        Args:
            access_token: encrypted before they are stored, never given out by a read.
            refresh_token: encrypted before they are stored, never given out by a read.
            expires_at: when the access token ends.
            scopes: what was granted.

        Raises:
            NotFound: the person is not one of this organisation.
            Unavailable: there is no key to encrypt the tokens with.
        """
    @overload
    async def connect(self, request: Connect, /) -> Integration: ...

    async def get(self, integration_id: UUID | str) -> Integration:
        """Read a connection, without its tokens.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    @overload
    async def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        provider: Literal["google", "microsoft", "slack", "notion"] | None = None,
        status: Sequence[Literal["pending", "active", "expired", "error", "disconnected"]] = (),
    ) -> Page[Integration]:
        """List connections, in the order they were made.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: ListIntegrations, /) -> Page[Integration]: ...

    async def disconnect(self, integration_id: UUID | str) -> Integration:
        """End a connection: its tokens are deleted at once; what was synchronised stays.

        Raises:
            NotFound: there is no such connection, or it is not this principal's.
        """

    async def tokens(self, integration_id: UUID | str) -> IntegrationsTokens:
        """Read a connection's tokens, decrypted, for the one who talks to the provider.

        Raises:
            NotFound: there is none, or it is not this principal's.
            Conflict: it was disconnected, or never had a token.
        """

    @overload
    async def refresh_tokens(
        self,
        id: UUID | str,
        *,
        access_token: SecretStr | str,
        refresh_token: SecretStr | str | None = None,
        expires_at: datetime | date | str | None = None,
        expected_version: int | None = None,
    ) -> Integration:
        """Store new tokens; without a refresh token the old one stays.

        Raises:
            NotFound: there is no such connection, or it is not this principal's.
            Conflict: another refresh came first, or it was disconnected.
        """
    @overload
    async def refresh_tokens(self, request: RefreshTokens, /) -> Integration: ...

    @overload
    async def report_failure(self, id: UUID | str, *, status: Literal["expired", "error"], error: str) -> Integration:
        """Note that a connection does not work, and why.

        Raises:
            NotFound: there is no such connection, or it is not this principal's.
            Conflict: it was disconnected.
        """
    @overload
    async def report_failure(self, request: ReportFailure, /) -> Integration: ...

    @overload
    async def save_cursor(
        self,
        id: UUID | str,
        *,
        cursor: str | None,
        expected_version: int | None = None,
    ) -> Integration:
        """Note where the next synchronisation goes on.

        Raises:
            NotFound: there is no such connection, or it is not this principal's.
            Conflict: another synchronisation came first; `data` has both versions.
        """
    @overload
    async def save_cursor(self, request: SaveCursor, /) -> Integration: ...

    @overload
    async def sync_mail(
        self,
        integration_id: UUID | str,
        *,
        removed: Sequence[str] = (),
        cursor: str | None = None,
        items: Sequence[Mail | Mapping[str, Any]] = (),
    ) -> Synced:
        """Bring mail of a Google connection: new, changed and removed, with the cursor, in one transaction.

        Args:
            integration_id: the connection it came through.
            removed: ids that the provider has no more.
            cursor: where the next one goes on; None leaves it.

        Raises:
            NotFound: there is no such connection, or it is not this principal's.
            Invalid: the connection's provider has no Gmail.
            Conflict: the connection was ended.
        """
    @overload
    async def sync_mail(self, request: SyncMail, /) -> Synced: ...

    @overload
    async def search_mail(
        self,
        query: str,
        *,
        user_id: UUID | str | None = None,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
        k: int = 20,
    ) -> tuple[FoundMail, ...]:
        """Find a person's mail that has the words of a query, best first, then newest.

        Args:
            query: words; "in quotes" a phrase, `or` and `-word` as web searches have them.
            since: when it was received; since is included, until is not.
            until: when it was received; since is included, until is not.
        """
    @overload
    async def search_mail(self, request: SearchMail, /) -> tuple[FoundMail, ...]: ...

    @overload
    async def sync_events(
        self,
        integration_id: UUID | str,
        *,
        removed: Sequence[str] = (),
        cursor: str | None = None,
        items: Sequence[CalendarEvent | Mapping[str, Any]] = (),
    ) -> Synced:
        """Bring appointments; as :func:`sync_mail`.

        Args:
            integration_id: the connection it came through.
            removed: ids that the provider has no more.
            cursor: where the next one goes on; None leaves it.
        """
    @overload
    async def sync_events(self, request: SyncEvents, /) -> Synced: ...

    @overload
    async def events(
        self,
        since: datetime | date | str,
        *,
        until: datetime | date | str,
        limit: int = 200,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
    ) -> Page[StoredEvent]:
        """List a person's appointments that touch a stretch of time, in order.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def events(self, request: ListEvents, /) -> Page[StoredEvent]: ...

    @overload
    async def sync_files(
        self,
        integration_id: UUID | str,
        *,
        removed: Sequence[str] = (),
        cursor: str | None = None,
        items: Sequence[File | Mapping[str, Any]] = (),
    ) -> Synced:
        """Bring files; as :func:`sync_mail`.

        Args:
            integration_id: the connection it came through.
            removed: ids that the provider has no more.
            cursor: where the next one goes on; None leaves it.
        """
    @overload
    async def sync_files(self, request: SyncFiles, /) -> Synced: ...

    @overload
    async def files(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        name: str | None = None,
    ) -> Page[StoredFile]:
        """List a person's files, the last changed first, those of which that is not known last.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def files(self, request: ListFiles, /) -> Page[StoredFile]: ...

class AsyncWebhooks(Namespace):
    """Addresses that are told of events, and what was delivered to them."""

    @overload
    async def register(self, url: str, *, description: str | None = None, events: Sequence[str] = ()) -> NewSecret:
        """Keep an address that wants to be told, with a fresh secret, which is shown this once.

        Args:
            events: dotted names of what it wants; none: everything.

        Raises:
            Unavailable: there is no key to encrypt the secret with.
        """
    @overload
    async def register(self, request: RegisterWebhook, /) -> NewSecret: ...

    @overload
    async def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[Webhook]:
        """List addresses, in the order they were registered.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: PageRequest, /) -> Page[Webhook]: ...

    @overload
    async def update(
        self,
        id: UUID | str,
        *,
        url: str | None = None,
        description: str | None = None,
        events: Sequence[str] | None = None,
        active: bool | None = None,
        expected_version: int | None = None,
    ) -> Webhook:
        """Change an address; switched off, it is told nothing, and what is under way waits.

        Raises:
            NotFound: there is no such address.
            Conflict: it has another version than the one expected; `data` has both.
        """
    @overload
    async def update(self, request: UpdateWebhook, /) -> Webhook: ...

    async def delete(self, webhook_id: UUID | str) -> IntegrationsCount:
        """Delete an address softly; nothing more is sent to it.

        Raises:
            NotFound: there is no such address.
        """

    async def rotate_secret(self, webhook_id: UUID | str) -> NewSecret:
        """Give an address another secret: deliveries that are claimed from now on are signed with it.

        Raises:
            NotFound: there is no such address.
        """

    @overload
    async def deliveries(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        endpoint_id: UUID | str | None = None,
        status: Sequence[Literal["pending", "sending", "delivered", "failed"]] = (),
    ) -> Page[Delivery]:
        """List deliveries, newest first: where each one stands (REQ-T138).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def deliveries(self, request: ListDeliveries, /) -> Page[Delivery]: ...

    async def delivery(self, delivery_id: UUID | str) -> DeliveryWithPayload:
        """Read a delivery with what the address is told and how the last attempt went.

        Raises:
            NotFound: there is no such delivery.
        """

    async def replay(self, delivery_id: UUID | str) -> Delivery:
        """Queue a delivery again, under the same id and with all its attempts, whatever became of it.

        Raises:
            NotFound: there is no such delivery, or its address was deleted.
            Conflict: it is on its way, or its address is switched off.
        """

    @overload
    async def send(self, *, limit: int = 500) -> Sent:
        """Send what is due to the addresses that want it, signed, and note what became of each.

        Raises:
            Forbidden: it is not the organisation's own process.
        """
    @overload
    async def send(self, request: SendDeliveries, /) -> Sent: ...

    @overload
    async def enqueue(
        self,
        event: str,
        *,
        payload: Mapping[str, Any],
        idempotency_key: str | None = None,
        max_attempts: int = 8,
    ) -> Enqueued:
        """Let every active address that wants the event be told; one that was told of the same key already is left out.

        Args:
            idempotency_key: the same key is enqueued once for an address.
        """
    @overload
    async def enqueue(self, request: EnqueueDelivery, /) -> Enqueued: ...

    @overload
    async def claim(self, *, limit: int = 10, lease_seconds: int = 60) -> tuple[Claimed, ...]:
        """Take due deliveries for a while, oldest first; two who take at once get different ones.

        What is not reported before the lease ends may be claimed again: a receiver may be told twice, never not at all.

        Raises:
            Forbidden: it is not the organisation's own process: the addresses' secrets come with them, in plain.
        """
    @overload
    async def claim(self, request: ClaimDeliveries, /) -> tuple[Claimed, ...]: ...

    @overload
    async def record_attempt(
        self,
        id: UUID | str,
        *,
        attempt: int,
        status_code: int | None = None,
        error: str | None = None,
    ) -> Delivery:
        """Note what became of an attempt: told (2xx), to be tried again later, or failed for good.

        An address that is gone (410), or that took nothing while a delivery lived its whole life, is switched off.

        Raises:
            NotFound: there is no such delivery.
            Conflict: another attempt has begun since, or its outcome is known already.
        """
    @overload
    async def record_attempt(self, request: RecordAttempt, /) -> Delivery: ...

    async def prune(self) -> IntegrationsCount:
        """Delete deliveries older than thirty days (REQ-T138)."""

class AsyncJobs(Namespace):
    """Background work: what waits, runs and failed."""

    @overload
    async def enqueue(
        self,
        kind: str,
        *,
        payload: Mapping[str, Any] = ...,
        queue: str = "default",
        priority: int = 0,
        run_at: datetime | date | str | None = None,
        delay_seconds: float | None = None,
        idempotency_key: str | None = None,
        max_attempts: int = 10,
    ) -> JobsEnqueued:
        """Put a job into the queue, to be run on behalf of whoever asks, with the permissions they have now.

        Args:
            ctx: whose job it is.
            request: what is to be done, and when.
            within: the transaction it is part of, from `database.transaction` or `database.session`: rolled back, the
                job was never there; committed, workers are told. Left out, it is a transaction of its own.

        Raises:
            Forbidden: the principal has not jobs:write.
        """
    @overload
    async def enqueue(self, request: Enqueue, /) -> JobsEnqueued: ...

    async def get(self, job_id: UUID | str) -> Job:
        """Read where a job stands.

        Raises:
            JobNotFound: there is none in this organisation, or it is somebody else's.
        """

    @overload
    async def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        status: JobStatus | str | None = None,
        kind: str | None = None,
        queue: str | None = None,
        before: datetime | date | str | None = None,
    ) -> Page[Job]:
        """List the principal's own jobs and the organisation's, newest first; `status=dead` are the dead letters.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: ListJobs, /) -> Page[Job]: ...

    async def cancel(self, job_id: UUID | str) -> Cancelled:
        """Cancel a job: at once while it is queued; where it runs, its worker is told and stops it soon.

        What it has already committed stays, and a job that ends before it hears of it has succeeded.

        Raises:
            JobNotFound: there is none in this organisation.
            JobState: it is over.
        """

    async def retry(self, job_id: UUID | str) -> Job:
        """Queue a dead or cancelled job again, now, with all its attempts.

        Raises:
            JobNotFound: there is none in this organisation.
            JobState: it is neither dead nor cancelled.
            Conflict: another job has its idempotency key by now.
        """

class AsyncSchedules(Namespace):
    """Background work that comes again."""

    @overload
    async def set(
        self,
        name: str,
        *,
        kind: str,
        payload: Mapping[str, Any] = ...,
        queue: str = "default",
        priority: int = 0,
        max_attempts: int = 10,
        every_seconds: int | None = None,
        daily_at: time | str | None = None,
        enabled: bool = True,
        first_run_at: datetime | date | str | None = None,
    ) -> bool:
        """Make a schedule, or change the one of that name.

        Its jobs run on behalf of whoever set it, with the permissions they have now.

        Args:
            ctx: whose schedule it is.
            request: what, and how often.
            replace: False leaves one that is there as it is.

        Returns:
            True if it was made or changed.

        Raises:
            Conflict: somebody else has a schedule of that name.
        """
    @overload
    async def set(self, request: SetSchedule, /) -> bool: ...

    @overload
    async def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[Schedule]:
        """List the principal's own schedules and the organisation's, by name.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    async def list(self, request: PageRequest, /) -> Page[Schedule]: ...

    async def remove(self, name: str) -> None:
        """Remove a schedule; jobs that it enqueued stay.

        Raises:
            NotFound: there is none of that name.
        """

class AsyncAudit(Namespace):
    """The audit trail: who did what, sealed against changes."""

    @overload
    async def trail(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        action: str | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
        user_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
        status: AuditStatus | str | None = None,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
    ) -> Page[AuditEntry]:
        """List entries of the organisation's trail, newest first; what is private to others is not told with them.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            since: at or after this time.
            until: before this time.
        """
    @overload
    async def trail(self, request: AuditQuery, /) -> Page[AuditEntry]: ...

    @overload
    async def record(
        self,
        action: str,
        *,
        resource_type: str | None = None,
        resource_id: str | None = None,
        status: AuditStatus | str = ...,
        error_message: str | None = None,
        user_id: UUID | str | None = None,
        metadata: Mapping[str, Any] = ...,
        ip_address: IPvAnyAddress | str | None = None,
        user_agent: str | None = None,
        session_id: UUID | str | None = None,
    ) -> Audited:
        """Add to the trail what no row change tells: a sign-in, a refused access.

        Args:
            action: `resource:verb`, such as `sessions:create`.
            user_id: whom it is about, where nobody is signed in yet; otherwise the principal counts.
            metadata: what else should be known; secrets are taken out by the names of their keys.
        """
    @overload
    async def record(self, request: AuditEvent, /) -> Audited: ...

    @overload
    async def seal(self, *, block_size: int = 1000) -> Sealed:
        """Seal the organisation's trail as far as transactions have ended; any number may call it, at any time.

        Writers never wait for it. What a running transaction wrote is sealed by a later call. After a restore from a
        logical dump, call it once before the application writes again. Each block is signed with a key of the installation,
        and the newest is written down outside.

        Raises:
            Unavailable: the anchor could not be written down; what is sealed is sealed.
        """
    @overload
    async def seal(self, request: SealAudit, /) -> Sealed: ...

    @overload
    async def verify(self, *, anchor: AuditAnchor | Mapping[str, Any] | None = None) -> AuditVerification:
        """Verify the organisation's trail by its chain, the chain's signatures and the anchors that were written down.

        Who can rewrite rows and blocks alike has not the key that blocks are signed with. Who cuts blocks off, or brings
        back an older state of the tables, is found by the anchors: those of this machine, and one that the caller has, such
        as the `head` of an earlier verification.
        """
    @overload
    async def verify(self, request: VerifyAudit, /) -> AuditVerification: ...

class AsyncMetrics(Namespace):
    """Measurements and their rollups."""

    @overload
    async def ingest(self, metrics: Sequence[AgentMetric | Mapping[str, Any] | SystemMetric]) -> Ingested:
        """Write measurements, all or none; a few thousand at a time are cheapest.

        Each statement also adds up what it wrote, by series and hour, for the rollups. For a stream of single
        measurements use :class:`mnemon.operations.service.MetricWriter`.

        Raises:
            NotFound: an agent does not exist in this organisation; nothing was written.
        """
    @overload
    async def ingest(self, request: IngestMetrics, /) -> Ingested: ...

    async def roll_up(self) -> RolledUp:
        """Add what was measured since the last time to the organisation's hourly and daily rollups.

        Each measurement is added exactly once, however often and by however many this is called, whenever it was made,
        and whether its raw row still exists or not.
        """

    @overload
    async def rollups(
        self,
        source: MetricSource | str,
        *,
        limit: int = 1000,
        cursor: str | None = None,
        interval: MetricInterval | str = ...,
        subject: str | None = None,
        metric_type: str | None = None,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
    ) -> Page[Rollup]:
        """List hourly or daily rollups of a stretch of time, oldest first.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            subject: the id of an agent, an item of knowledge or a pattern as text, or a component.
        """
    @overload
    async def rollups(self, request: RollupQuery, /) -> Page[Rollup]: ...

    @overload
    async def dashboard(
        self,
        *,
        source: MetricSource | str | None = None,
        subject: str | None = None,
        metric_type: str | None = None,
        refresh: bool = False,
        limit: int = 1000,
    ) -> Dashboard:
        """Read the organisation's series over the last hour, day and week.

        As of the last refresh for everybody, which a worker does on schedule; with `refresh` the organisation's own are
        added up now, and nobody else's.

        Args:
            refresh: add the organisation's own up now; otherwise it is as of the last refresh for everybody.
        """
    @overload
    async def dashboard(self, request: DashboardQuery, /) -> Dashboard: ...

class AsyncLogs(Namespace):
    """Requests and errors of your own processes, and what they add up to."""

    @overload
    async def log_request(
        self,
        method: str,
        *,
        route: str,
        status_code: int,
        duration_ms: float,
        request_bytes: int | None = None,
        response_bytes: int | None = None,
        api_key_id: UUID | str | None = None,
        ip_address: IPvAnyAddress | str | None = None,
        user_agent: str | None = None,
        request_id: str | None = None,
        error_code: str | None = None,
        timestamp: datetime | date | str | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> Logged:
        """Log a request on behalf of the principal.

        Args:
            route: the route's template, not the path: no ids, no secrets.
            duration_ms: milliseconds until the last byte.
        """
    @overload
    async def log_request(self, request: RequestReport, /) -> Logged: ...

    @overload
    async def log_error(
        self,
        kind: str,
        *,
        code: str,
        message: str,
        level: ErrorLevel | str = ...,
        stack_trace: str | None = None,
        component: str | None = None,
        request_id: str | None = None,
        timestamp: datetime | date | str | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> Logged:
        """Log an error on behalf of the principal.

        Args:
            kind: invalid, conflict, unavailable, internal, ...
            code: the stable, dotted code.
            stack_trace: where it happened; no values of rows, no secrets.
            component: api, worker, or the verb.
        """
    @overload
    async def log_error(self, request: ErrorReport, /) -> Logged: ...

    @overload
    async def requests(
        self,
        *,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
        limit: int = 100,
    ) -> RequestStatistics:
        """Count the organisation's requests of a stretch of time by route, those that failed, and how long they took."""
    @overload
    async def requests(self, request: Period, /) -> RequestStatistics: ...

    @overload
    async def errors(
        self,
        *,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
        limit: int = 100,
    ) -> ErrorGroups:
        """Count the organisation's errors of a stretch of time by kind, code and level, the most frequent first."""
    @overload
    async def errors(self, request: Period, /) -> ErrorGroups: ...

class Facts(Namespace):
    """What is true of whom, and from when until when."""

    @overload
    def record(
        self,
        subject: str,
        *,
        predicate: str,
        object: str,
        confidence: float = 1.0,
        valid_from: datetime | date | str | None = None,
        valid_until: datetime | date | str | None = None,
        single_valued: bool = True,
        user: str | None = None,
        agent: str | None = None,
        team: str | None = None,
        source_message_id: UUID | str | None = None,
        source_memory_id: UUID | str | None = None,
    ) -> Asserted:
        """Record a fact; of a single-valued predicate it takes the place of what was known for the same time.

        What was known is not overwritten: the old row is retracted, and what is left of its time is recorded anew. A fact
        that is known already for the whole of its time is returned as it is. Without an end it lasts until the next known
        fact of its kind begins: a late report of an early time does not undo what came after. What the principal may not
        see is neither told nor undone: it stays known beside this.

        Args:
            confidence: 0 to 1.
            valid_from: when it became true; now, if not given.
            valid_until: when it ended; None: no end is known, so it lasts until the next known fact of its kind begins.
            single_valued: a subject has one object of this predicate at a time (lives in), not several (likes).
            user: from whom it was learnt and who keeps it, by the caller's own strings; who acts, if not given.
            agent: from whom it was learnt and who keeps it, by the caller's own strings; who acts, if not given.
            team: the team that shares it; facts of different teams do not meet.
            source_message_id: what it was taken from.
            source_memory_id: what it was taken from.

        Raises:
            NotFound: the team, the message or the memory is not there, or not this principal's to see.
            Forbidden: the team is not the person's.
            Invalid: it ends before it begins (with `valid_from` left to the clock).
        """
    @overload
    def record(self, request: AssertFact, /) -> Asserted: ...

    @overload
    def at(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        subject: str | None = None,
        predicate: str | None = None,
        object: str | None = None,
        valid_at: datetime | date | str | None = None,
        known_at: datetime | date | str | None = None,
    ) -> Page[Fact]:
        """List facts that were true at one moment, as they were known at another; by subject and predicate.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            subject: exactly these; an object with its subject or its predicate. None of them: all facts, by subject.
            predicate: exactly these; an object with its subject or its predicate. None of them: all facts, by subject.
            object: exactly these; an object with its subject or its predicate. None of them: all facts, by subject.
            valid_at: true in the world at this moment; now, if not given.
            known_at: as known at this moment; as known now, if not given.
        """
    @overload
    def at(self, request: FactsAt, /) -> Page[Fact]: ...

    @overload
    def history(
        self,
        subject: str,
        *,
        limit: int = 1000,
        cursor: str | None = None,
        predicate: str | None = None,
    ) -> Page[Fact]:
        """List every fact of a subject that was ever recorded, in that order.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def history(self, request: FactHistory, /) -> Page[Fact]: ...

    @overload
    def retract(self, id: UUID | str, *, valid_until: datetime | date | str | None = None) -> Fact | None:
        """Take a fact back: as never true, or as true until a moment only; then what is left of it is returned.

        Args:
            valid_until: it did hold, until this moment; None: it never did.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Conflict: it is known no longer.
            Invalid: `valid_until` is not within its time.
        """
    @overload
    def retract(self, request: RetractFact, /) -> Fact | None: ...

class Conversations(Namespace):
    """Conversations: their titles, whose they are, what was said in them."""

    @overload
    def create(
        self,
        *,
        title: str | None = None,
        external_id: str | None = None,
        type: Literal["direct", "group", "ai_chat"] | None = None,
        user_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
        team_id: UUID | str | None = None,
        participant_ids: Sequence[UUID | str] = (),
        description: str | None = None,
        avatar_url: str | None = None,
        is_private: bool = True,
        metadata: Mapping[str, Any] = ...,
        expires_at: datetime | date | str | None = None,
    ) -> Conversation:
        """Make a conversation before anything is said in it (002); the first message would make it by its name.

        Args:
            title: what people see; `name` of 000.
            external_id: the caller's own string for it: messages that name it as their conversation go there.
            type: direct, group or ai_chat; found from who takes part, if not given.
            user_id: the person it belongs to; the one who acts, if not given.
            agent_id: the agent talked with.
            team_id: the team that shares it.
            participant_ids: other people who take part.
            is_private: seen by who takes part alone, and by the team that shares it.
            expires_at: when it may be put away.

        Raises:
            Conflict: the external id is taken, perhaps by a conversation that was deleted.
            NotFound: the person, the agent or the team is not one of this organisation.
            Forbidden: a person makes it for somebody else or for a team that is not theirs; or no
                `conversations:write`.
        """
    @overload
    def create(self, request: ConversationCreate, /) -> Conversation: ...

    @overload
    def get(self, conversation_id: UUID | str) -> Conversation:
        """Read a conversation by its id.

        Raises:
            NotFound: there is none, it was deleted, or it is not this principal's to see; the three look the same.
        """
    @overload
    def get(self, request: ConversationRef, /) -> Conversation: ...

    @overload
    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
        team_id: UUID | str | None = None,
        status: ConversationStatus | str | None = None,
        type: Literal["direct", "group", "ai_chat"] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Page[Conversation]:
        """List conversations that the principal may see, the latest talk first, those where nothing was said last.

        One in which something is said while its pages are read has moved to the front.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            user_id: those that belong to this person or that they take part in.
            metadata: those whose metadata contain this object, however deep.
        """
    @overload
    def list(self, request: ConversationList, /) -> Page[Conversation]: ...

    @overload
    def update(
        self,
        conversation_id: UUID | str,
        *,
        expected_version: int | None = None,
        title: str | None = None,
        description: str | None = None,
        avatar_url: str | None = None,
        is_private: bool = True,
        status: ConversationStatus | str = ...,
        agent_id: UUID | str | None = None,
        summary: str | None = None,
        metadata: Mapping[str, Any] = ...,
        expires_at: datetime | date | str | None = None,
    ) -> Conversation:
        """Change a conversation; who sees it is changed by whose it is.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Forbidden: it is somebody else's, and the change would open or close it, or give it to an agent.
            Conflict: it has another version than the one expected; `data` has both.
        """
    @overload
    def update(self, request: ConversationUpdate, /) -> Conversation: ...

    @overload
    def archive(self, conversation_id: UUID | str, *, expected_version: int | None = None) -> Conversation:
        """Close a conversation: it is read and searched as before, and is no longer among the active ones.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Forbidden: it is somebody else's.
            Conflict: it has another version than the one expected.
        """
    @overload
    def archive(self, request: ConversationChange, /) -> Conversation: ...

    @overload
    def delete(self, conversation_id: UUID | str, *, expected_version: int | None = None) -> int:
        """Delete a conversation softly, and forget what was said in it; a message that names it brings it back, empty.

        Returns:
            How many messages were forgotten.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Forbidden: it is somebody else's.
            Conflict: it has another version than the one expected.
        """
    @overload
    def delete(self, request: ConversationChange, /) -> int: ...

    @overload
    def statistics(self, conversation_id: UUID | str) -> ConversationStatistics:
        """Count what was said in a conversation: by role, by people, in tokens and in time.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """
    @overload
    def statistics(self, request: ConversationRef, /) -> ConversationStatistics: ...

    @overload
    def search(
        self,
        query: str,
        *,
        conversation_id: UUID | str | None = None,
        sender_id: UUID | str | None = None,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
        k: int = 20,
    ) -> tuple[FoundMessage, ...]:
        """Find messages that have the words, best first (000); words are found in their other forms.

        Of conversations that the principal may see only; deleted ones and forgotten messages are not there.

        Args:
            query: words; "in quotes" a phrase, `or` and `-word` as web searches have them.
            sender_id: the person who said it.
            since: when it was said; since is included, until is not.
            until: when it was said; since is included, until is not.
        """
    @overload
    def search(self, request: SearchMessages, /) -> tuple[FoundMessage, ...]: ...

    def checkpoints(self, source: str) -> tuple[Checkpoint, ...]:
        """Read how far imports have come: of this source, and of those whose names go on after it and a colon."""

class Graph(Namespace):
    """Entities, where they are mentioned, and how they relate."""

    @overload
    def ensure(
        self,
        entity_type: str,
        *,
        name: str,
        user_id: UUID | str | None = None,
        aliases: Sequence[str] = (),
        description: str | None = None,
        metadata: Mapping[str, Any] = ...,
        seen_at: datetime | date | str | None = None,
    ) -> Ensured:
        """Find the entity of this type by this name or alias, or make it; nothing that is known is overwritten.

        Two who make the same one at once get the same one.

        Args:
            entity_type: a free label such as person, organization, project, location.
            user_id: whose knowledge it is; None: the whole organisation's.
            aliases: other names, added to those it has.
            seen_at: when it was talked about; now, if not given.

        Raises:
            Forbidden: it is to be somebody else's.
            NotFound: the person is not one of this organisation.
        """
    @overload
    def ensure(self, request: EnsureEntity, /) -> Ensured: ...

    @overload
    def find(
        self,
        name: str,
        *,
        entity_type: str | None = None,
        user_id: UUID | str | None = None,
        limit: int = 10,
    ) -> tuple[Entity, ...]:
        """Find entities by name or alias, in any case of letters: a person's own first, then the most mentioned.

        Args:
            user_id: whose; entities of the whole organisation are found as well, after the person's own.
        """
    @overload
    def find(self, request: FindEntity, /) -> tuple[Entity, ...]: ...

    def get(self, entity_id: UUID | str) -> Entity:
        """Read an entity; for one that was merged, the one it became.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        name: str | None = None,
        entity_type: str | None = None,
        aliases: Sequence[str] | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
    ) -> Entity:
        """Change an entity.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Conflict: it has another version than the one expected, or another entity has the name.
        """
    @overload
    def update(self, request: UpdateEntity, /) -> Entity: ...

    def delete(self, entity_id: UUID | str) -> Count:
        """Delete an entity softly: it is no longer found, nor a neighbour of any.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    @overload
    def merge(self, source_id: UUID | str, *, target_id: UUID | str) -> Entity:
        """Make two entities one: mentions and relationships move, counts add up, names become aliases.

        A place both were mentioned in is kept once, of two relationships that become the same the stronger strength stays,
        and what related the two to each other ends. Done again, it changes nothing. Merges of an organisation come one
        after the other; who relates or mentions meanwhile ends up at the entity that stays.

        Args:
            source_id: the one that ends; its names become aliases of the other.
            target_id: the one that stays.

        Raises:
            NotFound: one of them is not there, or not this principal's to see.
            Invalid: one is a person's and the other is somebody else's or the organisation's.
        """
    @overload
    def merge(self, request: MergeEntities, /) -> Entity: ...

    @overload
    def mention(
        self,
        mentions: Sequence[NewMention | Mapping[str, Any]],
        *,
        at: datetime | date | str | None = None,
    ) -> Count:
        """Note where entities are mentioned, and count it; a place that is known already is not counted again.

        Raises:
            NotFound: an entity is not there, or not this principal's to see: nothing is noted.
        """
    @overload
    def mention(self, request: Mention, /) -> Count: ...

    @overload
    def mentions(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        entity_id: UUID | str | None = None,
        source_type: Literal["memory", "message", "email", "file"] | None = None,
        source_id: UUID | str | None = None,
    ) -> Page[StoredMention]:
        """List mentions of an entity or in a source, newest first; of sources that are this principal's to see.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.

        Raises:
            NotFound: the entity is not there, or not this principal's to see.
        """
    @overload
    def mentions(self, request: ListMentions, /) -> Page[StoredMention]: ...

    @overload
    def relate(
        self,
        source_entity_id: UUID | str,
        *,
        target_entity_id: UUID | str,
        relationship_type: str,
        strength: float = 0.5,
        context: str | None = None,
    ) -> Relationship:
        """Say how one entity relates to another; said again, it changes the strength. Merged entities are followed.

        Args:
            strength: 0 to 1.

        Raises:
            NotFound: one of them is not there, or not this principal's to see.
            Invalid: the two have become one.
        """
    @overload
    def relate(self, request: Relate, /) -> Relationship: ...

    def unrelate(self, relationship_id: UUID | str) -> Count:
        """Delete a relationship softly.

        Raises:
            NotFound: there is none, or one of its entities is not this principal's to see.
        """

    @overload
    def neighbours(self, entity_id: UUID | str, *, depth: int = 1, limit: int = 100) -> tuple[Neighbour, ...]:
        """Find entities at most `depth` relationships away in either direction, nearest and strongest first.

        Raises:
            NotFound: the entity is not there, or not this principal's to see.
        """
    @overload
    def neighbours(self, request: Neighbours, /) -> tuple[Neighbour, ...]: ...

class Knowledge(Namespace):
    """What agents know, pass on and use."""

    @overload
    def add(
        self,
        domain: str,
        *,
        content: Mapping[str, Any],
        source_agent_id: UUID | str | None = None,
        confidence: float | None = None,
        tags: Sequence[str] = (),
        language: str | None = None,
    ) -> KnowledgeItem:
        """Keep something that an agent knows (REQ-T114).

        Args:
            domain: the field it belongs to.
            content: the knowledge itself; its `title` and `description` are what search reads.
            source_agent_id: the agent that knows it; the acting agent, if not given.
            confidence: 0 to 1, kept to two decimals; None: not rated.
            language: what title and description are written in, as an ISO 639 code; found out, if not given.

        Raises:
            Invalid: no agent is named and none acts.
            NotFound: there is no such agent.
        """
    @overload
    def add(self, request: AddKnowledge, /) -> KnowledgeItem: ...

    def get(self, knowledge_id: UUID | str) -> KnowledgeItem:
        """Read an item by its id.

        Raises:
            NotFound: there is none, or it was deleted.
        """

    @overload
    def search(
        self,
        *,
        limit: int = 20,
        cursor: str | None = None,
        query: str | None = None,
        domain: str | None = None,
        source_agent_id: UUID | str | None = None,
        tags: Sequence[str] = (),
        any_tags: Sequence[str] = (),
        min_confidence: float | None = None,
    ) -> Page[FoundKnowledge]:
        """Find items by words, best first; without words, newest first, page by page (REQ-T114).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: where the page before ended; a listing only: a search has its best `limit` hits.
            query: words; a phrase in quotation marks, `or` and a minus sign mean what they do in web searches.
            tags: all of these.
            any_tags: at least one of these.
            min_confidence: items not rated are left out with it.

        Raises:
            Invalid: the cursor is not one that a page gave.
        """
    @overload
    def search(self, request: SearchKnowledge, /) -> Page[FoundKnowledge]: ...

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        domain: str | None = None,
        content: Mapping[str, Any] | None = None,
        confidence: float | None = None,
        tags: Sequence[str] | None = None,
        language: str | None = None,
        expected_version: int | None = None,
    ) -> KnowledgeItem:
        """Change an item.

        Args:
            language: what it is written in; found out anew with other content, if not given.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            Invalid: nothing is given to change.
            NotFound: there is no such item.
            Conflict: another change came first; both versions are in `data` (REQ-T107).
        """
    @overload
    def update(self, request: UpdateKnowledge, /) -> KnowledgeItem: ...

    @overload
    def delete(self, id: UUID | str, *, expected_version: int | None = None) -> None:
        """Delete an item softly: its transfers and its usage stay (REQ-T105).

        Raises:
            NotFound: there is no such item.
            Conflict: another change came first.
        """
    @overload
    def delete(self, request: DeleteKnowledge, /) -> None: ...

    @overload
    def transfer(
        self,
        knowledge_id: UUID | str,
        *,
        target_agent_id: UUID | str,
        transfer_method: str,
        source_agent_id: UUID | str | None = None,
    ) -> Transfer:
        """Begin to pass an item on; it has arrived once :func:`finish_transfer` says so (REQ-T115).

        Raises:
            NotFound: there is no such item or agent.
        """
    @overload
    def transfer(self, request: TransferKnowledge, /) -> Transfer: ...

    @overload
    def finish_transfer(self, id: UUID | str, *, success: bool, error_message: str | None = None) -> Transfer:
        """Say how a transfer ended; it ends once.

        Raises:
            NotFound: there is no such transfer.
            Conflict: it has ended already.
        """
    @overload
    def finish_transfer(self, request: FinishTransfer, /) -> Transfer: ...

    @overload
    def transfers(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        knowledge_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
    ) -> Page[Transfer]:
        """List transfers of an item, or those an agent gave or got, newest first (REQ-T115).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.

        Raises:
            Invalid: neither an item nor an agent is named, or the cursor is not one that a page gave.
        """
    @overload
    def transfers(self, request: TransferQuery, /) -> Page[Transfer]: ...

    @overload
    def record_use(self, uses: Sequence[KnowledgeUse | Mapping[str, Any]]) -> int:
        """Note what happened to items, all of it or nothing; returns how many notes were written (REQ-T132).

        Raises:
            NotFound: one of the items or agents does not exist.
        """
    @overload
    def record_use(self, request: RecordUses, /) -> int: ...

    @overload
    def usage(
        self,
        since: datetime | date | str,
        *,
        until: datetime | date | str | None = None,
        knowledge_id: UUID | str | None = None,
        domain: str | None = None,
        every: Literal["day", "week", "month"] = "day",
    ) -> Usage:
        """Count what happened to items in a window, by day, week or month (REQ-T132)."""
    @overload
    def usage(self, request: UsageQuery, /) -> Usage: ...

    @overload
    def summaries(self, *, limit: int = 100) -> tuple[KnowledgeSummary, ...]:
        """Read how much items were used over all time, as of the last refresh, most used first (REQ-T149)."""
    @overload
    def summaries(self, request: SummaryQuery, /) -> tuple[KnowledgeSummary, ...]: ...

class Patterns(Namespace):
    """Patterns that agents learnt, and how well they do."""

    @overload
    def add(
        self,
        type: PatternType | str,
        *,
        name: str,
        pattern_data: Mapping[str, Any],
        accuracy: float | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> Pattern:
        """Keep a pattern that was learnt (REQ-T116)."""
    @overload
    def add(self, request: AddPattern, /) -> Pattern: ...

    def get(self, pattern_id: UUID | str) -> Pattern:
        """Read a pattern by its id.

        Raises:
            NotFound: there is none, or it was deleted.
        """

    @overload
    def find(
        self,
        *,
        type: PatternType | str | None = None,
        min_accuracy: float | None = None,
        limit: int = 50,
    ) -> tuple[Pattern, ...]:
        """Find patterns of a type with at least an accuracy, most used first (REQ-T116)."""
    @overload
    def find(self, request: FindPatterns, /) -> tuple[Pattern, ...]: ...

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        name: str | None = None,
        pattern_data: Mapping[str, Any] | None = None,
        accuracy: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
    ) -> Pattern:
        """Change a pattern; uses that are counted meanwhile are no conflict.

        Raises:
            Invalid: nothing is given to change.
            NotFound: there is no such pattern.
            Conflict: another change came first; both versions are in `data` (REQ-T107).
        """
    @overload
    def update(self, request: UpdatePattern, /) -> Pattern: ...

    def delete(self, pattern_id: UUID | str) -> None:
        """Delete a pattern softly: what was measured stays (REQ-T105).

        Raises:
            NotFound: there is no such pattern.
        """

    @overload
    def record_use(
        self,
        pattern_id: UUID | str,
        *,
        agent_id: UUID | str | None = None,
        success: bool | None = None,
        context: Mapping[str, Any] = ...,
        at: datetime | date | str | None = None,
    ) -> bool:
        """Note that a pattern was applied (REQ-T133).

        A popular pattern is applied by many at once, and none of them waits: who finds the pattern's row free counts the
        use in `usage_count` at once; who finds it held leaves that to :func:`count_pattern_uses`. No use is lost or
        counted twice.

        Returns:
            Whether `usage_count` has this use already.

        Args:
            agent_id: who applied it; the acting agent, if not given.
            success: whether it helped; None: not known.
            at: when; now, if not given.

        Raises:
            Invalid: no agent is named and none acts.
            NotFound: there is no such pattern or agent.
        """
    @overload
    def record_use(self, request: PatternUse, /) -> bool: ...

    @overload
    def record_uses(self, uses: Sequence[PatternUse | Mapping[str, Any]]) -> int:
        """Note many applications of patterns, all of them or none; returns how many (REQ-T133).

        `usage_count` gets them from :func:`count_pattern_uses`.

        Raises:
            Invalid: a use names no agent and none acts.
            NotFound: one of the patterns or agents does not exist.
        """
    @overload
    def record_uses(self, request: RecordPatternUses, /) -> int: ...

    def count_uses(self) -> int:
        """Bring uses that :func:`record_pattern_use` left uncounted into `usage_count`; returns how many (REQ-T133)."""

    @overload
    def record_runs(self, runs: Sequence[PatternRun | Mapping[str, Any]]) -> int:
        """Write measured runs, all of them or none; returns how many (REQ-T117).

        Raises:
            Invalid: a run names no agent and none acts.
            NotFound: one of the patterns or agents does not exist.
        """
    @overload
    def record_runs(self, request: RecordRuns, /) -> int: ...

    @overload
    def effectiveness(
        self,
        pattern_id: UUID | str,
        *,
        since: datetime | date | str,
        until: datetime | date | str | None = None,
    ) -> Effectiveness:
        """Measure success rate, times and kinds of failure of a pattern in a window (REQ-T117, REQ-T133).

        Raises:
            NotFound: there is no such pattern.
        """
    @overload
    def effectiveness(self, request: EffectivenessQuery, /) -> Effectiveness: ...

    @overload
    def recompute_accuracy(self, *, days: int = 90, minimum_runs: int = 10) -> int:
        """Set the accuracy of every pattern of the organisation to the share of its runs that succeeded (REQ-T147).

        One stored procedure does it for all patterns; a pattern with too few runs keeps the accuracy it has.

        Returns:
            How many patterns changed.
        """
    @overload
    def recompute_accuracy(self, request: RecomputeAccuracy, /) -> int: ...

    @overload
    def summaries(self, *, limit: int = 100) -> tuple[PatternSummary, ...]:
        """Read how patterns did over all time, as of the last refresh, most runs first (REQ-T149)."""
    @overload
    def summaries(self, request: SummaryQuery, /) -> tuple[PatternSummary, ...]: ...

class Learning(Namespace):
    """Stretches of learning: what an agent set out to learn and what came of it."""

    @overload
    def start(
        self,
        source_domain: str,
        *,
        target_domain: str,
        agent_id: UUID | str | None = None,
        transfer_mode: TransferMode | str = ...,
        session_metrics: Mapping[str, Any] = ...,
    ) -> LearningSession:
        """Begin a stretch of learning (REQ-T120).

        Raises:
            Invalid: no agent is named and none acts.
            NotFound: there is no such agent.
        """
    @overload
    def start(self, request: StartLearning, /) -> LearningSession: ...

    @overload
    def finish(
        self,
        id: UUID | str,
        *,
        improvement_score: float | None = None,
        session_metrics: Mapping[str, Any] = ...,
    ) -> LearningSession:
        """End a stretch of learning and say what came of it; it ends once.

        Raises:
            NotFound: there is no such session.
            Conflict: it has ended already.
        """
    @overload
    def finish(self, request: FinishLearning, /) -> LearningSession: ...

    def get(self, session_id: UUID | str) -> LearningSession:
        """Read a session by its id.

        Raises:
            NotFound: there is none, or it was deleted.
        """

    @overload
    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        agent_id: UUID | str | None = None,
        source_domain: str | None = None,
        target_domain: str | None = None,
    ) -> Page[LearningSession]:
        """List sessions of an agent, from or to a domain, or all of them; newest first (REQ-T120).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.

        Raises:
            Invalid: the cursor is not one that a page gave.
        """
    @overload
    def list(self, request: LearningQuery, /) -> Page[LearningSession]: ...

class Workflows(Namespace):
    """Workflows and their runs."""

    @overload
    def define(
        self,
        name: str,
        *,
        steps: Sequence[Step | Mapping[str, Any]],
        description: str | None = None,
        dependencies: Mapping[str, Sequence[str]] = ...,
    ) -> Workflow:
        """Keep a new definition, as a draft (REQ-T118).

        Args:
            steps: 1 to 200, each with a name of its own.
            dependencies: step to the steps it waits for; steps, without a circle.
        """
    @overload
    def define(self, request: DefineWorkflow, /) -> Workflow: ...

    def get(self, workflow_id: UUID | str) -> Workflow:
        """Read a definition by its id.

        Raises:
            NotFound: there is none, or it was deleted.
        """

    @overload
    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        status: WorkflowStatus | str | None = None,
    ) -> Page[Workflow]:
        """List definitions, newest first (REQ-T118).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.

        Raises:
            Invalid: the cursor is not one that a page gave.
        """
    @overload
    def list(self, request: WorkflowQuery, /) -> Page[Workflow]: ...

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        name: str | None = None,
        description: str | None = None,
        steps: Sequence[Step | Mapping[str, Any]] | None = None,
        dependencies: Mapping[str, Sequence[str]] | None = None,
        expected_version: int | None = None,
    ) -> Workflow:
        """Change a definition; its steps, and what they wait for, in a draft only.

        Args:
            steps: all of them anew; the dependencies are then those given here, none if none are.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            Invalid: nothing is given to change, or dependencies come without the steps that they are of.
            NotFound: there is no such workflow.
            Conflict: another change came first, or it is a draft no longer.
        """
    @overload
    def update(self, request: UpdateWorkflow, /) -> Workflow: ...

    @overload
    def activate(self, id: UUID | str, *, expected_version: int | None = None) -> Workflow:
        """Let a draft be run; from then on its steps stay as they are.

        Raises:
            NotFound: there is no such workflow.
            Conflict: it is no draft, or another change came first.
        """
    @overload
    def activate(self, request: MoveWorkflow, /) -> Workflow: ...

    @overload
    def archive(self, id: UUID | str, *, expected_version: int | None = None) -> Workflow:
        """Let a workflow be run no more; runs that are under way go on.

        Raises:
            NotFound: there is no such workflow.
            Conflict: it is archived already, or another change came first.
        """
    @overload
    def archive(self, request: MoveWorkflow, /) -> Workflow: ...

    @overload
    def delete(self, id: UUID | str, *, expected_version: int | None = None) -> None:
        """Delete a definition softly: its runs stay (REQ-T105).

        Raises:
            NotFound: there is no such workflow.
            Conflict: another change came first.
        """
    @overload
    def delete(self, request: MoveWorkflow, /) -> None: ...

    @overload
    def start(
        self,
        workflow_id: UUID | str,
        *,
        agent_id: UUID | str | None = None,
        input: Mapping[str, Any] = ...,
    ) -> Execution:
        """Begin a run of an active workflow; it is pending until it is advanced (REQ-T119).

        Raises:
            Invalid: no agent is named and none acts.
            NotFound: there is no such workflow or agent.
            Conflict: the workflow is not active.
        """
    @overload
    def start(self, request: StartExecution, /) -> Execution: ...

    @overload
    def advance(
        self,
        id: UUID | str,
        *,
        step: str | None = None,
        output: Mapping[str, Any] = ...,
        expected_version: int | None = None,
    ) -> Execution:
        """Set a pending run running, and note that a step of it is done; doing so again replaces what the step gave.

        Args:
            step: the step that is done, if one; those it waits for have to be done before.
            output: what the step gave.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            Invalid: the workflow has no such step.
            NotFound: there is no such run.
            Conflict: it has ended, a step that this one waits for is not done, or another change came first.
        """
    @overload
    def advance(self, request: AdvanceExecution, /) -> Execution: ...

    @overload
    def finish(
        self,
        id: UUID | str,
        *,
        status: ExecutionStatus | str,
        error_message: str | None = None,
        expected_version: int | None = None,
    ) -> Execution:
        """End a run; it ends once.

        Raises:
            Invalid: the status is no end, or a completed run has an error.
            NotFound: there is no such run.
            Conflict: from where the run is it cannot end so, or another change came first.
        """
    @overload
    def finish(self, request: FinishExecution, /) -> Execution: ...

    def run(self, execution_id: UUID | str) -> Execution:
        """Read a run by its id.

        Raises:
            NotFound: there is none.
        """

    @overload
    def runs(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        workflow_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
        status: ExecutionStatus | str | None = None,
    ) -> Page[Execution]:
        """List runs of a workflow, of an agent or all of them, newest first (REQ-T119).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.

        Raises:
            Invalid: the cursor is not one that a page gave.
        """
    @overload
    def runs(self, request: ExecutionQuery, /) -> Page[Execution]: ...

class Tasks(Namespace):
    """Tasks with due dates, reminders and recurrence."""

    @overload
    def create(
        self,
        title: str,
        *,
        user_id: UUID | str | None = None,
        description: str | None = None,
        status: Literal["todo", "in_progress"] = "todo",
        priority: Literal["low", "medium", "high", "urgent"] = "medium",
        due_date: date | str | None = None,
        due_time: time | str | None = None,
        reminder_at: datetime | date | str | None = None,
        source: Literal["manual", "ai_created", "ai_extracted", "integration"] = "manual",
        source_id: UUID | str | None = None,
        source_type: str | None = None,
        project_id: UUID | str | None = None,
        tags: Sequence[str] = (),
        recurrence_rule: str | None = None,
    ) -> Task:
        """Make a task.

        Args:
            user_id: whose task it is; the one who acts, if not given.
            due_date: when it is due, in the person's own time zone; a time needs a date.
            due_time: when it is due, in the person's own time zone; a time needs a date.
            reminder_at: when to remind.
            source_id: what it came from: a conversation, a memory.
            source_type: what it came from: a conversation, a memory.
            recurrence_rule: RRULE of RFC 5545 with FREQ=DAILY, WEEKLY, MONTHLY or YEARLY.

        Raises:
            NotFound: the person is not one of this organisation.
        """
    @overload
    def create(self, request: CreateTask, /) -> Task: ...

    def get(self, task_id: UUID | str) -> Task:
        """Read a task.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    @overload
    def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        status: Sequence[Literal["todo", "in_progress", "done", "cancelled"]] = (),
        priority: Sequence[Literal["low", "medium", "high", "urgent"]] = (),
        due_from: date | str | None = None,
        due_until: date | str | None = None,
        project_id: UUID | str | None = None,
        tag: str | None = None,
    ) -> Page[Task]:
        """List tasks by status and due date: soonest due first, those without a date last.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            user_id: whose; a person sees their own.
            due_from: due on or after, and before.
            due_until: due on or after, and before.
        """
    @overload
    def list(self, request: ListTasks, /) -> Page[Task]: ...

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        title: str | None = None,
        description: str | None = None,
        status: Literal["todo", "in_progress", "cancelled"] | None = None,
        priority: Literal["low", "medium", "high", "urgent"] | None = None,
        due_date: date | str | None = None,
        due_time: time | str | None = None,
        reminder_at: datetime | date | str | None = None,
        project_id: UUID | str | None = None,
        tags: Sequence[str] | None = None,
        recurrence_rule: str | None = None,
    ) -> Task:
        """Change a task; another moment of reminding reminds again, another status takes a completed one up again.

        Args:
            id: the row.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            NotFound: there is no such task, or it is not this principal's.
            Conflict: it has another version than the one expected; `data` has both.
            Invalid: the change would leave a due time without a due date.
        """
    @overload
    def update(self, request: UpdateTask, /) -> Task: ...

    @overload
    def complete(self, id: UUID | str, *, expected_version: int | None = None) -> Completed:
        """Mark a task as done; a task that recurs gets its next occurrence, once however often it is completed.

        The next occurrence counts from the due date (from today without one), and its reminder keeps its distance.

        Raises:
            NotFound: there is no such task, or it is not this principal's.
            Conflict: it has another version than the one expected, or it was cancelled.
        """
    @overload
    def complete(self, request: CompleteTask, /) -> Completed: ...

    def delete(self, task_id: UUID | str) -> WorkspaceCount:
        """Delete a task softly.

        Raises:
            NotFound: there is none, or it is not this principal's.
        """

    @overload
    def reminders(self, *, user_id: UUID | str | None = None, limit: int = 100, take: bool = False) -> tuple[Task, ...]:
        """List open tasks whose reminder is due by the clock; two who take at once get different ones.

        Args:
            user_id: whose; a person sees their own.
            take: mark them as reminded, so that nobody else sends them again.
        """
    @overload
    def reminders(self, request: Reminders, /) -> tuple[Task, ...]: ...

class Documents(Namespace):
    """Documents, and which memories they were written from."""

    @overload
    def create(
        self,
        document_type: str,
        *,
        title: str,
        user_id: UUID | str | None = None,
        content: str | None = None,
        outline: Sequence[str] | None = None,
        template_id: UUID | str | None = None,
        status: Literal["draft", "generating", "ready", "exported"] = "draft",
        context_memory_ids: Sequence[UUID | str] = (),
    ) -> Document:
        """Make a document; without an outline of its own it takes its template's.

        Raises:
            NotFound: the person or the template is not one of this organisation.
        """
    @overload
    def create(self, request: CreateDocument, /) -> Document: ...

    def get(self, document_id: UUID | str) -> Document:
        """Read a document.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    @overload
    def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        document_type: str | None = None,
        status: Sequence[Literal["draft", "generating", "ready", "exported"]] = (),
    ) -> Page[Document]:
        """List documents, newest first.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: ListDocuments, /) -> Page[Document]: ...

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        title: str | None = None,
        content: str | None = None,
        outline: Sequence[str] | None = None,
        status: Literal["draft", "generating", "ready", "exported"] | None = None,
        context_memory_ids: Sequence[UUID | str] | None = None,
    ) -> Document:
        """Change a document.

        Args:
            id: the row.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            NotFound: there is none, or it is not this principal's.
            Conflict: it has another version than the one expected; `data` has both.
        """
    @overload
    def update(self, request: UpdateDocument, /) -> Document: ...

    def delete(self, document_id: UUID | str) -> WorkspaceCount:
        """Delete a document softly.

        Raises:
            NotFound: there is none, or it is not this principal's.
        """

class Assets(Namespace):
    """Files, whose bytes are sealed in an object store."""

    @overload
    def put(
        self,
        name: str,
        *,
        data: bytes,
        user_id: UUID | str | None = None,
        media_type: str = "application/octet-stream",
        conversation_id: UUID | str | None = None,
        message_id: UUID | str | None = None,
        memory_id: UUID | str | None = None,
        document_id: UUID | str | None = None,
    ) -> Asset:
        """Keep a file of at most 8 MB; the same bytes are stored once in an organisation.

        Args:
            name: as people see it.
            user_id: whose file it is; the one who acts, if not given.
            media_type: `image/png`; nobody looks whether it is one.
            conversation_id: what it belongs to, and is erased with.
            message_id: what it belongs to, and is erased with.
            memory_id: what it belongs to, and is erased with.
            document_id: what it belongs to, and is erased with.

        Raises:
            NotFound: the person, or what it is to belong to, is not one of this organisation.
            Unavailable: there is no key, no store, or the store cannot be reached.
        """
    @overload
    def put(self, request: PutAsset, /) -> Asset: ...

    def get(self, asset_id: UUID | str) -> Asset:
        """Read what a file is, without its bytes.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    def read(self, asset_id: UUID | str) -> AssetContent:
        """Read a file with its bytes, of at most 8 MB.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
            Invalid: it is larger: it has to be streamed.
            Unavailable: the bytes, the key or the store are missing.
        """

    @overload
    def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        conversation_id: UUID | str | None = None,
        message_id: UUID | str | None = None,
        memory_id: UUID | str | None = None,
        document_id: UUID | str | None = None,
    ) -> Page[Asset]:
        """List files, newest first.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: ListAssets, /) -> Page[Asset]: ...

    def delete(self, asset_id: UUID | str) -> WorkspaceCount:
        """Delete a file softly; its bytes go soon, unless another file has the same.

        Raises:
            NotFound: there is none, or it is not this principal's.
        """

    @overload
    def sweep(self, *, objects: Sequence[UUID | str] = ()) -> Swept:
        """Remove from the store what no file of the organisation has.

        Raises:
            Forbidden: it is not the organisation's own process.
            Unavailable: there is no store, or it cannot be reached.
        """
    @overload
    def sweep(self, request: SweepAssets, /) -> Swept: ...

class Templates(Namespace):
    """Templates of documents."""

    @overload
    def create(
        self,
        name: str,
        *,
        document_type: str,
        outline: Sequence[str] = (),
        instructions: str | None = None,
    ) -> Template:
        """Make a template for the organisation."""
    @overload
    def create(self, request: CreateTemplate, /) -> Template: ...

    def get(self, template_id: UUID | str) -> Template:
        """Read a template.

        Raises:
            NotFound: there is none.
        """

    @overload
    def list(self, *, limit: int = 100, cursor: str | None = None, document_type: str | None = None) -> Page[Template]:
        """List templates by name.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: ListTemplates, /) -> Page[Template]: ...

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        name: str | None = None,
        outline: Sequence[str] | None = None,
        instructions: str | None = None,
    ) -> Template:
        """Change a template.

        Args:
            id: the row.
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            NotFound: there is none.
            Conflict: it has another version than the one expected; `data` has both.
            Forbidden: it came with the installation.
        """
    @overload
    def update(self, request: UpdateTemplate, /) -> Template: ...

    def delete(self, template_id: UUID | str) -> WorkspaceCount:
        """Delete a template softly; documents made from it stay as they are.

        Raises:
            NotFound: there is none.
            Forbidden: it came with the installation.
        """

class Notifications(Namespace):
    """What people are told, and whether they have read it."""

    @overload
    def send(
        self,
        type: str,
        *,
        user_ids: Sequence[UUID | str] = (),
        title: str | None = None,
        body: str | None = None,
        data: Mapping[str, Any] = ...,
        resource_type: str | None = None,
        resource_id: UUID | str | None = None,
    ) -> tuple[Notification, ...]:
        """Tell people something; colleagues may tell each other.

        Args:
            user_ids: who is told; the one who acts, if nobody is named.
            resource_type: what it is about.
            resource_id: what it is about.

        Raises:
            NotFound: somebody is not one of this organisation: nobody is told.
        """
    @overload
    def send(self, request: Notify, /) -> tuple[Notification, ...]: ...

    @overload
    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        unread_only: bool = False,
        before: datetime | date | str | None = None,
    ) -> Inbox:
        """List a person's notifications, newest first, with the number of unread ones (REQ-T140).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            before: those recorded before this moment.
        """
    @overload
    def list(self, request: WorkspaceNotifications, /) -> Inbox: ...

    @overload
    def mark_read(
        self,
        *,
        user_id: UUID | str | None = None,
        ids: Sequence[UUID | str] | None = None,
    ) -> WorkspaceCount:
        """Mark a person's notifications as read: those named, or all; how many were unread until now."""
    @overload
    def mark_read(self, request: MarkRead, /) -> WorkspaceCount: ...

class Agents(Namespace):
    """Agents: who they are, what they can do, and snapshots of their state."""

    @overload
    def create(
        self,
        name: str,
        *,
        slug: str | None = None,
        team_id: UUID | str | None = None,
        user_id: UUID | str | None = None,
        external_id: str | None = None,
        type: str = "assistant",
        tagline: str = "",
        description: str | None = None,
        avatar_emoji: str = "",
        personality: AgentPersonality | Mapping[str, Any] = ...,
        shared_skill_names: Sequence[str] = (),
        custom_skill_names: Sequence[str] = (),
        disabled_skill_names: Sequence[str] = (),
        model: AgentModelConfig | Mapping[str, Any] = ...,
        memory_config: AgentMemoryConfig | Mapping[str, Any] = ...,
        boundaries: AgentBoundaries | Mapping[str, Any] = ...,
        status: AgentStatus | str = ...,
        cognitive_pattern: Literal["convergent", "divergent", "lateral", "systems", "critical", "adaptive"] = "adaptive",
        learning_rate: float | None = None,
        performance_score: float | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> AgentDNA:
        """Make an agent; recall knows it by the words of its name.

        Args:
            slug: unique in the team, or in the organisation without one; made of the name, if not given.
            user_id: the person it belongs to, if one.
            external_id: the caller's own string for the agent; unique in the organisation.

        Raises:
            Conflict: the slug is taken in the team (or in the organisation, without one), or the external id.
            NotFound: the organisation has not the team or the person.
            Forbidden: the principal has not `agents:write`, or it would be another person's or team's.
        """
    @overload
    def create(self, request: AgentCreate, /) -> AgentDNA: ...

    @overload
    def get(self, agent_id: UUID | str) -> AgentDNA:
        """Read an agent by its id (REQ-T111), in one statement on the driver's connection.

        Raises:
            NotFound: the organisation has no such agent.
        """
    @overload
    def get(self, request: AgentRef, /) -> AgentDNA: ...

    @overload
    def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        team_id: UUID | str | None = None,
        status: AgentStatus | str | None = None,
        type: str | None = None,
    ) -> Page[AgentDNA]:
        """List agents of the organisation, of a team, with a status, of a type; in the order they were made.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: AgentList, /) -> Page[AgentDNA]: ...

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        name: str | None = None,
        slug: str | None = None,
        type: str | None = None,
        tagline: str | None = None,
        description: str | None = None,
        avatar_emoji: str | None = None,
        personality: AgentPersonality | Mapping[str, Any] | None = None,
        shared_skill_names: Sequence[str] | None = None,
        custom_skill_names: Sequence[str] | None = None,
        disabled_skill_names: Sequence[str] | None = None,
        model: AgentModelConfig | Mapping[str, Any] | None = None,
        memory_config: AgentMemoryConfig | Mapping[str, Any] | None = None,
        boundaries: AgentBoundaries | Mapping[str, Any] | None = None,
        cognitive_pattern: Literal["convergent", "divergent", "lateral", "systems", "critical", "adaptive"] | None = None,
        learning_rate: float | None = None,
        performance_score: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> AgentDNA:
        """Change an agent.

        Args:
            expected_version: the version that was read; another one is a Conflict.

        Raises:
            NotFound: the organisation has no such agent.
            Forbidden: it is another person's or team's.
            Conflict: it has another version than the one expected (`data` has both), or the slug is taken.
        """
    @overload
    def update(self, request: AgentUpdate, /) -> AgentDNA: ...

    @overload
    def set_status(
        self,
        agent_id: UUID | str,
        *,
        status: AgentStatus | str,
        expected_version: int | None = None,
    ) -> AgentDNA:
        """Give an agent another status; archiving one ends its keys.

        Raises:
            NotFound: the organisation has no such agent.
            Conflict: it has another version than the one expected.
        """
    @overload
    def set_status(self, request: AgentStatusSet, /) -> AgentDNA: ...

    @overload
    def delete(self, agent_id: UUID | str) -> None:
        """Remove an agent, softly: its keys end, what it said and keeps stays.

        Raises:
            NotFound: the organisation has no such agent.
        """
    @overload
    def delete(self, request: AgentRef, /) -> None: ...

    @overload
    def find_by_capability(
        self,
        capability: str,
        *,
        min_proficiency: float = 0.0,
        limit: int = 100,
    ) -> tuple[CapableAgent, ...]:
        """Find agents that can do something at least so well, the best first."""
    @overload
    def find_by_capability(self, request: CapableSearch, /) -> tuple[CapableAgent, ...]: ...

    @overload
    def add_capability(self, agent_id: UUID | str, *, capability: str, proficiency_level: float = 0.5) -> Capability:
        """Add a capability to an agent; one it has already gets the new level.

        Args:
            proficiency_level: 0 (none) to 1 (mastery), kept to two decimals.

        Raises:
            NotFound: the organisation has no such agent.
        """
    @overload
    def add_capability(self, request: CapabilityAdd, /) -> Capability: ...

    @overload
    def capabilities(self, agent_id: UUID | str, *, limit: int = 100, cursor: str | None = None) -> Page[Capability]:
        """List what an agent can do, by its words.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def capabilities(self, request: CapabilityList, /) -> Page[Capability]: ...

    @overload
    def remove_capability(self, agent_id: UUID | str, *, capability: str) -> None:
        """Take a capability from an agent.

        Raises:
            NotFound: the organisation has no such agent, or it has not the capability.
        """
    @overload
    def remove_capability(self, request: CapabilityRef, /) -> None: ...

    @overload
    def checkpoint(
        self,
        agent_id: UUID | str,
        *,
        state_data: Mapping[str, Any],
        checkpoint_type: str = "manual",
    ) -> AgentState:
        """Keep what an agent's state is now.

        Args:
            checkpoint_type: the caller's word for why: manual, scheduled, before_update, ...

        Raises:
            NotFound: the organisation has no such agent.
        """
    @overload
    def checkpoint(self, request: StateCheckpoint, /) -> AgentState: ...

    @overload
    def state(
        self,
        agent_id: UUID | str,
        *,
        checkpoint_type: str | None = None,
        at: datetime | date | str | None = None,
    ) -> AgentState:
        """Read the latest snapshot of an agent, of one kind if given, as of a moment if given.

        Raises:
            NotFound: there is none.
        """
    @overload
    def state(self, request: StateRef, /) -> AgentState: ...

    @overload
    def states(
        self,
        agent_id: UUID | str,
        *,
        limit: int = 100,
        cursor: str | None = None,
        checkpoint_type: str | None = None,
        before: datetime | date | str | None = None,
    ) -> Page[AgentState]:
        """List the snapshots of an agent, the newest first.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            before: only those taken before this moment.
        """
    @overload
    def states(self, request: StateList, /) -> Page[AgentState]: ...

class People(Namespace):
    """People, what they prefer and what they may do."""

    @overload
    def create(
        self,
        email: str,
        *,
        password: SecretStr | str | None = None,
        display_name: str | None = None,
        full_name: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        avatar_url: str | None = None,
        timezone: str | None = None,
        tier: Literal["free", "pro", "enterprise"] = "free",
        external_id: str | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> User:
        """Make a person, with a password if one is given.

        Args:
            email: unique in the installation, whatever its case.
            password: 10 characters to 72 bytes, none that everybody tries; without one the person signs in otherwise.
            display_name: the name shown, and known to recall.
            timezone: IANA name of the zone that the person lives in; the setting's, if nobody says.
            external_id: the caller's own string for the person; unique in the organisation.

        Raises:
            Conflict: the e-mail address cannot be used, or the external id is taken in the organisation.
            Invalid: the password is the e-mail address or the name.
            Unavailable: too many e-mail addresses were refused.
            Forbidden: the principal has not `users:write`.
        """
    @overload
    def create(self, request: UserCreate, /) -> User: ...

    @overload
    def invite(self, email: str, *, display_name: str | None = None) -> User:
        """Make a person without a password, and mail them the link by which they choose one.

        Raises:
            Conflict: the e-mail address cannot be used.
            Unavailable: too many e-mail addresses were refused.
        """
    @overload
    def invite(self, request: InviteUser, /) -> User: ...

    @overload
    def ask_reset(self, email: str, *, ip_address: IPv4Address | IPv6Address | str | None = None) -> None:
        """Send a link to set a new password, if somebody has the address; the answer and its time tell nobody whether."""
    @overload
    def ask_reset(self, request: AskReset, /) -> None: ...

    @overload
    def reset_password(self, token: SecretStr | str, *, password: SecretStr | str) -> None:
        """Set the password of whom a mailed token is for, and end their sessions; a second factor is still asked for.

        Raises:
            Unauthenticated: the token is not right, has expired, or was used.
            Invalid: the password is their e-mail address or name, or one that everybody tries.
        """
    @overload
    def reset_password(self, request: ResetPassword, /) -> None: ...

    @overload
    def send_account_mail(self, user_id: UUID | str, *, kind: Literal["reset", "invitation"]) -> None:
        """Send a person the link by which they set a password.

        Raises:
            NotFound: the organisation has no such person.
            Invalid: they have no e-mail address, or the server refuses it for good.
            Unavailable: nothing is set to send it with, MNEMON_PUBLIC_URL is not set, or it could not be sent.
        """
    @overload
    def send_account_mail(self, request: AccountMail, /) -> None: ...

    @overload
    def get(self, user_id: UUID | str) -> User:
        """Read a person.

        Raises:
            NotFound: the organisation has no such person.
        """
    @overload
    def get(self, request: UserRef, /) -> User: ...

    @overload
    def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[User]:
        """List the organisation's people, in the order they were made.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: PageRequest, /) -> Page[User]: ...

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        email: str | None = None,
        display_name: str | None = None,
        full_name: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        avatar_url: str | None = None,
        timezone: str | None = None,
        status: Literal["active", "suspended", "deleted"] | None = None,
        tier: Literal["free", "pro", "enterprise"] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> User:
        """Change a person; who is not active any more is signed out everywhere.

        Args:
            id: the person.
            expected_version: the version that was read; another one is a Conflict.
            status: active, suspended (cannot sign in, keys and sessions find nobody) or deleted.

        Raises:
            NotFound: the organisation has no such person.
            Conflict: they have another version than the one expected, or the e-mail address cannot be used.
            Unavailable: too many e-mail addresses were refused.
            Forbidden: somebody else's account, status or tier without `users:write`.
        """
    @overload
    def update(self, request: UserUpdate, /) -> User: ...

    @overload
    def delete(self, user_id: UUID | str) -> None:
        """Remove a person, softly: their sessions and keys end, what they said and what is known of them stays.

        Raises:
            NotFound: the organisation has no such person.
        """
    @overload
    def delete(self, request: UserRef, /) -> None: ...

    @overload
    def set_password(
        self,
        user_id: UUID | str,
        *,
        password: SecretStr | str,
        current_password: SecretStr | str | None = None,
        ip_address: IPv4Address | IPv6Address | str | None = None,
    ) -> None:
        """Set a person's password and end their sessions (REQ-T122).

        Args:
            current_password: needed of a person who changes their own.
            ip_address: where it comes from; guesses at the current password are counted by it too.

        Raises:
            NotFound: the organisation has no such person.
            Invalid: the password is their e-mail address or name.
            Unauthenticated: a person changes their own, and the current one is wrong, or too many were tried.
            Forbidden: somebody else's, and the principal has not `users:write` and all that the person may do.
        """
    @overload
    def set_password(self, request: PasswordSet, /) -> None: ...

    @overload
    def preferences(self, user_id: UUID | str) -> Preferences:
        """Read what a person prefers; the defaults, with version 0, until something is set."""
    @overload
    def preferences(self, request: UserRef, /) -> Preferences: ...

    @overload
    def set_preferences(
        self,
        user_id: UUID | str,
        *,
        expected_version: int | None = None,
        auto_include_memories: bool | None = None,
        max_memories_per_request: int | None = None,
        auto_extract_from_chat: bool | None = None,
        excluded_memory_types: Sequence[Literal["semantic", "episodic", "procedural", "agent_private", "shared", "identity", "user_profile"]] | None = None,
        email_notifications: bool | None = None,
        push_notifications: bool | None = None,
        theme: Literal["system", "light", "dark"] | None = None,
        language: str | None = None,
    ) -> Preferences:
        """Change what a person prefers; what is not given stays.

        Raises:
            NotFound: the organisation has no such person.
            Conflict: the preferences have another version than the one expected.
        """
    @overload
    def set_preferences(self, request: PreferencesSet, /) -> Preferences: ...

    @overload
    def timezones(self, users: Sequence[str]) -> tuple[TimezoneOf, ...]:
        """Read the zones of those of the people who have one of their own."""
    @overload
    def timezones(self, request: TimezonesOf, /) -> tuple[TimezoneOf, ...]: ...

    def permissions(self, user_id: UUID | str) -> frozenset[str]:
        """List what a person may do now: by every role that has not expired, and what those inherit; one statement.

        Raises:
            Forbidden: somebody else's, without `roles:read`.
        """

    @overload
    def may(self, user_id: UUID | str, *, permission: str) -> bool:
        """Tell whether a person may do something now; one statement (REQ-T126)."""
    @overload
    def may(self, request: PermissionCheck, /) -> bool: ...

    @overload
    def roles(self, user_id: UUID | str, *, limit: int = 100, cursor: str | None = None) -> Page[UserRole]:
        """List the roles a person was given, by name, those that have ended too.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def roles(self, request: ListOfUser, /) -> Page[UserRole]: ...

class Teams(Namespace):
    """Teams and their members."""

    @overload
    def create(
        self,
        name: str,
        *,
        slug: str,
        owner_id: UUID | str | None = None,
        settings: Mapping[str, Any] = ...,
        shared_skill_names: Sequence[str] = (),
        webhook_url: str | None = None,
        webhook_secret: SecretStr | str | None = None,
        conversation_retention_days: int = 90,
    ) -> Team:
        """Make a team; its owner is its first member.

        Args:
            slug: unique in the organisation.
            owner_id: the person responsible, who becomes its first member as owner.
            shared_skill_names: skills every agent of the team has.
            webhook_secret: kept encrypted; needs MNEMON_SECRET_KEY.
            conversation_retention_days: days a closed conversation is kept.

        Raises:
            Conflict: the slug is taken.
            NotFound: the organisation has not the owner.
            Unavailable: a webhook's secret is given and there is no key to encrypt it with.
        """
    @overload
    def create(self, request: TeamCreate, /) -> Team: ...

    @overload
    def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[Team]:
        """List the organisation's teams, in the order they were made.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: PageRequest, /) -> Page[Team]: ...

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        name: str | None = None,
        owner_id: UUID | str | None = None,
        settings: Mapping[str, Any] | None = None,
        shared_skill_names: Sequence[str] | None = None,
        webhook_url: str | None = None,
        webhook_secret: SecretStr | str | None = None,
        conversation_retention_days: int | None = None,
    ) -> Team:
        """Change a team.

        Raises:
            NotFound: the organisation has no such team, or not the owner.
            Conflict: the team has another version than the one expected.
        """
    @overload
    def update(self, request: TeamUpdate, /) -> Team: ...

    @overload
    def delete(self, team_id: UUID | str) -> None:
        """Remove a team, softly.

        Raises:
            NotFound: the organisation has no such team.
        """
    @overload
    def delete(self, request: TeamRef, /) -> None: ...

    @overload
    def add_member(
        self,
        team_id: UUID | str,
        *,
        user_id: UUID | str,
        role: IdentityUserRole | str = ...,
    ) -> TeamMembership:
        """Make a person a member of a team; who is one already has the new role.

        Raises:
            NotFound: the organisation has not the team or the person.
        """
    @overload
    def add_member(self, request: TeamMember, /) -> TeamMembership: ...

    @overload
    def remove_member(self, team_id: UUID | str, *, user_id: UUID | str, role: IdentityUserRole | str = ...) -> None:
        """Take a person out of a team.

        Raises:
            NotFound: they are not in it.
        """
    @overload
    def remove_member(self, request: TeamMember, /) -> None: ...

    @overload
    def members(self, team_id: UUID | str, *, limit: int = 100, cursor: str | None = None) -> Page[TeamMembership]:
        """List who is in a team, in the order they joined.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def members(self, request: ListTeamMembers, /) -> Page[TeamMembership]: ...

class Roles(Namespace):
    """Roles, the permissions they give, and who has them."""

    @overload
    def create(
        self,
        name: str,
        *,
        description: str | None = None,
        parent: str | None = None,
        permissions: Sequence[str] = (),
    ) -> Role:
        """Make a role.

        Args:
            parent: name of the role whose permissions it has as well.
            permissions: its own, `resource:action` of the catalogue.

        Raises:
            Conflict: the name is taken.
            NotFound: there is no role of the parent's name.
            Invalid: a permission is none there is.
            Forbidden: the role would have what the principal has not.
        """
    @overload
    def create(self, request: RoleCreate, /) -> Role: ...

    @overload
    def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[Role]:
        """List the organisation's roles with their own permissions, by name; the system's four among them.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: PageRequest, /) -> Page[Role]: ...

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        expected_version: int | None = None,
        name: str | None = None,
        description: str | None = None,
        parent: Literal[""] | str | None = None,
    ) -> Role:
        """Change a role's name, description or parent.

        Args:
            parent: name of the new parent; an empty string: none from now on.

        Raises:
            NotFound: there is no such role, or no role of the parent's name.
            Conflict: it has another version than the one expected, the name is taken, or it is the system's own.
            Invalid: it would inherit from itself (`invalid.role_cycle`).
        """
    @overload
    def update(self, request: RoleUpdate, /) -> Role: ...

    @overload
    def delete(self, role: str) -> None:
        """Remove a role, softly: who had it, and the roles that inherit from it, have its permissions no more.

        Raises:
            NotFound: there is no role of that name.
            Conflict: it is the system's own.
        """
    @overload
    def delete(self, request: RoleRef, /) -> None: ...

    @overload
    def grant(self, role: str, *, permissions: Sequence[str]) -> Role:
        """Give permissions to a role.

        Raises:
            NotFound: there is no role of that name.
            Invalid: a permission is none there is.
            Forbidden: one of them is not the principal's to give.
            Conflict: the role is the system's own.
        """
    @overload
    def grant(self, request: RoleGrant, /) -> Role: ...

    @overload
    def revoke(self, role: str, *, permissions: Sequence[str]) -> Role:
        """Take permissions from a role; those it has not are no error.

        Raises:
            NotFound: there is no role of that name.
            Conflict: the role is the system's own.
        """
    @overload
    def revoke(self, request: RoleGrant, /) -> Role: ...

    @overload
    def permissions(self, *, limit: int = 100, cursor: str | None = None) -> Page[str]:
        """List the names of all permissions there are, in their order.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def permissions(self, request: PageRequest, /) -> Page[str]: ...

    @overload
    def assign(self, user_id: UUID | str, *, role: str, expires_at: datetime | date | str | None = None) -> UserRole:
        """Give a role to a person, until a moment or for good; the same role again has the new end.

        Raises:
            NotFound: the organisation has not the person, or no role of that name.
            Forbidden: the role, or the person, has what the principal has not.
            Conflict: the only owner would be one until a moment.
        """
    @overload
    def assign(self, request: RoleAssign, /) -> UserRole: ...

    @overload
    def unassign(self, user_id: UUID | str, *, role: str, expires_at: datetime | date | str | None = None) -> None:
        """Take a role from a person.

        Raises:
            NotFound: there is no role of that name, or the person has it not.
            Forbidden: the role, or the person, has what the principal has not.
            Conflict: it is the only owner's.
        """
    @overload
    def unassign(self, request: RoleAssign, /) -> None: ...

class Keys(Namespace):
    """API keys."""

    @overload
    def create(
        self,
        name: str,
        *,
        user_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
        scopes: Sequence[str] = (),
        expires_at: datetime | date | str | None = None,
    ) -> NewApiKey:
        """Make a key; it is returned once, and only its hash is kept.

        Args:
            scopes: permissions it may use, of those its owner has; `*` for all of them, empty for none.

        Raises:
            NotFound: the organisation has not the person or the agent.
            Invalid: a scope is no permission there is, or the key would have expired already.
            Forbidden: the principal may not make keys for that owner, or has not what the key would have.
        """
    @overload
    def create(self, request: ApiKeyCreate, /) -> NewApiKey: ...

    @overload
    def list(self, *, limit: int = 100, cursor: str | None = None, user_id: UUID | str | None = None) -> Page[ApiKey]:
        """List the organisation's keys, or a person's, the newest first; without the keys themselves.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: ListApiKeys, /) -> Page[ApiKey]: ...

    @overload
    def revoke(self, api_key_id: UUID | str) -> ApiKey:
        """End a key; one that has ended stays as it is.

        Raises:
            NotFound: the organisation has no such key.
        """
    @overload
    def revoke(self, request: ApiKeyRef, /) -> ApiKey: ...

    @overload
    def authenticate(self, token: SecretStr | str) -> Authenticated:
        """Find out whom a key belongs to and what it may do now, and note, to the minute, that it was used.

        Raises:
            Unauthenticated: it is no key, it was revoked, or it has expired.
        """
    @overload
    def authenticate(self, request: Token, /) -> Authenticated: ...

class Sessions(Namespace):
    """Where people are signed in. A trusted process begins sessions, after it has checked who it is."""

    @overload
    def verify_password(
        self,
        email: str,
        *,
        password: SecretStr | str,
        ip_address: IPv4Address | IPv6Address | str | None = None,
    ) -> KnownUser:
        """Find out whose e-mail address and password these are, in whatever organisation.

        It takes as long for an address that nobody has, and says no more: neither time nor words tell who has an account.

        Args:
            ip_address: where they come from, as the door sees it; attempts are counted by it too.

        Raises:
            Unauthenticated: no active person has this address and this password; or too many were tried
                (`unauthenticated.password_locked`, with `retry_after` in seconds).
        """
    @overload
    def verify_password(self, request: PasswordCheck, /) -> KnownUser: ...

    @overload
    def start(
        self,
        user_id: UUID | str,
        *,
        ip_address: IPv4Address | IPv6Address | str | None = None,
        user_agent: str | None = None,
        access_minutes: int = 60,
        refresh_days: int = 30,
    ) -> SessionTokens:
        """Sign a person in; for a trusted process, after it has checked password and second factor.

        Args:
            access_minutes: how long the access token lasts.
            refresh_days: how long the session can be prolonged without signing in again.

        Raises:
            NotFound: the organisation has no such person, or they are not active.
            Forbidden: the principal is not a trusted process.
        """
    @overload
    def start(self, request: SessionStart, /) -> SessionTokens: ...

    @overload
    def sign_in(
        self,
        email: str,
        *,
        password: SecretStr | str,
        ip_address: IPv4Address | IPv6Address | str | None = None,
        user_agent: str | None = None,
    ) -> SignedIn:
        """Begin a session for whose e-mail address and password these are, or ask for their second factor.

        Args:
            ip_address: where they come from, as the door sees it; attempts are counted by it too.

        Raises:
            Unauthenticated: no active person has this address and this password, or too many were tried.
        """
    @overload
    def sign_in(self, request: SignIn, /) -> SignedIn: ...

    @overload
    def sign_in_trusted(
        self,
        email: str,
        *,
        ip_address: IPv4Address | IPv6Address | str | None = None,
        user_agent: str | None = None,
    ) -> SessionTokens:
        """Begin a session for whom a trusted provider says it is; for a process that has checked the provider's word.

        Args:
            email: an address that the provider has verified.

        Raises:
            Unauthenticated: no active person has this address.
            Forbidden: the principal is not a trusted process.
        """
    @overload
    def sign_in_trusted(self, request: TrustedIdentity, /) -> SessionTokens: ...

    @overload
    def finish(
        self,
        challenge: SecretStr | str,
        *,
        code: str,
        ip_address: IPv4Address | IPv6Address | str | None = None,
        user_agent: str | None = None,
    ) -> SessionTokens:
        """Begin the session that a challenge was for, if the code is right.

        Raises:
            Unauthenticated: the challenge or the code is not right, or too many codes were tried.
        """
    @overload
    def finish(self, request: SecondFactor, /) -> SessionTokens: ...

    @overload
    def send_code(
        self,
        challenge: SecretStr | str,
        *,
        ip_address: IPv4Address | IPv6Address | str | None = None,
    ) -> None:
        """Send the code that a challenge asks for to the person's phone.

        Raises:
            Unauthenticated: the challenge is not right, or too many codes were asked for.
            Invalid: the person has no phone in force.
            Unavailable: nothing is set to send it with, or it could not be sent.
        """
    @overload
    def send_code(self, request: SendCode, /) -> None: ...

    @overload
    def refresh(self, token: SecretStr | str, *, access_minutes: int = 60, refresh_days: int = 30) -> SessionTokens:
        """Exchange a refresh token for new tokens; the ones before are worth nothing from then on.

        A refresh token that was exchanged already and comes again, however long ago that was, is a stolen copy, of one side
        or the other: the session ends for both. There is no time of grace, in which a thief would be served too: a client
        exchanges its token in one place at a time, and signs in again where the answer was lost.

        Raises:
            Unauthenticated: it is no refresh token, its session has ended, it has expired, or it was exchanged already.
        """
    @overload
    def refresh(self, request: SessionRefresh, /) -> SessionTokens: ...

    @overload
    def find(self, token: SecretStr | str) -> Authenticated:
        """Find out whom an access token belongs to, and what they may do now.

        Raises:
            Unauthenticated: it is no token, its session has ended, or it has expired.
        """
    @overload
    def find(self, request: Token, /) -> Authenticated: ...

    @overload
    def list(self, user_id: UUID | str, *, limit: int = 100, cursor: str | None = None) -> Page[Session]:
        """List where a person is or was signed in, the newest first.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: ListOfUser, /) -> Page[Session]: ...

    @overload
    def revoke(self, session_id: UUID | str) -> None:
        """End a session; one that has ended stays as it is.

        Raises:
            NotFound: the organisation has no such session.
        """
    @overload
    def revoke(self, request: SessionRef, /) -> None: ...

    @overload
    def revoke_all(self, user_id: UUID | str) -> int:
        """Sign a person out everywhere, and say how many sessions ended."""
    @overload
    def revoke_all(self, request: UserRef, /) -> int: ...

class Factors(Namespace):
    """Second factors of people."""

    @overload
    def enrol_totp(self, user_id: UUID | str, *, name: str = "authenticator") -> TotpEnrolment:
        """Set up an authenticator app (REQ-T130); the secret is shown here and never again.

        The device counts once :func:`verify_totp` has seen a code of it.

        Raises:
            NotFound: the organisation has no such person.
            Conflict: a device of that name is in force.
            Unavailable: there is no key to encrypt the secret with.
        """
    @overload
    def enrol_totp(self, request: TotpEnrol, /) -> TotpEnrolment: ...

    @overload
    def enrol_sms(self, user_id: UUID | str, *, phone_number: str, name: str = "phone") -> MfaDevice:
        """Set up a phone that codes are sent to (REQ-T130), and send a first one, which :func:`verify_totp` takes.

        Raises:
            NotFound: the organisation has no such person.
            Conflict: a device of that name is in force.
            Unavailable: there is no key to encrypt with, or nothing to send with.
        """
    @overload
    def enrol_sms(self, request: SmsEnrol, /) -> MfaDevice: ...

    @overload
    def make_recovery_codes(self, user_id: UUID | str) -> RecoveryCodes:
        """Give a person ten recovery codes, in place of those they had; they are shown here and never again.

        Raises:
            NotFound: the organisation has no such person.
            Forbidden: somebody else's, and the principal has not `users:write` and all that the person may do.
        """
    @overload
    def make_recovery_codes(self, request: UserRef, /) -> RecoveryCodes: ...

    @overload
    def verify_totp(
        self,
        user_id: UUID | str,
        *,
        code: str,
        ip_address: IPv4Address | IPv6Address | str | None = None,
    ) -> MfaVerified:
        """Check a code off a person's app, or one that was sent to their phone; each code is accepted once.

        Args:
            ip_address: where it comes from, as the door sees it; attempts are counted by it too.

        Raises:
            Unauthenticated: it is no code of now, or it was used before; or too many wrong ones were tried, at whatever
                device, or too many passwords (`unauthenticated.mfa_locked`, with `retry_after` in seconds).
            Forbidden: somebody else's, and the principal has not `users:write` and all that the person may do.
        """
    @overload
    def verify_totp(self, request: TotpCheck, /) -> MfaVerified: ...

    @overload
    def list(self, user_id: UUID | str, *, limit: int = 100, cursor: str | None = None) -> Page[MfaDevice]:
        """List a person's second factors by name, without their secrets.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: ListOfUser, /) -> Page[MfaDevice]: ...

    @overload
    def remove(self, device_id: UUID | str) -> None:
        """Take a second factor out of force; without one left, none is asked for.

        Raises:
            NotFound: the organisation has no such device.
        """
    @overload
    def remove(self, request: MfaDeviceRef, /) -> None: ...

class Devices(Namespace):
    """Devices that take push notifications."""

    @overload
    def register(
        self,
        user_id: UUID | str,
        *,
        device_token: str,
        platform: DevicePlatform | str,
        device_name: str | None = None,
    ) -> Device:
        """Register a device for push notifications; the same device again is the same row, active.

        Raises:
            NotFound: the organisation has no such person.
        """
    @overload
    def register(self, request: DeviceRegister, /) -> Device: ...

    @overload
    def list(self, user_id: UUID | str, *, limit: int = 100, cursor: str | None = None) -> Page[Device]:
        """List a person's devices, in the order they were registered, inactive ones too.

        Who has a device's token can write to it: reading another's needs what changing them needs.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: ListOfUser, /) -> Page[Device]: ...

    @overload
    def deactivate(self, device_id: UUID | str) -> Device:
        """Stop push notifications to a device.

        Raises:
            NotFound: the organisation has no such device.
        """
    @overload
    def deactivate(self, request: DeviceRef, /) -> Device: ...

class Tokens(Namespace):
    """People's tokens of other services, kept encrypted."""

    @overload
    def store(
        self,
        user_id: UUID | str,
        *,
        provider: str,
        access_token: SecretStr | str,
        refresh_token: SecretStr | str | None = None,
        provider_user_id: str | None = None,
        token_type: str = "Bearer",
        scopes: Sequence[str] = (),
        expires_at: datetime | date | str | None = None,
    ) -> OAuthToken:
        """Keep a person's tokens of another service, encrypted (REQ-T129), in place of those before.

        Raises:
            Forbidden: it is neither the person nor the organisation's own process.
            NotFound: the organisation has no such person.
            Unavailable: there is no key to encrypt them with.
        """
    @overload
    def store(self, request: OAuthTokenStore, /) -> OAuthToken: ...

    @overload
    def read(self, user_id: UUID | str, *, provider: str) -> OAuthToken:
        """Read a person's tokens of another service.

        Raises:
            Forbidden: it is neither the person nor the organisation's own process.
            NotFound: there are none.
            Unavailable: the key they were encrypted with is not there.
        """
    @overload
    def read(self, request: OAuthTokenRef, /) -> OAuthToken: ...

class Integrations(Namespace):
    """Connections to other services: mail, appointments and files that are brought from there."""

    @overload
    def connect(
        self,
        provider: Literal["google", "microsoft", "slack", "notion"],
        *,
        access_token: SecretStr | str,
        user_id: UUID | str | None = None,
        refresh_token: SecretStr | str | None = None,
        expires_at: datetime | date | str | None = None,
        scopes: Sequence[str] = (),
        provider_user_id: str | None = None,
        provider_email: str | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> Integration:
        """Keep a connection that a person granted; granted again, it replaces the tokens and keeps the id and the cursor.

        Args:
            access_token: encrypted before they are stored, never given out by a read.
            refresh_token: encrypted before they are stored, never given out by a read.
            expires_at: when the access token ends.
            scopes: what was granted.

        Raises:
            NotFound: the person is not one of this organisation.
            Unavailable: there is no key to encrypt the tokens with.
        """
    @overload
    def connect(self, request: Connect, /) -> Integration: ...

    def get(self, integration_id: UUID | str) -> Integration:
        """Read a connection, without its tokens.

        Raises:
            NotFound: there is none, or it is not this principal's to see.
        """

    @overload
    def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        provider: Literal["google", "microsoft", "slack", "notion"] | None = None,
        status: Sequence[Literal["pending", "active", "expired", "error", "disconnected"]] = (),
    ) -> Page[Integration]:
        """List connections, in the order they were made.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: ListIntegrations, /) -> Page[Integration]: ...

    def disconnect(self, integration_id: UUID | str) -> Integration:
        """End a connection: its tokens are deleted at once; what was synchronised stays.

        Raises:
            NotFound: there is no such connection, or it is not this principal's.
        """

    def tokens(self, integration_id: UUID | str) -> IntegrationsTokens:
        """Read a connection's tokens, decrypted, for the one who talks to the provider.

        Raises:
            NotFound: there is none, or it is not this principal's.
            Conflict: it was disconnected, or never had a token.
        """

    @overload
    def refresh_tokens(
        self,
        id: UUID | str,
        *,
        access_token: SecretStr | str,
        refresh_token: SecretStr | str | None = None,
        expires_at: datetime | date | str | None = None,
        expected_version: int | None = None,
    ) -> Integration:
        """Store new tokens; without a refresh token the old one stays.

        Raises:
            NotFound: there is no such connection, or it is not this principal's.
            Conflict: another refresh came first, or it was disconnected.
        """
    @overload
    def refresh_tokens(self, request: RefreshTokens, /) -> Integration: ...

    @overload
    def report_failure(self, id: UUID | str, *, status: Literal["expired", "error"], error: str) -> Integration:
        """Note that a connection does not work, and why.

        Raises:
            NotFound: there is no such connection, or it is not this principal's.
            Conflict: it was disconnected.
        """
    @overload
    def report_failure(self, request: ReportFailure, /) -> Integration: ...

    @overload
    def save_cursor(self, id: UUID | str, *, cursor: str | None, expected_version: int | None = None) -> Integration:
        """Note where the next synchronisation goes on.

        Raises:
            NotFound: there is no such connection, or it is not this principal's.
            Conflict: another synchronisation came first; `data` has both versions.
        """
    @overload
    def save_cursor(self, request: SaveCursor, /) -> Integration: ...

    @overload
    def sync_mail(
        self,
        integration_id: UUID | str,
        *,
        removed: Sequence[str] = (),
        cursor: str | None = None,
        items: Sequence[Mail | Mapping[str, Any]] = (),
    ) -> Synced:
        """Bring mail of a Google connection: new, changed and removed, with the cursor, in one transaction.

        Args:
            integration_id: the connection it came through.
            removed: ids that the provider has no more.
            cursor: where the next one goes on; None leaves it.

        Raises:
            NotFound: there is no such connection, or it is not this principal's.
            Invalid: the connection's provider has no Gmail.
            Conflict: the connection was ended.
        """
    @overload
    def sync_mail(self, request: SyncMail, /) -> Synced: ...

    @overload
    def search_mail(
        self,
        query: str,
        *,
        user_id: UUID | str | None = None,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
        k: int = 20,
    ) -> tuple[FoundMail, ...]:
        """Find a person's mail that has the words of a query, best first, then newest.

        Args:
            query: words; "in quotes" a phrase, `or` and `-word` as web searches have them.
            since: when it was received; since is included, until is not.
            until: when it was received; since is included, until is not.
        """
    @overload
    def search_mail(self, request: SearchMail, /) -> tuple[FoundMail, ...]: ...

    @overload
    def sync_events(
        self,
        integration_id: UUID | str,
        *,
        removed: Sequence[str] = (),
        cursor: str | None = None,
        items: Sequence[CalendarEvent | Mapping[str, Any]] = (),
    ) -> Synced:
        """Bring appointments; as :func:`sync_mail`.

        Args:
            integration_id: the connection it came through.
            removed: ids that the provider has no more.
            cursor: where the next one goes on; None leaves it.
        """
    @overload
    def sync_events(self, request: SyncEvents, /) -> Synced: ...

    @overload
    def events(
        self,
        since: datetime | date | str,
        *,
        until: datetime | date | str,
        limit: int = 200,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
    ) -> Page[StoredEvent]:
        """List a person's appointments that touch a stretch of time, in order.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def events(self, request: ListEvents, /) -> Page[StoredEvent]: ...

    @overload
    def sync_files(
        self,
        integration_id: UUID | str,
        *,
        removed: Sequence[str] = (),
        cursor: str | None = None,
        items: Sequence[File | Mapping[str, Any]] = (),
    ) -> Synced:
        """Bring files; as :func:`sync_mail`.

        Args:
            integration_id: the connection it came through.
            removed: ids that the provider has no more.
            cursor: where the next one goes on; None leaves it.
        """
    @overload
    def sync_files(self, request: SyncFiles, /) -> Synced: ...

    @overload
    def files(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        user_id: UUID | str | None = None,
        name: str | None = None,
    ) -> Page[StoredFile]:
        """List a person's files, the last changed first, those of which that is not known last.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def files(self, request: ListFiles, /) -> Page[StoredFile]: ...

class Webhooks(Namespace):
    """Addresses that are told of events, and what was delivered to them."""

    @overload
    def register(self, url: str, *, description: str | None = None, events: Sequence[str] = ()) -> NewSecret:
        """Keep an address that wants to be told, with a fresh secret, which is shown this once.

        Args:
            events: dotted names of what it wants; none: everything.

        Raises:
            Unavailable: there is no key to encrypt the secret with.
        """
    @overload
    def register(self, request: RegisterWebhook, /) -> NewSecret: ...

    @overload
    def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[Webhook]:
        """List addresses, in the order they were registered.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: PageRequest, /) -> Page[Webhook]: ...

    @overload
    def update(
        self,
        id: UUID | str,
        *,
        url: str | None = None,
        description: str | None = None,
        events: Sequence[str] | None = None,
        active: bool | None = None,
        expected_version: int | None = None,
    ) -> Webhook:
        """Change an address; switched off, it is told nothing, and what is under way waits.

        Raises:
            NotFound: there is no such address.
            Conflict: it has another version than the one expected; `data` has both.
        """
    @overload
    def update(self, request: UpdateWebhook, /) -> Webhook: ...

    def delete(self, webhook_id: UUID | str) -> IntegrationsCount:
        """Delete an address softly; nothing more is sent to it.

        Raises:
            NotFound: there is no such address.
        """

    def rotate_secret(self, webhook_id: UUID | str) -> NewSecret:
        """Give an address another secret: deliveries that are claimed from now on are signed with it.

        Raises:
            NotFound: there is no such address.
        """

    @overload
    def deliveries(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        endpoint_id: UUID | str | None = None,
        status: Sequence[Literal["pending", "sending", "delivered", "failed"]] = (),
    ) -> Page[Delivery]:
        """List deliveries, newest first: where each one stands (REQ-T138).

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def deliveries(self, request: ListDeliveries, /) -> Page[Delivery]: ...

    def delivery(self, delivery_id: UUID | str) -> DeliveryWithPayload:
        """Read a delivery with what the address is told and how the last attempt went.

        Raises:
            NotFound: there is no such delivery.
        """

    def replay(self, delivery_id: UUID | str) -> Delivery:
        """Queue a delivery again, under the same id and with all its attempts, whatever became of it.

        Raises:
            NotFound: there is no such delivery, or its address was deleted.
            Conflict: it is on its way, or its address is switched off.
        """

    @overload
    def send(self, *, limit: int = 500) -> Sent:
        """Send what is due to the addresses that want it, signed, and note what became of each.

        Raises:
            Forbidden: it is not the organisation's own process.
        """
    @overload
    def send(self, request: SendDeliveries, /) -> Sent: ...

    @overload
    def enqueue(
        self,
        event: str,
        *,
        payload: Mapping[str, Any],
        idempotency_key: str | None = None,
        max_attempts: int = 8,
    ) -> Enqueued:
        """Let every active address that wants the event be told; one that was told of the same key already is left out.

        Args:
            idempotency_key: the same key is enqueued once for an address.
        """
    @overload
    def enqueue(self, request: EnqueueDelivery, /) -> Enqueued: ...

    @overload
    def claim(self, *, limit: int = 10, lease_seconds: int = 60) -> tuple[Claimed, ...]:
        """Take due deliveries for a while, oldest first; two who take at once get different ones.

        What is not reported before the lease ends may be claimed again: a receiver may be told twice, never not at all.

        Raises:
            Forbidden: it is not the organisation's own process: the addresses' secrets come with them, in plain.
        """
    @overload
    def claim(self, request: ClaimDeliveries, /) -> tuple[Claimed, ...]: ...

    @overload
    def record_attempt(
        self,
        id: UUID | str,
        *,
        attempt: int,
        status_code: int | None = None,
        error: str | None = None,
    ) -> Delivery:
        """Note what became of an attempt: told (2xx), to be tried again later, or failed for good.

        An address that is gone (410), or that took nothing while a delivery lived its whole life, is switched off.

        Raises:
            NotFound: there is no such delivery.
            Conflict: another attempt has begun since, or its outcome is known already.
        """
    @overload
    def record_attempt(self, request: RecordAttempt, /) -> Delivery: ...

    def prune(self) -> IntegrationsCount:
        """Delete deliveries older than thirty days (REQ-T138)."""

class Jobs(Namespace):
    """Background work: what waits, runs and failed."""

    @overload
    def enqueue(
        self,
        kind: str,
        *,
        payload: Mapping[str, Any] = ...,
        queue: str = "default",
        priority: int = 0,
        run_at: datetime | date | str | None = None,
        delay_seconds: float | None = None,
        idempotency_key: str | None = None,
        max_attempts: int = 10,
    ) -> JobsEnqueued:
        """Put a job into the queue, to be run on behalf of whoever asks, with the permissions they have now.

        Args:
            ctx: whose job it is.
            request: what is to be done, and when.
            within: the transaction it is part of, from `database.transaction` or `database.session`: rolled back, the
                job was never there; committed, workers are told. Left out, it is a transaction of its own.

        Raises:
            Forbidden: the principal has not jobs:write.
        """
    @overload
    def enqueue(self, request: Enqueue, /) -> JobsEnqueued: ...

    def get(self, job_id: UUID | str) -> Job:
        """Read where a job stands.

        Raises:
            JobNotFound: there is none in this organisation, or it is somebody else's.
        """

    @overload
    def list(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        status: JobStatus | str | None = None,
        kind: str | None = None,
        queue: str | None = None,
        before: datetime | date | str | None = None,
    ) -> Page[Job]:
        """List the principal's own jobs and the organisation's, newest first; `status=dead` are the dead letters.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: ListJobs, /) -> Page[Job]: ...

    def cancel(self, job_id: UUID | str) -> Cancelled:
        """Cancel a job: at once while it is queued; where it runs, its worker is told and stops it soon.

        What it has already committed stays, and a job that ends before it hears of it has succeeded.

        Raises:
            JobNotFound: there is none in this organisation.
            JobState: it is over.
        """

    def retry(self, job_id: UUID | str) -> Job:
        """Queue a dead or cancelled job again, now, with all its attempts.

        Raises:
            JobNotFound: there is none in this organisation.
            JobState: it is neither dead nor cancelled.
            Conflict: another job has its idempotency key by now.
        """

class Schedules(Namespace):
    """Background work that comes again."""

    @overload
    def set(
        self,
        name: str,
        *,
        kind: str,
        payload: Mapping[str, Any] = ...,
        queue: str = "default",
        priority: int = 0,
        max_attempts: int = 10,
        every_seconds: int | None = None,
        daily_at: time | str | None = None,
        enabled: bool = True,
        first_run_at: datetime | date | str | None = None,
    ) -> bool:
        """Make a schedule, or change the one of that name.

        Its jobs run on behalf of whoever set it, with the permissions they have now.

        Args:
            ctx: whose schedule it is.
            request: what, and how often.
            replace: False leaves one that is there as it is.

        Returns:
            True if it was made or changed.

        Raises:
            Conflict: somebody else has a schedule of that name.
        """
    @overload
    def set(self, request: SetSchedule, /) -> bool: ...

    @overload
    def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[Schedule]:
        """List the principal's own schedules and the organisation's, by name.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
        """
    @overload
    def list(self, request: PageRequest, /) -> Page[Schedule]: ...

    def remove(self, name: str) -> None:
        """Remove a schedule; jobs that it enqueued stay.

        Raises:
            NotFound: there is none of that name.
        """

class Audit(Namespace):
    """The audit trail: who did what, sealed against changes."""

    @overload
    def trail(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        action: str | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
        user_id: UUID | str | None = None,
        agent_id: UUID | str | None = None,
        status: AuditStatus | str | None = None,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
    ) -> Page[AuditEntry]:
        """List entries of the organisation's trail, newest first; what is private to others is not told with them.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            since: at or after this time.
            until: before this time.
        """
    @overload
    def trail(self, request: AuditQuery, /) -> Page[AuditEntry]: ...

    @overload
    def record(
        self,
        action: str,
        *,
        resource_type: str | None = None,
        resource_id: str | None = None,
        status: AuditStatus | str = ...,
        error_message: str | None = None,
        user_id: UUID | str | None = None,
        metadata: Mapping[str, Any] = ...,
        ip_address: IPvAnyAddress | str | None = None,
        user_agent: str | None = None,
        session_id: UUID | str | None = None,
    ) -> Audited:
        """Add to the trail what no row change tells: a sign-in, a refused access.

        Args:
            action: `resource:verb`, such as `sessions:create`.
            user_id: whom it is about, where nobody is signed in yet; otherwise the principal counts.
            metadata: what else should be known; secrets are taken out by the names of their keys.
        """
    @overload
    def record(self, request: AuditEvent, /) -> Audited: ...

    @overload
    def seal(self, *, block_size: int = 1000) -> Sealed:
        """Seal the organisation's trail as far as transactions have ended; any number may call it, at any time.

        Writers never wait for it. What a running transaction wrote is sealed by a later call. After a restore from a
        logical dump, call it once before the application writes again. Each block is signed with a key of the installation,
        and the newest is written down outside.

        Raises:
            Unavailable: the anchor could not be written down; what is sealed is sealed.
        """
    @overload
    def seal(self, request: SealAudit, /) -> Sealed: ...

    @overload
    def verify(self, *, anchor: AuditAnchor | Mapping[str, Any] | None = None) -> AuditVerification:
        """Verify the organisation's trail by its chain, the chain's signatures and the anchors that were written down.

        Who can rewrite rows and blocks alike has not the key that blocks are signed with. Who cuts blocks off, or brings
        back an older state of the tables, is found by the anchors: those of this machine, and one that the caller has, such
        as the `head` of an earlier verification.
        """
    @overload
    def verify(self, request: VerifyAudit, /) -> AuditVerification: ...

class Metrics(Namespace):
    """Measurements and their rollups."""

    @overload
    def ingest(self, metrics: Sequence[AgentMetric | Mapping[str, Any] | SystemMetric]) -> Ingested:
        """Write measurements, all or none; a few thousand at a time are cheapest.

        Each statement also adds up what it wrote, by series and hour, for the rollups. For a stream of single
        measurements use :class:`mnemon.operations.service.MetricWriter`.

        Raises:
            NotFound: an agent does not exist in this organisation; nothing was written.
        """
    @overload
    def ingest(self, request: IngestMetrics, /) -> Ingested: ...

    def roll_up(self) -> RolledUp:
        """Add what was measured since the last time to the organisation's hourly and daily rollups.

        Each measurement is added exactly once, however often and by however many this is called, whenever it was made,
        and whether its raw row still exists or not.
        """

    @overload
    def rollups(
        self,
        source: MetricSource | str,
        *,
        limit: int = 1000,
        cursor: str | None = None,
        interval: MetricInterval | str = ...,
        subject: str | None = None,
        metric_type: str | None = None,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
    ) -> Page[Rollup]:
        """List hourly or daily rollups of a stretch of time, oldest first.

        Args:
            limit: rows of the page at most, 1 to 1,000.
            cursor: `next_cursor` of the page before; None for the first page. The conditions stay the same.
            subject: the id of an agent, an item of knowledge or a pattern as text, or a component.
        """
    @overload
    def rollups(self, request: RollupQuery, /) -> Page[Rollup]: ...

    @overload
    def dashboard(
        self,
        *,
        source: MetricSource | str | None = None,
        subject: str | None = None,
        metric_type: str | None = None,
        refresh: bool = False,
        limit: int = 1000,
    ) -> Dashboard:
        """Read the organisation's series over the last hour, day and week.

        As of the last refresh for everybody, which a worker does on schedule; with `refresh` the organisation's own are
        added up now, and nobody else's.

        Args:
            refresh: add the organisation's own up now; otherwise it is as of the last refresh for everybody.
        """
    @overload
    def dashboard(self, request: DashboardQuery, /) -> Dashboard: ...

class Logs(Namespace):
    """Requests and errors of your own processes, and what they add up to."""

    @overload
    def log_request(
        self,
        method: str,
        *,
        route: str,
        status_code: int,
        duration_ms: float,
        request_bytes: int | None = None,
        response_bytes: int | None = None,
        api_key_id: UUID | str | None = None,
        ip_address: IPvAnyAddress | str | None = None,
        user_agent: str | None = None,
        request_id: str | None = None,
        error_code: str | None = None,
        timestamp: datetime | date | str | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> Logged:
        """Log a request on behalf of the principal.

        Args:
            route: the route's template, not the path: no ids, no secrets.
            duration_ms: milliseconds until the last byte.
        """
    @overload
    def log_request(self, request: RequestReport, /) -> Logged: ...

    @overload
    def log_error(
        self,
        kind: str,
        *,
        code: str,
        message: str,
        level: ErrorLevel | str = ...,
        stack_trace: str | None = None,
        component: str | None = None,
        request_id: str | None = None,
        timestamp: datetime | date | str | None = None,
        metadata: Mapping[str, Any] = ...,
    ) -> Logged:
        """Log an error on behalf of the principal.

        Args:
            kind: invalid, conflict, unavailable, internal, ...
            code: the stable, dotted code.
            stack_trace: where it happened; no values of rows, no secrets.
            component: api, worker, or the verb.
        """
    @overload
    def log_error(self, request: ErrorReport, /) -> Logged: ...

    @overload
    def requests(
        self,
        *,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
        limit: int = 100,
    ) -> RequestStatistics:
        """Count the organisation's requests of a stretch of time by route, those that failed, and how long they took."""
    @overload
    def requests(self, request: Period, /) -> RequestStatistics: ...

    @overload
    def errors(
        self,
        *,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
        limit: int = 100,
    ) -> ErrorGroups:
        """Count the organisation's errors of a stretch of time by kind, code and level, the most frequent first."""
    @overload
    def errors(self, request: Period, /) -> ErrorGroups: ...

class AsyncNamespaces:
    """What a memory has of namespaces, for code that awaits."""

    @property
    def facts(self) -> AsyncFacts:
        """What is true of whom, and from when until when."""

    @property
    def conversations(self) -> AsyncConversations:
        """Conversations: their titles, whose they are, what was said in them."""

    @property
    def graph(self) -> AsyncGraph:
        """Entities, where they are mentioned, and how they relate."""

    @property
    def knowledge(self) -> AsyncKnowledge:
        """What agents know, pass on and use."""

    @property
    def patterns(self) -> AsyncPatterns:
        """Patterns that agents learnt, and how well they do."""

    @property
    def learning(self) -> AsyncLearning:
        """Stretches of learning: what an agent set out to learn and what came of it."""

    @property
    def workflows(self) -> AsyncWorkflows:
        """Workflows and their runs."""

    @property
    def tasks(self) -> AsyncTasks:
        """Tasks with due dates, reminders and recurrence."""

    @property
    def documents(self) -> AsyncDocuments:
        """Documents, and which memories they were written from."""

    @property
    def assets(self) -> AsyncAssets:
        """Files, whose bytes are sealed in an object store."""

    @property
    def templates(self) -> AsyncTemplates:
        """Templates of documents."""

    @property
    def notifications(self) -> AsyncNotifications:
        """What people are told, and whether they have read it."""

    @property
    def agents(self) -> AsyncAgents:
        """Agents: who they are, what they can do, and snapshots of their state."""

    @property
    def people(self) -> AsyncPeople:
        """People, what they prefer and what they may do."""

    @property
    def teams(self) -> AsyncTeams:
        """Teams and their members."""

    @property
    def roles(self) -> AsyncRoles:
        """Roles, the permissions they give, and who has them."""

    @property
    def keys(self) -> AsyncKeys:
        """API keys."""

    @property
    def sessions(self) -> AsyncSessions:
        """Where people are signed in. A trusted process begins sessions, after it has checked who it is."""

    @property
    def factors(self) -> AsyncFactors:
        """Second factors of people."""

    @property
    def devices(self) -> AsyncDevices:
        """Devices that take push notifications."""

    @property
    def tokens(self) -> AsyncTokens:
        """People's tokens of other services, kept encrypted."""

    @property
    def integrations(self) -> AsyncIntegrations:
        """Connections to other services: mail, appointments and files that are brought from there."""

    @property
    def webhooks(self) -> AsyncWebhooks:
        """Addresses that are told of events, and what was delivered to them."""

    @property
    def jobs(self) -> AsyncJobs:
        """Background work: what waits, runs and failed."""

    @property
    def schedules(self) -> AsyncSchedules:
        """Background work that comes again."""

    @property
    def audit(self) -> AsyncAudit:
        """The audit trail: who did what, sealed against changes."""

    @property
    def metrics(self) -> AsyncMetrics:
        """Measurements and their rollups."""

    @property
    def logs(self) -> AsyncLogs:
        """Requests and errors of your own processes, and what they add up to."""

class Namespaces:
    """What a memory has of namespaces, for code that does not await."""

    @property
    def facts(self) -> Facts:
        """What is true of whom, and from when until when."""

    @property
    def conversations(self) -> Conversations:
        """Conversations: their titles, whose they are, what was said in them."""

    @property
    def graph(self) -> Graph:
        """Entities, where they are mentioned, and how they relate."""

    @property
    def knowledge(self) -> Knowledge:
        """What agents know, pass on and use."""

    @property
    def patterns(self) -> Patterns:
        """Patterns that agents learnt, and how well they do."""

    @property
    def learning(self) -> Learning:
        """Stretches of learning: what an agent set out to learn and what came of it."""

    @property
    def workflows(self) -> Workflows:
        """Workflows and their runs."""

    @property
    def tasks(self) -> Tasks:
        """Tasks with due dates, reminders and recurrence."""

    @property
    def documents(self) -> Documents:
        """Documents, and which memories they were written from."""

    @property
    def assets(self) -> Assets:
        """Files, whose bytes are sealed in an object store."""

    @property
    def templates(self) -> Templates:
        """Templates of documents."""

    @property
    def notifications(self) -> Notifications:
        """What people are told, and whether they have read it."""

    @property
    def agents(self) -> Agents:
        """Agents: who they are, what they can do, and snapshots of their state."""

    @property
    def people(self) -> People:
        """People, what they prefer and what they may do."""

    @property
    def teams(self) -> Teams:
        """Teams and their members."""

    @property
    def roles(self) -> Roles:
        """Roles, the permissions they give, and who has them."""

    @property
    def keys(self) -> Keys:
        """API keys."""

    @property
    def sessions(self) -> Sessions:
        """Where people are signed in. A trusted process begins sessions, after it has checked who it is."""

    @property
    def factors(self) -> Factors:
        """Second factors of people."""

    @property
    def devices(self) -> Devices:
        """Devices that take push notifications."""

    @property
    def tokens(self) -> Tokens:
        """People's tokens of other services, kept encrypted."""

    @property
    def integrations(self) -> Integrations:
        """Connections to other services: mail, appointments and files that are brought from there."""

    @property
    def webhooks(self) -> Webhooks:
        """Addresses that are told of events, and what was delivered to them."""

    @property
    def jobs(self) -> Jobs:
        """Background work: what waits, runs and failed."""

    @property
    def schedules(self) -> Schedules:
        """Background work that comes again."""

    @property
    def audit(self) -> Audit:
        """The audit trail: who did what, sealed against changes."""

    @property
    def metrics(self) -> Metrics:
        """Measurements and their rollups."""

    @property
    def logs(self) -> Logs:
        """Requests and errors of your own processes, and what they add up to."""
