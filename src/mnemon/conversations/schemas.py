"""What goes into conversations and what comes out: the same for every door."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import Field

from mnemon.conversations.models import MessageRole
from mnemon.core.text import Content, Json, JsonObject, Label, Label50, Label100, Moment, Schema, Tags


class NewMessage(Schema):
    """Something said, to be remembered as an episode.

    People, agents and conversations are named by the caller's own strings and made on first use.

    Attributes:
        content: what was said; 1 to 50,000 characters.
        conversation: the conversation it belongs to.
        role: user, assistant, system or tool.
        speaker: who said it, by name; a person for ``user``, an agent for ``assistant``; without it, ``user`` or
            ``agent`` is taken as the speaker.
        user: whose memory it is.
        agent: the agent that takes part.
        team: slug of the team that shares it.
        at: when it was said; now, if not given.
        session: the source's own name for the stretch of talk; without it, a pause of half an hour begins a new one.
        source: where it came from.
        source_id: its id there; the same source and id is stored once, however often it is remembered.
    """

    content: Content
    conversation: Label = "default"
    conversation_title: Label | None = None
    role: MessageRole = MessageRole.USER
    speaker: Label | None = None
    user: Label | None = None
    agent: Label | None = None
    team: Label | None = None
    at: Moment | None = None
    session: Label | None = None
    tags: Tags = ()
    metadata: JsonObject = Field(default_factory=dict)
    source: Label50 = "api"
    source_id: Label | None = None
    model: Label100 | None = None
    token_count: int | None = Field(default=None, ge=0, le=10_000_000)
    tool_calls: Json | None = None
    tool_results: Json | None = None


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


class Conversation(Schema):
    """A conversation, as it is listed."""

    id: UUID
    external_id: str | None
    name: str | None
    status: str
    message_count: int
    last_message_at: datetime | None
    created_at: datetime
