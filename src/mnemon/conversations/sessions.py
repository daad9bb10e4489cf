"""Where a stretch of talk ends and the next begins.

Recall scores a turn by its neighbours and by its whole session, so a session must be what people would call one
sitting. A source that names its sessions is believed; otherwise a pause of half an hour ends one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mnemon.conversations.repository import OpenSession

PAUSE = timedelta(minutes=30)

#: Messages of an unnamed session: talk without a pause (radio, a busy channel) is cut, or its words would mean nothing.
UNNAMED_SIZE = 256
NAMED_SIZE = 4096


def continues(session: OpenSession | None, at: datetime, label: str | None) -> bool:
    """Tell whether a message said at this moment belongs to this session.

    Args:
        session: the conversation's last session, None before the first.
        at: when the message was said.
        label: the source's own name for its session, None when it has none.
    """
    if session is None or label != session.label:
        return False
    if label is not None:
        return session.size < NAMED_SIZE
    return session.size < UNNAMED_SIZE and session.started_at - PAUSE <= at <= session.ended_at + PAUSE
