"""Zones and moments: what a time without a zone means, and how a time is read and written.

A naive ``datetime`` is local time of the process, as Python itself takes it (``datetime.timestamp``). A text without a
zone, and a bare ``date``, are in the zone of whoever reads them: the person's, else that of the setting ``timezone``,
else the process's. Of an hour that comes twice when summer time ends the first is meant (``fold=0``); one that is left
out when it begins is read by the clock before the change, and so lies an hour later on the new one.
"""

from __future__ import annotations

import os
import re
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

#: Years that are kept: the first and the last moment that Python knows are the database driver's infinities.
FIRST_YEAR, LAST_YEAR = 2, 9998

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_ZONE_NAME = re.compile(r"[A-Za-z0-9_+\-]+(?:/[A-Za-z0-9_+\-]+)*")
_NAMED = re.compile(
    r"(?P<at>.*\S)\s*\[(?P<in>[^\[\]]+)\]|(?P<when>.*\S)\s+(?P<zone>[A-Za-z_]+/[A-Za-z0-9_+\-/]+|UTC|GMT)"
)
_APART = re.compile(r"\s+(?=[+-]\d\d(?::?\d\d)?$)")
_MONTH = re.compile(r"\d{4}(?:-\d\d)?")
#: 9 to 19 digits are a count since 1970; eight are a date (20260301).
EPOCH = re.compile(r"[+-]?\d{9,19}(?:\.\d*)?")
_HAS_ZONE = re.compile(r"(?:[zZ]|[+-]\d\d(?::?\d\d)?(?::?\d\d(?:\.\d+)?)?)$")
_LOCALTIME = Path("/etc/localtime")


class Local(tzinfo):
    """The process's own zone, as the C library has it: ``TZ``, else the machine's."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """Return how far local time is from UTC then."""
        return None if dt is None else dt.replace(tzinfo=UTC) - _of_local(dt)

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Return None: the C library tells the offset alone."""
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        """Return the zone's short name then, such as CEST."""
        return None if dt is None else _of_local(dt).astimezone().tzname()

    def fromutc(self, dt: datetime) -> datetime:
        """Return the local time of a moment."""
        here = dt.replace(tzinfo=UTC).astimezone()
        mine = here.replace(tzinfo=self)
        return mine if mine.utcoffset() == here.utcoffset() else mine.replace(fold=1)

    def __repr__(self) -> str:
        """Return the name that an explanation has."""
        return f"Local({name_of(self)})"


def _of_local(at: datetime) -> datetime:
    """Return the moment of a local time, as ``datetime.timestamp`` has it; ``astimezone`` reads missing hours back."""
    seconds = at.replace(tzinfo=None, microsecond=0).timestamp()
    return _EPOCH + timedelta(seconds=seconds, microseconds=at.microsecond)


LOCAL = Local()
_reading_in: ContextVar[tzinfo] = ContextVar("the zone of times that have none", default=LOCAL)


def zone(name: str | None) -> tzinfo:
    """Return a zone by its IANA name, such as Europe/Berlin; the process's own, if there is none.

    Raises:
        ValueError: nobody knows a zone of that name.
    """
    return LOCAL if not name else UTC if name == "UTC" else _named(name)


@lru_cache(maxsize=1024)
def _named(name: str) -> tzinfo:
    if len(name) <= 100 and _ZONE_NAME.fullmatch(name) and not name.startswith("posix"):
        with suppress(ValueError, OSError, LookupError):
            return ZoneInfo(name)
    raise ValueError(f"{name[:60]!r} is no time zone; write its IANA name, such as Europe/Berlin or UTC")


def zone_or(name: str | None, otherwise: tzinfo) -> tzinfo:
    """Return a zone by its name; another one, if there is no name or nobody knows it."""
    if not name:
        return otherwise
    try:
        return zone(name)
    except ValueError:
        return otherwise


def name_of(one: tzinfo) -> str:
    """Return the name of a zone: Europe/Berlin, UTC, or an offset such as +02:00."""
    if isinstance(one, ZoneInfo):
        return one.key or "UTC"
    if isinstance(one, Local):
        return _name_of_local(os.environ.get("TZ"), clock.tzname)
    if one is UTC:
        return "UTC"
    offset = one.utcoffset(None)
    return (offset is not None and timezone(offset).tzname(None).removeprefix("UTC")) or "UTC"


@lru_cache(maxsize=8)
def _name_of_local(said: str | None, short: tuple[str, str]) -> str:
    """Return the IANA name of the process's zone, if it can be found out; else the short one."""
    told = (said or "").removeprefix(":")
    if said is None:
        path = str(_LOCALTIME.resolve())
        told = path.partition("zoneinfo/")[2]
    try:
        return name_of(zone(told or "UTC")) if told or said == "" else short[0]
    except ValueError:
        return short[0]


@contextmanager
def reading_in(one: tzinfo) -> Iterator[None]:
    """Take times without a zone that are read meanwhile as times of this one."""
    mark = _reading_in.set(one)
    try:
        yield
    finally:
        _reading_in.reset(mark)


def now_read_in() -> tzinfo:
    """Return the zone in which texts without one are read at present."""
    return _reading_in.get()


def of_file(own: tzinfo | None, asked: str | None, setting: str | None) -> tzinfo:
    """Return the zone of times in a file that is imported: its own, else the one asked for, else the setting's.

    Raises:
        ValueError: nobody knows the zone that is asked for.
    """
    return own if own is not None else zone(asked or setting)


def as_utc(at: datetime | date, one: tzinfo | None = None) -> datetime:
    """Return a moment in UTC.

    Args:
        at: a time; a naive one is local, whatever the zone; or a date: its midnight.
        one: the zone of a date; the one that times are read in, if left out.

    Raises:
        ValueError: it lies outside the years that are kept.
    """
    try:
        if not isinstance(at, datetime):
            at = datetime(at.year, at.month, at.day, tzinfo=one or now_read_in())
        moment = at
        if at.tzinfo is not UTC:
            moment = at.astimezone(UTC) if at.utcoffset() is not None else _of_local(at)
    except (OverflowError, ValueError, OSError):
        raise _far() from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise _far()
    return moment


def _far() -> ValueError:
    return ValueError(f"the time is out of range: the years {FIRST_YEAR} to {LAST_YEAR} are kept")


def has_zone(text: str) -> bool:
    """Tell whether a text that is a time says its zone, or is a count since 1970, which needs none."""
    text = text.strip()
    if _NAMED.fullmatch(text) or EPOCH.fullmatch(text):
        return True
    return len(text) > 10 and ("T" in text[8:] or ":" in text) and _HAS_ZONE.search(text[10:]) is not None


def read(text: str, where: tzinfo | None = None) -> datetime:
    """Return the moment that a text names, in UTC.

    ISO 8601: a date, a date with a time, a week (2026-W10), a month or a year, which are their first midnight; the zone
    as Z, as an offset, or by name (``2026-03-01T23:30[Europe/Berlin]``, ``2026-03-01 23:30 Europe/Berlin``).

    Args:
        text: it.
        where: the zone where the text names none; the one that times are read in, if left out.

    Raises:
        ValueError: it is no such text, names no zone that is known, or lies outside the years that are kept.
    """
    text = text.strip()
    with_name = _NAMED.fullmatch(text) if text.isascii() and ("[" in text or len(text.split(None, 1)) > 1) else None
    if with_name:
        text, where = with_name["at"] or with_name["when"], zone(with_name["in"] or with_name["zone"])
    if _MONTH.fullmatch(text):
        text = f"{text}-01" if len(text) > 4 else f"{text}-01-01"
    if text.endswith("z"):
        text = text[:-1] + "Z"
    try:
        at = datetime.fromisoformat(_APART.sub("", text))
    except ValueError:
        raise ValueError(
            "that is no date or time; write 2026-03-31, 2026-03-31T09:30 or 2026-03-31T09:30+02:00"
        ) from None
    return as_utc(at if at.tzinfo is not None else at.replace(tzinfo=where or now_read_in()))


def written(at: datetime, one: tzinfo, apart: str = " ") -> str:
    """Write a moment in a zone, to the minute and with its offset: ``2026-03-31 09:30+02:00``."""
    return at.astimezone(one).isoformat(sep=" ", timespec="minutes").replace(" ", apart)
