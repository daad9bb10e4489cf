"""What agents have learnt: knowledge, patterns, learning sessions and their measurements.

Tables: knowledge_items, knowledge_transfers, patterns, pattern_metrics, pattern_usage,
knowledge_metrics, learning_sessions.
Verbs: add_knowledge, get_knowledge, search_knowledge, update_knowledge, delete_knowledge, record_knowledge_use,
knowledge_usage, knowledge_summaries; transfer_knowledge, finish_transfer, transfers_of; add_pattern, get_pattern,
find_patterns, update_pattern, delete_pattern, record_pattern_use, record_pattern_uses, record_pattern_metrics,
pattern_effectiveness, pattern_summaries; start_learning, finish_learning, get_learning_session,
learning_sessions; count_pattern_uses, recompute_pattern_accuracy, refresh_knowledge_summaries.
"""
