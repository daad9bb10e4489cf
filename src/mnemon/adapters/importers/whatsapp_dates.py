"""Dates and times at the beginning of WhatsApp's lines, in the ways of the world's telephones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo

from mnemon.adapters.importers.dates import as_utc

# Marks of direction, which stand anywhere in a stamp, and spaces that do not break.
_PLAIN = {
    **dict.fromkeys([0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF]),
    0x202F: " ",
    0xA0: " ",
}
_HEAD = 70
_STAMP = (
    r"(?P<a>\d{1,4})(?P<sep>\s?[./\-年년]\s?)(?P<b>\d{1,2})\s?[./\-月월]\s?(?P<c>\d{1,4})[日일.]?"
    r"(?:\s?[,،]|\s+um|\s+à|\s+at|\s+kl\.?)?\s*(?P<before>[^\W\d]{1,4}\.?\s?(?:[^\W\d]{1,2}\.)?)?\s*"
    r"(?P<hour>\d{1,2})\s?[:.]\s?(?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?"
    r"\s?(?P<after>[^\W\d]{1,4}\.?\s?(?:[^\W\d]{1,4}\.?)?)?"
)
_IOS = re.compile(rf"\s*\[{_STAMP}\]\s?(?P<rest>.*)", re.S)
_ANDROID = re.compile(rf"\s*{_STAMP}\s[-–]\s(?P<rest>.*)", re.S)
# Korea's telephones write neither brackets nor a dash.
_COMMA = re.compile(rf"\s*{_STAMP}, (?P<rest>[^:]{{1,60}} ?: .*)", re.S)
_MORNING = {
    "am",
    "a",
    "上午",
    "오전",
    "午前",
    "ص",
    "πμ",
    "ap",
    "de",
    "fm",
    "öö",
    "vorm",
    "dop",
    "sa",
    "ඪ",
    "पूर्वाह्न",
    "凌晨",
    "早上",
}
_EVENING = {
    "pm",
    "p",
    "下午",
    "오후",
    "午後",
    "م",
    "μμ",
    "ip",
    "du",
    "em",
    "ös",
    "nachm",
    "odp",
    "ch",
    "अपराह्न",
    "晚上",
}
_NOON = {"中午"}
_BUDDHIST = 2400


@dataclass(frozen=True, slots=True)
class Stamp:
    """A date and a time as they are written."""

    raw: str
    a: int
    b: int
    c: int
    separator: str
    hour: int
    minute: int
    second: int
    evening: bool | None
    padded: bool
    year_first: bool


def stamp_of(line: str) -> tuple[Stamp, str] | None:
    """Return the stamp that a line begins with and the rest of it; None for a line that has none."""
    head = line[:_HEAD].translate(_PLAIN)
    # A quick look first: most lines of long messages are none.
    if not (begin := head.lstrip()[:1]) or not (begin == "[" or begin.isdigit()):
        return None
    for pattern in (_IOS, _ANDROID, _COMMA):
        if (match := pattern.fullmatch(head)) is not None:
            break
    else:
        return None
    stamp = _stamp(match)
    return None if stamp is None else (stamp, match["rest"] + line[_HEAD:])


def _stamp(match: re.Match[str]) -> Stamp | None:
    evening: bool | None = None
    for word in (match["before"], match["after"]):
        if not word or not word.strip():
            continue
        plain = "".join(c for c in word.casefold() if c.isalpha() or "\u0900" <= c <= "\u0dff")
        if plain in _NOON or plain in _EVENING:
            evening = True
        elif plain in _MORNING:
            evening = False
        elif plain not in ("h", "uhr", "ч", "kl"):
            return None
    a, b, c = int(match["a"]), int(match["b"]), int(match["c"])
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if hour > 23 or minute > 59 or second > 59 or not (a and b and c):
        return None
    raw = match[0][: match.start("rest")].strip()
    return Stamp(
        raw, a, b, c, match["sep"].strip(), hour, minute, second, evening, len(match["a"]) == 2, len(match["a"]) == 4
    )


class DateOrder:
    """Whether the day or the month comes first: by every date of the file, and by the order they are in."""

    def __init__(self) -> None:
        self._day_first = self._month_first = 0
        self._back = [0, 0]
        self._last: list[tuple[int, ...]] = [(), ()]
        self._year_first = False
        self._american = 0

    def note(self, stamp: Stamp) -> None:
        """Take a date into account."""
        if stamp.year_first or stamp.a > 31:
            self._year_first = self._year_first or stamp.a > 31
            return
        self._day_first += stamp.a > 12
        self._month_first += stamp.b > 12
        for n, day in enumerate(((stamp.c, stamp.b, stamp.a), (stamp.c, stamp.a, stamp.b))):
            self._back[n] += day < self._last[n]
            self._last[n] = day
        # 1/2/24, 3:04 PM: nobody but America writes it so.
        self._american += stamp.separator == "/" and not stamp.padded and stamp.evening is not None and stamp.c < 100
        self._american -= stamp.separator in (".", "-")

    @property
    def is_day_first(self) -> bool:
        """Whether 3/4 is the third of April."""
        if self._day_first != self._month_first:
            return self._day_first > self._month_first
        if self._back[0] != self._back[1]:
            return self._back[0] < self._back[1]
        return self._american <= 0

    def moment(self, stamp: Stamp, zone: tzinfo) -> datetime | None:
        """Return the moment that a stamp stands for; None where there is no such date."""
        if stamp.year_first or (self._year_first and stamp.a > 12):
            year, month, day = stamp.a, stamp.b, stamp.c
        else:
            day, month = (stamp.a, stamp.b) if self.is_day_first else (stamp.b, stamp.a)
            year = stamp.c
        year += 2000 if year < 100 else 0
        year -= 543 if year >= _BUDDHIST else 0
        hour = stamp.hour
        if stamp.evening is not None and hour <= 12:
            hour = hour % 12 + 12 * stamp.evening
        try:
            return as_utc(datetime(year, month, day, hour, stamp.minute, stamp.second), zone)  # noqa: DTZ001
        except (ValueError, OverflowError):
            return None
