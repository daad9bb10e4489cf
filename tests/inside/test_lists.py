"""Every list, a page at a time: while rows come and go, in other organisations, and with cursors that are none."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest

from mnemon import AsyncMemory
from mnemon.app import App
from mnemon.context import Context
from mnemon.core.cursors import write_cursor
from mnemon.core.errors import Invalid, NotFound
from mnemon.core.pages import Page
from tests.factories import Rows, new_slug
from tests.inside.lists import FIXED, LISTS, add, every_list, remove, rows_of

NAMES = sorted(LISTS)
CHANGING = sorted(LISTS.keys() - FIXED)


def test_every_list_is_here() -> None:
    assert {name.partition(" ")[0] for name in LISTS} == every_list()


async def pages(ctx: Context, rows: Rows, name: str, limit: int) -> list[Any]:
    """Every item's key of a list, in its order."""
    found: list[Any] = []
    cursor = None
    while True:
        page = await LISTS[name].ask(ctx, rows, {"limit": limit, "cursor": cursor})
        assert isinstance(page, Page)
        assert isinstance(page.items, tuple)
        assert len(page.items) == limit or page.next_cursor is None
        found += [LISTS[name].key(item) for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("name", CHANGING)
async def test_a_list_while_rows_come_and_go(app: App, admin: Any, name: str) -> None:
    """No row twice, none missing that was there all the time, and all in the order of the whole list."""
    ctx = await app.organization(new_slug("lists"))
    rows = await rows_of(admin, ctx)
    chance = random.Random(name)  # the same rows at the same places in every run
    there = [await add(rows, ctx, name, place) for place in (2, 1, 4, 1, 0, 3)]
    others = set(await pages(ctx, rows, name, 1000)) - set(there)  # roles of the system's own
    for limit in (1, 2):
        stayed, seen = set(there), list[Any]()
        cursor = None
        while True:
            page = await LISTS[name].ask(ctx, rows, {"limit": limit, "cursor": cursor})
            seen += [LISTS[name].key(item) for item in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
            if len(there) < 9:
                there.append(await add(rows, ctx, name, chance.randrange(6)))
            if LISTS[name].removes and len(there) > 4:
                gone = there.pop(chance.randrange(len(there)))
                stayed.discard(gone)
                await remove(rows, name, gone)
        assert len(seen) == len(set(seen)), "a row was shown twice"
        assert stayed | others <= set(seen), "a row was passed over"
        whole = await pages(ctx, rows, name, 1000)
        assert [one for one in seen if one in stayed] == [one for one in whole if one in stayed]
        assert set(whole) == set(there) | others
    assert await pages(ctx, rows, name, 3) == whole


@pytest.mark.parametrize("name", CHANGING)
async def test_another_organisation_is_listed_nothing(app: App, admin: Any, name: str) -> None:
    mine, other = await app.organization(new_slug("mine")), await app.organization(new_slug("other"))
    rows = await rows_of(admin, mine)
    made = {await add(rows, mine, name, place) for place in range(3)}
    page = await LISTS[name].ask(mine, rows, {"limit": 1})
    assert page.next_cursor is not None
    with pytest.raises(Invalid, match="another organisation") as caught:
        await LISTS[name].ask(other, rows, {"limit": 1000, "cursor": page.next_cursor})
    assert caught.value.code == "invalid.cursor"
    shown: tuple[Any, ...] = ()
    with contextlib.suppress(NotFound):  # what the list is of is not there either
        shown = (await LISTS[name].ask(other, rows, {"limit": 1000})).items
    assert made.isdisjoint(LISTS[name].key(item) for item in shown)


@pytest.mark.parametrize("name", NAMES)
async def test_a_cursor_that_no_page_of_the_list_gave_is_refused(ctx: Context, admin: Any, name: str) -> None:
    rows = await rows_of(admin, ctx)
    if name not in FIXED:
        for place in range(3):
            await add(rows, ctx, name, place)
    page = await LISTS[name].ask(ctx, rows, {"limit": 1})
    assert page.next_cursor is not None
    own = page.next_cursor
    organization = ctx.principal.organization_id
    foreign = write_cursor("tests.another", organization, ["x"], [str])
    for cursor, words in (
        ("", "not one that a page gave"),
        ("nonsense!", "not one that a page gave"),
        ("é" * 40, "not one that a page gave"),
        ("A" * 200, "not one that a page gave"),
        (own[:-4], "not one that a page gave"),
        (own + "AAAA", "not one that a page gave"),
        ("B" + own[1:], "not one that a page gave"),
        (foreign, "of another list"),
    ):
        with pytest.raises(Invalid) as caught:
            await LISTS[name].ask(ctx, rows, {"limit": 1, "cursor": cursor})
        assert (caught.value.code, caught.value.data["field"]) == ("invalid.cursor", "cursor"), cursor
        assert words in caught.value.message, cursor
    assert (await LISTS[name].ask(ctx, rows, {"limit": 1, "cursor": own})).items


async def test_the_library_takes_its_own_cursor_only(memory: AsyncMemory) -> None:
    await memory.remember([{"content": f"number {n}"} for n in range(3)])
    first = await memory.list(limit=2)
    assert first.next_cursor is not None
    rest = await memory.list(limit=2, cursor=first.next_cursor)
    assert (len(rest.items), rest.next_cursor) == (1, None)
    with pytest.raises(Invalid) as caught:
        await memory.list(cursor="nonsense")
    assert caught.value.code == "invalid.cursor"
