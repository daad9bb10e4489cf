"""The time a question names, and the time it asks for."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

import numpy as np

from mnemon.memory.recall.lexicon import Floats
from mnemon.memory.recall.question import TELLS_TIME
from mnemon.memory.recall.signals.signal import EPOCH, Evidence, MatchSignal
from mnemon.memory.recall.when import Named, Span

_HOUR, _DAY = 3600.0, 86_400.0
#: What is said after a time may tell of it, so that side falls off slowly; the side before it quickly.
_AFTER, _BEFORE = 0.6, 0.25
#: The longer a time is, the less it says: a month or a season, and a year or more, beside a day or a week.
_MONTHS, _YEARS_LONG = 0.7, 0.4
#: Of a month, a season or a day that comes every year, other years than the one that is meant.
_OTHER_YEARS = 0.5
#: Years that such a time is looked for in, from the newest candidate backwards.
_YEARS = 60


def _edges(span: Span, zone: tzinfo) -> tuple[float, float]:
    """Return a span's begin and end as seconds since 1970."""
    begin = -np.inf if span.begin is None else (span.begin.replace(tzinfo=zone) - EPOCH).total_seconds()
    end = np.inf if span.end is None else (span.end.replace(tzinfo=zone) - EPOCH).total_seconds()
    return float(begin), float(end)


def _in_years(named: Named, at: Floats) -> list[Span]:
    """Return the spans of what comes every year in the years of the candidates: the meant one, then the newest."""
    if named.cycle is None or not len(at):
        return list(named.spans)
    meant = named.spans[0].begin
    years = [datetime.fromtimestamp(float(edge), UTC).year for edge in (at.min(), at.max())]
    spans = [*named.spans]
    for year in range(years[1], max(years[0] - 2, years[1] - _YEARS, 1), -1):
        span = named.cycle.in_year(year)
        if span is not None and span.begin != meant:
            spans.append(span)
    return spans


def gaps(named: Named, at: Floats, zone: tzinfo) -> Floats:
    """Return how many seconds each moment lies outside of a named time, of any year; 0 within."""
    edges = [_edges(span, zone) for span in _in_years(named, at)]
    return np.asarray(
        np.min([np.maximum(np.maximum(begin - at, at - end), 0.0) for begin, end in edges], axis=0)
        if edges
        else np.zeros(len(at))
    )


def closeness(named: Named, at: Floats, zone: tzinfo) -> Floats:
    """Return how well what was said at each moment may answer for a named time: 1 within it, falling off outside."""
    values = [_within(*_edges(span, zone), at) for span in _in_years(named, at)]
    if named.cycle is None:
        return np.asarray(np.max(values, axis=0))
    # The year that is meant is the latest one of which there is anything; the others stay possible.
    meant = next((place for place, value in enumerate(values) if len(value) and value.max() > _AFTER), 0)
    others = [value for place, value in enumerate(values) if place != meant]
    return np.asarray(np.max([values[meant], *(_OTHER_YEARS * value for value in others)], axis=0))


def _within(begin: float, end: float, at: Floats) -> Floats:
    length = min(end - begin, 400 * _DAY)
    before, after = np.maximum(begin - at, 0.0), np.maximum(at - end + 1e-6, 0.0)
    fading = np.where(
        before > 0,
        _BEFORE * np.exp(-before / float(np.clip(length / 2, _HOUR, 7 * _DAY))),
        _AFTER * np.exp(-after / float(np.clip(10 * length, 2 * _HOUR, max(10 * _DAY, length / 2)))),
    )
    worth = 1.0 if length <= 8 * _DAY else _MONTHS if length <= 100 * _DAY else _YEARS_LONG
    return np.asarray(worth * np.where((begin <= at) & (at < end), 1.0, fading))


def _closeness(evidence: Evidence) -> Floats:
    at = evidence.moments
    found = [closeness(named, at, evidence.question.zone) for named in evidence.question.times]
    return np.asarray(np.max(found, axis=0)) if found and len(at) else evidence.zeros


def _tells_time(evidence: Evidence) -> Floats:
    return evidence.has_trait(TELLS_TIME)


SIGNALS = (
    MatchSignal(
        name="date",
        weight=1.15,
        about="time",
        says="around that time",
        measures="the question names a time ([time.md](time.md)), and this was said within it; less, the longer after "
        "it, little before it, and less for a month or a year than for a day",
        measure=_closeness,
        columns=("occurred_at",),
        applies=lambda question: bool(question.times),
    ),
    MatchSignal(
        name="time",
        weight=0.4,
        about="time",
        says="says when",
        measures="the question asks for a time, and the row has one",
        measure=_tells_time,
        columns=("traits",),
        applies=lambda question: question.asks_when,
    ),
)
