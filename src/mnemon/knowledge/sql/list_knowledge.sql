-- A page of items, newest first, after the place ($7, $8). What a parameter does not ask for is null, and with custom
-- plans its condition is gone. Index: ix_knowledge_items_created, or ix_knowledge_items_domain for a small domain.
SELECT t.id, t.domain, t.content::text AS content, t.source_agent_id, t.confidence, t.tags, t.version, t.created_at,
  t.updated_at, 0::float8 AS rank
FROM knowledge_items t
WHERE t.organization_id = $1 AND t.deleted_at IS NULL
  AND ($2::text IS NULL OR t.domain = $2)
  AND ($3::uuid IS NULL OR t.source_agent_id = $3)
  AND ($4::text[] IS NULL OR t.tags @> $4)
  AND ($5::text[] IS NULL OR t.tags && $5)
  AND ($6::numeric IS NULL OR t.confidence >= $6)
  AND ($7::timestamptz IS NULL OR (t.created_at, t.id) < ($7, $8::uuid))
ORDER BY t.created_at DESC, t.id DESC
LIMIT $9
