"""Times as people write and read them: in their zone, with its offset, unless UTC is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from mnemon.core import times
from mnemon.core.errors import Invalid
from mnemon.doors.cli.state import settings, state


def moment(value: str | None, option: str, *, utc: bool = False, user: str | None = None) -> datetime | str | None:
    """Read a time of the command line: ISO 8601, a date alone is its midnight.

    Without a zone it is UTC if that is asked for, else in the zone of the setting ``timezone``, else local time. With a
    user it stays a text then: the library reads it in the zone of that person, if they have one.

    Raises:
        Invalid: it is no time.
    """
    if value is None:
        return None
    if value == "now":
        return datetime.now(UTC)
    try:
        read = times.read(value, UTC)
    except ValueError as error:
        why = str(error)
        problem = " is no date or time" if why.startswith("that is no") else f": {why}"
        raise Invalid(
            f"{option}: {value[:60]!r}{problem}.",
            code="invalid.time",
            hint="Write 2026-03-31, 2026-03-31T09:30, 2026-03-31T09:30+02:00 or now.",
            field=option.lstrip("-"),
        ) from None
    if utc or times.has_zone(value):
        return read
    return value if user is not None else times.read(value, times.zone(settings().timezone))


def zone() -> tzinfo:
    """Return the zone of times that have none, and that times are shown in."""
    return state.zone or times.zone(settings().timezone)


def local(at: datetime, *, utc: bool = False) -> datetime:
    """Return the time where the user is, or in UTC."""
    return at.astimezone(UTC if utc else zone())


def day_and_time(at: datetime, *, utc: bool = False, apart: str = " ") -> str:
    """Write a time such as ``2026-03-31 09:30+02:00``."""
    return times.written(at, UTC if utc else zone(), apart)


def long_day(at: datetime) -> str:
    """Write a time such as ``Tue 31 Mar 2026 09:30+02:00``."""
    here = local(at)
    return f"{here:%a} {here.day} {here:%b} {day_and_time(at)[:4]} {day_and_time(at)[11:]}"
