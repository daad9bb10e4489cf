"""AgentDNA, as every door sees it (seed 002 FR-9), and what goes into the verbs of agents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, computed_field

from mnemon.agents.models import AgentStatus
from mnemon.core.pages import Limit, PageRequest
from mnemon.core.text import JsonObject, Label, Moment, Schema, check_characters
from mnemon.identity.schemas import Name, Skill, Slug

CognitivePattern = Literal["convergent", "divergent", "lateral", "systems", "critical", "adaptive"]
Line = Annotated[str, Field(max_length=500), AfterValidator(check_characters)]
Paragraph = Annotated[str, Field(max_length=10_000), AfterValidator(check_characters)]
Skills = Annotated[tuple[Skill, ...], Field(max_length=1000)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Word = Annotated[str, Field(max_length=50, pattern=r"^[a-z][a-z0-9_-]*$")]


class RetrievalWeights(BaseModel):
    """The five weights of recall; only their proportion counts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    semantic: float = Field(default=0.35, ge=0, le=1)
    recency: float = Field(default=0.20, ge=0, le=1)
    importance: float = Field(default=0.20, ge=0, le=1)
    continuity: float = Field(default=0.15, ge=0, le=1)
    relationship: float = Field(default=0.10, ge=0, le=1)


class AgentMemoryConfig(BaseModel):
    """How an agent remembers.

    Attributes:
        token_budget: tokens that a recall may bring into a prompt.
        auto_extract: whether memories are drawn from what is said.
        auto_pin_preferences: whether preferences are pinned when they are learnt.
        summarize_interval: messages between two summaries of a conversation.
        retrieval_weights: the five weights of recall.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    token_budget: int = Field(default=2000, ge=1, le=1_000_000)
    auto_extract: bool = True
    auto_pin_preferences: bool = True
    summarize_interval: int = Field(default=20, ge=1)
    retrieval_weights: RetrievalWeights = Field(default_factory=RetrievalWeights)


class VoiceExample(BaseModel):
    """How an agent answers, by example.

    Attributes:
        situation: what it is told or asked.
        response: what it says then.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    situation: Paragraph
    response: Paragraph


class AgentPersonality(BaseModel):
    """How an agent speaks.

    Attributes:
        verbosity: how much it says; formality: how it says it; each 0 to 1.
        traits: words for its character.
        voice_examples: answers in its voice.
        rules: what it always or never does.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    tone: Line = "friendly"
    verbosity: Ratio = 0.5
    formality: Ratio = 0.5
    traits: tuple[Line, ...] = Field(default=(), max_length=100)
    voice_examples: tuple[VoiceExample, ...] = Field(default=(), max_length=100)
    rules: tuple[Paragraph, ...] = Field(default=(), max_length=100)


class AgentModelConfig(BaseModel):
    """The language model an agent speaks through."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model_name: Line = "anthropic/claude-sonnet-4.5"
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_output_tokens: int = Field(default=4096, ge=1, le=1_000_000)


class AgentBoundaries(BaseModel):
    """What an agent may do by itself.

    Attributes:
        max_autonomy: it only suggests, asks before it acts, or executes.
        max_tool_calls_per_turn: tools it may call before it answers.
        forbidden_tools: tools it never calls.
        forbidden_topics: what it does not talk about.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    max_autonomy: Literal["suggest", "ask", "execute"] = "execute"
    max_tool_calls_per_turn: int = Field(default=10, ge=0, le=1000)
    forbidden_tools: tuple[Line, ...] = Field(default=(), max_length=1000)
    forbidden_topics: tuple[Line, ...] = Field(default=(), max_length=1000)


class AgentDNA(BaseModel):
    """Everything an agent is.

    Attributes:
        model: the language model (``model_config`` in the database).
        version: grows with every change; an update names the one it read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, from_attributes=True)

    id: UUID
    organization_id: UUID
    team_id: UUID | None = None
    user_id: UUID | None = None
    external_id: str | None = None
    name: str
    slug: str
    type: str = "assistant"
    tagline: str = ""
    description: str | None = None
    avatar_emoji: str = ""
    personality: AgentPersonality = Field(default_factory=AgentPersonality)
    shared_skill_names: tuple[str, ...] = ()
    custom_skill_names: tuple[str, ...] = ()
    disabled_skill_names: tuple[str, ...] = ()
    model: AgentModelConfig = Field(
        default_factory=AgentModelConfig, validation_alias=AliasChoices("model_config_json", "model_config", "model")
    )
    memory_config: AgentMemoryConfig = Field(default_factory=AgentMemoryConfig)
    boundaries: AgentBoundaries = Field(default_factory=AgentBoundaries)
    status: AgentStatus = AgentStatus.DRAFT
    cognitive_pattern: CognitivePattern = "adaptive"
    learning_rate: float | None = Field(default=None, ge=0, le=1)
    performance_score: float | None = Field(default=None, ge=0, le=1)
    created_by: UUID | None = None
    metadata: JsonObject = Field(default_factory=dict, validation_alias=AliasChoices("metadata_", "metadata"))
    version: int = 1
    created_at: datetime
    updated_at: datetime

    @computed_field  # type: ignore[prop-decorator]
    @property
    def effective_skills(self) -> tuple[str, ...]:
        """The skills it uses: shared and custom ones, less those disabled, each once, in that order."""
        names = dict.fromkeys((*self.shared_skill_names, *self.custom_skill_names))
        return tuple(name for name in names if name not in self.disabled_skill_names)


class AgentCreate(Schema):
    """An agent to be made.

    Attributes:
        slug: unique in the team, or in the organisation without one; made of the name, if not given.
        external_id: the caller's own string for the agent; unique in the organisation.
        user_id: the person it belongs to, if one.
    """

    name: Name
    slug: Slug | None = None
    team_id: UUID | None = None
    user_id: UUID | None = None
    external_id: Label | None = None
    type: Annotated[Label, Field(max_length=50)] = "assistant"
    tagline: Line = ""
    description: Paragraph | None = None
    avatar_emoji: Annotated[Line, Field(max_length=32)] = ""
    personality: AgentPersonality = Field(default_factory=AgentPersonality)
    shared_skill_names: Skills = ()
    custom_skill_names: Skills = ()
    disabled_skill_names: Skills = ()
    model: AgentModelConfig = Field(default_factory=AgentModelConfig)
    memory_config: AgentMemoryConfig = Field(default_factory=AgentMemoryConfig)
    boundaries: AgentBoundaries = Field(default_factory=AgentBoundaries)
    status: AgentStatus = AgentStatus.DRAFT
    cognitive_pattern: CognitivePattern = "adaptive"
    learning_rate: Ratio | None = None
    performance_score: Ratio | None = None
    metadata: JsonObject = Field(default_factory=dict)


class AgentUpdate(Schema):
    """What is to be changed of an agent; what is not given stays.

    Attributes:
        expected_version: the version that was read; another one is a Conflict.
    """

    id: UUID
    expected_version: int | None = Field(default=None, ge=1)
    name: Name | None = None
    slug: Slug | None = None
    type: Annotated[Label, Field(max_length=50)] | None = None
    tagline: Line | None = None
    description: Paragraph | None = None
    avatar_emoji: Annotated[Line, Field(max_length=32)] | None = None
    personality: AgentPersonality | None = None
    shared_skill_names: Skills | None = None
    custom_skill_names: Skills | None = None
    disabled_skill_names: Skills | None = None
    model: AgentModelConfig | None = None
    memory_config: AgentMemoryConfig | None = None
    boundaries: AgentBoundaries | None = None
    cognitive_pattern: CognitivePattern | None = None
    learning_rate: Ratio | None = None
    performance_score: Ratio | None = None
    metadata: JsonObject | None = None


class AgentRef(Schema):
    """An agent, by id."""

    agent_id: UUID


class AgentStatusSet(Schema):
    """An agent's new status; archiving one ends its keys."""

    agent_id: UUID
    status: AgentStatus
    expected_version: int | None = Field(default=None, ge=1)


class AgentList(PageRequest):
    """Which agents to list."""

    team_id: UUID | None = None
    status: AgentStatus | None = None
    type: Label | None = None


class CapabilityAdd(Schema):
    """Something an agent can do; the same again has the new level.

    Attributes:
        proficiency_level: 0 (none) to 1 (mastery), kept to two decimals.
    """

    agent_id: UUID
    capability: Annotated[Name, Field(max_length=100)]
    proficiency_level: Ratio = 0.5


class CapabilityList(PageRequest):
    """Which page of an agent's capabilities."""

    agent_id: UUID


class CapabilityRef(Schema):
    """A capability of an agent, by its word."""

    agent_id: UUID
    capability: Annotated[Label, Field(max_length=100)]


class Capability(BaseModel):
    """Something an agent can do, and how well."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: UUID
    agent_id: UUID
    capability: str
    proficiency_level: float
    version: int


class CapableSearch(Schema):
    """Which agents can do something well enough."""

    capability: Annotated[Label, Field(max_length=100)]
    min_proficiency: Ratio = 0.0
    limit: Limit = 100


class CapableAgent(Schema):
    """An agent that can do something, and how well."""

    agent_id: UUID
    name: str
    status: AgentStatus
    proficiency_level: float


class StateCheckpoint(Schema):
    """A snapshot of an agent's state.

    Attributes:
        checkpoint_type: the caller's word for why: manual, scheduled, before_update, ...
    """

    agent_id: UUID
    state_data: JsonObject
    checkpoint_type: Word = "manual"


class StateList(PageRequest):
    """Which snapshots to list, the newest first.

    Attributes:
        before: only those taken before this moment.
    """

    agent_id: UUID
    checkpoint_type: Word | None = None
    before: Moment | None = None


class StateRef(Schema):
    """The latest snapshot of an agent, of one kind if given, as of a moment if given."""

    agent_id: UUID
    checkpoint_type: Word | None = None
    at: Moment | None = None


class AgentState(Schema):
    """What an agent's state was at a moment."""

    id: UUID
    agent_id: UUID
    checkpoint_type: str
    state_data: JsonObject
    created_at: datetime
