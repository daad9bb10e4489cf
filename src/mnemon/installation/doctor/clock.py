"""Whether the server's clock and this machine's agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg

from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding

#: Differences up to here are those of two clocks that are kept right (seconds).
APART = 5


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Compare the clocks: when something was learnt is written by the server, when it was true by us."""
    before = datetime.now(UTC)
    theirs: datetime = await connection.fetchval("SELECT clock_timestamp()")
    after = datetime.now(UTC)
    # The answer was written somewhere between the two.
    apart = max(before - theirs, theirs - after, timedelta(0)).total_seconds()
    if apart <= APART:
        return [Finding("clock", "ok", "the server's agrees with this machine's")]
    how = "ahead of" if theirs > after else "behind"
    return [
        Finding(
            "clock",
            "wrong",
            f"the server's is {_told(apart)} {how} this machine's",
            "Set both by NTP. Times written meanwhile stay as they were written: rows may stand in another "
            "order, and what runs at a time of day ran at another.",
        )
    ]


def _told(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
