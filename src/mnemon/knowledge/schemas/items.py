"""Items of knowledge, their transfers and their usage."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from mnemon.conversations.schemas import Language
from mnemon.core.pages import Limit, PageRequest
from mnemon.core.text import JsonObject, Moment, Schema, Tags
from mnemon.knowledge.models import KnowledgeEvent
from mnemon.knowledge.schemas.base import KnowledgeContent, Score, Short, Text, Until, Version, Word


class AddKnowledge(Schema):
    """Something that an agent knows.

    Attributes:
        domain: the field it belongs to.
        content: the knowledge itself; its ``title`` and ``description`` are what search reads.
        source_agent_id: the agent that knows it; the acting agent, if not given.
        confidence: 0 to 1, kept to two decimals; None: not rated.
        language: what title and description are written in, as an ISO 639 code; found out, if not given.
    """

    domain: Short
    content: KnowledgeContent
    source_agent_id: UUID | None = None
    confidence: Score | None = None
    tags: Tags = ()
    language: Language | None = None


class UpdateKnowledge(Schema):
    """A change to an item; what is not given stays.

    Attributes:
        language: what it is written in; found out anew with other content, if not given.
        expected_version: the version that was read; another one is a Conflict.
    """

    id: UUID
    domain: Short | None = None
    content: KnowledgeContent | None = None
    confidence: Score | None = None
    tags: Tags | None = None
    language: Language | None = None
    expected_version: Version | None = None


class DeleteKnowledge(Schema):
    """A request to delete an item softly."""

    id: UUID
    expected_version: Version | None = None


class KnowledgeItem(Schema):
    """An item of knowledge, as it is read."""

    id: UUID
    domain: str
    content: dict[str, Any]
    source_agent_id: UUID
    confidence: float | None
    tags: tuple[str, ...]
    version: int
    created_at: datetime
    updated_at: datetime


class SearchKnowledge(PageRequest):
    """A search by words, or without words a listing, newest first.

    Attributes:
        query: words; a phrase in quotation marks, ``or`` and a minus sign mean what they do in web searches.
        tags: all of these.
        any_tags: at least one of these.
        min_confidence: items not rated are left out with it.
        cursor: where the page before ended; a listing only: a search has its best ``limit`` hits.
    """

    query: Text | None = Field(default=None, min_length=1, max_length=1000)
    domain: Short | None = None
    source_agent_id: UUID | None = None
    tags: Tags = ()
    any_tags: Tags = ()
    min_confidence: Score | None = None
    limit: Limit = 20

    @field_validator("cursor")
    @classmethod
    def _pages_only(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("query") is not None:
            raise PydanticCustomError("cursor", "a search by words has no pages: ask for more with limit")
        return value


class FoundKnowledge(Schema):
    """An item found; ``rank`` is how well it fits the words, 0 in a listing."""

    item: KnowledgeItem
    rank: float


class TransferKnowledge(Schema):
    """Passing an item on to an agent; ``source_agent_id``: the item's own agent, if not given."""

    knowledge_id: UUID
    target_agent_id: UUID
    transfer_method: Word
    source_agent_id: UUID | None = None


class FinishTransfer(Schema):
    """How a transfer ended; a failed one may say why."""

    id: UUID
    success: bool
    error_message: Text | None = Field(default=None, min_length=1)

    @field_validator("error_message")
    @classmethod
    def _only_of_failures(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("success"):
            raise PydanticCustomError("error_message", "a transfer that succeeded has no error")
        return value


class TransferQuery(PageRequest):
    """Transfers of an item, or those that an agent gave or got; newest first."""

    knowledge_id: UUID | None = None
    agent_id: UUID | None = None
    limit: Limit = 50


class Transfer(Schema):
    """A transfer, with the names of what and who it is about; ``completed_at`` is None while it is under way."""

    id: UUID
    knowledge_id: UUID
    domain: str
    title: str | None
    source_agent_id: UUID
    source_agent: str
    target_agent_id: UUID
    target_agent: str
    transfer_method: str
    success: bool
    error_message: str | None
    created_at: datetime
    completed_at: datetime | None
    version: int


class KnowledgeUse(Schema):
    """One thing that happened to an item; ``value``: how often or how much, of a rating 0 to 1."""

    knowledge_id: UUID
    event: KnowledgeEvent = KnowledgeEvent.USED
    agent_id: UUID | None = None
    value: float = Field(default=1, ge=0, le=999_999, allow_inf_nan=False)
    metadata: JsonObject = Field(default_factory=dict)
    at: Moment | None = None

    @field_validator("value")
    @classmethod
    def _rating(cls, value: float, info: ValidationInfo) -> float:
        if value > 1 and info.data.get("event") is KnowledgeEvent.RATED:
            raise PydanticCustomError("rating", "a rating is from 0 to 1")
        return value


class RecordUses(Schema):
    """What happened to items, written together."""

    uses: tuple[KnowledgeUse, ...] = Field(min_length=1, max_length=10_000)


class UsageQuery(Schema):
    """A window of usage, of one item, of a domain or of everything; ``every``: day, week or month."""

    since: Moment
    until: Until = None
    knowledge_id: UUID | None = None
    domain: Short | None = None
    every: Literal["day", "week", "month"] = "day"


class UsageBucket(Schema):
    """What happened in one day, week or month (UTC), which begins at ``start``."""

    start: datetime
    event: KnowledgeEvent
    count: int
    total: float
    items: int


class Usage(Schema):
    """Usage over a window, oldest first."""

    buckets: tuple[UsageBucket, ...]


class KnowledgeSummary(Schema):
    """How much an item was used over all time, as of the last refresh; ``rating``: the mean, None without one."""

    knowledge_id: UUID
    domain: str
    title: str | None
    retrieved: int
    used: int
    rating: float | None
    agents: int
    transfers: int
    arrived: int
    last_used_at: datetime | None
