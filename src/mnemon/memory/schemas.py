"""What goes into memory and what comes out: the same for every door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from mnemon.conversations.schemas import Checkpoint, Language, NewMessage
from mnemon.core import times
from mnemon.core.pages import Limit, PageRequest
from mnemon.core.pieces import PIECE
from mnemon.core.strict import Contained, Real, Whole
from mnemon.core.text import (
    CONTENT_LIMIT,
    Content,
    JsonObject,
    Key,
    Label,
    Label50,
    Label200,
    Label500,
    LongContent,
    Moment,
    Schema,
    Tags,
)
from mnemon.memory.models import MemorySource, MemoryTier, MemoryType
from mnemon.memory.schemas_change import Rate as Rate
from mnemon.memory.schemas_change import Update as Update
from mnemon.memory.schemas_scores import Contribution as Contribution
from mnemon.memory.schemas_scores import Explanation as Explanation
from mnemon.memory.schemas_scores import Weights as Weights

Kind = Literal["message", "memory"]


class NewMemory(Schema):
    """Something to remember that is not part of a conversation's course.

    Attributes:
        content: the memory; 1 to 50,000 characters, or in parts up to 4,194,304; never overwritten.
        memory_type: one of the seven types; ``agent_private`` needs an agent, ``user_profile`` a user.
        category: a free label.
        importance: 1 to 10, recall weighs it; confidence: 0 to 1.
        at: when it was or became true (now, if not given); language: its ISO 639 code (found out, if not given).
        valid_until: until when it was true, if that is known; expires_at: when it stops being recalled.
    """

    content: LongContent
    memory_type: MemoryType = MemoryType.SEMANTIC
    category: Label50 = "note"
    title: Label500 | None = None
    subject: Label | None = None
    user: Label | None = None
    agent: Label | None = None
    team: Label | None = None
    conversation: Label | None = None
    importance: Whole = Field(default=5, ge=1, le=10)
    confidence: Real = Field(default=1.0, ge=0, le=1, allow_inf_nan=False)
    is_pinned: bool = False
    tier: MemoryTier = MemoryTier.WARM
    source_type: MemorySource = MemorySource.EXPLICIT
    at: Moment | None = None
    valid_until: Moment | None = None
    expires_at: Moment | None = None
    tags: Tags = ()
    metadata: JsonObject = Field(default_factory=dict)
    source: Label50 = "api"
    source_id: Key | None = None
    source_message_ids: tuple[UUID, ...] = ()
    extraction_model: Label200 | None = None
    language: Language | None = None

    @model_validator(mode="after")
    def _has_owner(self) -> NewMemory:
        if self.memory_type is MemoryType.AGENT_PRIVATE and self.agent is None:
            raise PydanticCustomError("private_has_agent", "an agent_private memory needs an agent")
        if self.memory_type is MemoryType.USER_PROFILE and self.user is None:
            raise PydanticCustomError("profile_has_user", "a user_profile memory needs a user")
        if self.valid_until is not None and self.at is not None and self.valid_until < self.at:
            raise PydanticCustomError("validity", "valid_until is before at")
        return self


class Remember(Schema):
    """A request to remember; written in one transaction, in order.

    Attributes:
        items: messages and memories, 1 to 10,000.
        checkpoint: an import's place, written with the items or not at all.
        dedupe: a memory that is there word for word is confirmed, not written again.
        split_over: characters from which on a text is kept in parts; None: one that is too long for a row is refused.
    """

    items: Annotated[tuple[NewMessage | NewMemory, ...], Field(max_length=10_000)]
    checkpoint: Checkpoint | None = None
    dedupe: bool = True
    split_over: Whole | None = Field(default=None, ge=PIECE, le=CONTENT_LIMIT)


class Remembered(Schema):
    """What was remembered.

    Attributes:
        ids: the id of each item, in the order given; of one that was split that of its first part.
        created: how many are new; the rest were there already, by source and source id or word for word.
    """

    ids: tuple[UUID, ...]
    created: int

    @property
    def id(self) -> UUID:
        """The id of the only item."""
        if len(self.ids) != 1:
            raise ValueError(f"{len(self.ids)} items were remembered: use ids")
        return self.ids[0]


class Scope(Schema):
    """Which rows a read may see, within what the principal may see. Everything given must hold.

    Attributes:
        user: rows that belong to this user, or that they said as a user.
        agent: rows this agent said, keeps or took part in.
        said_by: messages that somebody of this name said: a speaker, a user or an agent. It says nothing of whose
            they are: give ``user`` as well to read what was said to one person.
        conversation: rows of this conversation.
        team: rows shared with this team.
        kinds: messages, memories or both.
        types: memory types; messages count as ``episodic``.
        tags: rows with all of these; ``tags_any``: with at least one of these.
        since, until: when it was said or true, in the world; since is included, until is not.
        metadata: rows whose metadata contain this object.
        part_of: parts of this text, by the id that it was remembered under (``whole_id`` of its parts).
        as_of: what was known at this moment: rows recorded by then, and not yet forgotten, corrected, archived or
            expired.
        valid_at: what was true at this moment, as far as it is known.
    """

    called: ClassVar[str] = "condition"

    user: Label | None = None
    agent: Label | None = None
    said_by: Label | None = None
    conversation: Label | None = None
    team: Label | None = None
    kinds: frozenset[Kind] = frozenset({"message", "memory"})
    types: frozenset[MemoryType] | None = None
    tags: Tags = ()
    tags_any: Tags = ()
    since: Moment | None = None
    until: Moment | None = None
    metadata: Contained | None = None
    part_of: UUID | None = None
    as_of: Moment | None = None
    valid_at: Moment | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Scope:
        if self.since and self.until and self.since >= self.until:
            raise PydanticCustomError("time_range", "since is not before until")
        if not self.kinds:
            raise PydanticCustomError("kinds", "kinds is empty: give message, memory or both")
        return self


class Search(Schema):
    """A request to search or recall.

    Attributes:
        query: a question or words; 1 to 50,000 characters.
        k: hits wanted, 1 to 1,000.
        token_budget: recall only: tokens the hits may have together; the agent's, if not given.
        now: the moment of asking: recency and "yesterday" count from it; the scope's ``as_of``, else the clock's.
        running: recall only: the conversation that is going on; continuity counts closeness to it.
        weights: recall only: the five weights; the agent's, if not given.
    """

    query: Content
    scope: Scope = Field(default_factory=Scope)
    k: Limit = 10
    token_budget: Whole | None = Field(default=None, ge=1, le=10_000_000)
    now: Moment | None = None
    running: Label | None = None
    weights: Weights | None = None


class Item(Schema):
    """A message or a memory, as it is read.

    Attributes:
        model: of a message: the model that said it.
        tool_calls, tool_results: of a message: calls of tools and what they returned, as the client has them.
        feedback_rating, feedback_comment: of a message: how it was rated.
        confirmed: of a memory: how often it was remembered again word for word; ``confirmed_at``: when last.
        whole_id, part, parts: of a text that was split: the id of its first part, and that this is part 3 of 12.
    """

    id: UUID
    kind: Kind
    content: str
    memory_type: MemoryType
    role: str | None
    model: str | None
    tool_calls: Any
    tool_results: Any
    feedback_rating: str | None
    feedback_comment: str | None
    speaker: str | None
    user: str | None
    agent: str | None
    conversation: str | None
    at: datetime
    recorded_at: datetime
    valid_until: datetime | None
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    language: str | None
    source: str
    source_id: str | None
    whole_id: UUID | None
    part: int | None
    parts: int | None
    importance: int
    confidence: float
    is_pinned: bool
    tier: MemoryTier
    status: str
    access_count: int
    confirmed: int
    confirmed_at: datetime | None
    superseded_by: UUID | None
    superseded_at: datetime | None
    deleted_at: datetime | None
    version: int

    @property
    def place(self) -> str:
        """Which part of its text it is, as words: ``part 3 of 12``; nothing of a whole."""
        return f"part {self.part} of {self.parts}" if self.parts else ""


class Hit(Schema):
    """An item found, with its rank, its score and the reasons.

    Attributes:
        score: what it was ranked by: the match score for a search, the weighted five signals for a recall.
        tokens: its estimated size in tokens.
    """

    item: Item
    rank: int
    score: float
    tokens: int
    why: Explanation

    @property
    def content(self) -> str:
        """The item's text."""
        return self.item.content

    @property
    def id(self) -> UUID:
        """The item's id."""
        return self.item.id


class Recollection(Schema):
    """What a search or a recall found, best first.

    Attributes:
        tokens: estimated tokens of all hits together.
        left_out: hits that the token budget had no room for.
        took_ms: milliseconds from the question to this answer.
        timezone: the zone of who asked: days in the question and the times in ``text`` are its.
    """

    query: str
    hits: tuple[Hit, ...]
    tokens: int
    left_out: int = 0
    took_ms: float
    timezone: str = "UTC"

    def __iter__(self) -> Iterator[Hit]:  # type: ignore[override]
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, index: int) -> Hit:
        return self.hits[index]

    @property
    def text(self) -> str:
        """The hits as lines for a prompt: when (in ``timezone``), who, what; oldest first, as things happened."""
        zone = times.zone_or(self.timezone, times.LOCAL)
        return "\n".join(
            f"[{times.written(item.at, zone)[:16]}] {f'{item.speaker}: ' if item.speaker else ''}"
            f"{f'({item.place}) ' if item.place else ''}{item.content}"
            for item in sorted((hit.item for hit in self.hits), key=lambda item: item.at)
        )

    def __str__(self) -> str:
        return self.text


class Forget(Schema):
    """A request to forget (softly: it can still be seen as of an earlier moment).

    Attributes:
        ids: what to forget; or
        scope: everything in it; a scope without a single condition is refused.
    """

    ids: tuple[UUID, ...] = Field(default=(), max_length=10_000)
    scope: Scope | None = None
    reason: Label | None = None


class Forgotten(Schema):
    """How many rows were forgotten."""

    messages: int
    memories: int

    @property
    def count(self) -> int:
        """Messages and memories together."""
        return self.messages + self.memories


class ListItems(PageRequest):
    """A request for a page of items, newest first.

    Attributes:
        include_past: also what was corrected or forgotten.
    """

    scope: Scope = Field(default_factory=Scope)
    limit: Limit = 50
    include_past: bool = False


class Event(Schema):
    """One thing that happened to a memory."""

    at: datetime
    memory_id: UUID
    action: str
    changed_by: str
    reason: str | None
    old_content: str | None
    new_content: str | None


class History(Schema):
    """A memory's whole story.

    Attributes:
        versions: every content it had, oldest first, with the times it was held true and known.
        events: what happened, oldest first.
    """

    versions: tuple[Item, ...]
    events: tuple[Event, ...]


class Maintained(Schema):
    """What a round of maintenance did.

    Attributes:
        indexed: rows put into the vector index and the term statistics.
        remaining: rows that another round would take.
        looked_at: rows from before languages that were looked at for theirs; ``unread``: there are more of these.
    """

    indexed: int
    remaining: int
    looked_at: int = 0
    unread: bool = False


Search.model_rebuild()
