"""Coded rows: a large scope is searched by codes and words in the process, and answers as if all of it were held."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.core.background import Background
from mnemon.core.cache import Cache, Copies
from mnemon.memory import service
from mnemon.memory.recall.coded import keeping, load
from mnemon.memory.recall.coded.part import Coding
from mnemon.memory.schemas import Recollection, Scope, Search
from tests.factories import context_of, new_slug, with_settings
from tests.memory.test_held import NOON, QUESTIONS, SCOPES, _steps, anew, change, person


def coding(ctx: Context, megabytes: int = 64, rows: int = 1) -> Context:
    """The same with copies of its own, in which every scope of more rows is large."""
    ctx = with_settings(ctx, recall_copy_rows=rows)
    return replace(ctx, copies=Copies(megabytes << 20), cache=Cache(), background=Background())


def coded_by(ctx: Context) -> list[Coding]:
    """What is held of organisations."""
    return [copy for key, copy in dict[Any, Any](ctx.copies._entries).items() if key[0] == "coded"]


async def ready(ctx: Context) -> Coding:
    """Have the rows coded, as they are behind a first search."""
    await service.search(ctx, Search(query="boat"))
    await ctx.background.settled()
    [coded] = coded_by(ctx)
    return coded


async def both(ctx: Context, query: str, scope: Scope, *, k: int = 20) -> Recollection:
    """Ask by what is coded, and with everything read anew; the answers are the same."""
    request = Search(query=query, scope=scope, k=k, now=NOON + timedelta(days=40))
    whole = replace(with_settings(anew(ctx), recall_copy_rows=20_000), cache=Cache())
    for verb in (service.search, service.recall):
        coded, fresh = await verb(ctx, request), await verb(whole, request)
        if scope.since or scope.tags or scope.said_by:  # of what the conditions leave out, less is known
            assert {hit.item.id for hit in coded} == {hit.item.id for hit in fresh}, query
            assert [hit.score for hit in coded] == pytest.approx([hit.score for hit in fresh], abs=0.1)
            continue
        assert [hit.item.id for hit in coded] == [hit.item.id for hit in fresh], query
        assert [hit.score for hit in coded] == pytest.approx([hit.score for hit in fresh], abs=2e-6)
        assert [hit.why.terms for hit in coded] == [hit.why.terms for hit in fresh]
    return coded


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps)
async def test_it_answers_as_if_all_of_it_were_held(house: AsyncMemory, steps: list[tuple[Any, ...]]) -> None:
    memory = await house.organization(new_slug())
    ids: list[UUID] = list((await memory.remember(["The boat left Lisbon", "The train is late"])).ids)
    ctx = coding(context_of(memory))
    await ready(ctx)
    for step in steps:
        match step:
            case ("remember", rows):
                ids += (await memory.remember(rows, dedupe=False)).ids
            case ("ask", scope, question):
                await both(ctx, question, scope)
            case (what, number) if ids:
                await change(memory, what, ids[number % len(ids)])
    for scope in SCOPES:
        await both(ctx, QUESTIONS[0], scope)


async def test_the_first_search_goes_by_the_database_and_waits_for_no_copy(memory: AsyncMemory) -> None:
    await memory.remember([f"boat number {n}" for n in range(60)])
    ctx = coding(context_of(memory))
    assert len(await service.search(ctx, Search(query="boat", k=60))) == 60
    assert not coded_by(ctx)
    await ctx.background.settled()
    assert len(await both(ctx, "boat", Scope(), k=60)) == 60
    [coded] = coded_by(ctx)
    assert coded.rows.came == 60
    assert len(coded.parts) == 1


async def test_what_another_transaction_has_not_committed_is_seen_once_it_is(memory: AsyncMemory, admin: Any) -> None:
    await memory.remember(["The boat is blue", "The boat is red"])
    ctx = coding(context_of(memory))
    await ready(ctx)
    organization = ctx.principal.organization_id
    slow = admin.transaction()
    await slow.start()
    await admin.execute("INSERT INTO memories (organization_id, content) VALUES ($1, 'The boat is slow')", organization)
    assert len(await service.search(ctx, Search(query="boat"))) == 2
    await memory.remember("The boat is new")  # a later transaction, committed before
    assert len(await service.search(ctx, Search(query="boat"))) == 3
    await slow.commit()
    assert len(await service.search(ctx, Search(query="boat"))) == 4
    await both(ctx, "boat", Scope())


async def test_rows_that_are_deleted_outright_or_expire_cost_no_hit(memory: AsyncMemory, admin: Any) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    await memory.remember(
        [{"content": f"The boat number {n}", "expires_at": soon if n < 3 else None} for n in range(30)]
    )
    ctx = coding(context_of(memory))
    await ready(ctx)
    first = await service.search(ctx, Search(query="boat", k=5))
    await admin.execute("DELETE FROM memories WHERE id = ANY($1::uuid[])", [hit.item.id for hit in first.hits[:3]])
    await asyncio.sleep(max((soon - datetime.now(UTC)).total_seconds(), 0) + 0.2)
    found = await service.search(ctx, Search(query="boat", k=5))
    assert len(found) == 5
    assert not {hit.item.id for hit in first.hits[:3]} & {hit.item.id for hit in found}
    assert not {hit.content for hit in found} & {f"The boat number {n}" for n in range(3)}
    left = await admin.fetchval(
        "SELECT count(*) FROM memories WHERE organization_id = $1 AND (expires_at IS NULL OR expires_at > now())",
        ctx.principal.organization_id,
    )
    assert len(await service.search(ctx, Search(query="boat", k=100))) == left


async def test_who_may_see_a_conversation_changes(memory: AsyncMemory, admin: Any) -> None:
    await memory.remember("The boat is Ada's", conversation="pier", user="ada", role="user")
    await memory.remember(["The boat is anybody's", "The boat is Bob's"], user="bob")
    ctx = context_of(memory)
    organization = ctx.principal.organization_id
    bob = await admin.fetchval("SELECT id FROM users WHERE organization_id = $1 AND external_id = 'bob'", organization)
    pier = await admin.fetchval("SELECT id FROM conversations WHERE organization_id = $1", organization)
    his = coding(person(ctx, bob))
    await ready(his)

    async def sees() -> int:
        return len(await both(his, "boat", Scope()))

    assert await sees() == 2
    await admin.execute("UPDATE conversations SET is_private = false WHERE id = $1", pier)
    assert await sees() == 3
    await admin.execute("UPDATE conversations SET is_private = true WHERE id = $1", pier)
    assert await sees() == 2
    assert coded_by(his)


async def test_what_is_erased_is_let_go_of(memory: AsyncMemory) -> None:
    rows = [{"content": f"The boat is {name}'s", "user": name} for name in ("ada", "ben", "cleo")]
    await memory.remember(rows)
    ctx = coding(context_of(memory))
    await ready(ctx)
    [before] = coded_by(ctx)
    await memory.erase(user="ada")
    assert len(await service.search(ctx, Search(query="boat"))) == 2
    assert before not in coded_by(ctx)  # another may have been read behind the search already
    await ctx.background.settled()
    [coded] = coded_by(ctx)
    assert coded.rows.came == 2
    await both(ctx, "boat", Scope())


async def test_another_organisation_is_held_apart(house: AsyncMemory) -> None:
    mine, theirs = await house.organization(new_slug()), await house.organization(new_slug())
    await mine.remember(["The boat is mine", "The train is mine"], user="ada")
    await theirs.remember(["The boat is theirs", "The train is theirs"], user="ada")
    copies = Copies(64 << 20)
    for _ in range(3):
        for memory, whose in ((mine, "mine"), (theirs, "theirs")):
            ctx = replace(coding(context_of(memory)), copies=copies)
            for scope in (Scope(), Scope(user="ada")):
                found = await service.search(ctx, Search(query="boat", scope=scope))
                assert {hit.content for hit in found} == {f"The boat is {whose}", f"The train is {whose}"}
            await ctx.background.settled()
    assert len([key for key in dict[Any, Any](copies._entries) if key[0] == "coded"]) == 2


async def test_bytes_are_bounded(memory: AsyncMemory) -> None:
    await memory.remember([f"boat number {n} in the harbour" for n in range(9000)])
    ctx = coding(context_of(memory), megabytes=1)
    for _ in range(3):
        assert len(await service.search(ctx, Search(query="boat"))) == 10
        await ctx.background.settled()
        assert ctx.copies.bytes <= 1 << 20
    assert not coded_by(ctx)


async def test_writers_beside_readers(memory: AsyncMemory) -> None:
    await memory.remember([{"content": f"The boat number {n}", "user": "ada"} for n in range(20)])
    ctx = coding(context_of(memory), rows=10)
    await ready(ctx)

    async def write(writer: int) -> None:
        for n in range(12):
            name = f"boat {writer}x{n}"
            written = (await memory.remember(name, user="ada")).ids[0]
            found = await service.search(ctx, Search(query=name, scope=Scope(user="ada"), k=1000))
            assert written in {hit.item.id for hit in found}, "one's own write is seen by the next search"

    await asyncio.gather(*(write(writer) for writer in range(4)))
    assert len(await both(ctx, "boat", Scope(user="ada"), k=100)) == 68


async def test_what_comes_by_the_thousand_is_read_behind_the_searches(memory: AsyncMemory) -> None:
    await memory.remember(["The boat is blue", "The boat is red"])
    ctx = coding(context_of(memory))
    await ready(ctx)
    await memory.remember([f"boat number {n}" for n in range(load.MOST_CHANGED + 500)])
    assert len(await service.search(ctx, Search(query="boat", k=1000))) == 1000
    await ctx.background.settled()
    [coded] = coded_by(ctx)
    assert coded.rows.came == load.MOST_CHANGED + 502
    for query in ("boat number 1234", "The boat is red"):
        assert query in {hit.content for hit in await service.search(ctx, Search(query=query))}
    await ctx.background.settled()
    assert not coded.rows.is_loose


async def test_a_copy_that_is_given_up_while_it_is_read_leaves_nothing(memory: AsyncMemory) -> None:
    await memory.remember([f"boat number {n}" for n in range(50)])
    ctx = coding(context_of(memory))
    await ready(ctx)
    [key] = [key for key in dict[Any, Any](ctx.copies._entries) if key[0] == "coded"]
    ctx.copies.clear()
    ctx.background.start(key, partial(keeping._fill, ctx, key))
    await asyncio.sleep(0)  # it has begun
    await ctx.background.close()  # as the process ends
    assert not coded_by(ctx)
    await ready(ctx)
    await both(ctx, "boat", Scope())


async def test_more_rows_than_are_looked_at_are_all_given(memory: AsyncMemory) -> None:
    await memory.remember([f"harbour {n} boat" for n in range(700)])
    ctx = coding(context_of(memory))
    await ready(ctx)
    assert len(await service.search(ctx, Search(query="the train", k=600))) == 600
    long = "\n\n".join(f"The gale of day {n} tore the sails of the boat and broke the mast." * 12 for n in range(120))
    await memory.remember(long, split=True)
    found = await service.search(ctx, Search(query="gale that tore the sails", k=10))
    assert len(found) == 10
    assert len({hit.item.whole_id or hit.item.id for hit in found}) == 10
