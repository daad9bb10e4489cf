-- Patterns of a type with at least an accuracy, most used first. Index: ix_patterns_type with a type, else
-- ix_patterns_usage.
SELECT p.id, p.type, p.name, p.pattern_data::text AS pattern_data, p.accuracy, p.usage_count,
  p.metadata::text AS metadata, p.version, p.created_at, p.updated_at
FROM patterns p
WHERE p.organization_id = $1 AND p.deleted_at IS NULL
  AND ($2::text IS NULL OR p.type = $2)
  AND ($3::numeric IS NULL OR p.accuracy >= $3)
ORDER BY p.usage_count DESC, p.id
LIMIT $4
