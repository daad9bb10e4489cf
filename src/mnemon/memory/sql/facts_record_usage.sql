-- Notes which memories an answer was given; said again, the scores are replaced.
-- Index: uq_message_memory_usage_memory_id.
INSERT INTO message_memory_usage (organization_id, message_id, memory_id, relevance_score, rank, signals)
SELECT $1, $2, n.memory_id, n.score, n.rank, n.signals::jsonb
FROM unnest($3::uuid[], $4::float8[], $5::int[], $6::text[]) AS n(memory_id, score, rank, signals)
ON CONFLICT (organization_id, message_id, memory_id) DO UPDATE
SET relevance_score = excluded.relevance_score, rank = excluded.rank, signals = excluded.signals
RETURNING id
