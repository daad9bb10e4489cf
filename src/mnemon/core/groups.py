"""Calls of one process that wait at the same time are done together, each with its own answer and its own error.

What comes while others are at work waits, and is the next group: nobody waits for a clock. A call that is alone is done
as if there were no groups, by its own caller. What cannot be done together is done one by one.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mnemon.core import forks
from mnemon.core.errors import MnemonError

logger = logging.getLogger(__name__)

#: Calls of one group at most.
MOST = 500
#: Keys at most of which is noted that several of them come at a time.
_NOTED = 10_000
#: Seconds after which those who wait no longer wait for the group before: it may wait for somebody else's lock.
PATIENCE = 0.25

T = TypeVar("T")
R = TypeVar("R")


class Undecided(Exception):  # noqa: N818 - not for callers
    """A group ended in a way that does not say whether it was done: it must not be done again.

    Args:
        error: what each of its callers is told.
    """

    def __init__(self, error: MnemonError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Work(Generic[T, R]):
    """One call that may be done with others.

    Attributes:
        what: what is to be done.
        alone: does it alone.
        together: does it with others, all or nothing; one answer for each, in order. :class:`Undecided`, if it may be
            done all the same; after any other error each is done alone.
        apart: what no two calls of a group may have in common.
    """

    what: T
    alone: Callable[[], Awaitable[R]]
    together: Callable[[Sequence[T]], Awaitable[Sequence[R]]]
    apart: frozenset[Hashable] = frozenset()


class _Turn:
    """The time in which others of a lane wait."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A caller; ``answer`` has a result, an error, or a turn in which it does its work alone (None: without one)."""

    work: Work[Any, Any]
    answer: asyncio.Future[Any]
    group: _Group | None = None


@dataclass(slots=True, eq=False)
class _Group:
    """Callers whose work is under way together."""

    members: list[_Waiting]
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Lane:
    """Calls that can be done together: those that wait, and whose turn it is."""

    waiting: list[_Waiting] = field(default_factory=list)
    turn: _Turn | None = None
    timer: asyncio.TimerHandle | None = None


@dataclass(frozen=True, slots=True)
class _Alone:
    """An answer that says: do it yourself."""

    turn: _Turn | None


class Groups:
    """Gathers calls that come at the same time; of one event loop, as the connections are that they use."""

    def __init__(self) -> None:
        self._begin()
        forks.in_child(self)

    def _begin(self) -> None:
        self._lanes: dict[Hashable, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._shared: set[Hashable] = set()  # keys of which several waited the last time
        self._loop: asyncio.AbstractEventLoop | None = None

    def forked(self) -> None:
        """Begin with nobody: those who wait do so in the parent."""
        forks.leave(self._lanes, self._tasks, self._loop)
        self._begin()

    async def run(self, key: Hashable, work: Work[T, R]) -> R:
        """Do a piece of work, together with others of the same key that wait at the same time.

        A caller that is cancelled does not disturb the others: what waits is not done, and what is under way together
        goes on, unless nobody waits for it any more.

        Args:
            key: what calls have to have in common.
            work: what is to be done.

        Raises:
            What the work raises when it is done alone, or :class:`Undecided`'s error.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what belonged to another one has ended with it
            self._begin()
            self._loop = loop
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
            if key not in self._shared:  # nobody came along the last time either: at once, without a step of the loop
                turn = lane.turn = _Turn()
                try:
                    return await work.alone()
                finally:
                    self._next(key, lane, turn)
        me = _Waiting(work, loop.create_future())
        lane.waiting.append(me)
        if lane.turn is None:
            lane.turn = _Turn()
            loop.call_soon(self._next, key, lane, lane.turn)  # after all that is ready now, which may come too
        elif lane.timer is None:
            lane.timer = loop.call_later(PATIENCE, self._next, key, lane, lane.turn)
        try:
            answer = await me.answer
        except asyncio.CancelledError:
            await self._tidy(key, lane, me)
            raise
        if not isinstance(answer, _Alone):
            return answer  # type: ignore[no-any-return]
        try:
            return await work.alone()
        finally:
            self._next(key, lane, answer.turn)

    async def _tidy(self, key: Hashable, lane: _Lane, me: _Waiting) -> None:
        """Tidy up after a caller that was cancelled."""
        if me in lane.waiting:
            lane.waiting.remove(me)
        elif me.group is not None:
            group = me.group
            if group.task is not None and all(member.answer.cancelled() for member in group.members):
                group.task.cancel()
                await asyncio.wait([group.task])  # it rolls back: whoever was cancelled finds that done
        elif not me.answer.cancelled() and isinstance(answer := me.answer.result(), _Alone):
            self._next(key, lane, answer.turn)  # it was to do its work, and never will

    def _next(self, key: Hashable, lane: _Lane, turn: _Turn | None) -> None:
        """End a turn, if it is that one's still, and give the next to those who wait."""
        if turn is None or lane.turn is not turn:
            return
        if lane.timer is not None:
            lane.timer.cancel()
            lane.timer = None
        lane.turn = None
        members = _chosen(lane)
        if len(members) > 1:
            if len(self._shared) >= _NOTED:
                self._shared.clear()
            self._shared.add(key)
        elif members:
            self._shared.discard(key)
        else:
            if self._lanes.get(key) is lane:
                del self._lanes[key]
            return
        lane.turn = turn = _Turn()
        loop = members[0].answer.get_loop()
        if lane.waiting:
            lane.timer = loop.call_later(PATIENCE, self._next, key, lane, turn)
        if len(members) == 1:
            members[0].answer.set_result(_Alone(turn))
            return
        group = _Group(members)
        for member in members:
            member.group = group
        group.task = loop.create_task(self._together(key, lane, turn, group), name="mnemon-group")
        self._tasks.add(group.task)
        group.task.add_done_callback(self._tasks.discard)

    async def _together(self, key: Hashable, lane: _Lane, turn: _Turn, group: _Group) -> None:
        members = group.members
        answers: Sequence[Any] = [_Alone(None)] * len(members)
        failed: MnemonError | None = None
        try:
            answers = await members[0].work.together([member.work.what for member in members])
        except Undecided as error:
            failed = error.error
        except asyncio.CancelledError:
            for member in members:
                member.answer.cancel()
            raise
        except Exception as error:  # each gets what its own work raises
            logger.debug("a group of %d is done one by one: %r", len(members), error)
        finally:
            for member, answer in zip(members, answers, strict=True):
                if not member.answer.done():
                    _tell(member.answer, answer, failed)
            self._next(key, lane, turn)

    async def close(self) -> None:
        """Wait for what is under way together."""
        if self._tasks and asyncio.get_running_loop() is self._loop:
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _tell(waiting: asyncio.Future[Any], answer: Any, failed: MnemonError | None) -> None:
    if failed is None:
        waiting.set_result(answer)
        return
    error = copy.copy(failed)  # each raises its own
    error.__cause__ = failed.__cause__
    waiting.set_exception(error)


def _chosen(lane: _Lane) -> list[_Waiting]:
    """Take the next group out of those who wait, in the order that they came."""
    chosen: list[_Waiting] = []
    left: list[_Waiting] = []
    apart: set[Hashable] = set()
    for waiting in lane.waiting:
        if waiting.answer.done():
            continue
        if len(chosen) == MOST or not apart.isdisjoint(waiting.work.apart):
            left.append(waiting)
        else:
            chosen.append(waiting)
            apart |= waiting.work.apart
    lane.waiting = left
    return chosen
