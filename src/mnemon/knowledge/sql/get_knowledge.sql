-- One item by its id, if it is alive. Index: pk_knowledge_items.
SELECT t.id, t.domain, t.content::text AS content, t.source_agent_id, t.confidence, t.tags, t.version, t.created_at,
  t.updated_at
FROM knowledge_items t
WHERE t.organization_id = $1 AND t.id = $2 AND t.deleted_at IS NULL
