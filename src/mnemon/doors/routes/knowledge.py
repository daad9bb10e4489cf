"""Routes of knowledge: what agents know, patterns, learning."""

from mnemon.doors.routes.table import Route

ROUTES = (
    Route("knowledge.add_knowledge", "POST", "/knowledge", 201),
    Route("knowledge.search_knowledge", "GET", "/knowledge"),
    Route("knowledge.get_knowledge", "GET", "/knowledge/{knowledge_id}"),
    Route("knowledge.update_knowledge", "PATCH", "/knowledge/{id}"),
    Route("knowledge.delete_knowledge", "DELETE", "/knowledge/{id}", 204),
    Route("knowledge.knowledge_summaries", "GET", "/knowledge/summaries"),
    Route("knowledge.knowledge_usage", "GET", "/knowledge/usage"),
    Route("knowledge.record_knowledge_use", "POST", "/knowledge/uses"),
    Route("knowledge.transfer_knowledge", "POST", "/transfers", 201),
    Route("knowledge.transfers_of", "GET", "/transfers"),
    Route("knowledge.finish_transfer", "POST", "/transfers/{id}/finish"),
    Route("knowledge.add_pattern", "POST", "/patterns", 201),
    Route("knowledge.find_patterns", "GET", "/patterns"),
    Route("knowledge.get_pattern", "GET", "/patterns/{pattern_id}"),
    Route("knowledge.update_pattern", "PATCH", "/patterns/{id}"),
    Route("knowledge.delete_pattern", "DELETE", "/patterns/{pattern_id}", 204),
    Route("knowledge.pattern_summaries", "GET", "/patterns/summaries"),
    Route("knowledge.pattern_effectiveness", "GET", "/patterns/{pattern_id}/effectiveness"),
    Route("knowledge.record_pattern_use", "POST", "/patterns/{pattern_id}/uses"),
    Route("knowledge.record_pattern_uses", "POST", "/patterns/uses"),
    Route("knowledge.count_pattern_uses", "POST", "/patterns/uses/count"),
    Route("knowledge.record_pattern_metrics", "POST", "/patterns/runs"),
    Route("knowledge.recompute_pattern_accuracy", "POST", "/patterns/accuracy"),
    Route("knowledge.start_learning", "POST", "/learning-sessions", 201),
    Route("knowledge.learning_sessions", "GET", "/learning-sessions"),
    Route("knowledge.get_learning_session", "GET", "/learning-sessions/{session_id}"),
    Route("knowledge.finish_learning", "POST", "/learning-sessions/{id}/finish"),
)
