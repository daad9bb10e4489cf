"""maintain: rows of a large organisation move into the indexes, once, whoever does it, and recall stays right."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.memory import service
from mnemon.memory.recall import candidates
from mnemon.memory.schemas import Hit, Search
from tests.factories import context_of, with_settings

PLACES = ("Lisbon", "Porto", "Turin", "Genoa", "Malmö")
THINGS = ("boat", "train", "bicycle", "tram", "ferry", "lift", "bus")


def rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "content": f"The {THINGS[n % 7]} number {n} goes to {PLACES[n % 5]}",
            "user": f"person {n % 3}",
            **({"conversation": f"c{n % 4}"} if n % 2 else {"importance": n % 10 + 1}),
        }
        for n in range(start, start + count)
    ]


async def large(memory: AsyncMemory, count: int) -> Context:
    """A context under which an organisation of more than a hundred rows is a large one."""
    for first in range(0, count, 500):
        await memory.remember(rows(min(500, count - first), first))
    return with_settings(context_of(memory), exact_search_limit=100, recall_copy_rows=0)


async def statistics(admin: Any, ctx: Context) -> tuple[dict[str, int], int]:
    """(documents by lexeme, indexed rows) as maintenance keeps them."""
    organization = ctx.principal.organization_id
    terms = await admin.fetch("SELECT lexeme, documents FROM recall_terms WHERE organization_id = $1", organization)
    indexed = await admin.fetchval("SELECT indexed FROM recall_statistics WHERE organization_id = $1", organization)
    return {row["lexeme"]: row["documents"] for row in terms}, indexed or 0


async def counted(admin: Any, ctx: Context) -> tuple[dict[str, int], int]:
    """The same, counted from the rows."""
    found: Counter[str] = Counter()
    total = 0
    for table in ("messages", "memories"):
        for row in await admin.fetch(
            f"SELECT tsvector_to_array(search_vector) AS words FROM {table} WHERE organization_id = $1 AND is_indexed",
            ctx.principal.organization_id,
        ):
            found.update(row["words"])
            total += 1
    return dict(found), total


async def test_a_small_organisation_needs_no_index(memory: AsyncMemory, admin: Any) -> None:
    ctx = await large(memory, 100)
    done = await service.maintain(ctx)
    assert (done.indexed, done.remaining) == (0, 0)
    assert await counted(admin, ctx) == ({}, 0)
    await memory.remember(rows(1, 100))
    assert (await service.maintain(ctx)).indexed == 101


async def test_statistics_equal_a_count(memory: AsyncMemory, admin: Any) -> None:
    ctx = await large(memory, 700)
    done = await service.maintain(ctx)
    assert (done.indexed, done.remaining) == (700, 0)
    assert await statistics(admin, ctx) == await counted(admin, ctx)
    assert (await counted(admin, ctx))[1] == 700
    await memory.remember(rows(50, 700))
    assert (await service.maintain(ctx)).indexed == 50
    assert await statistics(admin, ctx) == await counted(admin, ctx)
    assert (await service.maintain(ctx)).indexed == 0


async def test_it_stops_after_the_rows_it_may_take(memory: AsyncMemory, admin: Any) -> None:
    ctx = await large(memory, 1700)
    done = await service.maintain(ctx, max_rows=1)
    assert 0 < done.indexed <= 1000
    assert done.remaining > 0
    rest = await service.maintain(ctx)
    assert done.indexed + rest.indexed == 1700
    assert rest.remaining == 0


async def test_four_at_once_index_each_row_once(memory: AsyncMemory, admin: Any) -> None:
    ctx = await large(memory, 1600)
    done = await asyncio.gather(*(service.maintain(ctx) for _ in range(4)))
    again = await service.maintain(ctx)
    assert sum(one.indexed for one in done) + again.indexed == 1600
    assert await statistics(admin, ctx) == await counted(admin, ctx)
    assert (await counted(admin, ctx))[1] == 1600


async def test_four_at_once_do_not_deadlock_over_the_words_of_two_tables(memory: AsyncMemory, admin: Any) -> None:
    words = ("apple", "berry", "cherry", "mango")
    for block in range(4):  # each batch of messages has the common word and one that sorts before it
        await memory.remember(
            [{"content": f"{words[block % 3]} mango", "conversation": "c"} for _ in range(500)]
            + [{"content": " ".join(words[:3]), "importance": 3} for _ in range(500)],
            dedupe=False,
        )
    ctx = with_settings(context_of(memory), exact_search_limit=100, recall_copy_rows=0)
    done = await asyncio.gather(*(service.maintain(ctx) for _ in range(4)))
    again = await service.maintain(ctx)
    assert sum(one.indexed for one in done) + again.indexed == 4000
    assert await statistics(admin, ctx) == await counted(admin, ctx)


async def test_writers_and_maintainers_at_once(memory: AsyncMemory, admin: Any) -> None:
    ctx = await large(memory, 600)

    async def write() -> None:
        for n in range(5):
            await memory.remember(rows(40, 600 + 40 * n))

    async def maintain() -> int:
        return sum([(await service.maintain(ctx)).indexed for _ in range(5)])

    results = await asyncio.gather(write(), maintain(), maintain())
    last = await service.maintain(ctx)
    assert sum(one for one in results if one is not None) + last.indexed == 800
    assert await statistics(admin, ctx) == await counted(admin, ctx)


@pytest.mark.parametrize(("share", "effort_from"), [(0.0, None), (0.5, None), (1.0, None), (1.0, 1)])
async def test_recall_is_right_however_much_is_indexed(
    memory: AsyncMemory, share: float, effort_from: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 1200
    if effort_from is not None:
        monkeypatch.setattr(candidates, "LARGE", effort_from)
    ctx = await large(memory, count)
    if share:
        await service.maintain(ctx, max_rows=1 if share < 1 else None)
    for n in (3, 500, 1199):  # what is found among many by its words
        found = await service.search(ctx, Search(query=f"{THINGS[n % 7]} number {n}", k=3))
        assert f"number {n} " in found[0].content, (n, share)
    for k in (10, 1000):
        for scope in ({}, {"user": "person 1"}, {"conversation": "c1"}, {"kinds": ["memory"]}):
            found = await service.search(
                ctx, Search.model_validate({"query": "ferry to Malmö", "k": k, "scope": scope})
            )
            there = {
                "": count,
                "user": count // 3,
                "conversation": count // 4,
                "kinds": count // 2,
            }["".join(scope)]
            assert len(found) == min(k, there), (k, scope, share)
    best = await service.search(ctx, Search(query="ferry to Malmö", k=10))
    assert all("ferry" in hit.content or "Malmö" in hit.content for hit in best)


async def test_meaning_finds_the_same_with_and_without_the_index(memory: AsyncMemory) -> None:
    """The vector index is approximate: what is best without it is among the best with it, but for one or two."""
    ctx = await large(memory, 1500)
    queries = [f"a {thing} on its way to {place}" for thing in THINGS[:4] for place in PLACES[:3]]
    exact = [await service.search(context_of(memory), Search(query=query, k=10)) for query in queries]
    await service.maintain(ctx)
    indexed = [await service.search(ctx, Search(query=query, k=10)) for query in queries]
    assert all(len(found) == 10 for found in indexed)

    def route(query: str, hit: Hit) -> tuple[bool, bool]:
        """Whether it names the thing and the place: all numbers of one route mean the same."""
        words = hit.content.split()
        return words[1] in query, words[-1] in query

    same = 0
    for query, before, after in zip(queries, exact, indexed, strict=True):
        same += {route(query, hit) for hit in before} == {route(query, hit) for hit in after}
    assert same >= len(queries) - 2


async def test_changes_keep_the_index_right(memory: AsyncMemory) -> None:
    ctx = await large(memory, 400)
    await service.maintain(ctx)
    found = await service.search(ctx, Search(query="boat number 350", k=1))
    one = found[0]
    assert "number 350 " in one.content
    new = await memory.update(one.id, "The submarine number 350 stays in Genoa")
    found = await service.search(ctx, Search(query="submarine number 350", k=5))
    assert found[0].id == new.id
    assert one.id not in {hit.id for hit in found}
    await memory.forget(new.id)
    found = await service.search(ctx, Search(query="submarine number 350", k=1000))
    assert len(found) == 399
    assert not {one.id, new.id} & {hit.id for hit in found}


async def test_the_library_maintains_by_itself_after_large_writes(server: Any, template: str) -> None:
    from tests.conftest import APP
    from tests.factories import new_slug, settings_of

    settings = settings_of(
        server.url(APP), organization=new_slug(), auto_maintenance=True, exact_search_limit=100, recall_copy_rows=0
    )
    async with AsyncMemory(settings) as memory:
        await memory.remember(rows(999))
        assert memory._maintenance is None
        await memory.remember(rows(1, 999))
        assert memory._maintenance is not None
        done = await memory._maintenance
        assert (done.indexed, done.remaining) == (1000, 0)
