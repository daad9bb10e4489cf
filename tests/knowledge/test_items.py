"""Items of knowledge: what goes in is found, changes once at a time, and what breaks a rule is named."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.app import App
from mnemon.context import Context
from mnemon.core.errors import Conflict, Invalid, NotFound
from mnemon.core.text import parse
from mnemon.knowledge import service
from mnemon.knowledge.schemas import (
    AddKnowledge,
    DeleteKnowledge,
    RecordUses,
    SearchKnowledge,
    UpdateKnowledge,
    UsageQuery,
)
from tests.factories import new_slug
from tests.knowledge.factories import acting, make_agent, make_agents, make_item, raw, refusal

INSERT = (
    "INSERT INTO knowledge_items (organization_id, domain, content, source_agent_id, confidence) "
    "VALUES ($1, $2, $3::jsonb, $4, $5::text::numeric)"
)


async def titles(ctx: Context, **conditions: Any) -> list[str]:
    page = await service.search_knowledge(ctx, parse(SearchKnowledge, conditions))
    return [hit.item.content["title"] for hit in page.items]


async def test_every_field_comes_back(ctx: Context) -> None:
    agent = await make_agent(ctx)
    content = {"title": "Night trains", "description": "They run daily", "facts": [1, 2.5, None, {"ü": True}]}
    request = AddKnowledge(
        domain="travel", content=content, source_agent_id=agent, confidence=0.87, tags=("rail", "rail", "night")
    )
    made = await service.add_knowledge(ctx, request)
    assert made == await service.get_knowledge(ctx, made.id)
    assert (made.domain, made.content, made.source_agent_id) == ("travel", content, agent)
    assert (made.confidence, made.tags, made.version) == (0.87, ("rail", "night"), 1)
    assert made.created_at == made.updated_at


async def test_the_acting_agent_is_the_source(ctx: Context) -> None:
    agent = await acting(ctx)
    made = await service.add_knowledge(agent, AddKnowledge(domain="travel", content={}))
    assert made.source_agent_id == agent.principal.agent_id
    assert (made.confidence, made.tags) == (None, ())
    error = await refusal(service.add_knowledge(ctx, AddKnowledge(domain="travel", content={})), Invalid)
    assert (error.code, error.data["field"]) == ("invalid.required", "source_agent_id")


async def test_an_unknown_agent_is_no_source(ctx: Context) -> None:
    request = AddKnowledge(domain="travel", content={}, source_agent_id=uuid4())
    error = await refusal(service.add_knowledge(ctx, request), NotFound)
    assert (error.code, error.data["field"]) == ("not_found.reference", "source_agent_id")


async def test_an_update_changes_what_it_names(ctx: Context) -> None:
    made = await make_item(ctx, tags=["rail"], confidence=0.5)
    changed = await service.update_knowledge(
        ctx, UpdateKnowledge(id=made.id, content={"title": "Ferries"}, tags=(), expected_version=1)
    )
    assert (changed.content, changed.tags, changed.version) == ({"title": "Ferries"}, (), 2)
    assert (changed.domain, changed.confidence, changed.created_at) == ("travel", 0.5, made.created_at)
    assert changed.updated_at > made.updated_at, "kept by trigger"
    assert await titles(ctx, query="ferry") == ["Ferries"], "search follows the content"
    assert await titles(ctx, query="trains") == []


async def test_a_lost_update_is_a_conflict_with_both_versions(ctx: Context) -> None:
    made = await make_item(ctx)
    changes = [UpdateKnowledge(id=made.id, domain=f"d{n}", expected_version=1) for n in range(5)]
    done = await asyncio.gather(*(service.update_knowledge(ctx, one) for one in changes), return_exceptions=True)
    won = [one for one in done if not isinstance(one, BaseException)]
    lost = [one for one in done if isinstance(one, Conflict)]
    assert (len(won), len(lost)) == (1, 4)
    for error in lost:
        assert error.code == "conflict.version"
        assert (error.data["expected_version"], error.data["current_version"]) == (1, 2)
    assert (await service.get_knowledge(ctx, made.id)).version == 2


async def test_nothing_to_change_is_refused(ctx: Context) -> None:
    made = await make_item(ctx)
    error = await refusal(service.update_knowledge(ctx, UpdateKnowledge(id=made.id, expected_version=1)), Invalid)
    assert error.code == "invalid.no_change"


async def test_a_deleted_item_is_gone_and_kept(ctx: Context, admin: Any) -> None:
    made = await make_item(ctx)
    error = await refusal(service.delete_knowledge(ctx, DeleteKnowledge(id=made.id, expected_version=7)), Conflict)
    assert (error.data["expected_version"], error.data["current_version"]) == (7, 1)
    await service.delete_knowledge(ctx, DeleteKnowledge(id=made.id, expected_version=1))
    await refusal(service.get_knowledge(ctx, made.id), NotFound)
    await refusal(service.delete_knowledge(ctx, DeleteKnowledge(id=made.id)), NotFound)
    await refusal(service.update_knowledge(ctx, UpdateKnowledge(id=made.id, domain="x")), NotFound)
    assert await titles(ctx) == []
    assert await titles(ctx, query="trains") == []
    row = await admin.fetchrow("SELECT deleted_at, version FROM knowledge_items WHERE id = $1", made.id)
    assert row["deleted_at"] is not None
    assert row["version"] == 2


async def test_search_finds_words_of_title_and_description(ctx: Context) -> None:
    await make_item(ctx, "Night trains", content={"description": "Sleepers through the Alps"})
    await make_item(ctx, "Ferries", content={"description": "No trains here", "notes": "alps"})
    await make_item(ctx, "Buses")
    assert await titles(ctx, query="sleeper") == ["Night trains"], "words are stemmed"
    assert await titles(ctx, query="alps") == ["Night trains"], "notes are not searched"
    assert set(await titles(ctx, query="trains")) == {"Night trains", "Ferries"}
    assert await titles(ctx, query="trains -ferries") == ["Night trains"]
    assert set(await titles(ctx, query="buses or ferries")) == {"Buses", "Ferries"}
    assert await titles(ctx, query='"night trains"') == ["Night trains"]
    assert await titles(ctx, query="the") == []


async def test_search_ranks_the_better_fit_first(ctx: Context) -> None:
    await make_item(ctx, "Rail", content={"description": "A long text about many things and one train " + "more " * 40})
    await make_item(ctx, "Train", content={"description": "train train"})
    page = await service.search_knowledge(ctx, SearchKnowledge(query="train"))
    assert [hit.item.content["title"] for hit in page.items] == ["Train", "Rail"]
    assert page.items[0].rank > page.items[1].rank > 0
    assert page.next_cursor is None
    assert await titles(ctx, query="train", limit=1) == ["Train"]


@pytest.mark.parametrize("query", [None, "trip"])
async def test_conditions_narrow_a_search_and_a_listing(ctx: Context, query: str | None) -> None:
    guide, scout = await make_agents(ctx, "guide", "scout")
    everything = [
        ("trip a", "travel", guide, 0.9, ["rail", "night"]),
        ("trip b", "travel", scout, 0.5, ["rail"]),
        ("trip c", "food", guide, None, ["night"]),
        ("trip d", "food", scout, 0.7, []),
    ]
    for title, domain, agent, confidence, tags in everything:
        await make_item(ctx, title, domain=domain, source_agent_id=agent, confidence=confidence, tags=tags)
    for conditions, expected in (
        ({"domain": "travel"}, "ab"),
        ({"source_agent_id": scout}, "bd"),
        ({"tags": ["rail", "night"]}, "a"),
        ({"tags": ["rail"]}, "ab"),
        ({"any_tags": ["rail", "night"]}, "abc"),
        ({"min_confidence": 0.7}, "ad"),
        ({"min_confidence": 0.0}, "abd"),
        ({"domain": "travel", "min_confidence": 0.6, "any_tags": "rail"}, "a"),
        ({"domain": "nothing"}, ""),
    ):
        found = await titles(ctx, query=query, **conditions)
        assert {title[-1] for title in found} == set(expected), conditions


@settings(max_examples=8)
@given(count=st.integers(0, 12), limit=st.integers(1, 5))
async def test_pages_show_every_item_once_newest_first(app: App, count: int, limit: int) -> None:
    ctx = await app.organization(new_slug())
    made = [(await make_item(ctx, str(number))).id for number in range(count)]
    seen = []
    cursor = None
    while True:
        page = await service.search_knowledge(ctx, SearchKnowledge(limit=limit, cursor=cursor))
        assert len(page.items) <= limit
        seen += [hit.item.id for hit in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == made[::-1]


@pytest.mark.parametrize("cursor", ["nonsense", "!", "AAAA", "A" * 32 + "ü"])
async def test_a_cursor_of_nobody_is_refused(ctx: Context, cursor: str) -> None:
    error = await refusal(service.search_knowledge(ctx, SearchKnowledge(cursor=cursor)), Invalid)
    assert (error.code, error.data["field"]) == ("invalid.cursor", "cursor")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"domain": ""}, "invalid.string_too_short", "domain"),
        ({"domain": "  "}, "invalid.blank", "domain"),
        ({"domain": "d" * 101}, "invalid.string_too_long", "domain"),
        ({"domain": "a\x00b"}, "invalid.characters", "domain"),
        ({"content": []}, "invalid.dict_type", "content"),
        ({"content": {"title": 3}}, "invalid.content_format", "content"),
        ({"content": {"description": None}}, "invalid.content_format", "content"),
        ({"content": {"description": "x" * 50_001}}, "invalid.content_too_long", "content"),
        ({"content": {"x": float("nan")}}, "invalid.json", "content"),
        ({"confidence": 1.1}, "invalid.less_than_equal", "confidence"),
        ({"confidence": -0.1}, "invalid.greater_than_equal", "confidence"),
        ({"confidence": float("nan")}, "invalid.finite_number", "confidence"),
        ({"tags": ["x" * 101]}, "invalid.string_too_long", "tags.0"),
        ({"source_agent_id": "x"}, "invalid.uuid_parsing", "source_agent_id"),
        ({"colour": "red"}, "invalid.unknown_field", "colour"),
    ],
)
def test_the_schema_names_what_is_wrong(fields: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(AddKnowledge, {"domain": "travel", "content": {}, **fields})
    assert (caught.value.code, caught.value.data["field"]) == (code, field)


@pytest.mark.parametrize(
    ("column", "value", "code", "field"),
    [
        ("domain", " ", "invalid.domain_not_blank", "domain"),
        ("domain", None, "invalid.required", "domain"),
        ("content", "[]", "invalid.content_format", "content"),
        ("content", '{"title": 3}', "invalid.content_format", "content"),
        ("content", '{"description": "' + "x" * 50_001 + '"}', "invalid.content_too_long", "content"),
        ("content", None, "invalid.required", "content"),
        ("confidence", "1.01", "invalid.confidence", "confidence"),
        ("confidence", "-0.01", "invalid.confidence", "confidence"),
        ("confidence", "NaN", "invalid.confidence", "confidence"),
        ("source_agent_id", None, "invalid.required", "source_agent_id"),
    ],
)
async def test_the_database_itself_refuses(ctx: Context, column: str, value: Any, code: str, field: str) -> None:
    values = {"domain": "travel", "content": "{}", "source_agent_id": await make_agent(ctx), "confidence": "0.5"}
    values[column] = value
    error = await refusal(raw(ctx, INSERT, ctx.principal.organization_id, *values.values()), Invalid)
    assert (error.code, error.data["field"]) == (code, field)


async def test_usage_is_counted_by_time_and_event(ctx: Context) -> None:
    trains, ferries = await make_item(ctx, "Trains"), await make_item(ctx, "Ferries", domain="sea")
    day = datetime(2026, 3, 2, 12, tzinfo=UTC)
    uses = [
        {"knowledge_id": trains.id, "at": day},
        {"knowledge_id": trains.id, "at": day + timedelta(hours=1), "value": 3},
        {"knowledge_id": ferries.id, "at": day},
        {"knowledge_id": ferries.id, "at": day, "event": "rated", "value": 0.25},
        {"knowledge_id": trains.id, "at": day + timedelta(days=1)},
        {"knowledge_id": trains.id, "at": day + timedelta(days=9)},
    ]
    assert await service.record_knowledge_use(ctx, parse(RecordUses, {"uses": uses})) == 6

    async def usage(**conditions: Any) -> list[tuple[int, str, int, float, int]]:
        window = {"since": day - timedelta(days=1), "until": day + timedelta(days=9), **conditions}
        found = await service.knowledge_usage(ctx, parse(UsageQuery, window))
        return [(one.start.day, one.event.value, one.count, one.total, one.items) for one in found.buckets]

    assert await usage() == [(2, "rated", 1, 0.25, 1), (2, "used", 3, 5.0, 2), (3, "used", 1, 1.0, 1)]
    assert await usage(knowledge_id=ferries.id) == [(2, "rated", 1, 0.25, 1), (2, "used", 1, 1.0, 1)]
    assert await usage(domain="travel", every="month") == [(1, "used", 3, 5.0, 1)]
    assert await usage(every="week", knowledge_id=trains.id) == [(2, "used", 3, 5.0, 1)]
    # What happened at the end of a window is not in it.
    assert await usage(since=day, until=day + timedelta(hours=1), domain="travel") == [(2, "used", 1, 1.0, 1)]


async def test_usage_is_written_together_or_not_at_all(ctx: Context, admin: Any) -> None:
    made = await make_item(ctx)
    request = parse(RecordUses, {"uses": [{"knowledge_id": made.id}, {"knowledge_id": uuid4()}]})
    error = await refusal(service.record_knowledge_use(ctx, request), NotFound)
    assert (error.code, error.data["field"]) == ("not_found.reference", "knowledge_id")
    assert not await admin.fetchval("SELECT count(*) FROM knowledge_metrics WHERE knowledge_id = $1", made.id)


@pytest.mark.parametrize(
    ("use", "code", "field"),
    [
        ({"value": -1}, "invalid.greater_than_equal", "uses.0.value"),
        ({"value": 1.5, "event": "rated"}, "invalid.rating", "uses.0.value"),
        ({"event": "lost"}, "invalid.enum", "uses.0.event"),
    ],
)
def test_the_schema_of_usage_names_what_is_wrong(use: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(RecordUses, {"uses": [{"knowledge_id": uuid4(), **use}]})
    assert (caught.value.code, caught.value.data["field"]) == (code, field)


@pytest.mark.parametrize("at", ["now()", "'1999-01-01'"])  # a partition of its own, and the default one
@pytest.mark.parametrize(
    ("event", "value", "code", "field"),
    [
        ("lost", "1", "invalid.metric_type", "metric_type"),
        ("used", "-1", "invalid.value", "value"),
        ("used", "NaN", "invalid.value", "value"),
        ("rated", "1.5", "invalid.value", "value"),
    ],
)
async def test_the_database_itself_refuses_usage(
    ctx: Context, at: str, event: str, value: str, code: str, field: str
) -> None:
    made = await make_item(ctx)
    query = (
        "INSERT INTO knowledge_metrics (organization_id, knowledge_id, metric_type, value, timestamp) "
        f"VALUES ($1, $2, $3, $4::text::numeric, {at})"
    )
    error = await refusal(raw(ctx, query, ctx.principal.organization_id, made.id, event, value), Invalid)
    assert (error.code, error.data["field"], error.data["table"][:17]) == (code, field, "knowledge_metrics")
