"""Patterns, their uses and their measured runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AliasChoices, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from mnemon.core.pages import Limit
from mnemon.core.text import JsonObject, Moment, Schema
from mnemon.knowledge.models import PatternType
from mnemon.knowledge.schemas.base import Milliseconds, Score, Short, Until, Version, Word


class AddPattern(Schema):
    """A pattern that was learnt; ``accuracy``: 0 to 1, None until runs are measured."""

    type: PatternType
    name: Short
    pattern_data: JsonObject
    accuracy: Score | None = None
    metadata: JsonObject = Field(default_factory=dict)


class UpdatePattern(Schema):
    """A change to a pattern; what is not given stays."""

    id: UUID
    name: Short | None = None
    pattern_data: JsonObject | None = None
    accuracy: Score | None = None
    metadata: JsonObject | None = None
    expected_version: Version | None = None


class Pattern(Schema):
    """A pattern, as it is read; ``usage_count``: the uses counted so far (see ``record_pattern_use``)."""

    id: UUID
    type: PatternType
    name: str
    pattern_data: dict[str, Any]
    accuracy: float | None
    usage_count: int
    metadata: dict[str, Any] = Field(validation_alias=AliasChoices("metadata_", "metadata"))
    version: int
    created_at: datetime
    updated_at: datetime


class FindPatterns(Schema):
    """Patterns of a type and at least an accuracy, most used first."""

    type: PatternType | None = None
    min_accuracy: Score | None = None
    limit: Limit = 50


class PatternUse(Schema):
    """One application of a pattern.

    Attributes:
        agent_id: who applied it; the acting agent, if not given.
        success: whether it helped; None: not known.
        at: when; now, if not given.
    """

    pattern_id: UUID
    agent_id: UUID | None = None
    success: bool | None = None
    context: JsonObject = Field(default_factory=dict)
    at: Moment | None = None


class RecordPatternUses(Schema):
    """Applications of patterns, written together."""

    uses: tuple[PatternUse, ...] = Field(min_length=1, max_length=10_000)


class PatternRun(Schema):
    """One measured run of a pattern; ``error_type`` only if it failed."""

    pattern_id: UUID
    agent_id: UUID | None = None
    execution_time_ms: Milliseconds
    success: bool
    error_type: Word | None = None
    at: Moment | None = None

    @field_validator("error_type")
    @classmethod
    def _only_of_failures(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("success"):
            raise PydanticCustomError("error_type", "a run that succeeded has no error")
        return value


class RecordRuns(Schema):
    """Measured runs of patterns, written together."""

    runs: tuple[PatternRun, ...] = Field(min_length=1, max_length=10_000)


class EffectivenessQuery(Schema):
    """A pattern and a window; ``since`` is in it, ``until`` (now, if not given) is not."""

    pattern_id: UUID
    since: Moment
    until: Until = None


class Effectiveness(Schema):
    """How a pattern did in a window; rates and times are None without a run. Times in milliseconds."""

    pattern_id: UUID
    runs: int
    successes: int
    success_rate: float | None
    mean_ms: float | None
    median_ms: float | None
    p95_ms: float | None
    errors: dict[str, int]


class SummaryQuery(Schema):
    """How many summaries are wanted."""

    limit: Limit = 100


class RecomputeAccuracy(Schema):
    """How accuracies come from runs: those of the last ``days``, where there are ``minimum_runs`` of them."""

    days: int = Field(default=90, ge=1, le=36_500)
    minimum_runs: int = Field(default=10, ge=1, le=1_000_000)


class PatternSummary(Schema):
    """How a pattern did over all time, as of the last refresh."""

    pattern_id: UUID
    type: PatternType
    name: str
    runs: int
    successes: int
    success_rate: float | None
    mean_ms: float | None
    p95_ms: float | None
    uses: int
    helped: int
    last_run_at: datetime | None
    last_used_at: datetime | None
