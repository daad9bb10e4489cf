-- What was said in a conversation, counted: by role, by people, in time. Forgotten messages are not counted, and of a
-- text in parts the first one alone.
-- Indexes: pk_conversations, ix_messages_conversation, ix_conversation_sessions_conversation and the participants' key.
SELECT c.id AS conversation_id, m.*,
  (SELECT count(*) FROM conversation_participants p
   WHERE p.organization_id = $1 AND p.conversation_id = c.id) AS participants,
  (SELECT count(*) FROM conversation_sessions s
   WHERE s.organization_id = $1 AND s.conversation_id = c.id) AS sessions
FROM conversations c
CROSS JOIN LATERAL (
  SELECT count(*) AS messages,
    count(*) FILTER (WHERE t.role = 'user') AS by_user,
    count(*) FILTER (WHERE t.role = 'assistant') AS by_assistant,
    count(*) FILTER (WHERE t.role IN ('system', 'tool')) AS by_others,
    count(DISTINCT coalesce(t.sender_id, md5(t.speaker)::uuid, t.agent_id)) AS speakers,
    coalesce(sum(t.token_count) FILTER (WHERE t.role <> 'assistant'), 0)::bigint AS input_tokens,
    coalesce(sum(t.token_count) FILTER (WHERE t.role = 'assistant'), 0)::bigint AS output_tokens,
    count(*) FILTER (WHERE t.feedback_rating = 'positive') AS rated_positive,
    count(*) FILTER (WHERE t.feedback_rating = 'negative') AS rated_negative,
    min(t.occurred_at) AS first_message_at, max(t.occurred_at) AS last_message_at
  FROM messages t
  WHERE t.organization_id = $1 AND t.conversation_id = c.id AND t.deleted_at IS NULL AND coalesce(t.part, 1) = 1
) m
WHERE c.organization_id = $1 AND c.id = $2 AND c.deleted_at IS NULL
