-- One learning session by its id, if it is alive. Index: pk_learning_sessions.
SELECT s.id, s.agent_id, s.source_domain, s.target_domain, s.transfer_mode, s.session_metrics::text AS session_metrics,
  s.improvement_score, s.started_at, s.completed_at, s.version
FROM learning_sessions s
WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL
