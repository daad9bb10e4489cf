"""What a time without a zone means, and that no moment is lost on the way in and out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemon.core import times
from tests.zones import process_zone

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
ZONES = st.sampled_from(
    [
        UTC,
        BERLIN,
        NEW_YORK,
        *map(ZoneInfo, ("Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Monrovia")),
    ]
)
KEPT = st.datetimes(datetime(2, 1, 2), datetime(9998, 12, 30))  # noqa: DTZ001 - the strategies add zones


@given(at=KEPT, zone=ZONES)
def test_what_is_written_in_a_zone_is_read_as_the_same_moment(at: datetime, zone: ZoneInfo) -> None:
    moment = at.replace(tzinfo=UTC)
    assert times.read(moment.astimezone(zone).isoformat()) == moment
    assert times.read(moment.isoformat().replace("+00:00", "Z"), zone) == moment
    to_the_minute = moment.replace(second=0, microsecond=0)
    there = to_the_minute.astimezone(zone)
    if not (there.utcoffset() or timedelta()) % timedelta(minutes=1):
        assert times.read(times.written(to_the_minute, zone)) == to_the_minute
    naive = moment.astimezone(zone)
    assert times.read(f"{naive.replace(tzinfo=None).isoformat()}[{times.name_of(zone)}]") == naive.replace(fold=0)


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"])
def test_a_naive_datetime_is_local_time_as_python_has_it(name: str) -> None:
    for at in (
        datetime(2026, 3, 1, 23, 30),  # noqa: DTZ001
        datetime(2026, 7, 31, 23, 59, 59, 999999),  # noqa: DTZ001
        datetime(2026, 3, 29, 2, 30),  # noqa: DTZ001 - left out in Berlin
        datetime(2026, 10, 25, 2, 30),  # noqa: DTZ001 - twice in Berlin
        datetime(2026, 10, 25, 2, 30, fold=1),  # noqa: DTZ001
        datetime(2024, 2, 29, 12),  # noqa: DTZ001
        datetime(1969, 12, 31, 23, 59, 59, 1),  # noqa: DTZ001
        datetime(1850, 1, 1),  # noqa: DTZ001
    ):
        with process_zone(name):
            moment = times.as_utc(at)
            whole = at.replace(microsecond=0)
            assert moment.replace(microsecond=0).timestamp() == whole.timestamp()
            assert moment.microsecond == at.microsecond
            assert times.as_utc(at.replace(tzinfo=times.LOCAL)) == moment
            shown = moment.astimezone(times.LOCAL)
            assert shown.astimezone(UTC) == moment
        assert moment == at.replace(tzinfo=ZoneInfo(name)).astimezone(UTC)


@given(at=st.datetimes(datetime(1902, 1, 1), datetime(2100, 1, 1)), name=st.sampled_from(sorted(available_timezones())))  # noqa: DTZ001
def test_local_time_there_and_back(at: datetime, name: str) -> None:
    moment = at.replace(tzinfo=UTC)
    with process_zone(name):
        here = moment.astimezone(times.LOCAL)
        assert here.astimezone(UTC) == moment
        assert here.replace(tzinfo=None) == moment.astimezone(ZoneInfo(name)).replace(tzinfo=None)


def test_summer_time_both_ways() -> None:
    missing = times.read("2026-03-29T02:30", BERLIN)
    assert missing == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert times.written(missing, BERLIN) == "2026-03-29 03:30+02:00"
    first = times.read("2026-10-25T02:30", BERLIN)
    assert times.written(first, BERLIN) == "2026-10-25 02:30+02:00"
    assert times.read("2026-10-25T02:30+01:00") - first == timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T23:30", "2026-03-01T22:30:00+00:00"),
        ("2026-03-01 23:30", "2026-03-01T22:30:00+00:00"),
        ("2026-03-01", "2026-02-28T23:00:00+00:00"),
        ("20260301", "2026-02-28T23:00:00+00:00"),
        ("2026-03", "2026-02-28T23:00:00+00:00"),
        ("2026", "2025-12-31T23:00:00+00:00"),
        ("2026-W10", "2026-03-01T23:00:00+00:00"),
        ("2026-W10-3", "2026-03-03T23:00:00+00:00"),
        ("2024-02-29", "2024-02-28T23:00:00+00:00"),
        ("2026-03-01T23:30Z", "2026-03-01T23:30:00+00:00"),
        ("2026-03-01t23:30z", "2026-03-01T23:30:00+00:00"),
        ("2026-03-01T23:30:15.5+05:30", "2026-03-01T18:00:15.500000+00:00"),
        ("2026-03-01 23:30 -0500", "2026-03-02T04:30:00+00:00"),
        ("2026-03-01 23:30 America/New_York", "2026-03-02T04:30:00+00:00"),
        ("2026-03-01T23:30[America/New_York]", "2026-03-02T04:30:00+00:00"),
        ("2026-03-01T23:30-05:00[America/New_York]", "2026-03-02T04:30:00+00:00"),
        ("2026-03-01 23:30 UTC", "2026-03-01T23:30:00+00:00"),
        ("1935-08-04T12:00", "1935-08-04T11:00:00+00:00"),
    ],
)
def test_texts_and_the_zone_of_those_that_say_none(text: str, moment: str) -> None:
    assert times.read(text, BERLIN).isoformat() == moment
    with times.reading_in(BERLIN):
        assert times.read(text).isoformat() == moment
    same = times.read(text, NEW_YORK) == times.read(text, BERLIN)
    assert times.has_zone(text) is same


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2026-02-29", "2026-13-01", "2026-03-01T25:00", "2026-03-01 23:30 Mars/Olympus", "31/12"),
        *("12026-01-01", "0001-01-01", "9999-12-31", "0000-01-01", "2026-03-01T23:30[../../etc/passwd]", "T10:00"),
        "\u0662\u0660\u0662\u0666",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        times.read(text, BERLIN)


def test_the_ends_of_the_calendar_are_refused_and_never_overflow() -> None:
    for at in (datetime.min, datetime.max, date.min, date.max):  # noqa: DTZ901
        for name in ("UTC", "Pacific/Kiritimati", "America/New_York"):
            with process_zone(name), pytest.raises(ValueError, match="the years 2 to 9998"):
                times.as_utc(at)
        for hours in (-14, 14):
            if isinstance(at, datetime):
                with pytest.raises(ValueError, match="the years 2 to 9998"):
                    times.as_utc(at.replace(tzinfo=timezone(timedelta(hours=hours))))


def test_a_date_is_its_midnight_where_it_is_read() -> None:
    with times.reading_in(NEW_YORK):
        assert times.as_utc(date(2026, 3, 1)) == datetime(2026, 3, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "Europe", "../Europe/Berlin", "/etc/passwd", "posixrules", "x" * 300, "é"]
)
def test_a_zone_that_nobody_knows(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        times.zone(name)
    assert times.zone_or(name, BERLIN) is BERLIN


def test_zones_have_names() -> None:
    assert [times.name_of(one) for one in (BERLIN, UTC, timezone(timedelta(hours=2)))] == [
        "Europe/Berlin",
        "UTC",
        "+02:00",
    ]
    for name in ("Asia/Tokyo", "UTC"):
        with process_zone(name):
            assert times.name_of(times.LOCAL) == name
    with process_zone("<+03>-3"):
        assert times.name_of(times.LOCAL) == "+03"


def test_the_zone_of_a_file() -> None:
    assert times.of_file(BERLIN, "Asia/Tokyo", "UTC") is BERLIN
    assert times.name_of(times.of_file(None, "Asia/Tokyo", "UTC")) == "Asia/Tokyo"
    assert times.of_file(None, None, "UTC") is UTC
    assert times.of_file(None, None, None) is times.LOCAL
