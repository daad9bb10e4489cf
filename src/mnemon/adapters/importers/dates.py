"""Moments as other programs write them, read as aware UTC datetimes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

from mnemon.adapters.importers.records import printable
from mnemon.adapters.moments import as_utc as as_utc
from mnemon.adapters.moments import from_epoch as from_epoch
from mnemon.adapters.moments import parse_both as parse_both
from mnemon.adapters.moments import parse_moment as parse_moment
from mnemon.core import times
from mnemon.core.errors import Invalid

_LOCOMO = re.compile(r"\s*(\d{1,2}):(\d{2})\s*([ap])\.?m\.?\s+on\s+(\d{1,2})\s+([A-Za-z]+),?\s+(\d{4})\s*", re.I)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def parse_locomo(value: str, zone: tzinfo = UTC) -> datetime:
    """Return a moment such as ``1:56 pm on 8 May, 2023``, which is one of `zone`.

    Raises:
        ValueError: it is not written so, or lies outside the years 1 to 9999.
    """
    match = _LOCOMO.fullmatch(value)
    if match is None or int(match[1]) > 12:
        raise ValueError(f"not a LoCoMo date: {value!r}")
    hour, minute, half, day, month, year = match.groups()
    number = _MONTHS.index(month[:3].lower()) + 1
    hour24 = int(hour) % 12 + (12 if half.lower() == "p" else 0)
    return as_utc(datetime(int(year), number, int(day), hour24, int(minute), tzinfo=zone))


def zone_of(asked: str | tzinfo | None, setting: str | None) -> tzinfo:
    """Return the zone of times that name none: the one asked for, else the setting's, else the process's own.

    Raises:
        Invalid: nobody knows a zone of this name.
    """
    if isinstance(asked, tzinfo):
        return asked
    try:
        return times.of_file(None, asked, setting)
    except ValueError as error:
        raise Invalid(
            f"There is no time zone {printable(asked or '')[:60]!r}.",
            code="invalid.timezone",
            hint="Give the name of one, such as Europe/Oslo or UTC.",
            field="timezone",
        ) from error
