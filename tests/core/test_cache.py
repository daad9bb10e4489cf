"""The cache holds no more than its size, believes nothing beyond its time, and throws out in the order it says."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.core.cache import Cache


class MovedClock:
    """Seconds that go on only when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Model:
    """What the cache promises, written down naively: entries in the order of their last use."""

    def __init__(self, size: int, seconds: float, clock: MovedClock) -> None:
        self.size, self.seconds, self.clock = size, seconds, clock
        self.entries: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def _forget_old(self) -> None:
        for key in [key for key, (at, _) in self.entries.items() if self.clock() >= at + self.seconds]:
            del self.entries[key]

    def get(self, key: str) -> int | None:
        self._forget_old()
        if key not in self.entries:
            return None
        self.entries.move_to_end(key)
        return self.entries[key][1]

    def put(self, key: str, value: int) -> None:
        self._forget_old()
        if key not in self.entries and len(self.entries) == self.size:
            self.entries.popitem(last=False)
        self.entries[key] = (self.clock(), value)
        self.entries.move_to_end(key)


KEYS = "abcdef"
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(KEYS), st.integers(0, 9)),
        st.tuples(st.just("get"), st.sampled_from(KEYS), st.just(0)),
        st.tuples(st.just("wait"), st.just(""), st.integers(0, 7)),
        st.tuples(st.just("clear"), st.just(""), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=400)
@given(size=st.integers(1, 5), steps=STEPS)
def test_it_does_what_its_docstring_says(size: int, steps: list[tuple[str, str, int]]) -> None:
    clock = MovedClock()
    cache, model = Cache(size, 10.0, clock), Model(size, 10.0, clock)
    for step, key, number in steps:
        if step == "put":
            cache.put(key, number)
            model.put(key, number)
        elif step == "get":
            assert cache.get(key) == model.get(key)
        elif step == "wait":
            clock.seconds += number
        else:
            cache.clear()
            model.entries.clear()
        assert len(cache) <= size
    for key in model.entries.copy():
        assert cache.get(key) == model.get(key)
    assert len(cache) == len(model.entries)


def test_a_key_put_anew_is_new_and_throws_nobody_out() -> None:
    cache = Cache(size=3)
    for key in "abac":
        cache.put(key, key)
    assert [cache.get(key) for key in "abc"] == ["a", "b", "c"]
    cache.put("c", "C")  # full, and already there
    assert len(cache) == 3
    cache.get("a")
    cache.put("d", "d")
    assert [cache.get(key) for key in "abcd"] == ["a", None, "C", "d"]


def test_an_entry_is_believed_for_its_time_and_no_longer() -> None:
    clock = MovedClock()
    cache = Cache(seconds=60.0, clock=clock)
    cache.put("a", 1)
    clock.seconds = 59.9
    assert cache.get("a") == 1  # being asked for makes it no younger
    clock.seconds = 60.0
    assert cache.get("a") is None
    assert len(cache) == 0


def test_threads_may_share_it() -> None:
    cache = Cache(size=50)

    def work(seed: int) -> list[tuple[int, Any]]:
        wrong = []
        for step in range(3_000):
            key = (seed * 7_919 + step * 31) % 120
            cache.put(key, key)
            if (found := cache.get((key + step) % 120)) not in (None, (key + step) % 120):
                wrong.append((key, found))
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert [wrong for wrong in pool.map(work, range(8)) if wrong] == []
    assert len(cache) == 50
