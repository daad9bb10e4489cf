-- Locks conversations in the order of their ids and returns each with its last session.
-- Indexes: uq_conversations_organization_id_external_id, ix_conversation_sessions_conversation.
WITH locked AS MATERIALIZED (
  SELECT id, external_id FROM conversations
  WHERE organization_id = $1 AND external_id = ANY($2::text[])
  ORDER BY id FOR NO KEY UPDATE
)
SELECT c.id, c.external_id, s.number, s.label, s.started_at, s.ended_at, s.message_count, s.ends_with_question
FROM locked c
LEFT JOIN LATERAL (
  SELECT * FROM conversation_sessions s
  WHERE s.organization_id = $1 AND s.conversation_id = c.id
  ORDER BY s.number DESC LIMIT 1
) s ON true
