-- Notes uses of patterns, one array a column, of those that are alive; count_pattern_usage() counts them. Index:
-- pk_patterns.
INSERT INTO pattern_usage (organization_id, pattern_id, agent_id, success, context, timestamp)
SELECT $1, p.id, n.agent_id, n.success, n.context::jsonb, coalesce(n.at, now())
FROM unnest($2::uuid[], $3::uuid[], $4::boolean[], $5::text[], $6::timestamptz[])
  AS n(pattern_id, agent_id, success, context, at)
CROSS JOIN LATERAL (
  SELECT id FROM patterns WHERE organization_id = $1 AND id = n.pattern_id AND deleted_at IS NULL LIMIT 1
) p
