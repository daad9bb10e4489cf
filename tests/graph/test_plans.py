"""The statements of the graph use their indexes, under row-level security, in a large tenant and in a small one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.plans import SIZES, Case, Crowd, Key
from tests.plans import crowd as crowd

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONE, OTHER, USER = Key("entity", 1), Key("entity", 2), Key("user", 1)
RELATIONS = ("uq_entity_relationships_target_entity_id", "ix_entity_relationships_target")
MENTIONS = "uq_entity_mentions_source_id"
OF_ENTITY = "ix_entity_mentions_entity"
ANY_MENTIONS = f"ix_entity_mentions_source|{MENTIONS}"

CASES = (
    Case("entities", ([ONE, OTHER],), ("pk_entities",)),
    Case("find_entities", ("Entity 1", None, None, 20), ("pk_entity_names", "pk_entities")),
    Case("same_entity", (USER, "person", "Entity 1"), ("pk_entity_names", "pk_entities")),
    Case("neighbours", (ONE, 2, None, 20), (*RELATIONS, "pk_entities")),
    Case("ensure_entity", (ONE, USER, "person", "E", [], None, "{}", NOW), ("uq_entities_name",)),
    Case("see_entity", (ONE, NOW, [], None, "{}"), ("pk_entities",)),
    Case("end_entity", (ONE, OTHER), ("pk_entities",)),
    Case("absorb_entity", (ONE, OTHER, 0), ("pk_entities",)),
    Case("relate", (ONE, OTHER, "knows", 0.5, None), (RELATIONS[0],)),
    Case("merge_relationships", (ONE, OTHER), RELATIONS),
    Case("add_mentions", ([ONE], ["message"], [Key("message")], [None], [None], NOW), (MENTIONS, "pk_entities")),
    Case("merge_mentions", (ONE, OTHER), (MENTIONS,)),
    Case(
        "list_mentions",
        (ONE, None, None, NOW, ONE, 20),
        (OF_ENTITY,),
        {"seen": "true"},
        small=(f"{OF_ENTITY}|{ANY_MENTIONS}",),
    ),
    Case("list_mentions", (None, "message", Key("message"), None, None, 20), (ANY_MENTIONS,), {"seen": "true"}),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_statements_use_their_indexes(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.graph", case)
