-- A page of learning sessions, newest first, after the place ($5, $6): of the agent $2, from the domain $3, to the domain
-- $4. Indexes: ix_learning_sessions_agent, ix_learning_sessions_domains, ix_learning_sessions_started.
SELECT s.id, s.agent_id, s.source_domain, s.target_domain, s.transfer_mode, s.session_metrics::text AS session_metrics,
  s.improvement_score, s.started_at, s.completed_at, s.version
FROM learning_sessions s
WHERE s.organization_id = $1 AND s.deleted_at IS NULL
  AND ($2::uuid IS NULL OR s.agent_id = $2)
  AND ($3::text IS NULL OR s.source_domain = $3)
  AND ($4::text IS NULL OR s.target_domain = $4)
  AND ($5::timestamptz IS NULL OR (s.started_at, s.id) < ($5, $6::uuid))
ORDER BY s.started_at DESC, s.id DESC
LIMIT $7
