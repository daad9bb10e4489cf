"""The verbs of conversations that other domains build on."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemon.conversations import repository
from mnemon.conversations.models import MessageRole
from mnemon.conversations.repository import MESSAGES, LockedConversation, OpenSession
from mnemon.conversations.schemas import Checkpoint, NewMessage, WrittenMessage
from mnemon.conversations.sessions import continues
from mnemon.core.cache import Cache
from mnemon.core.context import Context
from mnemon.core.ids import new_id
from mnemon.db.connection import Connection
from mnemon.db.recallable import SESSION_BITS, RecallTable
from mnemon.db.types import array_literal, dump_json


@dataclass(frozen=True, slots=True)
class Names:
    """Ids of the people, agents and teams that a batch names by the caller's own strings."""

    users: Mapping[str, UUID]
    agents: Mapping[str, UUID]
    teams: Mapping[str, UUID] = field(default_factory=dict)


def recall_table() -> RecallTable:
    """What recall needs to know to search messages."""
    return MESSAGES


def speaker_of(message: NewMessage) -> tuple[str | None, str | None]:
    """Who says it: (the person's name, the agent's name), at most one of them; by role."""
    if message.role is MessageRole.USER:
        return message.speaker or message.user, None
    if message.role is MessageRole.ASSISTANT:
        return None, message.speaker or message.agent
    return None, message.agent


async def find_conversations(connection: Connection, organization_id: UUID, names: Sequence[str]) -> dict[str, UUID]:
    """Ids of the conversations that exist, by the caller's own strings."""
    return await repository.find(connection, organization_id, names)


async def ensure_places(connection: Connection, organization_id: UUID, names: Sequence[str]) -> dict[str, UUID]:
    """Ids of conversations by the caller's own strings; made on first use, and not locked."""
    found = await repository.find(connection, organization_id, names)
    missing = [name for name in names if name not in found]
    if missing:
        rows = [(name, name, "direct", None, None, None) for name in missing]
        await repository.add(connection, organization_id, rows)
        found.update(await repository.find(connection, organization_id, missing))
    return found


async def labels(
    connection: Connection, organization_id: UUID, ids: Collection[UUID]
) -> dict[UUID, tuple[str | None, str | None]]:
    """(the caller's own string, the name shown) of conversations, by id."""
    rows = await repository.labels(connection, organization_id, ids)
    return {row["id"]: (row["external_id"], row["name"]) for row in rows}


async def ensure_conversations(
    connection: Connection, organization_id: UUID, messages: Sequence[NewMessage], names: Names
) -> dict[str, LockedConversation]:
    """Lock the conversations that these messages belong to; made on first use."""
    first: dict[str, NewMessage] = {}
    for message in messages:
        first.setdefault(message.conversation, message)
    locked = await repository.lock(connection, organization_id, first)
    missing = [message for name, message in first.items() if name not in locked]
    if missing:
        rows = [
            (
                message.conversation,
                message.conversation_title or message.conversation,
                _kind(messages, message.conversation),
                names.teams.get(message.team or ""),
                names.agents.get(message.agent or ""),
                names.users.get(message.user or ""),
            )
            for message in missing
        ]
        await repository.add(connection, organization_id, rows)
        locked = await repository.lock(connection, organization_id, first)
    return locked


def _kind(messages: Sequence[NewMessage], conversation: str) -> str:
    mine = [message for message in messages if message.conversation == conversation]
    if any(message.agent or message.role is MessageRole.ASSISTANT for message in mine):
        return "ai_chat"
    return "group" if len({message.speaker for message in mine}) > 2 else "direct"


async def write_messages(
    connection: Connection,
    organization_id: UUID,
    messages: Sequence[NewMessage],
    *,
    vectors: Sequence[Any],
    model: str,
    names: Names,
    now: datetime,
    cache: Cache,
    learnt: dict[Hashable, Any],
) -> list[WrittenMessage]:
    """Write messages in order, in the caller's transaction.

    Args:
        connection: inside the caller's transaction.
        organization_id: whose messages they are.
        messages: what was said.
        vectors: one binary parameter a message, None for a text without known words.
        model: the embedder's name.
        names: ids of who is named.
        now: the time of messages that have none.
        cache: knows who is noted as a participant already.
        learnt: takes what the cache may know once the caller has committed.

    Returns:
        One a message, in order: its id, and False for ``created`` if its source had brought it before.
    """
    locked = await ensure_conversations(connection, organization_id, messages, names)
    known = await _known(connection, organization_id, messages)
    batch = _Batch(names=names, model=model, now=now)
    for message, vector in zip(messages, vectors, strict=True):
        key = (message.source, message.source_id) if message.source_id else None
        if key is not None and key in known:
            batch.results.append(WrittenMessage(id=known[key], created=False))
            continue
        written = batch.add(message, vector, locked[message.conversation])
        if key is not None:
            known[key] = written
    if not batch.rows:
        return batch.results
    await batch.number_sessions(connection)
    if batch.opened:
        rows = [(c, s.number, s.label, s.started_at) for c, s in batch.opened]
        await repository.add_sessions(connection, organization_id, rows)
    await repository.add_messages(connection, organization_id, batch.columns())
    new = {pair for pair in batch.participants if not cache.get((organization_id, "participant", *pair))}
    if new:
        await repository.add_participants(connection, organization_id, sorted(new))
        learnt.update({(organization_id, "participant", *pair): True for pair in new})
    return batch.results


async def _known(
    connection: Connection, organization_id: UUID, messages: Sequence[NewMessage]
) -> dict[tuple[str, str], UUID]:
    """What these sources have brought before; read under the conversations' locks, so nobody is in between."""
    pairs = {(message.source, message.source_id) for message in messages if message.source_id}
    return await repository.known_sources(connection, organization_id, pairs) if pairs else {}


@dataclass(slots=True)
class _Batch:
    """Messages on their way into the table: sessions and places are given out here."""

    names: Names
    model: str
    now: datetime
    rows: list[list[Any]] = field(default_factory=list)
    sessions: list[OpenSession] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    opened: list[tuple[UUID, OpenSession]] = field(default_factory=list)
    participants: set[tuple[UUID, UUID]] = field(default_factory=set)
    results: list[WrittenMessage] = field(default_factory=list)

    def add(self, message: NewMessage, vector: Any, conversation: LockedConversation) -> UUID:
        """Place one message after those before it."""
        at = message.at or self.now
        session = conversation.session
        if session is None or not continues(session, at, message.session):
            session = OpenSession(0, message.session, at, at, 0, ends_with_question=False)
            conversation.session = session
            self.opened.append((conversation.id, session))
        follows_question = session.ends_with_question
        session.size += 1
        session.started_at, session.ended_at = min(session.started_at, at), max(session.ended_at, at)
        session.ends_with_question = message.content.rstrip().endswith("?")
        self.sessions.append(session)
        self.places.append(session.size)
        person, speaking_agent = speaker_of(message)
        sender = self.names.users.get(person or "")
        if sender is not None:
            self.participants.add((conversation.id, sender))
        identifier = new_id()
        self.rows.append(
            [
                identifier,
                conversation.id,
                self.names.users.get(message.user or ""),
                self.names.teams.get(message.team or ""),
                self.names.agents.get(speaking_agent or message.agent or ""),
                sender,
                message.role.value,
                message.content,
                array_literal(message.tags),
                dump_json(message.metadata),
                message.source,
                message.source_id,
                at,
                0,
                follows_question,
                vector,
                self.model if vector is not None else None,
                message.model,
                message.token_count,
                dump_json(message.tool_calls) if message.tool_calls is not None else None,
                dump_json(message.tool_results) if message.tool_results is not None else None,
            ]
        )
        self.results.append(WrittenMessage(id=identifier, created=True))
        return identifier

    async def number_sessions(self, connection: Connection) -> None:
        """Give new sessions their numbers and every row its ordinal."""
        if self.opened:
            numbers = await repository.next_session_numbers(connection, len(self.opened))
            for (_, session), number in zip(self.opened, numbers, strict=True):
                session.number = number
        for row, session, place in zip(self.rows, self.sessions, self.places, strict=True):
            row[13] = session.number << SESSION_BITS | place

    def columns(self) -> list[list[Any]]:
        """The rows, one list a column; a column of nulls is an empty one, which unnest fills up with nulls."""
        columns = zip(*self.rows, strict=True)
        return [list(column) if any(value is not None for value in column) else [] for column in columns]


async def checkpoint(ctx: Context, source: str) -> Checkpoint | None:
    """How far the import of this source has come; None before its first batch."""
    async with ctx.database.hot(ctx.principal, readonly=True) as connection:
        return await repository.load_checkpoint(connection, ctx.principal.organization_id, source)


async def save_checkpoint(connection: Connection, organization_id: UUID, place: Checkpoint) -> None:
    """Write an import's place in the caller's transaction, beside the rows it counts."""
    await repository.save_checkpoint(connection, organization_id, place)
