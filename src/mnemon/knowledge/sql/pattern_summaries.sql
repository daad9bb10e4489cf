-- How patterns did over all time, as of the last refresh, most runs first.
-- Index (inside the function): ix_pattern_effectiveness_totals_runs.
SELECT s.pattern_id, s.type, s.name, s.runs, s.successes, s.success_rate, s.mean_ms, s.p95_ms, s.uses, s.helped,
  s.last_run_at, s.last_used_at
FROM top_patterns($1, $2) s
