"""A question as tokens: words with their meanings in time, and numbers and dates as they are written.

A text is cut at its spaces, and each piece is a date, a number or a word as a whole, or nothing: so no part of a
version, an address, a path or a part number is taken for a date.
"""

# ruff: noqa: DTZ001 - local times of the asker, which have a zone only where they are compared with rows
from __future__ import annotations

import re
from collections import Counter
from datetime import date, datetime, tzinfo
from typing import Any, NamedTuple

from mnemon.memory.recall.when import spans
from mnemon.memory.recall.when.spans import Span
from mnemon.memory.recall.when.words import LETTERS, STRANGE, Word, first_words, hints, lexicon, marks

_DIGIT = re.compile(r"\d")
_PIECE = re.compile(r"[^\s–—]+|[–—]")
_AROUND = "?!,;:()[]{}\"'“”„‘’«»…¿¡*"
_PLAIN = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*\.?")
_POSSESSIVE = re.compile(r"['’]s?$")
_NUMBER = re.compile(r"(\d{1,4})(st|nd|rd|th|er|ers|\.)?")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d)(?::(\d\d)(?:[.,]\d+)?)?([Zz]|[+-]\d\d(?::?\d\d)?)?")
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d\d)")
_SHORT = re.compile(r"(\d{1,2})\.(\d{1,2})\.")
_SLASH = re.compile(r"(\d{1,2})/(\d{1,2})")
_WEEK = re.compile(r"(\d{4})-?W(\d\d)(?:-?([1-7]))?", re.IGNORECASE)
_YEARS = re.compile(r"((?:19|20)\d\d)/(?:\d\d|(?:19|20)\d\d)")
_MONTH = re.compile(r"(\d{4})-(\d\d)")
_DECADE = re.compile(r"['’]?((?:1[89]|20)?\d0)(?:['’]?s|er|erjahre|er-jahre)", re.IGNORECASE)
_QUARTER = re.compile(r"[qQ]([1-4])")
_WEEK_NUMBER = re.compile(r"(?:KW|CW)(\d{1,2})", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))?(?::\d\d)?(?:(am|pm|a\.m\.?|p\.m\.?|h|uhr)|(?<=\d:\d\d))", re.IGNORECASE)
_DAYS = re.compile(r"(\d{1,2})\.?[-–](\d{1,2})\.?")
_HOUR_WORDS = frozenset({"am", "pm", "a.m", "p.m", "a.m.", "p.m."})


class Token(NamedTuple):
    """A piece of a question.

    Attributes:
        kind: number, span (a date as it is written), either (two readings of one), cycle (a date without its year),
            clock, decade, quarter, week, days (a range of days of a month), half (am or pm), word, or nothing.
        value: what it stands for.
        text: lower-case, without what stands around it.
        capital: whether it begins with a capital that no sentence begins with.
        meanings: of a word or of the phrase that begins with it, the longest first: (tokens, meaning).
        kinds: the kinds of these.
        ends: whether a comma or the like stands after it.
    """

    kind: str
    value: Any
    text: str
    capital: bool
    meanings: tuple[tuple[int, Word], ...] = ()
    kinds: frozenset[str] = frozenset()
    ends: bool = False

    def means(self, *kinds: str) -> tuple[int, Word] | None:
        """Return the longest phrase of one of these kinds that begins here."""
        if self.kinds.isdisjoint(kinds):
            return None
        return next((each for each in self.meanings if each[1].kind in kinds), None)


def names_time(text: str) -> bool:
    """Tell whether it could name a time at all: most questions do not, and nothing more is done with them."""
    return _DIGIT.search(text) is not None or not hints().isdisjoint(LETTERS.findall(text.lower()))


def tokens(text: str, zone: tzinfo) -> list[Token]:
    """Return the tokens of a text, with what each word means in the language of the question."""
    found: list[Token] = []
    begins = True
    for piece in _PIECE.findall(text):
        bare = piece.strip(_AROUND)
        found.append(_token(bare, begins, zone)._replace(ends=piece != bare and piece[-1] in ",;:?!)"))
        begins = piece[-1] in ".?!:" and not bare[:-1].isdigit()
    return _with_meanings(found)


def _token(bare: str, begins: bool, zone: tzinfo) -> Token:
    text = bare.lower().replace("’", "'")
    if any(each.isdigit() for each in bare):
        kind, value = _written(bare, zone)
        return Token(kind, value, text, False)
    if text in {"-", "–", "—"}:
        return Token("word", None, "-", False)
    if not _PLAIN.fullmatch(bare):
        return Token("", None, text, False)
    if text in _HOUR_WORDS:
        return Token("word", None, text.replace(".", ""), False)
    text = text.rstrip(".")
    return Token("word", None, text, bare[:1].isupper() and not begins)


def _written(bare: str, zone: tzinfo) -> tuple[str, Any]:
    """Return the kind and the value of what has digits in it."""
    for pattern, read in _FORMS:
        match = pattern.fullmatch(bare) or pattern.fullmatch(bare.rstrip("."))
        if match:
            try:
                return read(match, zone) or ("", None)
            except (ValueError, OverflowError):
                return "", None
    return "", None


def _stamp(match: re.Match[str], zone: tzinfo) -> tuple[str, Any]:
    at = datetime.fromisoformat(f"{match[1]}T{match[2]}:{match[3] or '00'}{(match[4] or '').upper()}")
    if at.tzinfo is not None:
        at = at.astimezone(zone).replace(tzinfo=None)
    return "span", spans.calendar("minute", at, 0)


def _year_first(match: re.Match[str], _: tzinfo) -> tuple[str, Any] | None:
    if match[2] == "." and (len(match[3]) < 2 or len(match[4]) < 2):
        return None  # a version
    span = spans.days(date(int(match[1]), int(match[3]), int(match[4])))
    return ("dotted" if match[2] == "." else "span", span)


def _year_last(match: re.Match[str], _: tzinfo) -> tuple[str, Any] | None:
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if len(match[4]) == 2:
        if match[2] == "-" or len(match[1]) < 2 or len(match[3]) < 2:
            return None
        year += 2000 if year < 70 else 1900
    readings = _both(first, second, day_first=match[2] == ".")
    read = tuple(spans.days(date(year, number, day)) for number, day in readings)
    return ("either" if len(match[4]) == 4 else "dotted", read) if read else None


def _both(first: int, second: int, *, day_first: bool) -> list[tuple[int, int]]:
    """Return the readings of two numbers as (month, day): day first with dots, else both that there are."""
    pairs = [(second, first)] if day_first else list(dict.fromkeys([(second, first), (first, second)]))
    return [(number, day) for number, day in pairs if 1 <= number <= 12 and 1 <= day <= 31]


def _short(match: re.Match[str], _: tzinfo) -> tuple[str, Any] | None:
    readings = _both(int(match[1]), int(match[2]), day_first=True)
    return ("cycle", tuple(spans.day_of_year(*each) for each in readings)) if readings else None


def _slash(match: re.Match[str], _: tzinfo) -> tuple[str, Any] | None:
    readings = _both(int(match[1]), int(match[2]), day_first=False)
    return ("cycle", tuple(spans.day_of_year(*each) for each in readings)) if readings else None


def _week(match: re.Match[str], _: tzinfo) -> tuple[str, Any]:
    first = date.fromisocalendar(int(match[1]), int(match[2]), int(match[3] or 1))
    return "span", spans.days(first, None if match[3] else first + 6 * spans.DAY)


def _month(match: re.Match[str], _: tzinfo) -> tuple[str, Any] | None:
    year, number = int(match[1]), int(match[2])
    return ("span", spans.month_of(year, number)) if 1900 <= year <= 2199 and 1 <= number <= 12 else None


def _decade(match: re.Match[str], _: tzinfo) -> tuple[str, Any]:
    year = int(match[1])
    if year < 100:
        year += 1900 if year >= 30 else 2000
    return "decade", Span(datetime(year, 1, 1), datetime(year + 10, 1, 1))


def _clock(match: re.Match[str], _: tzinfo) -> tuple[str, Any] | None:
    hour, half = int(match[1]), (match[3] or "").lower().replace(".", "")
    if half in {"am", "pm"}:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    return ("clock", (hour, int(match[2]) if match[2] else None)) if hour < 24 and int(match[2] or 0) < 60 else None


_FORMS: tuple[tuple[re.Pattern[str], Any], ...] = (
    (_YEARS, lambda m, _: ("number", (int(m[1]), ""))),
    (_DECADE, _decade),
    (_NUMBER, lambda m, _: ("number", (int(m[1]), m[2] or ""))),
    (_STAMP, _stamp),
    (_YEAR_FIRST, _year_first),
    (_YEAR_LAST, _year_last),
    (_WEEK, _week),
    (_MONTH, _month),
    (_SHORT, _short),
    (_SLASH, _slash),
    (_CLOCK, _clock),
    (_DAYS, lambda m, _: ("days", (int(m[1]), int(m[2])))),
    (_QUARTER, lambda m, _: ("quarter", int(m[1]))),
    (_WEEK_NUMBER, lambda m, _: ("week", int(m[1]))),
    (_COMPACT, lambda m, _: ("dotted", spans.days(date(int(m[1]), int(m[2]), int(m[3]))))),
)


def _with_meanings(found: list[Token]) -> list[Token]:
    """Give each word its meanings, those of the question's language first."""
    phrases, mark, first = lexicon(), marks(), first_words()
    counts = Counter(mark[each.text] for each in found if each.text in mark)
    spoken = counts.most_common(1)[0][0] if counts else "en"
    meant = []
    for index, token in enumerate(found):
        if token.kind != "word":
            meant.append(token)
            continue
        if token.text not in first and _POSSESSIVE.sub("", token.text) not in first:
            meant.append(token)
            continue
        meanings: list[tuple[int, Word]] = []
        phrase = ""
        for length in range(1, min(5, len(found) - index + 1)):
            phrase = f"{phrase} {found[index + length - 1].text}".strip()
            words = phrases.get(phrase) or (phrases.get(_POSSESSIVE.sub("", phrase)) if "'" in phrase else None)
            meanings += [(length, word) for word in words or () if word.language == spoken or phrase not in STRANGE]
        meanings.sort(key=lambda each: (-each[0], each[1].language != spoken))
        meant.append(token._replace(meanings=tuple(meanings), kinds=frozenset(each[1].kind for each in meanings)))
    return meant
