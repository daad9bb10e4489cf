-- How patterns did over all time, as of the last refresh, most runs first.
-- Index: ix_pattern_effectiveness_totals_runs.
SELECT s.pattern_id, s.type, s.name, s.runs, s.successes, s.success_rate, s.mean_ms, s.p95_ms, s.uses, s.helped,
  s.last_run_at, s.last_used_at
FROM pattern_effectiveness s
WHERE s.organization_id = $1
ORDER BY s.runs DESC, s.pattern_id
LIMIT $2
