"""What messages and memories have in common: what recall reads."""

from __future__ import annotations

from mnemon.migrations.tables import TableColumn, column, document, moment, tenanted


def recallable() -> tuple[TableColumn, ...]:
    """Describe the columns of what can be recalled."""
    return (
        *tenanted(),
        column("user_id", "uuid", "Whose memory it is", null=True),
        column("team_id", "uuid", "The team that shares it, if one", null=True),
        column("agent_id", "uuid", "The agent that said it or keeps it", null=True),
        column("content", "text", "The text, at most 50,000 characters"),
        column("tags", "text[]", default="'{}'"),
        document("metadata", "What the caller attached"),
        column("source", "varchar(50)", "Where it came from (000)", default="'api'"),
        column("source_id", "varchar(255)", "Its id there; the same source and id is stored once", null=True),
        moment("occurred_at", "When it was said or true, in the world", default="now()"),
        moment("created_at", "When it was recorded: the axis of as_of", default="now()"),
        moment("deleted_at", "When it was forgotten; null: alive", null=True),
        column(
            "ordinal",
            "bigint",
            "Recall's address: session number << 16 | place in the session",
            default="(nextval('session_numbers') << 16)",
        ),
        column(
            "embedding", "halfvec({dimensions})", "Null: not embedded yet, or a text without known words", null=True
        ),
        column("embedding_status", "varchar(20)", "pending, ready, empty or failed", default="'pending'"),
        column("embedding_model", "varchar(200)", null=True),
        column(
            "is_indexed",
            "boolean",
            "In the vector index and in the term statistics; turned true off the writer's path",
            default="false",
        ),
        column("search_vector", "tsvector", generated="to_tsvector('english'::regconfig, content)"),
    )
