-- Living entities by a name or an alias, in any case of letters: a person's own before the organisation's, those of the
-- name before those of the alias, then the most mentioned. $3: the one person whose entities are seen beside the
-- organisation's, null for everybody's. Index: pk_entity_names, then pk_entities.
SELECT e.id, e.user_id, e.entity_type, e.name, e.aliases, e.description, e.metadata::text AS metadata, e.mention_count,
  e.first_seen_at, e.last_seen_at, e.version
FROM entity_names n
JOIN entities e ON e.organization_id = $1 AND e.id = n.entity_id
WHERE n.organization_id = $1 AND n.name = lower($2::text) AND e.deleted_at IS NULL
  AND ($3::uuid IS NULL OR e.user_id IS NULL OR e.user_id = $3) AND ($4::text IS NULL OR e.entity_type = $4)
ORDER BY e.user_id IS NULL, e.name_key <> lower($2::text), e.mention_count DESC, e.id
LIMIT $5
