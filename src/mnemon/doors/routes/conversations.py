"""Routes of conversations: talks, and what was said in them."""

from mnemon.doors.routes.table import Route

ROUTES = (
    Route("conversations.create_conversation", "POST", "/conversations", 201),
    Route("conversations.list_conversations", "GET", "/conversations"),
    Route("conversations.get_conversation", "GET", "/conversations/{conversation_id}"),
    Route("conversations.update_conversation", "PATCH", "/conversations/{conversation_id}"),
    Route("conversations.delete_conversation", "DELETE", "/conversations/{conversation_id}"),
    Route("conversations.archive_conversation", "POST", "/conversations/{conversation_id}/archive"),
    Route("conversations.conversation_statistics", "GET", "/conversations/{conversation_id}/statistics"),
    Route("conversations.search_messages", "POST", "/messages/search"),
    Route("conversations.checkpoints", "GET", "/imports/checkpoints"),
)
