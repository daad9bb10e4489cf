"""The statements of memory use their indexes, under row-level security, in a large tenant and in a small one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pgvector import HalfVector

from mnemon.db.recallable import RecallTable
from mnemon.db.words import matching
from mnemon.memory import repetition
from mnemon.memory.columns import ADJUST, INSERT, SUPERSEDE, TABLES, feature_parts, held_parts, item_parts
from mnemon.memory.recall.heard import ENGLISH, EVERY_LANGUAGE
from mnemon.memory.service import languages
from mnemon.memory.service.usage import PARTS_OF_ANSWER, PARTS_OF_USED
from tests.plans import SIZES, Case, Crowd, Key, words
from tests.plans import crowd as crowd

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MEMORY, MESSAGE = Key("memory"), Key("message")
VECTOR = HalfVector([0.1] * 256)
SUBJECT = "ix_memory_facts_subject|ix_memory_facts_current"
NAMES = "uq_participant_names_word"
CHANGED = ("ix_messages_changed", "ix_memories_changed", "ix_conversations_changed")
USAGE = ("uq_message_memory_usage_used", "ix_message_memory_usage_memory")

ONE = [[None]]
NOTHING: dict[str, list[Any]] = {column.name: [] for column in INSERT.columns}

CASES = (
    Case("add_memories", (None, *INSERT.arguments({}, NOTHING)), ("uq_memories_source",), INSERT.parts),
    Case("adjust", ([MEMORY], *[None] * len(ADJUST.columns)), ("pk_memories",), ADJUST.in_place),
    Case(
        "supersede",
        (MEMORY, [MESSAGE], ["x"], NOW, [None], None, None, *[None] * len(SUPERSEDE.columns)),
        ("pk_memories",),
        SUPERSEDE.corrected,
    ),
    Case("confirm", ([MEMORY], [1]), ("pk_memories",)),
    Case(
        "repetitions",
        (
            ["x"],
            *[[None]] * 4,
            ["semantic"],
            ["note"],
            *[[None]] * 2,
            ["[]"],
            ["{}"],
            *[[None]] * 3,
            NOW,
            *[[None]] * 2,
        ),
        ("ix_memories_repetition", "ix_memories_whole"),
        {**repetition.statement_parts(), "seen": "true"},
    ),
    Case("mark_superseded", ([MEMORY], MESSAGE, NOW), ("pk_memories",)),
    Case("memory_chain", (MEMORY,), ("pk_memories", "ix_memories_superseded")),
    Case("memory_events", ([MEMORY],), ("ix_memory_log_memory",)),
    Case("facts_add", (*[[]] * 12, NOW)),
    Case("facts_known", ("subject 1", "predicate 3", None), (SUBJECT,), {"seen": "true"}),
    Case("facts_moment", ("subject 1", "predicate 3"), (SUBJECT,)),
    Case("facts_read", (20, "subject 1"), (SUBJECT,), {"which": "t.subject = $3", "order": "t.valid_from, t.id"}),
    Case(
        "facts_read",
        (20, "predicate 3"),
        ("ix_memory_facts_predicate",),
        {"which": "t.predicate = $3", "order": "t.valid_from, t.id"},
        small=("ix_memory_facts_predicate|" + SUBJECT,),
    ),
    Case("note_use", (MESSAGE, [MEMORY, None], [None, MESSAGE], [0.5] * 2, [1] * 2, ["{}"] * 2, None), USAGE[:1]),
    Case("usage_of", (MESSAGE, 20, *[None] * 3), ("|".join(USAGE),), {"seen": "true", **PARTS_OF_ANSWER}),
    Case("usage_of", (MEMORY, 20, NOW, MEMORY), ("|".join(USAGE),), {"seen": "true", **PARTS_OF_USED["memory"]}),
    Case(
        "usage_of",
        (MESSAGE, 20, NOW, MEMORY),
        ("ix_message_memory_usage_message",),
        {"seen": "true", **PARTS_OF_USED["message"]},
    ),
    Case("maintain_statistics", (1,), ("pk_recall_statistics", "uq_conversation_sessions_organization_id_number")),
    Case("maintain_waiting", (1000,), ("ix_messages_tail", "ix_memories_tail", "pk_recall_statistics")),
    Case("coded_version", (), ("pk_recall_statistics",), {"snapshot": "''"}),
    Case("held_sessions", ([1],), ("uq_conversation_sessions_organization_id_number",)),
    # All words of a tenant are read.
    Case("recall_vocabulary", (1000,), small=("pk_recall_terms",), scans=frozenset({"recall_terms"})),
    Case(
        "recall_words",
        (["one", "two", "and v2.3.1"], Key("conversation"), 2, "1:1:", Key("user"), Key("agent")),
        ("pk_recall_statistics", "pk_recall_terms", NAMES, "pk_conversation_participants", *CHANGED),
        EVERY_LANGUAGE,
        scans=frozenset({"messages", "memories"}),  # to the first row
    ),
    Case(
        "recall_words",
        (["one", "two"], Key("conversation"), "1:1:", Key("user"), Key("agent")),
        ("pk_recall_statistics", "pk_recall_terms", NAMES, "pk_conversation_participants", *CHANGED),
        ENGLISH,
        scans=frozenset({"messages", "memories"}),  # to the first row
    ),
)


def _read(table: Any) -> tuple[Case, ...]:
    """What is asked of each table whose old rows get a language."""
    name, parts = table.name, table.parts()
    by_key = f"uq_{name}_organization_id_ordinal" if table.key[0] == "ordinal" else f"pk_{name}"
    after = "1" if table.key[0] == "ordinal" else str(uuid4())
    take = {one: parts[one] for one in ("table", "key", "type", "text", "talk")}
    fill = {one: parts[one] for one in ("table", "indexed")}
    return (
        Case("languages_take", (after, 500, 1000), (by_key,), take),
        Case("languages_fill", ([MEMORY], ["de"]), (f"pk_{name}",), fill),
    )


READ = [(table.name, case) for table in languages.TABLES for case in _read(table)]


def _of(table: RecallTable) -> tuple[Case, ...]:
    """What is asked of both tables alike."""
    name = table.name
    parts = {**table.columns, "table": name, "kind": table.kind, "scope": "t.deleted_at IS NULL", "limit": "100"}
    nearest = {**parts, "vector": "$2::halfvec"}
    ordinal, recent = f"uq_{name}_organization_id_ordinal", f"ix_{name}_occurred"
    tail = f"ix_{name}_tail"
    # A handful of rows is found as well by any index that begins with the tenant.
    others = ("changed", "user", "agent", "occurred", "tail", "type", "superseded", "conversation", "sender", "search")
    any_of_tenant = "|".join([ordinal, f"pk_{name}", *(f"ix_{name}_{one}" for one in others)])
    match = {"match": matching("@~@"), "bits": "0", "any": "$2"}
    features = {"ordinals": "$3::bigint[]", "named": "$4::uuid[]", "asker": "$5::uuid", "running": "$6::uuid"}
    held = {
        "nothing": "$2::bytea",
        "nobody": "$3::uuid",
        "snapshot": "''",
        "arrays": "array_agg(r.importance) AS importance",
    }
    return (
        Case("items", (Key(table.kind),), (f"pk_{name}",), {**item_parts(table), "which": "t.id = $2"}),
        Case("items", ([1 << 16],), (ordinal,), {**item_parts(table), "which": "t.ordinal = ANY($2::bigint[])"}),
        Case("held_changed", ("1000000000:1000000000:",), (f"ix_{name}_changed",), {**parts, "snapshot": "''"}),
        Case(
            "held_rows",
            (b"", Key("user"), [1 << 16]),
            (ordinal,),
            {**held_parts(table), **held, "scope": "t.ordinal = ANY($4::bigint[])"},
        ),
        Case(
            "coded_rows",
            (b"", 0),
            (ordinal,),
            {**parts, "nothing": "$2::bytea", "snapshot": "''", "which": "t.ordinal > $3::bigint", "limit": "4000"},
            small=(any_of_tenant,),
        ),
        Case(
            "coded_rows",
            (b"", [1 << 16]),
            (ordinal,),
            {**parts, "nothing": "$2::bytea", "snapshot": "''", "which": "t.ordinal = ANY($3::bigint[])", "limit": "1"},
        ),
        Case("held_within", (Key("user"),), (f"ix_{name}_user",), {**parts, "scope": "t.user_id = $2"}),
        Case("held_texts", ([1 << 16],), (ordinal,), {**parts, "ordinals": "$2::bigint[]"}),
        Case("maintain_index", (100,), (tail, ordinal), parts, small=(any_of_tenant,)),
        Case("recall_latest", (), (recent,), parts, small=(any_of_tenant,)),
        Case("recall_exact", (VECTOR,), small=(any_of_tenant,), parts=nearest, scans=_parts(name)),
        Case("recall_indexed", (VECTOR,), (f"ix_{name}_embedding", tail), nearest, small=(any_of_tenant,)),
        Case("recall_size_bounded", (), (any_of_tenant,), {**parts, "scope": "t.user_id IS NULL"}),
        Case("recall_postings", (words(1),), (f"ix_{name}_search",), {**parts, **match}, small=(any_of_tenant,)),
        Case(
            "recall_features",
            (VECTOR, [1 << 16], [], None, None),
            (ordinal, "uq_conversation_sessions_organization_id_number"),
            {**nearest, **feature_parts(table), **features, "text": "t.content"},
        ),
    )


def _parts(name: str) -> frozenset[str]:
    """All of a tenant is looked at: where it has a partition nearly to itself, all of the partition."""
    return frozenset({name})


BOTH = [(table.name, case) for table in TABLES for case in _of(table)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_statements_use_their_indexes(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.memory", case)


@pytest.mark.parametrize(("table", "case"), READ, ids=[f"{case}-{table}" for table, case in READ])
async def test_languages_of_old_rows_are_read_in_order(crowd: Crowd, table: str, case: Any) -> None:
    await crowd.tenant("large").hold("mnemon.memory", case)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("table", "case"), BOTH, ids=[f"{case}-{table}" for table, case in BOTH])
async def test_recall_uses_its_indexes_in_both_tables(crowd: Crowd, table: str, case: Any, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.memory", case)
