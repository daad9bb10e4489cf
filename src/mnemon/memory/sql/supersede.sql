-- Writes the memory that corrects another; of the columns that it inherits, what is not said anew is taken over.
-- Index: pk_memories.
INSERT INTO memories (
  organization_id, id, content, occurred_at, embedding, embedding_status, embedding_model, embedding_updated_at,
  {columns}
)
SELECT m.organization_id, $3, $4, $5, $6::halfvec, CASE WHEN $6::halfvec IS NULL THEN 'empty' ELSE 'ready' END,
  $7::text, CASE WHEN $6::halfvec IS NULL THEN NULL ELSE now() END,
  {values}
FROM memories m WHERE m.organization_id = $1 AND m.id = $2
