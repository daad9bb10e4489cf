"""Times by the calendar: dates, months, quarters, weeks, seasons, holidays, years."""

# ruff: noqa: DTZ001 - local times of the asker, which have a zone only where they are compared with rows
from __future__ import annotations

from datetime import date, datetime

from mnemon.memory.recall.when import spans
from mnemon.memory.recall.when.reader import (
    ARTICLES,
    COUNTED,
    NO_YEAR,
    UNSURE_MONTHS,
    Found,
    Reader,
    cycle_of,
    spans_of,
)
from mnemon.memory.recall.when.spans import Cycle, Span


def written(reader: Reader, at: int) -> Found | None:
    """Read dates in figures: ISO, with dots and slashes, weeks, decades."""
    token = reader.tokens[at]
    if token.kind == "span":
        return spans_of(at, at + 1, token.value)
    if token.kind == "either":
        return spans_of(at, at + 1, *token.value)
    if token.kind in {"dotted", "cycle"} and reader.prepared(at) and reader.text(at + 1) not in {"of", "cup", "inch"}:
        if reader.text(at - 1) in NO_YEAR | {"to", "and", "or", "a", "the", "der", "die", "das"}:
            return None
        if token.kind == "cycle":
            return cycle_of(at, at + 1, *token.value)
        return spans_of(at, at + 1, *(token.value if isinstance(token.value, tuple) else (token.value,)))
    short = token.kind == "decade" and len(token.text) < 5  # "the 90s", and not "in 30s"
    if token.kind == "decade" and (reader.text(at - 1) in ARTICLES if short else reader.prepared(at)):
        years = reader.text(at + 1) in {"jahre", "jahren", "years"}
        return spans_of(at, at + 1 + years, token.value)
    return None


def dotted(reader: Reader, at: int) -> Found | None:
    """Read "3. 3. 2026"."""
    numbers = [each.value for index in (at, at + 1) if (each := reader.at(index)) and each.kind == "number"]
    if len(numbers) < 2 or numbers[0][1] != "." or numbers[1][1] != ".":
        return None
    year = reader.year(at + 2)
    if year is not None:
        return _dated(at, at + 3, year, numbers[1][0], numbers[0][0])
    sure = reader.prepared(at) and 1 <= numbers[1][0] <= 12 and 1 <= numbers[0][0] <= 31
    return cycle_of(at, at + 2, spans.day_of_year(numbers[1][0], numbers[0][0])) if sure else None


def day_and_month(reader: Reader, at: int) -> Found | None:
    """Read "3 March 2026", "the 3rd of March", "3. März", "3-5 March", "3 to 5 March"."""
    token = reader.tokens[at]
    first = last = reader.day(at)
    index = at + 1
    if token.kind == "days":
        first, last = token.value
    elif first is None:
        return None
    elif reader.word(index, "joins", "near") and reader.day(index + 1) and _month_of(reader, reader.skip(index + 2)):
        last, index = reader.day(index + 1), index + 2
    month = _month_of(reader, reader.skip(index, beyond=1))
    if month is None or not (first and last and 1 <= first <= last <= 31):
        return None
    return _with_year(reader, at, month, first, last)


def _month_of(reader: Reader, at: int) -> tuple[int, int] | None:
    meaning = reader.word(at, "month")
    return (meaning[1].value, at + meaning[0]) if meaning else None


def _with_year(reader: Reader, at: int, month: tuple[int, int], first: int, last: int) -> Found | None:
    number, index = month
    year = reader.year_after(index)
    try:
        if year is not None:
            return spans_of(at, year[1], spans.days(date(year[0], number, first), date(year[0], number, last)))
        if first == last:
            return cycle_of(at, index, spans.day_of_year(number, first))

        def make(of: date) -> Span | None:
            try:
                return spans.days(date(of.year, number, first), date(of.year, number, last))
            except ValueError:
                return None

        return cycle_of(at, index, Cycle("year", make))
    except ValueError:
        return Found((), (), at, year[1] if year is not None else index)  # the 31st of February


def month(reader: Reader, at: int) -> Found | None:
    """Read "March 3, 2026", "March 2026", "March"."""
    month = _month_of(reader, at)
    if month is None:
        return None
    number, index = month
    token = reader.tokens[at]
    sure = token.text not in UNSURE_MONTHS
    prepared = reader.prepared(at)
    after = reader.at(index)
    day = reader.day(index)
    meaning = sure or token.capital or prepared or at == 0 or reader.year_after(index + 1) is not None
    if day is not None and after is not None and meaning and (after.value[1] or reader.text(index + 1) not in COUNTED):
        return _with_year(reader, at, (number, index + 1), day, day)
    year = reader.year_after(index)
    if year is not None:
        return spans_of(at, year[1], spans.month_of(year[0], number))
    if at == 0 and token.text != "may" and reader.word(index, "relative"):
        prepared = True
    if prepared or (sure and (token.capital or len(token.text) > 3)):
        return cycle_of(at, index, spans.month(number))
    return None


def _dated(begin: int, end: int, year: int, month: int, day: int) -> Found | None:
    try:
        return spans_of(begin, end, spans.days(date(year, month, day)))
    except ValueError:
        return None


def season(reader: Reader, at: int) -> Found | None:
    """Read "in spring", "summer 2025", "the winter of 2025/26"."""
    meaning = reader.word(at, "seasons")
    if meaning is None:
        return None
    index = at + meaning[0]
    cycle = spans.season(meaning[1].value, reader.southern)
    year = reader.year_after(index)
    if year is not None:
        return spans_of(at, year[1], cycle.in_year(year[0]))
    if not reader.prepared(at) or (reader.text(at - 1) == "the" and not reader.prepared(at - 1)):
        return None
    return None if reader.goes_on(at, index) else cycle_of(at, index, cycle)


def quarter(reader: Reader, at: int) -> Found | None:
    """Read "Q1 2026", "the first quarter of 2026", "1. Quartal"."""
    token = reader.tokens[at]
    number, index = None, at
    if token.kind == "quarter":
        number, index = token.value, at + 1
    else:
        ordinal = reader.word(at, "ordinals")
        figure = token.value[0] if token.kind == "number" and token.value[1] and 1 <= token.value[0] <= 4 else None
        unit = reader.word(at + 1, "unit")
        if (ordinal or figure) and unit is not None and unit[1].value == "quarter":
            number, index = ordinal[1].value if ordinal else figure, at + 1 + unit[0]
    if number is None or not 1 <= number <= 4:
        return None
    year = reader.year_after(index)
    if year is not None:
        return spans_of(at, year[1], spans.quarter(number).in_year(year[0]))
    return cycle_of(at, index, spans.quarter(number))


def week_number(reader: Reader, at: int) -> Found | None:
    """Read "week 10", "KW 10", "calendar week 10 of 2026"."""
    token, meaning = reader.tokens[at], reader.word(at, "week_numbers")
    if token.kind == "week":
        number, index = token.value, at + 1
    elif (
        meaning is not None and (inner := reader.at(at + meaning[0])) and inner.kind == "number" and not inner.value[1]
    ):
        number, index = inner.value[0], at + meaning[0] + 1
    else:
        return None
    if not 1 <= number <= 53:
        return None
    year = reader.year_after(index)
    cycle = spans.week(number)
    return spans_of(at, year[1], cycle.in_year(year[0])) if year is not None else cycle_of(at, index, cycle)


def holiday(reader: Reader, at: int) -> Found | None:
    """Read "at Christmas", "Easter 2025"."""
    meaning = reader.word(at, "holidays")
    if meaning is None:
        return None
    index, cycle = at + meaning[0], spans.holiday(meaning[1].value)
    year = reader.year_after(index)
    if year is not None:
        return spans_of(at, year[1], cycle.in_year(year[0]))
    return None if reader.goes_on(at, index) else cycle_of(at, index, cycle)


def year(reader: Reader, at: int) -> Found | None:
    """Read "in 2026", "the year 1850", "2026" where it begins or ends the question."""
    meaning = reader.word(at, "years")
    if meaning is not None:
        year = reader.year(at + meaning[0], low=1000, high=2999)
        if year is not None:
            return spans_of(at, at + meaning[0] + 1, Span(datetime(year, 1, 1), datetime(year + 1, 1, 1)))
    year = reader.year(at, low=1600)
    if year is None or reader.text(at - 1) in NO_YEAR:
        return None
    alone = at == 0 or reader.tokens[at - 1].ends
    article = reader.text(at - 1) in {"the", "der", "die", "das", "el", "la", "le"}
    if not (alone or reader.prepared(at)) or (not 1900 <= year <= 2099 and (alone or article)):
        return None
    return spans_of(at, at + 1, Span(datetime(year, 1, 1), datetime(year + 1, 1, 1)))
