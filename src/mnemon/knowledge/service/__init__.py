"""The verbs of knowledge."""

from mnemon.knowledge.service.items import (
    add_knowledge,
    delete_knowledge,
    get_knowledge,
    knowledge_summaries,
    knowledge_usage,
    record_knowledge_use,
    search_knowledge,
    update_knowledge,
)
from mnemon.knowledge.service.learning import (
    finish_learning,
    get_learning_session,
    learning_sessions,
    start_learning,
)
from mnemon.knowledge.service.maintain import (
    count_pattern_uses,
    recompute_pattern_accuracy,
    refresh_knowledge_summaries,
)
from mnemon.knowledge.service.patterns import (
    add_pattern,
    delete_pattern,
    find_patterns,
    get_pattern,
    pattern_effectiveness,
    pattern_summaries,
    record_pattern_metrics,
    record_pattern_use,
    record_pattern_uses,
    update_pattern,
)
from mnemon.knowledge.service.transfers import finish_transfer, transfer_knowledge, transfers_of

__all__ = [
    "add_knowledge",
    "add_pattern",
    "count_pattern_uses",
    "delete_knowledge",
    "delete_pattern",
    "find_patterns",
    "finish_learning",
    "finish_transfer",
    "get_knowledge",
    "get_learning_session",
    "get_pattern",
    "knowledge_summaries",
    "knowledge_usage",
    "learning_sessions",
    "pattern_effectiveness",
    "pattern_summaries",
    "recompute_pattern_accuracy",
    "record_knowledge_use",
    "record_pattern_metrics",
    "record_pattern_use",
    "record_pattern_uses",
    "refresh_knowledge_summaries",
    "search_knowledge",
    "start_learning",
    "transfer_knowledge",
    "transfers_of",
    "update_knowledge",
    "update_pattern",
]
