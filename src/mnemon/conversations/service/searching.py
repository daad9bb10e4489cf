"""Questions about what was said: counts, and a search by words."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from mnemon.context import Context
from mnemon.conversations import repository
from mnemon.conversations.schemas import ConversationRef, ConversationStatistics, FoundMessage, SearchMessages
from mnemon.conversations.service.lifecycle import one
from mnemon.db.rows import from_row, missing
from mnemon.db.session import driver_of
from mnemon.verbs import verb

#: Of a word that very many messages have, so many of the newest are ranked.
RANKED = 2000


@verb("conversations:read")
async def conversation_statistics(ctx: Context, request: ConversationRef) -> ConversationStatistics:
    """Count what was said in a conversation: by role, by people, in tokens and in time.

    Raises:
        NotFound: there is none, or it is not this principal's to see.
    """

    async def read(session: AsyncSession) -> Any:
        await one(ctx, session, request.conversation_id)
        return await repository.statistics(
            await driver_of(session), ctx.principal.organization_id, request.conversation_id
        )

    statistics = await ctx.database.read_session(ctx.principal, read)
    if statistics is None:  # deleted in between
        raise missing("conversation", request.conversation_id)
    return from_row(ConversationStatistics, statistics)


@verb("messages:read")
async def search_messages(ctx: Context, request: SearchMessages) -> tuple[FoundMessage, ...]:
    """Find messages that have the words, best first (000); words are found in their other forms.

    Of conversations that the principal may see only; deleted ones and forgotten messages are not there.
    """
    async with ctx.database.read_transaction(ctx.principal) as connection:
        rows = await repository.search_messages(
            connection, ctx.principal, request, match=ctx.database.match_operator, ranked=RANKED
        )
    return tuple(from_row(FoundMessage, row) for row in rows)
