"""SQL of conversations: the hot statements on the driver's connection."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BindParameter, Uuid, bindparam, insert, or_, select, text, true

from mnemon.conversations.columns import INSERT
from mnemon.conversations.models import ConversationORM, ConversationParticipantORM, ConversationStatus, MessageORM
from mnemon.conversations.schemas import Checkpoint, SearchMessages
from mnemon.conversations.visibility import visible, visible_conversation
from mnemon.core.principal import Principal
from mnemon.db import sources
from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.repository import BaseRepository
from mnemon.db.rows import from_row
from mnemon.db.sql import statement
from mnemon.db.words import languages_of, matching

PACKAGE = "mnemon.conversations"


class _Bound:
    """Places of values in a predicate that the ORM's statement takes in: each is a parameter of that statement."""

    def __init__(self) -> None:
        self.bound: list[BindParameter[Any]] = []

    def add(self, value: Any, kind: str = "") -> str:
        """Return the place of a person's, an agent's or an organisation's id, or of a list of teams."""
        name = f"seen_{len(self.bound)}"
        self.bound.append(bindparam(name, value, type_=ARRAY(Uuid()) if kind.endswith("[]") else Uuid()))
        return f":{name}"


class ConversationRepository(BaseRepository[ConversationORM]):
    """Conversations of one organisation."""

    model = ConversationORM

    async def one(self, principal: Principal, row_id: UUID) -> ConversationORM | None:
        """Return the conversation, if the principal may see it. Index: pk_conversations."""
        query = self.those(principal).where(ConversationORM.id == row_id)
        found: ConversationORM | None = (await self.session.execute(query)).scalar_one_or_none()
        return found

    def those(
        self,
        principal: Principal,
        *,
        user_id: UUID | None = None,
        agent_id: UUID | None = None,
        team_id: UUID | None = None,
        status: ConversationStatus | None = None,
        type: str | None = None,  # noqa: A002 - the column's name
        metadata: dict[str, Any] | None = None,
    ) -> Any:
        """List those that the principal may see.

        Index: ix_conversations_last_message; ix_conversations_user, _agent or _team for few.
        """
        query = self._alive().where(self._seen_by(principal))
        equal = {"agent_id": agent_id, "team_id": team_id, "status": status, "type": type}
        for name, value in equal.items():
            if value is not None:
                query = query.where(getattr(ConversationORM, name) == value)
        if user_id is not None:
            query = query.where(or_(ConversationORM.user_id == user_id, self._takes_part(user_id)))
        if metadata:
            query = query.where(ConversationORM.metadata_.contains(metadata))
        return query

    async def is_owner(self, row: ConversationORM, principal: Principal) -> bool:
        """Tell whether the principal may put a conversation away: whose it is, who made it, or who leads it."""
        if principal.is_organization:
            return True
        if principal.user_id is None:
            return row.agent_id == principal.agent_id
        if principal.user_id in (row.user_id, row.created_by):
            return True
        leads = self._takes_part(principal.user_id, roles=("owner", "admin"))
        result = await self.session.execute(
            select(ConversationORM.id).where(
                ConversationORM.organization_id == self.organization_id, ConversationORM.id == row.id, leads
            )
        )
        return result.first() is not None

    def _seen_by(self, principal: Principal) -> Any:
        """Return the one predicate of visibility, in the ORM's words."""
        if principal.is_organization:
            return true()
        places = _Bound()
        rule = visible_conversation(
            principal, places, alias="conversations", organization=places.add(self.organization_id, "uuid")
        )
        return text(rule).bindparams(*places.bound)

    def _takes_part(self, user_id: UUID, *, roles: Collection[str] = ()) -> Any:
        part = ConversationParticipantORM
        query = select(part.user_id).where(
            part.organization_id == self.organization_id,
            part.conversation_id == ConversationORM.id,
            part.user_id == user_id,
        )
        return (query.where(part.role.in_(sorted(roles))) if roles else query).exists()

    async def add_participants(self, row_id: UUID, people: Sequence[tuple[UUID, str]]) -> None:
        """Write who takes part in a new conversation: (person, role)."""
        rows = [
            {"organization_id": self.organization_id, "conversation_id": row_id, "user_id": person, "role": role}
            for person, role in people
        ]
        if rows:
            await self.session.execute(insert(ConversationParticipantORM), rows)


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
    is_deleted: bool = False


async def find(connection: Connection, organization_id: UUID, names: Collection[str]) -> dict[str, UUID]:
    """Return ids of conversations by the caller's own strings."""
    rows = await connection.fetch(
        "SELECT external_id, id FROM conversations WHERE organization_id = $1 AND external_id = ANY($2)",
        organization_id,
        list(names),
    )
    return {row["external_id"]: row["id"] for row in rows}


async def statistics(connection: Connection, organization_id: UUID, conversation_id: UUID) -> Any:
    """Return what was said in a conversation, counted; None if there is none."""
    return await connection.fetchrow(statement(PACKAGE, "conversation_statistics"), organization_id, conversation_id)


async def search_messages(
    connection: Connection, principal: Principal, request: SearchMessages, *, match: str, ranked: int
) -> list[Any]:
    """Return messages that have the words, best first, of conversations that the principal sees."""
    params = Params(
        principal.organization_id,
        request.query,
        request.conversation_id,
        request.sender_id,
        request.since,
        request.until,
        request.k,
        max(ranked, request.k),
        await languages_of(connection, principal.organization_id),
    )
    # Of a conversation that is not to be seen, what one said oneself is not found here either: it is not listed.
    seen = f"{visible(principal, 'message', params, own=True)} AND {visible_conversation(principal, params)}"
    return await connection.fetch(
        statement(PACKAGE, "search_messages", match=matching(match), seen=seen), *params.values
    )


async def unseen(connection: Connection, principal: Principal, ids: Collection[UUID]) -> list[UUID]:
    """Return those of these conversations, deleted ones too, that the principal may not see."""
    params = Params(principal.organization_id, list(ids))
    rows = await connection.fetch(
        "SELECT c.id FROM conversations c WHERE c.organization_id = $1 AND c.id = ANY($2) "  # noqa: S608 - ours
        f"AND ({visible_conversation(principal, params)}) IS NOT TRUE",
        *params.values,
    )
    return [row["id"] for row in rows]


async def forget_messages(connection: Connection, organization_id: UUID, conversation_id: UUID) -> int:
    """Forget what was said in a conversation; how many messages it was."""
    done = await connection.execute(statement(PACKAGE, "forget_conversation"), organization_id, conversation_id)
    return int(done.rsplit(" ", 1)[1])


async def labels(connection: Connection, organization_id: UUID, ids: Collection[UUID]) -> list[Any]:
    """Return (id, external_id, name) of conversations."""
    return await connection.fetch(
        "SELECT id, external_id, name FROM conversations WHERE organization_id = $1 AND id = ANY($2)",
        organization_id,
        list(ids),
    )


async def add(connection: Connection, organization_id: UUID, rows: Sequence[tuple[Any, ...]]) -> None:
    """Make conversations: (external_id, name, type, team, agent, user, who makes it); who is there stays as it is."""
    await connection.execute(
        statement(PACKAGE, "add_conversations"), organization_id, *[list(column) for column in zip(*rows, strict=True)]
    )


async def lock(
    connection: Connection, organization_id: UUID, names: Collection[str], pairs: Collection[tuple[str, str]] = ()
) -> tuple[dict[str, LockedConversation], dict[tuple[str, str], UUID]]:
    """Lock conversations for writing, in one order for all writers, with the last session of each.

    Returns:
        They, by the caller's own strings; and the ids of the messages that sources have brought before, of those that
        are asked for (source and source id).
    """
    rows = await connection.fetch(
        "SELECT * FROM open_conversations($1, $2, $3, $4)",
        organization_id,
        sorted(names),
        [source for source, _ in pairs],
        [source_id for _, source_id in pairs],
    )
    locked: dict[str, LockedConversation] = {}
    brought: dict[tuple[str, str], UUID] = {}
    for row in rows:
        if row["external_id"] is None:
            brought[row["source"], row["source_id"]] = row["id"]
        else:
            name = row["external_id"]
            locked[name] = LockedConversation(row["id"], name, _open_session(row), is_deleted=row["is_deleted"])
    return locked, brought


def _open_session(row: Any) -> OpenSession | None:
    if row["number"] is None:
        return None
    return OpenSession(
        row["number"],
        row["label"],
        row["started_at"],
        row["ended_at"],
        row["message_count"],
        row["ends_with_question"],
    )


async def restore(connection: Connection, organization_id: UUID, ids: Collection[UUID]) -> None:
    """Take back the deletion of conversations that are locked here; what was said before stays forgotten."""
    await connection.execute(
        "UPDATE conversations SET deleted_at = NULL, status = 'active' WHERE organization_id = $1 AND id = ANY($2)",
        organization_id,
        list(ids),
    )


async def known_sources(
    connection: Connection, organization_id: UUID, pairs: Collection[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    """Return ids of the messages that these sources have brought already."""
    return await sources.known(connection, "messages", organization_id, pairs)


async def next_session_numbers(connection: Connection, count: int) -> list[int]:
    """Return numbers for new sessions."""
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
    drafted: Mapping[str, Any],
    found: Mapping[str, Sequence[Any]],
    *,
    model: str,
) -> None:
    """Write messages: the parameters of those columns that were drafted, and a value a row for each other column.

    Raises:
        Conflict: another transaction has just brought the same source and id (``conflict.exists``).
    """
    await connection.execute(
        statement(PACKAGE, "add_messages", **INSERT.parts), organization_id, model, *INSERT.arguments(drafted, found)
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


async def load_checkpoints(connection: Connection, organization_id: UUID, source: str) -> tuple[Checkpoint, ...]:
    """Return the places of imports of this source, and of those whose names add something to it; newest first."""
    rows = await connection.fetch(
        "SELECT source, position::text, imported, skipped, broken, finished_at FROM import_checkpoints "
        "WHERE organization_id = $1 AND (source = $2 OR starts_with(source, $2 || ':')) "
        "ORDER BY updated_at DESC, source LIMIT 1000",
        organization_id,
        source,
    )
    return tuple(from_row(Checkpoint, row, "position") for row in rows)
