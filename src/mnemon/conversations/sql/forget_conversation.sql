-- Forgets, softly, what was said in a conversation. Index: ix_messages_conversation.
UPDATE messages SET deleted_at = now()
WHERE organization_id = $1 AND conversation_id = $2 AND deleted_at IS NULL
