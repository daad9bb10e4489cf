"""AgentDNA, as every door sees it (seed 002 FR-9)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


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
