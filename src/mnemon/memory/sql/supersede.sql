-- Writes the memory that corrects another, in parts if $8 names the first; of the columns that it inherits, what is not
-- said anew is taken over. Index: pk_memories.
INSERT INTO memories (
  organization_id, id, content, occurred_at, embedding, embedding_status, embedding_model, embedding_updated_at,
  whole_id, part, parts,
  {columns}
)
SELECT m.organization_id, n.id, n.content, $5, n.embedding, CASE WHEN n.embedding IS NULL THEN 'empty' ELSE 'ready' END,
  CASE WHEN n.embedding IS NOT NULL THEN $7::text END, CASE WHEN n.embedding IS NULL THEN NULL ELSE now() END,
  $8::uuid, CASE WHEN $8::uuid IS NOT NULL THEN n.part END, CASE WHEN $8::uuid IS NOT NULL THEN cardinality($3::uuid[]) END,
  {values}
FROM memories m
CROSS JOIN unnest($3::uuid[], $4::text[], $6::halfvec[]) WITH ORDINALITY AS n(id, content, embedding, part)
WHERE m.organization_id = $1 AND m.id = $2
