"""Conversations and what was said in them: the episodes of memory.

Tables: conversations, conversation_participants, conversation_sessions, messages, import_checkpoints.
Verbs: ensure_conversations, remember_messages, list_messages, get_message, forget_messages, checkpoints.
"""
