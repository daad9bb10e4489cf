"""note_use: of either kind, once however often it is said, and gone with what it is about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon import AsyncMemory, Invalid, Memory, NotFound, Unavailable
from mnemon.context import Context
from mnemon.core.errors import Forbidden
from mnemon.installation.export import (
    ExportOrganization,
    ImportOrganization,
    export_organization,
    import_organization,
)
from mnemon.memory.schemas_facts import NoteUse, Usage, UsageOf, Used
from mnemon.memory.service.usage import note_use, usage_of
from mnemon.migrations import runner
from tests.conftest import APP, Server
from tests.factories import context_of, new_slug, settings_of, upgrade
from tests.operations.conftest import elsewhere as elsewhere
from tests.workspace.helpers import acting, people, without_rights


async def talked(memory: AsyncMemory, user: str = "ada") -> tuple[UUID, list[UUID]]:
    """An answer, and a message and a memory that it could have used."""
    said = await memory.remember("The boat leaves at noon", user=user, conversation="boats", role="user")
    kept = await memory.remember("Ada likes boats", user=user)
    answer = await memory.remember("At noon, Ada", user=user, conversation="boats", role="assistant", agent="guide")
    return answer.id, [said.id, kept.id]


async def uses(memory: AsyncMemory, answer: UUID) -> dict[UUID, Usage]:
    """The uses of an answer, by what was used."""
    return {use.used_id: use for use in (await memory.usage_of(answer=answer)).items}


async def test_what_recall_gave_is_noted_whatever_it_is(memory: AsyncMemory) -> None:
    answer, (said, kept) = await talked(memory)
    hits = [hit for hit in await memory.recall("When does the boat leave?", user="ada") if hit.id != answer]
    assert {hit.item.kind for hit in hits} == {"message", "memory"}
    assert (await memory.note_use(answer, hits)).count == 2
    noted = await uses(memory, answer)
    for hit in hits:
        use = noted[hit.id]
        assert (use.used_kind, use.rank, use.helpful) == (hit.item.kind, hit.rank, None)
        assert use.relevance_score == pytest.approx(hit.score)
        assert use.signals["semantic"]["share"] == hit.why.recall["semantic"].share
        assert use.signals.keys() == hit.why.recall.keys() | hit.why.match.keys()
    assert [use.used_id for use in (await memory.usage_of(answer=str(answer))).items] == [hit.id for hit in hits]
    for used in (said, kept):
        assert [use.message_id for use in (await memory.usage_of(used=used)).items] == [answer]
    # Said again, by its id alone and that it helped: the same use, with the place and the score that it had.
    assert (await memory.note_use(str(answer), str(said), helpful=True)).count == 1
    again = await uses(memory, answer)
    assert again[said] == noted[said].model_copy(update={"helpful": True})
    assert again[kept] == noted[kept]
    await memory.note_use(answer, [said, kept], helpful=False)
    await memory.note_use(answer, [said, kept, said])
    assert [use.helpful for use in (await uses(memory, answer)).values()] == [False, False]


async def test_hits_of_a_search_items_and_generators_will_do(memory: AsyncMemory) -> None:
    answer, (said, kept) = await talked(memory)
    found = await memory.search("boat", user="ada", kinds=["memory"])
    assert (await memory.note_use(answer, found)).count == 1
    use = (await uses(memory, answer))[kept]
    assert (use.relevance_score, use.rank, use.signals["meaning"]["value"] > 0) == (None, 1, True)
    assert (await memory.note_use(answer, await memory.get(said))).count == 1
    assert (await memory.note_use(answer, found[0])).count == 1
    assert (await memory.note_use(answer, (one for one in (said, found[0])))).count == 2
    assert set(await uses(memory, answer)) == {said, kept}


async def test_what_was_corrected_or_forgotten_since_was_used_all_the_same(memory: AsyncMemory) -> None:
    answer, (said, kept) = await talked(memory)
    await memory.update(kept, "Ada likes ships")
    await memory.forget(said)
    assert (await memory.note_use(answer, [said, kept])).count == 2


async def test_what_is_none_and_what_is_of_others_is_refused_whole(
    memory: AsyncMemory, new_memory: Callable[[], Awaitable[AsyncMemory]]
) -> None:
    answer, (said, kept) = await talked(memory)
    stranger = await new_memory()
    theirs, foreign = await talked(stranger)
    for who, what in ((theirs, [said]), (uuid4(), [said]), (kept, [said])):
        with pytest.raises(NotFound) as gone:
            await memory.note_use(who, what)
        assert gone.value.data["field"] == "message_id"
    for used in (*foreign, theirs, uuid4()):
        with pytest.raises(NotFound) as gone:
            await memory.note_use(answer, [said, used, kept])
        assert (gone.value.data["field"], gone.value.data["id"]) == ("used", str(used))
        with pytest.raises(NotFound):
            await memory.usage_of(used=used)
    with pytest.raises(NotFound):
        await memory.usage_of(answer=kept)
    assert not await uses(memory, answer)
    assert not await uses(stranger, theirs)
    with pytest.raises(Invalid) as refused:
        await memory.note_use(answer, [said, answer])
    assert refused.value.code == "invalid.used"
    value: Any
    for value in (5, None, b"x", {"a": 1}, "no id", [5], [None], ["no id"], [b"x"], [[said]], object(), True):
        with pytest.raises(Invalid) as refused:
            await memory.note_use(answer, value)
        assert (refused.value.data["field"], "used" in refused.value.message) == ("used", True)
        with pytest.raises(Invalid) as refused:
            await memory.note_use(value, said)
        assert (refused.value.data["field"], "answer" in refused.value.message) == ("answer", True)
    for value in ([], [uuid4() for _ in range(1001)]):
        with pytest.raises(Invalid):
            await memory.note_use(answer, value)
    for value in ("yes", 1, 0.5):
        with pytest.raises(Invalid) as refused:
            await memory.note_use(answer, said, helpful=value)
        assert refused.value.data["field"] == "helpful"
    wrong: Any
    for wrong in ({}, {"answer": answer, "used": said}):
        with pytest.raises(Invalid):
            await memory.usage_of(**wrong)
    assert not await uses(memory, answer)


async def test_who_does_not_see_it_notes_nothing_and_reads_nothing(memory: AsyncMemory) -> None:
    ctx = context_of(memory)
    answer, (said, _) = await talked(memory)
    public = await memory.remember("In the open", conversation="square", role="assistant")
    async with ctx.database.transaction(ctx.principal) as connection:
        await connection.execute(
            "UPDATE conversations SET is_private = false WHERE organization_id = $1 AND external_id = 'square'",
            ctx.principal.organization_id,
        )
    await memory.note_use(public.id, [said])
    await memory.note_use(answer, [public.id])
    (bob,) = await people(ctx, "bob")
    eyes = acting(ctx, bob)
    assert not (await usage_of(eyes, UsageOf(message_id=public.id))).items
    assert not (await usage_of(eyes, UsageOf(used_id=public.id))).items
    for attempt in (
        usage_of(eyes, UsageOf(used_id=said)),
        note_use(eyes, NoteUse(message_id=public.id, used=(Used(id=said),))),
        note_use(eyes, NoteUse(message_id=answer, used=(Used(id=public.id),))),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(Forbidden):
        await note_use(without_rights(ctx), NoteUse(message_id=answer, used=(Used(id=said),)))


async def test_many_at_once_note_it_once(memory: AsyncMemory, admin: Any) -> None:
    answer, used = await talked(memory)
    more = await memory.remember([f"Boat {n} leaves" for n in range(40)], conversation="boats")
    everything = [*used, *more.ids]
    await asyncio.gather(
        *(memory.note_use(answer, everything[:: 1 if n % 2 else -1], helpful=n > 4) for n in range(12))
    )
    rows = await admin.fetchval("SELECT count(*) FROM message_memory_usage WHERE message_id = $1", answer)
    assert rows == len(everything) == 42
    helped = {use.helpful for use in (await uses(memory, answer)).values()}
    assert len(helped) == 1, "one call was the last for all of them"


async def test_killed_in_the_middle_nothing_is_noted(server: Server, template: str, admin: Any) -> None:
    async with AsyncMemory(settings_of(server.url(APP), organization=new_slug())) as memory:
        answer, used = await talked(memory)
        blocker = await server.connect()
        lock = blocker.transaction()
        await lock.start()
        # What was used last, by id: the uses of the others are written by then.
        await blocker.execute("SELECT FROM messages WHERE id = $1 FOR UPDATE", used[0])
        noting = asyncio.create_task(memory.note_use(answer, used))
        killed = 0
        for _ in range(500):
            killed = await admin.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE usename = $1 AND wait_event_type = 'Lock' AND query LIKE '%message_memory_usage%'",
                APP,
            )
            if killed:
                break
            await asyncio.sleep(0.02)
        assert killed == 1
        with pytest.raises(Unavailable):
            await noting
        await lock.rollback()
        await blocker.close()
        assert not await uses(memory, answer)
        assert (await memory.note_use(answer, used)).count == 2


@pytest.mark.parametrize("goes", ["answer", "used"])
async def test_a_use_goes_with_the_answer_and_with_what_was_used(memory: AsyncMemory, admin: Any, goes: str) -> None:
    said = await memory.remember("The boat leaves at noon", user="ada", conversation="hers", role="user")
    kept = await memory.remember("Ada likes boats", user="ada")
    stays = await memory.remember("Bo likes tea", user="bo", conversation="his", role="user")
    answer = await memory.remember("At noon", user="bo", conversation="his", role="assistant", agent="guide")
    hers = await memory.remember("Tea", user="ada", conversation="hers", role="assistant", agent="guide")
    uses_of = {"answer": [(hers.id, [stays.id])], "used": [(answer.id, [said.id, kept.id])]}
    for who, used in uses_of[goes]:
        await memory.note_use(who, used)
    await memory.note_use(answer.id, [stays.id])
    receipt = await memory.erase(user="ada")
    assert receipt.counts["message_memory_usage"] == (1 if goes == "answer" else 2)
    organization = context_of(memory).principal.organization_id
    left = await admin.fetch(
        "SELECT message_id, used_message_id FROM message_memory_usage WHERE organization_id = $1", organization
    )
    assert [tuple(row) for row in left] == [(answer.id, stays.id)]


async def test_uses_leave_with_their_organisation_and_arrive(
    new_memory: Callable[[], Awaitable[AsyncMemory]], elsewhere: Any, tmp_path: Path
) -> None:
    memory = await new_memory()
    answer, used = await talked(memory)
    hits = [hit for hit in await memory.recall("boat", user="ada") if hit.id in used]
    await memory.note_use(answer, hits, helpful=True)
    before = await uses(memory, answer)
    await export_organization(context_of(memory), ExportOrganization(path=tmp_path / "export"))
    done = await import_organization(elsewhere.owner_url, ImportOrganization(path=tmp_path / "export"))
    there = await elsewhere.memory.organization(done.slug)
    assert await uses(there, answer) == before
    assert {use.used_kind for use in before.values()} == {"message", "memory"}


async def test_uses_from_before_are_there_after_the_upgrade_and_after_the_way_back(
    server: Server, make_database: Any
) -> None:
    name = await make_database()
    url = server.url(database=name)
    async with AsyncMemory(database_url=server.url(APP, name), organization="old-one") as memory:
        answer, (said, kept) = await talked(memory)
        await memory.note_use(answer, [said, kept])
    admin = await server.connect(database=name)
    try:
        await runner.downgrade(url, revision="0023")
        assert await admin.fetch("SELECT message_id, memory_id FROM message_memory_usage") == [(answer, kept)]
        await upgrade(url)
        assert (await runner.check(url)).ok
        async with AsyncMemory(database_url=server.url(APP, name), organization="old-one") as memory:
            assert set(await uses(memory, answer)) == {kept}
            assert (await memory.note_use(answer, [said, kept])).count == 2
            assert set(await uses(memory, answer)) == {said, kept}
    finally:
        await admin.close()


def test_the_memory_that_does_not_await_does_the_same(server: Server, template: str) -> None:
    with Memory(database_url=server.url(APP), organization=new_slug(), auto_maintenance=False) as memory:
        said = memory.remember("The boat leaves at noon", conversation="boats")
        answer = memory.remember("At noon", conversation="boats", role="assistant")
        assert memory.note_use(answer.id, said.id, helpful=True).count == 1
        (use,) = memory.usage_of(answer=answer.id).items
        assert (use.used_id, use.helpful) == (said.id, True)


async def test_a_context_of_another_organisation_reaches_nothing(memory: AsyncMemory, other: Context) -> None:
    answer, (said, _) = await talked(memory)
    await memory.note_use(answer, said)
    for attempt in (
        note_use(other, NoteUse(message_id=answer, used=(Used(id=said),))),
        usage_of(other, UsageOf(message_id=answer)),
        usage_of(other, UsageOf(used_id=said)),
    ):
        with pytest.raises(NotFound):
            await attempt
