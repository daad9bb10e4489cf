"""What was used for which answer, by its record and by its schema; and the tags of memories with their use counts."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.core.errors import Forbidden, NotFound
from mnemon.memory.schemas_facts import NoteUse, Usage, UsageOf, Used
from mnemon.memory.service.usage import note_use, usage_of
from tests.factories import context_of
from tests.workspace.helpers import NOBODY_YET, acting, people, refused_field, refused_row, without_rights


async def answered(memory: AsyncMemory) -> tuple[UUID, list[UUID]]:
    """An answer, and two memories it could have used."""
    answer = await memory.remember("At noon", conversation="plans", role="assistant", agent="guide", user="ada")
    kept = await memory.remember(["Ada likes tea", "Ada lives in Turin"], user="ada")
    return answer.id, list(kept.ids)


async def test_an_answer_and_its_memories(memory: AsyncMemory) -> None:
    ctx = context_of(memory)
    answer, (tea, turin) = await answered(memory)
    signals = {"semantic": {"value": 0.9, "weight": 0.35, "share": 0.315}}
    done = await note_use(
        ctx,
        NoteUse(
            message_id=answer,
            used=(
                Used(id=tea, relevance_score=0.2, rank=2),
                Used(id=turin, relevance_score=0.8, rank=1, signals=signals),
            ),
        ),
    )
    assert done.count == 2
    first, second = (await usage_of(ctx, UsageOf(message_id=answer))).items
    assert (first.used_id, first.relevance_score, first.rank, first.signals) == (turin, 0.8, 1, signals)
    assert (second.used_id, second.used_kind, second.helpful) == (tea, "memory", None)
    await note_use(ctx, NoteUse(message_id=answer, used=(Used(id=tea, relevance_score=0.3),)))
    (again,) = (await usage_of(ctx, UsageOf(used_id=tea))).items
    assert (again.message_id, again.relevance_score, again.rank) == (answer, 0.3, 2)
    assert len((await usage_of(ctx, UsageOf(message_id=answer))).items) == 2
    with pytest.raises(NotFound) as caught:
        await note_use(ctx, NoteUse(message_id=answer, used=(Used(id=turin), Used(id=uuid4()))))
    assert caught.value.data["field"] == "used"
    with pytest.raises(NotFound):
        await note_use(ctx, NoteUse(message_id=tea, used=(Used(id=turin),)))


async def test_what_is_private_is_not_seen_through_its_use(memory: AsyncMemory) -> None:
    ctx = context_of(memory)
    answer, _ = await answered(memory)
    private = await memory.remember("Ada's own", user="ada", memory_type="user_profile")
    await note_use(ctx, NoteUse(message_id=answer, used=(Used(id=private.id),)))
    (bo,) = await people(ctx, "bo")
    with pytest.raises(NotFound):
        await usage_of(acting(ctx, bo), UsageOf(used_id=private.id))
    with pytest.raises(NotFound):
        await note_use(acting(ctx, bo), NoteUse(message_id=answer, used=(Used(id=private.id),)))


@pytest.mark.parametrize(
    ("values", "field"),
    [({"relevance_score": 1.1}, "relevance_score"), ({"rank": 0}, "rank"), ({"signals": []}, "signals")],
)
def test_the_schema_names_the_field(values: dict[str, Any], field: str) -> None:
    assert refused_field(Used, id=str(NOBODY_YET), **values)[1] == field


def test_the_schema_refuses_the_same_twice_the_answer_itself_and_nothing_to_look_for() -> None:
    one = {"id": str(NOBODY_YET)}
    assert refused_field(NoteUse, message_id=str(uuid4()), used=[one, one])[0] == "invalid.used"
    assert refused_field(NoteUse, message_id=str(NOBODY_YET), used=[one])[0] == "invalid.used"
    assert refused_field(NoteUse, message_id=str(NOBODY_YET), used=[])[1] == "used"
    assert refused_field(NoteUse, message_id=str(uuid4()), used=[one], helpful="yes")[1] == "helpful"
    assert refused_field(UsageOf)[0] == "invalid.message_id"


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"relevance_score": "1.5"}, "invalid.relevance_score", "relevance_score"),
        ({"rank": "0"}, "invalid.rank", "rank"),
        ({"memory_id": f"'{NOBODY_YET}'"}, "not_found.reference", "memory_id"),
        ({"message_id": f"'{NOBODY_YET}'"}, "not_found.reference", "message_id"),
        ({"memory_id": "NULL", "used_message_id": f"'{NOBODY_YET}'"}, "not_found.reference", "used_message_id"),
        ({"used_message_id": f"'{NOBODY_YET}'"}, "invalid.one_used", "memory_id"),
        ({"memory_id": "NULL"}, "invalid.one_used", "memory_id"),
        ({"memory_id": "NULL", "used_message_id": "{answer}"}, "invalid.not_used_by_itself", "used_message_id"),
        ({}, "conflict.exists", "used"),
    ],
)
async def test_the_database_refuses_it_too(memory: AsyncMemory, values: dict[str, str], code: str, field: str) -> None:
    ctx = context_of(memory)
    answer, (tea, _) = await answered(memory)
    await note_use(ctx, NoteUse(message_id=answer, used=(Used(id=tea),)))
    base = {"message_id": f"'{answer}'", "memory_id": f"'{tea}'"}
    given = {name: value.replace("{answer}", f"'{answer}'") for name, value in values.items()}
    error = await refused_row(ctx, "message_memory_usage", **(base | given))
    assert (error.code, error.data["field"]) == (code, field)


async def test_others_reach_nothing(memory: AsyncMemory, other: Context) -> None:
    ctx = context_of(memory)
    answer, (tea, _) = await answered(memory)
    await note_use(ctx, NoteUse(message_id=answer, used=(Used(id=tea),)))
    for attempt in (
        note_use(other, NoteUse(message_id=answer, used=(Used(id=tea),))),
        usage_of(other, UsageOf(message_id=answer)),
        usage_of(other, UsageOf(used_id=tea)),
    ):
        with pytest.raises(NotFound):
            await attempt
    nobody = without_rights(ctx)
    for refused in (
        note_use(nobody, NoteUse(message_id=answer, used=(Used(id=tea),))),
        usage_of(nobody, UsageOf(message_id=answer)),
    ):
        with pytest.raises(Forbidden):
            await refused
    assert isinstance(((await usage_of(ctx, UsageOf(message_id=answer))).items)[0], Usage)


async def test_tags_are_counted_in_one_organisation(memory: AsyncMemory, other: Context) -> None:
    ctx = context_of(memory)
    made = await memory.remember(
        [
            {"content": "one", "tags": ["sea", "boat"]},
            {"content": "two", "tags": ["sea"]},
            {"content": "three", "tags": ["sea", "sky"]},
        ]
    )
    await memory.forget(made.ids[2])
    await memory.update(made.ids[1], "two, corrected")
    query = "SELECT tag, uses FROM memory_tags WHERE organization_id = $1 ORDER BY tag"
    async with ctx.database.transaction(ctx.principal) as connection:
        found = {row["tag"]: row["uses"] for row in await connection.fetch(query, ctx.principal.organization_id)}
    assert found == {"boat": 1, "sea": 2}
    async with other.database.transaction(other.principal) as connection:
        assert not await connection.fetch("SELECT * FROM memory_tags")
