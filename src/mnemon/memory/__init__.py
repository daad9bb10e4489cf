"""Memories, and recall over everything remembered.

Tables: memories, memory_log, recall_terms, recall_statistics.
Verbs: remember, search, recall, get, list_items, update, forget, history, maintain.
"""
