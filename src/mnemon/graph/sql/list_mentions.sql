-- Mentions of an entity ($2) or in a source ($3, $4) whose entity and whose source may be seen, newest first, after the
-- place ($5, $6); what is not asked for is null. Indexes: ix_entity_mentions_entity, ix_entity_mentions_source,
-- pk_entities.
SELECT m.id, m.entity_id, m.source_type, m.source_id, m.context, m.position, m.created_at
FROM entity_mentions m
WHERE m.organization_id = $1 AND ($2::uuid IS NULL OR m.entity_id = $2)
  AND ($3::text IS NULL OR m.source_type = $3 AND m.source_id = $4::uuid) AND {seen}
  AND ($5::timestamptz IS NULL OR (m.created_at, m.id) < ($5, $6::uuid))
ORDER BY m.created_at DESC, m.id DESC
LIMIT $7
