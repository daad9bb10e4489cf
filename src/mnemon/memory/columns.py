"""The columns of memories: all that the statements need to know of each.

A new column of memories is a line here, beside its model, its migration and its fields in the schemas: what writes,
corrects, reads, filters and logs memories is made of this list. A field or a column that is missing on either side
ends the import with its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mnemon.conversations import service as conversations
from mnemon.conversations.visibility import OWNER
from mnemon.db.columns import Column, ColumnChange, Compare, Filter, Insert, Origin, lines, named, read_as, require_same
from mnemon.db.params import Params
from mnemon.db.recallable import SHARED, RecallTable
from mnemon.memory.models import MemoryORM, MemoryTier, MemoryType
from mnemon.memory.schemas import Item, NewMemory, Scope, Update

COLUMNS = (
    *SHARED,
    Column("conversation_id", "uuid", Origin.WRITER, inherited=True),
    Column(
        "memory_type",
        "memory_type_enum",
        enum=MemoryType,
        inherited=True,
        returned=True,
        elsewhere="episodic",
        filters=(Filter("types", Compare.ONE_OF),),
    ),
    Column("category", "text", inherited=True),
    Column("title", "text", inherited=True),
    Column("subject", "text", inherited=True),
    Column("importance", "integer", updatable=True, returned=True, scored=True, elsewhere=5),
    Column("confidence", "double precision", updatable=True, returned=True, elsewhere=1.0),
    Column("is_pinned", "boolean", updatable=True, returned=True, scored=True, elsewhere=False),
    Column("tier", "memory_tier", enum=MemoryTier, updatable=True, returned=True, scored=True, elsewhere="warm"),
    Column("source_type", "memory_source", inherited=True),
    Column("source_message_ids", "uuid[]", inherited=True),
    Column("extraction_model", "text", inherited=True),
    Column(
        "valid_until",
        "timestamptz",
        returned=True,
        expression="least(t.valid_until, t.superseded_from)",
        elsewhere=None,
    ),
    Column("expires_at", "timestamptz", inherited=True),
    Column("related_to", "uuid[]", Origin.DATABASE, inherited=True),
    Column("status", "memory_status", Origin.DATABASE, returned=True, elsewhere="active"),
    Column("access_count", "integer", Origin.DATABASE, returned=True, elsewhere=0),
    Column("confirmed", "integer", Origin.DATABASE, returned=True, elsewhere=0),
    Column("confirmed_at", "timestamptz", Origin.DATABASE, returned=True, elsewhere=None),
    Column("repetition_key", "uuid", Origin.DATABASE),
    Column("superseded_by", "uuid", Origin.DATABASE, returned=True, elsewhere=None),
    Column("superseded_at", "timestamptz", Origin.DATABASE, returned=True, elsewhere=None),
    Column("version", "integer", Origin.DATABASE, returned=True, elsewhere=1),
    Column("superseded_from", "timestamptz", Origin.DATABASE),
    Column("last_accessed_at", "timestamptz", Origin.DATABASE),
    Column("contradicts", "uuid[]", Origin.DATABASE),
    Column("ordinal", "bigint", Origin.DATABASE),
    Column("embedding_updated_at", "timestamptz", Origin.DATABASE),
    Column("updated_at", "timestamptz", Origin.DATABASE),
)

_MEMORIES = RecallTable(
    name="memories",
    kind="memory",
    described=COLUMNS,
    columns=read_as(COLUMNS)
    | {
        "sender": "t.user_id",
        "speaker_agent": "CASE WHEN t.user_id IS NULL THEN t.agent_id END",
        "heard": "t.user_id",
    },
    alive="(t.expires_at IS NULL OR t.expires_at > now()) AND t.status IN ('active', 'disputed')",
    expires="t.expires_at",
    owner=OWNER["memory"],
)

#: The tables that recall searches, each with constants in place of what only the other one has.
MESSAGES = conversations.recall_table().beside(_MEMORIES)
MEMORIES = _MEMORIES.beside(conversations.recall_table())
TABLES: tuple[RecallTable, ...] = (MESSAGES, MEMORIES)

#: What ``add_memories`` writes; $1 is the organisation, $2 the embedder.
INSERT = Insert(COLUMNS, first=3)
#: What ``adjust`` sets, after the organisation and the memory.
ADJUST = ColumnChange(COLUMNS, first=3)
#: What ``supersede`` takes over or has new, after its own parameters.
SUPERSEDE = ColumnChange(COLUMNS, first=9)

#: What an item has of either table, by name.
RETURNED = {column.name: column for table in TABLES for column in table.described if column.returned}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a scope on a column.

    Attributes:
        kinds: of the tables that have the column.
    """

    column: Column
    filter: Filter
    kinds: frozenset[str]

    def value(self, scope: Scope) -> Any:
        """Return what the scope asks for; None if it does not ask."""
        return self.filter.value(scope)

    def can_hold(self, table: RecallTable, scope: Scope) -> bool:
        """Tell whether a row of the table can fulfil it: one without the column fulfils it as it is, or never."""
        value = self.value(scope)
        return value is None or table.kind in self.kinds or self.filter.allows(self.column.elsewhere, value)

    def rule(self, table: RecallTable, scope: Scope, params: Params) -> str:
        """Return the predicate (alias ``t``) over the table's rows, where :meth:`can_hold`."""
        value = self.value(scope)
        if value is None or table.kind not in self.kinds:
            return "true"
        return self.column.condition(self.filter.test, value, params)

    def narrows(self, scope: Scope) -> bool:
        """Tell whether the scope leaves anything out by it; every value of an enumeration leaves out nothing."""
        value = self.value(scope)
        every = self.filter.test is Compare.ONE_OF and self.column.enum is not None and value is not None
        return value is not None and not (every and len(value) == len(self.column.enum or ()))


#: What recall's signals read of a candidate of either table.
SCORED = tuple(dict.fromkeys(column.name for table in TABLES for column in table.described if column.scored))
#: Every condition of a scope on a column.
CONDITIONS = tuple(
    Condition(column, one, frozenset(table.kind for table in TABLES if column in table.described))
    for column in dict.fromkeys(column for table in TABLES for column in table.described)
    for one in column.filters
)


def item_parts(table: RecallTable) -> dict[str, str]:
    """Return what ``items`` is filled with for a table; ``{columns}`` in the same order for both tables."""
    return {"kind": table.kind, **_parts(table, RETURNED)}


def feature_parts(table: RecallTable) -> dict[str, str]:
    """Return what ``recall_features`` is filled with for a table, besides what is asked."""
    return {"talk": "true" if table.kind == "message" else "false", **_parts(table, SCORED)}


def held_parts(table: RecallTable) -> dict[str, str]:
    """Return what ``held_rows`` is filled with for a table, besides what is asked."""
    return {"kind": table.kind, "expires": table.expires, **_parts(table, SCORED)}


def _parts(table: RecallTable, columns: Iterable[str]) -> dict[str, str]:
    people = {name: table.columns[name] for name in ("sender", "speaker_agent", "heard")}
    return {"table": table.name, "columns": lines(named(table.columns[name], name) for name in columns), **people}


require_same(
    "NewMemory",
    NewMemory.model_fields,
    (column.name for column in COLUMNS if column.origin is Origin.REQUEST),
    ("user", "agent", "team", "conversation", "at", "language"),
)
require_same(
    "Update",
    Update.model_fields,
    (column.name for column in COLUMNS if column.updatable),
    ("id", "content", "at", "reason", "expected_version"),
)
require_same(
    "Item",
    Item.model_fields,
    RETURNED,
    ("id", "kind", "user", "agent", "conversation", "at", "recorded_at"),
)
require_same(
    "Scope",
    Scope.model_fields,
    (one.filter.field for one in CONDITIONS),
    ("user", "agent", "said_by", "conversation", "team", "kinds", "since", "until", "as_of", "valid_at"),
)
require_same("MemoryORM", MemoryORM.__table__.columns.keys(), (c.name for c in COLUMNS), ("organization_id",))
