"""Routes of memory: remember, recall, search, list, correct, forget, and facts."""

from mnemon.doors.routes.table import Route

ROUTES = (
    Route("memory.remember", "POST", "/memories", 201),
    Route("memory.list_items", "GET", "/memories"),
    Route("memory.get", "GET", "/memories/{item_id}"),
    Route("memory.read", "GET", "/memories/{item_id}/text"),
    Route("memory.update", "PATCH", "/memories/{id}"),
    Route("memory.history", "GET", "/memories/{memory_id}/history"),
    Route("memory.reconstruct", "GET", "/memories/{memory_id}/reconstructed"),
    Route("memory.search", "POST", "/search"),
    Route("memory.recall", "POST", "/recall"),
    Route("memory.forget", "POST", "/forget"),
    Route("memory.rate", "PUT", "/messages/{message_id}/rating"),
    Route("memory.note_use", "PUT", "/messages/{message_id}/uses"),
    Route("memory.usage_of", "GET", "/uses"),
    Route("memory.maintain", "POST", "/maintenance"),
    Route("memory.assert_fact", "POST", "/facts"),
    Route("memory.facts_at", "GET", "/facts"),
    Route("memory.history_of", "GET", "/facts/history"),
    Route("memory.retract_fact", "POST", "/facts/{id}/retract"),
)
