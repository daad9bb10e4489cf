-- Writes measured runs, one array a column; returns their ids.
INSERT INTO pattern_metrics (
  organization_id, pattern_id, agent_id, execution_time_ms, success, error_type, created_at
)
SELECT $1, n.pattern_id, n.agent_id, n.execution_time_ms, n.success, n.error_type, coalesce(n.at, now())
FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::boolean[], $6::text[], $7::timestamptz[])
  AS n(pattern_id, agent_id, execution_time_ms, success, error_type, at)
RETURNING id
