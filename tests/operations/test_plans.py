"""The statements of operations use their indexes, under row-level security, in a large tenant and in a small one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from tests.plans import SIZES, Case, Crowd
from tests.plans import crowd as crowd

NOW = datetime.now(UTC)
#: Of a day whose partition is full: just after midnight today's has hardly a row, and is read as it lies.
PERIOD = (NOW - timedelta(days=1, minutes=5), NOW - timedelta(days=1))

CASES = (
    Case(
        "errors_by_kind",
        (*PERIOD, 10),
        ("ix_error_logs_time",),
        small=("ix_error_logs_time|ix_error_logs_fingerprint",),
    ),
    Case("request_statistics", (*PERIOD, 10), ("ix_api_requests_time",)),
    # All of it, which in a large tenant is nearly all there is; and one series.
    Case("dashboard", (None, None, None, 100), small=("uq_metric_summary",), scans=frozenset({"metric_summary"})),
    Case("dashboard", ("agent", str(uuid4()), None, 100), ("uq_metric_summary",)),
    Case("dashboard_now", (None, None, None, 100), ("ix_metric_rollups_time|pk_metric_rollups",)),
    Case("dashboard_now", ("agent", str(uuid4()), None, 100), ("pk_metric_rollups|ix_metric_rollups_time",)),
    Case(
        "rollups",
        ("agent", "hour", None, None, *PERIOD, *[None] * 3, 100),
        ("ix_metric_rollups_time|pk_metric_rollups",),
    ),
    Case(
        "rollups",
        ("agent", "hour", "x", None, *PERIOD, *[None] * 3, 100),
        ("pk_metric_rollups|ix_metric_rollups_time",),
    ),
    # A whole trail is read, which is nearly all there is, but not for a small one.
    Case("verify_audit", ([], [], None, [], 0), ("pk_audit_blocks",), scans=frozenset({"audit_logs"})),
    # They only write: what they refer to is looked up by foreign keys.
    Case("add_agent_metrics", ([], [], [], [], [], [])),
    Case("add_system_metrics", ([], [], [], [], [], [], [])),
    # They read the catalogue and the server's own statistics.
    Case("index_usage", (10,), tenant=False),
    Case("table_sizes", (10,), tenant=False),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_statements_use_their_indexes(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.operations", case)


async def test_slow_statements_are_the_servers_own_to_count(crowd: Crowd) -> None:
    """The embedded server has not the extension: the statement reads a view of it and no table of ours."""
    tenant = crowd.tenant("large")
    with pytest.raises(asyncpg.UndefinedTableError, match="pg_stat_statements"):
        await crowd.admin.fetch(f"EXPLAIN {tenant.statement('mnemon.operations', 'slow_queries')}", 10)
