-- The living entity of exactly this person (or of the organisation), type and name or alias, locked.
-- Index: pk_entity_names, then pk_entities.
SELECT e.id, e.aliases, e.name
FROM entity_names n
JOIN entities e ON e.organization_id = $1 AND e.id = n.entity_id
WHERE n.organization_id = $1 AND n.name = lower($4::text) AND e.deleted_at IS NULL
  AND e.user_id IS NOT DISTINCT FROM $2::uuid AND e.entity_type = $3
ORDER BY e.name_key <> lower($4::text), e.mention_count DESC, e.id
LIMIT 1
FOR UPDATE OF e
