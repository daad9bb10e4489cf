"""The monitoring queries of seed 003, as verbs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest

from mnemon.app import App
from mnemon.context import Context
from mnemon.core.errors import Forbidden, Invalid
from mnemon.operations import service
from mnemon.operations.schemas import IndexUse


async def test_table_sizes_count_partitions_in(installation: Context, admin: Any) -> None:
    sizes = {one.table: one for one in (await service.table_sizes(installation)).tables}
    assert {"memories", "messages", "audit_logs", "users", "metric_summary"} <= set(sizes)
    assert not [name for name in sizes if name.endswith(("_default", "_p00"))]
    memories = sizes["memories"]
    assert memories.partitions == 16
    assert memories.total_bytes == memories.table_bytes + memories.index_bytes
    assert sizes["audit_logs"].total_bytes == await admin.fetchval(
        "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass"
    )
    totals = [one.total_bytes for one in (await service.table_sizes(installation)).tables]
    assert totals == sorted(totals, reverse=True)
    assert len((await service.table_sizes(installation, limit=3)).tables) == 3


def scans(indexes: Iterable[IndexUse], table: str) -> int:
    return sum(one.scans for one in indexes if one.table == table)


async def test_index_usage_counts_partitions_in(own: tuple[App, Any], upkeep: Context) -> None:
    _, admin = own
    before = (await service.index_usage(upkeep)).indexes
    assert "pk_memories" in {one.index for one in before}
    assert len(before) == len({one.index for one in before})
    await admin.execute("SET enable_seqscan = off")
    for _ in range(3):
        await admin.fetch("SELECT * FROM memories WHERE organization_id = $1 AND id = $1", uuid4())
    await admin.execute("SELECT pg_stat_force_next_flush()")
    await admin.fetchval("SELECT 1")
    after = (await service.index_usage(upkeep)).indexes
    # Whichever of the table's indexes it was, and in whichever of its partitions.
    assert scans(after, "memories") >= scans(before, "memories") + 3


async def test_slow_queries_where_the_server_keeps_them(installation: Context, admin: Any) -> None:
    there = await admin.fetchval("SELECT to_regclass('pg_stat_statements') IS NOT NULL")
    found = await service.slow_queries(installation)
    assert found.available == there
    if not there:
        assert found.queries == ()


async def test_bounds_and_permissions(ctx: Context, installation: Context, limited: Context) -> None:
    for verb in (service.table_sizes, service.index_usage, service.slow_queries):
        with pytest.raises(Forbidden):
            await verb(limited)
        with pytest.raises(Forbidden) as refused:
            await verb(ctx)  # whatever it may do in its own organisation: these are everybody's figures
        assert refused.value.code == "forbidden.installation"
        for limit in (0, 1001):
            with pytest.raises(Invalid) as caught:
                await verb(installation, limit=limit)
            assert caught.value.data["field"] == "limit"
