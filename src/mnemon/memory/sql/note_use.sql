-- Notes which messages and memories an answer was given; said again, it replaces what was said of each, and what is not
-- said stays. Index: uq_message_memory_usage_used.
INSERT INTO message_memory_usage AS u
  (organization_id, message_id, memory_id, used_message_id, relevance_score, rank, signals, helpful)
SELECT $1, $2, n.memory_id, n.used_message_id, n.score, n.rank, n.signals::jsonb, $8::boolean
FROM unnest($3::uuid[], $4::uuid[], $5::float8[], $6::int[], $7::text[])
  AS n(memory_id, used_message_id, score, rank, signals)
ON CONFLICT (organization_id, message_id, memory_id, used_message_id) DO UPDATE
SET relevance_score = coalesce(excluded.relevance_score, u.relevance_score), rank = coalesce(excluded.rank, u.rank),
  signals = CASE WHEN excluded.signals = '{}' THEN u.signals ELSE excluded.signals END,
  helpful = coalesce(excluded.helpful, u.helpful)
RETURNING id
