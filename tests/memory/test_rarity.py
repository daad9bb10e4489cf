"""How rare a word is: by the rows of the scope, each counted once, or by the organisation's statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.memory import service
from mnemon.memory.recall import candidates
from mnemon.memory.recall.question import read
from mnemon.memory.schemas import Scope, Search
from mnemon.memory.scope import resolve
from tests.factories import context_of, with_settings


def rows(messages: int, memories: int, word: str = "boat") -> list[dict[str, Any]]:
    """Rows with one word; every message in a conversation of its own, so that none has a neighbour."""
    talk = [{"content": f"a {word}", "user": "ada", "conversation": f"c{n}"} for n in range(messages)]
    return [*talk, *({"content": f"a {word}", "user": "bob", "metadata": {"n": n}} for n in range(memories))]


async def counted(ctx: Context, *, scope: Scope | None = None, limit: int = 200, embedded: bool = True) -> int | None:
    """The rows that recall believes a scope has."""
    vector = np.full(ctx.embedder.dimensions, 0.1 if embedded else 0.0, dtype=np.float32)
    async with ctx.database.read_transaction(ctx.principal) as connection:
        resolved = await resolve(ctx, connection, scope or Scope())
        asked = await candidates.understand(connection, read("boat"), resolved)
        found = await candidates.nearest(
            connection,
            resolved,
            asked.sizes,
            vector,
            limit=limit,
            exact_limit=ctx.settings.exact_search_limit,
        )
    return found.rows


@pytest.mark.parametrize("embedded", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 200])
@pytest.mark.parametrize(("messages", "memories"), [(1, 0), (10, 0), (0, 10), (10, 3), (10, 10), (3, 10), (40, 1)])
async def test_each_row_counts_once(
    memory: AsyncMemory, messages: int, memories: int, limit: int, embedded: bool
) -> None:
    await memory.remember(rows(messages, memories))
    assert await counted(context_of(memory), limit=limit, embedded=embedded) == messages + memories


async def test_messages_of_one_conversation_count_once_each(memory: AsyncMemory) -> None:
    await memory.remember([{"content": f"boat {n}", "user": "ada", "conversation": "c"} for n in range(11)])
    assert await counted(context_of(memory)) == 11, "their ordinals are even and odd in turns"


async def test_rows_outside_the_scope_do_not_count(memory: AsyncMemory) -> None:
    await memory.remember(rows(5, 7))
    ctx = context_of(memory)
    assert await counted(ctx, scope=Scope(user="ada")) == 5
    assert await counted(ctx, scope=Scope(user="bob")) == 7
    assert await counted(ctx, scope=Scope(kinds=["message"])) == 5
    assert await counted(ctx, scope=Scope(kinds=["memory"])) == 7
    assert await counted(ctx, scope=Scope(conversation="c1")) == 1
    assert await counted(ctx, scope=Scope(user="bob", kinds=["message"])) == 0


def rarity(total: int, documents: int) -> float:
    """BM25's weight of a word."""
    return float(np.log1p((total - documents + 0.5) / (documents + 0.5)))


async def own_words(ctx: Context, text: str) -> float:
    """What the row with this text has of the question's words "boat" and "gale", by their rarity."""
    found = await service.search(ctx, Search(query="boat gale", k=1000, scope=Scope()))
    (hit, *_) = [hit for hit in found if hit.content == text]
    return hit.why.match["own_words"].value


@pytest.mark.parametrize(("messages", "memories"), [(9, 0), (0, 9), (4, 5)])
async def test_a_word_is_as_rare_as_the_rows_say(memory: AsyncMemory, messages: int, memories: int) -> None:
    await memory.remember([*rows(messages, memories, "tram"), *rows(5, 0), *rows(0, 1, "gale")])
    boat, gale = rarity(15, 5), rarity(15, 1)
    ctx = context_of(memory)
    assert await own_words(ctx, "a boat") == pytest.approx(boat / (boat + gale), abs=1e-5)
    assert await own_words(ctx, "a gale") == pytest.approx(gale / (boat + gale), abs=1e-5)


@pytest.mark.parametrize(("messages", "memories"), [(130, 0), (0, 130), (60, 70)])
async def test_a_word_is_as_rare_as_the_statistics_say(memory: AsyncMemory, messages: int, memories: int) -> None:
    ctx = with_settings(context_of(memory), exact_search_limit=100, recall_copy_rows=0)
    await memory.remember([*rows(messages, memories, "tram"), *rows(15, 5), *rows(0, 1, "gale")])
    await service.maintain(ctx)
    boat, gale = rarity(151, 20), rarity(151, 1)
    assert await own_words(ctx, "a boat") == pytest.approx(boat / (boat + gale), abs=1e-5)


async def test_rows_that_came_after_the_statistics_make_a_word_more_common(memory: AsyncMemory) -> None:
    ctx = with_settings(context_of(memory), exact_search_limit=100, recall_copy_rows=0)
    await memory.remember([*rows(60, 70, "tram"), *rows(15, 5), *rows(0, 1, "gale")])
    await service.maintain(ctx)
    await memory.remember(rows(20, 20), dedupe=False)
    boat, gale = rarity(151, 60), rarity(151, 1)
    assert await own_words(ctx, "a boat") == pytest.approx(boat / (boat + gale), abs=1e-5)
