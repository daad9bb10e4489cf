"""Entities: ensured, found by name or alias, changed; what is refused; others; the look-up's indexes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Conflict, Forbidden, NotFound
from mnemon.core.text import parse
from mnemon.db.sql import statement
from mnemon.graph import service
from mnemon.graph.repository import PACKAGE
from mnemon.graph.schemas import (
    EnsureEntity,
    Entity,
    FindEntity,
    ListMentions,
    Mention,
    MergeEntities,
    Neighbours,
    NewMention,
    Relate,
    UpdateEntity,
)
from tests.workspace.helpers import (
    NOBODY_YET,
    acting,
    indexes,
    people,
    plan,
    refused_field,
    refused_row,
    without_rights,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def ensure(ctx: Context, name: str, kind: str = "person", **values: Any) -> Entity:
    request = parse(EnsureEntity, {"name": name, "entity_type": kind, **values})
    return (await service.ensure_entity(ctx, request)).entity


async def test_ensured_twice_it_is_there_once_and_nothing_known_is_overwritten(ctx: Context) -> None:
    made = await service.ensure_entity(
        ctx,
        EnsureEntity(
            name=" Ada\n Lovelace ",
            entity_type="person",
            aliases=("Ada", "ADA", "ada lovelace"),
            metadata={"born": 1815},
            seen_at=NOW,
        ),
    )
    assert made.created
    one = made.entity
    assert (one.name, one.aliases, one.mention_count, one.first_seen_at) == ("Ada Lovelace", ("Ada",), 0, NOW)
    again = await service.ensure_entity(
        ctx,
        EnsureEntity(
            name="ada lovelace",
            entity_type="person",
            aliases=("Countess", "ada"),
            description="wrote the first program",
            metadata={"born": 0, "died": 1852},
            seen_at=NOW - timedelta(days=1),
        ),
    )
    assert not again.created
    two = again.entity
    assert (two.id, two.name, two.aliases) == (one.id, "Ada Lovelace", ("Ada", "Countess"))
    assert (two.description, two.metadata) == ("wrote the first program", {"born": 1815, "died": 1852})
    assert (two.first_seen_at, two.last_seen_at) == (NOW - timedelta(days=1), NOW)
    by_alias = await service.ensure_entity(ctx, EnsureEntity(name="COUNTESS", entity_type="person"))
    assert (by_alias.created, by_alias.entity.id) == (False, one.id)
    assert (await ensure(ctx, "Ada Lovelace", "ship")).id != one.id


async def test_ensured_by_many_at_once_it_is_there_once(ctx: Context) -> None:
    names = ["Ada", "ADA", "ada", "aDa"] * 3
    results = await asyncio.gather(
        *(service.ensure_entity(ctx, EnsureEntity(name=one, entity_type="person")) for one in names)
    )
    assert len({one.entity.id for one in results}) == 1
    assert sum(one.created for one in results) == 1


async def test_found_by_name_or_alias(ctx: Context) -> None:
    ada, bo = await people(ctx, "ada", "bo")
    org = await ensure(ctx, "Mercury", "planet", aliases=["Hermes"])
    metal = await ensure(ctx, "Quicksilver", "metal", aliases=["Mercury"])
    mine = await ensure(acting(ctx, ada), "Mercury", "dog", user_id=ada)

    async def found(who: Context, name: str, **values: Any) -> list[str]:
        request = parse(FindEntity, {"name": name, **values})
        return [one.entity_type for one in await service.find_entity(who, request)]

    assert await found(ctx, "MERCURY") == ["dog", "planet", "metal"]
    assert await found(acting(ctx, ada), "mercury") == ["dog", "planet", "metal"]
    assert await found(acting(ctx, bo), "mercury") == ["planet", "metal"]
    assert await found(acting(ctx, None, agent_id=uuid4()), "mercury") == ["planet", "metal"]
    assert await found(ctx, "mercury", user_id=bo) == ["planet", "metal"]
    assert await found(ctx, "hermes") == ["planet"]
    assert await found(ctx, "mercury", entity_type="metal") == ["metal"]
    assert await found(ctx, "merc") == []
    with pytest.raises(Forbidden):
        await found(acting(ctx, bo), "mercury", user_id=ada)
    changed = await service.update_entity(ctx, UpdateEntity(id=org.id, aliases=("Evening Star",), expected_version=1))
    assert (changed.aliases, changed.version) == (("Evening Star",), 2)
    assert await found(ctx, "hermes") == []
    assert await found(ctx, "evening star") == ["planet"]
    await service.delete_entity(ctx, metal.id)
    await service.delete_entity(acting(ctx, ada), mine.id)
    assert await found(ctx, "mercury") == ["planet"]


async def test_a_change_names_the_version_it_read_and_a_mention_changes_none(ctx: Context) -> None:
    one, two = await ensure(ctx, "Ada"), await ensure(ctx, "Bo")
    await service.mention(
        ctx, Mention(mentions=(NewMention(entity_id=one.id, source_type="memory", source_id=uuid4()),))
    )
    await ensure(ctx, "ada")
    changed = await service.update_entity(
        ctx, UpdateEntity(id=one.id, name="Ada L.", metadata={"a": 1}, expected_version=1)
    )
    assert (changed.name, changed.metadata, changed.version) == ("Ada L.", {"a": 1}, 2)
    with pytest.raises(Conflict) as caught:
        await service.update_entity(ctx, UpdateEntity(id=one.id, name="x", expected_version=1))
    assert caught.value.data == {"expected_version": 1, "current_version": 2}
    with pytest.raises(Conflict) as taken:
        await service.update_entity(ctx, UpdateEntity(id=two.id, name="ADA L."))
    assert (taken.value.code, taken.value.data["field"]) == ("conflict.exists", "name")
    assert (await service.get_entity(ctx, one.id)).mention_count == 1


@pytest.mark.parametrize(
    ("model", "values", "field"),
    [
        (EnsureEntity, {"name": " \n", "entity_type": "x"}, "name"),
        (EnsureEntity, {"name": "x" * 256, "entity_type": "x"}, "name"),
        (EnsureEntity, {"name": "x", "entity_type": "x" * 51}, "entity_type"),
        (EnsureEntity, {"name": "x\x00", "entity_type": "x"}, "name"),
        (EnsureEntity, {"name": "x", "entity_type": "x", "aliases": [""]}, "aliases.0"),
        (Relate, {"relationship_type": "x", "strength": 1.1}, "strength"),
        (Relate, {"relationship_type": "x", "strength": float("nan")}, "strength"),
        (NewMention, {"source_type": "dream"}, "source_type"),
        (NewMention, {"source_type": "memory", "position": -1}, "position"),
        (Neighbours, {"entity_id": str(NOBODY_YET), "depth": 4}, "depth"),
    ],
)
def test_the_schema_names_the_field(model: Any, values: dict[str, Any], field: str) -> None:
    ends: dict[Any, dict[str, str]] = {
        Relate: {"source_entity_id": str(uuid4()), "target_entity_id": str(uuid4())},
        NewMention: {"entity_id": str(uuid4()), "source_id": str(uuid4())},
    }
    assert refused_field(model, **ends.get(model, {}), **values)[1] == field


def test_the_schema_refuses_one_in_place_of_two() -> None:
    one = str(NOBODY_YET)
    assert refused_field(Relate, source_entity_id=one, target_entity_id=one, relationship_type="x")[0] == (
        "invalid.target_entity_id"
    )
    assert refused_field(MergeEntities, source_id=one, target_id=one)[0] == "invalid.target_id"
    assert refused_field(ListMentions, source_id=one)[0] == "invalid.source_id"


@pytest.mark.parametrize(
    ("table", "values", "code", "field"),
    [
        ("entities", {"name": "' '", "entity_type": "'x'"}, "invalid.name", "name"),
        ("entities", {"name": "'x'", "entity_type": "''"}, "invalid.entity_type", "entity_type"),
        (
            "entities",
            {"name": "'x'", "entity_type": "'x'", "mention_count": "-1"},
            "invalid.mention_count",
            "mention_count",
        ),
        ("entities", {"name": "'ADA'", "entity_type": "'person'"}, "conflict.exists", "name"),
        ("entities", {"name": "'x'", "entity_type": "'x'", "user_id": "@nobody"}, "not_found.reference", "user_id"),
        (
            "entities",
            {"name": "'x'", "entity_type": "'x'", "merged_into": "@one"},
            "invalid.merged_into",
            "merged_into",
        ),
        ("entity_relationships", {"target_entity_id": "@one"}, "invalid.target_entity_id", "target_entity_id"),
        ("entity_relationships", {"strength": "1.5"}, "invalid.strength", "strength"),
        ("entity_relationships", {"strength": "'NaN'"}, "invalid.strength", "strength"),
        ("entity_relationships", {"target_entity_id": "@nobody"}, "not_found.reference", "target_entity_id"),
        ("entity_mentions", {"source_type": "'dream'"}, "invalid.source_type", "source_type"),
        ("entity_mentions", {"position": "-1"}, "invalid.position", "position"),
        ("entity_mentions", {"entity_id": "@nobody"}, "not_found.reference", "entity_id"),
    ],
)
async def test_the_database_refuses_it_too(
    ctx: Context, table: str, values: dict[str, str], code: str, field: str
) -> None:
    one, two = await ensure(ctx, "Ada"), await ensure(ctx, "Bo")
    base = {
        "entities": {},
        "entity_relationships": {
            "source_entity_id": "@one",
            "target_entity_id": "@two",
            "relationship_type": "'knows'",
        },
        "entity_mentions": {"entity_id": "@one", "source_type": "'memory'", "source_id": "gen_random_uuid()"},
    }[table]
    ids = {"@one": f"'{one.id}'", "@two": f"'{two.id}'", "@nobody": f"'{NOBODY_YET}'"}
    error = await refused_row(ctx, table, **{k: ids.get(v, v) for k, v in (base | values).items()})
    assert (error.code, error.data["field"]) == (code, field)


async def test_others_reach_nothing(ctx: Context, other: Context) -> None:
    ada, bo = await people(ctx, "ada", "bo")
    mine = await ensure(ctx, "Ada", user_id=ada)
    shared = await ensure(ctx, "Bo", user_id=ada)
    edge = await service.relate(
        ctx, Relate(source_entity_id=mine.id, target_entity_id=shared.id, relationship_type="knows")
    )
    own = [
        (other, (await ensure(other, "Ada")).id),
        (acting(ctx, bo), (await ensure(acting(ctx, bo), "Ada", user_id=bo)).id),
    ]
    for who, theirs in own:
        for attempt in (
            service.get_entity(who, mine.id),
            service.update_entity(who, UpdateEntity(id=mine.id, name="mine")),
            service.delete_entity(who, mine.id),
            service.relate(who, Relate(source_entity_id=theirs, target_entity_id=mine.id, relationship_type="x")),
            service.unrelate(who, edge.id),
            service.mention(
                who, Mention(mentions=(NewMention(entity_id=mine.id, source_type="file", source_id=uuid4()),))
            ),
            service.list_mentions(who, ListMentions(entity_id=mine.id)),
            service.merge_entities(who, MergeEntities(source_id=mine.id, target_id=theirs)),
            service.merge_entities(who, MergeEntities(source_id=theirs, target_id=mine.id)),
            service.neighbours(who, Neighbours(entity_id=mine.id)),
        ):
            with pytest.raises(NotFound):
                await attempt
        assert [one.id for one in await service.find_entity(who, FindEntity(name="ada"))] == [theirs]
    with pytest.raises(Forbidden):
        await ensure(acting(ctx, bo), "Cy", user_id=ada)
    assert await service.get_entity(ctx, mine.id) == mine
    assert len(await service.neighbours(ctx, Neighbours(entity_id=mine.id))) == 1


async def test_every_verb_wants_its_permission(ctx: Context) -> None:
    nobody, row = without_rights(ctx), uuid4()
    for attempt in (
        ensure(nobody, "x"),
        service.get_entity(nobody, row),
        service.find_entity(nobody, FindEntity(name="x")),
        service.update_entity(nobody, UpdateEntity(id=row, name="x")),
        service.delete_entity(nobody, row),
        service.relate(nobody, Relate(source_entity_id=row, target_entity_id=uuid4(), relationship_type="x")),
        service.unrelate(nobody, row),
        service.mention(nobody, Mention(mentions=(NewMention(entity_id=row, source_type="file", source_id=row),))),
        service.list_mentions(nobody, ListMentions(entity_id=row)),
        service.merge_entities(nobody, MergeEntities(source_id=row, target_id=uuid4())),
        service.neighbours(nobody, Neighbours(entity_id=row)),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_look_ups_read_their_indexes_under_row_level_security(ctx: Context, admin: Any) -> None:
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute(
            "INSERT INTO entities (organization_id, entity_type, name, aliases) "
            "SELECT $1, 'person', 'Person ' || n, ARRAY['Alias ' || n] FROM generate_series(1, 4000) AS n RETURNING id",
            ctx.principal.organization_id,
        )
    await admin.execute("ANALYZE entities, entity_names")
    scope = ctx.principal.organization_id
    found = await plan(ctx, statement(PACKAGE, "find_entities"), scope, "ALIAS 77", None, None, 10)
    assert indexes(found) == {"pk_entity_names", "pk_entities"}
    assert "Seq Scan" not in found
    same = await plan(ctx, statement(PACKAGE, "same_entity"), scope, None, "person", "person 5")
    assert indexes(same) == {"pk_entity_names", "pk_entities"}
    (one,) = await service.find_entity(ctx, FindEntity(name="alias 77"))
    assert one.name == "Person 77"
