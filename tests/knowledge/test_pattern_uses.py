"""Many uses of patterns in one transaction: all or none, and counted later, exactly."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Forbidden, Invalid, NotFound
from mnemon.core.text import parse
from mnemon.knowledge import service
from mnemon.knowledge.schemas import PatternUse, RecordPatternUses
from tests.knowledge.factories import acting, limited, make_agent, make_pattern, refusal


def uses(*pattern_ids: UUID, **fields: Any) -> RecordPatternUses:
    return RecordPatternUses(uses=tuple(PatternUse(pattern_id=one, **fields) for one in pattern_ids))


async def test_they_are_written_together_and_counted_exactly(ctx: Context) -> None:
    agent, one, two = await acting(ctx), await make_pattern(ctx), await make_pattern(ctx)
    assert await service.record_pattern_uses(agent, uses(one.id, two.id, one.id, success=True)) == 3
    assert (await service.get_pattern(ctx, one.id)).usage_count == 0
    assert await service.count_pattern_uses(ctx) == 3
    assert (await service.get_pattern(ctx, one.id)).usage_count == 2
    assert (await service.get_pattern(ctx, two.id)).usage_count == 1


async def test_one_that_is_not_there_keeps_all_out(ctx: Context, other: Context, admin: Any) -> None:
    agent, good, gone = await acting(ctx), await make_pattern(ctx), await make_pattern(ctx)
    await service.delete_pattern(ctx, gone.id)
    theirs = await make_pattern(other)
    for stranger in (uuid4(), gone.id, theirs.id):
        error = await refusal(service.record_pattern_uses(agent, uses(good.id, stranger)), NotFound)
        assert (error.code, error.data["field"]) == ("not_found.reference", "pattern_id")
    stranger = await make_agent(other)
    error = await refusal(service.record_pattern_uses(ctx, uses(good.id, agent_id=stranger)), NotFound)
    assert error.data["field"] == "agent_id"
    organization = ctx.principal.organization_id
    assert not await admin.fetchval("SELECT count(*) FROM pattern_usage WHERE organization_id = $1", organization)


async def test_what_is_refused(ctx: Context) -> None:
    made = await make_pattern(ctx)
    assert (await refusal(service.record_pattern_uses(ctx, uses(made.id)), Invalid)).data["field"] == "uses.0.agent_id"
    with pytest.raises(Invalid):
        parse(RecordPatternUses, {"uses": []})
    with pytest.raises(Forbidden):
        await service.record_pattern_uses(limited(ctx, "patterns:read"), uses(made.id))
