"""What changes one message or memory: a correction, a rating."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from mnemon.core.strict import Real, Whole
from mnemon.core.text import JsonObject, Label, Label500, LongContent, Moment, Schema, Tags
from mnemon.memory.models import MemoryTier


class Update(Schema):
    """A change to a memory. New content makes a new memory that supersedes the old one.

    Attributes:
        id: the memory; of a text that was split any part stands for the whole.
        content: the corrected text, if it changes; what corrects a split text is split as well, if it is long.
        at: when the new content became true; now, if not given.
        reason: why; kept in the log.
        expected_version: the version that was read; another one is a Conflict.
    """

    id: UUID
    content: LongContent | None = None
    at: Moment | None = None
    importance: Whole | None = Field(default=None, ge=1, le=10)
    confidence: Real | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    is_pinned: bool | None = None
    tier: MemoryTier | None = None
    tags: Tags | None = None
    metadata: JsonObject | None = None
    reason: Label | None = None
    expected_version: Whole | None = Field(default=None, ge=1)


class Rate(Schema):
    """A rating of a message.

    Attributes:
        rating: positive or negative; None takes back what was said of it.
        comment: why; 1 to 500 characters.
    """

    message_id: UUID
    rating: Literal["positive", "negative"] | None
    comment: Label500 | None = None

    @model_validator(mode="after")
    def _of_a_rating(self) -> Rate:
        if self.rating is None and self.comment is not None:
            raise PydanticCustomError("comment", "a comment belongs to a rating: positive or negative")
        return self
