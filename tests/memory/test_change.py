"""update, forget, history, get and list: nothing is overwritten, and everything is found again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon import AsyncMemory, Conflict, Invalid, NotFound
from mnemon.context import Context
from mnemon.core.principal import Principal
from mnemon.memory import service
from mnemon.memory.schemas import History, Update
from tests.factories import context_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_new_content_makes_a_new_memory(memory: AsyncMemory) -> None:
    old = (
        await memory.remember(
            "Ada lives in Turin", user="ada", agent="guide", tags=["home"], importance=7, metadata={"n": 1}, at=NOON
        )
    ).id
    new = await memory.update(old, "Ada lives in Lisbon", at=NOON + timedelta(days=30), reason="she moved")
    assert new.id != old
    assert (new.content, new.user, new.agent, new.tags) == ("Ada lives in Lisbon", "ada", "guide", ("home",))
    assert (new.importance, new.metadata, new.version, new.status) == (7, {"n": 1}, 1, "active")
    assert new.at == NOON + timedelta(days=30)
    before = await memory.get(old)
    assert (before.content, before.status, before.superseded_by) == ("Ada lives in Turin", "superseded", new.id)
    assert before.valid_until == NOON + timedelta(days=30)
    assert before.superseded_at == new.recorded_at
    assert [hit.content for hit in await memory.search("Where does Ada live?")] == ["Ada lives in Lisbon"]
    assert [item.id for item in (await memory.list()).items] == [new.id]
    assert {item.id for item in (await memory.list(include_past=True)).items} == {old, new.id}


async def test_new_content_with_other_fields(memory: AsyncMemory) -> None:
    old = (await memory.remember("Turin", tags=["home"], metadata={"n": 1}, importance=7)).id
    new = await memory.update(old, "Lisbon", tags=[], metadata={}, importance=1, confidence=0.5, tier="cold")
    assert (new.tags, new.metadata, new.importance, new.confidence, new.tier) == ((), {}, 1, 0.5, "cold")


async def test_other_fields_change_in_place(memory: AsyncMemory) -> None:
    one = (await memory.remember("Turin", tags=["home"], metadata={"n": 1})).id
    changed = await memory.update(one, importance=9, is_pinned=True)
    assert changed.id == one
    assert (changed.importance, changed.is_pinned, changed.version) == (9, True, 2)
    assert (changed.tags, changed.metadata) == (("home",), {"n": 1})
    changed = await memory.update(one, is_pinned=False, tags=[], metadata={}, tier="hot", confidence=0)
    assert (changed.is_pinned, changed.tags, changed.metadata, changed.tier) == (False, (), {}, "hot")
    assert (changed.confidence, changed.version) == (0.0, 3)
    changed = await memory.update(one, "Turin", importance=2)
    assert (changed.id, changed.importance, changed.version) == (one, 2, 4)


async def test_the_same_content_changes_nothing(memory: AsyncMemory) -> None:
    one = (await memory.remember("Turin")).id
    same = await memory.update(one, "Turin")
    assert (same.id, same.version, same.superseded_by) == (one, 1, None)


async def test_a_version_that_somebody_else_changed_is_a_conflict(memory: AsyncMemory) -> None:
    one = (await memory.remember("Turin")).id
    await memory.update(one, importance=9, expected_version=1)
    for fields in ({"importance": 3}, {"content": "Lisbon"}):
        with pytest.raises(Conflict) as caught:
            await memory.update(one, expected_version=1, **fields)
        assert caught.value.code == "conflict.version"
        assert caught.value.data == {"expected_version": 1, "current_version": 2}
    assert (await memory.get(one)).importance == 9
    assert (await memory.update(one, "Lisbon", expected_version=2)).content == "Lisbon"


async def test_what_was_superseded_names_its_successor(memory: AsyncMemory) -> None:
    one = (await memory.remember("Turin")).id
    two = (await memory.update(one, "Lisbon")).id
    for fields in ({"content": "Porto"}, {"importance": 3}):
        with pytest.raises(Conflict) as caught:
            await memory.update(one, **fields)
        assert caught.value.code == "conflict.superseded"
        assert caught.value.data["superseded_by"] == str(two)


async def test_of_many_corrections_at_once_one_wins(memory: AsyncMemory) -> None:
    one = (await memory.remember("Turin")).id
    results = await asyncio.gather(*(memory.update(one, f"City {n}") for n in range(8)), return_exceptions=True)
    won = [result for result in results if not isinstance(result, BaseException)]
    assert len(won) == 1
    assert all(isinstance(result, Conflict) for result in results if result not in won)
    assert len((await memory.history(one)).versions) == 2
    results = await asyncio.gather(
        *(memory.update(won[0].id, importance=n % 10 + 1, expected_version=1) for n in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, Conflict) for result in results) == 7


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "invalid.no_change"),
        ({"reason": "why"}, "invalid.no_change"),
        ({"content": ""}, "invalid.content_empty"),
        ({"content": "x" * 50_001}, "invalid.content_too_long"),
        ({"importance": 11}, "invalid.less_than_equal"),
        ({"user": "bob"}, "invalid.unknown_field"),
        ({"importance": 3, "expected_version": 0}, "invalid.greater_than_equal"),
    ],
)
async def test_what_update_refuses(memory: AsyncMemory, fields: dict[str, Any], code: str) -> None:
    one = (await memory.remember("Turin")).id
    with pytest.raises(Invalid) as caught:
        await memory.update(one, **fields)
    assert caught.value.code == code


async def test_what_was_said_is_not_corrected(memory: AsyncMemory) -> None:
    one = (await memory.remember("Turin", conversation="c")).id
    for fields in ({"content": "Lisbon"}, {"importance": 3}):
        with pytest.raises(Invalid) as caught:
            await memory.update(one, **fields)
        assert caught.value.code == "invalid.message_is_final"
    for missing in (uuid4(), str(uuid4())):
        with pytest.raises(NotFound):
            await memory.update(missing, importance=3)
    with pytest.raises(Invalid):
        await memory.update("nonsense", importance=3)


async def test_update_of_what_was_forgotten_finds_nothing(memory: AsyncMemory) -> None:
    one = (await memory.remember("Turin")).id
    await memory.forget(one)
    with pytest.raises(NotFound):
        await memory.update(one, "Lisbon")


async def test_the_story_from_any_version(memory: AsyncMemory) -> None:
    ids: list[UUID] = [(await memory.remember("version 0", user="ada")).id]
    await memory.update(ids[0], importance=8, reason="matters")
    for n in range(1, 5):
        ids.append((await memory.update(ids[-1], f"version {n}", reason=f"reason {n}")).id)
    await memory.forget(ids[-1], reason="enough")
    stories: list[History] = [await memory.history(one) for one in ids]
    for story in stories:
        assert [one.id for one in story.versions] == ids
        assert [one.content for one in story.versions] == [f"version {n}" for n in range(5)]
        assert [one.superseded_by for one in story.versions] == [*ids[1:], None]
        assert story == stories[0]
    events = stories[0].events
    assert [(e.action, e.memory_id) for e in events if e.action != "created"] == [
        ("updated", ids[0]),
        *(("superseded", one) for one in ids[:-1]),
        ("forgotten", ids[-1]),
    ]
    assert [e.memory_id for e in events if e.action == "created"] == ids
    reasons = [e.reason for e in events if e.action in {"updated", "superseded", "forgotten"}]
    assert reasons == ["matters", "reason 1", "reason 2", "reason 3", "reason 4", "enough"]
    assert all(e.at >= before.at for before, e in pairwise(events))
    assert {e.changed_by for e in events} == {"system"}


async def test_a_reason_is_of_its_own_change_only(memory: AsyncMemory) -> None:
    one = (await memory.remember("Turin")).id
    await memory.update(one, importance=8, reason="matters")
    await asyncio.gather(*(memory.update(one, importance=n + 1) for n in range(7)))
    assert [e.reason for e in (await memory.history(one)).events if e.reason] == ["matters"]


async def test_the_log_says_who(ctx: Context) -> None:
    one = (await memory_of(ctx)).id
    users = await make_people(ctx, "ada")
    acting = ctx.as_principal(Principal(ctx.principal.organization_id, user_id=users["ada"]))
    await service.update(acting, Update(id=one, importance=9))
    events = (await service.history(ctx, one)).events
    assert [e.changed_by for e in events] == ["system", f"user:{users['ada']}"]


async def memory_of(ctx: Context) -> Any:
    from mnemon.memory.schemas import NewMemory, Remember

    return await service.remember(ctx, Remember(items=(NewMemory(content="Turin"),)))


async def make_people(ctx: Context, *names: str) -> dict[str, UUID]:
    from mnemon.identity import service as identity

    async with ctx.database.transaction(ctx.principal) as connection:
        return await identity.ensure_users(connection, ctx.principal.organization_id, list(names))


async def test_the_story_of_what_was_said(memory: AsyncMemory) -> None:
    one = (await memory.remember("Turin", conversation="c")).id
    story = await memory.history(one)
    assert [v.id for v in story.versions] == [one]
    assert [e.action for e in story.events] == ["created"]
    await memory.forget(one)
    assert [e.action for e in (await memory.history(one)).events] == ["created", "forgotten"]


async def test_forget_by_id(memory: AsyncMemory) -> None:
    done = await memory.remember(
        [{"content": f"kept {n}"} for n in range(3)] + [{"content": f"said {n}", "conversation": "c"} for n in range(3)]
    )
    gone = await memory.forget(done.ids[0])
    assert (gone.memories, gone.messages, gone.count) == (1, 0, 1)
    gone = await memory.forget([str(done.ids[1]), done.ids[3], uuid4()])
    assert (gone.memories, gone.messages) == (1, 1)
    for again in (done.ids[0], [done.ids[0], done.ids[3]], uuid4()):
        with pytest.raises(NotFound):
            await memory.forget(again)
    assert {hit.content for hit in await memory.recall("kept said", k=10)} == {"kept 2", "said 1", "said 2"}
    for one in (done.ids[0], done.ids[3]):
        with pytest.raises(NotFound):
            await memory.get(one)
    assert len((await memory.list(limit=10)).items) == 3
    past = (await memory.list(limit=10, include_past=True)).items
    assert len(past) == 6
    assert sum(item.deleted_at is not None for item in past) == 3


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ({"user": "ada"}, {"b", "d", "e"}),
        ({"agent": "guide"}, {"a", "b", "c", "e"}),
        ({"conversation": "plans"}, {"a", "b"}),
        ({"tags": ["x"]}, {"b", "c", "d", "e"}),
        ({"tags_any": ["x", "y"]}, {"c", "d", "e"}),
        ({"kinds": ["memory"], "user": "ada"}, {"b", "c", "d", "e"}),
        ({"types": ["semantic"]}, {"c", "d", "e"}),
        ({"since": NOON + timedelta(days=1)}, {"a"}),
        ({"until": NOON + timedelta(days=1)}, {"b", "c", "d", "e"}),
        ({"metadata": {"n": 1}}, {"b", "c", "d", "e"}),
        ({"user": "nobody"}, {"a", "b", "c", "d", "e"}),
    ],
)
async def test_forget_by_conditions(memory: AsyncMemory, conditions: dict[str, Any], left: set[str]) -> None:
    await memory.remember(
        [
            {"content": "a", "user": "ada", "tags": ["x"], "at": NOON, "metadata": {"n": 1, "m": 2}},
            {"content": "b", "user": "bob", "tags": ["y"], "at": NOON + timedelta(days=1)},
            {"content": "c", "user": "ada", "conversation": "plans", "at": NOON + timedelta(days=2)},
            {"content": "d", "agent": "guide", "conversation": "plans", "at": NOON + timedelta(days=3)},
            {"content": "e", "conversation": "plans", "at": NOON + timedelta(days=4)},
        ]
    )
    gone = await memory.forget(**conditions)
    assert gone.count == 5 - len(left)
    assert {item.content for item in (await memory.list()).items} == left


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"id": []},
        {"scope": {}},
        {"kinds": ["message", "memory"]},
        {"tags": []},
        {"tags_any": []},
        {"metadata": {}},
        {"user": None},
        {"as_of": datetime.now(UTC)},
        {"types": ["semantic", "episodic", "procedural", "agent_private", "shared", "identity", "user_profile"]},
    ],
)
async def test_everything_is_not_forgotten_by_accident(memory: AsyncMemory, conditions: dict[str, Any]) -> None:
    await memory.remember(["kept", {"content": "said", "conversation": "c"}])
    with pytest.raises(Invalid) as caught:
        await memory.forget(**conditions)
    assert caught.value.code.startswith("invalid.forget")
    assert len((await memory.list()).items) == 2


async def test_forget_takes_ids_or_conditions(memory: AsyncMemory) -> None:
    one = (await memory.remember("kept", user="ada")).id
    with pytest.raises(Invalid):
        await memory.forget(one, user="ada")
    with pytest.raises(Invalid):
        await memory.forget("nonsense")
    assert (await memory.forget(one)).count == 1


async def test_forget_reaches_earlier_versions(memory: AsyncMemory) -> None:
    one = (await memory.remember("Turin", user="ada")).id
    await memory.update(one, "Lisbon")
    assert (await memory.forget(user="ada")).memories == 2
    with pytest.raises(NotFound):
        await memory.get(one)


async def test_get_as_of(memory: AsyncMemory) -> None:
    one = (await memory.remember("Turin")).id
    recorded = (await memory.get(one)).recorded_at
    two = await memory.update(one, "Lisbon")
    await memory.forget(two.id)
    assert (await memory.get(one, as_of=recorded)).content == "Turin"
    with pytest.raises(NotFound):
        await memory.get(one, as_of=recorded - timedelta(microseconds=1))
    assert (await memory.get(two.id, as_of=two.recorded_at)).content == "Lisbon"
    with pytest.raises(NotFound):
        await memory.get(one, as_of=two.recorded_at)
    with pytest.raises(NotFound):
        await memory.get(two.id)
    with pytest.raises(Invalid):
        await memory.get(one, as_of="nonsense")


async def all_pages(memory: AsyncMemory, limit: int, **conditions: Any) -> list[Any]:
    page = await memory.list(limit=limit, **conditions)
    found = list(page.items)
    while page.next_cursor is not None:
        page = await memory.list(limit=limit, cursor=page.next_cursor, **conditions)
        assert page.items
        found += page.items
    return found


@pytest.mark.parametrize("limit", [1, 3, 7, 20, 1000])
async def test_pages_hold_every_row_once_newest_first(memory: AsyncMemory, limit: int) -> None:
    times = [NOON + timedelta(hours=n // 4) for n in range(20)]  # four at each moment
    done = await memory.remember(
        [{"content": f"n{n}", "at": at, **({"conversation": "c"} if n % 3 == 0 else {})} for n, at in enumerate(times)]
    )
    found = await all_pages(memory, limit)
    assert sorted(item.id for item in found) == sorted(done.ids)
    assert [item.at for item in found] == sorted(times, reverse=True)
    assert len(await all_pages(memory, limit, kinds=["message"])) == 7


async def test_pages_are_stable_while_others_write(memory: AsyncMemory) -> None:
    done = await memory.remember([{"content": f"n{n}", "at": NOON + timedelta(hours=n)} for n in range(12)])
    page = await memory.list(limit=4)
    seen = list(page.items)
    turn = 0
    while page.next_cursor is not None:
        turn += 1
        await memory.remember(f"newer {turn}", at=NOON + timedelta(days=turn * 100))
        await memory.forget(seen[-1].id)
        page = await memory.list(limit=4, cursor=page.next_cursor)
        seen += page.items
    assert [item.id for item in seen] == list(reversed(done.ids))


@pytest.mark.parametrize(
    "cursor", ["", "x", "nonsense!", "AAAA", "é", "=" * 40, "A" * 32, "A" * 33, "/" * 32, "x" * 501]
)
async def test_a_cursor_that_no_page_gave(memory: AsyncMemory, cursor: str) -> None:
    with pytest.raises(Invalid) as caught:  # noqa: PT012 - what raises comes at its end
        page = await memory.list(cursor=cursor)
        assert page.next_cursor is None  # 32 letters may be a moment and an id: of an empty page
        raise Invalid("an empty page", code="invalid.cursor")
    assert caught.value.code in {"invalid.cursor", "invalid.string_too_long"}


@settings(max_examples=100)
@given(cursor=st.text(max_size=60))
async def test_any_cursor_is_read_or_refused(house: AsyncMemory, cursor: str) -> None:
    try:
        await house.list(cursor=cursor)
    except Invalid as error:
        assert error.code in {"invalid.cursor", "invalid.string_unicode"}  # noqa: PT017


async def test_limits_of_a_page(memory: AsyncMemory) -> None:
    for limit in (0, -1, 1001, "many"):
        with pytest.raises(Invalid):
            await memory.list(limit=limit)  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        await memory.list(colour="blue")
    assert (await memory.list(user="nobody")).items == ()


async def test_access_counts_are_written_in_batches_and_change_no_version(memory: AsyncMemory, app: Any) -> None:
    one = (await memory.remember("the harbour is closed")).id
    said = (await memory.remember("the harbour is open", conversation="c")).id
    for _ in range(3):
        assert len(await memory.recall("harbour")) == 2
    await app.accesses.flush()
    item = await memory.get(one)
    assert (item.access_count, item.version) == (3, 1)
    assert (await memory.get(said)).access_count == 0
    assert [e.action for e in (await memory.history(one)).events] == ["created"]
    assert context_of(memory).principal.organization_id not in app.accesses._pending
