"""Time, injected: a verb asks its context's clock, so that a test can hold it still."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Anything that tells the time."""

    def now(self) -> datetime:
        """Return the present moment, timezone-aware, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment, timezone-aware, UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still at the moment it was given."""

    def __init__(self, moment: datetime) -> None:
        if moment.tzinfo is None:
            raise ValueError("a clock's moment needs a time zone")
        self._moment = moment

    def now(self) -> datetime:
        """Return the moment this clock was given."""
        return self._moment
