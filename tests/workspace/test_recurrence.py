"""Recurrence: the next day by RRULE, against rules of thumb and against dateutil itself."""

# ruff: noqa: DTZ001 - recurrence is reckoned on the wall clock

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mnemon.workspace.recurrence import check_rule, next_occurrence


@pytest.mark.parametrize(
    ("rule", "after", "expected"),
    [
        ("FREQ=DAILY", datetime(2026, 2, 28), datetime(2026, 3, 1)),
        ("FREQ=WEEKLY;INTERVAL=2", datetime(2026, 1, 5, 9), datetime(2026, 1, 19, 9)),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR", datetime(2026, 1, 7), datetime(2026, 1, 9)),
        ("FREQ=MONTHLY", datetime(2026, 1, 31), datetime(2026, 3, 31)),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", datetime(2026, 1, 31), datetime(2026, 2, 28)),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1", datetime(2026, 1, 5), datetime(2026, 2, 2)),
        ("FREQ=YEARLY", datetime(2024, 2, 29), datetime(2028, 2, 29)),
        ("RRULE:FREQ=DAILY;UNTIL=20260102", datetime(2026, 1, 1, 23), datetime(2026, 1, 2, 23)),
    ],
)
def test_the_next_day(rule: str, after: datetime, expected: datetime) -> None:
    found = next_occurrence(check_rule(rule), after)
    assert found is not None
    assert found[0] == expected


def test_an_end_is_an_end() -> None:
    assert next_occurrence("FREQ=DAILY;UNTIL=20260102", datetime(2026, 1, 2)) is None
    assert next_occurrence("FREQ=DAILY;UNTIL=20260102T120000Z", datetime(2026, 1, 1, 13)) is None
    assert next_occurrence("FREQ=DAILY;COUNT=1", datetime(2026, 1, 2)) is None


def test_a_count_is_counted_down() -> None:
    rule, after, seen = "FREQ=DAILY;COUNT=3", datetime(2026, 1, 1), 1
    while (found := next_occurrence(rule, after)) is not None:
        after, rule = found
        seen += 1
    assert (seen, after) == (3, datetime(2026, 1, 3))


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "every day",
        "FREQ=NEVER",
        "FREQ=HOURLY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=2;UNTIL=20260101",
        "FREQ=DAILY;UNTIL=20261301",
        "FREQ=DAILY;UNTIL=20260101T250000",
        "FREQ=DAILY;BYDAY=XX",
        "FREQ=YEARLY;BYDAY=60MO",
        "FREQ=DAILY;BYHOUR=3",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY\nDTSTART:20260101",
        "FREQ=WEEKLY;BYDAY=" + ",".join(["MO"] * 200),
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    ],
)
@pytest.mark.timeout(60)  # milliseconds; for ever, if it looked for a day that never comes
def test_what_is_no_rule_is_refused_and_soon(rule: str) -> None:
    with pytest.raises(ValueError):
        check_rule(rule)


RULES = st.builds(
    lambda freq, interval, days: f"FREQ={freq};INTERVAL={interval}" + (f";BYDAY={','.join(days)}" if days else ""),
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.integers(1, 12),
    st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), max_size=3, unique=True),
)


@hypothesis_settings(max_examples=60)
@given(RULES, st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda d: d.replace(microsecond=0)))
def test_it_is_the_day_that_dateutil_finds(rule: str, start: datetime) -> None:
    """The calendar that the rule is reckoned in is 400 years' multiples away: the days are the same."""
    expected = rrulestr(rule, dtstart=start).after(start)
    found = next_occurrence(rule, start)
    if expected is None or expected > start + timedelta(days=365 * 40):
        return
    assert found is not None
    assert found[0] == expected
