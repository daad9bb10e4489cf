"""SQL of conversations: the hot statements on the driver's connection."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemon.conversations.models import ConversationORM, MessageORM
from mnemon.conversations.schemas import Checkpoint
from mnemon.db import sources
from mnemon.db.connection import Connection
from mnemon.db.recallable import RecallTable
from mnemon.db.repository import BaseRepository
from mnemon.db.sql import statement

PACKAGE = "mnemon.conversations"

#: What recall needs to know to search messages.
MESSAGES = RecallTable(
    name="messages",
    kind="message",
    columns={
        "sender": "t.sender_id",
        "speaker_agent": "CASE WHEN t.role = 'assistant' THEN t.agent_id END",
        "memory_type": "'episodic'",
        "importance": "5",
        "is_pinned": "false",
        "tier": "'warm'",
        "confidence": "1.0::float8",
        "follows_question": "t.follows_question",
        "conversation_id": "t.conversation_id",
        "role": "t.role::text",
        "status": "'active'",
        "access_count": "0",
        "superseded_by": "NULL::uuid",
        "superseded_at": "NULL::timestamptz",
        "valid_until": "NULL::timestamptz",
        "version": "1",
    },
    alive="true",
    owner="(t.user_id = {user} OR t.sender_id = {user})",
)


class ConversationRepository(BaseRepository[ConversationORM]):
    """Conversations of one organisation."""

    model = ConversationORM


class MessageRepository(BaseRepository[MessageORM]):
    """Messages of one organisation."""

    model = MessageORM


@dataclass(slots=True)
class OpenSession:
    """The last session of a conversation, as a writer finds it under the conversation's lock."""

    number: int
    label: str | None
    started_at: datetime
    ended_at: datetime
    size: int
    ends_with_question: bool


@dataclass(slots=True)
class LockedConversation:
    """A conversation that this transaction writes to, alone until it ends."""

    id: UUID
    external_id: str
    session: OpenSession | None


async def find(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Ids of conversations by the caller's own strings."""
    rows = await connection.fetch(
        "SELECT external_id, id FROM conversations WHERE organization_id = $1 AND external_id = ANY($2)",
        organization_id,
        list(names),
    )
    return {row["external_id"]: row["id"] for row in rows}


async def labels(connection: Connection, organization_id: UUID, ids: Collection[UUID]) -> list[Any]:
    """(id, external_id, name) of conversations."""
    return await connection.fetch(
        "SELECT id, external_id, name FROM conversations WHERE organization_id = $1 AND id = ANY($2)",
        organization_id,
        list(ids),
    )


async def add(connection: Connection, organization_id: UUID, rows: Sequence[tuple[Any, ...]]) -> None:
    """Make conversations: (external_id, name, type, team, agent, user); who is there stays as it is."""
    await connection.execute(
        statement(PACKAGE, "add_conversations"), organization_id, *[list(column) for column in zip(*rows, strict=True)]
    )


async def lock(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, LockedConversation]:
    """Lock conversations for writing, in one order for all writers, with the last session of each."""
    rows = await connection.fetch(statement(PACKAGE, "lock_conversations"), organization_id, sorted(names))
    ids = [row["id"] for row in rows]
    sessions = {
        row["conversation_id"]: OpenSession(
            row["number"],
            row["label"],
            row["started_at"],
            row["ended_at"],
            row["message_count"],
            row["ends_with_question"],
        )
        for row in await connection.fetch(statement(PACKAGE, "last_sessions"), organization_id, ids)
    }
    return {
        row["external_id"]: LockedConversation(row["id"], row["external_id"], sessions.get(row["id"])) for row in rows
    }


async def known_sources(
    connection: Connection, organization_id: UUID, pairs: Collection[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    """Ids of the messages that these sources have brought already."""
    return await sources.known(connection, "messages", organization_id, pairs)


async def next_session_numbers(connection: Connection, count: int) -> list[int]:
    """Numbers for new sessions."""
    rows = await connection.fetch("SELECT nextval('session_numbers') AS n FROM generate_series(1, $1)", count)
    return [row["n"] for row in rows]


async def add_sessions(connection: Connection, organization_id: UUID, rows: Sequence[tuple[Any, ...]]) -> None:
    """Open sessions: (conversation, number, label, started_at)."""
    await connection.execute(
        "INSERT INTO conversation_sessions (organization_id, conversation_id, number, label, started_at, ended_at) "
        "SELECT $1, n.conversation_id, n.number, n.label, n.started_at, n.started_at "
        "FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::timestamptz[]) "
        "AS n(conversation_id, number, label, started_at)",
        organization_id,
        *[list(column) for column in zip(*rows, strict=True)],
    )


async def add_messages(
    connection: Connection,
    organization_id: UUID,
    drafted: Sequence[str],
    vectors: Sequence[Any],
    placed: Sequence[Sequence[Any]],
    *,
    model: str,
) -> None:
    """Write messages, one array a column: those in text form, the embeddings with their model, and the others.

    Raises:
        Conflict: another transaction has just brought the same source and id (``conflict.exists``).
    """
    await connection.execute(
        statement(PACKAGE, "add_messages"), organization_id, model, *drafted, list(vectors), *placed
    )


async def add_participants(connection: Connection, organization_id: UUID, pairs: Collection[tuple[UUID, UUID]]) -> None:
    """Note who takes part: (conversation, user)."""
    await connection.execute(
        "INSERT INTO conversation_participants (organization_id, conversation_id, user_id) "
        "SELECT $1, n.conversation_id, n.user_id FROM unnest($2::uuid[], $3::uuid[]) AS n(conversation_id, user_id) "
        "ON CONFLICT DO NOTHING",
        organization_id,
        [conversation for conversation, _ in pairs],
        [user for _, user in pairs],
    )


async def save_checkpoint(connection: Connection, organization_id: UUID, checkpoint: Checkpoint) -> None:
    """Write an import's place; counters are those of the whole import so far."""
    await connection.execute(
        statement(PACKAGE, "save_checkpoint"),
        organization_id,
        checkpoint.source,
        json.dumps(checkpoint.position),
        checkpoint.imported,
        checkpoint.skipped,
        checkpoint.broken,
        checkpoint.finished_at,
    )


async def load_checkpoint(connection: Connection, organization_id: UUID, source: str) -> Checkpoint | None:
    """An import's place, or None before its first batch."""
    row = await connection.fetchrow(
        "SELECT source, position::text, imported, skipped, broken, finished_at FROM import_checkpoints "
        "WHERE organization_id = $1 AND source = $2",
        organization_id,
        source,
    )
    if row is None:
        return None
    return Checkpoint.model_validate({**dict(row), "position": json.loads(row["position"])})
