"""Conversations: made, read, changed, closed and deleted."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from mnemon.context import Context
from mnemon.conversations import repository
from mnemon.conversations.models import LAST_TALK, NO_TALK, ConversationORM, ConversationStatus
from mnemon.conversations.repository import ConversationRepository
from mnemon.conversations.schemas import (
    CONVERSATION_KEYS,
    Conversation,
    ConversationChange,
    ConversationCreate,
    ConversationList,
    ConversationRef,
    ConversationUpdate,
)
from mnemon.core.changes import changes
from mnemon.core.errors import Forbidden
from mnemon.core.pages import Page
from mnemon.core.principal import Principal
from mnemon.db.listing import Listing
from mnemon.db.rows import from_row, missing
from mnemon.db.session import driver_of
from mnemon.verbs import verb

#: Columns that decide who sees a conversation.
_OPENING = frozenset({"is_private", "agent_id"})
#: The latest talk first; of conversations where nothing was said the newest first.
LATEST = Listing(
    "conversations.list_conversations",
    {"last_message_at": datetime, "created_at": datetime, "id": UUID},
    descending=True,
    absent={"last_message_at": NO_TALK},
)
#: What a request calls a column.
_COLUMNS = {"title": "name", "metadata": "metadata_"}


@verb("conversations:write")
async def create_conversation(ctx: Context, request: ConversationCreate) -> Conversation:
    """Make a conversation before anything is said in it (002); the first message would make it by its name.

    Raises:
        Conflict: the external id is taken, perhaps by a conversation that was deleted.
        NotFound: the person, the agent or the team is not one of this organisation.
        Forbidden: a person makes it for somebody else or for a team that is not theirs; or no ``conversations:write``.
    """
    owner = _owner(ctx.principal, request.user_id)
    if request.team_id is not None and ctx.principal.user_id is not None:
        _require_team(ctx.principal, request.team_id)
    people = dict.fromkeys(request.participant_ids, "member")
    if owner is not None:
        people[owner] = "owner"
    values = request.model_dump(exclude={"participant_ids", "type", "user_id", "title", "metadata"})
    async with ctx.database.session(ctx.principal) as session:
        conversations = ConversationRepository(session, ctx.principal.organization_id)
        row = await conversations.create(
            **values,
            name=request.title,
            metadata_=request.metadata,
            user_id=owner,
            type=request.type or _kind(request, people),
            created_by=ctx.principal.user_id,
        )
        await conversations.add_participants(row.id, sorted(people.items()))
        await session.refresh(row)
        return from_row(Conversation, row)


@verb("conversations:read")
async def get_conversation(ctx: Context, request: ConversationRef) -> Conversation:
    """Read a conversation by its id.

    Raises:
        NotFound: there is none, it was deleted, or it is not this principal's to see; the three look the same.
    """

    async def read(session: AsyncSession) -> Conversation:
        return from_row(Conversation, await one(ctx, session, request.conversation_id))

    return await ctx.database.read_session(ctx.principal, read)


@verb("conversations:read")
async def list_conversations(ctx: Context, request: ConversationList) -> Page[Conversation]:
    """List conversations that the principal may see, the latest talk first, those where nothing was said last.

    One in which something is said while its pages are read has moved to the front.
    """

    async def read(session: AsyncSession) -> Page[Conversation]:
        conversations = ConversationRepository(session, ctx.principal.organization_id)
        return await conversations.page(
            LATEST,
            ctx.principal,
            request,
            partial(from_row, Conversation),
            query=conversations.those(ctx.principal, **request.model_dump(exclude={"limit", "cursor"})),
            columns=(LAST_TALK, ConversationORM.created_at, ConversationORM.id),
        )

    return await ctx.database.read_session(ctx.principal, read)


@verb("conversations:write")
async def update_conversation(ctx: Context, request: ConversationUpdate) -> Conversation:
    """Change a conversation; who sees it is changed by whose it is.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
        Forbidden: it is somebody else's, and the change would open or close it, or give it to an agent.
        Conflict: it has another version than the one expected; ``data`` has both.
    """
    values = {
        _COLUMNS.get(name, name): value
        for name, value in changes(request, keys=CONVERSATION_KEYS, empties=True).items()
    }
    async with ctx.database.session(ctx.principal) as session:
        if values.keys() & _OPENING:
            await _own(ctx, session, request.conversation_id)
        else:
            await one(ctx, session, request.conversation_id)
        return await _change(ctx, session, request, values)


@verb("conversations:write")
async def archive_conversation(ctx: Context, request: ConversationChange) -> Conversation:
    """Close a conversation: it is read and searched as before, and is no longer among the active ones.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
        Forbidden: it is somebody else's.
        Conflict: it has another version than the one expected.
    """
    async with ctx.database.session(ctx.principal) as session:
        await _own(ctx, session, request.conversation_id)
        return await _change(ctx, session, request, {"status": ConversationStatus.CLOSED})


@verb("conversations:delete")
async def delete_conversation(ctx: Context, request: ConversationChange) -> int:
    """Delete a conversation softly, and forget what was said in it; a message that names it brings it back, empty.

    Returns:
        How many messages were forgotten.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
        Forbidden: it is somebody else's.
        Conflict: it has another version than the one expected.
    """
    organization = ctx.principal.organization_id
    async with ctx.database.session(ctx.principal) as session:
        await _own(ctx, session, request.conversation_id)
        await _change(ctx, session, request, {"deleted_at": func.now()})
        return await repository.forget_messages(await driver_of(session), organization, request.conversation_id)


def _kind(request: ConversationCreate, people: dict[UUID, str]) -> str:
    if request.agent_id is not None:
        return "ai_chat"
    return "group" if len(people) > 2 else "direct"


def _owner(principal: Principal, user_id: UUID | None) -> UUID | None:
    """Decide who owns a new conversation: the person who asks, or whom the organisation names."""
    if principal.user_id is None:
        return user_id
    if user_id not in (None, principal.user_id):
        raise Forbidden("This would be somebody else's.", code="forbidden.owner", field="user_id")
    return principal.user_id


def _require_team(principal: Principal, team_id: UUID) -> None:
    if team_id not in principal.team_ids:
        raise Forbidden("This is another team's.", code="forbidden.team", field="team_id")


async def one(ctx: Context, session: AsyncSession, row_id: UUID) -> ConversationORM:
    """Return the conversation, if the principal may see it.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
    """
    conversations = ConversationRepository(session, ctx.principal.organization_id)
    row = await conversations.one(ctx.principal, row_id)
    if row is None:
        raise missing("conversation", row_id)
    return row


async def _own(ctx: Context, session: AsyncSession, row_id: UUID) -> None:
    row = await one(ctx, session, row_id)
    if not await ConversationRepository(session, ctx.principal.organization_id).is_owner(row, ctx.principal):
        raise Forbidden(
            "Only whose conversation it is may open it, close it or put it away.",
            code="forbidden.owner",
            field="conversation_id",
        )


async def _change(
    ctx: Context, session: AsyncSession, request: ConversationChange, values: dict[str, Any]
) -> Conversation:
    row = await ConversationRepository(session, ctx.principal.organization_id).update(
        request.conversation_id, expected_version=request.expected_version, **values
    )
    return from_row(Conversation, row)
