"""The grammar of times: which of them belong together, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from mnemon.memory.recall.when import dates, relative
from mnemon.memory.recall.when.reader import ARTICLES, FROM, OPENS, STARTS, Found, Reader, cycle_of, spans_of
from mnemon.memory.recall.when.spans import Cycle, Span
from mnemon.memory.recall.when.tokens import names_time, tokens


@dataclass(frozen=True, slots=True)
class Named:
    """A time that a question names.

    Attributes:
        spans: when that is, in the asker's local time; of several, any.
        cycle: where it comes again every year, and the question does not say which: ``spans`` is the latest.
    """

    spans: tuple[Span, ...]
    cycle: Cycle | None = None


Rule = Callable[[Reader, int], "Found | None"]

_RULES: tuple[Rule, ...] = (
    *(dates.written, dates.dotted, relative.ago, dates.day_and_month, relative.day_word, relative.relative),
    *(dates.quarter, dates.week_number, dates.month, relative.weekday, dates.season, dates.holiday),
    *(relative.weekend, relative.clock, relative.part, relative.month_day, dates.year),
)


def _ruled(reader: Reader, at: int) -> Found | None:
    return next((each for rule in _RULES if (each := rule(reader, at)) is not None), None)


def _edge(reader: Reader, at: int) -> Found | None:
    """Read "early March", "at the end of 2026", "Anfang Mai"."""
    meaning = reader.word(at, "early", "middle", "late")
    if meaning is None:
        return None
    start = reader.skip(at + meaning[0], beyond=1)
    inner = _ruled(reader, start) if start < len(reader.tokens) else None
    if inner is None or (inner.cycles and inner.cycles[0].every != "year"):
        return None
    which = {"early": 0, "middle": 1, "late": 2}[meaning[1].kind]
    if inner.cycles:
        return cycle_of(at, inner.end, *(_third(each, which) for each in inner.cycles))
    return spans_of(at, inner.end, *(each.third(which) for each in inner.spans))


def _third(cycle: Cycle, which: int) -> Cycle:
    def make(at: date) -> Span | None:
        span = cycle.make(at)
        return None if span is None else span.third(which)

    return Cycle(cycle.every, make)


def _one(reader: Reader, at: int) -> Found | None:
    """Return the time that begins at a place, with a narrower or wider one that belongs to it."""
    if at >= len(reader.tokens) or (reader.tokens[at].kind == "word" and reader.tokens[at].kinds.isdisjoint(STARTS)):
        return None
    parsed = _edge(reader, at) or _ruled(reader, at)
    while parsed is not None:
        index = reader.skip(parsed.end)
        if index >= len(reader.tokens) or (reader.tokens[parsed.end - 1].ends and index > parsed.end):
            return parsed
        if reader.tokens[index].kind == "word" and reader.tokens[index].kinds.isdisjoint(STARTS):
            return parsed
        addition = _ruled(reader, index)
        joined = _joined(parsed, addition, reader.now) if addition is not None else None
        if joined is None:
            return parsed
        parsed = joined
    return None


def _joined(first: Found, second: Found, now: datetime) -> Found | None:
    """Return what two times mean together: "Monday" and "last week", "yesterday" and "at 3 pm", "March" and "2025"."""
    wide, narrow = (first, second) if second.cycles else (second, first)
    if not narrow.cycles:
        return None
    if wide.cycles:
        order = ("year", "week", "day")
        wide, narrow = sorted((first, second), key=lambda each: order.index(each.cycles[0].every))
        if wide.cycles[0].every == narrow.cycles[0].every:
            return None
        latest = [each for cycle in wide.cycles if (each := cycle.latest(now)) is not None]
    else:
        latest = list(wide.spans)
    inside = [each for span in latest for cycle in narrow.cycles for each in cycle.within(span)]
    return spans_of(first.begin, second.end, *inside)


def _settled(parsed: Found, now: datetime) -> Named | None:
    """Return what is meant: of what comes again every year the latest, and that there are others."""
    if parsed.spans:
        return Named(parsed.spans)
    latest_ones = [each for cycle in parsed.cycles if (each := cycle.latest(now)) is not None]
    if not latest_ones or not parsed.cycles:
        return None
    every = parsed.cycles[0].every
    if every == "year" and len(parsed.cycles) == 1:
        return Named(tuple(latest_ones), parsed.cycles[0])
    return Named(tuple(latest_ones))


def _bounds(time_named: Named | None) -> Span | None:
    if time_named is None:
        return None
    begins, ends = (
        [each.begin for each in time_named.spans if each.begin],
        [each.end for each in time_named.spans if each.end],
    )
    return Span(min(begins), max(ends)) if begins and ends else None


def _range(reader: Reader, at: int) -> tuple[Named, int] | None:
    """Read "between March and May", "from 3 to 5 May", "since Monday", "before 2025", "until yesterday"."""
    meaning = reader.word(at, *OPENS)
    opens = meaning[1].kind if meaning else "between" if reader.text(at) in FROM else ""
    if not opens:
        return None
    index = reader.skip(at + (meaning[0] if meaning else 1), over=ARTICLES)
    parsed = _one(reader, index)
    if parsed is None:
        return None
    joint = reader.word(parsed.end, "joins")
    second = _one(reader, reader.skip(parsed.end + joint[0])) if joint and opens in {"between", "since"} else None
    first, last = _bounds(_settled(parsed, reader.now)), None
    if second is not None:
        last = _bounds(_settled(second, reader.now))
        if parsed.cycles and last is not None:  # "between March and May 2025"
            first = parsed.cycles[0].latest(last.begin or reader.now) or first
    if first is None:
        return None
    if second is not None and last is not None:
        if first.begin and last.end and first.begin < last.end:
            return Named((Span(first.begin, last.end),)), second.end
        return None
    if opens == "between":
        return None
    if opens == "since":
        return Named((Span(first.begin, None),)), parsed.end
    if opens == "after":
        return Named((Span(first.end, None),)), parsed.end
    return Named((Span(None, first.begin if opens == "before" else first.end),)), parsed.end


def read(text: str, now: datetime, *, southern: bool = False) -> tuple[Named, ...]:
    """Return the times that a question names, as the asker means them.

    Args:
        text: the question.
        now: the moment of asking, in the asker's zone.
        southern: whether seasons are those of the south.
    """
    text = text[:2000]
    if not names_time(text):
        return ()
    zone = now.tzinfo
    assert isinstance(zone, tzinfo)  # noqa: S101 - the caller's own moment
    reader = Reader(tokens(text, zone), now.replace(tzinfo=None), southern=southern)
    return tuple(_all(reader))


def _all(reader: Reader) -> Iterable[Named]:
    at = 0
    while at < len(reader.tokens):
        try:
            ranged = _range(reader, at)
            if ranged is not None:
                yield ranged[0]
                at = ranged[1]
                continue
            parsed = _one(reader, at)
            time_named = _settled(parsed, reader.now) if parsed is not None and not _only_part(reader, parsed) else None
        except (ValueError, OverflowError):  # beyond the years 1 to 9999
            parsed = time_named = None
        if time_named is not None:
            yield time_named
        at = parsed.end if parsed is not None else at + 1


def _only_part(reader: Reader, parsed: Found) -> bool:
    """Tell whether it is a part of every day without a day; a time of day alone is the last such."""
    return bool(parsed.cycles) and parsed.cycles[0].every == "day" and reader.word(parsed.begin, "parts") is not None
