"""Conversations and what was said in them: the episodes of memory.

Tables: conversations, conversation_participants, conversation_sessions, messages, import_checkpoints.
For other domains: ensure_conversations, write_messages, checkpoints.
What was said is remembered, recalled and forgotten by the verbs of memory.
"""
