"""Every verb as another organisation and without its permission: it finds nothing, changes nothing, says no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from mnemon.context import Context
from mnemon.core.errors import Forbidden, NotFound
from mnemon.core.pages import Page
from mnemon.core.text import parse
from mnemon.knowledge import schemas, service
from tests.knowledge.factories import acting, limited, make_agents, make_item, make_pattern, refusal

SINCE = datetime(2020, 1, 1, tzinfo=UTC)
TABLES = (
    "knowledge_items",
    "knowledge_transfers",
    "patterns",
    "pattern_metrics",
    "pattern_usage",
    "knowledge_metrics",
    "learning_sessions",
)


@dataclass(frozen=True, slots=True)
class Filled:
    """What the first organisation has."""

    agent: UUID
    item: UUID
    transfer: UUID
    pattern: UUID
    session: UUID


@pytest_asyncio.fixture
async def filled(ctx: Context) -> Filled:
    mine = await acting(ctx)
    (scout,) = await make_agents(ctx, "scout")
    item = await make_item(ctx, "Secret trains")
    pattern = await make_pattern(ctx)
    transfer = await service.transfer_knowledge(
        ctx, schemas.TransferKnowledge(knowledge_id=item.id, target_agent_id=scout, transfer_method="copy")
    )
    session = await service.start_learning(mine, schemas.StartLearning(source_domain="travel", target_domain="food"))
    await service.record_pattern_use(mine, schemas.PatternUse(pattern_id=pattern.id))
    run = schemas.PatternRun(pattern_id=pattern.id, execution_time_ms=1, success=True)
    await service.record_pattern_metrics(mine, schemas.RecordRuns(runs=(run,)))
    await service.record_knowledge_use(ctx, schemas.RecordUses(uses=(schemas.KnowledgeUse(knowledge_id=item.id),)))
    return Filled(scout, item.id, transfer.id, pattern.id, session.id)


Verb = Callable[[Context, Filled], Awaitable[Any]]


def call(verb: Any, schema: Any, **fields: Any) -> Verb:
    """A verb with a request of these fields; ``$name`` is the first organisation's id of that name."""

    def filled_in(value: Any, rows: Filled) -> Any:
        if isinstance(value, dict):
            return {name: filled_in(one, rows) for name, one in value.items()}
        if isinstance(value, list):
            return [filled_in(one, rows) for one in value]
        return getattr(rows, value[1:]) if isinstance(value, str) and value.startswith("$") else value

    def run(ctx: Context, rows: Filled) -> Any:
        if schema is UUID:
            return verb(ctx, filled_in(fields["id"], rows))
        if schema is None:
            return verb(ctx)
        return verb(ctx, parse(schema, filled_in(fields, rows)))

    return run


#: name: (verb, permission), for verbs that name a row of the first organisation: they find none.
NAMING: dict[str, tuple[Verb, str]] = {
    "add_knowledge": (
        call(service.add_knowledge, schemas.AddKnowledge, domain="x", content={}, source_agent_id="$agent"),
        "knowledge:write",
    ),
    "get_knowledge": (call(service.get_knowledge, UUID, id="$item"), "knowledge:read"),
    "update_knowledge": (
        call(service.update_knowledge, schemas.UpdateKnowledge, id="$item", domain="mine"),
        "knowledge:write",
    ),
    "delete_knowledge": (call(service.delete_knowledge, schemas.DeleteKnowledge, id="$item"), "knowledge:delete"),
    "record_knowledge_use": (
        call(service.record_knowledge_use, schemas.RecordUses, uses=[{"knowledge_id": "$item"}]),
        "knowledge:write",
    ),
    "transfer_knowledge": (
        call(
            service.transfer_knowledge,
            schemas.TransferKnowledge,
            knowledge_id="$item",
            target_agent_id="$agent",
            transfer_method="theft",
        ),
        "knowledge:write",
    ),
    "finish_transfer": (
        call(service.finish_transfer, schemas.FinishTransfer, id="$transfer", success=True),
        "knowledge:write",
    ),
    "get_pattern": (call(service.get_pattern, UUID, id="$pattern"), "patterns:read"),
    "update_pattern": (call(service.update_pattern, schemas.UpdatePattern, id="$pattern", name="x"), "patterns:write"),
    "delete_pattern": (call(service.delete_pattern, UUID, id="$pattern"), "patterns:delete"),
    "record_pattern_use": (
        call(service.record_pattern_use, schemas.PatternUse, pattern_id="$pattern", agent_id="$agent"),
        "patterns:write",
    ),
    "record_pattern_uses": (
        call(
            service.record_pattern_uses,
            schemas.RecordPatternUses,
            uses=[{"pattern_id": "$pattern", "agent_id": "$agent"}],
        ),
        "patterns:write",
    ),
    "record_pattern_metrics": (
        call(
            service.record_pattern_metrics,
            schemas.RecordRuns,
            runs=[{"pattern_id": "$pattern", "agent_id": "$agent", "execution_time_ms": 1, "success": False}],
        ),
        "patterns:write",
    ),
    "pattern_effectiveness": (
        call(service.pattern_effectiveness, schemas.EffectivenessQuery, pattern_id="$pattern", since=SINCE),
        "patterns:read",
    ),
    "start_learning": (
        call(service.start_learning, schemas.StartLearning, agent_id="$agent", source_domain="x", target_domain="y"),
        "learning:write",
    ),
    "get_learning_session": (call(service.get_learning_session, UUID, id="$session"), "learning:read"),
    "finish_learning": (call(service.finish_learning, schemas.FinishLearning, id="$session"), "learning:write"),
}
#: name: (verb, what it answers, permission), for verbs that look for rows: there are none.
LOOKING: dict[str, tuple[Verb, Any, str]] = {
    "search_knowledge": (
        call(service.search_knowledge, schemas.SearchKnowledge, query="secret"),
        Page(items=()),
        "knowledge:read",
    ),
    "knowledge_usage": (
        call(service.knowledge_usage, schemas.UsageQuery, since=SINCE, knowledge_id="$item"),
        schemas.Usage(buckets=()),
        "knowledge:read",
    ),
    "knowledge_summaries": (call(service.knowledge_summaries, schemas.SummaryQuery), (), "knowledge:read"),
    "transfers_of": (
        call(service.transfers_of, schemas.TransferQuery, knowledge_id="$item"),
        Page(items=()),
        "knowledge:read",
    ),
    "find_patterns": (call(service.find_patterns, schemas.FindPatterns), (), "patterns:read"),
    "pattern_summaries": (call(service.pattern_summaries, schemas.SummaryQuery), (), "patterns:read"),
    "learning_sessions": (
        call(service.learning_sessions, schemas.LearningQuery),
        Page(items=()),
        "learning:read",
    ),
    "count_pattern_uses": (call(service.count_pattern_uses, None), 0, "patterns:write"),
    "recompute_pattern_accuracy": (
        call(service.recompute_pattern_accuracy, schemas.RecomputeAccuracy, minimum_runs=1),
        0,
        "patterns:write",
    ),
}
REST: dict[str, tuple[Verb, str]] = {
    "add_pattern": (
        call(service.add_pattern, schemas.AddPattern, type="lateral", name="x", pattern_data={}),
        "patterns:write",
    ),
}
#: Of the installation: no permission in an organisation is enough.
INSTALLATIONS = {"refresh_knowledge_summaries": service.refresh_knowledge_summaries}


async def everything(ctx: Context, admin: Any) -> dict[str, list[str]]:
    """Every row of the organisation, as a superuser sees it."""
    return {
        table: [
            row["row"]
            for row in await admin.fetch(
                f"SELECT to_jsonb(t)::text AS row FROM {table} t WHERE organization_id = $1 ORDER BY 1",
                ctx.principal.organization_id,
            )
        ]
        for table in TABLES
    }


def test_no_verb_is_forgotten() -> None:
    assert {*NAMING, *LOOKING, *REST, *INSTALLATIONS} == set(service.__all__)


async def test_another_organisation_finds_nothing_and_changes_nothing(
    ctx: Context, other: Context, filled: Filled, admin: Any
) -> None:
    before = await everything(ctx, admin)
    assert all(before.values())
    for name, (verb, _) in NAMING.items():
        error = await refusal(verb(other, filled), NotFound)
        assert "Secret" not in str(error.as_dict()), name
    for name, (verb, nothing, _) in LOOKING.items():
        assert await verb(other, filled) == nothing, name
    assert await everything(ctx, admin) == before
    assert not any((await everything(other, admin)).values())


async def test_their_agent_cannot_be_mixed_with_ones_own_rows(ctx: Context, other: Context, filled: Filled) -> None:
    item, pattern = await make_item(other), await make_pattern(other)
    transfer = schemas.TransferKnowledge(knowledge_id=item.id, target_agent_id=filled.agent, transfer_method="copy")
    error = await refusal(service.transfer_knowledge(other, transfer), NotFound)
    assert (error.code, error.data["field"]) == ("not_found.reference", "target_agent_id")
    use = schemas.PatternUse(pattern_id=pattern.id, agent_id=filled.agent)
    error = await refusal(service.record_pattern_use(other, use), NotFound)
    assert (error.code, error.data["field"]) == ("not_found.reference", "agent_id")


ALL = {**NAMING, **{name: (verb, permission) for name, (verb, _, permission) in LOOKING.items()}, **REST}


@pytest.mark.parametrize("name", ALL)
async def test_a_verb_needs_its_permission(ctx: Context, filled: Filled, name: str) -> None:
    verb, permission = ALL[name]
    error = await refusal(verb(limited(ctx, "memories:read", "memories:write"), filled), Forbidden)
    assert error.data["permission"] == permission
    await verb(limited(ctx, permission), filled)


@pytest.mark.parametrize("name", INSTALLATIONS)
async def test_no_organisation_works_for_all(ctx: Context, name: str) -> None:
    assert (await refusal(INSTALLATIONS[name](ctx), Forbidden)).code == "forbidden.installation"
