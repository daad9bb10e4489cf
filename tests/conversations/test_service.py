"""Conversations: kinds, sessions of odd talk, and import checkpoints."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import Checkpoint
from tests.factories import context_of


@pytest.mark.parametrize(
    ("messages", "kind"),
    [
        ([{"user": "ada"}], "direct"),
        ([{"user": "ada"}, {"user": "ada", "speaker": "bob"}], "direct"),
        ([{"speaker": "ada"}, {"speaker": "bob"}, {"speaker": "cem"}], "group"),
        ([{"user": "ada"}, {"role": "assistant", "speaker": "guide"}], "ai_chat"),
        ([{"user": "ada", "agent": "guide"}], "ai_chat"),
    ],
)
async def test_the_kind_of_a_conversation(
    memory: AsyncMemory, admin: Any, messages: list[dict[str, str]], kind: str
) -> None:
    await memory.remember([{"content": "hello", "conversation": "c", **message} for message in messages])
    assert (
        await admin.fetchval(
            "SELECT type FROM conversations WHERE organization_id = $1", context_of(memory).principal.organization_id
        )
        == kind
    )


async def test_a_checkpoint_is_kept_and_replaced(ctx: Context, other: Context) -> None:
    organization = ctx.principal.organization_id
    assert await conversations.checkpoints(ctx, "jsonl:x") == ()
    for imported in (10, 20):
        place = Checkpoint(source="jsonl:x", position={"offset": imported}, imported=imported, skipped=1, broken=2)
        async with ctx.database.transaction(ctx.principal) as connection:
            await conversations.save_checkpoint(connection, organization, place)
        assert await conversations.checkpoints(ctx, "jsonl:x") == (place,)
    more = Checkpoint(source="jsonl:x:1")
    async with ctx.database.transaction(ctx.principal) as connection:
        await conversations.save_checkpoint(connection, organization, more)
        await conversations.save_checkpoint(connection, organization, Checkpoint(source="jsonl:xy"))
    assert await conversations.checkpoints(ctx, "jsonl:x") == (more, place)
    assert await conversations.checkpoints(ctx, "jsonl:%") == ()
    assert await conversations.checkpoints(ctx, "jsonl:y") == ()
    assert await conversations.checkpoints(other, "jsonl:x") == ()


async def test_places_are_made_once(ctx: Context) -> None:
    async def ensure(names: list[str]) -> dict[str, Any]:
        async with ctx.database.transaction(ctx.principal) as connection:
            return dict(await conversations.ensure_places(connection, ctx.principal, names))

    found = await asyncio.gather(*(ensure(["b", "a", "c"]) for _ in range(8)))
    assert all(one == found[0] for one in found)
    assert await ensure([]) == {}


async def test_messages_and_sessions_agree(memory: AsyncMemory, admin: Any) -> None:
    """Each message's ordinal is in the session of its conversation that covers it."""
    await asyncio.gather(
        *(
            memory.remember(
                [{"content": f"{n}.{m}", "conversation": f"c{m % 3}", "session": f"s{m % 2}"} for m in range(12)]
            )
            for n in range(6)
        )
    )
    organization = context_of(memory).principal.organization_id
    wrong = await admin.fetchval(
        "SELECT count(*) FROM messages m LEFT JOIN conversation_sessions s "
        "ON s.organization_id = m.organization_id AND s.number = m.ordinal >> 16 "
        "WHERE m.organization_id = $1 AND (s.conversation_id IS DISTINCT FROM m.conversation_id "
        "OR (m.ordinal & 65535) NOT BETWEEN 1 AND s.message_count "
        "OR m.occurred_at NOT BETWEEN s.started_at AND s.ended_at)",
        organization,
    )
    assert wrong == 0
    counts = await admin.fetch(
        "SELECT s.message_count, count(*) AS there FROM messages m JOIN conversation_sessions s "
        "ON s.organization_id = m.organization_id AND s.number = m.ordinal >> 16 "
        "WHERE m.organization_id = $1 GROUP BY s.id, s.message_count",
        organization,
    )
    assert all(row["message_count"] == row["there"] for row in counts)
    total = await admin.fetchval(
        "SELECT sum(message_count) FROM conversations WHERE organization_id = $1", organization
    )
    assert total == 72
