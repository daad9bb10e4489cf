"""What goes into conversations and what comes out: the same for every door."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from mnemon.conversations.models import ConversationStatus, MessageRole
from mnemon.core.changes import changes
from mnemon.core.pages import Limit, PageRequest
from mnemon.core.text import (
    Content,
    Json,
    JsonObject,
    Key,
    Label,
    Label50,
    Label100,
    Label500,
    LongContent,
    Moment,
    Schema,
    Tags,
    check_characters,
)

ConversationType = Literal["direct", "group", "ai_chat"]
#: What something is written in, by its ISO 639 code.
Language = Annotated[str, Field(pattern="^[a-z]{2,3}$")]
Text = Annotated[str, Field(max_length=50_000), AfterValidator(check_characters)]


class NewMessage(Schema):
    """Something said, to be remembered as an episode.

    People, agents and conversations are named by the caller's own strings and made on first use.

    Attributes:
        content: what was said; 1 to 50,000 characters, or in parts up to 4,194,304.
        conversation: the conversation it belongs to.
        role: user, assistant, system or tool.
        speaker: who said it, by name: a name alone, of nobody who may see or find anything by it, unless it is the
            ``user`` (or, of an answer, the ``agent``) named here. Without it, ``user`` or ``agent`` is the speaker.
        sender: the user who said it, where the speaker is one of the organisation's users; it takes part in the
            conversation then.
        user: whose memory it is.
        agent: the agent that takes part.
        team: slug of the team that shares it.
        at: when it was said; now, if not given.
        session: the source's own name for the stretch of talk; without it, a pause of half an hour begins a new one.
        language: what it is written in, as an ISO 639 code such as ``de``; found out, if not given.
        source: where it came from.
        source_id: its id there; the same source and id is stored once, however often it is remembered.
    """

    content: LongContent
    conversation: Label = "default"
    conversation_title: Label | None = None
    role: MessageRole = MessageRole.USER
    speaker: Label | None = None
    sender: Label | None = None
    user: Label | None = None
    agent: Label | None = None
    team: Label | None = None
    at: Moment | None = None
    session: Label | None = None
    tags: Tags = ()
    metadata: JsonObject = Field(default_factory=dict)
    source: Label50 = "api"
    source_id: Key | None = None
    model: Label100 | None = None
    token_count: int | None = Field(default=None, ge=0, le=10_000_000)
    tool_calls: Json | None = None
    tool_results: Json | None = None
    language: Language | None = None


class Checkpoint(Schema):
    """How far an import has come.

    Attributes:
        source: format and fingerprint of what is imported.
        position: the reader's own place.
        imported: utterances stored; ``skipped``: already there; ``broken``: reported and left out.
        finished_at: when it reached the end, None while it is under way.
    """

    source: Label
    position: JsonObject = Field(default_factory=dict)
    imported: int = Field(default=0, ge=0)
    skipped: int = Field(default=0, ge=0)
    broken: int = Field(default=0, ge=0)
    finished_at: datetime | None = None


class WrittenMessage(NamedTuple):
    """What became of one message: its id, and whether it was already there."""

    id: UUID
    created: bool


class ConversationCreate(Schema):
    """A conversation to be made before anything is said in it (002); otherwise the first message makes it.

    Attributes:
        title: what people see; ``name`` of 000.
        external_id: the caller's own string for it: messages that name it as their conversation go there.
        type: direct, group or ai_chat; found from who takes part, if not given.
        user_id: the person it belongs to; the one who acts, if not given.
        agent_id: the agent talked with.
        team_id: the team that shares it.
        participant_ids: other people who take part.
        is_private: seen by who takes part alone, and by the team that shares it.
        expires_at: when it may be put away.
    """

    title: Label | None = None
    external_id: Label | None = None
    type: ConversationType | None = None
    user_id: UUID | None = None
    agent_id: UUID | None = None
    team_id: UUID | None = None
    participant_ids: Annotated[tuple[UUID, ...], Field(max_length=1000)] = ()
    description: Text | None = None
    avatar_url: Label500 | None = None
    is_private: bool = True
    metadata: JsonObject = Field(default_factory=dict)
    expires_at: Moment | None = None


class ConversationRef(Schema):
    """A conversation, by id."""

    conversation_id: UUID


class ConversationChange(ConversationRef):
    """A conversation, by id and the version that was read; another one is a Conflict."""

    expected_version: int | None = Field(default=None, ge=1)


#: What names the conversation in a request for a change.
CONVERSATION_KEYS = frozenset({"conversation_id", "expected_version"})


class ConversationUpdate(ConversationChange):
    """A change to a conversation: what is not given stays as it is; None empties a field that may be empty."""

    title: Label | None = None
    description: Text | None = None
    avatar_url: Label500 | None = None
    is_private: bool = True
    status: ConversationStatus = ConversationStatus.ACTIVE
    agent_id: UUID | None = None
    summary: Text | None = None
    metadata: JsonObject = Field(default_factory=dict)
    expires_at: Moment | None = None

    @model_validator(mode="after")
    def _says_something(self) -> ConversationUpdate:
        if not changes(self, keys=CONVERSATION_KEYS, empties=True):
            raise PydanticCustomError("no_change", "nothing is to be changed")
        return self


class ConversationList(PageRequest):
    """Which conversations to list: those with the latest message first.

    Attributes:
        user_id: those that belong to this person or that they take part in.
        metadata: those whose metadata contain this object, however deep.
    """

    user_id: UUID | None = None
    agent_id: UUID | None = None
    team_id: UUID | None = None
    status: ConversationStatus | None = None
    type: ConversationType | None = None
    metadata: JsonObject | None = None
    limit: Limit = 50


class Conversation(BaseModel):
    """A conversation, as it is read; counters are those of everything that was ever said in it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: UUID
    title: str | None = Field(validation_alias=AliasChoices("name", "title"))
    external_id: str | None
    type: ConversationType
    status: ConversationStatus
    user_id: UUID | None
    agent_id: UUID | None
    team_id: UUID | None
    created_by: UUID | None
    description: str | None
    avatar_url: str | None
    is_private: bool
    summary: str | None
    metadata: dict[str, Any] = Field(validation_alias=AliasChoices("metadata_", "metadata"))
    message_count: int
    total_input_tokens: int
    total_output_tokens: int
    last_message_at: datetime | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class ConversationStatistics(Schema):
    """What was said in a conversation, counted; what was forgotten is not.

    Attributes:
        by_user, by_assistant, by_others: messages by role; others are the system and tools.
        speakers: people and agents who said something.
        input_tokens, output_tokens: tokens of what the assistant was told and of what it said.
        sessions: sittings, as recall sees them.
    """

    conversation_id: UUID
    messages: int
    by_user: int
    by_assistant: int
    by_others: int
    speakers: int
    participants: int
    sessions: int
    input_tokens: int
    output_tokens: int
    rated_positive: int
    rated_negative: int
    first_message_at: datetime | None
    last_message_at: datetime | None


class SearchMessages(Schema):
    """A search through what was said, by words alone; the search of memory goes by meaning, time and neighbours too.

    Attributes:
        query: words; "in quotes" a phrase, ``or`` and ``-word`` as web searches have them.
        sender_id: the person who said it.
        since, until: when it was said; since is included, until is not.
    """

    query: Content
    conversation_id: UUID | None = None
    sender_id: UUID | None = None
    since: Moment | None = None
    until: Moment | None = None
    k: Limit = 20


class FoundMessage(Schema):
    """A message that was found; ``score`` is PostgreSQL's cover density rank."""

    id: UUID
    conversation_id: UUID
    role: MessageRole
    sender_id: UUID | None
    agent_id: UUID | None
    content: str
    tags: tuple[str, ...]
    occurred_at: datetime
    score: float
