"""The verbs of conversations, one file for each concern."""

from mnemon.conversations.schemas import WrittenMessage
from mnemon.conversations.service.lifecycle import (
    archive_conversation,
    create_conversation,
    delete_conversation,
    get_conversation,
    list_conversations,
    update_conversation,
)
from mnemon.conversations.service.messages import (
    Drafts,
    Names,
    checkpoints,
    draft,
    ensure_places,
    find_conversations,
    labels,
    recall_table,
    save_checkpoint,
    sender_of,
    write_messages,
)
from mnemon.conversations.service.searching import conversation_statistics, search_messages

__all__ = [
    "Drafts",
    "Names",
    "WrittenMessage",
    "archive_conversation",
    "checkpoints",
    "conversation_statistics",
    "create_conversation",
    "delete_conversation",
    "draft",
    "ensure_places",
    "find_conversations",
    "get_conversation",
    "labels",
    "list_conversations",
    "recall_table",
    "save_checkpoint",
    "search_messages",
    "sender_of",
    "update_conversation",
    "write_messages",
]
