"""What other domains build on: conversations by name, messages written in batches, checkpoints of imports."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from mnemon.context import Context
from mnemon.conversations import repository
from mnemon.conversations.columns import INSERT, MESSAGES
from mnemon.conversations.models import MessageRole
from mnemon.conversations.parts import Part, earlier_id, firsts, is_first
from mnemon.conversations.parts import columns as part_columns
from mnemon.conversations.repository import LockedConversation, OpenSession
from mnemon.conversations.schemas import Checkpoint, NewMessage, WrittenMessage
from mnemon.conversations.sessions import continues
from mnemon.core.errors import NotFound
from mnemon.core.ids import new_id
from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.recallable import SESSION_BITS, RecallTable
from mnemon.identity import service as identity
from mnemon.verbs import verb

#: Source ids in a batch from which a sample of them may speak for all, and how many it has.
_SAMPLED_FROM = 256
_SAMPLE = 16


@dataclass(frozen=True, slots=True)
class Names:
    """Ids of the people, agents and teams that a batch names by the caller's own strings."""

    users: Mapping[str, UUID]
    agents: Mapping[str, UUID]
    teams: Mapping[str, UUID] = field(default_factory=dict)


def recall_table() -> RecallTable:
    """Return what recall needs to know to search messages."""
    return MESSAGES


def sender_of(message: NewMessage) -> str | None:
    """Return the user who says it: the one that the caller says; or the message's own, if no other name is given."""
    if message.sender is not None or message.role is not MessageRole.USER:
        return message.sender
    return message.user if message.speaker in (None, message.user) else None


def _speaker_of(message: NewMessage) -> str | None:
    """Return the name of who says it, where it is not that of the user or the agent who does."""
    own = {MessageRole.USER: message.user, MessageRole.ASSISTANT: message.agent}.get(message.role)
    return message.speaker if message.speaker != own else None


async def find_conversations(connection: Connection, organization_id: UUID, names: Sequence[str]) -> dict[str, UUID]:
    """Return ids of the conversations that exist, by the caller's own strings."""
    return await repository.find(connection, organization_id, names)


async def ensure_places(connection: Connection, principal: Principal, names: Sequence[str]) -> dict[str, UUID]:
    """Return ids of conversations by the caller's own strings; made on first use, and not locked.

    Raises:
        NotFound: one is there, and is not this principal's to see.
    """
    organization = principal.organization_id
    places = await repository.find(connection, organization, names)
    missing = [name for name in names if name not in places]
    if missing:
        rows = [(name, name, "direct", None, _leading(principal), None, principal.user_id) for name in missing]
        await repository.add(connection, organization, rows)
        places.update(await repository.find(connection, organization, missing))
    await _require_seen(connection, principal, places)
    return places


async def _require_seen(connection: Connection, principal: Principal, places: Mapping[str, UUID]) -> None:
    """Let nobody write where they may not read: who speaks in a conversation takes part in it from then on."""
    if principal.is_organization or not places:
        return
    hidden = await repository.unseen(connection, principal, places.values())
    for name, conversation in places.items():
        if conversation in hidden:
            raise NotFound(
                f"There is no conversation {name!r} for you.",
                code="not_found.conversation",
                hint="Ask who takes part in it to let you in, or choose another name.",
                field="conversation",
            )


def _leading(principal: Principal) -> UUID | None:
    """Return the agent that leads what a principal begins: one that acts by itself."""
    return principal.agent_id if principal.user_id is None else None


async def labels(
    connection: Connection, organization_id: UUID, ids: Collection[UUID]
) -> dict[UUID, tuple[str | None, str | None]]:
    """Return (the caller's own string, the name shown) of conversations, by id."""
    rows = await repository.labels(connection, organization_id, ids)
    return {row["id"]: (row["external_id"], row["name"]) for row in rows}


async def _ensure_conversations(
    connection: Connection,
    principal: Principal,
    messages: Sequence[NewMessage],
    names: Names,
    pairs: Collection[tuple[str, str]] = (),
) -> tuple[dict[str, LockedConversation], dict[tuple[str, str], UUID]]:
    """Lock the conversations that these messages belong to; made on first use.

    Returned by the caller's own strings, with the messages that the sources of ``pairs`` have brought before.

    Raises:
        NotFound: one is there, and is not this principal's to see.
    """
    organization_id = principal.organization_id
    first: dict[str, NewMessage] = {}
    for message in messages:
        first.setdefault(message.conversation, message)
    locked, brought = await repository.lock(connection, organization_id, first, pairs)
    missing = [message for name, message in first.items() if name not in locked]
    if missing:
        rows = [
            (
                message.conversation,
                message.conversation_title or message.conversation,
                _kind(messages, message.conversation),
                names.teams.get(message.team or ""),
                names.agents.get(message.agent or "") or _leading(principal),
                names.users.get(message.user or ""),
                principal.user_id,
            )
            for message in missing
        ]
        await repository.add(connection, organization_id, rows)
        locked, brought = await repository.lock(connection, organization_id, first, pairs)
    await _require_seen(connection, principal, {name: conversation.id for name, conversation in locked.items()})
    deleted = [conversation.id for conversation in locked.values() if conversation.is_deleted]
    if deleted:  # a conversation that goes on is there again
        await repository.restore(connection, organization_id, deleted)
    return locked, brought


def _kind(messages: Sequence[NewMessage], conversation: str) -> str:
    mine = [message for message in messages if message.conversation == conversation]
    if any(message.agent or message.role is MessageRole.ASSISTANT for message in mine):
        return "ai_chat"
    return "group" if len({message.speaker for message in mine}) > 2 else "direct"


@dataclass(frozen=True, slots=True)
class Drafts:
    """Messages, and what can be made ready of them before the database is needed.

    Attributes:
        messages: what was said.
        ids: the id of each.
        vectors: the embedding of each, None for a text without known words.
        columns: the parameters of the columns that follow from the messages alone, by column.
        languages: what each is written in, None where that is not known.
        parts: which part of a text each is, None of a whole one; the parts of a text follow one another.
    """

    messages: Sequence[NewMessage]
    ids: Sequence[UUID]
    vectors: Sequence[Any]
    columns: Mapping[str, Any]
    languages: Sequence[str | None]
    parts: Sequence[Part | None]

    def only(self, places: Sequence[int]) -> Drafts:
        """Leave some of them out."""
        return _drafts(
            [self.messages[n] for n in places],
            [self.ids[n] for n in places],
            [self.vectors[n] for n in places],
            [self.languages[n] for n in places],
            [self.parts[n] for n in places],
        )


def draft(
    messages: Sequence[NewMessage],
    vectors: Sequence[Any],
    languages: Sequence[str | None],
    parts: Sequence[Part | None],
) -> Drafts:
    """Make messages ready as far as it goes without the database; an import does it while another batch is written.

    Args:
        messages: what was said.
        vectors: one binary parameter a message, None for a text without known words.
        languages: what each message is written in, None where that is not known.
        parts: which part of a text each message is, None of a whole one.
    """
    return _drafts(messages, [new_id() for _ in messages], vectors, languages, parts)


def _drafts(
    messages: Sequence[NewMessage],
    ids: Sequence[UUID],
    vectors: Sequence[Any],
    languages: Sequence[str | None],
    parts: Sequence[Part | None],
) -> Drafts:
    return Drafts(messages, ids, vectors, INSERT.of_requests(messages), languages, parts)


async def write_messages(
    ctx: Context, connection: Connection, drafts: Drafts, *, names: Names, now: datetime, thorough: bool = True
) -> list[WrittenMessage]:
    """Write messages in order, in the caller's transaction.

    Args:
        ctx: whose messages they are, and what embedded them.
        connection: inside the caller's transaction.
        drafts: what was said.
        names: ids of who is named.
        now: the time of messages that have none.
        thorough: look every source id up. Without, a large batch of which a sample is new is believed to be new.

    Returns:
        One a message, in order: its id, and False for ``created`` if its source had brought it before. Parts of a text
        that was brought before have the id of its first part.

    Raises:
        NotFound: a conversation is there, and is not this principal's to see.
        Conflict: a source id was there after all, or came in between (``conflict.exists``): once more, thoroughly.
    """
    messages, ids, organization_id = drafts.messages, drafts.ids, ctx.principal.organization_id
    split = [(m.source, m.source_id) for m, part in zip(messages, drafts.parts, strict=True) if is_first(part)]
    earlier = {(source, earlier_id(name)): (source, name) for source, name in split if name}
    sourced = [messages[n] for n in firsts(drafts.parts) if messages[n].source_id]
    pairs = list(dict.fromkeys((message.source, message.source_id or "") for message in sourced))
    at_once = [] if len(pairs) > _SAMPLED_FROM else [*pairs, *earlier]
    locked, known_ids = await _ensure_conversations(connection, ctx.principal, messages, names, at_once)
    if not at_once:
        known_ids = await _known(connection, organization_id, pairs, earlier, thorough=thorough)
    known_ids = {earlier[pair]: first for pair, first in known_ids.items() if pair in earlier} | known_ids
    batch = _Batch(names=names, now=now)
    results: list[WrittenMessage] = []
    for index, (message, identifier, part) in enumerate(zip(messages, ids, drafts.parts, strict=True)):
        if part is not None and part.number > 1:  # with its first part, or not at all
            if not results[-1].created:
                results.append(results[-1])
                continue
        elif message.source_id is not None:
            key = (message.source, message.source_id)
            first = known_ids.setdefault(key, identifier)
            if first != identifier:
                results.append(WrittenMessage(id=first, created=False))
                continue
        batch.add(index, message, locked[message.conversation])
        results.append(WrittenMessage(id=identifier, created=True))
    if not batch.rows:
        return results
    await batch.number_sessions(connection)
    if batch.opened:
        rows = [(c, s.number, s.label, s.started_at) for c, s in batch.opened]
        await repository.add_sessions(connection, organization_id, rows)
    if len(batch.kept) < len(messages):
        drafts = drafts.only(batch.kept)
    columns = {"id": drafts.ids, "embedding": drafts.vectors, "language": drafts.languages}
    columns |= {**part_columns(drafts.parts, drafts.ids), **batch.columns()}
    await repository.add_messages(connection, organization_id, drafts.columns, columns, model=ctx.embedder.name)
    await _note_participants(ctx, connection, batch.participants)
    await _note_speakers(ctx, connection, batch.speakers)
    return results


async def _note_participants(ctx: Context, connection: Connection, pairs: Collection[tuple[UUID, UUID]]) -> None:
    """Note who takes part, (conversation, person), as far as that is not known to be noted already."""
    organization_id = ctx.principal.organization_id
    new = {pair for pair in pairs if not ctx.cache.get((organization_id, "participant", *pair))}
    if new:
        await repository.add_participants(connection, organization_id, sorted(new))
        ctx.learn(connection, {(organization_id, "participant", *pair): True for pair in new})


async def _note_speakers(ctx: Context, connection: Connection, names: Collection[str]) -> None:
    """Let recall know speakers by the words of their names, as far as that is not known to be done already."""
    organization_id = ctx.principal.organization_id
    new = {name for name in names if not ctx.cache.get((organization_id, "speaker", name))}
    if new:
        await identity.add_speaker_names(connection, organization_id, new)
        ctx.learn(connection, {(organization_id, "speaker", name): True for name in new})


async def _known(
    connection: Connection,
    organization_id: UUID,
    pairs: Collection[tuple[str, str]],
    earlier: Collection[tuple[str, str]],
    *,
    thorough: bool,
) -> dict[tuple[str, str], UUID]:
    """Return what many sources have brought before; read under the conversations' locks, so nobody is in between."""
    asked = list(pairs)
    if not thorough and len(asked) > _SAMPLED_FROM:
        sample = asked[:: len(asked) // _SAMPLE]
        if not await repository.known_sources(connection, organization_id, sample):
            asked = []  # an import of something new: looking all up costs a third of what writing costs
    asked += earlier
    return await repository.known_sources(connection, organization_id, asked) if asked else {}


class _Row(NamedTuple):
    """What is found of a message while it is written, by column."""

    conversation_id: UUID
    user_id: UUID | None
    team_id: UUID | None
    agent_id: UUID | None
    sender_id: UUID | None
    speaker: str | None
    occurred_at: datetime
    follows_question: bool


@dataclass(slots=True)
class _Batch:
    """Messages on their way into the table: conversations, sessions and places are given out here."""

    names: Names
    now: datetime
    rows: list[_Row] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    sessions: list[tuple[OpenSession, int]] = field(default_factory=list)
    opened: list[tuple[UUID, OpenSession]] = field(default_factory=list)
    participants: set[tuple[UUID, UUID]] = field(default_factory=set)
    speakers: set[str] = field(default_factory=set)

    def add(self, place: int, message: NewMessage, conversation: LockedConversation) -> None:
        """Put one message, which is that one of the drafts, after those before it."""
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
        self.kept.append(place)
        self.sessions.append((session, session.size))
        names = self.names
        sender = names.users.get(sender_of(message) or "")
        speaker = _speaker_of(message)
        if speaker is not None and sender is None:
            self.speakers.add(speaker)
        if sender is not None:
            self.participants.add((conversation.id, sender))
        self.rows.append(
            _Row(
                conversation.id,
                names.users.get(message.user or ""),
                names.teams.get(message.team or ""),
                names.agents.get(message.agent or ""),
                sender,
                speaker,
                at,
                follows_question,
            )
        )

    async def number_sessions(self, connection: Connection) -> None:
        """Give new sessions their numbers."""
        if self.opened:
            numbers = await repository.next_session_numbers(connection, len(self.opened))
            for (_, session), number in zip(self.opened, numbers, strict=True):
                session.number = number

    def columns(self) -> dict[str, Sequence[Any]]:
        """Return the columns that were found here, one value a row."""
        columns: dict[str, Sequence[Any]] = dict(zip(_Row._fields, zip(*self.rows, strict=True), strict=True))
        columns["ordinal"] = [session.number << SESSION_BITS | place for session, place in self.sessions]
        return columns


@verb(rule="tells how far an import has come: a name of the caller's choice and counts", changes=False)
async def checkpoints(ctx: Context, source: str) -> tuple[Checkpoint, ...]:
    """Read how far imports have come: of this source, and of those whose names go on after it and a colon."""
    async with ctx.database.transaction(ctx.principal, readonly=True) as connection:
        return await repository.load_checkpoints(connection, ctx.principal.organization_id, source)


async def save_checkpoint(connection: Connection, organization_id: UUID, place: Checkpoint) -> None:
    """Write an import's place in the caller's transaction, beside the rows it counts."""
    await repository.save_checkpoint(connection, organization_id, place)
