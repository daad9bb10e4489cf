"""The statements of workspace use their indexes, under row-level security, in a large tenant and in a small one."""

from __future__ import annotations

import pytest

from tests.plans import SIZES, Case, Crowd, Key
from tests.plans import crowd as crowd

USER = Key("user")

CASES = (
    Case("notifications", (USER, None, None, None, 20), ("ix_notifications_user",)),
    Case("unread_notifications", (USER, None, None, None, 20), ("ix_notifications_unread",)),
    Case("count_unread", (USER,), ("ix_notifications_unread",)),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_statements_use_their_indexes(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.workspace", case)
