"""Memories, and recall over everything remembered.

Tables: memories, memory_log, recall_terms, recall_statistics.
For imports: prepare and write, the halves of remember; for the library: AccessCounter.
"""
