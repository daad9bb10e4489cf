"""One memory under real servers and pools that fork: no call lost, hanging or doubled, no connection left open.

``python -m bench processes`` makes a thousand calls of each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from bench.processes import KINDS, measure

from tests.conftest import APP, Server

CALLS = 24


@pytest.mark.parametrize("kind", KINDS)
async def test_each_call_is_answered_once(
    kind: str, server: Server, make_database: Callable[..., Awaitable[str]]
) -> None:
    database = await make_database()
    admin = await server.connect(database=database)
    environment = {"DATABASE_URL": server.url(APP, database), "MNEMON_ORGANIZATION": "processes"}
    outcome = await measure(kind, CALLS, environment, admin)
    assert outcome.found == CALLS
    assert outcome.kept == (CALLS, CALLS)
    assert outcome.workers >= 2
    before, most, after = outcome.connections
    assert most > before
    assert after == before
    assert outcome.in_transaction == 0
    await admin.close()
