"""Recurrence: the part of RFC 5545's RRULE that a task with a due date can follow.

A task's rule counts from the due date of the occurrence that was completed, so COUNT is counted down as the rule is
handed on. UNTIL is compared with the due time as it stands on the person's wall: a final Z changes nothing.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from dateutil.rrule import rrulestr

RULE_LIMIT = 255

_BY = frozenset({"BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"})
_KEYS = _BY | {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_LARGEST = 1000

# The calendar repeats itself every 400 years. Reckoned in the last of them that datetime knows, a rule that is never
# met (30 February) ends after a few centuries and not after eight thousand years; fifty years are left to be met in.
_CYCLE = 400
_LAST_YEAR = 9999 - 50


def parse_rule(rule: str) -> dict[str, str]:
    """Return the parts of a rule by name.

    Raises:
        ValueError: it is not a rule that a task can follow; the message says why.
    """
    text = rule.strip().upper().removeprefix("RRULE:")
    if len(text) > RULE_LIMIT:
        raise ValueError(f"a recurrence rule has at most {RULE_LIMIT} characters")
    parts: dict[str, str] = {}
    for piece in text.split(";"):
        key, _, value = piece.partition("=")
        if key not in _KEYS or not value or key in parts:
            raise ValueError(f"{piece[:40]!r} is no part of a recurrence rule for a day")
        parts[key] = value
    if parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError("FREQ is DAILY, WEEKLY, MONTHLY or YEARLY")
    for key in ("INTERVAL", "COUNT"):
        if key in parts and not (parts[key].isascii() and parts[key].isdigit() and 1 <= int(parts[key]) <= _LARGEST):
            raise ValueError(f"{key} is from 1 to {_LARGEST}")
    if "UNTIL" in parts:
        if "COUNT" in parts:
            raise ValueError("a rule has COUNT or UNTIL, not both")
        _until(parts["UNTIL"])
    return parts


def format_rule(parts: dict[str, str]) -> str:
    """Return the parts as a rule."""
    return ";".join(f"{key}={value}" for key, value in parts.items())


def check_rule(rule: str) -> str:
    """Return the rule in its normal form.

    Raises:
        ValueError: it is not a rule that a task can follow, or no day ever meets it.
    """
    parts = parse_rule(rule)
    if _after(parts, datetime(2024, 1, 1)) is None:  # noqa: DTZ001 - a wall-clock time
        raise ValueError("no day meets this recurrence rule")
    return format_rule(parts)


def next_occurrence(rule: str, after: datetime) -> tuple[datetime, str] | None:
    """Return the first occurrence after one, and the rule that it goes on with; None when the rule has ended.

    Args:
        rule: a rule that :func:`check_rule` accepts.
        after: the due date and time of the occurrence before, as on the wall (without a time zone).
    """
    parts = parse_rule(rule)
    count = int(parts["COUNT"]) if "COUNT" in parts else None
    if count == 1:
        return None
    found = _after(parts, after)
    if found is None or ("UNTIL" in parts and found > _until(parts["UNTIL"])):
        return None
    if count is not None:
        parts["COUNT"] = str(count - 1)
    return found, format_rule(parts)


def _after(parts: dict[str, str], after: datetime) -> datetime | None:
    kept = {key: value for key, value in parts.items() if key not in {"COUNT", "UNTIL"}}
    shift = max((_LAST_YEAR - after.year) // _CYCLE, 0) * _CYCLE
    moved = after.replace(year=after.year + shift)
    try:
        found: datetime | None = rrulestr(format_rule(kept), dtstart=moved).after(moved)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"the recurrence rule cannot be followed: {error}") from None
    return None if found is None else found.replace(year=found.year - shift)


def _until(text: str) -> datetime:
    """Return the last moment that UNTIL allows; a date means the whole day."""
    match = re.fullmatch(r"(\d{8})(?:T(\d{6})Z?)?", text, flags=re.ASCII)
    if match is None:
        raise ValueError("UNTIL is a date such as 20261231, with or without a time")
    day = date(int(match[1][:4]), int(match[1][4:6]), int(match[1][6:]))
    clock = match[2] or "235959"
    if int(clock[:2]) > 23 or int(clock[2:4]) > 59 or int(clock[4:]) > 59:
        raise ValueError("UNTIL has a time of day from 000000 to 235959")
    seconds = int(clock[:2]) * 3600 + int(clock[2:4]) * 60 + int(clock[4:])
    return datetime.combine(day, datetime.min.time()) + timedelta(seconds=seconds)
