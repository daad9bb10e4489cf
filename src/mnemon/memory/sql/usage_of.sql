-- Uses in answers, of an answer or of what was used ($2), after the place ($4, $5 and perhaps $6).
-- Indexes: uq_message_memory_usage_used, ix_message_memory_usage_memory, ix_message_memory_usage_message.
SELECT u.message_id, COALESCE(u.memory_id, u.used_message_id) AS used_id,
  CASE WHEN u.memory_id IS NULL THEN 'message' ELSE 'memory' END AS used_kind,
  u.relevance_score, u.rank, u.signals::text AS signals, u.helpful, u.created_at, u.id,
  COALESCE(u.rank, 2147483647) AS place, COALESCE(-u.relevance_score, 1) AS against
FROM message_memory_usage u
WHERE u.organization_id = $1 AND {which} AND {seen}
ORDER BY {order}
LIMIT $3
