-- How a pattern did from $3 up to $4: one row, with the failures by kind as JSON. Only the partitions of the window are
-- read. Index: ix_pattern_metrics_pattern.
WITH runs AS MATERIALIZED (
  SELECT m.execution_time_ms, m.success, m.error_type FROM pattern_metrics m
  WHERE m.organization_id = $1 AND m.pattern_id = $2 AND m.created_at >= $3 AND m.created_at < $4
), errors AS (
  SELECT coalesce(error_type, 'unknown') AS kind, count(*) AS times FROM runs WHERE NOT success GROUP BY 1
)
SELECT count(*) AS runs, count(*) FILTER (WHERE success) AS successes, avg(success::int)::float8 AS success_rate,
  avg(execution_time_ms)::float8 AS mean_ms,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY execution_time_ms) AS median_ms,
  percentile_cont(0.95) WITHIN GROUP (ORDER BY execution_time_ms) AS p95_ms,
  (SELECT coalesce(jsonb_object_agg(kind, times), '{}') FROM errors)::text AS errors
FROM runs
