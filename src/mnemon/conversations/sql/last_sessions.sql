-- The last session of each conversation. A statement of its own, after the lock was taken: one that waits for a lock
-- still sees the sessions as they were before it waited. Index: ix_conversation_sessions_conversation.
SELECT s.conversation_id, s.number, s.label, s.started_at, s.ended_at, s.message_count, s.ends_with_question
FROM unnest($2::uuid[]) AS c(id)
CROSS JOIN LATERAL (
  SELECT * FROM conversation_sessions s
  WHERE s.organization_id = $1 AND s.conversation_id = c.id
  ORDER BY s.number DESC LIMIT 1
) s
