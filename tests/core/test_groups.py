"""Calls that wait at the same time are done together, each with its own answer, error and end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemon.core import groups
from mnemon.core.errors import Conflict, Invalid, Unavailable
from mnemon.core.groups import Groups, Undecided, Work


class Desk:
    """Doubles numbers, refuses those below zero, and notes how it was asked."""

    def __init__(self) -> None:
        self.groups = Groups()
        self.alone: list[int] = []
        self.together: list[list[int]] = []
        self.may = asyncio.Event()
        self.may.set()

    async def one(self, number: int) -> int:
        await self.may.wait()
        await asyncio.sleep(0)
        if number < 0:
            raise Invalid(f"{number} is below zero.")
        self.alone.append(number)
        return 2 * number

    async def many(self, numbers: Sequence[int]) -> Sequence[int]:
        await self.may.wait()
        await asyncio.sleep(0)
        if min(numbers) < 0:
            raise Conflict("One of them is below zero.")
        self.together.append(list(numbers))
        return [2 * number for number in numbers]

    def ask(
        self, number: int, key: str = "key", together: Callable[[Sequence[int]], Awaitable[Sequence[int]]] | None = None
    ) -> asyncio.Task[int]:
        work = Work(number, partial(self.one, number), together or self.many, frozenset({number}))
        return asyncio.create_task(self.groups.run(key, work))

    async def busy(self) -> None:
        """Several have come at a time, so that the next one looks whether others come along."""
        await asyncio.gather(*(self.ask(100 + number) for number in range(3)))
        assert (self.alone, self.together) == ([100], [[101, 102]])
        self.alone, self.together = [], []

    @property
    def idle(self) -> bool:
        return not self.groups._lanes and not self.groups._tasks


async def test_one_caller_is_served_alone() -> None:
    desk = Desk()
    assert [await desk.ask(number) for number in (1, 2, 3)] == [2, 4, 6]
    assert (desk.alone, desk.together) == ([1, 2, 3], [])
    assert desk.idle


async def test_who_comes_at_the_same_time_is_served_together_and_who_comes_meanwhile_next() -> None:
    desk = Desk()
    await desk.busy()
    desk.may.clear()
    first = [desk.ask(number) for number in (1, 2, 3)]
    await asyncio.sleep(0.01)
    second = [desk.ask(number) for number in (4, 5)]
    await asyncio.sleep(0.01)
    desk.may.set()
    assert list(await asyncio.gather(*first, *second)) == [2, 4, 6, 8, 10]
    assert desk.together == [[1, 2, 3], [4, 5]]
    assert desk.idle


async def test_another_key_has_nothing_to_do_with_it() -> None:
    desk = Desk()
    for _ in range(2):  # the second time they wait for who comes along
        desk.together = []
        asked = [desk.ask(number, "ab"[number % 2]) for number in range(6)]
        assert list(await asyncio.gather(*asked)) == [0, 2, 4, 6, 8, 10]
    assert sorted(desk.together) == [[0, 2, 4], [1, 3, 5]]


async def test_what_must_be_apart_is_never_in_one_group() -> None:
    desk = Desk()
    await desk.busy()
    assert list(await asyncio.gather(*(desk.ask(number) for number in (1, 1, 2, 1)))) == [2, 2, 4, 2]
    assert desk.together == [[1, 2]]
    assert desk.alone == [1, 1]


async def test_a_bad_one_fails_alone() -> None:
    desk = Desk()
    await desk.busy()
    answers = await asyncio.gather(*(desk.ask(number) for number in (1, -2, 3, -4)), return_exceptions=True)
    assert [answers[0], answers[2]] == [2, 6]
    assert [str(answers[1]), str(answers[3])] == ["-2 is below zero.", "-4 is below zero."]
    assert desk.idle


async def test_what_may_have_been_done_is_not_done_again() -> None:
    desk = Desk()
    await desk.busy()

    async def lost(_: Sequence[int]) -> Sequence[int]:
        raise Undecided(Unavailable("The answer was lost.", code="unavailable.database", hint="Look."))

    answers = await asyncio.gather(*(desk.ask(number, together=lost) for number in (1, 2)), return_exceptions=True)
    assert [(type(one), one.code, one.hint) for one in answers if isinstance(one, Unavailable)] == [
        (Unavailable, "unavailable.database", "Look."),
        (Unavailable, "unavailable.database", "Look."),
    ]
    assert answers[0] is not answers[1]
    assert not desk.alone
    assert await desk.ask(3) == 6


async def test_a_cancelled_caller_leaves_the_others_alone() -> None:
    desk = Desk()
    await desk.busy()
    desk.may.clear()
    under_way = [desk.ask(number) for number in (1, 2, 3)]
    await asyncio.sleep(0.01)
    waiting = [desk.ask(number) for number in (4, 5)]
    await asyncio.sleep(0.01)
    under_way[1].cancel()
    waiting[0].cancel()
    await asyncio.sleep(0.01)
    assert under_way[1].cancelled()
    assert waiting[0].cancelled()
    desk.may.set()
    assert list(await asyncio.gather(under_way[0], under_way[2], waiting[1])) == [2, 6, 10]
    assert (desk.together, desk.alone) == ([[1, 2, 3]], [5])
    assert desk.idle


async def test_a_group_that_nobody_waits_for_is_given_up() -> None:
    desk = Desk()
    await desk.busy()
    desk.may.clear()
    callers = [desk.ask(number) for number in (1, 2)]
    await asyncio.sleep(0.01)
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    desk.may.set()
    assert await desk.ask(3) == 6
    assert not desk.together
    assert desk.idle


async def test_a_caller_that_is_cancelled_as_its_turn_comes_does_not_keep_it() -> None:
    desk = Desk()
    caller = desk.ask(1)
    await asyncio.sleep(0)  # it waits for its turn
    caller.cancel()
    assert await desk.ask(2) == 4
    assert desk.alone == [2]
    assert desk.idle


async def test_nobody_waits_for_long_behind_one_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "PATIENCE", 0.02)
    desk = Desk()

    async def hangs() -> int:
        await asyncio.Event().wait()
        return 0

    stuck = asyncio.create_task(desk.groups.run("key", Work(0, hangs, desk.many)))
    await asyncio.sleep(0.01)
    assert list(await asyncio.wait_for(asyncio.gather(desk.ask(1), desk.ask(2)), 5)) == [2, 4]
    stuck.cancel()
    await asyncio.wait([stuck])
    assert desk.idle


async def test_closing_waits_for_what_is_under_way() -> None:
    desk = Desk()
    await desk.busy()
    desk.may.clear()
    callers = [desk.ask(number) for number in (1, 2)]
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(desk.groups.close())
    await asyncio.sleep(0.01)
    assert not closing.done()
    desk.may.set()
    await closing
    assert list(await asyncio.gather(*callers)) == [2, 4]


def test_another_event_loop_begins_with_nobody() -> None:
    desk: list[Desk] = []

    async def leave() -> None:
        desk.append(Desk())
        desk[0].may.clear()
        desk[0].ask(1)
        await asyncio.sleep(0.01)

    async def go_on() -> int:
        desk[0].may = asyncio.Event()
        desk[0].may.set()
        return await desk[0].ask(2)

    asyncio.run(leave())
    assert asyncio.run(go_on()) == 4


@given(
    st.lists(
        st.tuples(
            st.integers(-2, 6),  # below zero: refused
            st.sampled_from("ab"),
            st.integers(0, 3),  # steps before it comes
            st.none() | st.integers(0, 8),  # steps before it is cancelled
        ),
        max_size=25,
    )
)
def test_everybody_gets_their_own_and_nothing_is_done_twice(
    callers: list[tuple[int, str, int, int | None]],
) -> None:
    async def go() -> None:
        desk = Desk()
        tasks = []
        for number, key, before, cancelled in callers:
            for _ in range(before):
                await asyncio.sleep(0)
            tasks.append(desk.ask(number, key))
            if cancelled is not None:
                asyncio.get_running_loop().call_later(cancelled / 10_000, tasks[-1].cancel)
        answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
        kept = [*desk.alone, *(number for group in desk.together for number in group)]
        for number in range(7):
            mine = [a for a, (n, *_) in zip(answers, callers, strict=True) if n == number]
            answered = sum(answer == 2 * number for answer in mine)
            assert answered <= kept.count(number) <= len(mine)
            assert all(answer == 2 * number or isinstance(answer, asyncio.CancelledError) for answer in mine)
        for answer, (number, _, _, cancelled) in zip(answers, callers, strict=True):
            assert cancelled is not None or isinstance(answer, int if number >= 0 else Invalid)
        assert all(len(set(group)) == len(group) for group in desk.together)
        await asyncio.sleep(0)
        assert desk.idle

    asyncio.run(go())
