"""What agents have learnt: knowledge, patterns, learning sessions and their measurements.

Tables: knowledge_items, knowledge_transfers, patterns, pattern_metrics, pattern_usage,
knowledge_metrics, learning_sessions.
"""
