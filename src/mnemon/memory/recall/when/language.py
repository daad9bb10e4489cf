"""What a language is made of, as far as times go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Language:
    """The words of time of one language.

    Attributes:
        marks: words that are frequent in it and in no other language here.
        months, weekdays: names in order, several for one after a bar.
        units: of time: minute, hour, day, week, month, quarter, year, decade, weekend.
        numbers: number words.
        relative: last (-1), this (0), next (1).
        past: "past two weeks": words that count back from now.
        days: days by how far they are from today.
        parts: of the day: from hour, to hour, and the day they begin on, as seen from today, where that is in the word.
        seasons: spring (0) to winter (3).
        holidays: days of the year by their names.
        before_ago, after_ago: what stands before or after a span to say that it is past.
        since, before, after, until, between, joins: of ranges.
        near: prepositions and articles that come before times.
        early, middle, late: parts of a span.
        ordinals: first to fourth, of quarters.
        week_numbers, years, at, clock: words before a week's number, a year, a time of day; a word after an hour.
    """

    marks: str
    months: str
    weekdays: str
    units: Mapping[str, str]
    numbers: Mapping[str, int]
    relative: Mapping[str, int]
    past: str
    days: Mapping[str, int]
    parts: Mapping[str, tuple[int, int] | tuple[int, int, int]]
    seasons: Mapping[str, int]
    holidays: Mapping[str, str]
    before_ago: str
    after_ago: str
    since: str
    before: str
    after: str
    until: str
    between: str
    joins: str
    near: str
    early: str = ""
    middle: str = ""
    late: str = ""
    ordinals: Mapping[str, int] = field(default_factory=dict)
    week_numbers: str = ""
    years: str = ""
    at: str = ""
    clock: str = ""


MORNING, AFTERNOON, EVENING, NIGHT = (5, 12), (12, 18), (17, 24), (20, 30)
