-- One pattern by its id, if it is alive. Index: pk_patterns.
SELECT p.id, p.type, p.name, p.pattern_data::text AS pattern_data, p.accuracy, p.usage_count,
  p.metadata::text AS metadata, p.version, p.created_at, p.updated_at
FROM patterns p
WHERE p.organization_id = $1 AND p.id = $2 AND p.deleted_at IS NULL
