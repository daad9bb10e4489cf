"""Where a stretch of talk ends and the next begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mnemon.conversations.repository import OpenSession
from mnemon.conversations.sessions import NAMED_SIZE, PAUSE, UNNAMED_SIZE, continues
from mnemon.db.recallable import SESSION_BITS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def session(label: str | None = None, size: int = 1) -> OpenSession:
    return OpenSession(1, label, NOON, NOON + timedelta(hours=1), size, ends_with_question=False)


@pytest.mark.parametrize(
    ("at", "goes_on"),
    [
        (NOON, True),
        (NOON + timedelta(minutes=30), True),
        (NOON + timedelta(hours=1) + PAUSE, True),
        (NOON + timedelta(hours=1) + PAUSE + TICK, False),
        (NOON - PAUSE, True),
        (NOON - PAUSE - TICK, False),
    ],
)
def test_a_pause_ends_an_unnamed_session(at: datetime, goes_on: bool) -> None:
    assert continues(session(), at, None) is goes_on


def test_a_label_decides_where_there_is_one() -> None:
    later = NOON + timedelta(days=365)
    assert continues(session("one"), later, "one")
    assert not continues(session("one"), NOON, "two")
    assert not continues(session("one"), NOON, None)
    assert not continues(session(), NOON, "one")
    assert not continues(None, NOON, None)
    assert not continues(None, NOON, "one")


def test_a_session_is_bounded() -> None:
    assert continues(session(size=UNNAMED_SIZE - 1), NOON, None)
    assert not continues(session(size=UNNAMED_SIZE), NOON, None)
    assert continues(session("one", NAMED_SIZE - 1), NOON, "one")
    assert not continues(session("one", NAMED_SIZE), NOON, "one")
    assert max(UNNAMED_SIZE, NAMED_SIZE) < 1 << SESSION_BITS, "a place must fit its bits, neighbours included"
