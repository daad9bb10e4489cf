"""Learning sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from mnemon.core.pages import Limit, PageRequest
from mnemon.core.text import JsonObject, Schema
from mnemon.knowledge.models import TransferMode
from mnemon.knowledge.schemas.base import Short


class StartLearning(Schema):
    """A stretch of learning begins; ``agent_id``: the acting agent, if not given."""

    agent_id: UUID | None = None
    source_domain: Short
    target_domain: Short
    transfer_mode: TransferMode = TransferMode.ADAPTIVE
    session_metrics: JsonObject = Field(default_factory=dict)


class FinishLearning(Schema):
    """What came of it: ``improvement_score`` from -1 (worse) to 1; metrics are added to those there are."""

    id: UUID
    improvement_score: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = None
    session_metrics: JsonObject = Field(default_factory=dict)


class LearningQuery(PageRequest):
    """Learning sessions, newest first."""

    agent_id: UUID | None = None
    source_domain: Short | None = None
    target_domain: Short | None = None
    limit: Limit = 50


class LearningSession(Schema):
    """A stretch of learning, as it is read; ``completed_at`` is None while it is under way."""

    id: UUID
    agent_id: UUID
    source_domain: str
    target_domain: str
    transfer_mode: TransferMode
    session_metrics: dict[str, Any]
    improvement_score: float | None
    started_at: datetime
    completed_at: datetime | None
    version: int
