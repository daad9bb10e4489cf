"""Knowledge on its way from one agent to another: it arrives or fails, once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.text import parse
from mnemon.knowledge import service
from mnemon.knowledge.schemas import (
    DeleteKnowledge,
    FinishTransfer,
    KnowledgeItem,
    Transfer,
    TransferKnowledge,
    TransferQuery,
)
from tests.knowledge.factories import make_agents, make_item, raw, refusal


async def begin(ctx: Context, item: KnowledgeItem, target: Any, **fields: Any) -> Transfer:
    request = {"knowledge_id": item.id, "target_agent_id": target, "transfer_method": "copy", **fields}
    return await service.transfer_knowledge(ctx, parse(TransferKnowledge, request))


async def test_a_transfer_begins_and_arrives(ctx: Context) -> None:
    guide, scout = await make_agents(ctx, "guide", "scout")
    item = await make_item(ctx, "Night trains")
    begun = await begin(ctx, item, scout)
    assert (begun.knowledge_id, begun.title, begun.domain) == (item.id, "Night trains", "travel")
    assert (begun.source_agent_id, begun.source_agent) == (guide, "guide"), "the item's own agent"
    assert (begun.target_agent_id, begun.target_agent) == (scout, "scout")
    assert (begun.success, begun.completed_at, begun.error_message, begun.version) == (False, None, None, 1)
    done = await service.finish_transfer(ctx, FinishTransfer(id=begun.id, success=True))
    assert (done.success, done.error_message, done.version) == (True, None, 2)
    assert done.completed_at is not None
    assert done.completed_at >= done.created_at


async def test_a_transfer_fails_for_a_reason(ctx: Context) -> None:
    (scout,) = await make_agents(ctx, "scout")
    begun = await begin(ctx, await make_item(ctx), scout)
    done = await service.finish_transfer(ctx, FinishTransfer(id=begun.id, success=False, error_message="no room"))
    assert (done.success, done.error_message) == (False, "no room")
    assert done.completed_at is not None


async def test_a_transfer_ends_once(ctx: Context) -> None:
    (scout,) = await make_agents(ctx, "scout")
    begun = await begin(ctx, await make_item(ctx), scout)
    attempts = [service.finish_transfer(ctx, FinishTransfer(id=begun.id, success=bool(n % 2))) for n in range(6)]
    done = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(one, Transfer) for one in done) == 1
    errors = [one for one in done if isinstance(one, Conflict)]
    assert len(errors) == 5
    assert {error.code for error in errors} == {"conflict.finished"}


async def test_what_is_not_there_is_not_passed_on(ctx: Context) -> None:
    (scout,) = await make_agents(ctx, "scout")
    item = await make_item(ctx)
    error = await refusal(begin(ctx, item, uuid4()), NotFound)
    assert (error.code, error.data["field"]) == ("not_found.reference", "target_agent_id")
    error = await refusal(begin(ctx, item, scout, source_agent_id=uuid4()), NotFound)
    assert (error.code, error.data["field"]) == ("not_found.reference", "source_agent_id")
    await service.delete_knowledge(ctx, DeleteKnowledge(id=item.id))
    assert (await refusal(begin(ctx, item, scout), NotFound)).code == "not_found.knowledge"
    error = await refusal(service.finish_transfer(ctx, FinishTransfer(id=uuid4(), success=True)), NotFound)
    assert error.code == "not_found.transfer"


async def test_history_by_item_and_by_agent(ctx: Context) -> None:
    guide, scout, cook = await make_agents(ctx, "guide", "scout", "cook")
    trains, soup = await make_item(ctx, "Trains"), await make_item(ctx, "Soup", source_agent_id=cook)
    one = await begin(ctx, trains, scout)
    two = await begin(ctx, trains, cook, source_agent_id=scout)
    three = await begin(ctx, soup, guide)

    async def ids(**conditions: Any) -> list[Any]:
        found = []
        while True:
            page = await service.transfers_of(ctx, parse(TransferQuery, {"limit": 1, **conditions}))
            found += [transfer.id for transfer in page.items]
            if page.next_cursor is None:
                return found
            conditions["cursor"] = page.next_cursor

    assert await ids(knowledge_id=trains.id) == [two.id, one.id]
    assert await ids(agent_id=scout) == [two.id, one.id], "given and got"
    assert await ids(agent_id=cook) == [three.id, two.id]
    assert await ids(agent_id=cook, knowledge_id=trains.id) == [two.id]
    # What was passed on is history, also when the item is gone.
    await service.delete_knowledge(ctx, DeleteKnowledge(id=trains.id))
    assert await ids(knowledge_id=trains.id) == [two.id, one.id]
    error = await refusal(service.transfers_of(ctx, TransferQuery()), Invalid)
    assert (error.code, error.data["field"]) == ("invalid.required", "knowledge_id")


def test_the_schema_names_what_is_wrong() -> None:
    good = {"knowledge_id": uuid4(), "target_agent_id": uuid4(), "transfer_method": "copy"}
    for fields, code, field in (
        ({"transfer_method": " "}, "invalid.blank", "transfer_method"),
        ({"transfer_method": "x" * 51}, "invalid.string_too_long", "transfer_method"),
        ({"target_agent_id": None}, "invalid.uuid_type", "target_agent_id"),
    ):
        with pytest.raises(Invalid) as caught:
            parse(TransferKnowledge, {**good, **fields})
        assert (caught.value.code, caught.value.data["field"]) == (code, field)
    with pytest.raises(Invalid) as caught:
        parse(FinishTransfer, {"id": uuid4(), "success": True, "error_message": "but"})
    assert (caught.value.code, caught.value.data["field"]) == ("invalid.error_message", "error_message")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ("success = true, error_message = 'but'", "invalid.error_message", "error_message"),
        ("transfer_method = ' '", "invalid.transfer_method_not_blank", "transfer_method"),
        ("completed_at = created_at - interval '1 second'", "invalid.completed_at", "completed_at"),
        ("target_agent_id = NULL", "invalid.required", "target_agent_id"),
    ],
)
async def test_the_database_itself_refuses(ctx: Context, change: str, code: str, field: str) -> None:
    (scout,) = await make_agents(ctx, "scout")
    begun = await begin(ctx, await make_item(ctx), scout)
    error = await refusal(
        raw(
            ctx,
            f"UPDATE knowledge_transfers SET {change} WHERE organization_id = $1 AND id = $2",
            ctx.principal.organization_id,
            begun.id,
        ),
        Invalid,
    )
    assert (error.code, error.data["field"]) == (code, field)
