-- Writes memories, one array a column (memory/columns.py has them), and returns the ids of those that were new: the same
-- source and source id is stored once. Index: uq_memories_source.
INSERT INTO memories (
  organization_id, embedding_status, embedding_model, embedding_updated_at,
  {columns}
)
SELECT $1, CASE WHEN n.embedding IS NULL THEN 'empty' ELSE 'ready' END,
  CASE WHEN n.embedding IS NOT NULL THEN $2::text END, CASE WHEN n.embedding IS NOT NULL THEN now() END,
  {values}
FROM unnest(
  {arrays}
) AS n(
  {columns}
)
ON CONFLICT (organization_id, source, source_id) WHERE source_id IS NOT NULL DO NOTHING
RETURNING id
