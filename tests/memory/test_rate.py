"""rate: what was said is rated, seen with the message, counted, taken back; and nobody rates what they cannot see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon import AsyncMemory, Invalid, NotFound
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import ConversationList, ConversationRef
from mnemon.core.errors import Forbidden
from mnemon.memory import service
from mnemon.memory.schemas import Rate
from tests.factories import context_of
from tests.workspace.helpers import acting, people, without_rights


async def said(memory: AsyncMemory, **fields: Any) -> UUID:
    done = await memory.remember("The boat is blue", role="assistant", agent="guide", **{"user": "ada", **fields})
    return done.id


async def test_a_rating_is_seen_and_counted(memory: AsyncMemory) -> None:
    message = await said(memory, conversation="boats")
    assert (await memory.get(message)).feedback_rating is None
    item = await memory.rate(message, "negative", comment="it is red")
    assert (item.id, item.feedback_rating, item.feedback_comment) == (message, "negative", "it is red")
    found = (await memory.search("boat", user="ada"))[0].item
    assert (found.feedback_rating, found.content) == ("negative", "The boat is blue")
    ctx = context_of(memory)
    (conversation,) = (await conversations.list_conversations(ctx, ConversationList())).items
    counted = await conversations.conversation_statistics(ctx, ConversationRef(conversation_id=conversation.id))
    assert (counted.rated_negative, counted.rated_positive) == (1, 0)
    again = await memory.rate(str(message), "positive")
    assert (again.feedback_rating, again.feedback_comment) == ("positive", None)
    back = await memory.rate(message, None)
    assert (back.feedback_rating, back.feedback_comment) == (None, None)


async def test_what_cannot_be_rated(memory: AsyncMemory, new_memory: Callable[[], Awaitable[AsyncMemory]]) -> None:
    message = await said(memory)
    for rating in ("good", "", "POSITIVE", 5, True):
        with pytest.raises(Invalid) as refused:
            await memory.rate(message, rating)  # type: ignore[arg-type]
        assert "positive" in refused.value.message
        assert "negative" in refused.value.message
    with pytest.raises(Invalid):
        await memory.rate(message, "positive", comment=" ")
    with pytest.raises(Invalid) as refused:
        await memory.rate(message, None, comment="why")
    assert refused.value.code == "invalid.comment"
    with pytest.raises(Invalid):
        await memory.rate("not an id", "positive")
    kept = await memory.remember("Ada likes tea", user="ada")
    with pytest.raises(Invalid) as refused:
        await memory.rate(kept.id, "positive")
    assert refused.value.code == "invalid.not_a_message"
    for nobody in (uuid4(), message):
        other = await new_memory()
        with pytest.raises(NotFound) as gone:
            await other.rate(nobody, "positive")
        assert gone.value.code == "not_found.message"
    await memory.forget(message)
    with pytest.raises(NotFound):
        await memory.rate(message, "positive")


async def test_who_may_not_see_may_not_rate(memory: AsyncMemory) -> None:
    message = await said(memory, conversation="ours")
    ctx = context_of(memory)
    (bob,) = await people(ctx, "bob")
    with pytest.raises(NotFound):
        await service.rate(acting(ctx, bob), Rate(message_id=message, rating="positive"))
    with pytest.raises(Forbidden):
        await service.rate(without_rights(ctx), Rate(message_id=message, rating="positive"))
    assert (await memory.get(message)).feedback_rating is None
