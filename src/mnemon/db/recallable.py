"""What makes a table one that recall can search: the columns it shares with others, and their indexes.

Two tables have them, messages (episodes) and memories. Recall's statements are written once and filled with the
table's name, so that both are searched, scored and explained in the same way.

The ordinal is recall's own address of a row: the number of its session in the upper bits and its place in the session
in the lower 16. Neighbours in talk are neighbours in number, no two sessions touch, and one bigint per posting is all
that the lexical signals need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Index,
    Integer,
    Sequence,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from mnemon.db.base import Base, belongs_to
from mnemon.db.columns import Column, Compare, Filter, Missing, Origin
from mnemon.db.types import DEFAULT_DIMENSIONS, Embedding

#: Messages that one session can hold: the lower bits of an ordinal.
SESSION_BITS = 16
PLACE_MASK = (1 << SESSION_BITS) - 1
CONTENT_LIMIT = 50_000

#: One for the whole installation, so that no row has to be locked for a number. It tells sessions of one organisation
#: apart, so it may begin anew: there is no end that anybody could push it to.
SESSION_NUMBERS = Sequence(
    "session_numbers",
    metadata=Base.metadata,
    data_type=BigInteger,
    maxvalue=2 ** (63 - SESSION_BITS) - 1,
    cycle=True,
)


@dataclass(frozen=True, slots=True)
class RecallTable:
    """A table that recall searches.

    Attributes:
        name: the table.
        kind: what one row is to a caller: ``message`` or ``memory``.
        described: its columns.
        columns: expressions (alias ``t``) for its columns, and for what recall knows under other names.
        alive: predicate (alias ``t``) over what makes a row of this table current.
        expires: expression (alias ``t``) of the moment from which a row is no longer current by itself; null: never.
        owner: predicate (alias ``t``) that a row belongs to the user in ``{user}``.
    """

    name: str
    kind: str
    described: tuple[Column, ...]
    columns: Mapping[str, str]
    alive: str
    expires: str
    owner: str

    def beside(self, other: RecallTable) -> RecallTable:
        """Return the same table as it is read together with another: constants stand for the other's columns."""
        own = {column.name for column in self.described if column.returned or column.elsewhere is not Missing.VALUE}
        constants = {
            column.name: column.constant
            for column in other.described
            if column.elsewhere is not Missing.VALUE and column.name not in own
        }
        return replace(self, columns={**self.columns, **constants})


#: The columns of :class:`Recallable`, which each table's own follow.
SHARED = (
    Column("id", "uuid", Origin.WRITER),
    Column("user_id", "uuid", Origin.WRITER, inherited=True),
    Column("team_id", "uuid", Origin.WRITER, inherited=True),
    Column("agent_id", "uuid", Origin.WRITER, inherited=True),
    Column("content", "text", returned=True),
    Column(
        "tags",
        "text[]",
        updatable=True,
        returned=True,
        filters=(Filter("tags", Compare.HAS_ALL), Filter("tags_any", Compare.HAS_ANY)),
    ),
    Column("metadata", "jsonb", updatable=True, returned=True, filters=(Filter("metadata", Compare.HAS_ALL),)),
    Column("language", "text", Origin.WRITER, inherited=True, returned=True),
    Column("source", "text", inherited=True, returned=True),
    Column("source_id", "text", returned=True),
    Column(
        "whole_id",
        "uuid",
        Origin.WRITER,
        returned=True,
        scored=True,
        filters=(Filter("part_of", Compare.EQUALS),),
    ),
    Column("part", "integer", Origin.WRITER, returned=True),
    Column("parts", "integer", Origin.WRITER, returned=True),
    Column("occurred_at", "timestamptz", Origin.WRITER),
    Column("embedding", "halfvec", Origin.WRITER),
    Column("created_at", "timestamptz", Origin.DATABASE),
    Column("deleted_at", "timestamptz", Origin.DATABASE, returned=True),
    Column("embedding_status", "text", Origin.DATABASE),
    Column("embedding_model", "text", Origin.DATABASE),
    Column("is_indexed", "boolean", Origin.DATABASE),
    Column("search_vector", "tsvector", Origin.DATABASE),
    Column("changed", "bigint", Origin.DATABASE),
)


class Recallable:
    """Columns of a table that recall can search."""

    user_id: Mapped[UUID | None] = mapped_column(comment="Whose memory it is")
    team_id: Mapped[UUID | None] = mapped_column(comment="The team that shares it, if one")
    agent_id: Mapped[UUID | None] = mapped_column(comment="The agent that said it or keeps it")
    content: Mapped[str] = mapped_column(Text, comment="The text, at most 50,000 characters")
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    metadata_: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb"), comment="What the caller attached"
    )
    source: Mapped[str] = mapped_column(String(50), server_default="api", comment="Where it came from (000)")
    source_id: Mapped[str | None] = mapped_column(
        String(255), comment="Its id there; the same source and id is stored once"
    )
    occurred_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When it was said or true, in the world"
    )
    created_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When it was recorded: the axis of as_of"
    )
    deleted_at: Mapped[datetime | None] = mapped_column(comment="When it was forgotten; null: alive")
    ordinal: Mapped[int] = mapped_column(
        BigInteger,
        server_default=text(f"(nextval('session_numbers') << {SESSION_BITS})"),
        comment=f"Recall's address: session number << {SESSION_BITS} | place in the session",
    )
    embedding: Mapped[Any | None] = mapped_column(
        Embedding(DEFAULT_DIMENSIONS), comment="Null: not embedded yet, or a text without known words"
    )
    embedding_status: Mapped[str] = mapped_column(
        String(20), server_default="pending", comment="pending, ready, empty or failed"
    )
    embedding_model: Mapped[str | None] = mapped_column(String(200))
    is_indexed: Mapped[bool] = mapped_column(
        Boolean,
        server_default=text("false"),
        comment="In the vector index and in the term statistics; turned true off the writer's path",
    )
    language: Mapped[str | None] = mapped_column(
        String(8), comment="ISO 639 code of what it is written in; null: not known"
    )
    search_vector: Mapped[Any] = mapped_column(TSVECTOR, Computed("words_of(content, language)", persisted=True))
    whole_id: Mapped[UUID | None] = mapped_column(
        comment="The text that it is a part of, by the id of the first part; null: it is the whole"
    )
    part: Mapped[int | None] = mapped_column(Integer, comment="Which part of the text it is, from 1")
    parts: Mapped[int | None] = mapped_column(Integer, comment="How many parts the text has; joined they are the text")
    changed: Mapped[int | None] = mapped_column(
        BigInteger,
        server_default=text("(pg_current_xact_id())::text::bigint"),
        comment="The transaction that last changed what recall reads of it",
    )


def recallable_args(table: str) -> tuple[Any, ...]:
    """Constraints and indexes that every recallable table has."""
    return (
        belongs_to(table, "whole_id", ondelete="CASCADE"),
        CheckConstraint(f"char_length(content) <= {CONTENT_LIMIT}", name="content_length"),
        CheckConstraint("content ~ '[^[:space:]]' OR whole_id IS NOT NULL", name="content_not_blank"),
        CheckConstraint("num_nonnulls(whole_id, part, parts) IN (0, 3)", name="part_of_whole"),
        CheckConstraint("part BETWEEN 1 AND parts AND parts > 1 AND (part = 1) = (whole_id = id)", name="part"),
        CheckConstraint("embedding_status IN ('pending', 'ready', 'empty', 'failed')", name="embedding_status"),
        UniqueConstraint("organization_id", "ordinal"),
        Index(
            f"uq_{table}_source",
            "organization_id",
            "source",
            "source_id",
            unique=True,
            postgresql_where=text("source_id IS NOT NULL"),
        ),
        Index(f"ix_{table}_user", "organization_id", "user_id", text("occurred_at DESC")),
        Index(f"ix_{table}_agent", "organization_id", "agent_id", text("occurred_at DESC")),
        Index(f"ix_{table}_occurred", "organization_id", text("occurred_at DESC"), text("id DESC")),
        Index(f"ix_{table}_tail", "organization_id", "ordinal", postgresql_where=text("NOT is_indexed")),
        Index(f"ix_{table}_tags", "tags", postgresql_using="gin"),
        Index(
            f"ix_{table}_whole",
            "organization_id",
            "whole_id",
            "part",
            postgresql_where=text("whole_id IS NOT NULL"),
        ),
        Index(f"ix_{table}_changed", "organization_id", "changed"),
    )
