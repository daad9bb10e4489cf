-- Uses of memories in answers, of an answer or of a memory ($2), after the place ($4, $5 and perhaps $6).
-- Indexes: uq_message_memory_usage_memory_id, ix_message_memory_usage_memory.
SELECT u.message_id, u.memory_id, u.relevance_score, u.rank, u.signals::text AS signals, u.created_at, u.id,
  COALESCE(u.rank, 2147483647) AS place, COALESCE(-u.relevance_score, 1) AS against
FROM message_memory_usage u
WHERE u.organization_id = $1 AND {which} AND {seen}
ORDER BY {order}
LIMIT $3
