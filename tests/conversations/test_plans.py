"""The statements of conversations use their indexes, under row-level security, in a large tenant and in a small one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from mnemon.context import Context
from mnemon.conversations.columns import INSERT
from mnemon.conversations.models import LAST_TALK, ConversationORM
from mnemon.conversations.repository import ConversationRepository
from mnemon.conversations.service.lifecycle import LATEST
from mnemon.core.pages import PageRequest
from mnemon.db.words import matching
from tests.plans import SIZES, Case, Crowd, Key, words
from tests.plans import crowd as crowd

MATCH = {"match": matching("@~@"), "seen": "true"}
PARTICIPANTS = "pk_conversation_participants"
OF_A_FEW = "ix_messages_conversation|ix_messages_user|uq_messages_organization_id_ordinal"
ANY = f"ix_messages_search|ix_messages_occurred|{OF_A_FEW}"
NAME = "uq_conversations_organization_id_external_id"

NOTHING: dict[str, list[Any]] = {column.name: [] for column in INSERT.columns}

CASES = (
    Case("add_conversations", (["conversation-1"], ["n"], ["direct"], *[[None]] * 4), (NAME,)),
    # It only writes: what it refers to is looked up by foreign keys.
    Case("add_messages", (None, *INSERT.arguments({}, NOTHING)), parts=INSERT.parts),
    Case(
        "conversation_statistics",
        (Key("conversation"),),
        ("pk_conversations", "ix_messages_conversation", "ix_conversation_sessions_conversation", PARTICIPANTS),
    ),
    Case("forget_conversation", (Key("conversation"),), ("ix_messages_conversation",), small=(OF_A_FEW,)),
    Case("search_messages", (words(1), *[None] * 4, 20, 5000, None), ("ix_messages_search",), MATCH, small=(ANY,)),
    Case("save_checkpoint", ("source 1", "{}", 0, 0, 0, None), ("uq_import_checkpoints_organization_id_source",)),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_statements_use_their_indexes(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.conversations", case)


async def test_the_latest_talk_is_listed_in_the_order_of_its_index(ctx: Context) -> None:
    """With no other way than by an index that has the order: that there is one is what is asked."""
    async with ctx.database.session(ctx.principal) as session:
        conversations = ConversationRepository(session, ctx.principal.organization_id)
        columns = (LAST_TALK, ConversationORM.created_at, ConversationORM.id)
        query = LATEST.select(conversations.those(ctx.principal), ctx.principal, PageRequest(), *columns)
        shown = str(query.compile(dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True}))
        for way in ("sort", "seqscan", "bitmapscan"):
            await session.execute(text(f"SET LOCAL enable_{way} = off"))
        plan = " ".join((await session.execute(text(f"EXPLAIN {shown}"))).scalars())
    assert "ix_conversations_last_message" in plan, plan
    assert "Sort" not in plan, plan
