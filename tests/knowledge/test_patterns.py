"""Patterns: found by what they are, counted exactly however many use them, judged by what was measured."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.text import parse
from mnemon.knowledge import service
from mnemon.knowledge.schemas import (
    AddPattern,
    EffectivenessQuery,
    FindPatterns,
    PatternUse,
    RecomputeAccuracy,
    RecordRuns,
    UpdatePattern,
)
from tests.knowledge.factories import acting, make_agent, make_pattern, raw, refusal
from tests.patience import PATIENCE

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def uncounted(admin: Any, pattern_id: UUID) -> int:
    found: int = await admin.fetchval(
        "SELECT count(*) FROM pattern_usage WHERE pattern_id = $1 AND NOT is_counted", pattern_id
    )
    return found


async def record(ctx: Context, *runs: dict[str, Any]) -> int:
    return await service.record_pattern_metrics(ctx, parse(RecordRuns, {"runs": runs}))


async def test_every_field_comes_back(ctx: Context) -> None:
    made = await make_pattern(ctx, accuracy=0.75, metadata={"by": "hand"})
    assert made == await service.get_pattern(ctx, made.id)
    assert (made.type, made.name, made.pattern_data) == ("lateral", "turn it round", {"steps": 2})
    assert (made.accuracy, made.usage_count, made.metadata, made.version) == (0.75, 0, {"by": "hand"}, 1)


async def test_an_update_changes_what_it_names_and_a_lost_one_is_a_conflict(ctx: Context) -> None:
    made = await make_pattern(ctx, accuracy=0.5, metadata={"a": 1})
    changed = await service.update_pattern(ctx, UpdatePattern(id=made.id, metadata={"b": 2}, expected_version=1))
    assert (changed.metadata, changed.accuracy, changed.name, changed.version) == ({"b": 2}, 0.5, made.name, 2)
    error = await refusal(
        service.update_pattern(ctx, UpdatePattern(id=made.id, accuracy=0.6, expected_version=1)), Conflict
    )
    assert (error.data["expected_version"], error.data["current_version"]) == (1, 2)


async def test_a_deleted_pattern_is_gone_and_its_measurements_stay(ctx: Context, admin: Any) -> None:
    agent = await acting(ctx)
    made = await make_pattern(ctx)
    await service.record_pattern_use(agent, PatternUse(pattern_id=made.id))
    await service.delete_pattern(ctx, made.id)
    for attempt in (
        service.get_pattern(ctx, made.id),
        service.delete_pattern(ctx, made.id),
        service.record_pattern_use(agent, PatternUse(pattern_id=made.id)),
        service.pattern_effectiveness(ctx, EffectivenessQuery(pattern_id=made.id, since=NOON)),
        service.update_pattern(ctx, UpdatePattern(id=made.id, name="x")),
    ):
        await refusal(attempt, NotFound)
    assert await service.find_patterns(ctx, FindPatterns()) == ()
    assert await admin.fetchval("SELECT count(*) FROM pattern_usage WHERE pattern_id = $1", made.id) == 1


async def test_patterns_are_found_by_type_and_accuracy_most_used_first(ctx: Context) -> None:
    agent = await acting(ctx)
    made = {}
    for name, kind, accuracy, uses in (
        ("a", "lateral", 0.9, 1),
        ("b", "lateral", 0.5, 3),
        ("c", "critical", 0.7, 2),
        ("d", "lateral", None, 0),
    ):
        made[name] = await make_pattern(ctx, name=name, type=kind, accuracy=accuracy)
        for _ in range(uses):
            assert await service.record_pattern_use(agent, PatternUse(pattern_id=made[name].id)), "nobody else is there"

    async def names(**conditions: Any) -> str:
        found = await service.find_patterns(ctx, parse(FindPatterns, conditions))
        assert [one.usage_count for one in found] == sorted((one.usage_count for one in found), reverse=True)
        return "".join(one.name for one in found)

    assert await names() == "bcad"
    assert await names(type="lateral") == "bad"
    assert await names(min_accuracy=0.7) == "ca"
    assert await names(type="lateral", min_accuracy=0.5) == "ba"
    assert await names(limit=2) == "bc"
    assert (await service.get_pattern(ctx, made["b"].id)).version == 1, "a use is no change"


async def test_a_popular_pattern_keeps_nobody_waiting_and_counts_every_use(ctx: Context, admin: Any) -> None:
    agent = await acting(ctx)
    made = await make_pattern(ctx)
    use = PatternUse(pattern_id=made.id, success=True)
    # Somebody changes the pattern and takes long over it: uses go on all the same, uncounted.
    async with ctx.database.transaction(ctx.principal) as holder:
        await holder.execute(
            "UPDATE patterns SET name = 'held' WHERE organization_id = $1 AND id = $2",
            ctx.principal.organization_id,
            made.id,
        )
        done = await asyncio.wait_for(
            asyncio.gather(*(service.record_pattern_use(agent, use) for _ in range(5))), PATIENCE
        )
        assert done == [False] * 5
    done = await asyncio.gather(*(service.record_pattern_use(agent, use) for _ in range(40)))
    assert any(done)
    pattern = await service.get_pattern(ctx, made.id)
    assert pattern.usage_count == sum(done)
    assert pattern.usage_count + await uncounted(admin, made.id) == 45, "no use is lost or counted twice"
    # Counting races with more uses, and with itself.
    await asyncio.gather(
        *(service.count_pattern_uses(ctx) for _ in range(4)),
        *(service.record_pattern_use(agent, use) for _ in range(10)),
    )
    await service.count_pattern_uses(ctx)
    assert await uncounted(admin, made.id) == 0
    assert (await service.get_pattern(ctx, made.id)).usage_count == 55
    assert await service.count_pattern_uses(ctx) == 0


async def test_a_use_says_who_when_and_whether_it_helped(ctx: Context, admin: Any) -> None:
    agent = await make_agent(ctx)
    made = await make_pattern(ctx)
    await service.record_pattern_use(
        ctx, PatternUse(pattern_id=made.id, agent_id=agent, success=False, context={"in": "a test"}, at=NOON)
    )
    row = await admin.fetchrow(
        "SELECT agent_id, success, context::text AS context, timestamp, tableoid::regclass::text AS part "
        "FROM pattern_usage WHERE pattern_id = $1",
        made.id,
    )
    assert (row["agent_id"], row["success"], row["context"]) == (agent, False, '{"in": "a test"}')
    assert row["timestamp"] == NOON
    assert row["part"].startswith("pattern_usage_"), "in a partition"
    error = await refusal(service.record_pattern_use(ctx, PatternUse(pattern_id=made.id)), Invalid)
    assert (error.code, error.data["field"]) == ("invalid.required", "agent_id")
    request = PatternUse(pattern_id=made.id, agent_id=uuid4(), at=NOON)
    error = await refusal(service.record_pattern_use(ctx, request), NotFound)
    assert (error.code, error.data["field"]) == ("not_found.reference", "agent_id"), "from the default partition too"


async def test_effectiveness_is_that_of_the_window(ctx: Context) -> None:
    agent = await acting(ctx)
    made, silent = await make_pattern(ctx), await make_pattern(ctx, name="silent")
    runs = [
        {"pattern_id": made.id, "execution_time_ms": 100, "success": True, "at": NOON},
        {"pattern_id": made.id, "execution_time_ms": 200, "success": True, "at": NOON},
        {"pattern_id": made.id, "execution_time_ms": 300, "success": False, "error_type": "timeout", "at": NOON},
        {"pattern_id": made.id, "execution_time_ms": 1000, "success": False, "at": NOON},
        {"pattern_id": made.id, "execution_time_ms": 7, "success": False, "at": NOON + timedelta(days=40)},
    ]
    assert await record(agent, *runs) == 5
    window = {"pattern_id": made.id, "since": NOON, "until": NOON + timedelta(days=40)}
    found = await service.pattern_effectiveness(ctx, parse(EffectivenessQuery, window))
    assert (found.runs, found.successes, found.success_rate) == (4, 2, 0.5)
    assert (found.mean_ms, found.median_ms) == (400.0, 250.0)
    assert found.p95_ms == pytest.approx(895)
    assert found.errors == {"timeout": 1, "unknown": 1}
    # Without an end the window is open up to now.
    assert (await service.pattern_effectiveness(ctx, EffectivenessQuery(pattern_id=made.id, since=NOON))).runs == 5
    none = await service.pattern_effectiveness(ctx, EffectivenessQuery(pattern_id=silent.id, since=NOON))
    assert (none.runs, none.success_rate, none.mean_ms, none.errors) == (0, None, None, {})


async def test_accuracy_is_recomputed_from_what_was_measured(ctx: Context) -> None:
    agent = await acting(ctx)
    now = datetime.now(UTC)
    patterns = {name: await make_pattern(ctx, name=name, accuracy=0.1) for name in ("good", "few", "old", "same")}
    runs = []
    for name, successes, failures, at in (
        ("good", 2, 1, now),
        ("few", 1, 0, now),
        ("old", 3, 0, now - timedelta(days=400)),
        ("same", 1, 9, now),
    ):
        base = {"pattern_id": patterns[name].id, "execution_time_ms": 1, "at": at}
        runs += [{**base, "success": True}] * successes + [{**base, "success": False}] * failures
    await record(agent, *runs)
    assert await service.recompute_pattern_accuracy(ctx, RecomputeAccuracy(days=365, minimum_runs=3)) == 1
    accuracy = {name: (await service.get_pattern(ctx, one.id)).accuracy for name, one in patterns.items()}
    assert accuracy == {"good": 0.67, "few": 0.1, "old": 0.1, "same": 0.1}
    versions = {name: (await service.get_pattern(ctx, one.id)).version for name, one in patterns.items()}
    assert versions == {"good": 2, "few": 1, "old": 1, "same": 1}, "who did not change is not touched"
    assert await service.recompute_pattern_accuracy(ctx, RecomputeAccuracy(days=1000, minimum_runs=1)) == 2


async def test_runs_are_written_together_or_not_at_all(ctx: Context, admin: Any) -> None:
    agent = await acting(ctx)
    made = await make_pattern(ctx)
    run = {"execution_time_ms": 1, "success": True}
    for at in (None, NOON):
        error = await refusal(
            record(agent, {"pattern_id": made.id, **run}, {"pattern_id": uuid4(), "at": at, **run}), NotFound
        )
        assert (error.code, error.data["field"]) == ("not_found.reference", "pattern_id")
    assert not await admin.fetchval("SELECT count(*) FROM pattern_metrics WHERE pattern_id = $1", made.id)
    error = await refusal(record(ctx, {"pattern_id": made.id, **run}), Invalid)
    assert (error.code, error.data["field"]) == ("invalid.required", "runs.0.agent_id")


@pytest.mark.parametrize(
    ("schema", "fields", "code", "field"),
    [
        (AddPattern, {"type": "vertical"}, "invalid.enum", "type"),
        (AddPattern, {"name": "x" * 101}, "invalid.string_too_long", "name"),
        (AddPattern, {"name": " "}, "invalid.blank", "name"),
        (AddPattern, {"accuracy": 1.5}, "invalid.less_than_equal", "accuracy"),
        (AddPattern, {"pattern_data": [1]}, "invalid.dict_type", "pattern_data"),
        (RecordRuns, {"execution_time_ms": -1}, "invalid.greater_than_equal", "runs.0.execution_time_ms"),
        (RecordRuns, {"execution_time_ms": 2**31}, "invalid.less_than_equal", "runs.0.execution_time_ms"),
        (RecordRuns, {"error_type": "x", "success": True}, "invalid.error_type", "runs.0.error_type"),
        (EffectivenessQuery, {"until": NOON}, "invalid.window", "until"),
        (EffectivenessQuery, {"since": "soon"}, "invalid.time", "since"),
        (RecomputeAccuracy, {"days": 0}, "invalid.greater_than_equal", "days"),
        (RecomputeAccuracy, {"minimum_runs": 0}, "invalid.greater_than_equal", "minimum_runs"),
    ],
)
def test_the_schema_names_what_is_wrong(schema: Any, fields: dict[str, Any], code: str, field: str) -> None:
    good: dict[Any, dict[str, Any]] = {
        AddPattern: {"type": "lateral", "name": "n", "pattern_data": {}},
        RecordRuns: {"pattern_id": uuid4(), "execution_time_ms": 1, "success": False},
        EffectivenessQuery: {"pattern_id": uuid4(), "since": NOON},
        RecomputeAccuracy: {},
    }
    data = {**good[schema], **fields}
    with pytest.raises(Invalid) as caught:
        parse(schema, {"runs": [data]} if schema is RecordRuns else data)
    assert (caught.value.code, caught.value.data["field"]) == (code, field)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ("type = 'vertical'", "invalid.type", "type"),
        ("accuracy = 1.01", "invalid.accuracy", "accuracy"),
        ("accuracy = -0.01", "invalid.accuracy", "accuracy"),
        ("accuracy = 'NaN'", "invalid.accuracy", "accuracy"),
        ("usage_count = -1", "invalid.usage_count", "usage_count"),
        ("name = ''", "invalid.name_not_blank", "name"),
        ("pattern_data = '[]'", "invalid.pattern_data", "pattern_data"),
        ("metadata = NULL", "invalid.required", "metadata"),
    ],
)
async def test_the_database_itself_refuses(ctx: Context, change: str, code: str, field: str) -> None:
    made = await make_pattern(ctx)
    error = await refusal(
        raw(
            ctx,
            f"UPDATE patterns SET {change} WHERE organization_id = $1 AND id = $2",
            ctx.principal.organization_id,
            made.id,
        ),
        Invalid,
    )
    assert (error.code, error.data["field"]) == (code, field)


@pytest.mark.parametrize("at", [None, NOON])  # a partition of its own, and the default one
@pytest.mark.parametrize(
    ("milliseconds", "success", "error_type", "code", "field"),
    [
        (-1, True, None, "invalid.execution_time_ms", "execution_time_ms"),
        (1, True, "timeout", "invalid.error_type", "error_type"),
        (None, True, None, "invalid.required", "execution_time_ms"),
        (1, None, None, "invalid.required", "success"),
    ],
)
async def test_the_database_itself_refuses_runs(
    ctx: Context, at: datetime | None, milliseconds: Any, success: Any, error_type: Any, code: str, field: str
) -> None:
    query = (
        "INSERT INTO pattern_metrics (organization_id, pattern_id, agent_id, execution_time_ms, success, error_type, "
        "created_at) VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, now()))"
    )
    values = ((await make_pattern(ctx)).id, await make_agent(ctx), milliseconds, success, error_type, at)
    error = await refusal(raw(ctx, query, ctx.principal.organization_id, *values), Invalid)
    assert (error.code, error.data["field"]) == (code, field)
