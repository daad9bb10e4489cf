-- Entities by id, merged ones included, with what they were merged into. Index: pk_entities.
SELECT id, user_id, entity_type, name, aliases, description, metadata::text AS metadata, mention_count, first_seen_at,
  last_seen_at, version, merged_into, deleted_at
FROM entities WHERE organization_id = $1 AND id = ANY($2::uuid[])
ORDER BY id
