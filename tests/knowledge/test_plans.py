"""The statements of knowledge use their indexes, under row-level security, in a large tenant and in a small one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mnemon.db.words import matching
from tests.plans import SIZES, Case, Crowd, Key, words
from tests.plans import crowd as crowd

PACKAGE = "mnemon.knowledge"
ITEM, AGENT, PATTERN, SESSION = Key("item"), Key("agent"), Key("pattern"), Key("learning")
NOW = datetime.now(UTC)
WINDOW = (NOW - timedelta(hours=1), NOW)
MATCH = {"match": matching("@~@")}
SEARCH = (words(1), None, None, None, None, None, 20, 5000, None)
LIST = "ix_knowledge_items_created|ix_knowledge_items_domain"
TRANSFERS = "ix_knowledge_transfers_source|ix_knowledge_transfers_target|ix_knowledge_transfers_created"

CASES = (
    Case("get_knowledge", (ITEM,), ("pk_knowledge_items",), kept=True),
    Case("list_knowledge", (*[None] * 7, 20), (LIST,)),
    Case("list_knowledge", ("domain-7", *[None] * 6, 200), (LIST,)),
    Case("list_knowledge", (*[None] * 5, NOW, ITEM, 20), (LIST,)),
    Case("list_transfers", (ITEM, None, None, None, 50), ("ix_knowledge_transfers_knowledge",)),
    Case("list_transfers", (None, AGENT, None, None, 50), (TRANSFERS,)),
    Case("get_transfer", (Key("transfer"),), ("pk_knowledge_transfers",)),
    Case("add_transfer", (ITEM, None, AGENT, "copy"), ("pk_knowledge_items",)),
    Case("finish_transfer", (Key("transfer"), True, None), ("pk_knowledge_transfers",)),
    Case("get_pattern", (PATTERN,), ("pk_patterns",), kept=True),
    Case("find_patterns", (None, None, 20), ("ix_patterns_usage|ix_patterns_type",)),
    Case("find_patterns", ("lateral", None, 1000), ("ix_patterns_type|ix_patterns_usage",)),
    Case("record_pattern_use", (PATTERN, AGENT, True, "{}", None), ("pk_patterns",)),
    Case("add_pattern_uses", ([PATTERN], [AGENT], [True], ["{}"], [None]), ("pk_patterns",)),
    # They only write: what they refer to is looked up by foreign keys.
    Case("record_runs", ([], [], [], [], [], [])),
    Case("record_uses", ([], [], [], [], [], [])),
)
LEARNING = "ix_learning_sessions_agent|ix_learning_sessions_domains|ix_learning_sessions_started"
SESSIONS = (
    Case("get_learning_session", (SESSION,), ("pk_learning_sessions",), kept=True),
    Case("list_learning_sessions", (AGENT, *[None] * 4, 20), (LEARNING,)),
    Case("list_learning_sessions", (None, "domain-7", *[None] * 3, 20), (LEARNING,)),
    Case("list_learning_sessions", (*[None] * 5, 20), (LEARNING,)),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_listings_and_look_ups_use_their_indexes(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold(PACKAGE, case)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", SESSIONS, ids=str)
async def test_learning_sessions_are_found_by_index(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold(PACKAGE, case)


@pytest.mark.parametrize("size", SIZES)
async def test_search_uses_the_full_text_index_under_policies(crowd: Crowd, size: str) -> None:
    tenant = crowd.tenant(size)
    assert crowd.app.database.match_operator == "@~@"
    await tenant.hold(PACKAGE, Case("search_knowledge", SEARCH, ("ix_knowledge_items_search|" + LIST,), MATCH))
    if size == "large":
        for languages in (None, ["de", "ru"]):
            asked = (*SEARCH[:-1], languages)
            await tenant.hold(PACKAGE, Case("search_knowledge", asked, ("ix_knowledge_items_search",), MATCH))
    # The operator that is not leakproof would not: what the doctor warns of is real.
    query = tenant.statement(PACKAGE, "search_knowledge", match=matching("@@"))
    plan = await tenant.plan(query, tenant.ctx.principal.organization_id, *SEARCH)
    assert not plan.uses("ix_knowledge_items_search"), plan.text


@pytest.mark.parametrize("size", SIZES)
async def test_windows_read_their_partitions_by_index(crowd: Crowd, size: str) -> None:
    tenant = crowd.tenant(size)
    await tenant.hold(PACKAGE, Case("pattern_effectiveness", (PATTERN, *WINDOW), ("ix_pattern_metrics_pattern",)))
    await tenant.hold(
        PACKAGE,
        Case("knowledge_usage", (*WINDOW, "day", ITEM, None), ("ix_knowledge_metrics_item|ix_knowledge_metrics_time",)),
    )
    query = tenant.statement(PACKAGE, "pattern_effectiveness")
    plan = await tenant.plan(query, tenant.ctx.principal.organization_id, tenant.key(PATTERN), *WINDOW)
    months = {WINDOW[0].strftime("%Y%m"), NOW.strftime("%Y%m")}
    assert 1 <= len([name for name in plan.relations if name.startswith("pattern_metrics_")]) <= len(months)


@pytest.mark.parametrize("size", SIZES)
async def test_summaries_are_read_by_index_behind_the_barrier(crowd: Crowd, size: str) -> None:
    """In the order they are asked in, so that no more is read than is wanted."""
    tenant = crowd.tenant(size)
    organization = tenant.ctx.principal.organization_id
    for name, function, index in (
        ("pattern_summaries", "top_patterns", "ix_pattern_effectiveness_totals_runs"),
        ("knowledge_summaries", "top_knowledge", "ix_knowledge_usage_totals_used"),
    ):
        assert f"{function}($1, $2)" in tenant.statement(PACKAGE, name)
        source = await crowd.admin.fetchval("SELECT prosrc FROM pg_proc WHERE proname = $1", function)
        query = source.split("RETURN QUERY", 1)[1].rsplit(";", 2)[0]
        plan = await crowd.owners_plan(query.replace("p_organization", f"'{organization}'").replace("p_limit", "20"))
        assert plan.uses(index), plan.text
        assert not plan.scanned, plan.text
        assert "Sort" not in plan.text, plan.text


async def test_summaries_of_another_organisation_are_not_given(crowd: Crowd) -> None:
    """The functions' own wall: naming somebody else's organisation gives nothing."""
    mine, theirs = crowd.tenant("small"), crowd.tenant("large").ctx.principal.organization_id
    async with mine.ctx.database.transaction(mine.ctx.principal) as connection:
        for function in ("top_patterns", "top_knowledge"):
            query = f"SELECT count(*) FROM {function}($1, 10)"
            assert await connection.fetchval(query, mine.ctx.principal.organization_id) > 0
            assert await connection.fetchval(query, theirs) == 0
