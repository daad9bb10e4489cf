"""Delays between attempts grow up to a bound, and as much of them as is wanted is left to chance."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from mnemon.core.backoff import Backoff


@given(
    attempt=st.integers(1, 10_000),
    first=st.floats(0, 3600),
    longest=st.floats(0.001, 86_400),
    factor=st.floats(1, 10),
    jitter=st.floats(0, 1),
)
def test_a_delay_is_within_its_bounds(attempt: int, first: float, longest: float, factor: float, jitter: float) -> None:
    whole = Backoff(first, longest, factor).after(attempt)
    assert whole <= longest
    assert whole <= Backoff(first, longest, factor).after(attempt + 1)
    found = Backoff(first, longest, factor, jitter).after(attempt)
    assert whole * (1 - jitter) - 1e-9 <= found <= whole


def test_delays_double_up_to_the_longest() -> None:
    assert list(islice(Backoff(0.1, 1.0).delays(), 6)) == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_chance_tells_those_who_failed_together_apart() -> None:
    found = {Backoff(10, 100, jitter=0.5).after(3) for _ in range(50)}
    assert len(found) == 50
    assert all(20 <= one <= 40 for one in found)
