"""Moments as other programs write them, ISO 8601 or a count since 1970, read as aware UTC datetimes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 9 to 19 digits: eight digits are a date (20260301), four a year.
_EPOCH_TEXT = re.compile(r"[+-]?\d{9,19}(\.\d+)?")


def parse_moment(value: object, zone: tzinfo = UTC) -> datetime | None:
    """Return a moment from ISO 8601, or from seconds, milliseconds, microseconds or nanoseconds since 1970.

    A time without a zone is one of `zone`. None and an empty text mean that there is no time.

    Raises:
        ValueError: it is none of these, or outside the years 1 to 9999.
    """
    read = _read(value)
    return None if read is None else as_utc(read, zone)


def parse_both(value: object, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """Return a moment as :func:`parse_moment` does, and as if one without a zone were UTC's, whatever the zone is.

    Raises:
        ValueError: as :func:`parse_moment`.
    """
    read = _read(value)
    if read is None:
        return None, None
    at = as_utc(read, zone)
    return at, at if read.tzinfo is not None or zone is UTC else read.replace(tzinfo=UTC)


def _read(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return from_epoch(value)
    # What is neither a number nor a text (true, an object) fails below, as a text that is no date.
    text = str(value).strip()
    if _EPOCH_TEXT.fullmatch(text):
        return from_epoch(Decimal(text))
    if text[-4:].upper() == " UTC":
        text = text[:-4] + "Z"
    return datetime.fromisoformat(text)


def from_epoch(value: float | Decimal) -> datetime:
    """Return a moment from a count since 1970; its size tells seconds from milli-, micro- and nanoseconds.

    Raises:
        ValueError: it is not finite, or outside the years 1 to 9999.
    """
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    # Before any arithmetic on it: a file may say 1e99999999.
    if not number.is_finite() or number.adjusted() > 30:
        raise ValueError("a moment is a number of seconds since 1970, or of parts of a second")
    # 1e11 seconds lie in the year 5138; 1e11 milliseconds in 1973.
    for _ in range(3):
        if abs(number) < 100_000_000_000:
            break
        number /= 1000
    try:
        return _EPOCH + timedelta(microseconds=round(number * 1_000_000))
    except OverflowError as error:
        raise ValueError("the moment lies outside the years 1 to 9999") from error


def as_utc(moment: datetime, zone: tzinfo = UTC) -> datetime:
    """Return the same moment in UTC; one without a zone is one of `zone`.

    Raises:
        ValueError: in UTC it would lie outside the years 1 to 9999.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the moment lies outside the years 1 to 9999") from error
