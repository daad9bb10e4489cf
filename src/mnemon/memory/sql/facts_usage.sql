-- Uses of memories in answers. Indexes: uq_message_memory_usage_memory_id, ix_message_memory_usage_memory.
SELECT u.message_id, u.memory_id, u.relevance_score, u.rank, u.signals::text AS signals, u.created_at
FROM message_memory_usage u
WHERE u.organization_id = $1 AND {which}
ORDER BY {order}, u.id
LIMIT $3
