"""Stretches of local time, half-open, and what comes again every year, week or day."""

# ruff: noqa: DTZ001, DTZ901 - local times of the asker, which have a zone only where they are compared with rows
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

Every = Literal["year", "week", "day"]

DAY = timedelta(days=1)
#: Lengths that are halved to both sides for "three weeks ago".
_LENGTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": DAY, "week": 7 * DAY, "weekend": 7 * DAY}
_MONTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120}
#: Periods that are looked through for what comes again in a span.
_MANY = 400


@dataclass(frozen=True, slots=True)
class Span:
    """From a local time to another one, which is not in it; None: open to that side."""

    begin: datetime | None
    end: datetime | None

    def __str__(self) -> str:
        """Write it for people: the day, or the first and the last one, or the times."""
        begin, end = self.begin, self.end
        if begin is None or end is None:
            return f"since {_short(begin)}" if begin is not None else f"before {_short(end)}" if end is not None else ""
        if begin.time() == end.time() == time():
            last = end - DAY
            return f"{begin.date()}" if last <= begin else f"{begin.date()} to {last.date()}"
        return f"{_short(begin)} to {_short(end) if begin.date() != end.date() else end.isoformat()[11:16]}"

    def cut(self, other: Span) -> Span | None:
        """Return what they have in common."""
        begin = max((each for each in (self.begin, other.begin) if each is not None), default=None)
        end = min((each for each in (self.end, other.end) if each is not None), default=None)
        return Span(begin, end) if begin is None or end is None or begin < end else None

    def third(self, which: int) -> Span:
        """Return its beginning (0), middle (1) or end (2)."""
        if self.begin is None or self.end is None:
            return self
        if self.end - self.begin > 300 * DAY:  # a year: its first, its middle or its last months
            months = round((self.end - self.begin) / (30 * DAY))
            edges = (0, months // 4, months // 3, 2 * months // 3, 3 * months // 4, months)
            first, last = edges[(0, 2, 4)[which]], edges[(1, 3, 5)[which]]
            return Span(add_months(self.begin, first), add_months(self.begin, last))
        part = (self.end - self.begin) / 3
        part = timedelta(days=round(part / DAY)) if part > 2 * DAY else part
        begin = self.begin + which * part
        return Span(begin, self.end if which == 2 else begin + part)


def _short(at: datetime | None) -> str:
    return "" if at is None else str(at.date()) if at.time() == time() else at.isoformat(sep=" ", timespec="minutes")


@dataclass(frozen=True, slots=True)
class Cycle:
    """What comes again: a month every year, a weekday every week, a time of day every day.

    Attributes:
        every: how often.
        make: the span of the period that begins on a day; None where there is none, as the 29th of February.
    """

    every: Every
    make: Callable[[date], Span | None]

    def _period(self, at: date) -> date:
        if self.every == "year":
            return at.replace(month=1, day=1)
        return at - timedelta(days=at.weekday()) if self.every == "week" else at

    def _step(self, period: date, steps: int) -> date:
        if self.every == "year":
            return period.replace(year=period.year + steps)
        return period + steps * (7 * DAY if self.every == "week" else DAY)

    def in_year(self, year: int) -> Span | None:
        """Return the span that begins in a year."""
        return self.make(date(year, 1, 1))

    def around(self, now: datetime) -> Iterator[Span]:
        """Give the spans of the periods around a moment, in order."""
        period = self._period(now.date())
        for steps in range(-9, 10) if self.every == "year" else range(-2, 3):
            span = self.make(self._step(period, steps))
            if span is not None and span.begin is not None and span.end is not None:
                yield span

    def latest(self, now: datetime) -> Span | None:
        """Return the last one that has begun."""
        return max((each for each in self.around(now) if _begin(each) <= now), key=_begin, default=None)

    def relative(self, which: int, now: datetime) -> Span | None:
        """Return the last one that is over (-1), that of this period (0), or the next to begin (1)."""
        known = list(self.around(now))
        if which < 0:
            return max((each for each in known if each.end is not None and each.end <= now), key=_begin, default=None)
        if which > 0:
            return min((each for each in known if _begin(each) > now), key=_begin, default=None)
        running = [each for each in known if each.end is not None and _begin(each) <= now < each.end]
        return running[-1] if running else self.make(self._period(now.date()))

    def within(self, span: Span) -> list[Span]:
        """Return those that begin in a span."""
        if span.begin is None or span.end is None:
            return []
        inside, period = [], self._period(span.begin.date())
        for _ in range(_MANY):
            if datetime.combine(period, time()) >= span.end:
                break
            span_of_period = self.make(period)
            if (
                span_of_period is not None
                and span_of_period.begin is not None
                and span.begin <= span_of_period.begin < span.end
            ):
                inside.append(span_of_period)
            period = self._step(period, 1)
        return inside


def _begin(span: Span) -> datetime:
    return span.begin or datetime.min


def days(first: date, last: date | None = None) -> Span:
    """Return a day, or all days from the first to the last."""
    return Span(datetime.combine(first, time()), datetime.combine((last or first) + DAY, time()))


def add_months(at: datetime, months: int) -> datetime:
    """Return the same day so many months later, or the last one of a shorter month."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    last = (datetime(year + month // 11, (month + 1) % 12 + 1, 1) - DAY).day if year < 9999 else 28
    return at.replace(year=year, month=month + 1, day=min(at.day, last))


def calendar(name: str, now: datetime, shift: int) -> Span:
    """Return the calendar's week, month, ... that is so many after that of now; weeks begin on Monday."""
    today = datetime.combine(now.date(), time())
    if name in {"minute", "hour"}:
        begin = now.replace(second=0, microsecond=0, minute=now.minute if name == "minute" else 0)
        begin += shift * _LENGTHS[name]
        return Span(begin, begin + _LENGTHS[name])
    if name == "day":
        return days((today + shift * DAY).date())
    if name in {"week", "weekend"}:
        begin = today - timedelta(days=today.weekday()) + shift * 7 * DAY
        if name == "weekend":
            return Span(begin + 5 * DAY, begin + 7 * DAY)
        return Span(begin, begin + 7 * DAY)
    months = _MONTHS[name]
    first = today.replace(day=1)
    months_before = (first.year * 12 + first.month - 1) % months
    begin = add_months(first, shift * months - months_before)
    return Span(begin, add_months(begin, months))


def ago(name: str, count: int, now: datetime) -> Span:
    """Return the time around so many units before now: half a unit to both sides, for days the day itself."""
    if name in _MONTHS:
        months = _MONTHS[name]
        middle = datetime.combine(add_months(now, -count * months).date(), time())
        half = timedelta(days=15) if name == "month" else timedelta(days=15 * months)
        return Span(middle - half, middle + half + DAY)
    if name == "day":
        return days((now - count * DAY).date())
    length = _LENGTHS[name]
    if length >= 7 * DAY:
        middle = datetime.combine((now - count * length).date(), time())
        return Span(middle - 3 * DAY, middle + 4 * DAY)
    begin = now - count * length
    return Span(begin - length / 2, begin + length / 2)


def past(name: str, count: int, now: datetime) -> Span:
    """Return the so many units up to now; whole days, where the unit is a day or more."""
    begin = add_months(now, -count * _MONTHS[name]) if name in _MONTHS else now - count * _LENGTHS[name]
    if name not in {"minute", "hour"}:
        begin = datetime.combine(begin.date(), time())
    return Span(begin, now + timedelta(minutes=1))


def month(number: int) -> Cycle:
    """Return a month of every year."""
    return Cycle("year", lambda at: month_of(at.year, number))


def month_of(year: int, number: int) -> Span:
    """Return a month."""
    begin = datetime(year, number, 1)
    return Span(begin, add_months(begin, 1))


def day_of_year(number: int, day: int) -> Cycle:
    """Return a day of every year that has it."""

    def make(at: date) -> Span | None:
        try:
            return days(date(at.year, number, day))
        except ValueError:
            return None

    return Cycle("year", make)


def season(which: int, southern: bool) -> Cycle:
    """Return a season of three whole months, spring being 0: from March in the north, from September in the south."""
    first = (3 + 3 * which + (6 if southern else 0) - 1) % 12 + 1

    def make(at: date) -> Span | None:
        begin = datetime(at.year, first, 1)
        return Span(begin, add_months(begin, 3))

    return Cycle("year", make)


def quarter(which: int) -> Cycle:
    """Return a quarter of every year."""

    def make(at: date) -> Span | None:
        begin = datetime(at.year, 3 * which - 2, 1)
        return Span(begin, add_months(begin, 3))

    return Cycle("year", make)


def week(number: int) -> Cycle:
    """Return the ISO week of a number, of every year that has it."""

    def make(at: date) -> Span | None:
        try:
            begin = date.fromisocalendar(at.year, number, 1)
        except ValueError:
            return None
        return days(begin, begin + 6 * DAY)

    return Cycle("year", make)


def weekday(number: int) -> Cycle:
    """Return a day of every week, Monday being 1."""
    return Cycle("week", lambda at: days(at + (number - 1) * DAY))


def part(first: float, last: float) -> Cycle:
    """Return a part of every day, from one hour to another, which may be of the next day."""

    def make(at: date) -> Span | None:
        begin = datetime.combine(at, time())
        return Span(begin + timedelta(hours=first), begin + timedelta(hours=last))

    return Cycle("day", make)


def clock(hour: int, minute: int | None) -> Cycle:
    """Return a time of every day: an hour long, or a minute where the minute is said."""
    begin = hour + (minute or 0) / 60
    return part(begin, begin + (1 if minute is None else 1 / 60))


#: Days of holidays: month, first day, last day; None are those that move.
_HOLIDAYS: dict[str, tuple[int, int, int] | None] = {
    "christmas": (12, 24, 26),
    "christmas eve": (12, 24, 24),
    "new year": (1, 1, 1),
    "new year's eve": (12, 31, 31),
    "halloween": (10, 31, 31),
    "valentine": (2, 14, 14),
    "nicholas": (12, 6, 6),
    "easter": None,
    "whitsun": None,
    "thanksgiving": None,
}


def holiday(name: str) -> Cycle:
    """Return a holiday of every year: Christmas with its eve, Easter from Good Friday to Monday."""

    def make(at: date) -> Span | None:
        fixed = _HOLIDAYS[name]
        if fixed is not None:
            return days(date(at.year, fixed[0], fixed[1]), date(at.year, fixed[0], fixed[2]))
        if name == "thanksgiving":
            first = date(at.year, 11, 1)
            return days(first + timedelta(days=(3 - first.weekday()) % 7 + 21))
        from dateutil.easter import easter

        sunday = easter(at.year) + (49 * DAY if name == "whitsun" else timedelta())
        return days(sunday - (2 * DAY if name == "easter" else timedelta()), sunday + DAY)

    return Cycle("year", make)
