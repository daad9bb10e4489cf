"""Learning sessions: they begin, end once, and are looked back on."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.text import parse
from mnemon.knowledge import service
from mnemon.knowledge.schemas import FinishLearning, LearningQuery, LearningSession, StartLearning
from tests.knowledge.factories import acting, make_agents, raw, refusal


async def begin(ctx: Context, **fields: Any) -> LearningSession:
    given = {"source_domain": "chess", "target_domain": "go", **fields}
    return await service.start_learning(ctx, parse(StartLearning, given))


async def test_a_session_begins_and_ends(ctx: Context) -> None:
    agent = await acting(ctx)
    begun = await begin(agent, transfer_mode="gradual", session_metrics={"games": 3, "level": 1})
    assert begun == await service.get_learning_session(ctx, begun.id)
    assert (begun.agent_id, begun.source_domain, begun.target_domain) == (agent.principal.agent_id, "chess", "go")
    assert (begun.transfer_mode, begun.improvement_score, begun.completed_at) == ("gradual", None, None)
    done = await service.finish_learning(
        ctx, FinishLearning(id=begun.id, improvement_score=-0.25, session_metrics={"level": 2, "won": True})
    )
    assert (done.improvement_score, done.version) == (-0.25, 2)
    assert done.session_metrics == {"games": 3, "level": 2, "won": True}
    assert done.completed_at is not None
    assert done.completed_at >= done.started_at
    assert done == await service.get_learning_session(ctx, begun.id)


async def test_a_session_ends_once(ctx: Context) -> None:
    begun = await begin(await acting(ctx))
    attempts = [service.finish_learning(ctx, FinishLearning(id=begun.id, improvement_score=n / 10)) for n in range(5)]
    done = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(one, LearningSession) for one in done) == 1
    errors = [one for one in done if isinstance(one, Conflict)]
    assert len(errors) == 4
    assert {error.code for error in errors} == {"conflict.finished"}


async def test_who_or_what_is_not_there(ctx: Context) -> None:
    error = await refusal(begin(ctx), Invalid)
    assert (error.code, error.data["field"]) == ("invalid.required", "agent_id")
    error = await refusal(begin(ctx, agent_id=uuid4()), NotFound)
    assert (error.code, error.data["field"]) == ("not_found.reference", "agent_id")
    for attempt in (
        service.get_learning_session(ctx, uuid4()),
        service.finish_learning(ctx, FinishLearning(id=uuid4())),
    ):
        assert (await refusal(attempt, NotFound)).code == "not_found.learning_session"


async def test_sessions_are_listed_newest_first(ctx: Context) -> None:
    guide, scout = await make_agents(ctx, "guide", "scout")
    made = [
        await begin(ctx, agent_id=guide),
        await begin(ctx, agent_id=scout, target_domain="shogi"),
        await begin(ctx, agent_id=guide, source_domain="poker"),
    ]

    async def places(**conditions: Any) -> list[int]:
        found = []
        while True:
            page = await service.learning_sessions(ctx, parse(LearningQuery, {"limit": 1, **conditions}))
            found += [made.index(one) for one in page.items]
            if page.next_cursor is None:
                return found
            conditions["cursor"] = page.next_cursor

    assert await places() == [2, 1, 0]
    assert await places(agent_id=guide) == [2, 0]
    assert await places(source_domain="chess") == [1, 0]
    assert await places(source_domain="chess", target_domain="go") == [0]
    assert await places(target_domain="bridge") == []


@pytest.mark.parametrize(
    ("schema", "fields", "code", "field"),
    [
        (StartLearning, {"transfer_mode": "sudden"}, "invalid.enum", "transfer_mode"),
        (StartLearning, {"source_domain": ""}, "invalid.string_too_short", "source_domain"),
        (StartLearning, {"target_domain": " "}, "invalid.blank", "target_domain"),
        (FinishLearning, {"improvement_score": 1.5}, "invalid.less_than_equal", "improvement_score"),
        (FinishLearning, {"improvement_score": -1.5}, "invalid.greater_than_equal", "improvement_score"),
        (FinishLearning, {"session_metrics": 3}, "invalid.dict_type", "session_metrics"),
    ],
)
def test_the_schema_names_what_is_wrong(schema: Any, fields: dict[str, Any], code: str, field: str) -> None:
    good = {"source_domain": "chess", "target_domain": "go"} if schema is StartLearning else {"id": uuid4()}
    with pytest.raises(Invalid) as caught:
        parse(schema, {**good, **fields})
    assert (caught.value.code, caught.value.data["field"]) == (code, field)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ("transfer_mode = 'sudden'", "invalid.transfer_mode", "transfer_mode"),
        ("source_domain = ' '", "invalid.source_domain_not_blank", "source_domain"),
        ("target_domain = NULL", "invalid.required", "target_domain"),
        ("improvement_score = 1.01", "invalid.improvement_score", "improvement_score"),
        ("improvement_score = -1.01", "invalid.improvement_score", "improvement_score"),
        ("session_metrics = '[]'", "invalid.session_metrics", "session_metrics"),
        ("completed_at = started_at - interval '1 second'", "invalid.completed_at", "completed_at"),
    ],
)
async def test_the_database_itself_refuses(ctx: Context, change: str, code: str, field: str) -> None:
    begun = await begin(await acting(ctx))
    query = f"UPDATE learning_sessions SET {change} WHERE organization_id = $1 AND id = $2"
    error = await refusal(raw(ctx, query, ctx.principal.organization_id, begun.id), Invalid)
    assert (error.code, error.data["field"]) == (code, field)
