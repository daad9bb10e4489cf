"""What goes into facts and uses, and what comes out: the same for every door."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from mnemon.core.pages import Limit, PageRequest
from mnemon.core.text import JsonObject, Label, Moment, Schema, check_name
from mnemon.memory.models_facts import OBJECT_LIMIT, SUBJECT_LIMIT
from mnemon.memory.schemas import Kind

Term = Annotated[
    str,
    Field(min_length=1, max_length=SUBJECT_LIMIT),
    BeforeValidator(check_name),
]
Object = Annotated[
    str,
    Field(min_length=1, max_length=OBJECT_LIMIT),
    BeforeValidator(check_name),
]


class AssertFact(Schema):
    """Something that is true from a moment on, as far as is known now.

    Attributes:
        confidence: 0 to 1.
        valid_from: when it became true; now, if not given.
        valid_until: when it ended; None: no end is known, so it lasts until the next known fact of its kind begins.
        single_valued: a subject has one object of this predicate at a time (lives in), not several (likes).
        user, agent: from whom it was learnt and who keeps it, by the caller's own strings; who acts, if not given.
        team: the team that shares it; facts of different teams do not meet.
        source_message_id, source_memory_id: what it was taken from.
    """

    subject: Term
    predicate: Term
    object: Object
    confidence: float = Field(default=1.0, ge=0, le=1, allow_inf_nan=False)
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    single_valued: bool = True
    user: Label | None = None
    agent: Label | None = None
    team: Label | None = None
    source_message_id: UUID | None = None
    source_memory_id: UUID | None = None

    @model_validator(mode="after")
    def _in_order(self) -> AssertFact:
        if self.valid_from is not None and self.valid_until is not None and self.valid_until <= self.valid_from:
            raise PydanticCustomError("valid_until", "valid_until is not after valid_from")
        return self


class RetractFact(Schema):
    """A fact that is known no longer.

    Attributes:
        valid_until: it did hold, until this moment; None: it never did.
    """

    id: UUID
    valid_until: Moment | None = None


class FactsAt(PageRequest):
    """Which facts to read: those true at one moment, as they were known at another.

    Attributes:
        subject, predicate, object: exactly these; an object with its subject or its predicate. None of them: all facts,
            by subject.
        valid_at: true in the world at this moment; now, if not given.
        known_at: as known at this moment; as known now, if not given.
    """

    subject: Term | None = None
    predicate: Term | None = None
    object: Object | None = None
    valid_at: Moment | None = None
    known_at: Moment | None = None

    @model_validator(mode="after")
    def _about(self) -> FactsAt:
        if self.object is not None and self.subject is None and self.predicate is None:
            raise PydanticCustomError("subject", "give a subject or a predicate beside the object")
        return self


class FactHistory(PageRequest):
    """Whose facts to read, whatever became of them."""

    subject: Term
    predicate: Term | None = None
    limit: Limit = 1000


class Fact(Schema):
    """A fact, as it is read: true from ``valid_from`` to just before ``valid_until``, known likewise."""

    id: UUID
    subject: str
    predicate: str
    object: str
    confidence: float
    valid_from: datetime
    valid_until: datetime | None
    recorded_at: datetime
    retracted_at: datetime | None
    user_id: UUID | None
    agent_id: UUID | None
    team_id: UUID | None
    source_message_id: UUID | None
    source_memory_id: UUID | None


class Asserted(Schema):
    """What an assertion did.

    Attributes:
        fact: the fact; one that was known already is returned as it is.
        created: whether it is new.
        retracted: facts that are known no longer as they were; what is left of them was recorded anew.
    """

    fact: Fact
    created: bool
    retracted: tuple[UUID, ...]


class Used(Schema):
    """A message or a memory that an answer was given.

    Attributes:
        id: the message's or the memory's.
        relevance_score: 0 to 1.
        rank: its place among what was recalled, from 1.
        signals: the signals of its score.
    """

    id: UUID
    relevance_score: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    rank: int | None = Field(default=None, ge=1, le=1_000_000)
    signals: JsonObject = Field(default_factory=dict)


class NoteUse(Schema):
    """Which messages and memories an answer was given; said again, it replaces what was said, and the rest stays.

    Attributes:
        message_id: the answer.
        used: what it was given, each once.
        helpful: whether these helped; None says nothing of it.
    """

    message_id: UUID
    used: Annotated[tuple[Used, ...], Field(min_length=1, max_length=1000)]
    helpful: Annotated[bool, Field(strict=True)] | None = None

    @model_validator(mode="after")
    def _once(self) -> NoteUse:
        ids = {one.id for one in self.used}
        if len(ids) < len(self.used):
            raise PydanticCustomError("used", "used names a message or memory twice")
        if self.message_id in ids:
            raise PydanticCustomError("used", "used names the answer itself")
        return self


class UsageOf(PageRequest):
    """Which uses to read: those of an answer, best first, or those of a message or memory, newest first.

    Attributes:
        message_id: the answer; or
        used_id: the message or memory that answers were given.
    """

    message_id: UUID | None = None
    used_id: UUID | None = None

    @model_validator(mode="after")
    def _one(self) -> UsageOf:
        if (self.message_id is None) == (self.used_id is None):
            raise PydanticCustomError("message_id", "give either message_id or used_id")
        return self


class Usage(Schema):
    """The use of one message or memory in one answer.

    Attributes:
        message_id: the answer.
        used_id, used_kind: what it was given.
        relevance_score, rank, signals: as recall gave it, as far as that was said.
        helpful: whether it helped; None if nobody said.
        created_at: when the use was noted first.
    """

    message_id: UUID
    used_id: UUID
    used_kind: Kind
    relevance_score: float | None
    rank: int | None
    signals: dict[str, Any]
    helpful: bool | None
    created_at: datetime


class Noted(Schema):
    """How many uses were noted, for the first time or again."""

    count: int


class Reconstruct(Schema):
    """A memory as it was at a moment."""

    memory_id: UUID
    at: Moment


class Reconstructed(Schema):
    """A memory as it was, out of its log (seed 002 FR-6).

    Attributes:
        changes: changes that were logged by then.
        is_forgotten: it was forgotten by then.
    """

    memory_id: UUID
    content: str
    importance: int
    tier: str
    status: str
    is_forgotten: bool
    superseded_by: UUID | None
    recorded_at: datetime
    changed_at: datetime
    changed_by: str
    reason: str | None
    changes: int
