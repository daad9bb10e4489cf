"""Named statements are read once and filled from a bounded number of texts."""

from __future__ import annotations

import pytest

from mnemon.db import sql


def test_what_callers_vary_does_not_pile_up() -> None:
    sql._fill.cache_clear()
    for limit in range(3 * sql._FILLED):
        text = sql.statement(
            "mnemon.memory", "recall_latest", table="memories", scope="t.organization_id = $1", limit=str(limit)
        )
        assert f"LIMIT {limit}" in text
    assert sql._fill.cache_info().currsize == sql._FILLED


def test_a_part_that_was_not_given_is_told() -> None:
    with pytest.raises(LookupError, match=r"recall_latest\.sql: \{limit\} was not filled"):
        sql.statement("mnemon.memory", "recall_latest", table="memories", scope="true")
