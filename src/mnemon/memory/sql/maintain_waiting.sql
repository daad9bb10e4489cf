-- How many rows wait for the indexes, counted to a bound, and how many are in them.
-- Indexes: ix_messages_tail, ix_memories_tail, pk_recall_statistics.
SELECT
  (SELECT count(*) FROM (SELECT FROM messages WHERE organization_id = $1 AND NOT is_indexed LIMIT $2) a)
  + (SELECT count(*) FROM (SELECT FROM memories WHERE organization_id = $1 AND NOT is_indexed LIMIT $2) b) AS waiting,
  coalesce((SELECT indexed FROM recall_statistics WHERE organization_id = $1), 0) AS indexed
