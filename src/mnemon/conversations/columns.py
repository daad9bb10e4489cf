"""The columns of messages: all that the statements need to know of each."""

from __future__ import annotations

from mnemon.conversations.models import MessageORM
from mnemon.conversations.schemas import NewMessage
from mnemon.conversations.visibility import OWNER
from mnemon.db.columns import Column, Insert, Origin, read_as, require_same
from mnemon.db.recallable import SHARED, RecallTable

COLUMNS = (
    *SHARED,
    Column("role", "message_role", returned=True, elsewhere=None),
    Column("model", "text", returned=True, elsewhere=None),
    Column("token_count", "integer"),
    Column("tool_calls", "jsonb", returned=True, elsewhere=None),
    Column("tool_results", "jsonb", returned=True, elsewhere=None),
    Column("conversation_id", "uuid", Origin.WRITER),
    Column("sender_id", "uuid", Origin.WRITER),
    Column("speaker", "text", Origin.WRITER, returned=True, elsewhere=None),
    Column("follows_question", "boolean", Origin.WRITER),
    Column("ordinal", "bigint", Origin.WRITER),
    Column("content_type", "text", Origin.DATABASE),
    Column("feedback_rating", "text", Origin.DATABASE, returned=True, elsewhere=None),
    Column("feedback_comment", "text", Origin.DATABASE, returned=True, elsewhere=None),
    Column("status", "text", Origin.DATABASE),
    Column("is_edited", "boolean", Origin.DATABASE),
    Column("edited_at", "timestamptz", Origin.DATABASE),
)

#: What recall needs to know to search messages.
MESSAGES = RecallTable(
    name="messages",
    kind="message",
    described=COLUMNS,
    columns=read_as(COLUMNS)
    | {
        "sender": "t.sender_id",
        "speaker_agent": "CASE WHEN t.role = 'assistant' THEN t.agent_id END",
        "heard": "coalesce(t.sender_id, md5(t.speaker)::uuid)",
    },
    alive="true",
    expires="NULL::timestamptz",
    owner=OWNER["message"],
)

#: What ``add_messages`` writes; $1 is the organisation, $2 the embedder.
INSERT = Insert(COLUMNS, first=3)

#: Fields of a message that become no column of their own: the writer finds out what they stand for.
_NAMED = ("conversation", "conversation_title", "speaker", "sender", "user", "agent", "team", "at", "session")

require_same(
    "NewMessage",
    NewMessage.model_fields,
    (column.name for column in COLUMNS if column.origin is Origin.REQUEST),
    (*_NAMED, "language"),
)
require_same(
    "MessageORM", MessageORM.__table__.columns.keys(), (column.name for column in COLUMNS), ("organization_id",)
)
