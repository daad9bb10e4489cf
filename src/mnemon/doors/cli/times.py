"""Times as people write and read them: local, with the zone, unless UTC is asked for."""

from __future__ import annotations

from datetime import UTC, datetime

from mnemon.core.errors import Invalid


def moment(value: str | None, option: str, *, utc: bool = False) -> datetime | None:
    """Read a time of the command line: ISO 8601, a date alone is its midnight; without a zone it is local time.

    Raises:
        Invalid: it is no time.
    """
    if value is None:
        return None
    if value == "now":
        return datetime.now(UTC)
    try:
        read = datetime.fromisoformat(value)
        if read.tzinfo is None:
            read = read.replace(tzinfo=UTC) if utc else read.astimezone()
        return read.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise Invalid(
            f"{option}: {value[:60]!r} is no date or time.",
            code="invalid.time",
            hint="Write 2026-03-31, 2026-03-31T09:30, 2026-03-31T09:30+02:00 or now.",
            field=option.lstrip("-"),
        ) from None


def local(at: datetime, *, utc: bool = False) -> datetime:
    """Return the time where the user is, or in UTC."""
    return at.astimezone(UTC if utc else None)


def day_and_time(at: datetime, *, utc: bool = False, apart: str = " ") -> str:
    """Write a time such as ``2026-03-31 09:30 CEST``."""
    return local(at, utc=utc).strftime(f"%Y-%m-%d{apart}%H:%M %Z")


def long_day(at: datetime) -> str:
    """Write a time such as ``Tue 31 Mar 2026 09:30 CEST``."""
    here = local(at)
    return f"{here:%a} {here.day} {here:%b %Y %H:%M %Z}"
