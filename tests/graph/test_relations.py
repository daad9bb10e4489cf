"""Relationships, mentions, neighbours and merges; merges against a plain model, alone and at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mnemon.app import App
from mnemon.context import Context
from mnemon.core.errors import Invalid, NotFound
from mnemon.db.sql import statement
from mnemon.graph import service
from mnemon.graph.repository import PACKAGE
from mnemon.graph.schemas import (
    Entity,
    FindEntity,
    ListMentions,
    Mention,
    MergeEntities,
    Neighbours,
    NewMention,
    Relate,
    Relationship,
)
from tests.factories import new_slug
from tests.graph.test_entities import ensure
from tests.workspace.helpers import indexes, people, plan


async def relate(
    ctx: Context, source: Entity, target: Entity, kind: str = "knows", strength: float = 0.5
) -> Relationship:
    return await service.relate(
        ctx,
        Relate(source_entity_id=source.id, target_entity_id=target.id, relationship_type=kind, strength=strength),
    )


async def mention(ctx: Context, *places: tuple[UUID, UUID, int | None]) -> int:
    mentions = tuple(
        NewMention(entity_id=entity, source_type="message", source_id=source, position=position)
        for entity, source, position in places
    )
    return (await service.mention(ctx, Mention(mentions=mentions))).count


async def merge(ctx: Context, source: Entity, target: Entity) -> Entity:
    return await service.merge_entities(ctx, MergeEntities(source_id=source.id, target_id=target.id))


async def edges(ctx: Context) -> set[tuple[UUID, UUID, str, float]]:
    async with ctx.database.transaction(ctx.principal) as connection:
        rows = await connection.fetch(
            "SELECT source_entity_id, target_entity_id, relationship_type, strength FROM entity_relationships "
            "WHERE deleted_at IS NULL"
        )
    assert len(rows) == len({tuple(row)[:3] for row in rows})
    return {tuple(row) for row in rows}


async def places(ctx: Context) -> list[tuple[UUID, UUID, int | None]]:
    async with ctx.database.transaction(ctx.principal) as connection:
        rows = await connection.fetch("SELECT entity_id, source_id, position FROM entity_mentions")
    return sorted((tuple(row) for row in rows), key=str)


async def test_said_again_a_relationship_changes_its_strength(ctx: Context) -> None:
    ada, bo = await ensure(ctx, "Ada"), await ensure(ctx, "Bo")
    made = await relate(ctx, ada, bo)
    again = await relate(ctx, ada, bo, strength=0.9)
    assert (again.id, again.strength, again.version) == (made.id, 0.9, 2)
    assert (await relate(ctx, bo, ada)).id != made.id
    await service.unrelate(ctx, made.id)
    with pytest.raises(NotFound):
        await service.unrelate(ctx, made.id)
    assert (await relate(ctx, ada, bo)).id != made.id
    assert len(await edges(ctx)) == 2


async def test_a_place_is_counted_once(ctx: Context) -> None:
    ada, bo = await ensure(ctx, "Ada"), await ensure(ctx, "Bo")
    source = uuid4()
    assert await mention(ctx, (ada.id, source, 1), (ada.id, source, 1), (ada.id, source, None), (bo.id, source, 1)) == 3
    assert await mention(ctx, (ada.id, source, None), (ada.id, source, 7)) == 1
    assert (await service.get_entity(ctx, ada.id)).mention_count == 3
    assert len((await service.list_mentions(ctx, ListMentions(entity_id=ada.id))).items) == 3
    listed = (await service.list_mentions(ctx, ListMentions(source_type="message", source_id=source))).items
    assert len(listed) == 4
    with pytest.raises(NotFound):
        await mention(ctx, (ada.id, uuid4(), None), (uuid4(), source, None))
    assert (await service.get_entity(ctx, ada.id)).mention_count == 3
    await asyncio.gather(*(mention(ctx, (one.id, uuid4(), n)) for n in range(8) for one in (ada, bo)))
    assert (await service.get_entity(ctx, ada.id)).mention_count == 11


async def test_neighbours_up_to_three_steps_away(ctx: Context) -> None:
    names = "Ada Bo Cy Di Ed".split()
    one = {name: await ensure(ctx, name) for name in names}
    await relate(ctx, one["Ada"], one["Bo"], "knows", 0.2)
    await relate(ctx, one["Bo"], one["Ada"], "pays", 0.8)
    await relate(ctx, one["Cy"], one["Bo"], "knows", 0.4)
    await relate(ctx, one["Cy"], one["Di"], "knows", 0.6)
    await relate(ctx, one["Di"], one["Ed"], "knows", 0.6)
    await relate(ctx, one["Di"], one["Ada"], "knows", 0.1)

    async def near(depth: int, **values: Any) -> list[tuple[str, int, str, bool]]:
        request = Neighbours(entity_id=one["Ada"].id, depth=depth, **values)
        return [(n.name, n.depth, n.relationship_type, n.outgoing) for n in await service.neighbours(ctx, request)]

    first = [("Bo", 1, "pays", False), ("Di", 1, "knows", False)]
    second = [("Cy", 2, "knows", False), ("Ed", 2, "knows", True)]
    assert await near(1) == first
    assert [n[:2] for n in await near(2)] == [n[:2] for n in first] + sorted(
        [n[:2] for n in second], key=lambda n: str(one[n[0]].id)
    )
    assert {n[0] for n in await near(3)} == {"Bo", "Cy", "Di", "Ed"}
    assert len(await near(3, limit=2)) == 2
    await service.delete_entity(ctx, one["Di"].id)
    assert {n[0] for n in await near(3)} == {"Bo", "Cy"}


async def test_merged_they_are_one(ctx: Context) -> None:
    ada, lovelace, bo, cy = [await ensure(ctx, name) for name in ("Ada", "A. Lovelace", "Bo", "Cy")]
    source, shared = uuid4(), uuid4()
    await mention(ctx, (ada.id, source, 1), (lovelace.id, shared, 2), (ada.id, shared, 2), (lovelace.id, source, None))
    await relate(ctx, ada, lovelace)
    await relate(ctx, ada, bo, strength=0.9)
    await relate(ctx, lovelace, bo, strength=0.3)
    await relate(ctx, cy, ada, strength=0.4)
    merged = await merge(ctx, ada, lovelace)
    assert (merged.id, merged.name, merged.aliases) == (lovelace.id, "A. Lovelace", ("Ada",))
    assert merged.mention_count == 3 == len(await places(ctx))
    assert await edges(ctx) == {(lovelace.id, bo.id, "knows", 0.9), (cy.id, lovelace.id, "knows", 0.4)}
    assert await service.get_entity(ctx, ada.id) == merged
    assert [one.id for one in await service.find_entity(ctx, FindEntity(name="ada"))] == [lovelace.id]
    assert await merge(ctx, ada, lovelace) == merged
    assert await merge(ctx, lovelace, ada) == merged
    # Whoever still has the old id ends up at the one that stays.
    assert (await relate(ctx, bo, ada)).target_entity_id == lovelace.id
    assert await mention(ctx, (ada.id, uuid4(), 5)) == 1
    assert (await service.get_entity(ctx, lovelace.id)).mention_count == 4
    with pytest.raises(Invalid) as caught:
        await relate(ctx, ada, lovelace)
    assert caught.value.code == "invalid.target_entity_id"
    last = await merge(ctx, ada, bo)  # ada is lovelace by now
    assert (last.id, set(last.aliases)) == (bo.id, {"Ada", "A. Lovelace"})
    assert await service.get_entity(ctx, ada.id) == last


async def test_a_persons_and_somebody_elses_are_not_made_one(ctx: Context) -> None:
    (ada,) = await people(ctx, "ada")
    private, shared = await ensure(ctx, "Rex", user_id=ada), await ensure(ctx, "Rex")
    with pytest.raises(Invalid) as caught:
        await merge(ctx, private, shared)
    assert caught.value.code == "invalid.merge_owner"


# Few entities, so that edges and places meet when entities are merged.
EDGES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["a", "b"]), st.sampled_from([0.1, 0.5, 0.9])),
    min_size=4,
    max_size=14,
).map(lambda found: [e for e in found if e[0] != e[1]])
PLACES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.sampled_from([None, 0])), max_size=14)
MERGES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=3).map(
    lambda found: [m for m in found if m[0] != m[1]]
)


@hypothesis_settings(max_examples=30)
@given(EDGES, PLACES, MERGES)
async def test_merges_are_those_of_a_plain_model(
    app: App,
    said: list[tuple[int, int, str, float]],
    seen: list[tuple[int, int, int | None]],
    merges: list[tuple[int, int]],
) -> None:
    ctx = await app.organization(new_slug())
    made = [await ensure(ctx, f"entity {n}") for n in range(4)]
    sources = [uuid4() for _ in range(2)]
    for source, target, kind, strength in said:
        await relate(ctx, made[source], made[target], kind, strength)
    if seen:
        await mention(ctx, *((made[e].id, sources[s], position) for e, s, position in seen))
    became = list(range(4))
    strengths: dict[tuple[int, int, str], float] = {(s, t, k): w for s, t, k, w in said}
    for source, target in merges:
        await merge(ctx, made[source], made[target])
        gone, stays = became[source], became[target]
        became = [stays if one == gone else one for one in became]
        moved: dict[tuple[int, int, str], float] = {}
        for (s, t, kind), strength in strengths.items():
            key = (stays if s == gone else s, stays if t == gone else t, kind)
            if key[0] != key[1]:
                moved[key] = max(moved.get(key, 0), strength)
        strengths = moved
    assert await edges(ctx) == {(made[s].id, made[t].id, kind, w) for (s, t, kind), w in strengths.items()}
    expected = {(became[e], s, position) for e, s, position in seen}
    assert await places(ctx) == sorted(((made[e].id, sources[s], p) for e, s, p in expected), key=str)
    for number, entity in enumerate(made):
        found = await service.get_entity(ctx, entity.id)
        assert found.id == made[became[number]].id
        assert found.mention_count == sum(e == became[number] for e, _, _ in expected)
        near = await service.neighbours(ctx, Neighbours(entity_id=entity.id, depth=3))
        assert {n.entity_id: n.depth for n in near} == {
            made[e].id: depth for e, depth in distances(became[number], strengths).items()
        }


def distances(start: int, strengths: dict[tuple[int, int, str], float]) -> dict[int, int]:
    """How far everybody within three steps is, breadth first."""
    found, queue = {start: 0}, deque([start])
    while queue:
        here = queue.popleft()
        for s, t, _ in strengths:
            there = t if s == here else s if t == here else None
            if there is not None and there not in found and found[here] < 3:
                found[there] = found[here] + 1
                queue.append(there)
    del found[start]
    return found


async def test_merges_at_once_lose_nothing(ctx: Context) -> None:
    """All into one from every side, in both directions, while others relate and mention."""
    made = [await ensure(ctx, f"entity {n}") for n in range(6)]
    outside = await ensure(ctx, "outside")
    for one in made:
        await relate(ctx, one, outside, "knows", 0.5)
        await mention(ctx, (one.id, uuid4(), 1))
    pairs = [(0, 1), (1, 0), (2, 3), (3, 1), (4, 5), (5, 0), (0, 5), (2, 4)]
    work: list[Any] = [merge(ctx, made[source], made[target]) for source, target in pairs]
    work += [mention(ctx, (one.id, uuid4(), 2)) for one in made]
    work += [relate(ctx, outside, one, "pays", 0.7) for one in made]
    results = await asyncio.gather(*work, return_exceptions=True)
    assert not [one for one in results if isinstance(one, Exception)]
    found = {(await service.get_entity(ctx, one.id)).id for one in made}
    assert len(found) == 1
    (stays,) = found
    assert await edges(ctx) == {(stays, outside.id, "knows", 0.5), (outside.id, stays, "pays", 0.7)}
    assert {place[0] for place in await places(ctx)} == {stays}
    last = await service.get_entity(ctx, stays)
    assert last.mention_count == 12 == len(await places(ctx))
    assert {last.name, *last.aliases} == {one.name for one in made}


async def test_merges_of_those_who_relate_to_each_other_at_once(ctx: Context) -> None:
    """Edges between pairs that are being merged become the same edge, whichever merge is first."""
    pairs = [(await ensure(ctx, f"old {n}"), await ensure(ctx, f"new {n}")) for n in range(5)]
    for mine in pairs:
        for theirs in pairs:
            if mine is not theirs:
                await relate(ctx, mine[0], theirs[0], strength=0.4)
                await relate(ctx, mine[1], theirs[1], strength=0.2)
    merged = await asyncio.gather(*(merge(ctx, old, new) for old, new in pairs))
    assert [one.id for one in merged] == [new.id for _, new in pairs]
    ids = [new.id for _, new in pairs]
    assert await edges(ctx) == {(a, b, "knows", 0.4) for a in ids for b in ids if a != b}


async def test_neighbours_read_their_indexes(ctx: Context, admin: Any) -> None:
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute(
            "INSERT INTO entities (organization_id, entity_type, name) "
            "SELECT $1, 'person', 'Person ' || n FROM generate_series(1, 1500) AS n RETURNING id",
            ctx.principal.organization_id,
        )
        await connection.execute(
            "WITH e AS (SELECT id, row_number() OVER (ORDER BY name) AS n FROM entities) "
            "INSERT INTO entity_relationships (organization_id, source_entity_id, target_entity_id, relationship_type) "
            "SELECT $1, a.id, b.id, 'knows' FROM e a JOIN e b ON b.n IN (a.n + 1, a.n + 7, a.n + 100) RETURNING id",
            ctx.principal.organization_id,
        )
    await admin.execute("ANALYZE entities, entity_relationships")
    (start,) = await service.find_entity(ctx, FindEntity(name="person 700"))
    found = await plan(ctx, statement(PACKAGE, "neighbours"), ctx.principal.organization_id, start.id, 3, None, 100)
    assert {"uq_entity_relationships_target_entity_id", "ix_entity_relationships_target"} <= indexes(found)
    assert '"Relation Name": "entity_relationships"' in found
    assert not [part for part in found.split('"Node Type": "Seq Scan"')[1:] if "entity_relationships" in part[:200]]
    near = await service.neighbours(ctx, Neighbours(entity_id=start.id, depth=3, limit=1000))
    assert {one.depth for one in near} == {1, 2, 3}
